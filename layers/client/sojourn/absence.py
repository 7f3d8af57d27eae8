"""Why a token opens no session. For the log and the metrics; a client only learns that there is none."""

from enum import StrEnum


class Absence(StrEnum):
    """One reason each. A client can tell none of them from another, except ``SUPERSEDED`` by what it may do next."""

    MALFORMED = "malformed"
    """No token of ours has this form."""

    AMBIGUOUS = "ambiguous"
    """The client sent several tokens, and more than one of them opens a session."""

    UNKNOWN = "unknown"
    """Nothing is stored under its session id (any more)."""

    FOREIGN_KEY = "foreign key"
    """A session is stored under its id, and this is not its secret (any more)."""

    SUPERSEDED = "superseded"
    """A rotation replaced it while the request was on its way: it opens nothing, but it is no stranger's."""

    IDLE = "idle"
    """The session was not used for its idle time."""

    ABSOLUTE = "absolute"
    """The session reached its absolute deadline."""

    REVOKED_BY_SUBJECT = "revoked by subject"
    """All sessions of its subject were ended."""

    REVOKED_BY_INSTANT = "revoked by instant"
    """All sessions of its namespace created before an instant were ended."""
