"""A token that a rotation replaced while the request that brings it was on its way."""

from dataclasses import replace
from typing import Any, Final

import pytest

from sojourn.backend import Record, Refused
from sojourn.backends.memory import MemoryBackend
from sojourn.rotation import WINDOW_SECONDS
from sojourn.store import Store
from sojourn.testing import FakeClock, memory_store
from sojourn.tokens import mint
from tests.service.conftest import Log
from tests.service.gateway import Answer, Gateway
from tests.service.races import OvertakenBackend
from tests.service.test_tokens import BODIES, knock

routes: Final = pytest.mark.parametrize("route", BODIES)

CHANGES: Final = [
    "PUT /session",
    "PATCH /session",
    "POST /session/touch",
    "POST /session/rotate",
    "POST /session/login",
]
"""Routes that read a session first and change it then."""


@pytest.fixture
def backend() -> OvertakenBackend:
    """Other requests may be faster."""
    return OvertakenBackend()


@pytest.fixture
def store(clock: FakeClock, backend: MemoryBackend) -> Store:
    """The store that the functions use."""
    return memory_store(clock=clock, backend=backend)


def rotated(gateway: Gateway, token: str) -> str:
    """The token after a rotation."""
    answer = gateway.send("POST", "/session/rotate", token=token)
    assert answer.status == 200
    return str(answer.json()["token"])


def logged_in(gateway: Gateway, token: str, subject: str = "ann") -> Any:  # noqa: ANN401  # JSON
    """The session after a login."""
    answer = gateway.send("POST", "/session/login", token=token, body={"subject": subject})
    assert answer.status == 200
    return answer.json()


def is_superseded(answer: Answer) -> bool:
    """Whether an answer is the problem of its own."""
    return (answer.status, answer.headers["Content-Type"]) == (404, "application/problem+json") and (
        answer.problem() == "token-superseded"
    )


@routes
@pytest.mark.parametrize("seconds", [0, WINDOW_SECONDS])
def test_a_token_that_was_just_replaced_has_a_problem_of_its_own(
    gateway: Gateway, clock: FakeClock, route: str, seconds: int
) -> None:
    """A client leaves the cookie alone, which the faster request has set; and nothing of the session is shown."""
    token = gateway.create({"secret": "hunter2"})["token"]
    new = rotated(gateway, token)
    clock.advance(seconds)
    answer = knock(gateway, route, token)
    assert is_superseded(answer)
    assert "hunter2" not in answer.body
    assert new not in answer.body
    assert gateway.send("GET", "/session", token=new).json()["version"] == 2


@routes
def test_later_it_is_a_token_like_any_other_that_opens_nothing(gateway: Gateway, clock: FakeClock, route: str) -> None:
    """Byte for byte: a client that kept it for long was not on its way."""
    token = gateway.create()["token"]
    rotated(gateway, token)
    clock.advance(WINDOW_SECONDS + 1)
    assert knock(gateway, route, token) == knock(gateway, route, mint().reveal())


@routes
def test_of_several_rotations_in_a_row_each_token_is_known(gateway: Gateway, route: str) -> None:
    """A login and a second factor follow each other within one request."""
    tokens = [gateway.create()["token"]]
    for _ in range(3):
        tokens.append(rotated(gateway, tokens[-1]))
    assert all(is_superseded(knock(gateway, route, token)) for token in tokens[:-1])


@routes
def test_a_session_that_ended_supersedes_nothing(gateway: Gateway, route: str) -> None:
    """Its former tokens are gone with it."""
    token = gateway.create()["token"]
    assert gateway.send("DELETE", "/session", token=rotated(gateway, token)).status == 204
    assert knock(gateway, route, token).problem() == "session-not-found"


