"""The sweeper over a store in memory: its time, its budget, its share, and what it tells."""

import random
import threading
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import fields, replace

import pytest

from sojourn import ConfigurationError, Settings, Store, StoreUnavailableError
from sojourn.backend import Match, Record
from sojourn.backends.memory import MemoryBackend
from sojourn.retry import Retry
from sojourn.sweep.backend import Fate, Hint, HintPage, Move, Postponement, Removal, Verdict
from sojourn.sweep.index import placed
from sojourn.sweep.report import Share, SweepReport
from sojourn.sweep.run import CLOCK_ERROR_SECONDS, THREADS, Budget, Sweeper
from tests.unit.faulty import Fault, FaultyBackend

START = 1_700_000_000
DAY = 86_400
ONE_SHARD = Settings(sweep_shards=1, sweep_grace_seconds=0, sweep_write_units=10**9)
MANY_SHARDS = replace(ONE_SHARD, sweep_shards=64)
NO_INDEX = replace(ONE_SHARD, sweep_index=False)


class FakeTime:
    """Wall clock and monotonic clock in one. Sleeping moves it, for all threads."""

    def __init__(self) -> None:
        self.passed = 0.0
        self.slept: list[float] = []
        self._lock = threading.Lock()

    def __call__(self) -> int:
        """Epoch seconds."""
        return START + int(self.passed)

    def monotonic(self) -> float:
        """Seconds since the beginning."""
        return self.passed

    def sleep(self, seconds: float) -> None:
        """Pass, and be remembered."""
        with self._lock:
            self.passed += seconds
            self.slept.append(seconds)

    def pass_by(self, seconds: float) -> None:
        """Pass without anybody sleeping."""
        with self._lock:
            self.passed += seconds


class WatchedBackend(MemoryBackend):
    """In memory, seen at work. Each removal takes ``seconds``, and ``verdict`` may decide otherwise."""

    def __init__(self, time: FakeTime) -> None:
        super().__init__()
        self.seconds = 0.0
        self.page = 10**9
        self.shards: list[str] = []
        self.segments: list[tuple[int, int]] = []
        self.began: list[int] = []
        self.batches: list[int] = []
        self.moves: list[Move] = []
        self.verdict: Callable[[Hint], Verdict | None] = lambda _hint: None
        self._time = time

    def due(self, shard: str, *, until: int, limit: int, after: object | None = None) -> HintPage:
        """As in memory."""
        self.shards.append(shard)
        return super().due(shard, until=until, limit=limit, after=after)

    def scan(self, segment: int, *, segments: int, until: int, after: object | None = None) -> HintPage:
        """As in memory, in pages."""
        self.segments.append((segment, segments))
        hints = super().scan(segment, segments=segments, until=until).hints
        rest = [hint for hint in hints if hint.session_id > str(after or "")]
        shown = tuple(rest[: self.page])
        return HintPage(shown, shown[-1].session_id if len(rest) > self.page else None, units=0.5)

    def delete_stale(self, hints: Sequence[Hint], *, cutoff: int) -> Removal:
        """As in memory, in its time."""
        self.began.append(self._time())
        self.batches.append(len(hints))
        self._time.pass_by(self.seconds)
        forced = [self.verdict(hint) for hint in hints]
        done = super().delete_stale([h for h, v in zip(hints, forced, strict=True) if v is None], cutoff=cutoff)
        found = iter(done.verdicts)
        return Removal(tuple(verdict or next(found) for verdict in forced), len(hints))

    def postpone(self, moves: Sequence[Move]) -> Postponement:
        """As in memory."""
        self.moves += moves
        return super().postpone(moves)


@pytest.fixture
def time() -> FakeTime:
    """The time."""
    return FakeTime()


@pytest.fixture
def backend(time: FakeTime) -> WatchedBackend:
    """Nothing in it."""
    return WatchedBackend(time)


def a_record(name: object, *, expires_at: int) -> Record:
    """A session with a deadline."""
    return Record(
        session_id=f"app#{name}",
        token_hash=bytes(32),
        version=1,
        write_id="first",
        created_at=START - DAY,
        began_at=START - DAY,
        expires_at=expires_at,
        absolute_at=START + DAY,
        idle=1_800,
    )


