"""The sessions of one subject: list them, end one, end all."""

import base64
from urllib.parse import quote

import pytest

from sojourn.testing import FakeClock
from tests.service.gateway import Gateway


def of(subject: str) -> str:
    """The query that names a subject."""
    return f"subject={quote(subject, safe='')}"


def ids(gateway: Gateway, subject: str) -> list[str]:
    """The ids of the subject's live sessions."""
    answer = gateway.send("GET", f"/sessions?{of(subject)}")
    return [session["id"] for session in answer.json()["sessions"]]


def three(gateway: Gateway, clock: FakeClock, subject: str = "ann") -> list[str]:
    """Three sessions of one subject, the newest first."""
    sessions = []
    for label in ("phone", "tablet", "laptop"):
        sessions.append(gateway.create(subject=subject, label=label)["id"])
        clock.advance(1)
    return sessions[::-1]


def test_a_list_shows_devices_and_neither_tokens_nor_documents(gateway: Gateway) -> None:
    """What "my devices" needs, and nothing that opens a session."""
    session = gateway.create({"secret": 1}, subject="ann", label="phone")
    answer = gateway.send("GET", "/sessions?subject=ann")
    shown = ("id", "label", "version", "created_at", "expires_at", "absolute_at")
    assert answer.json() == {"sessions": [{name: session[name] for name in shown}], "next": None}


def test_a_subject_without_sessions_has_an_empty_list(gateway: Gateway) -> None:
    """Whether there is such a subject is not ours to know."""
    answer = gateway.send("GET", "/sessions?subject=nobody")
    assert (answer.status, answer.json()) == (200, {"sessions": [], "next": None})


def test_a_list_holds_live_sessions_of_the_subject_alone_the_newest_first(gateway: Gateway, clock: FakeClock) -> None:
    """Neither others' sessions nor dead ones."""
    gateway.create(subject="ben")
    gateway.create(subject="ann", idle=1)
    clock.advance(1)
    expected = three(gateway, clock)
    assert ids(gateway, "ann") == expected


def test_pages_join_into_the_whole_list(gateway: Gateway, clock: FakeClock) -> None:
    """Each page says where the next one begins."""
    expected, seen, query = three(gateway, clock), [], "&limit=2"
    while query:
        page = gateway.send("GET", f"/sessions?subject=ann{query}").json()
        seen.append([session["id"] for session in page["sessions"]])
        query = f"&limit=2&after={page['next']}" if page["next"] else ""
    assert seen == [expected[:2], expected[2:]]


def test_a_cursor_names_neither_namespace_nor_subject(gateway: Gateway, clock: FakeClock) -> None:
    """What it could name, it could be made to name."""
    three(gateway, clock)
    cursor = gateway.send("GET", "/sessions?subject=ann&limit=1").json()["next"]
    text = base64.urlsafe_b64decode(cursor + "==").decode()
    assert "default" not in text
    assert "ann" not in text


def test_another_subjects_cursor_shows_nothing_of_the_other_subject(gateway: Gateway, clock: FakeClock) -> None:
    """The subject comes from its own parameter, whatever the cursor says."""
    three(gateway, clock, "ben")
    theirs = gateway.send("GET", "/sessions?subject=ben&limit=1").json()["next"]
    assert gateway.send("GET", f"/sessions?subject=ann&after={theirs}").json()["sessions"] == []


@pytest.mark.parametrize("cursor", ["", "x", "null", "eyJhIjoxfQ", quote("é"), "MTcwMDAwMDAwMC5hYg", "A" * 5000])
def test_a_cursor_that_was_never_given_is_malformed(gateway: Gateway, cursor: str) -> None:
    """Taken for absent, a list would begin again and never end."""
    answer = gateway.send("GET", f"/sessions?subject=ann&after={cursor}")
    assert (answer.status, answer.json()["parameter"]) == (400, "after")


