"""The Session-Token header, on every route that takes it: what it must be and what its absence says."""

from collections.abc import Callable
from typing import Final

import pytest

from sojourn.settings import Settings
from sojourn.testing import FakeClock, memory_store
from sojourn.tokens import mint, reminted
from tests.service.gateway import Answer, Gateway

BODIES: Final[dict[str, object]] = {
    "GET /session": None,
    "PUT /session": {"data": {}},
    "PATCH /session": {"data": {"a": 1}},
    "POST /session/touch": None,
    "POST /session/rotate": None,
    "POST /session/login": {"subject": "ann"},
}
"""Every route that opens a session, with the body it takes."""

routes: Final = pytest.mark.parametrize("route", BODIES)


def knock(gateway: Gateway, route: str, token: str | None) -> Answer:
    """A flawless request but for the token."""
    method, path = route.split()
    return gateway.send(method, path, token=token, body=BODIES[route], headers={"if-match": "*"})


def expired(gateway: Gateway, clock: FakeClock) -> str:
    """Its idle time has passed, to the second."""
    token: str = gateway.create(idle=1)["token"]
    clock.advance(1)
    return token


def destroyed(gateway: Gateway, _clock: FakeClock) -> str:
    """Ended on purpose."""
    token: str = gateway.create()["token"]
    assert gateway.send("DELETE", "/session", token=token).status == 204
    return token


def rotated(gateway: Gateway, clock: FakeClock) -> str:
    """Its session lives on under another token; whatever was on its way then has arrived by now."""
    token: str = gateway.create()["token"]
    assert gateway.send("POST", "/session/rotate", token=token).status == 200
    clock.advance(11)
    return token


def revoked(gateway: Gateway, _clock: FakeClock) -> str:
    """Ended with all others of its subject."""
    token: str = gateway.create(subject="ann")["token"]
    assert gateway.send("DELETE", "/sessions?subject=ann").json()["expired"] == 1
    return token


def guessed(gateway: Gateway, _clock: FakeClock) -> str:
    """The id of a live session, which lists show, and a secret that is not its."""
    return reminted(gateway.create()["id"]).reveal()


def foreign(_gateway: Gateway, _clock: FakeClock) -> str:
    """Alive in another namespace."""
    return memory_store(settings=Settings(namespace="another")).create().token


def doubled(gateway: Gateway, _clock: FakeClock) -> str:
    """As the gateway joins two headers; both of them are alive."""
    return f"{gateway.create()['token']},{gateway.create()['token']}"


def padded(gateway: Gateway, _clock: FakeClock) -> str:
    """Many a base64 decoder would take it; a token has one spelling."""
    return f"{gateway.create()['token']}===="


@routes
def test_a_missing_token_is_a_malformed_request(gateway: Gateway, route: str) -> None:
    """Not a missing session: the client forgot something, and the answer names it."""
    answer = knock(gateway, route, None)
    assert (answer.status, answer.problem(), answer.json()["header"]) == (400, "missing-header", "Session-Token")


@routes
@pytest.mark.parametrize("dead", [expired, destroyed, rotated, revoked, guessed, foreign, doubled, padded])
def test_every_token_that_opens_nothing_gets_the_same_answer(
    gateway: Gateway, clock: FakeClock, route: str, dead: Callable[[Gateway, FakeClock], str]
) -> None:
    """Byte for byte that of a token which never existed: no difference shows what became of a session."""
    unknown = knock(gateway, route, mint().reveal())
    assert (unknown.status, unknown.problem()) == (404, "session-not-found")
    assert knock(gateway, route, dead(gateway, clock)) == unknown


@routes
@pytest.mark.parametrize(
    "junk",
    [
        "",
        " ",
        "x",
        "sjn_",
        "sjn_" + "a" * 37,
        "sjn_" + "a" * 35,
        "sjn_" + "a" * 43,
        "null",
        "sjn_" + "é" * 36,
        "a" * 8000,
    ],
)
def test_what_is_no_token_gets_that_answer_too(gateway: Gateway, route: str, junk: str) -> None:
    """The shape of a token is no secret, but there is nothing to gain from saying more."""
    assert knock(gateway, route, junk) == knock(gateway, route, mint().reveal())


@routes
def test_an_id_alone_opens_nothing(gateway: Gateway, route: str) -> None:
    """Lists, logs and events show it."""
    session = gateway.create({"a": 1}, subject="ann")
    for text in (session["id"], f"sjn_{session['id']}"):
        assert knock(gateway, route, text).problem() == "session-not-found"
    assert gateway.send("GET", "/session", token=session["token"]).json()["data"] == {"a": 1}


def test_a_header_may_be_spelt_in_capitals(gateway: Gateway) -> None:
    """The gateway sends small letters; an event written by hand may not."""
    token = gateway.create()["token"]
    assert gateway.send("GET", "/session", headers={"Session-Token": token}).status == 200


def test_of_two_spellings_of_the_header_neither_is_picked(gateway: Gateway) -> None:
    """Two readers that pick differently would disagree about who is logged in."""
    headers = {"session-token": gateway.create()["token"], "Session-Token": gateway.create()["token"]}
    assert gateway.send("GET", "/session", headers=headers).status == 404


@pytest.mark.parametrize("place", ["query", "cookie", "authorization"])
def test_a_token_anywhere_else_is_none(gateway: Gateway, place: str) -> None:
    """Paths and queries end up in logs."""
    token = gateway.create()["token"]
    headers = {"cookie": f"Session-Token={token}", "authorization": f"Bearer {token}"}
    url = f"/session?Session-Token={token}" if place == "query" else "/session"
    assert gateway.send("GET", url, headers={place: headers.get(place, "")}).status == 400
