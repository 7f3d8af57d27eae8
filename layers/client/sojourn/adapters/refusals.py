"""What an adapter answers in the place of a page when the session could not be read or stored. Renders nothing."""

from sojourn.errors import ConflictError, SessionGoneError, StoreUnavailableError

REFUSALS = (ConflictError, SessionGoneError, StoreUnavailableError)
"""What a store raises that an application need not know of: an adapter answers in its place."""


def refusal_of(error: Exception) -> tuple[int, str]:
    """The status and the text of the answer when the session could not be read or stored."""
    match error:
        case ConflictError() | SessionGoneError(is_superseded=True):
            return 409, "Another request changed the same. Try again."
        case SessionGoneError():
            return 401, "The session ended meanwhile."
    return 503, "The session store does not answer. Try again."
