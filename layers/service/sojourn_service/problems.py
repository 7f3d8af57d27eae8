"""The response to a request that is not served: problem details (RFC 9457), and which error becomes which.

A problem says what the client can do about it and nothing about our insides; those go to the log, see telemetry.
"""

from collections.abc import Mapping
from dataclasses import field
from typing import Final, Literal

from sojourn.absence import Absence
from sojourn.errors import (
    ConflictError,
    CorruptSessionError,
    InvalidDataError,
    SessionGoneError,
    SessionTooLargeError,
    SojournError,
    StoreUnavailableError,
)
from sojourn.events import Cause, Outcome, meaning_of
from sojourn.values import dataclass

_URN: Final = "urn:sojourn:problem:"
_RETRY_AFTER_SECONDS: Final = 1

Kind = Literal[
    "body-too-large",
    "conflict",
    "corrupt-session",
    "internal-error",
    "invalid-data",
    "malformed-request",
    "missing-header",
    "no-caller",
    "no-such-route",
    "precondition-failed",
    "precondition-required",
    "session-not-found",
    "session-too-large",
    "store-unavailable",
    "token-superseded",
    "unsupported-media-type",
]
"""The end of every problem's ``type``. Clients branch on it, so it does not change."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One problem: ``kind`` ends its ``type``, ``members`` and ``headers`` are what it has beyond the usual.

    ``reason`` is what is counted where the service itself refuses, and no store does.
    """

    status: int
    kind: Kind
    title: str
    detail: str
    members: Mapping[str, object] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    reason: Cause | None = None

    def document(self, *, request_id: str) -> dict[str, object]:
        """The problem details object."""
        return {
            "type": _URN + self.kind,
            "title": self.title,
            "status": self.status,
            "detail": self.detail,
            "request_id": request_id,
            **self.members,
        }


class ProblemError(Exception):
    """Ends a request with ``problem``."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.kind)
        self.problem = problem


SESSION_NOT_FOUND: Final = Problem(
    404,
    "session-not-found",
    "No such session",
    "No live session has this token.",
)
"""The same for unknown, expired, revoked, foreign and malformed tokens: the difference would help attackers."""

TOKEN_SUPERSEDED: Final = Problem(
    404,
    "token-superseded",
    "The token was replaced",
    "A rotation replaced this token a moment ago. Neither set nor clear a cookie on account of it.",
)
"""For a request that was on its way when its token was replaced. Callers are known by IAM: no stranger learns it."""

NO_SUCH_ROUTE: Final = Problem(404, "no-such-route", "No such route", "This function does not serve this route.")

NO_CALLER: Final = Problem(
    401,
    "no-caller",
    "No IAM caller",
    "Every route needs a request signed with AWS credentials (Signature Version 4, service execute-api).",
    headers={"WWW-Authenticate": "AWS4-HMAC-SHA256"},
)

PRECONDITION_REQUIRED: Final = Problem(
    428,
    "precondition-required",
    "If-Match is required",
    'Replacing a document needs If-Match with the ETag of the version it replaces, or "*" to overwrite any.',
)

PRECONDITION_FAILED: Final = Problem(
    412,
    "precondition-failed",
    "The session has changed",
    "The session is not at a version that If-Match names. Read it again and reapply.",
    reason=Cause.CONFLICT,
)

CORRUPT_SESSION: Final = Problem(
    500,
    "corrupt-session",
    "The session cannot be read",
    "What is stored under this token is not a session in a format this version knows. It can still be expired.",
)

INTERNAL_ERROR: Final = Problem(
    500, "internal-error", "Internal error", "Something went wrong on our side; the request id leads to it in the log."
)


def absent(absence: Absence) -> ProblemError:
    """The error for a token that opens no session."""
    return ProblemError(TOKEN_SUPERSEDED if absence is Absence.SUPERSEDED else SESSION_NOT_FOUND)


def malformed(detail: str, **members: object) -> Problem:
    """The request breaks a rule of its form: header, parameter or JSON itself."""
    return Problem(400, "malformed-request", "Malformed request", detail, members=members)


def missing_header(name: str) -> Problem:
    """A header that the route cannot do without is not there."""
    return Problem(400, "missing-header", "Missing header", f"The {name} header is required.", members={"header": name})


def body_too_large(size: int, *, limit: int) -> Problem:
    """The body as sent is larger than any document's could be, so it is not even parsed. Sizes are bytes."""
    return Problem(
        413,
        "body-too-large",
        "The body is too large",
        f"The body takes {size} bytes, the limit is {limit}.",
        members={"limit": limit, "size": size},
        reason=Cause.TOO_LARGE,
    )


