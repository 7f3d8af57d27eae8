"""What a store promises about one session's life: create, read, touch, and what its deadlines are."""

from typing import Any

import pytest

from sojourn import InvalidDataError, SessionTooLargeError, Store
from sojourn.testing import FakeClock
from tests.contract.stores import alive

HOUR = 3_600


class Lifetimes:
    """Part of the store contract."""

    # create and read

    def test_a_created_session_is_read_as_it_was_given(self, store: Store, clock: FakeClock) -> None:
        """Document, owner, label and times; version 1."""
        created = store.create({"cart": ["teapot"], "näme": "Zoë 🦊"}, subject="user#42", label="Firefox on Linux")
        found = alive(store.read(created.token))
        assert dict(found) == dict(created) == {"cart": ["teapot"], "näme": "Zoë 🦊"}
        for session in (created, found):
            assert (session.subject, session.label, session.version) == ("user#42", "Firefox on Linux", 1)
            assert (session.created_at, session.expires_at) == (clock(), clock() + 1_800)
            assert (session.idle, session.absolute_at) == (1_800, clock() + 43_200)
            assert session.id == created.id
            assert not session.is_changed
        assert created.is_new
        assert not found.is_new

    def test_a_session_without_anything_is_a_session(self, store: Store) -> None:
        """Empty is not absent."""
        found = alive(store.read(store.create().token))
        assert (dict(found), found.subject, found.label) == ({}, None, None)

    def test_two_sessions_never_share_a_token_or_an_id(self, store: Store) -> None:
        """Each is its own."""
        sessions = [store.create({"n": number}) for number in range(20)]
        assert len({session.token for session in sessions}) == len({session.id for session in sessions}) == 20
        assert [alive(store.read(session.token))["n"] for session in sessions] == list(range(20))

    @pytest.mark.parametrize(
        "token", ["", "sjn_", "sjn_" + "A" * 35, "sjn_" + "A" * 37, "x" * 100_000, "sjn_" + "é" * 36]
    )
    def test_a_malformed_token_opens_nothing(self, store: Store, token: str) -> None:
        """No error tells it apart from an unknown one."""
        assert store.read(token) is None
        store.expire(token)

    def test_an_unknown_token_is_never_adopted(self, store: Store) -> None:
        """A session exists only because create made it."""
        token = "sjn_" + "A" * 36
        assert store.read(token) is None
        store.expire(token)
        assert store.read(token) is None

    def test_a_session_id_is_no_token(self, store: Store) -> None:
        """What a list of devices shows opens nothing."""
        session = store.create(subject="u")
        assert store.read(session.id) is None
        assert store.read("sjn_" + session.id) is None
        store.expire(session.id)
        assert store.read(session.token) is not None

    @pytest.mark.parametrize("size", [100_000, 300_000])
    def test_a_large_document_is_kept(self, store: Store, size: int) -> None:
        """Beyond what one item holds or one write compresses; and it shrinks and grows again."""
        noise = bytes((number * 7919 >> 3) & 0xFF ^ number % 251 for number in range(size))
        session = store.create({"noise": noise})
        session = alive(store.read(session.token))
        assert session["noise"] == noise
        session["noise"] = b""
        store.write(session)
        session = alive(store.read(session.token))
        assert session["noise"] == b""
        session["noise"] = noise[::-1]
        store.write(session)
        assert alive(store.read(session.token))["noise"] == noise[::-1]

    def test_what_is_too_large_or_no_document_is_refused_and_nothing_stored(self, store: Store) -> None:
        """The session that was there stays as it was."""
        session = store.create({"kept": 1}, subject="u")
        for value, error in ((object(), InvalidDataError), ("x" * 2_000_000, SessionTooLargeError)):
            with pytest.raises(error):
                store.create({"new": value}, subject="u")
            copy = alive(store.read(session.token))
            copy["new"] = value
            assert copy.is_changed
            with pytest.raises(error):
                store.write(copy)
            with pytest.raises(error):
                store.rotate(copy)
            with pytest.raises(error):
                store.login(copy, subject="v")
        assert dict(alive(store.read(session.token))) == {"kept": 1}
        assert [summary.id for summary in store.sessions(subject="u")] == [session.id]

    # deadlines

    def test_a_session_lives_to_the_second_before_its_deadline(self, store: Store, clock: FakeClock) -> None:
        """No session dies early, and none is served a second late."""
        session = store.create()
        clock.advance(1_799)
        assert store.read(session.token, touch=False) is not None
        clock.advance(1)
        assert store.read(session.token) is None

    def test_reading_renews(self, store: Store, clock: FakeClock) -> None:
        """The session returned has the new deadline, and another reader sees it."""
        session = store.create()
        clock.advance(1_000)
        assert alive(store.read(session.token)).expires_at == clock() + 1_800
        clock.advance(1_799)
        assert store.read(session.token) is not None

    def test_reading_without_touch_does_not_renew(self, store: Store, clock: FakeClock) -> None:
        """A monitor that looks does not keep alive."""
        session = store.create()
        clock.advance(1_000)
        assert alive(store.read(session.token, touch=False)).expires_at == session.expires_at
        clock.advance(800)
        assert store.read(session.token, touch=False) is None

    def test_renewal_is_lazy_until_a_tenth_of_the_idle_time(self, store: Store, clock: FakeClock) -> None:
        """Reading is not writing, and at most a tenth of the idle time is lost by that."""
        session = store.create()
        clock.advance(179)
        assert alive(store.read(session.token)).expires_at == session.expires_at
        clock.advance(1)
        assert alive(store.read(session.token)).expires_at == clock() + 1_800

    def test_the_absolute_deadline_is_never_passed(self, store: Store, clock: FakeClock) -> None:
        """Not by reading, touching, writing, rotating, nor by all of them all the time."""
        session = store.create(idle=HOUR, absolute=2 * HOUR + 7)
        absolute_at = session.absolute_at
        for step in range(13):
            session = alive(store.read(session.token))
            store.touch(session, idle=HOUR + step)
            session["step"] = step
            store.write(session)
            store.rotate(session)
            assert session.absolute_at == absolute_at
            assert session.expires_at <= absolute_at
            clock.advance(600 if step < 12 else 6)
        assert alive(store.read(session.token)).expires_at == absolute_at
        clock.advance(1)
        assert store.read(session.token) is None

    def test_lifetimes_of_one_session_are_its_own(self, store: Store, clock: FakeClock) -> None:
        """Given at creation, within the settings' bounds; the longest is what the settings allow."""
        session = store.create(idle=60, absolute=90)
        assert (session.expires_at, session.absolute_at) == (clock() + 60, clock() + 90)
        clock.advance(50)
        assert alive(store.read(session.token)).expires_at == session.created_at + 90
        longest = store.create(idle=7_776_000, absolute=7_776_000)
        assert longest.expires_at == longest.absolute_at == clock() + 7_776_000

    @pytest.mark.parametrize("seconds", [0, -1, 7_776_001, 99_999_999_999, True, 1.5, "60"])
    def test_impossible_lifetimes_are_refused(self, store: Store, seconds: int) -> None:
        """Before anything is stored."""
        session = store.create(subject="u")
        with pytest.raises(InvalidDataError, match="idle"):
            store.create(idle=seconds, subject="u")
        with pytest.raises(InvalidDataError, match="absolute"):
            store.create(absolute=seconds, subject="u")
        with pytest.raises(InvalidDataError, match="idle"):
            store.touch(session, idle=seconds)
        with pytest.raises(InvalidDataError, match="idle"):
            store.write(session, idle=seconds)
        with pytest.raises(InvalidDataError, match="idle"):
            store.rotate(session, idle=seconds)
        for verb in (store.touch, store.write, store.rotate):
            with pytest.raises(InvalidDataError, match=r"absolute: takes .* to 7776000"):
                verb(session, absolute=seconds)
        assert alive(store.read(session.token)).idle == 1_800
        assert len(list(store.sessions(subject="u"))) == 1

    # touch

    def test_a_touch_renews_when_it_is_worth_it(self, store: Store, clock: FakeClock) -> None:
        """And returns whether it called the store."""
        session = store.create()
        assert store.touch(session) is False
        clock.advance(900)
        assert store.touch(session) is True
        assert session.expires_at == clock() + 1_800
        assert alive(store.read(session.token, touch=False)).expires_at == session.expires_at

    def test_a_touch_can_change_the_idle_time_both_ways(self, store: Store, clock: FakeClock) -> None:
        """At once, and for good."""
        session = store.create()
        for idle in (60, 7_200):
            assert store.touch(session, idle=idle) is True
            assert (session.idle, session.expires_at) == (idle, clock() + idle)
            found = alive(store.read(session.token, touch=False))
            assert (found.idle, found.expires_at) == (idle, clock() + idle)

    def test_touch_and_write_can_change_the_absolute_deadline_both_ways(self, store: Store, clock: FakeClock) -> None:
        """Counted from the beginning, at once, and for good."""
        session = store.create(idle=7_200)
        clock.advance(100)
        for absolute in (3_600, 86_400, 200):
            for verb in (store.touch, store.write):
                verb(session, absolute=absolute)
                deadline = min(clock() + 7_200, session.created_at + absolute)
                found = alive(store.read(session.token, touch=False))
                for one in (session, found):
                    assert (one.absolute_at, one.expires_at) == (one.created_at + absolute, deadline)
        clock.advance(100)
        assert store.read(session.token) is None

    def test_an_absolute_deadline_that_has_passed_is_refused(self, store: Store, clock: FakeClock) -> None:
        """To end a session there is a verb; nothing is changed by the mistake."""
        session = store.create()
        clock.advance(100)
        for verb in (store.touch, store.write, store.rotate):
            for absolute in (1, 100):
                with pytest.raises(InvalidDataError, match="absolute: has passed"):
                    verb(session, absolute=absolute)
        assert alive(store.read(session.token)).absolute_at == session.created_at + 43_200
        assert store.touch(session, absolute=101) is True
        assert session.expires_at == clock() + 1

    def test_a_late_touch_does_not_pass_an_absolute_deadline_that_was_moved(
        self, store: Store, clock: FakeClock
    ) -> None:
        """A copy from before does not know better."""
        token = store.create(idle=3_600).token
        stale = alive(store.read(token))
        clock.advance(1_000)
        store.touch(alive(store.read(token, touch=False)), absolute=1_500)
        assert store.touch(stale) is True
        assert stale.expires_at == alive(store.read(token, touch=False)).expires_at == clock() + 500
        stale["a"] = 1
        store.write(stale)
        assert alive(store.read(token, touch=False)).expires_at == clock() + 500

    def test_touching_twice_in_a_second_is_one_renewal(self, store: Store, clock: FakeClock) -> None:
        """Two holders of the same copy need not know of each other."""
        token = store.create().token
        one, other = alive(store.read(token)), alive(store.read(token))
        clock.advance(900)
        for session in (one, other):
            assert store.touch(session, idle=1_800) is True
            assert session.expires_at == clock() + 1_800

    def test_a_touch_uses_the_idle_time_that_another_copy_has_set(self, store: Store, clock: FakeClock) -> None:
        """A stale copy does not know better."""
        token = store.create().token
        stale = alive(store.read(token))
        store.touch(alive(store.read(token)), idle=600)
        clock.advance(300)
        assert store.touch(stale) is True
        assert (stale.idle, stale.expires_at) == (600, clock() + 600)

    def test_a_stale_copy_can_change_the_idle_time(self, store: Store, clock: FakeClock) -> None:
        """Though another copy renewed the session farther than the new deadline."""
        token = store.create().token
        stale = alive(store.read(token))
        clock.advance(900)
        store.touch(alive(store.read(token, touch=False)))
        assert store.touch(stale, idle=60) is True
        found = alive(store.read(token, touch=False))
        assert (stale.idle, stale.expires_at) == (found.idle, found.expires_at) == (60, clock() + 60)

    @pytest.mark.parametrize("verb", ["touch", "write", "rotate", "login"])
    def test_a_lifetime_that_is_asked_for_is_kept_where_the_copy_had_it_too(
        self, store: Store, clock: FakeClock, verb: str
    ) -> None:
        """Another copy has set a shorter one meanwhile: a caller that asks does not get that one in silence."""
        session = store.create({"a": 1}, idle=100, absolute=1_000)
        other = store.read(session.token)
        assert other is not None
        store.touch(other, idle=20, absolute=500)
        clock.advance(10)
        session["a"] = 2
        options: dict[str, Any] = {"subject": "ada"} if verb == "login" else {}
        getattr(store, verb)(session, idle=100, absolute=1_000, **options)
        began_at = session.began_at
        assert (session.idle, session.expires_at - clock(), session.absolute_at - began_at) == (100, 100, 1_000)
        found = store.read(session.token)
        assert found is not None
        assert (found.idle, found.absolute_at) == (100, began_at + 1_000)

    def test_setting_an_idle_time_that_is_set_already_renews(self, store: Store, clock: FakeClock) -> None:
        """The copy did not know, but the session was used now."""
        token = store.create().token
        stale = alive(store.read(token))
        store.touch(alive(store.read(token)), idle=600)
        clock.advance(300)
        assert store.touch(stale, idle=600) is True
        assert stale.expires_at == alive(store.read(token, touch=False)).expires_at == clock() + 600

    def test_a_touch_leaves_the_document_of_others_alone(self, store: Store, clock: FakeClock) -> None:
        """And the next write of the toucher still merges."""
        token = store.create({"a": 1}).token
        stale, other = alive(store.read(token)), alive(store.read(token))
        other["b"] = 2
        store.write(other)
        clock.advance(900)
        store.touch(stale)
        stale["a"] = 3
        store.write(stale)
        assert dict(alive(store.read(token))) == {"a": 3, "b": 2}

    def test_a_write_renews(self, store: Store, clock: FakeClock) -> None:
        """Writing is use."""
        session = store.create()
        clock.advance(100)
        session["x"] = 1
        store.write(session)
        assert session.expires_at == clock() + 1_800
        assert alive(store.read(session.token, touch=False)).expires_at == clock() + 1_800

    def test_a_write_by_a_stale_copy_does_not_bring_the_deadline_forward(self, store: Store, clock: FakeClock) -> None:
        """A renewal that was acknowledged holds, also against a slower clock."""
        token = store.create().token
        slow = alive(store.read(token))
        clock.advance(900)
        deadline = alive(store.read(token)).expires_at
        clock.advance(-60)
        slow["x"] = 1
        store.write(slow)
        assert slow.expires_at == deadline
        assert alive(store.read(token, touch=False)).expires_at == deadline
