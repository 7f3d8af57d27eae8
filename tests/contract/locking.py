"""What a store promises of the lock on one session. Time is a number that sleeping moves."""

from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from sojourn import InvalidDataError, LockLostError, Session, SessionGoneError, SessionLockedError, Store
from sojourn.backend import Mark
from sojourn.errors import CorruptSessionError, StoreUnavailableError
from sojourn.retry import Retry
from sojourn.testing import FakeClock
from tests.contract.stores import Stores, alive

_FOR_EVER = 1_000


@dataclass
class Waiting:
    """A monotonic clock that sleeping moves; ``then`` happens when it gets there."""

    now: float = 100.0
    pauses: list[float] = field(default_factory=list)
    then: dict[float, Callable[[], object]] = field(default_factory=dict)

    def retry(self, *, jitter: float = 0.5) -> Retry:
        """A policy in this time."""
        return Retry(monotonic=lambda: self.now, sleep=self._sleep, jitter=lambda: jitter)

    def _sleep(self, pause: float) -> None:
        self.pauses.append(pause)
        assert len(self.pauses) < _FOR_EVER, "a caller waits for ever"
        self.now += pause
        for moment in sorted(moment for moment in self.then if moment <= self.now):
            self.then.pop(moment)()


class Locking:
    """Part of the store contract."""

    @pytest.fixture
    def time(self) -> Waiting:
        """Passes for all who wait."""
        return Waiting()

    @pytest.fixture
    def one(self, stores: Stores, time: Waiting) -> Store:
        """One process."""
        return stores(retry=time.retry())

    @pytest.fixture
    def two(self, stores: Stores, time: Waiting) -> Store:
        """Another."""
        return stores(retry=time.retry())

    @pytest.fixture
    def mine(self, one: Store) -> Session:
        """A session in the hands of the one."""
        return one.create({"n": 1})

    @pytest.fixture
    def yours(self, two: Store, mine: Session) -> Session:
        """The same in the hands of the other."""
        return alive(two.read(mine.token))

    def test_a_lock_holds_off_other_callers_of_it(self, one: Store, two: Store, mine: Session, yours: Session) -> None:
        """For as long as they would wait; another session is not concerned, and afterwards it is free."""
        with one.lock(mine) as first:
            with pytest.raises(SessionLockedError, match="locked for the 2 seconds"), two.lock(yours, wait=2):
                pytest.fail("two have the lock")
            with two.lock(two.create(), wait=0):
                pass
        with two.lock(yours, wait=0) as second:
            assert second > first

    def test_fences_grow(self, one: Store, mine: Session, clock: FakeClock) -> None:
        """Also within a millisecond, by a clock that is behind, and through a rotation."""
        fences = []
        for step in (0, 0, -5, 10):
            clock.advance(step)
            with one.lock(mine) as fence:
                fences.append(fence)
        one.rotate(mine)
        with one.lock(mine) as fence:
            fences.append(fence)
        assert fences == sorted(set(fences))

    def test_a_lock_outlives_a_rotation(
        self, one: Store, two: Store, mine: Session, yours: Session, stores: Stores
    ) -> None:
        """It is the session's, not the token's: a copy with the new token is held off, one with the old is gone."""
        third = stores(retry=one.resources.retry)
        with one.lock(mine):
            one.login(mine, subject="u")
            one.rotate(mine)
            with pytest.raises(SessionLockedError), third.lock(alive(third.read(mine.token)), wait=2):
                pytest.fail("two have the lock")
        with pytest.raises(SessionGoneError), two.lock(yours, wait=0):
            pytest.fail("it was locked with a token that was rotated away")
        with third.lock(alive(third.read(mine.token)), wait=0):
            pass

    def test_a_waiter_gets_it_when_it_is_released(
        self, one: Store, two: Store, mine: Session, yours: Session, time: Waiting
    ) -> None:
        """Within the second in which it became free."""
        held = one.lock(mine)
        held.__enter__()
        time.then[time.now + 3] = lambda: held.__exit__(None, None, None)
        with two.lock(yours):
            assert 103 <= time.now <= 104

    def test_a_dead_holder_keeps_it_for_the_lease_alone(
        self, one: Store, two: Store, mine: Session, yours: Session, time: Waiting
    ) -> None:
        """Measured by the waiter, from its first look."""
        dead = one.lock(mine, lease=5)
        dead.__enter__()
        with two.lock(yours, lease=5):
            assert time.now == pytest.approx(105)

    def test_each_holder_has_the_whole_lease(
        self, stores: Stores, one: Store, two: Store, mine: Session, yours: Session, time: Waiting
    ) -> None:
        """A waiter that has watched one holder for a while owes the next one as much."""
        first, next_one = one.lock(mine, lease=5), stores(retry=time.retry()).lock(yours, lease=8)
        first.__enter__()

        def hand_over() -> None:
            first.__exit__(None, None, None)
            next_one.__enter__()

        time.then[time.now + 4] = hand_over
        with two.lock(yours, wait=30):
            assert time.now >= 112

    def test_waiting_is_no_storm(
        self, one: Store, two: Store, mine: Session, yours: Session, time: Waiting, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Two looks a second on the average, five more at first."""
        looks = []
        mark = two.resources.backend.mark

        def counted(name: str) -> Mark | None:
            looks.append(name)
            return mark(name)

        with one.lock(mine, lease=900):
            monkeypatch.setattr(two.resources.backend, "mark", counted)
            with pytest.raises(SessionLockedError), two.lock(yours, wait=60):
                pytest.fail("two have the lock")
        assert 60 <= len(looks) <= 2 * 60 + 5
        assert max(time.pauses) <= 1

    def test_a_caller_that_would_not_wait_looks_once(
        self, one: Store, two: Store, mine: Session, yours: Session, time: Waiting
    ) -> None:
        """And does not sleep."""
        with one.lock(mine), pytest.raises(SessionLockedError), two.lock(yours, wait=0):
            pytest.fail("two have the lock")
        assert time.pauses == []

    def test_a_deadline_bounds_the_wait(
        self, one: Store, two: Store, mine: Session, yours: Session, time: Waiting
    ) -> None:
        """What ``within`` gives is all there is."""
        with one.lock(mine, lease=60), pytest.raises(SessionLockedError), two.within(8).lock(yours, wait=60):
            pytest.fail("two have the lock")
        assert time.now <= 108

    def test_a_lease_that_ran_out_is_an_error(
        self, one: Store, two: Store, mine: Session, yours: Session, time: Waiting
    ) -> None:
        """If another caller had the session meanwhile; and what was changed is there."""
        held = one.lock(mine, lease=5)
        first = held.__enter__()
        time.now += 1
        with two.lock(yours, lease=5) as second:
            assert second > first
        mine["n"] = 2
        one.write(mine)
        with pytest.raises(LockLostError, match="lease"):
            held.__exit__(None, None, None)
        assert alive(two.read(mine.token))["n"] == 2

    def test_a_lease_that_no_other_caller_missed_is_no_error(self, one: Store, mine: Session, time: Waiting) -> None:
        """Late, but alone."""
        with one.lock(mine, lease=5):
            time.now += 60

    def test_an_error_under_the_lock_frees_it(self, one: Store, two: Store, mine: Session, yours: Session) -> None:
        """And is not hidden."""
        with pytest.raises(ZeroDivisionError), one.lock(mine):
            raise ZeroDivisionError
        with two.lock(yours, wait=0):
            pass

    def test_what_others_wrote_before_is_there(self, one: Store, two: Store, mine: Session, yours: Session) -> None:
        """A copy without changes is as fresh as the lock; one with changes keeps them, to be merged."""
        with two.lock(yours):
            yours["n"] = 2
            two.write(yours)
        kept = mine["n"]
        with one.lock(mine):
            assert (kept, mine["n"]) == (1, 2)
        with two.lock(yours):
            yours["m"] = 1
            two.write(yours)
        mine["k"] = 1
        with one.lock(mine):
            assert "m" not in mine
            one.write(mine)
        assert dict(mine) == {"n": 2, "m": 1, "k": 1}

    def test_a_dead_session_has_no_lock(self, one: Store, two: Store, mine: Session, yours: Session) -> None:
        """And none is left behind."""
        two.expire(yours)
        with pytest.raises(SessionGoneError), one.lock(mine):
            pytest.fail("a dead session was locked")
        assert _mark_of(one, mine).value == ""

    def test_an_unanswered_acquisition_counts(
        self, one: Store, two: Store, mine: Session, yours: Session, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """It took effect, and the second try finds its own."""
        _lose_one_answer(one, monkeypatch)
        with one.lock(mine), pytest.raises(SessionLockedError), two.lock(yours, wait=1):
            pytest.fail("two have the lock")

    def test_an_unanswered_release_is_no_error(
        self, one: Store, two: Store, mine: Session, yours: Session, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Within the lease no other caller can have had it, whatever became of the release."""
        with one.lock(mine):
            _lose_one_answer(one, monkeypatch)
        with two.lock(yours, wait=0):
            pass
        with one.lock(mine):
            monkeypatch.setattr(one.resources.backend, "set_mark", _away)

    def test_a_late_release_without_an_answer_is_an_error(
        self, one: Store, mine: Session, time: Waiting, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Beyond the lease another caller may have had it."""
        held = one.lock(mine, lease=5)
        held.__enter__()
        time.now += 6
        monkeypatch.setattr(one.resources.backend, "set_mark", _away)
        with pytest.raises(LockLostError):
            held.__exit__(None, None, None)

    def test_a_damaged_lock_is_an_error(self, one: Store, mine: Session) -> None:
        """Not a free one."""
        one.resources.backend.set_mark(_name_of(mine), Mark("nonsense", 1), seen=None, expires_at=None)
        with pytest.raises(CorruptSessionError, match="lock"), one.lock(mine):
            pytest.fail("it was taken for a free one")

    def test_a_lock_stops_at_the_wall(self, stores: Stores, mine: Session) -> None:
        """A session of another namespace is none."""
        with pytest.raises(SessionGoneError), stores(namespace="other").lock(mine):
            pytest.fail("a foreign session was locked")
        assert stores().resources.backend.mark(_name_of(mine)) is None

    @pytest.mark.parametrize(
        ("name", "value"),
        [("lease", 0), ("lease", 901), ("lease", True), ("lease", "5"), ("lease", float("nan")), ("wait", -1)],
    )
    def test_a_lock_takes_sensible_times(self, one: Store, mine: Session, name: str, value: float) -> None:
        """Seconds, and never so few that no caller could keep it."""
        with pytest.raises(InvalidDataError, match=name), one.lock(mine, **{name: value}):
            pytest.fail("it was locked")


def _name_of(session: Session) -> str:
    return f"default#!lock#{session.id}"


def _mark_of(store: Store, session: Session) -> Mark:
    mark = store.resources.backend.mark(_name_of(session))
    assert mark is not None
    return mark


def _lose_one_answer(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """The next change of a mark takes effect and goes unanswered."""
    set_mark, lost = store.resources.backend.set_mark, [True]

    def unanswered(name: str, mark: Mark, *, seen: Mark | None, expires_at: int | None) -> Mark | None:
        answer = set_mark(name, mark, seen=seen, expires_at=expires_at)
        if lost:
            lost.clear()
            raise StoreUnavailableError("away", outcome_unknown=True, is_transient=True)
        return answer

    monkeypatch.setattr(store.resources.backend, "set_mark", unanswered)


def _away(*_: object, **__: object) -> None:
    raise StoreUnavailableError("away", outcome_unknown=True)
