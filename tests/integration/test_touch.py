"""POST /session/touch."""

import pytest

from sojourn.settings import Settings
from sojourn.testing import FakeClock
from tests.integration.gateway import Gateway


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


def test_nothing_lengthens_the_absolute_deadline(gateway: Gateway) -> None:
    """However long the idle time becomes."""
    session = gateway.create(absolute=100)
    answer = gateway.send("POST", "/session/touch", token=session["token"], body={"idle": 10_000}).json()
    assert answer["expires_at"] == answer["absolute_at"] == session["absolute_at"]


@pytest.mark.parametrize(
    ("body", "pointer"), [({"idle": 0}, "/idle"), ({"idle": "1"}, "/idle"), ({"absolute": 5}, "/absolute")]
)
def test_a_field_that_is_not_understood_is_refused(gateway: Gateway, body: object, pointer: str) -> None:
    """The absolute deadline is nobody's to move."""
    answer = gateway.send("POST", "/session/touch", token=gateway.create()["token"], body=body)
    assert (answer.status, answer.json()["pointer"]) == (422, pointer)
