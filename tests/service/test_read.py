"""GET /session."""

from dataclasses import replace

import pytest

from sojourn.backends.memory import MemoryBackend
from sojourn.document.codec import FORMAT, PLAIN
from sojourn.testing import FakeClock
from tests.service.gateway import Gateway


def test_a_session_is_read_without_its_token(gateway: Gateway) -> None:
    """The reader has the token; whatever else sees the answer need not get it."""
    created = gateway.create({"cart": ["teapot"]}, subject="user-42")
    answer = gateway.send("GET", "/session", token=created.pop("token"))
    assert answer.status == 200
    assert answer.headers["ETag"] == '"1"'
    assert answer.json() == created


def test_reading_renews_the_idle_deadline_unless_it_only_looks(gateway: Gateway, clock: FakeClock) -> None:
    """Reading is using; a monitor that looks is no user."""
    session = gateway.create()
    clock.advance(600)
    asleep = gateway.send("GET", "/session?touch=false", token=session["token"]).json()
    assert asleep["expires_at"] == session["expires_at"]
    awake = gateway.send("GET", "/session?touch=true", token=session["token"]).json()
    assert awake["expires_at"] == session["expires_at"] + 600


@pytest.mark.parametrize("tags", ['"1"', 'W/"1"', '"7", "1"', '"7","x" , W/"1"', "*", ' "1" '])
def test_a_version_that_the_caller_holds_is_not_sent_again(gateway: Gateway, tags: str) -> None:
    """If-None-Match compares weakly: RFC 9110, section 13.1.2."""
    token = gateway.create({"cart": []})["token"]
    answer = gateway.send("GET", "/session", token=token, headers={"if-none-match": tags})
    assert (answer.status, answer.body) == (304, "")
    assert answer.headers["ETag"] == '"1"'


@pytest.mark.parametrize("tags", ['"2"', 'W/"11"', '"", "01"', '"*"'])
def test_a_version_that_the_caller_does_not_hold_is_sent(gateway: Gateway, tags: str) -> None:
    """Tags that are not ours are no error; they match nothing."""
    token = gateway.create()["token"]
    assert gateway.send("GET", "/session", token=token, headers={"if-none-match": tags}).status == 200


def test_an_unchanged_session_is_used_by_asking_for_it(gateway: Gateway, clock: FakeClock) -> None:
    """A client that polls with If-None-Match is not logged out for it."""
    session = gateway.create(idle=60)
    for _ in range(3):
        clock.advance(50)
        answer = gateway.send("GET", "/session", token=session["token"], headers={"if-none-match": '"1"'})
        assert answer.status == 304


@pytest.mark.parametrize("tags", ["1", '"1', '"1" "2"', '*, "1"', "", 'w/"1"'])
def test_a_condition_that_is_none_is_malformed(gateway: Gateway, tags: str) -> None:
    """A typing error in a condition must not turn it off."""
    token = gateway.create()["token"]
    answer = gateway.send("GET", "/session", token=token, headers={"if-none-match": tags})
    assert (answer.status, answer.json()["header"]) == (400, "If-None-Match")


@pytest.mark.parametrize(
    "query", ["touch=no", "touch=", "touch=False", "touch=false&touch=false", "Touch=false", "x=1"]
)
def test_a_parameter_that_is_not_understood_is_refused(gateway: Gateway, query: str) -> None:
    """Ignored, it would do something else than the caller meant."""
    answer = gateway.send("GET", f"/session?{query}", token=gateway.create()["token"])
    assert (answer.status, answer.json()["parameter"]) == (400, query.split("=", maxsplit=1)[0])


def test_a_session_is_over_to_the_second(gateway: Gateway, clock: FakeClock) -> None:
    """Each reader judges the deadline."""
    token = gateway.create(idle=60)["token"]
    clock.advance(59)
    assert gateway.send("GET", "/session?touch=false", token=token).status == 200
    clock.advance(1)
    assert gateway.send("GET", "/session?touch=false", token=token).status == 404


DAMAGED = {
    "no JSON": b"{",
    "a page": b"<html>",
    "no object": b"[1]",
    "members of the answer": b'{},"subject":"admin"',
    "another token": b'1,"token":"evil"',
    "a key twice": b'{"user":1,"user":2}',
    "no number": b'{"a":NaN}',
    "no UTF-8": b'{"a":"\xff"}',
    "deep": b'{"a":' * 800,  # cut off, too
}


@pytest.mark.parametrize("name", DAMAGED)
def test_what_is_no_json_is_never_shown(gateway: Gateway, backend: MemoryBackend, name: str) -> None:
    """Whoever may write into the table could else say what the answer says beside the document."""
    session = gateway.create({"cart": 1})
    (record,) = backend._records.values()
    damaged = bytes((FORMAT, PLAIN)) + DAMAGED[name]
    backend._records[record.session_id] = replace(record, data=damaged)
    answer = gateway.send("GET", "/session", token=session["token"])
    assert (answer.status, answer.problem()) == (500, "corrupt-session")
