"""One line of what the doctor found. Calls nothing."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from enum import Enum

from sojourn.cli.aws import RefusedError


class State(Enum):
    """What a row says."""

    OK = "ok"
    TO_DO = "to do"
    UNKNOWN = "not seen"
    """It could not be looked at."""
    NOTE = "note"
    """Neither right nor wrong: the operator's choice."""


@dataclass(frozen=True, slots=True)
class Row:
    """``found`` is what is there; ``remedy`` what to do, or what would have to be allowed to look."""

    area: str
    check: str
    state: State
    found: str
    remedy: str | None = None


def judged(area: str, check: str, is_right: object, found: str, *, remedy: str) -> Row:
    """A row that is right, or says what to do."""
    return Row(area, check, State.OK, found) if is_right else Row(area, check, State.TO_DO, found, remedy)


def unseen(area: str, check: str, refusal: RefusedError) -> Row:
    """A row that could not be looked at."""
    remedy = "ask somebody who may, or allow it" if refusal.is_denied else None
    return Row(area, check, State.UNKNOWN, refusal.reason, remedy)


def looked(area: str, check: str, look: Callable[[], Iterable[Row]]) -> Iterator[Row]:
    """The rows of one look, or one that says why there are none."""
    try:
        yield from look()
    except RefusedError as refusal:
        yield unseen(area, check, refusal)
