"""What happens to sessions, as values: for the log, and for a function of the application. Counts nothing.

A read that finds its session is no event. Nothing here holds a token, a document, a subject or a label.
"""

import logging
from collections.abc import Callable
from enum import StrEnum
from types import TracebackType
from typing import Final, TypeAlias

from sojourn.absence import Absence
from sojourn.errors import (
    ConflictError,
    CorruptSessionError,
    LockLostError,
    SessionGoneError,
    SessionLockedError,
    SessionTooLargeError,
    SojournError,
    StoreUnavailableError,
)
from sojourn.session import Session
from sojourn.values import dataclass

logger: logging.Logger = logging.getLogger(__name__)


class Outcome(StrEnum):
    """How a verb ended. One that only reads or writes a session that is there has none of these."""

    CREATED = "created"
    """A session began."""

    LOGGED_IN = "logged in"
    """A session became a subject's, under a new token."""

    ROTATED = "rotated"
    """A session has a new token."""

    ENDED = "ended"
    """A session was ended on purpose; the reason says on whose."""

    MISSED = "missed"
    """A caller's token, or the session that it held, is none (any more)."""

    REFUSED = "refused"
    """The verb raised an error, and was not carried out, or that is unknown."""


class Cause(StrEnum):
    """Why a session was ended, or a verb refused. Why a session was missed is an ``Absence`` or ``GONE``."""

    LOGOUT = "logout"
    """Ended with its own token."""

    OWNER = "owner"
    """Ended by its subject's name: from a list of devices, or with all others."""

    OPERATOR = "operator"
    """Ended by its id alone, as the command ``sojourn end`` does."""

    EMPTIED = "emptied"
    """Ended because everything was taken out of it."""

    DISCARDED = "discarded"
    """Ended because its token never reached a client."""

    GONE = "gone meanwhile"
    """Missed: the session that a caller held has been ended since it was read."""

    CONFLICT = "conflict"
    """Refused: another writer changed the same keys."""

    TOO_LARGE = "too large"
    """Refused: the document is larger than the store takes."""

    CORRUPT = "corrupt"
    """Refused: what is stored is no session of this version, or does not open."""

    LOCKED = "locked"
    """Refused: other callers held the lock."""

    LOCK_LOST = "lock lost"
    """Refused: the work outlasted its lease."""

    ANSWERED = "after the answer"
    """Refused: a change that came when the answer was under way is dropped."""

    UNAVAILABLE = "unavailable"
    """Refused: the store is away, throttled or forbidden. ``detail`` says which."""


Reason: TypeAlias = Absence | Cause


@dataclass(frozen=True, slots=True)
class SessionEvent:
    """One happening. ``session_id`` is ``None`` where no session is known, ``reason`` where none is needed.

    ``verb`` is the name of the store's method; ``detail`` is the store's own text about a refusal.
    """

    verb: str
    outcome: Outcome
    namespace: str
    session_id: str | None = None
    reason: Reason | None = None
    detail: str | None = None

    def fields(self) -> dict[str, object]:
        """As a log line has them; what is ``None`` is left out."""
        named = {
            "verb": self.verb,
            "outcome": self.outcome.value,
            "namespace": self.namespace,
            "session": self.session_id,
            "reason": None if self.reason is None else self.reason.value,
            "detail": self.detail,
        }
        return {name: value for name, value in named.items() if value is not None}

    def __str__(self) -> str:
        """For people: ``read: session sUNW4b5IH5bg missed: idle``."""
        what = f"{self.verb}: session {self.session_id or '(no id)'} {self.outcome.value}"
        return ": ".join([what, *(part for part in (self.reason, self.detail) if part is not None)])


OnEvent: TypeAlias = Callable[[SessionEvent], object]
"""A function of the application. Several threads may call it at once."""