@pytest.mark.parametrize(
    "limit", ["0", "101", "-1", "", "ten", "1.0", "+1", "%201", "1e1", "1_0", quote("٣"), "9" * 5000]
)
def test_a_limit_out_of_bounds_is_malformed(gateway: Gateway, limit: str) -> None:
    """One to a hundred, in plain digits."""
    answer = gateway.send("GET", f"/sessions?subject=ann&limit={limit}")
    assert (answer.status, answer.json()["parameter"]) == (400, "limit")


SUBJECTS = [
    "a/b",
    "a/sessions",
    "/",
    "..",
    "ann/sessions/x",
    "50%",
    "100%25",
    "%2F",
    "a&b",
    "&subject=ann",
    "a&keep=AAAAAAAAAAAA",
    "a=b",
    "a+b",
    "a b",
    "a,b",
    "a#b",
    "default#ann",
    "?",
    "a?subject=ann",
    ";",
    "zo\xeb",
    "\u674e\u6570",
    "\U0001f98a",
    '"ann"',
    "\\",
    "null",
    "x" * 512,
    "\xeb" * 256,
]


@pytest.mark.parametrize("subject", SUBJECTS)
def test_a_subject_may_hold_any_character(gateway: Gateway, subject: str) -> None:
    """Percent-encoded in the query, and never taken for another subject, parameter or route."""
    gateway.create(subject="ann")
    one, two = (gateway.create(subject=subject)["id"] for _ in range(2))
    assert set(ids(gateway, subject)) == {one, two}
    assert gateway.send("DELETE", f"/sessions/{one}?{of(subject)}").status == 204
    assert ids(gateway, subject) == [two]
    assert gateway.send("DELETE", f"/sessions?{of(subject)}").json() == {"expired": 1, "more": False}
    assert len(ids(gateway, "ann")) == 1


@pytest.mark.parametrize(
    ("query", "subject"),
    [
        ("subject=a+b", "a b"),
        ("subject=a%2Bb", "a+b"),
        ("subject=a%2bb", "a+b"),
        ("subject=%61nn", "ann"),
        ("%73ubject=ann", "ann"),
        ("subject=a=b", "a=b"),
        ("subject=a/b", "a/b"),
        ("subject=a?b", "a?b"),
        ("&subject=ann&", "ann"),
        ("subject=%2525", "%25"),
        ("subject=zo%C3%AB", "zo\xeb"),
        ("subject=zoe%CC%88", "zo\xeb"),
        ("subject=zo\xeb", "zo\xeb"),
    ],
)
def test_a_query_is_read_as_forms_are(gateway: Gateway, query: str, subject: str) -> None:
    """Decoded once, a plus sign being a space; and two spellings of one name are one subject."""
    session = gateway.create(subject=subject)["id"]
    answer = gateway.send("GET", f"/sessions?{query}")
    assert [found["id"] for found in answer.json()["sessions"]] == [session]


BAD_SUBJECTS = [
    "",
    "subject=",
    "subject",
    "subject=" + "x" * 513,
    "subject=" + quote("\xeb" * 257),
    "subject=ann&subject=ann",
    "subject=ann&subject=ben",
    "subject=ann&%73ubject=ben",
    "subject=ann%00",
    "subject=ann%0A",
    "subject=%C2%85ann",
    "subject=%E2%80%AEnna",
]


@pytest.mark.parametrize("path", ["GET /sessions", "DELETE /sessions", "DELETE /sessions/AAAAAAAAAAAA"])
@pytest.mark.parametrize("query", BAD_SUBJECTS)
def test_a_subject_that_no_session_can_have_is_malformed(gateway: Gateway, path: str, query: str) -> None:
    """None, an empty or long one, one given twice, one that does not show as it is: nothing is ended on a guess."""
    session = gateway.create(subject="ann")["id"]
    method, url = path.split()
    answer = gateway.send(method, f"{url}?{query}")
    assert (answer.status, answer.json()["parameter"]) == (400, "subject")
    assert ids(gateway, "ann") == [session]