def unsupported_media_type(detail: str, *, accepted: str, is_patch: bool) -> Problem:
    """The body comes in a form that the route does not read."""
    header = "Accept-Patch" if is_patch else "Accept-Post"
    return Problem(415, "unsupported-media-type", "Unsupported media type", detail, headers={header: accepted})


def problem_of(error: Exception) -> Problem:
    """The problem that ``error`` becomes. What is not known here is an internal error and shows no more than that."""
    match error:
        case ProblemError(problem=problem):
            return problem
        case SessionGoneError(is_superseded=is_superseded):
            return TOKEN_SUPERSEDED if is_superseded else SESSION_NOT_FOUND
        case CorruptSessionError():
            return CORRUPT_SESSION
        case SojournError():
            return _problem_of_request(error)
    return INTERNAL_ERROR


def reason_of(error: Exception) -> dict[str, object]:
    """Outcome, reason and detail of ``error`` as a log line has them; empty where it is about no session."""
    if isinstance(error, ProblemError):
        refused = error.problem.reason
        return {} if refused is None else {"outcome": Outcome.REFUSED.value, "reason": refused.value}
    meaning = meaning_of(error)
    if meaning is None:
        return {}
    outcome, reason, detail = meaning
    return {"outcome": outcome.value, "reason": reason.value, **({"detail": detail} if detail else {})}


def pointer_of(path: tuple[str | int, ...]) -> str:
    """The JSON pointer (RFC 6901) of a path."""
    return "".join(f"/{str(step).replace('~', '~0').replace('/', '~1')}" for step in path)


def _problem_of_request(error: SojournError) -> Problem:
    match error:
        case InvalidDataError(reason=reason, path=path):
            pointer = pointer_of(path)
            detail = f"{pointer or 'The body'} {reason}."
            return Problem(422, "invalid-data", "Invalid data", detail, members={"pointer": pointer})
        case SessionTooLargeError(size=size, limit=limit):
            detail = f"The document takes {size} bytes, the limit is {limit}. Nothing was stored."
            members = {"limit": limit, "size": size}
            return Problem(413, "session-too-large", "The session is too large", detail, members=members)
        case ConflictError(keys=keys):
            return _conflict(keys)
        case StoreUnavailableError(outcome_unknown=outcome_unknown):
            return _unavailable(outcome_unknown=outcome_unknown)
    return INTERNAL_ERROR


def _conflict(keys: frozenset[str]) -> Problem:
    return Problem(
        409,
        "conflict",
        "Other requests keep changing the session",
        "Other requests changed the same keys faster than this one could reapply its change. Try again.",
        members={"keys": sorted(keys)},
    )


def _unavailable(*, outcome_unknown: bool) -> Problem:
    unknown = "Whether the change took effect is unknown: read the session before you repeat it."
    return Problem(
        503,
        "store-unavailable",
        "The store is unavailable",
        f"The store did not respond. {unknown}" if outcome_unknown else "The store did not respond. Try again.",
        members={"outcome_unknown": outcome_unknown},
        headers={"Retry-After": str(_RETRY_AFTER_SECONDS)},
    )
