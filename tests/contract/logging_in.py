"""What a store promises about a login: a rotation with a subject and a new beginning."""

from typing import Literal

import pytest

from sojourn import KEEP, ConflictError, InvalidDataError, SessionGoneError, Store
from sojourn.backend import Backend
from sojourn.testing import FakeClock
from sojourn.writing import Keep
from tests.contract.stores import Stores, alive, sweep_of

DAY = 86_400


class LoggingIn:
    """Part of the store contract."""

    def test_a_login_makes_the_session_a_subjects_under_a_new_token(self, store: Store) -> None:
        """The document goes along, with what was pending; the id stays."""
        session = store.create({"cart": ["teapot"]})
        before, session_id = session.token, session.id
        session["greeted"] = True
        store.login(session, subject="u", label="phone")
        assert store.read(before) is None
        found = alive(store.read(session.token))
        assert (found.id, found.subject, found.label, found.version) == (session_id, "u", "phone", 2)
        assert dict(found) == {"cart": ["teapot"], "greeted": True}
        assert [summary.id for summary in store.sessions(subject="u")] == [session_id]

    def test_a_visitor_who_logs_in_stays_logged_in_for_as_long_as_was_asked(
        self, store: Store, clock: FakeClock
    ) -> None:
        """A login begins a new stay: 30 days are 30 days, whatever the anonymous session had left."""
        session = store.create({"csrf": "x"})
        clock.advance(1_000)
        store.login(session, subject="ada", absolute=30 * DAY, idle=30 * DAY)
        assert (session.began_at, session.created_at) == (clock(), clock() - 1_000)
        assert session.expires_at == session.absolute_at == clock() + 30 * DAY
        clock.advance(30 * DAY - 1)
        found = alive(store.read(session.token))
        assert (found.expires_at, found.idle) == (clock() + 1, 30 * DAY)
        clock.advance(1)
        assert store.read(session.token) is None

    def test_a_login_in_the_last_minutes_of_a_stay_begins_another_like_it(self, store: Store, clock: FakeClock) -> None:
        """What is not given is as long as before, counted anew."""
        session = store.create(idle=600, absolute=1_200)
        clock.advance(599)
        store.touch(session)
        clock.advance(500)
        store.login(session, subject="u")
        assert (session.idle, session.expires_at, session.absolute_at) == (600, clock() + 600, clock() + 1_200)

    def test_later_lifetimes_count_from_the_login(self, store: Store, clock: FakeClock) -> None:
        """Touch and write measure from the beginning that the login made."""
        session = store.create()
        clock.advance(1_000)
        store.login(session, subject="u")
        clock.advance(100)
        store.touch(session, absolute=5 * DAY, idle=5 * DAY)
        assert session.absolute_at == session.began_at + 5 * DAY == clock() - 100 + 5 * DAY
        store.write(session, absolute=200)
        assert session.expires_at == clock() + 100

    @pytest.mark.parametrize(
        ("label", "kept"), [(KEEP, "before"), (None, None), ("after", "after")], ids=["kept", "removed", "changed"]
    )
    def test_a_login_keeps_removes_or_changes_the_label(
        self, store: Store, label: str | Literal[Keep.KEEP] | None, kept: str | None
    ) -> None:
        """None is no label; nothing said is the same one."""
        session = store.create(label="before")
        store.login(session, subject="u", label=label)
        assert session.label == alive(store.read(session.token)).label == kept

    def test_a_login_as_another_moves_the_session_between_lists(self, store: Store) -> None:
        """It is in one list at a time."""
        session = store.create(subject="u")
        store.login(session, subject="v")
        assert list(store.sessions(subject="u")) == []
        assert [summary.id for summary in store.sessions(subject="v")] == [session.id]
        assert store.expire_all(subject="u").expired == 0
        assert store.expire_all(subject="v").expired == 1

    def test_a_login_again_as_the_same_subject_is_a_new_stay(self, store: Store, clock: FakeClock) -> None:
        """A password asked for again."""
        session = store.create(subject="u")
        clock.advance(1_000)
        before = session.token
        store.login(session, subject="u")
        assert session.began_at == clock()
        assert store.read(before) is None

    def test_a_login_merges_what_others_wrote(self, store: Store) -> None:
        """A cart filled in another tab is not lost by it."""
        token = store.create({"cart": []}).token
        one, other = alive(store.read(token)), alive(store.read(token))
        one["cart"] = ["teapot"]
        store.write(one)
        other["user"] = "u"
        store.login(other, subject="u")
        assert dict(alive(store.read(other.token))) == {"cart": ["teapot"], "user": "u"}

    def test_a_login_in_conflict_changes_nothing(self, store: Store) -> None:
        """Neither token nor subject, unless a policy decides."""
        token = store.create({"a": 1}).token
        one, other = alive(store.read(token)), alive(store.read(token))
        one["a"] = 2
        store.write(one)
        other["a"] = 3
        with pytest.raises(ConflictError):
            store.login(other, subject="u")
        assert (other.token, other.subject) == (token, None)
        assert list(store.sessions(subject="u")) == []
        store.login(other, subject="u", on_conflict="mine")
        assert dict(alive(store.read(other.token))) == {"a": 3}

    def test_of_two_logins_with_one_token_one_wins(self, store: Store) -> None:
        """A double click: the loser hears that the session lives on under another token."""
        token = store.create().token
        one, other = alive(store.read(token)), alive(store.read(token))
        store.login(one, subject="u")
        with pytest.raises(SessionGoneError) as lost:
            store.login(other, subject="u")
        assert lost.value.is_superseded
        assert len(list(store.sessions(subject="u"))) == 1

    @pytest.mark.parametrize("subject", ["", "x" * 513, "\ud800", 42, None, "a\x00b", "a\u202eb"])
    def test_a_login_as_an_impossible_subject_changes_nothing(self, store: Store, subject: str) -> None:
        """The refusal is typed and comes before any call."""
        session = store.create({"a": 1})
        token = session.token
        with pytest.raises(InvalidDataError, match="subject"):
            store.login(session, subject=subject)
        assert session.token == token
        assert store.read(token) is not None

    @pytest.mark.parametrize("seconds", [0, -1, 90 * DAY + 1, True, 1.5])
    @pytest.mark.parametrize("name", ["idle", "absolute"])
    def test_a_login_for_an_impossible_time_changes_nothing(self, store: Store, name: str, seconds: int) -> None:
        """What is above the maximum is an error, never shortened."""
        session = store.create()
        token = session.token
        with pytest.raises(InvalidDataError, match=name):
            store.login(session, subject="u", **{name: seconds})  # type: ignore[arg-type]  # as a program without types
        assert (session.token, session.subject) == (token, None)
        assert store.read(token) is not None

    def test_a_login_does_not_escape_a_restore(self, stores: Stores, clock: FakeClock) -> None:
        """Creation counts, and no login moves it: what is ended by its age stays ended."""
        running = stores()
        session = running.create()
        clock.advance(100)
        running.login(session, subject="u", absolute=30 * DAY, idle=30 * DAY)
        clock.advance(1)
        opened = stores()
        opened.expire_before(clock() - 50)
        assert opened.read(session.token) is None
        assert list(opened.sessions(subject="u")) == []

    def test_a_shorter_stay_is_swept_in_time(self, store: Store, backend: Backend, clock: FakeClock) -> None:
        """A login for a minute moves the place in the sweep index of a session made for a month."""
        session = store.create(idle=30 * DAY, absolute=30 * DAY)
        store.login(session, subject="u", idle=60, absolute=60)
        stored = backend.load(f"default#{session.id}")
        assert stored is not None
        assert stored.sweep_at == clock() + 60
        clock.advance(60 + 5)
        assert store.sweep(deadline=clock() + 60).swept == 1
        assert sweep_of(backend).due(str(stored.sweep_shard), until=clock() + DAY, limit=9).hints == ()

    def test_a_longer_stay_is_moved_ahead_by_the_sweep(self, store: Store, clock: FakeClock) -> None:
        """It costs the login nothing."""
        session = store.create(idle=60)
        store.login(session, subject="u", idle=DAY, absolute=DAY)
        clock.advance(70)
        report = store.sweep(deadline=clock() + 60)
        assert (report.swept, report.moved) == (0, 1)
        assert store.read(session.token, touch=False) is not None
