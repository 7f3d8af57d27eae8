"""What is the same for all requests of an application: whose a session is, how long one may live. Opens none."""

from collections.abc import Callable, Mapping
from math import isfinite
from typing import TYPE_CHECKING, Any, Literal, get_args

from sojourn.errors import ConfigurationError, InvalidDataError
from sojourn.values import dataclass
from sojourn.writing import REMOVED, Conflict, OnConflict

if TYPE_CHECKING:
    from sojourn.settings import Settings

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})
"""RFC 9110, section 9.2.1: what such a request puts into a session is no purpose of its client."""

SubjectOf = Callable[[Mapping[str, Any]], str | None]
"""Whose a session is, by what is in it."""

Outage = Literal["refuse", "anonymous"]
"""What a page is while the store does not answer: a 503, or the page that a visitor without a session sees."""

OnUnavailable = Outage | Callable[[str], Outage]
"""The same for all pages, or by the path of the request."""


@dataclass(frozen=True, slots=True)
class Rules:
    """How an application's visits are judged."""

    subject_of: SubjectOf | None = None
    on_conflict: OnConflict = "raise"
    on_unavailable: OnUnavailable = "refuse"

    def may_go_without(self, method: str | None, path: str) -> bool:
        """Whether such a request may be served without its session. Raises ``ConfigurationError`` for another choice.

        A safe one alone: what a form does is done or refused.
        """
        choice = self.on_unavailable
        if choice == "refuse" or method not in SAFE_METHODS:
            return False
        return checked_outage(choice(path) if callable(choice) else choice) == "anonymous"


def rules_of(
    subject_of: SubjectOf | str | None, on_conflict: OnConflict, on_unavailable: OnUnavailable = "refuse"
) -> Rules:
    """The rules that the arguments of an adapter describe. Raises ``ConfigurationError``."""
    if not callable(on_unavailable):
        checked_outage(on_unavailable)
    subject_of = subject_under(subject_of) if isinstance(subject_of, str) else subject_of
    return Rules(subject_of, on_conflict, on_unavailable)


def checked_outage(choice: object) -> Outage:
    """``choice``, if it is one. Raises ``ConfigurationError``."""
    for known in get_args(Outage):
        if choice == known:
            return known  # type: ignore[no-any-return]  # get_args knows no types
    raise ConfigurationError(f'on_unavailable is "refuse" or "anonymous", not {choice!r}')


def subject_under(key: str) -> SubjectOf:
    """Whose a session is: the text or whole number under ``key``. It raises ``InvalidDataError`` for anything else."""

    def subject_of(data: Mapping[str, Any]) -> str | None:
        found = data.get(key)
        if found is None or found == "":
            return None
        if isinstance(found, bool) or not isinstance(found, str | int):
            kind = type(found).__name__
            raise InvalidDataError(f"is of type {kind} and names no subject; give subject_of a function", path=(key,))
        return str(found)

    return subject_of


def merged_messages(*keys: str) -> Callable[[Conflict], object]:
    """For ``on_conflict``: what two requests did to the lists under ``keys`` counts, else the last request does.

    Messages that one request added are kept, and those that one showed and took out are gone.
    """

    def resolve(conflict: Conflict) -> object:
        base, mine, theirs = (_listed(value) for value in (conflict.base, conflict.mine, conflict.theirs))
        if conflict.key not in keys or base is None or mine is None or theirs is None:
            return conflict.mine
        added, taken = _without(mine, base), _without(base, mine)
        return [*_without(theirs, taken), *added] or REMOVED

    return resolve


def _listed(value: object) -> list[object] | None:
    if value is REMOVED:
        return []
    return list(value) if isinstance(value, list | tuple) else None


def _without(items: list[object], others: list[object]) -> list[object]:
    """``items``, but for each of ``others`` one of its like."""
    left, rest = list(others), []
    for item in items:
        if item in left:
            left.remove(item)
        else:
            rest.append(item)
    return rest


def checked_lifetime(seconds: float | None, settings: "Settings", *, name: str) -> int | None:
    """The whole seconds of a framework's setting. Raises ``ConfigurationError`` for what no session can live."""
    if seconds is None:
        return None
    limit = settings.max_absolute_seconds
    # object: settings of frameworks hold text, too.
    given: object = seconds
    is_number = isinstance(given, int | float) and not isinstance(given, bool) and isfinite(given)
    if not is_number or seconds != int(seconds) or not 1 <= seconds <= limit:
        raise ConfigurationError(f"{name} takes whole seconds from 1 to {limit} (SOJOURN_MAX_ABSOLUTE_SECONDS)")
    return int(seconds)
