"""What a backend must be able to do to be swept. Knows no order, no budget and no deadline: see run.

A sweep backend makes one attempt per call, as every backend does.
"""

from collections.abc import Sequence
from decimal import Decimal
from enum import Enum
from typing import NamedTuple, Protocol

from sojourn.values import dataclass

SWEEP_BATCH = 25
"""How many sessions one call of the sweeper removes or moves: the statements that one BatchExecuteStatement takes."""


class Hint(NamedTuple):
    """A session that may be stale. ``sweep_at`` is its place in the sweep index, ``None`` when a scan found it.

    The places that Sojourn stores are whole numbers; a ``Decimal`` is what another application stored.
    """

    session_id: str
    sweep_at: int | Decimal | None


class Move(NamedTuple):
    """A live session's new place in the sweep index.

    ``expires_at`` is the deadline it was computed from: the move counts only while none is earlier, so that a lifetime
    cut short meanwhile keeps its place. ``None`` for what is no session.
    """

    hint: Hint
    sweep_at: int
    expires_at: int | None = None


class Fate(Enum):
    """What became of one hint."""

    SWEPT = "swept"
    MISSING = "missing"
    ALIVE = "alive"
    FOREIGN = "foreign"
    LEFT = "left"
    REFUSED = "refused"
    """Left, and asking again would not help."""


class Verdict(NamedTuple):
    """The fate of one hint, with the deadline of what was removed or is alive."""

    fate: Fate
    expires_at: int | None = None


@dataclass(frozen=True, slots=True)
class HintPage:
    """Some hints, and where their list goes on; ``after`` is ``None`` on the last page and opaque otherwise.

    ``units`` are the read units it took.
    """

    hints: tuple[Hint, ...]
    after: object | None
    units: float = 0


@dataclass(frozen=True, slots=True)
class Removal:
    """One verdict for each hint, in order, and the write units it took."""

    verdicts: tuple[Verdict, ...]
    units: float = 0


@dataclass(frozen=True, slots=True)
class Postponement:
    """How many were moved, the write units it took, and how many were ``left`` where they are by a refusal."""

    moved: int
    units: float = 0
    left: int = 0


class SweepBackend(Protocol):
    """Where stale sessions are found and removed."""

    def due(self, shard: str, *, until: int, limit: int, after: object | None = None) -> HintPage:
        """Hints of one shard whose ``sweep_at`` is at or before ``until``, the oldest first."""

    def scan(self, segment: int, *, segments: int, until: int, after: object | None = None) -> HintPage:
        """Hints of sessions whose deadline is at or before ``until``, in one of the parts the table is cut into.

        Finds what no index names. A page may be empty and not the last.
        """

    def delete_stale(self, hints: Sequence[Hint], *, cutoff: int) -> Removal:
        """Remove each of at most ``SWEEP_BATCH`` sessions, if its deadline is at or before ``cutoff``.

        Raises ``StoreUnavailableError`` when every one was refused for good: a permission is missing, say.
        """

    def postpone(self, moves: Sequence[Move]) -> Postponement:
        """Move at most ``SWEEP_BATCH`` hints, each unless it was moved or its deadline brought forward meanwhile."""
