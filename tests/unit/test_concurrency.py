"""Real threads on one store. Proven by a backend without conditions, which has to fail the same test."""

import random
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from functools import partial

import pytest

from sojourn import ConflictError, LockLostError, Session, SessionGoneError, Settings, Store
from sojourn.backend import Mark, Match, Record, Refused
from sojourn.backends.memory import MemoryBackend
from sojourn.retry import Retry
from sojourn.subjects import BulkExpiry
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

    def delete(self, session_id: str, *, match: Match) -> Refused | None:
        """See ``Backend.delete``."""
        self._meet()
        return super().delete(session_id, match=match)

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

    def delete(self, session_id: str, *, match: Match) -> Refused | None:
        """Whatever token, version or deadline it has by now, it is removed."""
        del match
        self._meet()
        return None if self._records.pop(session_id, None) else Refused(None)

    def set_mark(self, name: str, mark: Mark, *, seen: Mark | None, expires_at: int | None) -> Mark | None:
        """A holder of the lock holds it no more."""
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
    """Each counts in a key of its own and in one of all; nothing may be lost."""
    store = _store(backend)
    token = store.create({"all": []}).token
    versions: list[int] = []

    def count(name: str) -> None:
        for number in range(1, ROUNDS + 1):
            while True:
                session = _read(store, token)
                found_all = session["all"]
                assert isinstance(found_all, list)
                # Not a mere number: two who set the same value are no conflict.
                session.update({name: number, "all": [*found_all, f"{name}{number}"]})
                try:
                    store.write(session)
                except ConflictError:
                    continue
                versions.append(session.version)
                break

    _at_once(*[lambda name=name: count(name) for name in NAMES])
    final = _read(store, token)
    found_all = final.pop("all")
    assert isinstance(found_all, list)
    assert sorted(found_all) == sorted(f"{name}{n}" for name in NAMES for n in range(1, ROUNDS + 1)), "a write was lost"
    assert dict(final) == dict.fromkeys(NAMES, ROUNDS), "a write was lost"
    assert sorted(versions) == list(range(2, THREADS * ROUNDS + 2)), "a version was taken twice"
    assert final.version == THREADS * ROUNDS + 1


def _rotate_together(backend: MemoryBackend, verb: Callable[[Store, Session], None]) -> None:
    """One session, many rotations at once: one of them wins, the others learn that it did."""
    store = _store(backend)
    first = store.create(subject="u")
    copies = [_read(store, first.token) for _ in range(THREADS)]
    winners: list[Session] = []
    losses: list[bool] = []

    def rotate(session: Session) -> None:
        try:
            verb(store, session)
        except SessionGoneError as error:
            losses.append(error.is_superseded)
            return
        winners.append(session)

    _at_once(*[lambda session=session: rotate(session) for session in copies])
    assert [summary.id for summary in store.sessions(subject="u")] == [first.id], "it is another session"
    assert [session for session in copies if store.read(session.token)] == winners, "a token opens nothing"
    assert len(winners) == 1, "several tokens were handed out"
    assert losses == [True] * (THREADS - 1), "the session is said to be over"
    assert store.read(first.token) is None


def _log_out_together(backend: MemoryBackend) -> None:
    """A logout beside a login: the login is not undone by the logout of the session that it began from."""
    store = _store(backend)
    for _ in range(ROUNDS):
        session = store.create()
        token = session.token
        logged_in = [True]

        def log_in(session: Session = session, logged_in: list[bool] = logged_in) -> None:
            try:
                store.login(session, subject="u")
            except SessionGoneError:
                logged_in[0] = False

        ended: list[bool] = []
        _at_once(log_in, partial(_noted, ended, store, token))
        assert store.read(token) is None
        assert logged_in != ended, "either came first, so the other came too late"
        assert (store.read(session.token) is not None) == logged_in[0], "a login was undone"


def _noted(ended: list[bool], store: Store, token: str) -> None:
    ended.append(store.expire(token))


def _lock_together(backend: MemoryBackend) -> None:
    """Each comes in several times; none may find another inside, and fences grow."""
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


ROTATIONS: dict[str, Callable[[Store, Session], None]] = {
    "rotate": lambda store, session: store.rotate(session),
    "login": lambda store, session: store.login(session, subject="u"),
}


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("verb", ROTATIONS)
def test_of_parallel_rotations_one_wins(verb: str, seed: int) -> None:
    """A session never has two tokens."""
    _rotate_together(MeetingBackend(seed), ROTATIONS[verb])


@pytest.mark.parametrize("seed", range(5))
def test_a_logout_beside_a_login_comes_before_it_or_does_nothing(seed: int) -> None:
    """The token that it brings is that of the time before."""
    _log_out_together(MeetingBackend(seed))


def test_without_a_condition_a_logout_undoes_a_login() -> None:
    """Which shows that the test above can tell."""

    def meet_often() -> None:
        for seed in range(50):
            _log_out_together(CarelessBackend(seed))

    with pytest.raises(AssertionError):
        meet_often()


def test_without_conditions_writes_are_lost() -> None:
    """Which shows that the test above can tell."""
    with pytest.raises(AssertionError, match=r"a write was lost|a version was taken twice"):
        _count_together(CarelessBackend(0))


@pytest.mark.parametrize("verb", ROTATIONS)
def test_without_conditions_several_tokens_are_handed_out(verb: str) -> None:
    """Which shows that the test above can tell."""
    with pytest.raises(AssertionError):
        _rotate_together(CarelessBackend(0), ROTATIONS[verb])


@pytest.mark.parametrize("seed", range(10))
def test_nothing_survives_an_end_that_races_with_writers(seed: int) -> None:
    """A write, touch or rotation at that moment either came before, or learns that it came too late."""
    store = _store(MeetingBackend(seed))
    session = store.create({"n": 0}, subject="u")
    copies = [_read(store, session.token) for _ in range(3)]

    def write(copy: Session) -> None:
        try:
            for number in range(20):
                copy["n"] = number
                store.write(copy, on_conflict="mine")
                store.touch(copy, idle=900 + number)
                if number == 10:
                    store.rotate(copy)
        except SessionGoneError:
            return

    def end() -> None:
        assert store.expire_all(subject="u") == BulkExpiry(1)
        assert store.read(session.token) is None

    _at_once(*[lambda copy=copy: write(copy) for copy in copies], end)
    assert [store.read(copy.token) for copy in [session, *copies]] == [None] * 4
    assert list(store.sessions(subject="u")) == []


@pytest.mark.parametrize("keeps_one", [False, True])
def test_many_sessions_end_at_once(keeps_one: bool) -> None:
    """In threads of their own, while all of them rotate; more than a page of them."""
    store = _store(MeetingBackend(1))
    sessions = [store.create({"n": number}, subject="u") for number in range(120)]
    kept = sessions[7] if keeps_one else None

    def rotate() -> None:
        for session in sessions[::-1]:
            with suppress(SessionGoneError):
                store.rotate(session)

    def end() -> None:
        assert store.expire_all(subject="u", keep=kept) == BulkExpiry(119 if keeps_one else 120)

    _at_once(rotate, end)
    assert [session for session in sessions if store.read(session.token)] == ([kept] if keeps_one else [])


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
    """No thread can change what another holds."""
    record = Record("app#1", bytes(32), 1, "w", created_at=0, began_at=0, expires_at=1, absolute_at=1, idle=1)
    with pytest.raises(AttributeError):
        record.version = 2  # type: ignore[misc]  # that is the point
    assert replace(record, version=2).version == 2
