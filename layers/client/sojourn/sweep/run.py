"""One run of the sweeper. Hygiene, not safety: a stale session is dead for every reader already.

Hints come from the sweep index, or from a scan that goes round the table; what becomes of a hint does not depend on
where it came from. A run keeps no state, so it may be killed at any line, repeated and overlapped.
"""

import math
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial, reduce
from operator import add

from sojourn.errors import ConfigurationError, StoreUnavailableError
from sojourn.retry import Retry
from sojourn.settings import Settings
from sojourn.sweep.backend import SWEEP_BATCH, Fate, Hint, HintPage, Move, SweepBackend, Verdict
from sojourn.sweep.report import Share, SweepReport
from sojourn.values import dataclass, replace

CLOCK_ERROR_SECONDS = 5
"""How far two clocks may be apart. A session is swept only when it is dead by every one of them."""

THREADS = 8
"""Lists of hints worked off at once: a thread waits for the network most of its time."""

_PAGE = 1_000
_TRIES = 3
_RESERVE_SECONDS = 5
"""A run begins no batch later than this before its deadline, so that a batch begun is a batch finished."""

_MOST_SEGMENTS = 1_000_000
"""DynamoDB cuts a table into no more."""

_DAY = 86_400
_LEFTOVER_PERIOD_SECONDS = 30 * _DAY
"""How long the scan takes to go round a table that has an index. It is for what the index does not know: sessions
created without one, or in shards that a lower setting no longer asks for."""


class Budget:
    """Write units a second that all threads share. A thread that spends waits until the spending is affordable."""

    def __init__(self, units_per_second: float, *, retry: Retry) -> None:
        """``retry`` brings the clock, the sleep and the deadline, beyond which no thread waits."""
        self._rate = units_per_second
        self._monotonic = retry.monotonic
        self._sleep = retry.sleep
        self._until = math.inf if retry.until is None else retry.until
        self._paid_until = retry.monotonic()
        self._lock = threading.Lock()

    def spend(self, units: float) -> None:
        """Account for units just used, and wait while more than a second's worth is ahead of its time."""
        with self._lock:
            now = self._monotonic()
            self._paid_until = max(self._paid_until, now - 1) + units / self._rate
            wait = min(self._paid_until, self._until) - now
        if wait > 0:
            self._sleep(wait)