def filled(
    backend: MemoryBackend, count: int, settings: Settings = ONE_SHARD, *, age: int = 100, name: str = "s"
) -> list[str]:
    """``count`` sessions that ended ``age`` seconds ago; their ids."""
    records = [placed(a_record(f"{name}{n:05}", expires_at=START - age), settings) for n in range(count)]
    for record in records:
        backend.insert(record)
    return [record.session_id for record in records]


def sweep(
    backend: MemoryBackend | FaultyBackend,
    time: FakeTime,
    settings: Settings = ONE_SHARD,
    *,
    seconds: int = 600,
    share: Share | None = None,
    is_dry: bool = False,
    clock: Callable[[], int] | None = None,
) -> SweepReport:
    """One run that has ``seconds``."""
    now = clock or time
    retry = Retry(monotonic=time.monotonic, sleep=time.sleep, jitter=lambda: 0.5)
    sweeper = Sweeper(backend, settings, clock=now, retry=retry)
    return sweeper.run(deadline=now() + seconds, share=share or Share(), is_dry=is_dry)


def stored(backend: MemoryBackend) -> set[str]:
    """The ids of what is there."""
    return set(backend._records)


class TestTime:
    """A run ends before it is ended."""

    def test_fifty_thousand_stale_sessions_are_swept_over_several_runs(
        self, backend: WatchedBackend, time: FakeTime
    ) -> None:
        """Each stops in its time and says that there is more; the last one says that there is not."""
        filled(backend, 50_000, MANY_SHARDS)
        backend.seconds = 0.1
        reports = list[SweepReport]()
        while not reports or reports[-1].more:
            deadline = time() + 60
            reports.append(sweep(backend, time, MANY_SHARDS, seconds=60))
            assert backend.began[-1] <= deadline - 5 + THREADS * backend.seconds
            assert time() < deadline
            time.pass_by(900)
        assert [report.more for report in reports] == [True] * (len(reports) - 1) + [False]
        assert len(reports) > 3
        assert sum(report.swept for report in reports) == 50_000
        assert all(report.swept > 10_000 for report in reports[:3])
        assert stored(backend) == set()

    def test_a_run_without_time_asks_for_nothing(self, backend: WatchedBackend, time: FakeTime) -> None:
        """Nor does it sweep; it says that there may be more."""
        filled(backend, 1)
        assert sweep(backend, time, seconds=4) == SweepReport(more=True)
        assert (backend.shards, backend.segments, len(stored(backend))) == ([], [], 1)
        assert sweep(backend, time, seconds=5).swept == 1

    def test_no_batch_is_begun_that_could_not_be_finished(self, backend: WatchedBackend, time: FakeTime) -> None:
        """Between two batches of a page, too."""
        filled(backend, 100)
        backend.seconds = 4
        report = sweep(backend, time, seconds=12)
        assert (report.swept, report.more) == (50, True)
        assert backend.began == [START, START + 4]

    def test_every_shard_has_its_turn_when_no_run_finishes(self, backend: WatchedBackend, time: FakeTime) -> None:
        """Where a run begins goes on with the clock; a thread that comes too late for its shard has another round."""
        asked, first = list[str](), threading.Barrier(THREADS - 1, timeout=10)
        calls = iter(range(10**6))

        def due(shard: str, **_request: object) -> HintPage:
            asked.append(shard)
            if next(calls) < THREADS - 1:
                first.wait()
                time.pass_by(600)
            return HintPage((), None)

        backend.due = due  # type: ignore[method-assign]  # this test's only backend
        for number in range(40):
            time.passed, calls = 900 * number, iter(range(10**6))
            assert sweep(backend, time, MANY_SHARDS, seconds=60).more
        assert {int(shard) for shard in asked} == set(range(64))


