"""What a store promises about a session's end: death is final, and the sweep takes the stale and no other."""

from collections.abc import Callable

import pytest

from sojourn import BulkExpiry, Session, SessionGoneError, Settings, Store
from sojourn.backend import Backend
from sojourn.testing import FakeClock
from tests.contract.stores import SHARDS, Stores, alive, sweep_of


def _kill_by_expiry(store: Store, session: Session, _clock: FakeClock) -> None:
    store.expire(session)


def _kill_by_rotation(store: Store, session: Session, _clock: FakeClock) -> None:
    store.rotate(alive(store.read(session.token)))


def _kill_by_login(store: Store, session: Session, _clock: FakeClock) -> None:
    store.login(alive(store.read(session.token)), subject="v", idle=9_000)


def _kill_by_time(_store: Store, session: Session, clock: FakeClock) -> None:
    clock.advance(session.idle)


def _kill_by_sweep(store: Store, session: Session, clock: FakeClock) -> None:
    clock.advance(session.idle + 10)
    assert store.sweep(deadline=clock() + 60).swept == 1


def _kill_by_subject(store: Store, session: Session, _clock: FakeClock) -> None:
    assert store.expire_all(subject=str(session.subject)) == BulkExpiry(1)


DEATHS: list[Callable[[Store, Session, FakeClock], None]] = [
    _kill_by_expiry,
    _kill_by_rotation,
    _kill_by_login,
    _kill_by_time,
    _kill_by_sweep,
    _kill_by_subject,
]

deaths = pytest.mark.parametrize("die", DEATHS, ids=lambda die: die.__name__.removeprefix("_kill_by_"))