@pytest.mark.parametrize("path", ["GET /sessions", "DELETE /sessions", "DELETE /sessions/AAAAAAAAAAAA"])
@pytest.mark.parametrize("query", ["subject=%FF", "subject=ann%", "subject=%zz", "subject=%C3"])
def test_a_subject_that_is_not_encoded_utf_8_is_malformed(gateway: Gateway, path: str, query: str) -> None:
    """Repaired, it would be another subject."""
    method, url = path.split()
    assert gateway.send(method, f"{url}?{query}").problem() == "malformed-request"


def test_a_subject_in_the_path_is_no_route(gateway: Gateway) -> None:
    """The gateway decodes it before it routes: ``a/b`` would be two parts of the path."""
    for url in ("/sessions/a%2Fb?subject=ann", "/subjects/ann/sessions"):
        with pytest.raises(LookupError):
            gateway.send("DELETE", url)


def test_ending_all_sessions_of_a_subject_spares_all_others(gateway: Gateway, clock: FakeClock) -> None:
    """Log out everywhere."""
    three(gateway, clock)
    other = gateway.create(subject="ben")["id"]
    assert gateway.send("DELETE", "/sessions?subject=ann").json() == {"expired": 3, "more": False}
    assert ids(gateway, "ann") == []
    assert ids(gateway, "ben") == [other]
    assert gateway.send("DELETE", "/sessions?subject=ann").json() == {"expired": 0, "more": False}


def test_one_session_may_be_spared(gateway: Gateway, clock: FakeClock) -> None:
    """Log out everywhere else."""
    _, keep, _ = three(gateway, clock)
    assert gateway.send("DELETE", f"/sessions?subject=ann&keep={keep}").json() == {"expired": 2, "more": False}
    assert ids(gateway, "ann") == [keep]


@pytest.mark.parametrize("keep", ["", "x", "sjn_abc", "a" * 11, "a" * 13, "a" * 40])
def test_sparing_what_is_no_session_id_is_malformed(gateway: Gateway, clock: FakeClock, keep: str) -> None:
    """It would spare no session and log the caller out too."""
    three(gateway, clock)
    answer = gateway.send("DELETE", f"/sessions?subject=ann&keep={keep}")
    assert (answer.status, answer.json()["parameter"]) == (400, "keep")
    assert len(ids(gateway, "ann")) == 3


def test_one_session_is_ended_by_its_id(gateway: Gateway, clock: FakeClock) -> None:
    """The button beside a device; pressing it twice is no error."""
    newest, *others = three(gateway, clock)
    for _ in range(2):
        answer = gateway.send("DELETE", f"/sessions/{newest}?subject=ann")
        assert (answer.status, answer.body) == (204, "")
    assert ids(gateway, "ann") == others


@pytest.mark.parametrize("name", ["ben", "ann/sessions", "ANN", "an", "ann "])
def test_an_id_ends_no_session_of_another_subject(gateway: Gateway, name: str) -> None:
    """A caller that may end ben's sessions may not end ann's."""
    session = gateway.create(subject="ann")["id"]
    assert gateway.send("DELETE", f"/sessions/{session}?{of(name)}").status == 204
    assert ids(gateway, "ann") == [session]


@pytest.mark.parametrize("text", ["junk", "AAAAAAAAAAAA", "!not-before", "%20", "..", "default%23AAAAAAAAAAAA"])
def test_what_is_no_id_ends_nothing(gateway: Gateway, clock: FakeClock, text: str) -> None:
    """Nor does the answer show that it is none."""
    three(gateway, clock)
    assert gateway.send("DELETE", f"/sessions/{text}?subject=ann").status == 204
    assert len(ids(gateway, "ann")) == 3


def test_a_token_in_the_place_of_an_id_ends_nothing(gateway: Gateway) -> None:
    """And is in no log of ours."""
    session = gateway.create(subject="ann")
    assert gateway.send("DELETE", f"/sessions/{session['token']}?subject=ann").status == 204
    assert ids(gateway, "ann") == [session["id"]]
