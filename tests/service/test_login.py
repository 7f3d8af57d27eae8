"""POST /session/login."""

import pytest

from sojourn.settings import Settings
from sojourn.testing import FakeClock
from tests.service.gateway import Answer, Gateway


def login(gateway: Gateway, token: str, **body: object) -> Answer:
    """One request."""
    return gateway.send("POST", "/session/login", token=token, body=body)


def test_a_login_gives_a_new_token_and_a_subject(gateway: Gateway) -> None:
    """Id, document and creation stay; the visitor becomes the user."""
    old = gateway.create({"cart": ["teapot"]}, label="phone")
    answer = login(gateway, old["token"], subject="ann")
    new = answer.json()
    assert (answer.status, answer.headers["ETag"]) == (200, '"2"')
    assert list(new) == list(old)
    assert new["token"] != old["token"]
    assert (new["subject"], new["version"]) == ("ann", 2)
    kept = ("id", "data", "label", "created_at")
    assert [new[name] for name in kept] == [old[name] for name in kept]
    assert gateway.send("GET", "/session", token=new["token"]).json()["data"] == {"cart": ["teapot"]}
    assert gateway.send("GET", "/session", token=old["token"]).status == 404


def test_a_login_begins_a_new_stay(gateway: Gateway, clock: FakeClock) -> None:
    """Two minutes before the end of a visitor's session: the user gets a whole one, as long as the old one was."""
    session = gateway.create(idle=3_600, absolute=43_200)
    for _ in range(20):
        clock.advance(2_100)
        assert gateway.send("GET", "/session", token=session["token"]).status == 200
    new = login(gateway, session["token"], subject="ann").json()
    assert (new["expires_at"], new["absolute_at"]) == (clock() + 3_600, clock() + 43_200)
    assert new["created_at"] == session["created_at"]


def test_a_login_may_give_other_lifetimes(gateway: Gateway, clock: FakeClock) -> None:
    """A visitor who has a session already ticks "remember me": 30 days, and not one second less."""
    token = gateway.create()["token"]
    clock.advance(600)
    new = login(gateway, token, subject="ann", idle=14 * 86_400, absolute=30 * 86_400).json()
    assert (new["expires_at"], new["absolute_at"]) == (clock() + 14 * 86_400, clock() + 30 * 86_400)
    clock.advance(10 * 86_400)
    assert gateway.send("GET", "/session", token=new["token"]).status == 200


def test_a_login_may_shorten_the_stay(gateway: Gateway, clock: FakeClock) -> None:
    """At a public terminal."""
    token = gateway.create(idle=86_400, absolute=86_400)["token"]
    new = login(gateway, token, subject="ann", idle=300, absolute=600).json()
    assert (new["expires_at"], new["absolute_at"]) == (clock() + 300, clock() + 600)


def test_what_a_login_does_not_give_is_as_long_as_before(gateway: Gateway, clock: FakeClock) -> None:
    """Null counts as absent, as everywhere but for the label."""
    token = gateway.create()["token"]
    clock.advance(60)
    new = login(gateway, token, subject="ann", idle=None, absolute=None).json()
    default = Settings()
    assert (new["expires_at"], new["absolute_at"]) == (
        clock() + default.idle_seconds,
        clock() + default.absolute_seconds,
    )


@pytest.mark.parametrize(("label", "kept"), [({}, "phone"), ({"label": "laptop"}, "laptop"), ({"label": None}, None)])
def test_for_a_label_a_string_sets_null_removes_and_absence_keeps(
    gateway: Gateway, label: dict[str, object], kept: str | None
) -> None:
    """It is the session's, not the subject's."""
    token = gateway.create(label="phone")["token"]
    assert login(gateway, token, subject="ann", **label).json()["label"] == kept


def test_the_lists_of_both_subjects_follow(gateway: Gateway) -> None:
    """A session is one subject's at a time."""
    session = gateway.create(subject="ann")
    login(gateway, session["token"], subject="ben")
    assert gateway.send("GET", "/sessions?subject=ann").json()["sessions"] == []
    (entry,) = gateway.send("GET", "/sessions?subject=ben").json()["sessions"]
    assert entry["id"] == session["id"]


def test_the_subject_is_brought_to_one_spelling(gateway: Gateway) -> None:
    """As at a creation."""
    assert login(gateway, gateway.create()["token"], subject="zoe\u0308").json()["subject"] == "zo\xeb"


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({}, "/subject"),
        ({"subject": None}, "/subject"),
        ({"subject": 42}, "/subject"),
        ({"subject": ""}, "/subject"),
        ({"subject": "x" * 513}, "/subject"),
        ({"subject": "ann\x00"}, "/subject"),
        ({"subject": "\u202eann"}, "/subject"),
        ({"subject": "ann", "label": 1}, "/label"),
        ({"subject": "ann", "label": ""}, "/label"),
        ({"subject": "ann", "label": "a\tb"}, "/label"),
        ({"subject": "ann", "idle": 0}, "/idle"),
        ({"subject": "ann", "idle": True}, "/idle"),
        ({"subject": "ann", "idle": 90 * 86_400 + 1}, "/idle"),
        ({"subject": "ann", "absolute": "60"}, "/absolute"),
        ({"subject": "ann", "absolute": 90 * 86_400 + 1}, "/absolute"),
        ({"subject": "ann", "data": {}}, "/data"),
    ],
)
def test_what_cannot_be_kept_leaves_the_old_token_alive(
    gateway: Gateway, body: dict[str, object], pointer: str
) -> None:
    """Nothing was stored, and the visitor is a visitor still."""
    session = gateway.create()
    token = session.pop("token")
    answer = login(gateway, token, **body)
    assert (answer.status, answer.json()["pointer"]) == (422, pointer)
    assert gateway.send("GET", "/session", token=token).json() == session


def test_a_login_needs_a_body(gateway: Gateway) -> None:
    """A rotation is another route."""
    token = gateway.create()["token"]
    headers = {"content-type": "application/json"}
    answer = gateway.send("POST", "/session/login", token=token, headers=headers)
    assert (answer.status, answer.problem()) == (400, "malformed-request")


def test_a_double_click_logs_in_once(gateway: Gateway) -> None:
    """The second request brings the token of before: it is in flight, and takes nothing away from the first."""
    token = gateway.create()["token"]
    first = login(gateway, token, subject="ann").json()
    assert login(gateway, token, subject="ann").problem() == "token-superseded"
    assert gateway.send("GET", "/session", token=first["token"]).json()["subject"] == "ann"