class Sweeper:
    """Removes stale sessions until it is done or its time is up."""

    def __init__(
        self, backend: SweepBackend | None, settings: Settings, *, clock: Callable[[], int], retry: Retry
    ) -> None:
        """``clock`` returns epoch seconds. Raises ``ConfigurationError`` where sessions cannot be swept."""
        if backend is None:
            raise ConfigurationError(
                "sessions cannot be swept over SOJOURN_RECORDS_URL; the stack's sweep function does it"
            )
        self._backend = backend
        self._settings = settings
        self._clock = clock
        self._retry = retry

    def run(self, *, deadline: int, share: Share, is_dry: bool) -> SweepReport:
        """Work off this share of the hints before ``deadline`` (epoch seconds); a dry run only counts them."""
        now = self._clock()
        retry = self._retry.within(deadline - now)
        run = _Run(
            backend=self._backend,
            budget=Budget(self._settings.sweep_write_units, retry=retry),
            retry=retry,
            has_time=lambda: self._clock() + _RESERVE_SECONDS <= deadline,
            now=now,
            grace=self._settings.sweep_grace_seconds,
            is_dry=is_dry,
        )
        lists = [self._segment(run, share), *self._shards(run, share)]
        with ThreadPoolExecutor(max_workers=THREADS) as threads:
            return reduce(add, threads.map(run.work_off, lists), SweepReport())

    def _shards(self, run: "_Run", share: Share) -> Iterator[Iterator[HintPage]]:
        if not self._settings.sweep_index:
            return
        shards = range(share.group, self._settings.sweep_shards, share.groups)
        # Others come first each time, so that every shard has its turn when no run finishes. One thread scans.
        first = run.now // self._settings.sweep_interval_seconds * (THREADS - 1) % max(1, len(shards))
        for shard in (*shards[first:], *shards[:first]):
            yield run.pages(partial(self._backend.due, str(shard), until=run.cutoff, limit=_PAGE))

    def _segment(self, run: "_Run", share: Share) -> Iterator[HintPage]:
        """The part of the table whose turn it is by the clock. A table of one page is looked at every time."""
        settings = self._settings
        until = run.cutoff - settings.sweep_grace_seconds
        if not settings.sweep_index and share.group == 0:
            whole = run.page(partial(self._backend.scan, 0, segments=1, until=until))
            yield whole
            if whole.after is None:
                return
        period = _LEFTOVER_PERIOD_SECONDS if settings.sweep_index else settings.sweep_period_seconds
        turns = max(1, min(period // settings.sweep_interval_seconds, _MOST_SEGMENTS // share.groups))
        turn = run.now // settings.sweep_interval_seconds % turns
        segment, segments = turn * share.groups + share.group, turns * share.groups
        yield from run.pages(partial(self._backend.scan, segment, segments=segments, until=until))


@dataclass(frozen=True, slots=True)
class _Run:
    """What the threads of one run share."""

    backend: SweepBackend
    budget: Budget
    retry: Retry
    has_time: Callable[[], bool]
    now: int
    grace: int
    is_dry: bool

    @property
    def cutoff(self) -> int:
        """The deadline at or before which a session is dead by every clock."""
        return self.now - CLOCK_ERROR_SECONDS

    def page(self, call: Callable[[], HintPage]) -> HintPage:
        """One page of hints, with retries."""
        return self.retry.run(call)

    def pages(self, ask: Callable[..., HintPage]) -> Iterator[HintPage]:
        """The pages of one list of hints, one after the other."""
        page = self.page(ask)
        yield page
        while page.after is not None:
            page = self.page(partial(ask, after=page.after))
            yield page

    def work_off(self, pages: Iterator[HintPage]) -> SweepReport:
        """What became of one list of hints, as far as time and the store allowed."""
        report = SweepReport()
        try:
            while self.has_time():
                page = next(pages, None)
                if page is None:
                    return report
                report += SweepReport(calls=1, read_units=page.units)
                for start in range(0, len(page.hints), SWEEP_BATCH):
                    if not self.has_time():
                        return report + self._left_over(page.hints[start:])
                    for part in self._batch(page.hints[start : start + SWEEP_BATCH]):
                        report += part
        except StoreUnavailableError as error:
            if not error.is_transient:
                raise
        return replace(report, more=True)

    def _batch(self, hints: Sequence[Hint]) -> Iterator[SweepReport]:
        """Part by part, so that what was done is reported also when a later call fails."""
        if self.is_dry:
            indexed = sum(hint.sweep_at is not None for hint in hints)
            yield SweepReport(due=len(hints), write_units=len(hints) + indexed)
            return
        waiting = hints
        moves: list[Move] = []
        for number in range(_TRIES):
            try:
                removal = self.retry.run(partial(self.backend.delete_stale, waiting, cutoff=self.cutoff))
            except StoreUnavailableError:
                yield self._left(waiting)
                raise
            yield SweepReport(calls=1, write_units=removal.units) + self._counted(removal.verdicts)
            self.budget.spend(removal.units)
            answers = list(zip(waiting, removal.verdicts, strict=True))
            moves += [self._move(hint, verdict) for hint, verdict in answers if _is_to_be_moved(hint, verdict)]
            yield self._left([hint for hint, verdict in answers if verdict.fate is Fate.REFUSED])
            waiting = [hint for hint, verdict in answers if verdict.fate is Fate.LEFT]
            if not waiting or not self.has_time():
                break
            self.retry.sleep(self.retry.jitter() * self.retry.base * 2**number)
        yield self._left(waiting)
        yield self._moved(moves)

    def _left(self, hints: Sequence[Hint]) -> SweepReport:
        """What could not be removed, nor found to be alive."""
        return replace(self._left_over(hints), left=len(hints)) if hints else SweepReport()

    def _left_over(self, hints: Sequence[Hint]) -> SweepReport:
        """What this run does not get to. Its places in the index say how long it has been waiting."""
        places = [max(0, int(hint.sweep_at)) for hint in hints if hint.sweep_at is not None]
        return SweepReport(more=True, overdue_seconds=max((self.now - place for place in places), default=0))

    def _counted(self, verdicts: Sequence[Verdict]) -> SweepReport:
        fates = [verdict.fate for verdict in verdicts]
        ended = [verdict.expires_at for verdict in verdicts if verdict.fate is Fate.SWEPT and verdict.expires_at]
        return SweepReport(
            swept=fates.count(Fate.SWEPT),
            missing=fates.count(Fate.MISSING),
            foreign=fates.count(Fate.FOREIGN),
            overdue_seconds=max((self.now - self.grace - expires_at for expires_at in ended), default=0),
        )

    def _move(self, hint: Hint, verdict: Verdict) -> Move:
        # What is no session of ours is looked at once a day, so that it does not stand in the way of what is.
        if verdict.expires_at is None:
            return Move(hint, self.now + _DAY)
        return Move(hint, verdict.expires_at + self.grace, verdict.expires_at)

    def _moved(self, moves: Sequence[Move]) -> SweepReport:
        if not moves:
            return SweepReport()
        postponement = self.retry.run(partial(self.backend.postpone, moves))
        self.budget.spend(postponement.units)
        left = postponement.left
        return SweepReport(moved=postponement.moved, left=left, more=left > 0, calls=1, write_units=postponement.units)


def _is_to_be_moved(hint: Hint, verdict: Verdict) -> bool:
    return hint.sweep_at is not None and verdict.fate in (Fate.ALIVE, Fate.FOREIGN)
