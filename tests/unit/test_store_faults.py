"""The store against a network that loses, repeats and delays: what is told to callers is true."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from sojourn import CorruptSessionError, Session, SessionGoneError, Settings, Store, StoreUnavailableError
from sojourn.backend import Match, Record
from sojourn.retry import Retry
from sojourn.testing import FakeClock
from tests.unit.faulty import Fault, FaultyBackend

LOST = [Fault.REQUEST_LOST, Fault.REPLY_LOST, Fault.DELAYED]

VERBS: dict[str, Callable[[Store, Session], object]] = {
    "create": lambda store, _session: store.create({"a": 1}),
    "read": lambda store, session: store.read(session.token),
    "write": lambda store, session: store.write(session),
    "touch": lambda store, session: store.touch(session, idle=60),
    "rotate": lambda store, session: store.rotate(session),
    "login": lambda store, session: store.login(session, subject="v"),
    "expire": lambda store, session: store.expire(session),
    "list": lambda store, _session: list(store.sessions(subject="u")),
    "expire one": lambda store, session: store.expire_one(subject="u", session_id=session.id),
    "expire all": lambda store, _session: store.expire_all(subject="u"),
}

every_verb = pytest.mark.parametrize("verb", VERBS.values(), ids=VERBS)


@pytest.fixture
def clock() -> FakeClock:
    """The time."""
    return FakeClock()


@pytest.fixture
def backend() -> FaultyBackend:
    """Without a fault until one is planned."""
    return FaultyBackend()


@pytest.fixture
def store(backend: FaultyBackend, clock: FakeClock) -> Store:
    """The store under test."""
    return _store(backend, clock)


def _store(backend: FaultyBackend, clock: Callable[[], int]) -> Store:
    settings = Settings(sweep_grace_seconds=0, sweep_shards=1)
    return Store(backend, settings, clock=clock, retry=Retry(sleep=lambda _seconds: None))


def _calm(backend: FaultyBackend) -> FaultyBackend:
    """The same sessions over a network without faults: another client's."""
    return FaultyBackend(inner=backend.inner)


def _read(store: Store, token: str) -> Session:
    found = store.read(token, touch=False)
    assert found is not None
    return found


def _edited(store: Store, key: str, value: object) -> Session:
    """A session of which one copy has an unwritten change."""
    session = store.create({"a": 1, "b": 1}, subject="u")
    session[key] = value
    return session


def _written_by_another(store: Store, session: Session, key: str, value: object) -> Callable[[], None]:
    def write() -> None:
        other = _read(store, session.token)
        other[key] = value
        store.write(other)

    return write


def _removed(backend: FaultyBackend, session: Session) -> None:
    """It is gone from the table, whatever it was."""
    stored = backend.inner.load(f"default#{session.id}")
    assert stored is not None
    backend.inner.delete(stored.session_id, match=Match(version=stored.version))