class Endings:
    """Part of the store contract."""

    @deaths
    def test_a_dead_session_is_dead_for_every_verb(
        self, store: Store, clock: FakeClock, die: Callable[[Store, Session, FakeClock], None]
    ) -> None:
        """However it died, and however often one asks."""
        session = store.create({"x": 1}, subject="u")
        copies = [alive(store.read(session.token)) for _ in range(5)]
        die(store, session, clock)
        for _ in range(2):
            assert store.read(session.token) is None
            copies[0]["x"] = 2
            for attempt in (
                lambda: store.write(copies[0]),
                lambda: store.write(copies[1], idle=9_000),
                lambda: store.touch(copies[2], idle=9_000),
                lambda: store.rotate(copies[3]),
                lambda: store.login(copies[4], subject="u"),
            ):
                with pytest.raises(SessionGoneError):
                    attempt()
        assert store.read(session.token) is None
        store.expire(session)

    @pytest.mark.parametrize("verb", ["read", "touch", "write", "rotate", "login"])
    @pytest.mark.parametrize("late", ["read", "touch", "write", "rotate", "login"])
    def test_what_one_clock_found_dead_no_slower_clock_calls_alive(
        self, stores: Stores, clock: FakeClock, verb: str, late: str
    ) -> None:
        """A caller that says that a session is gone has removed it."""
        slow = stores(clock=FakeClock(clock.now))
        token = slow.create().token
        mine, theirs = alive(slow.read(token)), alive(slow.read(token))
        clock.advance(1_800)
        assert _is_found(stores(), mine, verb) is False
        assert _is_found(slow, theirs, late) is False

    def test_a_renewal_by_a_slower_clock_counts_for_the_faster(self, stores: Stores, clock: FakeClock) -> None:
        """As long as no caller heard of an end there was none."""
        slow = FakeClock(clock.now)
        session = stores(clock=slow).create()
        stale = alive(stores().read(session.token))
        slow.advance(1_799)
        assert stores(clock=slow).read(session.token) is not None
        clock.advance(1_801)
        assert stores().read(session.token) is not None
        stale["x"] = 1
        stores().write(stale)

    def test_expiring_ends_one_session_and_no_other(self, store: Store) -> None:
        """By the session or by its token; twice does no harm."""
        one, two, three = store.create(), store.create(), store.create()
        store.expire(one)
        store.expire(two.token)
        store.expire(two.token)
        assert store.read(one.token) is None
        assert store.read(two.token) is None
        assert store.read(three.token) is not None

    # the sweep

    def test_a_sweep_removes_what_is_stale_and_nothing_else(self, store: Store, clock: FakeClock) -> None:
        """And then there is nothing left to do."""
        stale = [store.create(idle=60) for _ in range(30)]
        living = [store.create() for _ in range(5)]
        clock.advance(60 + 5)
        report = store.sweep(deadline=clock() + 60)
        assert (report.swept, report.moved, report.left, report.more) == (len(stale), 0, 0, False)
        assert store.sweep(deadline=clock() + 60).swept == 0
        assert all(store.read(session.token) for session in living)

    def test_a_sweep_leaves_what_another_clock_may_still_serve(self, store: Store, clock: FakeClock) -> None:
        """Clocks may be five seconds apart."""
        store.create(idle=60)
        clock.advance(60 + 4)
        assert store.sweep(deadline=clock() + 60).swept == 0

    def test_a_renewed_session_is_moved_ahead_not_swept(self, store: Store, clock: FakeClock) -> None:
        """A hint is a hint; then it is due when the session is."""
        session = store.create(idle=60)
        clock.advance(50)
        assert store.read(session.token) is not None
        clock.advance(20)
        report = store.sweep(deadline=clock() + 60)
        assert (report.swept, report.moved) == (0, 1)
        assert store.sweep(deadline=clock() + 60).moved == 0
        assert store.read(session.token, touch=False) is not None
        clock.advance(60)
        assert store.sweep(deadline=clock() + 60).swept == 1

    def test_the_grace_is_kept(self, stores: Stores, clock: FakeClock) -> None:
        """A stale session may be looked at for so long."""
        store = stores(grace=100)
        store.create(idle=60)
        clock.advance(60 + 100 + 4)
        assert store.sweep(deadline=clock() + 60).swept == 0
        clock.advance(1)
        assert store.sweep(deadline=clock() + 60).swept == 1

    def test_a_rotated_session_is_swept_once(self, store: Store, backend: Backend, clock: FakeClock) -> None:
        """It has one place in the index, as before."""
        session = store.create(idle=60)
        store.rotate(session)
        clock.advance(100)
        named = [
            hint.session_id
            for shard in range(SHARDS)
            for hint in sweep_of(backend).due(str(shard), until=clock(), limit=9).hints
        ]
        assert named == [f"default#{session.id}"]
        assert store.sweep(deadline=clock() + 60).swept == 1

    @pytest.mark.parametrize("verb", ["touch", "write", "rotate"])
    @pytest.mark.parametrize("lifetime", [{"idle": 60}, {"absolute": 60}], ids=["idle", "absolute"])
    def test_a_session_cut_short_is_swept_in_time(
        self, store: Store, backend: Backend, clock: FakeClock, verb: str, lifetime: dict[str, int]
    ) -> None:
        """From a month to a minute: its place in the index moves with it, and only then."""
        session = store.create(idle=2_592_000, absolute=2_592_000)
        before = backend.load(f"default#{session.id}")
        session["a"] = 1
        store.write(session)
        assert backend.load(f"default#{session.id}").sweep_at == before.sweep_at  # type: ignore[union-attr]  # it lives
        session["a"] = 2
        getattr(store, verb)(session, **lifetime)
        assert session.expires_at == clock() + 60
        clock.advance(60 + 5)
        assert store.sweep(deadline=clock() + 60).swept == 1
        assert backend.load(f"default#{session.id}") is None

    def test_a_sweep_without_time_says_that_more_is_waiting(self, store: Store, clock: FakeClock) -> None:
        """And touches nothing."""
        session = store.create(idle=60)
        clock.advance(100)
        report = store.sweep(deadline=clock())
        assert (report.swept, report.more) == (0, True)
        assert store.read(session.token) is None

    def test_settings_are_what_the_store_was_opened_with(self, store: Store, settings: Settings) -> None:
        """A store shows its settings."""
        assert store.settings is settings


def _is_found(store: Store, session: Session, verb: str) -> bool:
    if verb == "read":
        return store.read(session.token) is not None
    try:
        if verb == "touch":
            store.touch(session, idle=9_000)
        elif verb == "write":
            session["late"] = True
            store.write(session)
        elif verb == "rotate":
            store.rotate(session)
        else:
            store.login(session, subject="v")
    except SessionGoneError:
        return False
    return True
