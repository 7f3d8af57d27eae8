"""What a store promises about requests that were in flight when their token was replaced."""

import pytest

from sojourn import Absence, SessionGoneError, Store
from sojourn.testing import FakeClock
from tests.contract.stores import Stores, alive

WINDOW = 10


class Superseding:
    """Part of the store contract."""

    def test_a_token_replaced_a_moment_ago_is_superseded(self, store: Store, clock: FakeClock) -> None:
        """It opens nothing, and is no stranger's for ten seconds; then it is."""
        session = store.create()
        old = session.token
        store.rotate(session)
        for seconds, reason in ((0, Absence.SUPERSEDED), (WINDOW, Absence.SUPERSEDED), (1, Absence.FOREIGN_KEY)):
            clock.advance(seconds)
            assert store.read(old) is None
            assert store.find(old) is reason
        assert store.read(session.token) is not None

    def test_what_counts_is_when_the_request_arrived(self, store: Store, clock: FakeClock) -> None:
        """However long it runs: one that arrived in time stays in flight, one that arrived late never was."""
        session = store.create()
        old, rotated_at = session.token, clock()
        store.rotate(session)
        clock.advance(60)
        assert store.find(old, arrived_at=rotated_at - 5) is Absence.SUPERSEDED
        assert store.find(old, arrived_at=rotated_at + WINDOW) is Absence.SUPERSEDED
        assert store.find(old, arrived_at=rotated_at + WINDOW + 1) is Absence.FOREIGN_KEY
        assert store.find(old) is Absence.FOREIGN_KEY

    def test_unknown_malformed_and_foreign_keys_are_told_apart_for_the_log(self, store: Store) -> None:
        """A client learns nothing of it: each reads as none."""
        session = store.create()
        ended = store.create()
        store.expire(ended)
        tokens = {
            "": Absence.MALFORMED,
            session.id: Absence.MALFORMED,
            f"sjn_{'A' * 36}": Absence.UNKNOWN,
            ended.token: Absence.UNKNOWN,
            f"sjn_{session.id}{'A' * 24}": Absence.FOREIGN_KEY,
        }
        for token, reason in tokens.items():
            assert store.find(token) is reason
            assert store.read(token) is None
        assert store.find(None) is Absence.MALFORMED

    def test_a_dead_session_says_why(self, store: Store, clock: FakeClock) -> None:
        """Idle or absolute, at the first look; afterwards it is unknown."""
        idle, absolute = store.create(idle=60), store.create(idle=100, absolute=60)
        clock.advance(60)
        assert store.find(idle.token) is Absence.IDLE
        assert store.find(absolute.token) is Absence.ABSOLUTE
        assert store.find(idle.token) is store.find(absolute.token) is Absence.UNKNOWN

    @pytest.mark.parametrize("seconds", [0, 5, WINDOW])
    def test_every_token_of_three_rotations_in_a_row_is_superseded(
        self, store: Store, clock: FakeClock, seconds: int
    ) -> None:
        """One request may rotate twice, a login and a second factor follow each other: none of theirs is a stranger."""
        session = store.create()
        replaced = []
        for _ in range(3):
            replaced.append(session.token)
            store.rotate(session)
            clock.advance(seconds)
        assert [store.find(token) for token in replaced] == [Absence.SUPERSEDED] * 3
        clock.advance(WINDOW - seconds + 1)
        assert [store.find(token) for token in replaced] == [Absence.FOREIGN_KEY] * 3

    def test_of_more_than_three_rotations_the_last_three_count(self, store: Store) -> None:
        """An item holds so many hashes."""
        session = store.create()
        replaced = []
        for _ in range(5):
            replaced.append(session.token)
            store.rotate(session)
        stranger, superseded = Absence.FOREIGN_KEY, Absence.SUPERSEDED
        assert [store.find(token) for token in replaced] == [stranger, stranger, superseded, superseded, superseded]

    def test_an_old_token_is_a_stranger_also_after_another_rotation(self, store: Store, clock: FakeClock) -> None:
        """A rotation does not renew the standing of what was replaced long before it."""
        session = store.create()
        old = session.token
        store.rotate(session)
        clock.advance(WINDOW + 1)
        store.rotate(session)
        assert store.find(old) is Absence.FOREIGN_KEY

    def test_a_superseded_token_of_a_dead_session_is_unknown(self, store: Store, clock: FakeClock) -> None:
        """There is nothing that could have superseded it."""
        session = store.create(idle=5)
        old = session.token
        store.rotate(session)
        clock.advance(5)
        assert store.find(old) is Absence.UNKNOWN
        store.expire(session)
        assert store.find(old) is Absence.UNKNOWN

    def test_a_copy_read_before_is_superseded_however_late(self, store: Store, clock: FakeClock) -> None:
        """Its token did open the session: it is no stranger's."""
        copy = store.create({"a": 1})
        session = alive(store.read(copy.token))
        store.rotate(session)
        clock.advance(600)
        copy["a"] = 2
        with pytest.raises(SessionGoneError) as gone:
            store.write(copy)
        assert gone.value.is_superseded
        store.expire(session)
        with pytest.raises(SessionGoneError) as gone:
            store.write(copy)
        assert not gone.value.is_superseded

    @pytest.mark.parametrize("verb", ["touch", "write"])
    def test_an_item_forgets_former_tokens_when_no_request_can_bring_them(
        self, store: Store, clock: FakeClock, verb: str
    ) -> None:
        """At the next use that is stored anyway, a quarter of an hour later: they would be paid for at each."""
        backend = store.resources.backend
        session = store.create(idle=3_600)
        store.rotate(session)
        for seconds, is_kept in ((WINDOW + 900, True), (10, False)):
            clock.advance(seconds)
            session["used"] = seconds
            if verb == "touch":
                store.touch(session, idle=3_600 - seconds)
            else:
                store.write(session)
            stored = backend.load(f"default#{session.id}")
            assert stored is not None
            assert (stored.former_hashes is not None) is (stored.rotated_at is not None) is is_kept
        store.rotate(session)
        assert alive(store.read(session.token)).id == session.id

    # logging out

    @pytest.mark.parametrize("seconds", [0, 1, WINDOW])
    def test_a_logout_in_flight_ends_the_rotated_session(self, store: Store, clock: FakeClock, seconds: int) -> None:
        """The user clicked before the new cookie arrived."""
        session = store.create()
        old = session.token
        clock.advance(60)
        store.rotate(session)
        clock.advance(seconds)
        assert store.expire(old) is True
        assert store.read(session.token) is None
        assert store.expire(old) is False

    def test_a_logout_with_an_older_token_ends_nothing(self, store: Store, clock: FakeClock) -> None:
        """After ten seconds it is a stranger's."""
        session = store.create()
        old = session.token
        clock.advance(60)
        store.rotate(session)
        clock.advance(WINDOW + 1)
        assert store.expire(old) is False
        assert store.read(session.token) is not None

    def test_a_logout_in_flight_counts_through_several_rotations(self, store: Store, clock: FakeClock) -> None:
        """Each of the tokens that were replaced a moment ago."""
        session = store.create()
        old = session.token
        clock.advance(60)
        for _ in range(3):
            store.rotate(session)
        assert store.expire(old) is True
        assert store.read(session.token) is None

    @pytest.mark.parametrize("rotations", [0, 1, 2])
    def test_no_logout_crosses_a_login(self, store: Store, clock: FakeClock, rotations: int) -> None:
        """What was under way before a login does not end what came of it, rotated again or not."""
        session = store.create()
        old = session.token
        clock.advance(60)
        store.login(session, subject="u")
        for _ in range(rotations):
            clock.advance(1)
            store.rotate(session)
        assert store.expire(old) is False
        assert store.read(session.token) is not None

    def test_no_logout_crosses_a_login_that_took_its_time(
        self, stores: Stores, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The stay begins when it is stored, also where the clock moved on meanwhile."""
        store = stores()
        session = store.create({"a": 1})
        old = session.token
        clock.advance(60)
        replace = store.resources.backend.replace

        def slow(*arguments: object, **named: object) -> object:
            monkeypatch.undo()
            other = alive(store.read(old))
            other["b"] = 2
            store.write(other)
            clock.advance(2)
            return replace(*arguments, **named)  # type: ignore[arg-type]  # passed on

        monkeypatch.setattr(store.resources.backend, "replace", slow)
        store.login(session, subject="u", absolute=3_600)
        assert session.began_at == clock()
        assert session.absolute_at == clock() + 3_600
        assert store.expire(old) is False
        assert store.read(session.token) is not None

    def test_a_logout_after_the_login_counts(self, store: Store, clock: FakeClock) -> None:
        """Its token was given out by the login and replaced a moment ago."""
        session = store.create()
        store.login(session, subject="u")
        old = session.token
        clock.advance(1)
        store.rotate(session)
        assert store.expire(old) is True
        assert store.read(session.token) is None

    # a second login beside the first

    def test_a_second_login_beside_the_first_gets_what_the_first_one_stored(
        self, store: Store, clock: FakeClock
    ) -> None:
        """A double click keeps the cart."""
        session = store.create({"cart": ["teapot"]})
        old, arrived_at = session.token, clock()
        session["greeted"] = True
        store.login(session, subject="u")
        expected = None if store.settings.encryption != "off" else {"cart": ["teapot"], "greeted": True}
        assert store.superseding_document(old, subject="u") == expected
        clock.advance(60)
        assert store.superseding_document(old, subject="u", arrived_at=arrived_at) == expected
        assert store.superseding_document(old, subject="u") is None

    def test_no_other_subject_and_no_stranger_gets_it(self, store: Store, clock: FakeClock) -> None:
        """Nor the one that holds the current token, who may read, nor one who knows the id alone."""
        session = store.create({"cart": ["teapot"]})
        old = session.token
        store.login(session, subject="u")
        assert store.superseding_document(old, subject="v") is None
        assert store.superseding_document(session.token, subject="u") is None
        assert store.superseding_document(f"sjn_{session.id}{'A' * 24}", subject="u") is None
        assert store.superseding_document(f"sjn_{'A' * 36}", subject="u") is None
        assert store.superseding_document(None, subject="u") is None
        store.expire(session)
        assert store.superseding_document(old, subject="u") is None
        dead = store.create({"cart": ["teapot"]}, idle=5)
        old = dead.token
        store.login(dead, subject="u")
        clock.advance(5)
        assert store.superseding_document(old, subject="u") is None

    def test_what_was_ended_with_all_others_is_copied_by_no_login(self, stores: Stores, clock: FakeClock) -> None:
        """Ended by its age, it is not revived by a copy."""
        running = stores()
        session = running.create({"cart": ["teapot"]})
        old = session.token
        clock.advance(1)
        running.login(session, subject="u")
        opened = stores()
        opened.expire_before(clock())
        assert opened.superseding_document(old, subject="u") is None