class Reporter:
    """Hands each event to the logger ``sojourn.events`` and the application's function; creates none for neither."""

    __slots__ = ("_is_logging", "_namespace", "_on_event")

    def __init__(self, namespace: str, on_event: OnEvent | None = None, *, is_logging: bool = True) -> None:
        self._namespace = namespace
        self._on_event = on_event
        self._is_logging = is_logging

    def to(self, on_event: OnEvent, *, is_logging: bool = True) -> "Reporter":
        """This one, with another function. Without ``is_logging`` that writes the log, too."""
        return Reporter(self._namespace, on_event, is_logging=is_logging)

    def report(
        self,
        verb: str,
        outcome: Outcome,
        *,
        session_id: str | None = None,
        reason: Reason | None = None,
        detail: str | None = None,
    ) -> None:
        """One event. Raises nothing that the application's function raises."""
        level = logging.WARNING if outcome is Outcome.REFUSED else logging.INFO
        is_logged = self._is_logging and logger.isEnabledFor(level)
        if not is_logged and self._on_event is None:
            return
        event = SessionEvent(verb, outcome, self._namespace, session_id, reason, detail)
        if is_logged:
            logger.log(level, "%s", event, extra=event.fields())
        if self._on_event is not None:
            self._call(self._on_event, event)

    def report_error(self, verb: str, error: SojournError, *, session_id: str | None = None) -> None:
        """What ``error`` means for a session, once; nothing where it is about the caller's arguments or settings."""
        meaning = meaning_of(error)
        if meaning is not None and not error.is_reported:
            error.is_reported = True
            outcome, reason, detail = meaning
            known = getattr(error, "session_id", None) or session_id
            self.report(verb, outcome, session_id=known, reason=reason, detail=detail)

    def watch(self, verb: str, session: object = None) -> "Watch":
        """Report the error that ends a ``with`` block."""
        return Watch(self, verb, session)

    @staticmethod
    def _call(on_event: OnEvent, event: SessionEvent) -> None:
        try:
            on_event(event)
        except Exception:  # the application's own function: its mistake is logged, and must end no user's request
            logger.exception("on_event raised an exception at an event; the request goes on")


class Watch:
    """See ``Reporter.watch``."""

    __slots__ = ("_reporter", "_session", "_verb")

    def __init__(self, reporter: Reporter, verb: str, session: object) -> None:
        self._reporter = reporter
        self._verb = verb
        self._session = session

    def __enter__(self) -> None:
        """Nothing is done before there is an error."""

    def __exit__(self, _kind: object, error: BaseException | None, _traceback: TracebackType | None) -> None:
        if isinstance(error, SojournError):
            session_id = self._session.id if isinstance(self._session, Session) else None
            self._reporter.report_error(self._verb, error, session_id=session_id)


_REFUSALS: Final[tuple[tuple[type[SojournError], Cause], ...]] = (
    (ConflictError, Cause.CONFLICT),
    (SessionTooLargeError, Cause.TOO_LARGE),
    (CorruptSessionError, Cause.CORRUPT),
    (SessionLockedError, Cause.LOCKED),
    (LockLostError, Cause.LOCK_LOST),
    (StoreUnavailableError, Cause.UNAVAILABLE),
)


def meaning_of(error: BaseException) -> tuple[Outcome, Reason, str | None] | None:
    """Outcome, reason and detail of an event that tells of ``error``; ``None`` where it is about no session."""
    if isinstance(error, SessionGoneError):
        return Outcome.MISSED, Cause.GONE if error.reason is Absence.UNKNOWN else error.reason, None
    for kind, cause in _REFUSALS:
        if isinstance(error, kind):
            return Outcome.REFUSED, cause, _detail(error)
    return None


def _detail(error: BaseException) -> str | None:
    """The store's own words. Not the keys of a conflict: they are part of a document."""
    if isinstance(error, SessionTooLargeError):
        return f"{error.size} bytes, the limit is {error.limit}"
    return error.reason if isinstance(error, StoreUnavailableError | CorruptSessionError) else None