class TestWrite:
    """An unanswered write."""

    @pytest.mark.parametrize("fault", LOST)
    def test_a_write_that_went_unanswered_is_repeated_and_counts_once(
        self, store: Store, backend: FaultyBackend, fault: Fault
    ) -> None:
        """Whether or not the first request took effect."""
        session = _edited(store, "a", 2)
        backend.plan("replace", fault)
        store.write(session)
        backend.deliver()
        found = _read(store, session.token)
        assert (found["a"], found.version, session.version) == (2, 2, 2)

    def test_a_write_that_took_effect_is_never_called_a_conflict(self, store: Store, backend: FaultyBackend) -> None:
        """Others built on it; our values are all there."""
        session = _edited(store, "a", 2)
        backend.plan("replace", Fault.REPLY_LOST)
        backend.plan(
            "replace", Fault.NONE, meanwhile=_written_by_another(_store(_calm(backend), FakeClock()), session, "b", 3)
        )
        store.write(session)
        assert dict(session) == {"a": 2, "b": 3}
        assert session.version == 3
        assert not session.is_changed

    def test_without_a_merge_equal_values_beside_others_are_no_proof(
        self, store: Store, backend: FaultyBackend
    ) -> None:
        """They may have been there before ours was refused; neither conflict nor success would be honest."""
        session = _edited(store, "a", 2)
        backend.plan("replace", Fault.REPLY_LOST)
        other = _store(_calm(backend), FakeClock())
        backend.plan("replace", Fault.NONE, meanwhile=_written_by_another(other, session, "b", 3))
        with pytest.raises(StoreUnavailableError) as unknown:
            store.write(session, merge=False)
        assert unknown.value.outcome_unknown

    def test_without_a_merge_the_very_document_is_as_good_as_ours(self, store: Store, backend: FaultyBackend) -> None:
        """Whoever stored it."""
        session = _edited(store, "a", 2)
        other = _store(_calm(backend), FakeClock())

        def change_and_change_back() -> None:
            for value in (7, 2):
                _written_by_another(other, session, "a", value)()

        backend.plan("replace", Fault.REPLY_LOST)
        backend.plan("replace", Fault.NONE, meanwhile=change_and_change_back)
        store.write(session, merge=False)
        assert dict(session) == {"a": 2, "b": 1}

    def test_equal_values_are_no_proof_to_a_function_that_counts(self, store: Store, backend: FaultyBackend) -> None:
        """Two others may have stored what ours would have been; counted once, it would be lost."""
        session = _edited(store, "a", 2)
        other = _store(_calm(backend), FakeClock())

        def count_and_write() -> None:
            _written_by_another(other, session, "a", 2)()
            _written_by_another(other, session, "b", 3)()

        backend.plan("replace", Fault.REQUEST_LOST)
        backend.plan("replace", Fault.NONE, meanwhile=count_and_write)
        with pytest.raises(StoreUnavailableError) as unknown:
            store.write(session, on_conflict=lambda conflict: int(str(conflict.theirs)) + 1)
        assert unknown.value.outcome_unknown

    def test_a_spoiled_document_is_not_merged(self, store: Store, backend: FaultyBackend) -> None:
        """Also one that is only no JSON; reading it says so, too."""
        session = _edited(store, "a", 2)
        _written_by_another(_store(_calm(backend), FakeClock()), session, "b", 3)()
        spoil = backend.inner.load(f"default#{session.id}")
        assert spoil is not None
        _removed(backend, session)
        backend.inner.insert(replace(spoil, data=b"\x01\x00{"))
        with pytest.raises(CorruptSessionError) as corrupt:
            store.write(session)
        assert corrupt.value.session_id == session.id

    def test_when_values_cannot_tell_the_outcome_is_said_to_be_unknown(
        self, store: Store, backend: FaultyBackend
    ) -> None:
        """Ours was stored and overwritten, or overtaken twice: neither conflict nor success would be honest."""
        session = _edited(store, "a", 2)
        other = _store(_calm(backend), FakeClock())

        def overwrite() -> None:
            for value in (7, 8):
                _written_by_another(other, session, "a", value)()

        backend.plan("replace", Fault.REPLY_LOST)
        backend.plan("replace", Fault.NONE, meanwhile=overwrite)
        with pytest.raises(StoreUnavailableError) as unknown:
            store.write(session)
        assert unknown.value.outcome_unknown
        assert _read(store, session.token)["a"] == 8
        assert session.is_changed

    @pytest.mark.parametrize("fault", [Fault.REQUEST_LOST, Fault.DELAYED])
    def test_a_writer_that_was_overtaken_once_knows_that_nothing_was_stored(
        self, store: Store, backend: FaultyBackend, fault: Fault
    ) -> None:
        """A version is taken once; so the edits are merged, and what arrives late finds no version to replace."""
        session = _edited(store, "a", 2)
        other = _store(_calm(backend), FakeClock())
        backend.plan("replace", fault)
        backend.plan("replace", Fault.NONE, meanwhile=_written_by_another(other, session, "b", 3))
        store.write(session)
        backend.deliver()
        assert dict(_read(store, session.token)) == {"a": 2, "b": 3}
        assert session.version == 3

    @pytest.mark.parametrize("fault", LOST)
    def test_a_write_that_was_never_answered_can_be_tried_again(
        self, store: Store, backend: FaultyBackend, fault: Fault
    ) -> None:
        """The error says that it may have happened; the session keeps its changes, to write again is no conflict."""
        session = _edited(store, "a", 2)
        backend.plan("replace", *[fault] * 3)
        with pytest.raises(StoreUnavailableError) as unanswered:
            store.write(session)
        assert unanswered.value.outcome_unknown
        assert session.is_changed
        backend.deliver()
        store.write(session)
        assert _read(store, session.token)["a"] == 2

    def test_a_refused_request_is_said_not_to_have_happened(self, store: Store, backend: FaultyBackend) -> None:
        """Throttled throughout: nothing is in doubt."""
        session = _edited(store, "a", 2)
        backend.plan("replace", *[Fault.THROTTLED] * 3)
        with pytest.raises(StoreUnavailableError) as throttled:
            store.write(session)
        assert not throttled.value.outcome_unknown
        assert _read(store, session.token)["a"] == 1

    def test_one_unanswered_attempt_leaves_doubt_whatever_follows(self, store: Store, backend: FaultyBackend) -> None:
        """Throttled afterwards does not take it back."""
        session = _edited(store, "a", 2)
        backend.plan("replace", Fault.REPLY_LOST, Fault.THROTTLED, Fault.THROTTLED)
        with pytest.raises(StoreUnavailableError) as doubtful:
            store.write(session)
        assert doubtful.value.outcome_unknown

    def test_doubt_remains_when_the_others_document_cannot_be_read(self, store: Store, backend: FaultyBackend) -> None:
        """Ours was stored and built upon; not to be able to compare does not make it unhappened."""
        session = _edited(store, "a", 2)
        other = _store(_calm(backend), FakeClock())
        backend.plan("replace", Fault.REPLY_LOST)
        backend.plan("replace", Fault.NONE, meanwhile=_written_by_another(other, session, "b", 3))
        backend.plan("document", *[Fault.THROTTLED] * 3)
        with pytest.raises(StoreUnavailableError) as doubtful:
            store.write(session)
        assert doubtful.value.outcome_unknown

    def test_doubt_remains_when_the_dead_cannot_be_removed(
        self, store: Store, backend: FaultyBackend, clock: FakeClock
    ) -> None:
        """A touch that may have taken effect says so, also when the session has died since."""
        session = store.create()
        clock.advance(1_000)
        backend.plan("renew", Fault.REPLY_LOST)
        backend.plan("renew", Fault.NONE, meanwhile=lambda: clock.advance(60))
        backend.plan("delete", *[Fault.THROTTLED] * 3)
        with pytest.raises(StoreUnavailableError) as doubtful:
            store.touch(session, idle=30)
        assert doubtful.value.outcome_unknown

    def test_a_write_that_died_unanswered_is_gone(self, store: Store, backend: FaultyBackend) -> None:
        """Stored and then expired by another client: the session is gone, and ours may have been read before."""
        session = _edited(store, "a", 2)
        backend.plan("replace", Fault.REPLY_LOST)
        backend.plan("replace", Fault.NONE, meanwhile=lambda: _removed(backend, session))
        with pytest.raises(SessionGoneError) as gone:
            store.write(session)
        assert gone.value.outcome_unknown

    def test_a_write_that_came_too_late_surely_stored_nothing(self, store: Store, backend: FaultyBackend) -> None:
        """Its session ended before it was ever asked for."""
        session = _edited(store, "a", 2)
        backend.plan("replace", Fault.THROTTLED)
        _removed(backend, session)
        with pytest.raises(SessionGoneError) as gone:
            store.write(session)
        assert not gone.value.outcome_unknown

    def test_what_a_rotated_session_has_of_an_unanswered_write_is_not_denied(
        self, store: Store, backend: FaultyBackend
    ) -> None:
        """Stored, then rotated by another client before we heard of it: what was written lives on."""
        session, other = _edited(store, "a", 2), store.create()

        def rotated() -> None:
            nonlocal other
            other = _read(store, session.token)
            store.rotate(other)

        backend.plan("replace", Fault.REPLY_LOST)
        backend.plan("replace", Fault.NONE, meanwhile=rotated)
        with pytest.raises(SessionGoneError) as gone:
            store.write(session)
        assert gone.value.outcome_unknown
        assert gone.value.is_superseded
        assert _read(store, other.token)["a"] == 2