@pytest.mark.parametrize("route", CHANGES)
def test_a_request_that_is_overtaken_by_a_rotation_changes_nothing_and_is_told_apart(
    gateway: Gateway, backend: OvertakenBackend, store: Store, route: str, log: Log
) -> None:
    """It had read the session with the right token; by the time it writes the token is another."""
    session = gateway.create({"a": 0}, subject="ann")

    def meanwhile() -> None:
        found = store.read(session["token"], touch=False)
        assert found is not None
        store.login(found, subject="ben")

    backend.meanwhile, backend.times, backend.overtakes_renewals = meanwhile, 1, True
    method, path = route.split()
    body = {"idle": 60} if route == "POST /session/touch" else BODIES[route]
    assert is_superseded(gateway.send(method, path, token=session["token"], body=body, headers={"if-match": "*"}))
    assert (log()[-1]["reason"], log()[-1]["session"]) == ("superseded", session["id"])
    (record,) = backend._records.values()
    assert (record.version, record.subject, record.idle) == (2, "default#ben", 1_800)


def test_a_read_that_would_renew_is_told_apart_as_well(
    gateway: Gateway, backend: OvertakenBackend, store: Store, clock: FakeClock
) -> None:
    """Reading renews: what was read is not shown when the renewal finds another token."""
    session = gateway.create({"secret": "hunter2"})
    clock.advance(600)

    def meanwhile() -> None:
        found = store.read(session["token"], touch=False)
        assert found is not None
        store.rotate(found)

    backend.meanwhile, backend.times, backend.overtakes_renewals = meanwhile, 1, True
    answer = gateway.send("GET", "/session", token=session["token"])
    assert is_superseded(answer)
    assert "hunter2" not in answer.body


def test_a_logout_that_was_on_its_way_when_the_token_was_replaced_holds(gateway: Gateway, clock: FakeClock) -> None:
    """The user pressed the button; that another request of theirs rotated the token does not undo it."""
    token = gateway.create()["token"]
    clock.advance(1)
    new = rotated(gateway, token)
    assert gateway.send("DELETE", "/session", token=token).status == 204
    assert gateway.send("GET", "/session", token=new).problem() == "session-not-found"


def test_a_logout_does_not_end_a_login_that_was_faster(gateway: Gateway, clock: FakeClock, log: Log) -> None:
    """It is refused, so that the client does not clear the cookie of the login."""
    token = gateway.create()["token"]
    clock.advance(1)
    new = logged_in(gateway, token)
    answer = gateway.send("DELETE", "/session", token=token)
    assert is_superseded(answer)
    assert (log()[-1]["reason"], log()[-1]["session"]) == ("superseded", new["id"])
    assert gateway.send("GET", "/session", token=new["token"]).json()["subject"] == "ann"


def test_a_logout_that_comes_later_finds_no_session(gateway: Gateway, clock: FakeClock) -> None:
    """204 as for any token that opens nothing; the session lives on."""
    token = gateway.create()["token"]
    new = rotated(gateway, token)
    clock.advance(WINDOW_SECONDS + 1)
    assert gateway.send("DELETE", "/session", token=token).status == 204
    assert gateway.send("GET", "/session", token=new).status == 200


def test_a_record_whose_hashes_are_of_others_tells_no_token_apart(gateway: Gateway, backend: OvertakenBackend) -> None:
    """Only a hash that the item holds makes a token superseded, not that there was a rotation."""
    session = gateway.create()
    new = rotated(gateway, session["token"])
    key = f"default#{session['id']}"
    record = backend._records[key]
    backend._records[key] = replace(record, former_hashes=bytes(32))
    assert gateway.send("GET", "/session", token=session["token"]).problem() == "session-not-found"
    assert gateway.send("GET", "/session", token=new).status == 200


def test_the_answer_to_a_lost_rotation_is_its_own(gateway: Gateway, backend: OvertakenBackend) -> None:
    """The rotation was stored and its answer lost: the next attempt finds its own hash, and that is a success."""
    token = gateway.create()["token"]
    replaced = backend.replace

    def stored_and_lost(record: Record, *, seen: Record, now: int) -> Record | Refused:
        replaced(record, seen=seen, now=now)
        return replaced(record, seen=seen, now=now)

    backend.replace = stored_and_lost  # type: ignore[method-assign]  # this one backend
    assert gateway.send("GET", "/session", token=rotated(gateway, token)).status == 200
