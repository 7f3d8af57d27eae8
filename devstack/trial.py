"""One session's life through the deployed API: proof that a stack works before anybody is told so."""

import time

from devstack.errors import DevstackError
from devstack.signing import Answer, call
from devstack.stack import Stack

_PATIENCE_SECONDS = 20.0


def try_once(stack: Stack) -> None:
    """Create, read and expire a session over HTTP; see that it is dead then, and that strangers are refused."""
    created = _until_it_answers(stack)
    token = {"session-token": _expect(created, 201, "POST /sessions").json()["token"]}
    read = _expect(call(stack, "GET", "/session", headers=token), 200, "GET /session").json()
    if read["data"] != {"tried": True}:
        raise DevstackError("GET /session did not return what POST /sessions stored")
    _expect(call(stack, "DELETE", "/session", headers=token), 204, "DELETE /session")
    _expect(call(stack, "GET", "/session", headers=token), 404, "GET /session after its end")


def _until_it_answers(stack: Stack) -> Answer:
    """The answer to a create, once the API answers at all. The first call also starts a function cold."""
    until = time.monotonic() + _PATIENCE_SECONDS
    while True:
        answer = call(stack, "POST", "/sessions", body={"data": {"tried": True}})
        if answer.status < 500 or time.monotonic() > until:
            return answer
        time.sleep(0.2)


def _expect(answer: Answer, status: int, request: str) -> Answer:
    if answer.status != status:
        raise DevstackError(
            f"{request} was answered with {answer.status} instead of {status}: {answer.body.decode(errors='replace')}"
        )
    return answer