class TestRotate:
    """An unanswered rotation."""

    @pytest.mark.parametrize("fault", LOST)
    def test_a_rotation_that_went_unanswered_is_repeated_and_counts_once(
        self, store: Store, backend: FaultyBackend, fault: Fault
    ) -> None:
        """One new token, and it is the one that the caller holds."""
        session = _edited(store, "a", 2)
        old = session.token
        backend.plan("replace", fault)
        store.rotate(session)
        backend.deliver()
        assert store.read(old) is None
        assert dict(_read(store, session.token)) == {"a": 2, "b": 1}
        assert session.version == 2

    @pytest.mark.parametrize("fault", LOST)
    def test_a_login_that_went_unanswered_is_repeated_and_counts_once(
        self, store: Store, backend: FaultyBackend, clock: FakeClock, fault: Fault
    ) -> None:
        """One new token, one stay, which began when it was stored."""
        session = _edited(store, "a", 2)
        old = session.token
        clock.advance(100)
        backend.plan("replace", fault, meanwhile=lambda: clock.advance(3))
        store.login(session, subject="v", absolute=5_000)
        backend.deliver()
        assert store.read(old) is None
        found = _read(store, session.token)
        assert (dict(found), found.subject, found.version) == ({"a": 2, "b": 1}, "v", 2)
        assert found.absolute_at == found.began_at + 5_000 == session.absolute_at
        assert [summary.id for summary in store.sessions(subject="v")] == [session.id]

    @pytest.mark.parametrize("fault", LOST)
    def test_of_two_rotations_that_meet_while_one_is_unanswered_one_wins(
        self, store: Store, backend: FaultyBackend, fault: Fault
    ) -> None:
        """The one that comes second is superseded; where ours may have come first, that is said."""
        session = store.create({"a": 1})
        rival = _store(_calm(backend), FakeClock())
        other = _read(rival, session.token)
        ours = fault is Fault.REPLY_LOST

        def rotate_too() -> None:
            if ours:
                with pytest.raises(SessionGoneError):
                    rival.rotate(other)
            else:
                rival.rotate(other)

        backend.plan("replace", fault)
        backend.plan("replace", Fault.NONE, meanwhile=rotate_too)
        if ours:
            store.rotate(session)
        else:
            with pytest.raises(SessionGoneError) as gone:
                store.rotate(session)
            assert gone.value.is_superseded
            assert gone.value.outcome_unknown
        backend.deliver()
        winner = session if ours else other
        assert store.read(winner.token) is not None
        assert ours or store.read(session.token) is None

    def test_a_late_rotation_brings_nothing_back(self, store: Store, backend: FaultyBackend) -> None:
        """Under neither token, when the session has ended."""
        session = store.create()
        old = session.token
        backend.plan("replace", Fault.DELAYED, Fault.REPEATED)
        store.rotate(session)
        store.expire(session)
        backend.deliver()
        assert store.read(old) is None
        assert store.read(session.token) is None

    def test_a_rotation_that_ended_unanswered_is_gone(self, store: Store, backend: FaultyBackend) -> None:
        """Rotated, then ended from the list of devices, before we heard of it."""
        session = store.create(subject="u")

        def end_all() -> None:
            for position in backend.inner.of_subject("default#u", limit=9).positions:
                backend.inner.delete(position.session_id, match=Match(subject="default#u"))

        backend.plan("replace", Fault.REPLY_LOST)
        backend.plan("replace", Fault.NONE, meanwhile=end_all)
        with pytest.raises(SessionGoneError) as gone:
            store.rotate(session)
        assert gone.value.outcome_unknown
        assert not gone.value.is_superseded

    def test_a_rotation_that_was_never_answered_leaves_the_token_in_hand(
        self, store: Store, backend: FaultyBackend
    ) -> None:
        """It did not happen, so the old token still opens the session."""
        session = store.create({"a": 1})
        token = session.token
        backend.plan("replace", *[Fault.REQUEST_LOST] * 3)
        with pytest.raises(StoreUnavailableError) as unanswered:
            store.rotate(session)
        assert unanswered.value.outcome_unknown
        assert session.token == token
        assert dict(_read(store, token)) == {"a": 1}


