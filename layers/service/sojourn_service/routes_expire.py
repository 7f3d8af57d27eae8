"""The routes that end sessions: the one of a token, all of a subject, one of a subject by its id."""

from typing import Final

from sojourn.absence import Absence
from sojourn.names import is_session_id
from sojourn.store import Store
from sojourn_service.api import Route
from sojourn_service.problems import ProblemError, absent, malformed
from sojourn_service.requests import Request
from sojourn_service.responses import Answer, expired_answer


def expire(request: Request, store: Store) -> Answer:
    """End the session of the token. 204 as well when there was none: it is over either way.

    Not so where a login has just replaced the token: the session lives on, and its cookie must stay.
    """
    absence = store.end(request.token())
    if absence is Absence.SUPERSEDED:
        raise absent(absence)
    return Answer(204)


def expire_all(request: Request, store: Store) -> Answer:
    """End every session of the subject but the one with the id ``keep``."""
    keep = request.parameters.get("keep")
    if keep is not None and not is_session_id(keep):
        # No session would be spared, and the caller would be logged out too.
        raise ProblemError(malformed("keep takes a session id, as lists show it.", parameter="keep"))
    return expired_answer(store.expire_all(subject=request.subject(), keep=keep))


def expire_one(request: Request, store: Store) -> Answer:
    """End one session of the subject; 204 as well when the subject has none of this id."""
    session_id = request.path_parameters.get("id", "")
    was_there = store.expire_one(subject=request.subject(), session_id=session_id)
    return Answer(204, session_id=session_id if was_there else None)


ROUTES: Final = (
    Route("DELETE /session", "expire", expire),
    Route("DELETE /sessions", "expire_all", expire_all, frozenset({"subject", "keep"})),
    Route("DELETE /sessions/{id}", "expire_one", expire_one, frozenset({"subject"})),
)
