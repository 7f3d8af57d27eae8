"""Removing what is stale. Hygiene, not safety: a stale session is dead for every reader already."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

from sojourn.backend import Fate, Hint, Record, SweepBackend
from sojourn.errors import StoreUnavailableError
from sojourn.retry import Retry
from sojourn.settings import Settings

CLOCK_ERROR_SECONDS = 5
"""How far two clocks may be apart. A session is swept only when it is dead by every one of them."""

_PAGE = 100
_RESERVE_SECONDS = 5
"""A run starts no page later than this before its deadline, so that a page begun is a page finished."""


@dataclass(frozen=True, slots=True)
class SweepReport:
    """What one run did, in sessions, and whether due ones are waiting still."""

    swept: int = 0
    moved: int = 0
    missing: int = 0
    left: int = 0
    more: bool = False

    def __add__(self, other: "SweepReport") -> "SweepReport":
        return SweepReport(
            swept=self.swept + other.swept,
            moved=self.moved + other.moved,
            missing=self.missing + other.missing,
            left=self.left + other.left,
            more=self.more or other.more,
        )


def placed(record: Record, settings: Settings) -> Record:
    """``record`` with its place in the sweep index, set once in its life and paid for once.

    No touch and no write moves it; a sweeper that finds the session alive moves it ahead.
    """
    if not settings.sweep_index:
        return replace(record, sweep_shard=None, sweep_at=None)
    digest = hashlib.sha256(record.session_id.encode()).digest()
    shard = int.from_bytes(digest[:4], "big") % settings.sweep_shards
    return replace(record, sweep_shard=str(shard), sweep_at=record.expires_at + settings.sweep_grace_seconds)


class Sweeper:
    """One run over the sweep index: stateless, so it may be killed, repeated or overlapped at any point."""

    def __init__(self, backend: SweepBackend, settings: Settings, *, clock: Callable[[], int], retry: Retry) -> None:
        self._backend = backend
        self._settings = settings
        self._clock = clock
        self._retry = retry

    def run(self, *, deadline: int) -> SweepReport:
        """Sweep every shard, or as many as there is time for before ``deadline`` (epoch seconds)."""
        self._retry = self._retry.within(deadline - self._clock())
        report = SweepReport()
        for shard in range(self._settings.sweep_shards):
            report += self._shard(str(shard), deadline=deadline)
        return report

    def _shard(self, shard: str, *, deadline: int) -> SweepReport:
        report, after = SweepReport(), None
        cutoff = self._clock() - CLOCK_ERROR_SECONDS
        while True:
            if self._clock() + _RESERVE_SECONDS > deadline:
                return replace(report, more=True)
            try:
                page = self._retry.run(partial(self._backend.due, shard, until=cutoff, limit=_PAGE, after=after))
                report += self._hints(page.hints, cutoff=cutoff)
            except StoreUnavailableError as error:
                if not error.is_transient:
                    raise
                return replace(report, more=True)
            after = page.after
            if after is None:
                return report

    def _hints(self, hints: tuple[Hint, ...], *, cutoff: int) -> SweepReport:
        if not hints:
            return SweepReport()
        report = SweepReport()
        fates = self._retry.run(lambda: self._backend.delete_stale(hints, cutoff=cutoff))
        for hint, (fate, record) in zip(hints, fates, strict=True):
            report += self._settled(hint, fate, record)
        return report

    def _settled(self, hint: Hint, fate: Fate, record: Record | None) -> SweepReport:
        match fate:
            case Fate.SWEPT:
                return SweepReport(swept=1)
            case Fate.MISSING:
                return SweepReport(missing=1)
            case Fate.ALIVE if record is not None:
                ahead = record.expires_at + self._settings.sweep_grace_seconds
                is_moved = self._retry.run(lambda: self._backend.postpone(hint, sweep_at=ahead))
                return SweepReport(moved=int(is_moved))
        return SweepReport(left=1, more=True)
