"""What a store promises about rotation: a new token, the same session, the old token dead."""

import pytest

from sojourn import Absence, ConflictError, SessionGoneError, Store
from sojourn.testing import FakeClock
from tests.contract.stores import alive


class Rotating:
    """Part of the store contract."""

    def test_a_rotation_gives_a_new_token_and_ends_the_old(self, store: Store, clock: FakeClock) -> None:
        """The session stays what it is: its id, document, owner, label and beginning."""
        session = store.create({"a": 1}, subject="u", label="l")
        old_token, id_before = session.token, session.id
        clock.advance(10)
        store.rotate(session)
        assert session.token != old_token
        assert session.token[:16] == old_token[:16]
        assert store.read(old_token) is None
        found = alive(store.read(session.token))
        assert (dict(found), found.id, found.version) == ({"a": 1}, id_before, 2)
        assert (found.subject, found.label) == ("u", "l")
        assert (found.created_at, found.began_at) == (session.created_at, session.created_at) == (clock() - 10,) * 2

    def test_the_list_of_devices_shows_a_rotated_session_under_its_id(self, store: Store) -> None:
        """So that it can be ended by an id that was shown before."""
        session = store.create(subject="u")
        (shown,) = store.sessions(subject="u")
        store.rotate(session)
        assert [summary.id for summary in store.sessions(subject="u")] == [shown.id]
        assert store.expire_one(subject="u", session_id=shown.id) is True
        assert store.read(session.token) is None

    def test_a_rotation_carries_pending_changes(self, store: Store) -> None:
        """One call does both."""
        session = store.create({"a": 1})
        session["a"] = 2
        store.rotate(session)
        assert not session.is_changed
        assert dict(alive(store.read(session.token))) == {"a": 2}

    def test_a_rotation_merges_what_others_wrote(self, store: Store) -> None:
        """A write that was acknowledged before it is not lost by it."""
        token = store.create({"a": 1, "b": 1}).token
        one, other = alive(store.read(token)), alive(store.read(token))
        one["a"] = 2
        store.write(one)
        other["b"] = 2
        store.rotate(other)
        assert dict(other) == dict(alive(store.read(other.token))) == {"a": 2, "b": 2}
        assert other.version == 3
        assert store.read(token) is None

    def test_a_rotation_in_conflict_leaves_the_old_token_alive(self, store: Store) -> None:
        """Nothing has happened then."""
        token = store.create({"a": 1}, subject="u").token
        one, other = alive(store.read(token)), alive(store.read(token))
        one["a"] = 2
        store.write(one)
        other["a"] = 3
        with pytest.raises(ConflictError):
            store.rotate(other)
        assert other.token == token
        assert dict(alive(store.read(token))) == {"a": 2}

    @pytest.mark.parametrize(("policy", "a"), [("mine", 3), ("theirs", 2)])
    def test_a_rotation_takes_a_policy_for_conflicts(self, store: Store, policy: str, a: int) -> None:
        """Like a write."""
        token = store.create({"a": 1}).token
        one, other = alive(store.read(token)), alive(store.read(token))
        one["a"] = 2
        store.write(one)
        other["a"] = 3
        store.rotate(other, on_conflict="mine" if policy == "mine" else "theirs")
        assert dict(alive(store.read(other.token))) == {"a": a}
        assert store.read(token) is None

    def test_a_rotation_renews_but_does_not_extend_the_absolute_deadline(self, store: Store, clock: FakeClock) -> None:
        """A new token is no new life."""
        session = store.create(idle=3_600, absolute=4_000)
        absolute_at = session.absolute_at
        clock.advance(1_000)
        store.rotate(session)
        assert (session.expires_at, session.absolute_at) == (absolute_at, absolute_at)
        clock.advance(3_000)
        assert store.read(session.token) is None

    def test_of_two_rotations_of_one_session_one_wins(self, store: Store) -> None:
        """A stolen token and its owner do not both go on; the loser hears that the session lives on elsewhere."""
        token = store.create({"a": 1}).token
        one, other = alive(store.read(token)), alive(store.read(token))
        store.rotate(one)
        with pytest.raises(SessionGoneError) as lost:
            store.rotate(other)
        assert lost.value.is_superseded
        assert (lost.value.session_id, lost.value.outcome_unknown) == (one.id, False)
        assert store.read(one.token) is not None
        assert store.read(other.token) is None

    def test_nothing_is_done_in_the_name_of_a_token_that_was_rotated_away(self, store: Store, clock: FakeClock) -> None:
        """A copy that was read before neither writes nor renews, and no document is handed to it."""
        token = store.create({"a": 1}, subject="u").token
        late, session = [alive(store.read(token)) for _ in range(5)], alive(store.read(token))
        session["private"] = "of the new token"
        store.rotate(session)
        clock.advance(900)
        late[0]["a"] = 2
        for attempt in (
            lambda: store.write(late[0]),
            lambda: store.write(late[1], idle=60),
            lambda: store.touch(late[2]),
            lambda: store.rotate(late[3]),
            lambda: store.login(late[4], subject="v"),
            lambda: store.refresh(late[4]),
        ):
            with pytest.raises(SessionGoneError) as gone:
                attempt()
            assert gone.value.is_superseded
        assert all("private" not in copy for copy in late)
        found = alive(store.read(session.token, touch=False))
        assert (dict(found), found.version, found.expires_at) == (dict(session), 2, session.expires_at)

    def test_a_renewed_copy_rotates_as_well(self, store: Store, clock: FakeClock) -> None:
        """A deadline that others moved is no obstacle, and is not brought forward."""
        token = store.create().token
        stale = alive(store.read(token))
        clock.advance(900)
        deadline = alive(store.read(token)).expires_at
        clock.advance(-60)
        store.rotate(stale)
        assert alive(store.read(stale.token, touch=False)).expires_at == deadline

    def test_a_rotation_takes_another_lifetime_along(self, store: Store, clock: FakeClock) -> None:
        """Counted from the beginning, as in touch."""
        session = store.create()
        clock.advance(100)
        store.rotate(session, idle=600, absolute=500)
        assert (session.idle, session.expires_at, session.absolute_at) == (600, clock() + 400, clock() + 400)

    def test_who_knows_an_id_opens_nothing(self, store: Store) -> None:
        """A made-up secret behind a true id is a foreign key, and ends nothing."""
        session = store.create({"a": 1}, subject="u")
        forged = f"sjn_{session.id}{'A' * 24}"
        assert store.read(forged) is None
        assert store.find(forged) is Absence.FOREIGN_KEY
        assert store.expire(forged) is False
        assert store.superseding_document(forged, subject="u") is None
        assert dict(alive(store.read(session.token))) == {"a": 1}