class TestBudget:
    """Sweeping never starves the table."""

    def test_a_run_spends_no_more_units_a_second_than_it_may(self, backend: WatchedBackend, time: FakeTime) -> None:
        """A thousand units at fifty a second take twenty seconds."""
        filled(backend, 1_000)
        report = sweep(backend, time, replace(ONE_SHARD, sweep_write_units=50))
        assert (report.swept, report.write_units) == (1_000, 1_000)
        assert time.passed == pytest.approx(20)

    def test_moves_are_paid_like_removals(self, backend: WatchedBackend, time: FakeTime) -> None:
        """A unit to find it alive and one to move it, in memory's prices."""
        for name in filled(backend, 100):
            backend._records[name] = replace(backend._records[name], expires_at=START + DAY)
        report = sweep(backend, time, replace(ONE_SHARD, sweep_write_units=50))
        assert (report.moved, report.write_units) == (100, 200)
        assert time.passed == pytest.approx(4)

    def test_threads_share_one_budget(self, backend: WatchedBackend, time: FakeTime) -> None:
        """Not one each."""
        filled(backend, 1_000, MANY_SHARDS)
        sweep(backend, time, replace(MANY_SHARDS, sweep_write_units=50))
        assert time.passed >= 20 - 1

    def test_nobody_waits_beyond_the_deadline(self, backend: WatchedBackend, time: FakeTime) -> None:
        """A budget too small for one batch ends the run, and what was done is told."""
        filled(backend, 100)
        report = sweep(backend, time, replace(ONE_SHARD, sweep_write_units=1), seconds=20)
        assert (report.swept, report.more) == (25, True)
        assert time.passed == pytest.approx(20)

    def test_what_was_not_spent_is_kept_for_a_second(self, time: FakeTime) -> None:
        """And not for longer: a pause is no licence for a burst."""
        budget = Budget(100, retry=Retry(monotonic=time.monotonic, sleep=time.sleep))
        time.pass_by(10)
        budget.spend(100)
        assert time.slept == []
        budget.spend(50)
        assert time.slept == [pytest.approx(0.5)]


class TestDryRun:
    """What a run would do."""

    def test_a_dry_run_counts_and_removes_nothing(self, backend: WatchedBackend, time: FakeTime) -> None:
        """Two units each: the session and its place in the index."""
        names = filled(backend, 70)
        report = sweep(backend, time, is_dry=True)
        assert (report.due, report.write_units, report.swept, report.more) == (70, 140, 0, False)
        assert (stored(backend), backend.batches, backend.moves, time.slept) == (set(names), [], [], [])

    def test_a_dry_run_without_an_index_costs_one_unit_each(self, backend: WatchedBackend, time: FakeTime) -> None:
        """What is in no index need not be taken out of it."""
        filled(backend, 70, NO_INDEX)
        report = sweep(backend, time, NO_INDEX, is_dry=True)
        assert (report.due, report.write_units, report.read_units) == (70, 70, 0.5)


class TestShare:
    """Runs beside each other."""

    @pytest.mark.parametrize("groups", [1, 2, 3, 8])
    def test_shares_are_disjoint_and_complete(self, backend: WatchedBackend, time: FakeTime, groups: int) -> None:
        """Every shard is asked by one group."""
        names = filled(backend, 500, MANY_SHARDS)
        reports = [sweep(backend, time, MANY_SHARDS, share=Share(group, groups)) for group in range(groups)]
        assert Counter(backend.shards) == Counter(str(shard) for shard in range(64))
        assert sum(report.swept for report in reports) == len(names)
        assert sum(report.missing for report in reports) == 0
        assert stored(backend) == set()

    @pytest.mark.parametrize("groups", [1, 2, 8])
    def test_shares_of_the_scan_are_the_table_once(self, backend: WatchedBackend, time: FakeTime, groups: int) -> None:
        """In one period, whenever it begins."""
        filled(backend, 11, NO_INDEX)
        backend.page, backend.verdict = 10, lambda _hint: Verdict(Fate.MISSING)
        time.pass_by(12_345)
        for _ in range(96):
            for group in range(groups):
                sweep(backend, time, NO_INDEX, share=Share(group, groups))
            time.pass_by(900)
        rolling = Counter(part for part in backend.segments if part != (0, 1))
        assert rolling == Counter((segment, 96 * groups) for segment in range(96 * groups))

    @pytest.mark.parametrize(("group", "groups"), [(5, 2), (2, 2), (-1, 2), (0, 0)])
    def test_a_share_that_is_none_is_refused(self, group: int, groups: int) -> None:
        """It would sweep what belongs to another, or nothing, and nobody would notice."""
        with pytest.raises(ValueError, match="groups"):
            Share(group, groups)

    def test_more_groups_than_shards_leave_some_without_work(self, backend: WatchedBackend, time: FakeTime) -> None:
        """Which is no error."""
        assert sweep(backend, time, share=Share(1, 2)) == SweepReport(calls=1, read_units=0.5)


