"""Stores that misbehave on purpose: others are faster, or nobody answers. Behaves like a backend otherwise."""

from collections.abc import Callable

from sojourn.backend import Page, Position, Record, Refused
from sojourn.backends.memory import MemoryBackend
from sojourn.errors import StoreUnavailableError
from sojourn.sweep.backend import HintPage

Act = Callable[[], None]
"""What somebody else does."""


class OvertakenBackend(MemoryBackend):
    """Someone else does ``meanwhile`` just before each of the first ``times`` writes."""

    def __init__(self) -> None:
        super().__init__()
        self.meanwhile: Act = lambda: None
        self.times = 0
        self.renewals = 0

    def renew(self, record: Record, *, seen: Record, now: int) -> Record | Refused:
        """As in memory, and counted."""
        self.renewals += 1
        return super().renew(record, seen=seen, now=now)

    def replace(self, record: Record, *, seen: Record, now: int) -> Record | Refused:
        """As in memory, a moment too late."""
        if self.times > 0:
            self.times -= 1
            remaining, self.times = self.times, 0
            self.meanwhile()
            self.times = remaining
        return super().replace(record, seen=seen, now=now)


class SilentBackend(MemoryBackend):
    """Answers nothing once ``is_silent``; then ``error`` is raised."""

    def __init__(self) -> None:
        super().__init__()
        self.is_silent = False
        self.on_due: Callable[[], None] = lambda: None
        self.error: Exception = StoreUnavailableError("table sessions-1 is throttled", is_transient=True)

    def _answer(self) -> None:
        if self.is_silent:
            raise self.error

    def insert(self, record: Record) -> Record | Refused:
        """As in memory, or silence."""
        self._answer()
        return super().insert(record)

    def load(self, session_id: str, *, is_consistent: bool = True) -> Record | None:
        """As in memory, or silence."""
        self._answer()
        return super().load(session_id, is_consistent=is_consistent)

    def delete(self, session_id: str, *, expires_at: int | None = None, subject: str | None = None) -> bool:
        """As in memory, or silence."""
        self._answer()
        return super().delete(session_id, expires_at=expires_at, subject=subject)

    def of_subject(self, subject: str, *, limit: int, after: Position | None = None) -> Page:
        """As in memory, or silence."""
        self._answer()
        return super().of_subject(subject, limit=limit, after=after)

    def due(self, shard: str, *, until: int, limit: int, after: object | None = None) -> HintPage:
        """As in memory, or silence."""
        self._answer()
        self.on_due()
        return super().due(shard, until=until, limit=limit, after=after)
