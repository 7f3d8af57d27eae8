"""What an adapter answers in the place of a page when the session could not be read or stored. Renders nothing."""

from http import HTTPStatus
from typing import NamedTuple

from sojourn.absence import Absence
from sojourn.errors import ConflictError, SessionGoneError, StoreUnavailableError
from sojourn.events import Outcome, Reason
from sojourn.session import Session
from sojourn.store import Store
from sojourn.tokens import Token, parsed

REFUSALS = (ConflictError, SessionGoneError, StoreUnavailableError)
"""What a store raises that an application need not know of: an adapter answers in its place."""


class Refusal(NamedTuple):
    """An answer, the same under every adapter: ``status``, and ``text`` as its body."""

    status: int
    text: str

    @property
    def headers(self) -> tuple[tuple[str, str], ...]:
        """All that it has but its length and what the session adds. It is true once, and not to be cached."""
        headers = (("Content-Type", "text/plain; charset=utf-8"), ("Cache-Control", "no-store"))
        return (*headers, ("Retry-After", "1")) if self.status == HTTPStatus.SERVICE_UNAVAILABLE else headers


FORGED = Refusal(403, "This page is out of date. Load it again, and send the form once more.")
"""A form that did not come from a page of its session."""


def refusal_of(error: Exception) -> Refusal:
    """The answer that says ``error``, one of ``REFUSALS``."""
    match error:
        case ConflictError() | SessionGoneError(is_superseded=True):
            return Refusal(409, "Another request changed the same. Try again.")
        case SessionGoneError():
            return Refusal(401, "The session ended meanwhile.")
    return Refusal(503, "The session store does not answer. Try again.")


def ambiguous(store: Store) -> Absence:
    """That several cookies of one name open a session each, so that none of them counts."""
    store.resources.reporter.report("read", Outcome.MISSED, reason=Absence.AMBIGUOUS)
    return Absence.AMBIGUOUS


def report_dropped(store: Store, held: Session | Token | str | None, reason: Reason) -> None:
    """That a change is kept nowhere, and no error says so. ``held``: the session, or what the client sent for it."""
    token = held.snapshot.token if isinstance(held, Session) else parsed(held)
    session_id = None if token is None else token.session_id
    store.resources.reporter.report("write", Outcome.REFUSED, session_id=session_id, reason=reason)
