"""What a store promises about rotation: a new token, the same session, the old token dead."""

import pytest

from sojourn import ConflictError, InvalidDataError, SessionGoneError, Store
from sojourn.testing import FakeClock
from tests.contract.stores import alive


class Rotating:
    """Part of the store contract."""

    def test_a_rotation_gives_a_new_token_and_ends_the_old(self, store: Store) -> None:
        """The document goes along, under a new id."""
        session = store.create({"a": 1}, subject="u", label="l")
        old_token, old_id = session.token, session.id
        store.rotate(session)
        assert session.token != old_token
        assert session.id != old_id
        assert store.read(old_token) is None
        found = alive(store.read(session.token))
        assert (dict(found), found.id, found.version) == ({"a": 1}, session.id, 2)
        assert (found.subject, found.label, found.created_at) == ("u", "l", session.created_at)

    def test_a_rotation_carries_pending_changes(self, store: Store) -> None:
        """One call at login does both."""
        session = store.create({"a": 1})
        session["a"] = 2
        store.rotate(session, subject="u")
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
            store.rotate(other, subject="v")
        assert other.token == token
        assert dict(alive(store.read(token))) == {"a": 2}
        assert list(store.sessions(subject="v")) == []

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

    def test_rotation_is_how_the_subject_changes(self, store: Store) -> None:
        """At login it appears, at logout it goes; the label likewise."""
        session = store.create(label="before")
        store.rotate(session, subject="u")
        assert (session.subject, session.label) == ("u", "before")
        assert [summary.id for summary in store.sessions(subject="u")] == [session.id]
        store.rotate(session, label="after")
        assert (session.subject, session.label) == ("u", "after")
        store.rotate(session, subject=None, label=None)
        found = alive(store.read(session.token))
        assert (found.subject, found.label) == (session.subject, session.label) == (None, None)
        assert list(store.sessions(subject="u")) == []

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
        """A stolen token and its owner do not both go on."""
        token = store.create({"a": 1}).token
        one, other = alive(store.read(token)), alive(store.read(token))
        store.rotate(one)
        with pytest.raises(SessionGoneError):
            store.rotate(other)
        assert store.read(one.token) is not None

    def test_a_renewed_copy_rotates_as_well(self, store: Store, clock: FakeClock) -> None:
        """A deadline that others moved is no obstacle, and is not brought forward."""
        token = store.create().token
        stale = alive(store.read(token))
        clock.advance(900)
        deadline = alive(store.read(token)).expires_at
        clock.advance(-60)
        store.rotate(stale)
        assert alive(store.read(stale.token, touch=False)).expires_at == deadline

    @pytest.mark.parametrize("subject", ["", "x" * 513, "\ud800", 42])
    def test_a_rotation_to_an_impossible_subject_changes_nothing(self, store: Store, subject: str) -> None:
        """The refusal is typed and comes before any call."""
        session = store.create({"a": 1})
        token = session.token
        with pytest.raises(InvalidDataError, match="subject"):
            store.rotate(session, subject=subject)
        assert session.token == token
        assert store.read(token) is not None
