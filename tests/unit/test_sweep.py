"""A session's place in the sweep index."""

from collections import Counter

import pytest

from sojourn import Session, Settings, Store
from sojourn.backend import Record
from sojourn.retry import Retry
from sojourn.sweep.index import placed
from sojourn.testing import FakeClock
from tests.unit.faulty import FaultyBackend

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


def _record(number: int) -> Record:
    return Record(
        session_id=f"app#{number}",
        token_hash=bytes(32),
        version=1,
        write_id="w",
        created_at=NOW,
        began_at=NOW,
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


def test_no_touch_and_no_write_moves_the_place(backend: FaultyBackend, clock: FakeClock) -> None:
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


def _place(backend: FaultyBackend, session: Session) -> tuple[str | None, int | None]:
    stored = backend.inner.load(f"default#{session.id}")
    assert stored is not None
    return stored.sweep_shard, stored.sweep_at


def test_a_rotation_and_a_longer_stay_leave_the_place_as_it_is(backend: FaultyBackend, clock: FakeClock) -> None:
    """The id stays and the deadline only moves away; the sweep moves it ahead when it gets there."""
    store = _store(backend, clock, shards=1024, grace=7)
    session = store.create()
    before = _place(backend, session)
    clock.advance(900)
    store.rotate(session)
    store.login(session, subject="u", idle=86_400, absolute=86_400)
    assert _place(backend, session) == before == (before[0], session.created_at + 1_800 + 7)


@pytest.mark.parametrize("verb", ["touch", "write", "rotate", "login"])
def test_a_shorter_stay_moves_the_place_to_its_deadline_and_the_grace(
    backend: FaultyBackend, clock: FakeClock, verb: str
) -> None:
    """In the same shard; two units, only then."""
    store = _store(backend, clock, shards=1024, grace=7)
    session = store.create(idle=86_400, absolute=86_400)
    shard, _ = _place(backend, session)
    clock.advance(10)
    more = {"subject": "u"} if verb == "login" else {}
    getattr(store, verb)(session, idle=60, **more)
    assert _place(backend, session) == (shard, clock() + 60 + 7)
    clock.advance(30)
    store.touch(session)
    assert _place(backend, session) == (shard, clock() + 30 + 7)


def test_without_the_index_a_shorter_stay_has_no_place(backend: FaultyBackend, clock: FakeClock) -> None:
    """It is not put there by being cut short."""
    store = _store(backend, clock, index=False)
    session = store.create()
    store.touch(session, idle=60)
    assert _place(backend, session) == (None, None)
