"""POST /session/touch."""

import pytest

from sojourn.settings import Settings
from sojourn.testing import FakeClock
from tests.service.gateway import Gateway


def test_touching_renews_the_idle_deadline(gateway: Gateway, clock: FakeClock) -> None:
    """The answer is the deadlines and not the document."""
    session = gateway.create({"cart": []})
    clock.advance(600)
    answer = gateway.send("POST", "/session/touch", token=session["token"])
    assert answer.status == 200
    assert answer.json() == {
        "id": session["id"],
        "idle": Settings().idle_seconds,
        "expires_at": session["expires_at"] + 600,
        "absolute_at": session["absolute_at"],
    }


def test_touching_again_at_once_writes_nothing(gateway: Gateway, clock: FakeClock) -> None:
    """Not before a tenth of the idle time is gained."""
    session = gateway.create()
    clock.advance(1)
    answer = gateway.send("POST", "/session/touch", token=session["token"], body={})
    assert answer.json()["expires_at"] == session["expires_at"]


@pytest.mark.parametrize("idle", [60, 7200])
def test_a_touch_may_change_how_long_the_session_survives_unused(gateway: Gateway, clock: FakeClock, idle: int) -> None:
    """Shorter or longer, at once."""
    token = gateway.create()["token"]
    answer = gateway.send("POST", "/session/touch", token=token, body={"idle": idle})
    assert (answer.json()["idle"], answer.json()["expires_at"]) == (idle, clock() + idle)


def test_a_touch_may_change_how_long_the_session_lives_in_all(gateway: Gateway, clock: FakeClock) -> None:
    """Counted from the beginning of the stay, not from the touch."""
    session = gateway.create(absolute=600)
    clock.advance(60)
    answer = gateway.send("POST", "/session/touch", token=session["token"], body={"absolute": 7200}).json()
    assert answer["absolute_at"] == session["created_at"] + 7200
    assert answer["expires_at"] == clock() + answer["idle"]


def test_a_shorter_life_brings_the_deadline_forward(gateway: Gateway, clock: FakeClock) -> None:
    """At once: "remember me" was taken back."""
    session = gateway.create(idle=86_400, absolute=86_400)
    body = {"idle": 600, "absolute": 300}
    answer = gateway.send("POST", "/session/touch", token=session["token"], body=body).json()
    assert answer["expires_at"] == answer["absolute_at"] == session["created_at"] + 300
    clock.advance(300)
    assert gateway.send("GET", "/session", token=session["token"]).status == 404


def test_a_longer_idle_time_alone_lengthens_no_life(gateway: Gateway) -> None:
    """However long it becomes."""
    session = gateway.create(absolute=100)
    answer = gateway.send("POST", "/session/touch", token=session["token"], body={"idle": 10_000}).json()
    assert answer["expires_at"] == answer["absolute_at"] == session["absolute_at"]


def test_null_counts_as_absent(gateway: Gateway) -> None:
    """A client whose serializer writes every field is understood."""
    session = gateway.create()
    body = {"idle": None, "absolute": None}
    answer = gateway.send("POST", "/session/touch", token=session["token"], body=body)
    assert answer.json()["expires_at"] == session["expires_at"]


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"idle": 0}, "/idle"),
        ({"idle": "1"}, "/idle"),
        ({"idle": True}, "/idle"),
        ({"idle": 90 * 86_400 + 1}, "/idle"),
        ({"absolute": 0}, "/absolute"),
        ({"absolute": 90 * 86_400 + 1}, "/absolute"),
        ({"absolute": 60}, "/absolute"),
        ({"subject": "ann"}, "/subject"),
    ],
)
def test_a_field_that_cannot_be_kept_is_refused(gateway: Gateway, clock: FakeClock, body: object, pointer: str) -> None:
    """Also a life that would be over already: to end a session there is DELETE."""
    session = gateway.create()
    clock.advance(60)
    answer = gateway.send("POST", "/session/touch", token=session["token"], body=body)
    assert (answer.status, answer.json()["pointer"]) == (422, pointer)
    read = gateway.send("GET", "/session?touch=false", token=session["token"]).json()
    assert (read["expires_at"], read["absolute_at"]) == (session["expires_at"], session["absolute_at"])