class TestScan:
    """Hints from going round the table."""

    def test_a_small_table_is_looked_at_every_time(self, backend: WatchedBackend, time: FakeTime) -> None:
        """One page says it all."""
        filled(backend, 60, NO_INDEX)
        assert sweep(backend, time, NO_INDEX).swept == 60
        assert backend.segments == [(0, 1)]

    def test_one_share_of_a_small_table_looks_for_all(self, backend: WatchedBackend, time: FakeTime) -> None:
        """The others look at their segment, as they cannot know."""
        sweep(backend, time, NO_INDEX, share=Share(1, 2))
        assert (1, 2) not in backend.segments
        assert {segments for _, segments in backend.segments} == {192}

    def test_a_large_table_is_gone_round_once_a_period(self, backend: WatchedBackend, time: FakeTime) -> None:
        """A segment a run, its pages one after the other, beside the first page of the table."""
        settings = replace(NO_INDEX, sweep_interval_seconds=900, sweep_period_seconds=3_600)
        filled(backend, 400, settings)
        backend.page = 30
        swept = list[int]()
        for _ in range(4):
            swept.append(sweep(backend, time, settings).swept)
            time.pass_by(900)
        assert stored(backend) == set()
        assert sum(swept) == 400
        assert all(swept)

    def test_the_turn_follows_the_clock_and_no_memory(self, backend: WatchedBackend, time: FakeTime) -> None:
        """The same within an interval, the next one after it."""
        backend.page = 1
        filled(backend, 2, NO_INDEX)
        backend.verdict = lambda _hint: Verdict(Fate.MISSING)
        time.pass_by(900 - START % 900)
        for seconds in (0, 899, 1):
            time.pass_by(seconds)
            sweep(backend, time, NO_INDEX)
        turns = [segment for segment, segments in backend.segments if segments == 96]
        first = turns[0]
        assert sorted(set(turns)) == sorted({first, (first + 1) % 96})

    def test_an_interval_longer_than_the_period_scans_it_all(self, backend: WatchedBackend, time: FakeTime) -> None:
        """There is no less than one turn."""
        backend.page = 10
        filled(backend, 60, NO_INDEX)
        settings = replace(NO_INDEX, sweep_interval_seconds=7_200, sweep_period_seconds=3_600)
        assert sweep(backend, time, settings).swept == 60

    def test_no_table_is_cut_into_more_parts_than_dynamodb_takes(self, backend: WatchedBackend, time: FakeTime) -> None:
        """A million."""
        settings = replace(NO_INDEX, sweep_interval_seconds=1, sweep_period_seconds=365 * DAY)
        time.pass_by(10**6)
        sweep(backend, time, settings, share=Share(7, 8))
        ((segment, segments),) = backend.segments
        assert 0 <= segment < segments <= 1_000_000

    def test_the_scan_keeps_the_grace(self, backend: WatchedBackend, time: FakeTime) -> None:
        """TTL is given its time there, too."""
        settings = replace(NO_INDEX, sweep_grace_seconds=100)
        filled(backend, 1, settings, age=100 + CLOCK_ERROR_SECONDS - 1)
        assert sweep(backend, time, settings).swept == 0
        time.pass_by(1)
        assert sweep(backend, time, settings).swept == 1

    def test_what_a_switched_setting_left_behind_is_found_in_time(
        self, backend: WatchedBackend, time: FakeTime
    ) -> None:
        """Sessions without an index and in shards above the setting: within thirty days, at no more than a scan."""
        left = filled(backend, 100, NO_INDEX, name="bare")
        left += filled(backend, 100, MANY_SHARDS, name="high")
        settings = replace(ONE_SHARD, sweep_shards=2, sweep_interval_seconds=DAY)
        reports = list[SweepReport]()
        for _ in range(30):
            reports.append(sweep(backend, time, settings))
            time.pass_by(DAY)
        assert stored(backend) == set()
        assert sum(report.swept for report in reports) == 200
        assert sum(report.swept > 0 for report in reports) > 20

    def test_the_way_back_to_the_scan_finds_what_is_indexed(self, backend: WatchedBackend, time: FakeTime) -> None:
        """A switched-off index is not asked."""
        filled(backend, 60, MANY_SHARDS)
        assert sweep(backend, time, NO_INDEX).swept == 60
        assert backend.shards == []


