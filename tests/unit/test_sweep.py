"""A sweep run: what it reports, when it stops, and what it leaves to the next one."""

from collections import Counter
from dataclasses import replace

import pytest

from sojourn import Settings, Store, StoreUnavailableError, SweepReport
from sojourn.backend import Fate, Hint, Record
from sojourn.retry import Retry
from sojourn.sweep import CLOCK_ERROR_SECONDS, placed
from sojourn.testing import FakeClock
from tests.unit.faulty import Fault, FaultyBackend

NOW = 1_700_000_000


@pytest.fixture
def clock() -> FakeClock:
    """The time."""
    return FakeClock(NOW)


@pytest.fixture
def backend() -> FaultyBackend:
    """Without a fault until one is planned."""
    return FaultyBackend()


def _store(backend: FaultyBackend, clock: FakeClock, *, shards: int = 1, grace: int = 0, index: bool = True) -> Store:
    settings = Settings(sweep_shards=shards, sweep_grace_seconds=grace, sweep_index=index)
    return Store(backend, settings, clock=clock, retry=Retry(sleep=lambda _seconds: None))


def _stale(store: Store, clock: FakeClock, count: int) -> None:
    for _ in range(count):
        store.create(idle=10)
    clock.advance(10 + CLOCK_ERROR_SECONDS)


def _record(number: int) -> Record:
    return Record(
        session_id=f"app#{number}",
        version=1,
        write_id="w",
        created_at=NOW,
        expires_at=NOW + 100,
        absolute_at=NOW + 100,
        idle=100,
    )


# placing


def test_a_session_is_placed_at_its_deadline_and_the_grace() -> None:
    """There the sweeper looks for it first."""
    record = placed(_record(1), Settings(sweep_grace_seconds=7))
    assert record.sweep_at == NOW + 107
    assert placed(_record(1), Settings(sweep_grace_seconds=7)) == record


def test_shards_are_used_evenly() -> None:
    """No hot key, and none outside of what a run visits."""
    used = Counter(placed(_record(number), Settings(sweep_shards=8)).sweep_shard for number in range(4_000))
    assert set(used) == {str(shard) for shard in range(8)}
    assert all(400 < count < 600 for count in used.values())


def test_without_the_index_a_session_is_placed_nowhere() -> None:
    """Also one that had a place."""
    indexed = placed(_record(1), Settings())
    record = placed(indexed, Settings(sweep_index=False))
    assert (record.sweep_shard, record.sweep_at) == (None, None)


def test_neither_touch_nor_write_moves_the_place(backend: FaultyBackend, clock: FakeClock) -> None:
    """The index is paid for once."""
    store = _store(backend, clock)
    session = store.create()
    key = f"default#{session.id}"
    before = backend.inner.load(key)
    clock.advance(900)
    store.touch(session)
    session["x"] = 1
    clock.advance(900)
    store.write(session)
    after = backend.inner.load(key)
    assert before is not None
    assert after is not None
    assert (after.sweep_shard, after.sweep_at) == (before.sweep_shard, before.sweep_at)
    assert after.expires_at > before.expires_at


def test_a_rotated_session_has_the_place_of_its_new_id(backend: FaultyBackend, clock: FakeClock) -> None:
    """And of its new deadline."""
    store = _store(backend, clock, shards=1024, grace=7)
    session = store.create()
    clock.advance(900)
    store.rotate(session)
    stored = backend.inner.load(f"default#{session.id}")
    assert stored is not None
    assert stored == placed(stored, store.settings)
    assert stored.sweep_at == clock() + 1_800 + 7


# running


def test_every_shard_is_visited(backend: FaultyBackend, clock: FakeClock) -> None:
    """Whatever is stale in it goes."""
    store = _store(backend, clock, shards=5)
    _stale(store, clock, 60)
    assert store.sweep(deadline=clock() + 60) == SweepReport(swept=60)
    assert backend.calls.count("due") == 5


def test_a_run_goes_on_page_by_page(backend: FaultyBackend, clock: FakeClock) -> None:
    """To the end of what is due."""
    store = _store(backend, clock)
    _stale(store, clock, 250)
    assert store.sweep(deadline=clock() + 60) == SweepReport(swept=250)
    assert backend.calls.count("due") == 3


def test_nothing_to_do_costs_one_query_per_shard(backend: FaultyBackend, clock: FakeClock) -> None:
    """Cost follows what is stale, not what is stored."""
    store = _store(backend, clock, shards=3)
    for _ in range(50):
        store.create()
    backend.calls.clear()
    assert store.sweep(deadline=clock() + 60) == SweepReport()
    assert backend.calls == ["due"] * 3


def test_a_run_stops_before_its_deadline_and_says_that_more_is_waiting(
    backend: FaultyBackend, clock: FakeClock
) -> None:
    """The next one goes on."""
    store = _store(backend, clock)
    _stale(store, clock, 250)
    backend.on_call = lambda: clock.advance(2)
    report = store.sweep(deadline=clock() + 10)
    assert report == SweepReport(swept=200, more=True)
    backend.on_call = lambda: None
    assert store.sweep(deadline=clock() + 60) == SweepReport(swept=50)


