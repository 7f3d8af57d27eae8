"""Everything that Sojourn raises. Says what happened and what to do; holds no token and no document.

    SojournError
    ├── SessionGoneError        the session you hold was expired or swept, or its token replaced
    ├── ConflictError           someone changed the same keys after you read the session
    ├── SessionLockedError      someone else had the session's lock for as long as you would wait
    ├── LockLostError           your lease on the session ran out, and someone else may have had it
    ├── SessionTooLargeError    the document is larger than the store takes
    ├── InvalidDataError        a value, deadline or name that the store cannot keep
    ├── StoreUnavailableError   the store did not answer, or refused to serve us
    ├── CorruptSessionError     what is stored under this id is not a session of ours
    └── ConfigurationError      a setting is missing or wrong

That a session does not exist is no error: ``Store.read`` returns ``None``. Messages show whole session ids, which open
nothing.
"""

from sojourn.absence import Absence


class SojournError(Exception):
    """The root of the tree; catch it to catch everything that Sojourn raises.

    ``is_reported``: an event has told it, so a verb around the one that raised it does not tell it again.
    """

    is_reported: bool = False


class SessionGoneError(SojournError):
    """What you hold opens no session any more; it ended, or its token was replaced.

    ``is_superseded``: the session lives on under another token, which a rotation made after you read it. A request that
    meets this was in flight: it neither sets nor takes a cookie. ``outcome_unknown`` is true when an attempt of this
    call went unanswered and may have been stored before the session ended or was rotated. ``reason`` is for the log:
    ``UNKNOWN`` where nothing is stored any more.
    """

    def __init__(self, session_id: str, *, reason: Absence = Absence.UNKNOWN, outcome_unknown: bool = False) -> None:
        self.session_id = session_id
        self.reason = reason
        self.outcome_unknown = outcome_unknown
        what = "was rotated after you read it" if self.is_superseded else "is gone; create a new one"
        super().__init__(f"session {session_id} {what}")

    @property
    def is_superseded(self) -> bool:
        """See above."""
        return self.reason is Absence.SUPERSEDED


class ConflictError(SojournError):
    """Someone wrote the same keys after you read the session. Read again, reapply, write."""

    def __init__(self, session_id: str, *, keys: frozenset[str]) -> None:
        named = ", ".join(sorted(keys)) or "the document"
        super().__init__(f"session {session_id} changed under you: {named}; read it again and reapply")
        self.session_id = session_id
        self.keys = keys


class SessionLockedError(SojournError):
    """Others held the lock of the session all the while. Nothing was done under it; try later."""

    def __init__(self, session_id: str, *, waited: float) -> None:
        super().__init__(f"session {session_id} was locked for the {waited:g} seconds that you would wait")
        self.session_id = session_id
        self.waited = waited


class LockLostError(SojournError):
    """What you did under the lock outlasted its lease, so someone else may have done the same meanwhile.

    What you wrote to the session is stored all the same. Elsewhere compare fences, or take a longer lease.
    """

    def __init__(self, session_id: str) -> None:
        super().__init__(f"the lease on session {session_id} ran out before the lock was released")
        self.session_id = session_id


class SessionTooLargeError(SojournError):
    """The document takes more than ``limit`` bytes. Nothing was stored. ``setting`` names what would have to change."""

    def __init__(self, size: int, *, limit: int, setting: str = "SOJOURN_MAX_BYTES") -> None:
        change = f"set {setting}" if setting == "SOJOURN_BUCKET" else f"raise {setting}"
        super().__init__(f"the document takes {size} bytes, the limit is {limit}; store less, or {change}")
        self.size = size
        self.limit = limit
        self.setting = setting


class InvalidDataError(SojournError):
    """A value that cannot be kept. ``path`` leads to it from the document's root; no message shows the value."""

    def __init__(self, reason: str, *, path: tuple[str | int, ...] = ()) -> None:
        super().__init__(f"{rendered(path)}: {reason}")
        self.reason = reason
        self.path = path


class StoreUnavailableError(SojournError):
    """The store is away, throttled or forbidden. Never a sign that a session does not exist.

    ``outcome_unknown`` is true when the request may have taken effect although no answer came;
    ``is_transient`` when trying again can help.
    """

    def __init__(self, reason: str, *, outcome_unknown: bool = False, is_transient: bool = False) -> None:
        warning = "; whether the change took effect is unknown: read the session again" if outcome_unknown else ""
        super().__init__(f"the session store is unavailable: {reason}{warning}")
        self.reason = reason
        self.outcome_unknown = outcome_unknown
        self.is_transient = is_transient


class CorruptSessionError(SojournError):
    """What is stored is not a session in a format this version knows. Nothing in it was executed."""

    def __init__(self, reason: str, *, session_id: str | None = None) -> None:
        where = f"session {session_id}" if session_id else "a session"
        super().__init__(f"{where} cannot be read: {reason}; expire it, or read it with the version that wrote it")
        self.reason = reason
        self.session_id = session_id


class ConfigurationError(SojournError):
    """A setting is missing or wrong; the message names it and what it takes."""


def rendered(path: tuple[str | int, ...]) -> str:
    """A path as a person writes it: ``cart[3].price``; the document itself is ``document``."""
    steps = [f"[{step}]" if isinstance(step, int) else f".{step}" for step in path]
    return "".join(steps).removeprefix(".") or "document"
