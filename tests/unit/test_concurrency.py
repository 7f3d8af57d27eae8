"""Real threads on one store. Proven by a backend without conditions, which has to fail the same test."""

import random
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from sojourn import ConflictError, LockLostError, Session, SessionGoneError, Settings, Store
from sojourn.backend import Mark, Record, Refused
from sojourn.backends.memory import MemoryBackend
from sojourn.retry import Retry
from sojourn.testing import FakeClock

NAMES = "abcd"
THREADS = len(NAMES)
ROUNDS = 25


class MeetingBackend(MemoryBackend):
    """Where threads take turns as often as a seeded generator says."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        self._random = random.Random(seed)  # noqa: S311  # an order of events, not a secret
        self._pause = threading.Event()

    def load(self, session_id: str, *, is_consistent: bool = True) -> Record | None:
        """See ``Backend.load``."""
        found = super().load(session_id, is_consistent=is_consistent)
        self._meet()
        return found

    def replace(self, record: Record, *, seen: Record, now: int) -> Record | Refused:
        """See ``Backend.replace``."""
        self._meet()
        return super().replace(record, seen=seen, now=now)

    def rotate(self, record: Record, *, seen: Record, now: int) -> Record | Refused:
        """See ``Backend.rotate``."""
        self._meet()
        return super().rotate(record, seen=seen, now=now)

    def set_mark(self, name: str, mark: Mark, *, seen: Mark | None, expires_at: int | None) -> Mark | None:
        """See ``Backend.set_mark``."""
        self._meet()
        return super().set_mark(name, mark, seen=seen, expires_at=expires_at)

    def _meet(self) -> None:
        if self._random.random() < 0.3:
            self._pause.wait(0.0001)


class CarelessBackend(MeetingBackend):
    """Writes without a condition, as a plain PutItem does."""

    def replace(self, record: Record, *, seen: Record, now: int) -> Record | Refused:
        """Whatever is there is overwritten."""
        del now
        self._meet()
        self._records[seen.session_id] = record
        return record

    def rotate(self, record: Record, *, seen: Record, now: int) -> Record | Refused:
        """Whatever became of the old session, there is a new one."""
        del now
        self._meet()
        self._records.pop(seen.session_id, None)
        self._records[record.session_id] = record
        return record

    def set_mark(self, name: str, mark: Mark, *, seen: Mark | None, expires_at: int | None) -> Mark | None:
        """Whoever has the lock has it no more."""
        del seen, expires_at
        self._meet()
        self._marks[name] = mark
        return mark


@pytest.fixture(autouse=True)
def _frequent_switches() -> Iterator[None]:
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    yield
    sys.setswitchinterval(interval)


def _store(backend: MemoryBackend) -> Store:
    return Store(backend, Settings(), clock=FakeClock(), retry=Retry(sleep=lambda _seconds: None))


def _at_once(*works: Callable[[], None]) -> None:
    """Run all of them at the same time; the first failure is raised here."""
    failures: list[BaseException] = []
    start = threading.Barrier(len(works))

    def run(work: Callable[[], None]) -> None:
        start.wait()
        try:
            work()
        except BaseException as failure:  # noqa: BLE001  # handed to the test's own thread
            failures.append(failure)

    threads = [threading.Thread(target=run, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]


def _read(store: Store, token: str) -> Session:
    session = store.read(token)
    assert session is not None
    return session


def _count_together(backend: MemoryBackend) -> None:
    """Everybody counts in a key of their own and in one of all; nothing may be lost."""
    store = _store(backend)
    token = store.create({"all": []}).token
    versions: list[int] = []

    def count(name: str) -> None:
        for number in range(1, ROUNDS + 1):
            while True:
                session = _read(store, token)
                everybody = session["all"]
                assert isinstance(everybody, list)
                # Not a mere number: two who set the same value are no conflict.
                session.update({name: number, "all": [*everybody, f"{name}{number}"]})
                try:
                    store.write(session)
                except ConflictError:
                    continue
                versions.append(session.version)
                break

    _at_once(*[lambda name=name: count(name) for name in NAMES])
    final = _read(store, token)
    everybody = final.pop("all")
    assert isinstance(everybody, list)
    assert sorted(everybody) == sorted(f"{name}{n}" for name in NAMES for n in range(1, ROUNDS + 1)), "a write was lost"
    assert dict(final) == dict.fromkeys(NAMES, ROUNDS), "a write was lost"
    assert sorted(versions) == list(range(2, THREADS * ROUNDS + 2)), "a version was taken twice"
    assert final.version == THREADS * ROUNDS + 1


def _rotate_together(backend: MemoryBackend) -> None:
    """One session, many rotations at once: one of them wins, the others are told."""
    store = _store(backend)
    token = store.create(subject="u").token
    copies = [_read(store, token) for _ in range(THREADS)]
    winners: list[Session] = []

    def rotate(session: Session) -> None:
        try:
            store.rotate(session)
        except SessionGoneError:
            return
        winners.append(session)

    _at_once(*[lambda session=session: rotate(session) for session in copies])
    assert [summary.id for summary in store.sessions(subject="u")] == [session.id for session in winners]
    assert len(winners) == 1, "one session became several"


def _lock_together(backend: MemoryBackend) -> None:
    """Everybody comes in several times; nobody may find another inside, and fences grow."""
    settings, clock = Settings(), FakeClock()
    store = Store(backend, settings, clock=clock, retry=Retry(base=0.0005, cap=0.002))
    token = store.create().token
    inside = threading.Lock()
    fences: list[int] = []

    def work() -> None:
        session = _read(store, token)
        for _ in range(ROUNDS):
            with store.lock(session, lease=60, wait=60) as fence:
                assert inside.acquire(blocking=False), "two have the lock"
                fences.append(fence)
                threading.Event().wait(0.0001)
                inside.release()

    _at_once(*[work] * THREADS)
    assert fences == sorted(set(fences)), "a fence did not grow"
    assert len(fences) == THREADS * ROUNDS


@pytest.mark.parametrize("seed", range(5))
def test_no_two_have_the_lock_at_once(seed: int) -> None:
    """However they meet."""
    _lock_together(MeetingBackend(seed))


def test_without_a_condition_two_have_the_lock() -> None:
    """Which shows that the test above can tell."""

    def meet_often() -> None:
        for seed in range(50):
            _lock_together(CarelessBackend(seed))

    with pytest.raises((AssertionError, LockLostError)):
        meet_often()


@pytest.mark.parametrize("seed", range(5))
def test_parallel_writers_lose_nothing(seed: int) -> None:
    """Different keys merge, the same key conflicts, versions are consecutive."""
    _count_together(MeetingBackend(seed))


@pytest.mark.parametrize("seed", range(20))
def test_of_parallel_rotations_one_wins(seed: int) -> None:
    """A token never has two heirs."""
    _rotate_together(MeetingBackend(seed))


def test_without_conditions_writes_are_lost() -> None:
    """Which shows that the test above can tell."""
    with pytest.raises(AssertionError, match=r"a write was lost|a version was taken twice"):
        _count_together(CarelessBackend(0))


def test_without_conditions_a_session_has_several_heirs() -> None:
    """Which shows that the test above can tell."""
    with pytest.raises(AssertionError):
        _rotate_together(CarelessBackend(0))


@pytest.mark.parametrize("seed", range(10))
def test_nothing_survives_an_end_that_races_with_writers(seed: int) -> None:
    """Whoever writes, touches or rotates at that moment either did so before or is told."""
    store = _store(MeetingBackend(seed))
    session = store.create({"n": 0}, subject="u")
    copies = [_read(store, session.token) for _ in range(3)]

    def write(copy: Session) -> None:
        try:
            for number in range(20):
                copy["n"] = number
                store.write(copy, on_conflict="mine")
                store.touch(copy, idle=900 + number)
        except SessionGoneError:
            return

    def end() -> None:
        store.expire(session)
        assert store.read(session.token) is None

    _at_once(*[lambda copy=copy: write(copy) for copy in copies], end)
    assert store.read(session.token) is None
    assert list(store.sessions(subject="u")) == []


def test_one_store_serves_many_threads() -> None:
    """Sessions of different threads have nothing to do with each other."""
    store = _store(MeetingBackend(0))

    def live() -> None:
        for number in range(20):
            session = store.create({"n": number})
            session["n"] = -number
            store.write(session)
            store.rotate(session)
            assert dict(_read(store, session.token)) == {"n": -number}
            store.expire(session)
            assert store.read(session.token) is None

    _at_once(*[live] * THREADS)


def test_a_frozen_record_is_what_threads_share() -> None:
    """Nobody can change what somebody else holds."""
    record = Record("app#1", version=1, write_id="w", created_at=0, expires_at=1, absolute_at=1, idle=1)
    with pytest.raises(AttributeError):
        record.version = 2  # type: ignore[misc]  # that is the point
    assert replace(record, version=2).version == 2