@pytest.mark.parametrize("fault", [Fault.NONE, Fault.REPLY_LOST])
def test_no_run_outlasts_its_deadline(fault: Fault) -> None:
    """Not even one whose calls take as long as they may, with every session to be moved ahead."""
    now = [float(NOW)]
    backend = FaultyBackend(lambda name: fault if name == "postpone" else Fault.NONE)
    retry = Retry(monotonic=lambda: now[0], sleep=lambda _pause: None)
    settings = Settings(sweep_shards=1, sweep_grace_seconds=0)
    store = Store(backend, settings, clock=lambda: int(now[0]), retry=retry)
    sessions = [store.create(idle=100) for _ in range(30)]
    now[0] += 50
    for session in sessions:
        store.touch(session)
    now[0] += 70
    backend.on_call = lambda: now.__setitem__(0, now[0] + 3.0)
    deadline = int(now[0]) + 20
    assert store.sweep(deadline=deadline).more
    assert now[0] <= deadline


def test_a_busy_store_leaves_the_rest_to_the_next_run(backend: FaultyBackend, clock: FakeClock) -> None:
    """Whichever call it was; other shards are still tried."""
    for name in ("due", "delete_stale"):
        store = _store(backend, clock, shards=2)
        _stale(store, clock, 40)
        backend.plan(name, *[Fault.THROTTLED] * 3)
        report = store.sweep(deadline=clock() + 60)
        assert report.more
        assert report.swept > 0
        assert store.sweep(deadline=clock() + 60) == SweepReport(swept=40 - report.swept)


def test_a_forbidden_sweep_fails_loudly(backend: FaultyBackend, clock: FakeClock) -> None:
    """A permission that is missing will be missing tomorrow."""
    store = _store(backend, clock)
    _stale(store, clock, 1)
    backend.plan("delete_stale", Fault.FORBIDDEN)
    with pytest.raises(StoreUnavailableError):
        store.sweep(deadline=clock() + 60)


def test_two_sweepers_may_meet(backend: FaultyBackend, clock: FakeClock) -> None:
    """What the other removed counts as missing, what the other moved as not moved."""
    store, other = _store(backend, clock), _store(FaultyBackend(inner=backend.inner), clock)
    _stale(store, clock, 3)
    backend.plan("delete_stale", Fault.NONE, meanwhile=lambda: other.sweep(deadline=clock() + 60))
    assert store.sweep(deadline=clock() + 60) == SweepReport(missing=3)
    session = store.create(idle=100)
    clock.advance(90)
    store.touch(session)
    clock.advance(30)
    backend.plan("postpone", Fault.NONE, meanwhile=lambda: other.sweep(deadline=clock() + 60))
    assert store.sweep(deadline=clock() + 60) == SweepReport(moved=0)


def test_a_session_renewed_between_hint_and_removal_lives(backend: FaultyBackend, clock: FakeClock) -> None:
    """No acknowledged renewal is followed by a sweep: another clock still saw it alive."""
    store = _store(backend, clock)
    session = store.create(idle=100)
    slow = _store(FaultyBackend(inner=backend.inner), FakeClock(clock.now + 99))
    clock.advance(100 + CLOCK_ERROR_SECONDS)
    backend.plan("delete_stale", Fault.NONE, meanwhile=lambda: slow.touch(session))
    assert store.sweep(deadline=clock() + 60) == SweepReport(moved=1)
    assert store.read(session.token) is not None


def test_what_could_not_be_judged_is_left_and_reported(clock: FakeClock) -> None:
    """A part of a batch may be throttled, an item may be foreign."""

    class Partial(FaultyBackend):
        def delete_stale(self, hints: object, *, cutoff: int) -> list[tuple[Fate, Record | None]]:
            assert isinstance(hints, tuple)
            return [(Fate.LEFT, None), (Fate.ALIVE, None), *super().delete_stale(hints[2:], cutoff=cutoff)]

    store = _store(Partial(), clock)
    _stale(store, clock, 5)
    assert store.sweep(deadline=clock() + 60) == SweepReport(swept=3, left=2, more=True)


def test_reports_add_up() -> None:
    """Shard by shard."""
    one = SweepReport(swept=1, moved=2, missing=3, left=4, more=False)
    assert one + replace(one, more=True) == SweepReport(swept=2, moved=4, missing=6, left=8, more=True)


def test_once_faults_stop_nothing_stale_is_left(clock: FakeClock) -> None:
    """However often runs were killed, doubled and delayed before."""
    faults = [Fault.REPLY_LOST, Fault.DELAYED, Fault.NONE, Fault.THROTTLED, Fault.REPEATED]
    asked = [0]

    def choose(name: str) -> Fault:
        asked[0] += 1
        return faults[asked[0] % 5] if name in ("due", "delete_stale", "postpone") else Fault.NONE

    backend = FaultyBackend(choose)
    store = _store(backend, clock, shards=4)
    _stale(store, clock, 300)
    living = store.create()
    for _ in range(3):
        store.sweep(deadline=clock() + 60)
    backend.deliver()
    backend.choose = lambda _name: Fault.NONE
    store.sweep(deadline=clock() + 60)
    assert store.sweep(deadline=clock() + 60) == SweepReport()
    assert store.read(living.token) is not None
    assert backend.inner.due("0", until=clock() - CLOCK_ERROR_SECONDS, limit=100).hints == tuple[Hint]()
