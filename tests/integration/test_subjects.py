"""The sessions of one subject: list them, end one, end all."""

import base64
from urllib.parse import quote

import pytest

from sojourn.testing import FakeClock
from tests.integration.gateway import Gateway


def ids(gateway: Gateway, subject: str) -> list[str]:
    """The ids of the subject's live sessions."""
    answer = gateway.send("GET", f"/subjects/{quote(subject, safe='')}/sessions")
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
    answer = gateway.send("GET", "/subjects/ann/sessions")
    shown = ("id", "label", "version", "created_at", "expires_at", "absolute_at")
    assert answer.json() == {"sessions": [{name: session[name] for name in shown}], "next": None}


def test_a_subject_without_sessions_has_an_empty_list(gateway: Gateway) -> None:
    """Whether there is such a subject is not ours to know."""
    answer = gateway.send("GET", "/subjects/nobody/sessions")
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
    expected, seen, query = three(gateway, clock), [], "?limit=2"
    while query:
        page = gateway.send("GET", f"/subjects/ann/sessions{query}").json()
        seen.append([session["id"] for session in page["sessions"]])
        query = f"?limit=2&after={page['next']}" if page["next"] else ""
    assert seen == [expected[:2], expected[2:]]


def test_a_cursor_names_neither_namespace_nor_subject(gateway: Gateway, clock: FakeClock) -> None:
    """What it could name, it could be made to name."""
    three(gateway, clock)
    cursor = gateway.send("GET", "/subjects/ann/sessions?limit=1").json()["next"]
    text = base64.urlsafe_b64decode(cursor + "==").decode()
    assert "default" not in text
    assert "ann" not in text


def test_another_subjects_cursor_shows_nothing_of_the_other_subject(gateway: Gateway, clock: FakeClock) -> None:
    """The subject comes from the path, whatever the cursor says."""
    three(gateway, clock, "ben")
    theirs = gateway.send("GET", "/subjects/ben/sessions?limit=1").json()["next"]
    assert gateway.send("GET", f"/subjects/ann/sessions?after={theirs}").json()["sessions"] == []


@pytest.mark.parametrize("cursor", ["", "x", "null", "eyJhIjoxfQ", quote("é"), "MTcwMDAwMDAwMC5hYg", "A" * 5000])
def test_a_cursor_that_was_never_given_is_malformed(gateway: Gateway, cursor: str) -> None:
    """Taken for absent, a list would begin again and never end."""
    answer = gateway.send("GET", f"/subjects/ann/sessions?after={cursor}")
    assert (answer.status, answer.json()["parameter"]) == (400, "after")


@pytest.mark.parametrize(
    "limit", ["0", "101", "-1", "", "ten", "1.0", "+1", "%201", "1e1", "1_0", quote("٣"), "9" * 5000]
)
def test_a_limit_out_of_bounds_is_malformed(gateway: Gateway, limit: str) -> None:
    """One to a hundred, in plain digits."""
    answer = gateway.send("GET", f"/subjects/ann/sessions?limit={limit}")
    assert (answer.status, answer.json()["parameter"]) == (400, "limit")


@pytest.mark.parametrize("subject", ["a/b", "a/sessions", "50%", "zoë", "a b", "a#b", "?", "ann/sessions/x", "x" * 512])
def test_a_subject_may_hold_any_character(gateway: Gateway, subject: str) -> None:
    """Percent-encoded in the path, and never taken for another route's path."""
    gateway.create(subject="ann")
    session = gateway.create(subject=subject)
    path = f"/subjects/{quote(subject, safe='')}/sessions"
    assert ids(gateway, subject) == [session["id"]]
    assert gateway.send("DELETE", path).json() == {"expired": 1}
    assert len(ids(gateway, "ann")) == 1


def test_a_subject_that_no_session_can_have_is_malformed(gateway: Gateway) -> None:
    """Longer than 512 bytes."""
    for method in ("GET", "DELETE"):
        answer = gateway.send(method, f"/subjects/{'x' * 513}/sessions")
        assert (answer.status, answer.json()["parameter"]) == (400, "subject")


def test_ending_all_sessions_of_a_subject_spares_nobody_else(gateway: Gateway, clock: FakeClock) -> None:
    """Log out everywhere."""
    three(gateway, clock)
    other = gateway.create(subject="ben")["id"]
    assert gateway.send("DELETE", "/subjects/ann/sessions").json() == {"expired": 3}
    assert ids(gateway, "ann") == []
    assert ids(gateway, "ben") == [other]
    assert gateway.send("DELETE", "/subjects/ann/sessions").json() == {"expired": 0}


def test_one_session_may_be_spared(gateway: Gateway, clock: FakeClock) -> None:
    """Log out everywhere else."""
    _, keep, _ = three(gateway, clock)
    assert gateway.send("DELETE", f"/subjects/ann/sessions?keep={keep}").json() == {"expired": 2}
    assert ids(gateway, "ann") == [keep]


@pytest.mark.parametrize("keep", ["", "x", "sjn_abc", "a" * 44])
def test_sparing_what_is_no_session_id_is_malformed(gateway: Gateway, clock: FakeClock, keep: str) -> None:
    """It would spare nobody and log the caller out too."""
    three(gateway, clock)
    answer = gateway.send("DELETE", f"/subjects/ann/sessions?keep={keep}")
    assert (answer.status, answer.json()["parameter"]) == (400, "keep")
    assert len(ids(gateway, "ann")) == 3


def test_one_session_is_ended_by_its_id(gateway: Gateway, clock: FakeClock) -> None:
    """The button beside a device; pressing it twice is no error."""
    newest, *others = three(gateway, clock)
    for _ in range(2):
        answer = gateway.send("DELETE", f"/subjects/ann/sessions/{newest}")
        assert (answer.status, answer.body) == (204, "")
    assert ids(gateway, "ann") == others


@pytest.mark.parametrize("name", ["ben", "ann%2Fsessions"])
def test_an_id_ends_no_session_of_another_subject(gateway: Gateway, name: str) -> None:
    """Who may end ben's sessions may not end ann's."""
    session = gateway.create(subject="ann")["id"]
    assert gateway.send("DELETE", f"/subjects/{name}/sessions/{session}").status == 204
    assert ids(gateway, "ann") == [session]


def test_what_is_no_id_ends_nothing(gateway: Gateway, clock: FakeClock) -> None:
    """Nor does it tell that it is none."""
    three(gateway, clock)
    assert gateway.send("DELETE", "/subjects/ann/sessions/junk").status == 204
    assert len(ids(gateway, "ann")) == 3