class TestFates:
    """What becomes of hints."""

    def test_a_renewed_session_is_moved_once(self, backend: WatchedBackend, time: FakeTime) -> None:
        """To its deadline and the grace; until then it is in no page of hints."""
        settings = replace(ONE_SHARD, sweep_grace_seconds=50)
        (name,) = filled(backend, 1, settings)
        backend._records[name] = replace(backend._records[name], expires_at=START + 1_000)
        assert [sweep(backend, time, settings).moved for _ in range(3)] == [1, 0, 0]
        assert backend.moves == [Move(Hint(name, START - 50), START + 1_050, START + 1_000)]
        time.pass_by(1_050 + CLOCK_ERROR_SECONDS - 1)
        assert sweep(backend, time, settings).swept == 0
        time.pass_by(1)
        assert sweep(backend, time, settings).swept == 1

    def test_a_renewal_between_hint_and_removal_wins(self, backend: WatchedBackend, time: FakeTime) -> None:
        """The condition is judged when the removal arrives."""
        (name,) = filled(backend, 1)
        faulty = FaultyBackend(inner=backend)

        def renew() -> None:
            backend._records[name] = replace(backend._records[name], expires_at=START + 1_000)

        faulty.plan("delete_stale", Fault.NONE, meanwhile=renew)
        report = sweep(faulty, time)
        assert (report.swept, report.moved) == (0, 1)
        assert backend._records[name].sweep_at == START + 1_000

    def test_a_session_that_ended_before_its_removal_is_missing(self, backend: WatchedBackend, time: FakeTime) -> None:
        """TTL was faster."""
        names = filled(backend, 30)
        faulty = FaultyBackend(inner=backend)
        faulty.plan(
            "delete_stale",
            Fault.NONE,
            meanwhile=lambda: [backend.delete(name, match=Match(version=1)) for name in names[:10]],
        )
        report = sweep(faulty, time)
        assert (report.swept, report.missing, report.more, report.left) == (20, 10, False, 0)

    def test_what_is_no_session_is_put_aside_for_a_day(self, backend: WatchedBackend, time: FakeTime) -> None:
        """And stands in nobody's way."""
        names = filled(backend, 60)
        foreign = set(names[:40])
        backend.verdict = lambda hint: Verdict(Fate.FOREIGN) if hint.session_id in foreign else None
        report = sweep(backend, time)
        assert (report.swept, report.foreign, report.moved, report.more) == (20, 40, 40, False)
        assert {move.sweep_at for move in backend.moves} == {START + DAY}
        assert sweep(backend, time).foreign == 0
        time.pass_by(DAY + CLOCK_ERROR_SECONDS)
        assert sweep(backend, time).foreign == 40

    def test_what_a_scan_finds_alive_or_foreign_is_not_moved(self, backend: WatchedBackend, time: FakeTime) -> None:
        """It has no place in the index."""
        names = filled(backend, 2, NO_INDEX)
        fates = {names[0]: Verdict(Fate.ALIVE, START + 9), names[1]: Verdict(Fate.FOREIGN)}
        backend.verdict = lambda hint: fates[hint.session_id]
        report = sweep(backend, time, NO_INDEX)
        assert (report.moved, report.foreign, report.more) == (0, 1, False)
        assert backend.moves == []

    def test_batches_are_full(self, backend: WatchedBackend, time: FakeTime) -> None:
        """Twenty-five a call, over pages of a thousand."""
        filled(backend, 2_510)
        assert sweep(backend, time).swept == 2_510
        assert Counter(backend.batches) == {25: 100, 10: 1}
        assert backend.shards == ["0"] * 3

    def test_the_age_of_the_oldest_is_told(self, backend: WatchedBackend, time: FakeTime) -> None:
        """By how much it had outstayed its grace."""
        settings = replace(ONE_SHARD, sweep_grace_seconds=100)
        filled(backend, 3, settings, age=400)
        filled(backend, 3, settings, age=700, name="old")
        assert sweep(backend, time, settings).overdue_seconds == 600

    def test_nothing_is_overdue_when_nothing_is_stale(self, backend: WatchedBackend, time: FakeTime) -> None:
        """Nor when a session was found within its grace."""
        settings = replace(ONE_SHARD, sweep_grace_seconds=100)
        (name,) = filled(backend, 1, settings, age=200)
        backend._records[name] = replace(backend._records[name], expires_at=START - 50)
        assert sweep(backend, time, settings).overdue_seconds == 0

    @pytest.mark.parametrize("ahead", range(-CLOCK_ERROR_SECONDS, CLOCK_ERROR_SECONDS + 1))
    def test_no_clock_within_the_error_sweeps_a_live_session(
        self, backend: WatchedBackend, time: FakeTime, ahead: int
    ) -> None:
        """Second by second around the deadline, whoever's clock is ahead."""
        store = Store(backend, ONE_SHARD, clock=time)
        token = store.create(idle=60).token
        for second in range(80):
            sweep(backend, time, clock=lambda: time() + ahead)
            assert (store.read(token, touch=False) is not None) == (second < 60)
            time.pass_by(1)

    def test_a_clock_beyond_the_error_does(self, backend: WatchedBackend, time: FakeTime) -> None:
        """So the test above can see it."""
        store = Store(backend, ONE_SHARD, clock=time)
        token = store.create(idle=60).token
        time.pass_by(59)
        sweep(backend, time, clock=lambda: time() + CLOCK_ERROR_SECONDS + 1)
        assert store.read(token, touch=False) is None