class TestCreate:
    """An unanswered creation."""

    @pytest.mark.parametrize("fault", LOST)
    def test_a_late_creation_brings_nothing_back(self, store: Store, backend: FaultyBackend, fault: Fault) -> None:
        """The session that was handed out ended, and stays ended when the first request arrives."""
        backend.plan("insert", fault)
        session = store.create({"a": 1})
        assert dict(_read(store, session.token)) == {"a": 1}
        store.expire(session)
        backend.deliver()
        assert store.read(session.token) is None

    def test_an_abandoned_creation_is_cleared_away(self, store: Store, backend: FaultyBackend) -> None:
        """No list shows a device that is not in use."""
        backend.plan("insert", Fault.REPLY_LOST, Fault.REPLY_LOST)
        session = store.create(subject="u")
        assert [summary.id for summary in store.sessions(subject="u")] == [session.id]

    def test_clearing_away_is_not_worth_a_failure(self, store: Store, backend: FaultyBackend) -> None:
        """The session was created; what is left over dies by itself."""
        backend.plan("insert", Fault.REPLY_LOST)
        backend.plan("delete", Fault.FORBIDDEN)
        assert store.read(store.create().token) is not None

    def test_a_creation_that_was_never_answered_says_so(self, store: Store, backend: FaultyBackend) -> None:
        """It is no success, and nothing that could be used was made."""
        backend.plan("insert", *[Fault.REPLY_LOST] * 3)
        with pytest.raises(StoreUnavailableError) as unanswered:
            store.create()
        assert unanswered.value.outcome_unknown


