"""The routes that end sessions: the one of a token, all of a subject, one of a subject by its id."""

from typing import Final

from sojourn import tokens
from sojourn.store import Store
from sojourn_service.api import Route
from sojourn_service.problems import ProblemError, malformed
from sojourn_service.requests import Request
from sojourn_service.responses import Answer, json_answer


def expire(request: Request, store: Store) -> Answer:
    """End the session of the token. 204 as well when there was none: it is over either way."""
    store.expire(request.token())
    return Answer(204, counts={"SessionsExpired": 1})


def expire_all(request: Request, store: Store) -> Answer:
    """End every session of the subject but the one with the id ``keep``."""
    keep = request.parameters.get("keep")
    if keep is not None and not tokens.is_session_id(keep):
        # Nothing would be spared, and the caller be logged out too.
        raise ProblemError(malformed("keep takes a session id, as lists show it.", parameter="keep"))
    expired = store.expire_all(subject=request.subject(), keep=keep)
    return json_answer({"expired": expired}, counts={"SessionsExpired": expired})


def expire_one(request: Request, store: Store) -> Answer:
    """End one session of the subject; 204 as well when the subject has none of this id."""
    session_id = request.path.get("id", "")
    was_there = store.expire_one(subject=request.subject(), session_id=session_id)
    return Answer(204, counts={"SessionsExpired": int(was_there)}, session_id=session_id if was_there else None)


ROUTES: Final = (
    Route("DELETE /session", "expire", expire),
    Route("DELETE /subjects/{subject}/sessions", "expire_all", expire_all, frozenset({"keep"})),
    Route("DELETE /subjects/{subject}/sessions/{id}", "expire_one", expire_one),
)
