"""What a store promises of ending many sessions at once, before an index names them and after a restore."""

from collections.abc import Callable

import pytest

from sojourn import BulkExpiry, InvalidDataError, Session, SessionGoneError, Store, StoreUnavailableError
from sojourn.backend import Backend, Page
from sojourn.testing import FakeClock
from tests.contract.stores import Stores, alive

USES: dict[str, Callable[[Store, Session], object]] = {
    "touch": lambda store, session: store.touch(session, idle=900),
    "write": lambda store, session: store.write(session),
    "rotate": lambda store, session: store.rotate(session),
    "login again": lambda store, session: store.login(session, subject="u"),
    "login as another": lambda store, session: store.login(session, subject="v", absolute=7_776_000),
}

every_use = pytest.mark.parametrize("use", USES.values(), ids=USES)


def _hold_back_the_index(backend: Backend, patch: pytest.MonkeyPatch) -> None:
    """It names nothing yet."""
    patch.setattr(backend, "of_subject", lambda _subject, **_page: Page((), None))


class Boundaries:
    """Part of the store contract."""

    # expire_all, when the index lags

    def test_what_the_index_does_not_name_yet_survives_the_default(self, store: Store, backend: Backend) -> None:
        """The window that the default leaves open; here it is held open."""
        with pytest.MonkeyPatch.context() as patch:
            _hold_back_the_index(backend, patch)
            session = store.create(subject="u")
            assert store.expire_all(subject="u") == BulkExpiry(0)
            assert store.read(session.token) is not None
        assert store.expire_all(subject="u") == BulkExpiry(1)
        assert store.read(session.token) is None

    def test_strict_leaves_no_window(self, stores: Stores, backend: Backend, clock: FakeClock) -> None:
        """Dead at once for every reader, and for a list that the index feeds later."""
        store, other = stores(strict=True), stores(strict=True)
        session, anonymous, foreign = store.create(subject="u"), store.create(), store.create(subject="v")
        with pytest.MonkeyPatch.context() as patch:
            _hold_back_the_index(backend, patch)
            assert store.expire_all(subject="u") == BulkExpiry(0)
        assert list(other.sessions(subject="u")) == []
        assert other.read(session.token) is None
        assert backend.load(f"default#{session.id}") is None
        assert other.read(anonymous.token) is not None
        assert other.read(foreign.token) is not None
        later = store.create(subject="u")
        clock.advance(600)
        assert other.read(later.token) is not None
        assert [summary.id for summary in other.sessions(subject="u")] == [later.id]

    @every_use
    def test_strict_stops_every_copy_that_is_still_held(
        self, stores: Stores, backend: Backend, use: Callable[[Store, Session], object]
    ) -> None:
        """Nothing is acknowledged after the end, and no login revives it."""
        store = stores(strict=True)
        copy = alive(store.read(store.create({"a": 1}, subject="u").token))
        with pytest.MonkeyPatch.context() as patch:
            _hold_back_the_index(backend, patch)
            store.expire_all(subject="u")
        copy["a"] = 2
        with pytest.raises(SessionGoneError):
            use(store, copy)
        assert store.read(copy.token) is None
        assert list(store.sessions(subject="u")) == list(store.sessions(subject="v")) == []

    @every_use
    def test_an_end_that_overtakes_a_use_is_noticed(
        self, stores: Stores, backend: Backend, use: Callable[[Store, Session], object]
    ) -> None:
        """Between the store's change and its answer: then the session is gone, whatever was stored."""
        store, other = stores(strict=True), stores(strict=True)
        copy = alive(store.read(store.create({"a": 1}, subject="u").token))
        copy["a"] = 2

        def ended_behind(verb: str) -> Callable[..., object]:
            change = getattr(backend, verb)

            def changed(*arguments: object, **named: object) -> object:
                answer = change(*arguments, **named)
                patch.undo()
                _hold_back_the_index(backend, patch)
                other.expire_all(subject="u")
                other.expire_all(subject="v")
                return answer

            return changed

        with pytest.MonkeyPatch.context() as patch:
            for verb in ("renew", "replace"):
                patch.setattr(backend, verb, ended_behind(verb))
            with pytest.raises(SessionGoneError) as gone:
                use(store, copy)
        assert gone.value.outcome_unknown
        assert store.read(copy.token) is None
        assert backend.load(f"default#{copy.id}") is None

    @pytest.mark.parametrize("ended", ["u", "v"])
    @pytest.mark.parametrize("when", ["before", "between"])
    def test_no_login_slips_through_an_end_of_either_subject(
        self, stores: Stores, backend: Backend, ended: str, when: str
    ) -> None:
        """The former subject's sessions end, or the new one's, while the login is under way and the index lags.

        An end of the new subject before the login is stored does not concern it: it comes after.
        """
        store, other = stores(strict=True), stores(strict=True)
        session = alive(store.read(store.create({"a": 1}, subject="u").token))
        change = backend.replace

        def overtaken(*arguments: object, **named: object) -> object:
            patch.undo()
            _hold_back_the_index(backend, patch)
            if when == "before":
                other.expire_all(subject=ended)
            stored = change(*arguments, **named)  # type: ignore[arg-type]  # passed on
            if when == "between":
                other.expire_all(subject=ended)
            return stored

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(backend, "replace", overtaken)
            with pytest.raises(SessionGoneError):
                store.login(session, subject="v")
        assert store.read(session.token) is None
        assert backend.load(f"default#{session.id}") is None

    def test_a_thief_who_rotates_in_a_loop_is_ended_too(
        self, stores: Stores, backend: Backend, clock: FakeClock
    ) -> None:
        """30 of 30, though the index lags: a rotation changes neither id nor entry."""
        for strict in (False, True):
            store, thief = stores(strict=strict), stores(strict=strict)
            page, delete = backend.of_subject, backend.delete
            for number in range(30):
                stolen = alive(thief.read(store.create({"n": number}, subject="u").token))
                lagging = page("default#u", limit=100)

                def rotating(*arguments: object, **named: object) -> object:
                    for _ in range(3):
                        thief.rotate(stolen)  # noqa: B023  # called in this round
                    return delete(*arguments, **named)  # type: ignore[arg-type]  # noqa: B023  # passed on

                with pytest.MonkeyPatch.context() as patch:
                    patch.setattr(backend, "of_subject", lambda _subject, **_page: lagging)  # noqa: B023
                    if not strict:
                        patch.setattr(backend, "delete", rotating)
                    assert store.expire_all(subject="u").expired == 1
                assert thief.read(stolen.token) is None
                with pytest.raises(SessionGoneError):
                    thief.rotate(stolen)
                clock.advance(1)

    def test_strict_keeps_the_one_that_asked(self, stores: Stores, backend: Backend) -> None:
        """Again and again, and through a rotation; never one that was ended before."""
        store = stores(strict=True)
        kept, ended = store.create(subject="u"), store.create(subject="u")
        with pytest.MonkeyPatch.context() as patch:
            _hold_back_the_index(backend, patch)
            for _ in range(2):
                store.expire_all(subject="u", keep=kept)
                assert store.read(kept.token) is not None
            store.rotate(kept)
            assert store.read(kept.token) is not None
            store.expire_all(subject="u", keep=ended.id)
            assert store.read(ended.token) is None
            assert store.read(kept.token) is None

    def test_strict_needs_an_answer(self, stores: Stores, backend: Backend, monkeypatch: pytest.MonkeyPatch) -> None:
        """An end that cannot be looked up is no life; the outcome of a change that was made is unknown."""
        store = stores(strict=True)
        session = store.create({"a": 1}, subject="u")

        def away(_name: str) -> None:
            raise StoreUnavailableError("away", is_transient=True)

        monkeypatch.setattr(backend, "mark", away)
        with pytest.raises(StoreUnavailableError):
            store.create(subject="u")
        with pytest.raises(StoreUnavailableError):
            store.read(session.token)
        session["a"] = 2
        with pytest.raises(StoreUnavailableError) as unknown:
            store.write(session)
        assert unknown.value.outcome_unknown

    # not_before

    def test_nothing_older_lives_after_a_restore(self, stores: Stores, clock: FakeClock) -> None:
        """What was alive in the backup is dead, whatever its deadline; what begins now lives."""
        store = stores()
        copy = alive(store.read(store.create({"a": 1}, subject="u", idle=9_000).token))
        clock.advance(100)
        opened = stores()
        opened.expire_before(clock())
        later = opened.create(subject="u")
        assert opened.not_before() == clock()
        assert [summary.id for summary in opened.sessions(subject="u")] == [later.id]
        assert opened.read(copy.token) is None
        copy["a"] = 2
        for use in USES.values():
            with pytest.raises(SessionGoneError):
                use(store, copy)
        assert opened.read(later.token) is not None

    @every_use
    def test_what_began_before_stores_nothing(
        self, stores: Stores, clock: FakeClock, use: Callable[[Store, Session], object]
    ) -> None:
        """Also by a copy whose session no process has found dead yet; from then on none finds it alive."""
        running = stores()
        copy = alive(running.read(running.create({"a": 1}, subject="u").token))
        clock.advance(1)
        opened = stores()
        opened.expire_before(clock())
        copy["a"] = 2
        with pytest.raises(SessionGoneError):
            use(opened, copy)
        assert running.read(copy.token) is None
        for left in (opened.sessions(subject="u"), opened.sessions(subject="v")):
            assert list(left) == []
        assert opened.read(copy.token) is None

    def test_a_process_that_runs_notices_within_a_minute(self, stores: Stores, clock: FakeClock) -> None:
        """It asks once a minute; the process that finds a session dead ends it for those that have not asked yet."""
        running, other = stores(), stores()
        one, two = running.create(), running.create()
        assert running.read(one.token) is not None
        clock.advance(1)
        other.expire_before(clock())
        assert other.read(two.token) is None
        assert running.read(two.token) is None
        assert running.read(one.token) is not None
        clock.advance(59)
        assert running.read(one.token) is None

    def test_not_before_never_moves_back(self, store: Store, clock: FakeClock) -> None:
        """Nor beyond the present, where it would end what has not begun."""
        store.expire_before(clock())
        store.expire_before(clock() - 100)
        assert store.not_before() == clock()
        for instant in (clock() + 1, -1, True, "0"):
            with pytest.raises(InvalidDataError, match="instant"):
                store.expire_before(instant)  # type: ignore[arg-type]  # as a program without types would

    def test_not_before_stops_at_the_wall(self, stores: Stores, clock: FakeClock) -> None:
        """Each namespace has its own; so has each subject its epoch."""
        here, there = stores(namespace="shop", strict=True), stores(namespace="shop2", strict=True)
        session = there.create(subject="u")
        clock.advance(1)
        here.expire_before(clock())
        here.expire_all(subject="u")
        assert there.read(session.token) is not None