class TestDeath:
    """Late requests and sessions that ended."""

    @pytest.mark.parametrize("fault", [*LOST, Fault.REPEATED])
    def test_an_emptied_session_ends_also_when_the_answer_is_lost(
        self, store: Store, backend: FaultyBackend, fault: Fault
    ) -> None:
        """A second attempt that finds nothing is no write by another request."""
        session = store.create({"message": "hello"})
        backend.plan("delete", fault)
        assert store.expire_unchanged(session)
        backend.deliver()
        assert store.read(session.token) is None

    @pytest.mark.parametrize("fault", [Fault.REQUEST_LOST, Fault.DELAYED])
    def test_a_late_end_of_an_emptied_session_takes_no_later_write_along(
        self, store: Store, backend: FaultyBackend, clock: FakeClock, fault: Fault
    ) -> None:
        """The first attempt is on its way while another request writes."""
        session = store.create({"message": "hello"})
        other = _store(_calm(backend), clock)
        tab = _read(other, session.token)
        tab["cart"] = ["tea"]
        backend.plan("delete", fault)
        backend.plan("delete", Fault.NONE, meanwhile=lambda: other.write(tab))
        assert not store.expire_unchanged(session)
        backend.deliver()
        assert _read(store, session.token)["cart"] == ["tea"]

    @pytest.mark.parametrize("fault", [Fault.DELAYED, Fault.REPEATED])
    @pytest.mark.parametrize("idle", [None, 9_000])
    def test_a_late_touch_brings_nothing_back(
        self, store: Store, backend: FaultyBackend, clock: FakeClock, fault: Fault, idle: int | None
    ) -> None:
        """Expired meanwhile."""
        session = store.create()
        clock.advance(900)
        backend.plan("renew", fault)
        store.touch(session, idle=idle)
        store.expire(session)
        backend.deliver()
        assert store.read(session.token) is None

    @pytest.mark.parametrize("idle", [None, 9_000])
    def test_a_touch_that_comes_after_the_deadline_was_noticed_brings_nothing_back(
        self, store: Store, backend: FaultyBackend, clock: FakeClock, idle: int | None
    ) -> None:
        """Its own time would still allow it; so what was told dead has to be away."""
        session = store.create()
        clock.advance(900)
        backend.plan("renew", *[Fault.DELAYED] * 3)
        with pytest.raises(StoreUnavailableError):
            store.touch(session, idle=idle)
        clock.advance(900)
        assert store.read(session.token) is None
        backend.deliver()
        assert store.read(session.token) is None

    def test_a_write_that_comes_after_the_deadline_was_noticed_brings_nothing_back(
        self, store: Store, backend: FaultyBackend, clock: FakeClock
    ) -> None:
        """The same for a write."""
        session = _edited(store, "a", 2)
        clock.advance(900)
        backend.plan("replace", *[Fault.DELAYED] * 3)
        with pytest.raises(StoreUnavailableError):
            store.write(session)
        clock.advance(900)
        with pytest.raises(SessionGoneError):
            store.rotate(session)
        backend.deliver()
        assert store.read(session.token) is None

    def test_a_late_change_of_the_idle_time_does_not_undo_a_later_one(
        self, store: Store, backend: FaultyBackend
    ) -> None:
        """An acknowledged renewal holds, whatever arrives after it."""
        session = store.create()
        backend.plan("renew", Fault.REPEATED)
        store.touch(session, idle=60)
        store.touch(session, idle=7_200)
        backend.deliver()
        found = _read(store, session.token)
        assert (found.idle, found.expires_at) == (7_200, session.expires_at)

    def test_a_caller_that_cannot_remove_the_dead_does_not_call_it_dead(
        self, store: Store, backend: FaultyBackend, clock: FakeClock
    ) -> None:
        """A slower clock might still renew it; so the answer is that there is no answer."""
        session = store.create()
        clock.advance(1_800)
        backend.plan("delete", *[Fault.THROTTLED] * 3)
        with pytest.raises(StoreUnavailableError):
            store.read(session.token)
        assert store.read(session.token) is None

    def test_a_session_renewed_while_it_was_being_removed_lives(
        self, store: Store, backend: FaultyBackend, clock: FakeClock
    ) -> None:
        """The removal holds only for the deadline that was seen."""
        session = store.create()
        slow = _store(_calm(backend), FakeClock(clock.now + 1_799))
        clock.advance(1_800)
        backend.plan("delete", Fault.NONE, meanwhile=lambda: slow.read(session.token))
        assert _read(store, session.token).expires_at == clock() + 1_799

    def test_a_session_that_ends_while_it_is_being_read_is_gone(
        self, store: Store, backend: FaultyBackend, clock: FakeClock
    ) -> None:
        """The renewal notices; what was loaded before is not served."""
        session = store.create()
        clock.advance(900)
        backend.plan("renew", Fault.NONE, meanwhile=lambda: _removed(backend, session))
        assert store.read(session.token) is None

    def test_a_document_that_is_really_missing_is_looked_for_once_more(self, clock: FakeClock) -> None:
        """It may have been replaced; when it was not, the session is corrupt, not empty and not gone."""

        class Hollow(FaultyBackend):
            def document(self, record: Record) -> None:
                super().document(record)

        backend = Hollow()
        store = _store(backend, clock)
        session = store.create()
        backend.calls.clear()
        with pytest.raises(CorruptSessionError) as corrupt:
            store.read(session.token)
        assert corrupt.value.session_id == session.id
        assert backend.calls == ["load_with_mark", "document", "load"]

    def test_a_document_that_may_not_be_read_is_no_missing_one(self, store: Store, backend: FaultyBackend) -> None:
        """S3 calls a missing object forbidden, so it is looked once more; then the refusal is told, nothing worse."""
        session = store.create()
        backend.plan("document", Fault.FORBIDDEN)
        with pytest.raises(StoreUnavailableError) as forbidden:
            store.read(session.token)
        assert not forbidden.value.is_transient
        assert backend.calls[-2:] == ["document", "load"]

    @pytest.mark.parametrize("is_forbidden", [False, True], ids=["missing", "forbidden"])
    def test_a_document_that_was_replaced_while_it_was_being_read_is_read_anew(
        self, clock: FakeClock, is_forbidden: bool
    ) -> None:
        """Its object is gone because a newer one took its place; to one who may not list them S3 calls it forbidden."""

        class Overtaken(FaultyBackend):
            def document(self, record: Record) -> bytes | None:
                if record.overflow is None:
                    return super().document(record)
                self.inner.delete(record.session_id, match=Match(version=record.version))
                self.inner.insert(replace(record, version=2, overflow=None))
                if is_forbidden:
                    raise StoreUnavailableError("AccessDenied (403)")
                return None

        backend = Overtaken()
        store = _store(backend, clock)
        session = store.create({"a": 1})
        stored = backend.inner.load(f"default#{session.id}")
        assert stored is not None
        _removed(backend, session)
        backend.inner.insert(replace(stored, overflow="old object"))
        assert _read(store, session.token).version == 2

    def test_expiring_again_after_a_lost_answer_is_done(self, store: Store, backend: FaultyBackend) -> None:
        """Idempotent."""
        session = store.create()
        backend.plan("delete", Fault.REPLY_LOST)
        store.expire(session)
        assert store.read(session.token) is None

    def test_all_sessions_end_also_one_that_is_rotated_meanwhile(self, store: Store, backend: FaultyBackend) -> None:
        """A thief of a token cannot slip through by rotating in time."""
        session = store.create(subject="u")
        thief = _store(_calm(backend), FakeClock())
        stolen = _read(thief, session.token)
        backend.plan("delete", Fault.NONE, meanwhile=lambda: thief.rotate(stolen))
        store.expire_all(subject="u")
        assert list(store.sessions(subject="u")) == []
        assert store.read(stolen.token) is None

    def test_a_sweep_goes_on_where_another_one_was_interrupted(
        self, store: Store, backend: FaultyBackend, clock: FakeClock
    ) -> None:
        """Removed without an answer, repeated, delayed: the next run finds what is left."""
        for _ in range(3):
            store.create(idle=60)
        alive = store.create()
        clock.advance(100)
        backend.plan("delete_stale", *[Fault.DELAYED] * 3)
        assert store.sweep(deadline=clock() + 60).more
        report = store.sweep(deadline=clock() + 60)
        assert (report.swept, report.more) == (3, False)
        backend.deliver()
        assert store.read(alive.token) is not None


