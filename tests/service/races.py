"""Stores that misbehave on purpose: other requests are faster, or no call is answered. Backends otherwise."""

from collections.abc import Callable

from sojourn.backend import Mark, Match, Page, Position, Record, Refused
from sojourn.backends.memory import MemoryBackend
from sojourn.errors import StoreUnavailableError
from sojourn.sweep.backend import HintPage

Act = Callable[[], None]
"""What another request does."""


class OvertakenBackend(MemoryBackend):
    """Another request does ``meanwhile`` just before each of the first ``times`` writes.

    Before renewals as well, where it ``overtakes_renewals``.
    """

    def __init__(self) -> None:
        super().__init__()
        self.meanwhile: Act = lambda: None
        self.times = 0
        self.overtakes_renewals = False
        self.renewals = 0

    def renew(self, record: Record, *, seen: Record, now: int) -> Record | Refused:
        """As in memory, and counted; a moment too late where renewals are overtaken."""
        self.renewals += 1
        if self.overtakes_renewals:
            self._overtake()
        return super().renew(record, seen=seen, now=now)

    def replace(self, record: Record, *, seen: Record, now: int) -> Record | Refused:
        """As in memory, a moment too late."""
        self._overtake()
        return super().replace(record, seen=seen, now=now)

    def _overtake(self) -> None:
        if self.times > 0:
            self.times -= 1
            remaining, self.times = self.times, 0
            self.meanwhile()
            self.times = remaining


class SilentBackend(MemoryBackend):
    """Raises ``error`` once it ``is_silent``."""

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

    def load_with_mark(self, session_id: str, mark: str) -> tuple[Record | None, Mark | None]:
        """As in memory, or silence."""
        self._answer()
        return super().load_with_mark(session_id, mark)

    def delete(self, session_id: str, *, match: Match) -> Refused | None:
        """As in memory, or silence."""
        self._answer()
        return super().delete(session_id, match=match)

    def of_subject(self, subject: str, *, limit: int, after: Position | None = None) -> Page:
        """As in memory, or silence."""
        self._answer()
        return super().of_subject(subject, limit=limit, after=after)

    def due(self, shard: str, *, until: int, limit: int, after: object | None = None) -> HintPage:
        """As in memory, or silence."""
        self._answer()
        self.on_due()
        return super().due(shard, until=until, limit=limit, after=after)
