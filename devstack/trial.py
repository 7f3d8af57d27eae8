"""One session's life through the deployed API: proof that a stack works before `make up` says so."""

import time

from devstack.errors import DevstackError
from devstack.signing import Answer, call
from devstack.stack import Stack

_PATIENCE_SECONDS = 20.0


def try_once(stack: Stack) -> None:
    """Create a session, log in, read and end it, over HTTP; see that each token is dead when it should be."""
    created = _expect(_until_it_answers(stack), 201, "POST /sessions").json()
    visitor = {"session-token": created["token"]}
    login = call(stack, "POST", "/session/login", headers=visitor, body={"subject": "trial"})
    user = {"session-token": _expect(login, 200, "POST /session/login").json()["token"]}
    _expect(call(stack, "GET", "/session", headers=visitor), 404, "GET /session with the token before the login")
    read = _expect(call(stack, "GET", "/session", headers=user), 200, "GET /session").json()
    if (read["id"], read["data"]) != (created["id"], {"tried": True}):
        raise DevstackError("GET /session did not return what POST /sessions stored")
    _expect(call(stack, "DELETE", "/session", headers=user), 204, "DELETE /session")
    _expect(call(stack, "GET", "/session", headers=user), 404, "GET /session after its end")


def _until_it_answers(stack: Stack) -> Answer:
    """The answer to a creation, once there is one. The first call also starts a function cold."""
    until = time.monotonic() + _PATIENCE_SECONDS
    while True:
        answer = call(stack, "POST", "/sessions", body={"data": {"tried": True}})
        if answer.status < 500 or time.monotonic() > until:
            return answer
        time.sleep(0.2)


def _expect(answer: Answer, status: int, request: str) -> Answer:
    if answer.status != status:
        raise DevstackError(
            f"{request} returned {answer.status} instead of {status}: {answer.body.decode(errors='replace')}"
        )
    return answer