class TestDeadline:
    """A store that does not answer, and how long a caller waits for it."""

    @every_verb
    def test_a_store_that_is_away_is_never_an_empty_one(self, verb: Callable[[Store, Session], object]) -> None:
        """Every verb says so, after three attempts."""
        backend, clock = FaultyBackend(), FakeClock()
        session = _edited(_store(_calm(backend), clock), "a", 2)
        away = _store(FaultyBackend(lambda _name: Fault.THROTTLED, inner=backend.inner), clock)
        with pytest.raises(StoreUnavailableError) as error:
            verb(away, session)
        assert error.value.is_transient

    @every_verb
    def test_what_is_forbidden_is_asked_once(self, verb: Callable[[Store, Session], object]) -> None:
        """Asking again would not help."""
        clock = FakeClock()
        backend = FaultyBackend()
        session = _edited(_store(backend, clock), "a", 2)
        away = FaultyBackend(lambda _name: Fault.FORBIDDEN, inner=backend.inner)
        with pytest.raises(StoreUnavailableError) as error:
            verb(_store(away, clock), session)
        assert len(away.calls) == 1
        assert not error.value.is_transient

    def test_clearing_an_abandoned_creation_away_keeps_to_the_deadline(self) -> None:
        """There is time for two attempts, not for a third call."""
        now = [0.0]
        backend = FaultyBackend()
        backend.plan("insert", Fault.REPLY_LOST)
        backend.on_call = lambda: now.__setitem__(0, now[0] + 3.0)
        retry = Retry(monotonic=lambda: now[0], sleep=lambda _pause: None)
        session = Store(backend, Settings(), clock=FakeClock(), retry=retry).within(7.0).create()
        assert backend.calls == ["insert", "insert"]
        assert now[0] <= 8.0
        assert session.is_new

    @every_verb
    @pytest.mark.parametrize("seconds", [0.0, 2.9, 3.0, 3.1, 6.5, 20.0])
    @pytest.mark.parametrize("every", [1, 2, 3])
    def test_no_call_outlasts_its_deadline(
        self, verb: Callable[[Store, Session], object], seconds: float, every: int
    ) -> None:
        """Not even when every attempt takes as long as it may, and every second or third one is answered."""
        clock, now = FakeClock(), [100.0]
        asked = [0]

        def choose(_name: str) -> Fault:
            asked[0] += 1
            return Fault.REPLY_LOST if asked[0] % every == 0 else Fault.NONE

        backend = FaultyBackend(choose)
        session = _edited(_store(FaultyBackend(inner=backend.inner), clock), "a", 2)
        backend.on_call = lambda: now.__setitem__(0, now[0] + 3.0)
        retry = Retry(monotonic=lambda: now[0], sleep=lambda pause: now.__setitem__(0, now[0] + pause))
        store = Store(backend, Settings(sweep_shards=1), clock=clock, retry=replace(retry, attempt_seconds=3.0))
        try:
            verb(store.within(seconds), session)
        except StoreUnavailableError:
            assert seconds < 20.0 or every == 1
        assert now[0] <= 100.0 + seconds