class TestTrouble:
    """A table that refuses, or does not answer."""

    def test_a_throttled_statement_is_asked_again(self, backend: WatchedBackend, time: FakeTime) -> None:
        """It alone, after a pause with jitter that grows."""
        names = filled(backend, 25)
        asked = Counter[str]()

        def throttled(hint: Hint) -> Verdict | None:
            asked[hint.session_id] += 1
            return Verdict(Fate.LEFT) if hint.session_id in names[:5] and asked[hint.session_id] <= 2 else None

        backend.verdict = throttled
        report = sweep(backend, time)
        assert (report.swept, report.left, report.more) == (25, 0, False)
        assert backend.batches == [25, 5, 5]
        assert [pause for pause in time.slept if pause > 0.001] == [pytest.approx(0.025), pytest.approx(0.05)]

    def test_what_is_throttled_to_the_end_is_left_and_counted(self, backend: WatchedBackend, time: FakeTime) -> None:
        """The next run finds it; the rest of the shard is swept."""
        names = filled(backend, 60)
        backend.verdict = lambda hint: Verdict(Fate.LEFT) if hint.session_id in names[:5] else None
        report = sweep(backend, time)
        assert (report.swept, report.left, report.more) == (55, 5, True)
        assert stored(backend) == set(names[:5])
        assert backend.batches == [25, 5, 5, 25, 10]

    def test_what_is_refused_for_good_is_asked_once(self, backend: WatchedBackend, time: FakeTime) -> None:
        """Left and counted, beside what is swept."""
        names = filled(backend, 30)
        backend.verdict = lambda hint: Verdict(Fate.REFUSED) if hint.session_id in names[:2] else None
        report = sweep(backend, time)
        assert (report.swept, report.left, report.more) == (28, 2, True)
        assert backend.batches == [25, 5]

    @pytest.mark.parametrize("fate", [Fate.LEFT, Fate.REFUSED])
    def test_what_is_left_is_overdue(self, backend: WatchedBackend, time: FakeTime, fate: Fate) -> None:
        """A sweeper that removes nothing has an old hint to show for it, and the alarm sees it."""
        filled(backend, 3, age=100)
        filled(backend, 3, age=7_000, name="old")
        backend.verdict = lambda _hint: Verdict(fate)
        report = sweep(backend, time)
        assert (report.swept, report.left) == (0, 6)
        assert 7_000 <= report.overdue_seconds <= 7_000 + time.passed

    def test_what_no_run_gets_to_is_overdue(self, backend: WatchedBackend, time: FakeTime) -> None:
        """Nothing was tried, and still the oldest place is told."""
        filled(backend, 60, age=7_000)
        backend.seconds = 10
        backend.verdict = lambda _hint: Verdict(Fate.MISSING)
        report = sweep(backend, time, seconds=12)
        assert (backend.batches, report.more, report.overdue_seconds) == ([25], True, 7_000)

    def test_a_call_that_nobody_answers_is_overdue(self, backend: WatchedBackend, time: FakeTime) -> None:
        """The batch was not removed."""
        filled(backend, 5, age=7_000)
        faulty = FaultyBackend(inner=backend)
        faulty.plan("delete_stale", *[Fault.THROTTLED] * 3)
        assert sweep(faulty, time).overdue_seconds == 7_000

    def test_a_move_that_is_refused_is_left(self, backend: WatchedBackend, time: FakeTime) -> None:
        """Counted; the run goes on."""
        (alive, *_) = filled(backend, 30)
        backend._records[alive] = replace(backend._records[alive], expires_at=START + 1_000)
        backend.postpone = lambda moves: Postponement(0, 1, left=len(moves))  # type: ignore[method-assign]  # only here
        report = sweep(backend, time)
        assert (report.swept, report.moved, report.left, report.more) == (29, 0, 1, True)

    def test_no_throttled_statement_is_asked_again_without_time(self, backend: WatchedBackend, time: FakeTime) -> None:
        """It is left at once."""
        filled(backend, 25)
        backend.seconds, backend.verdict = 10, lambda _hint: Verdict(Fate.LEFT)
        report = sweep(backend, time, seconds=12)
        assert (report.left, report.more, backend.batches) == (25, True, [25])

    def test_what_is_alive_is_moved_also_beside_what_is_left(self, backend: WatchedBackend, time: FakeTime) -> None:
        """Once."""
        names = filled(backend, 2)
        backend._records[names[0]] = replace(backend._records[names[0]], expires_at=START + 9)
        fates = {names[0]: Verdict(Fate.ALIVE, START + 9), names[1]: Verdict(Fate.LEFT)}
        backend.verdict = lambda hint: fates[hint.session_id]
        report = sweep(backend, time)
        assert (report.moved, report.left) == (1, 1)
        assert [move.hint.session_id for move in backend.moves] == [names[0]]

    @pytest.mark.parametrize("call", ["due", "scan", "delete_stale", "postpone"])
    @pytest.mark.parametrize("fault", [Fault.THROTTLED, Fault.REQUEST_LOST, Fault.REPLY_LOST, Fault.DELAYED])
    def test_a_store_that_does_not_answer_ends_the_run_with_more(
        self, backend: WatchedBackend, time: FakeTime, call: str, fault: Fault
    ) -> None:
        """After three attempts; the run after the trouble finishes the work."""
        faulty, (alive, *_) = FaultyBackend(inner=backend), filled(backend, 40)
        filled(backend, 10, NO_INDEX, name="bare")
        backend._records[alive] = replace(backend._records[alive], expires_at=START + 1_000)
        settings = replace(ONE_SHARD, sweep_interval_seconds=30 * DAY)
        faulty.plan(call, *[fault] * 3)
        report = sweep(faulty, time, settings)
        assert report.more
        assert faulty.calls.count(call) >= 3
        faulty.deliver()
        again = sweep(faulty, time, settings)
        assert not again.more
        assert stored(backend) == {alive}
        assert backend._records[alive].sweep_at == START + 1_000

    @pytest.mark.parametrize("call", ["due", "scan", "delete_stale", "postpone"])
    def test_what_is_forbidden_fails_the_run(self, backend: WatchedBackend, time: FakeTime, call: str) -> None:
        """No later run would do better, so somebody has to know."""
        (alive, *_) = filled(backend, 40)
        backend._records[alive] = replace(backend._records[alive], expires_at=START + 1_000)
        faulty = FaultyBackend(lambda name: Fault.FORBIDDEN if name == call else Fault.NONE, inner=backend)
        with pytest.raises(StoreUnavailableError):
            sweep(faulty, time)
        assert faulty.calls.count(call) == 1

    def test_what_was_done_is_told_although_a_later_call_failed(self, backend: WatchedBackend, time: FakeTime) -> None:
        """The removals of a batch whose moves were refused; the batch that nobody answered is left."""
        (alive, *_) = filled(backend, 60)
        backend._records[alive] = replace(backend._records[alive], expires_at=START + 1_000)
        faulty = FaultyBackend(inner=backend)
        faulty.plan("postpone", *[Fault.THROTTLED] * 3)
        first = sweep(faulty, time)
        assert (first.swept, first.moved, first.more) == (24, 0, True)
        faulty.plan("delete_stale", *[Fault.THROTTLED] * 3)
        second = sweep(faulty, time)
        assert (second.swept, second.left, second.more) == (0, 25, True)

    def test_a_shard_in_trouble_stops_no_other(self, backend: WatchedBackend, time: FakeTime) -> None:
        """The rest of the table is swept."""
        names = filled(backend, 200, MANY_SHARDS)
        ask = backend.due

        def due(shard: str, *, until: int, limit: int, after: object | None = None) -> HintPage:
            if shard == "7":
                raise StoreUnavailableError("a partition is throttled", is_transient=True)
            return ask(shard, until=until, limit=limit, after=after)

        backend.due = due  # type: ignore[method-assign]  # this test's only backend
        report = sweep(backend, time, MANY_SHARDS)
        left = {name for name in names if name in stored(backend)}
        assert report.more
        assert {backend._records[name].sweep_shard for name in left} == {"7"}
        assert report.swept == 200 - len(left)

    def test_a_page_after_trouble_is_asked_for_again(self, backend: WatchedBackend, time: FakeTime) -> None:
        """And no session of it is missed."""
        filled(backend, 2_100)
        faulty = FaultyBackend(inner=backend)
        faulty.plan("due", Fault.NONE, Fault.THROTTLED, Fault.NONE, Fault.REQUEST_LOST)
        assert sweep(faulty, time).swept == 2_100

    @pytest.mark.parametrize("seed", range(100))
    def test_once_faults_stop_a_run_leaves_nothing_stale(
        self, backend: WatchedBackend, time: FakeTime, seed: int
    ) -> None:
        """However the network behaved, and whoever swept beside it."""
        dice = random.Random(seed)  # noqa: S311  # a test's dice
        filled(backend, 60, replace(ONE_SHARD, sweep_shards=3))
        alive = filled(backend, 20, replace(ONE_SHARD, sweep_shards=3), name="alive")
        for name in alive:
            backend._records[name] = replace(backend._records[name], expires_at=START + 5_000)
        faulty = FaultyBackend(
            lambda _name: dice.choice([*[Fault.NONE] * 3, *list(Fault)[2:], Fault.THROTTLED]), inner=backend
        )
        settings = replace(ONE_SHARD, sweep_shards=3)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("sojourn.sweep.run.THREADS", 1)
            for _ in range(3):
                try:
                    sweep(faulty, time, settings)
                except StoreUnavailableError:
                    continue
                if dice.random() < 0.5:
                    faulty.deliver()
        faulty.deliver()
        assert not sweep(backend, time, settings).more
        assert stored(backend) == set(alive)


def test_reports_add_up_field_by_field() -> None:
    """Counts and units are summed; one that has more makes it so for all; the oldest is the oldest."""
    one = SweepReport()
    for number, field in enumerate(fields(SweepReport), 1):
        object.__setattr__(one, field.name, True if field.name == "more" else number)
    two = replace(one, more=False, overdue_seconds=3)
    total = one + two
    for field in fields(SweepReport):
        value = getattr(one, field.name)
        expected = {"more": value, "overdue_seconds": value}.get(field.name, 2 * value)
        assert getattr(total, field.name) == expected, field.name
    assert not (two + two).more
    assert (two + one).overdue_seconds == one.overdue_seconds


def test_a_store_whose_backend_cannot_be_swept_says_so() -> None:
    """Over the records API, say; in the place of an error of Python's."""
    with pytest.raises(ConfigurationError, match="the stack's sweep function does it"):
        Sweeper(None, Settings(), clock=lambda: 0, retry=Retry())
