"""What a store promises about the sessions of one subject, and about the walls between namespaces."""

import threading
from collections.abc import Callable

import pytest

from sojourn import Absence, BulkExpiry, InvalidDataError, Session, SessionGoneError, Store
from sojourn.backend import Backend, Match, Refused
from sojourn.errors import StoreUnavailableError
from sojourn.retry import Retry
from sojourn.testing import FakeClock
from tests.contract.stores import Stores, alive

USES: dict[str, Callable[[Store, Session], object]] = {
    "touch": lambda store, session: store.touch(session, idle=9_000),
    "write": lambda store, session: store.write(session),
    "rotate": lambda store, session: store.rotate(session),
    "login": lambda store, session: store.login(session, subject="u"),
}


class Subjects:
    """Part of the store contract."""

    def test_a_list_shows_what_one_may_know_of_ones_devices(self, store: Store, clock: FakeClock) -> None:
        """Newest first; times, label and id, neither token nor document."""
        first = store.create({"secret": 1}, subject="u", label="phone")
        clock.advance(10)
        second = store.create(subject="u", label="Zoës laptop")
        store.create(subject="v")
        store.create()
        shown = list(store.sessions(subject="u"))
        assert [summary.id for summary in shown] == [second.id, first.id]
        assert [summary.label for summary in shown] == ["Zoës laptop", "phone"]
        assert shown[1].created_at == first.created_at
        assert (shown[1].expires_at, shown[1].absolute_at, shown[1].version) == (first.expires_at, first.absolute_at, 1)
        assert first.token not in repr(shown)

    def test_a_list_leaves_out_the_dead(self, store: Store, clock: FakeClock) -> None:
        """Expired or past the deadline; a rotated session is there once."""
        living, expired, late = (store.create(subject="u", idle=idle) for idle in (600, 600, 60))
        store.expire(expired)
        store.rotate(living)
        clock.advance(60)
        assert [summary.id for summary in store.sessions(subject="u")] == [living.id]
        assert store.read(late.token) is None

    def test_a_list_of_more_than_a_page_is_complete(self, store: Store) -> None:
        """However many devices there are."""
        ids = {store.create(subject="u").id for _ in range(120)}
        shown = [summary.id for summary in store.sessions(subject="u")]
        assert len(shown) == 120
        assert set(shown) == ids

    def test_pages_can_be_asked_for_one_by_one(self, store: Store) -> None:
        """As an HTTP client does."""
        ids = {store.create(subject="u").id for _ in range(5)}
        page = store.session_page(subject="u", limit=3)
        assert len(page.sessions) == 3
        rest = store.session_page(subject="u", limit=3, after=page.after)
        assert {summary.id for summary in page.sessions + rest.sessions} == ids

    @pytest.mark.parametrize("limit", [0, -1, 101])
    def test_an_impossible_page_is_refused(self, store: Store, limit: int) -> None:
        """By its own name, not by the service's."""
        store.create(subject="u")
        with pytest.raises(InvalidDataError, match="limit"):
            store.session_page(subject="u", limit=limit)

    @pytest.mark.parametrize(
        "subject", ["", "x" * 513, "é" * 257, "\ud800", 42, "a\x00", "a\n", "\x85", "a\u202eb", "\u2066"]
    )
    def test_an_impossible_subject_is_refused_everywhere(self, store: Store, subject: str) -> None:
        """Before any call."""
        session = store.create()
        for attempt in (
            lambda: store.create(subject=subject),
            lambda: store.session_page(subject=subject),
            lambda: store.expire_one(subject=subject, session_id=session.id),
            lambda: store.expire_all(subject=subject),
            lambda: store.login(session, subject=subject),
        ):
            with pytest.raises(InvalidDataError, match="subject"):
                attempt()

    @pytest.mark.parametrize("subject", ["x" * 512, "é" * 256, "a#b", "#", " ", "../default#u"])
    def test_any_other_text_is_a_subject(self, store: Store, subject: str) -> None:
        """It comes back as it was given and is no other subject's."""
        session = store.create(subject=subject)
        assert alive(store.read(session.token)).subject == subject
        assert [summary.id for summary in store.sessions(subject=subject)] == [session.id]
        assert list(store.sessions(subject="b")) == []

    def test_a_subject_is_the_same_in_every_normal_form(self, store: Store) -> None:
        """Composed or not, it reads alike: one subject, stored in form C."""
        session = store.create(subject="Zoe\u0308", label="Cafe\u0301")
        assert (session.subject, session.label) == ("Zo\u00eb", "Caf\u00e9")
        for subject in ("Zoe\u0308", "Zo\u00eb"):
            assert [summary.label for summary in store.sessions(subject=subject)] == ["Caf\u00e9"]
        store.login(session, subject="A\u030angstrom")
        assert session.subject == "\u00c5ngstrom"
        assert store.expire_all(subject="\u212bngstrom") == BulkExpiry(1)

    @pytest.mark.parametrize("label", ["", "x" * 257, "\ud800", 42, "a\x00", "a\nb", "\x9f", "a\u202eb", "\u061c"])
    def test_an_impossible_label_is_refused(self, store: Store, label: str) -> None:
        """Before any call."""
        session = store.create()
        with pytest.raises(InvalidDataError, match="label"):
            store.create(label=label)
        with pytest.raises(InvalidDataError, match="label"):
            store.login(session, subject="u", label=label)
        assert store.read(session.token) is not None

    # expire one, expire all

    def test_one_session_can_be_ended_from_the_list(self, store: Store) -> None:
        """By its owner only."""
        mine, other, foreign = (store.create(subject=subject) for subject in ("u", "u", "v"))
        assert store.expire_one(subject="u", session_id=mine.id) is True
        assert store.expire_one(subject="u", session_id=mine.id) is False
        assert store.expire_one(subject="u", session_id=foreign.id) is False
        assert store.expire_one(subject="u", session_id="no id") is False
        assert store.read(mine.token) is None
        assert store.read(other.token) is not None
        assert store.read(foreign.token) is not None

    def test_an_operator_sees_and_ends_a_session_by_its_id(self, store: Store, clock: FakeClock) -> None:
        """Live or dead, whoever's it is and through rotations; looking removes nothing."""
        session = store.create({"a": 1}, subject="u", label="phone", idle=60)
        store.rotate(session)
        found = store.describe(session.id)
        assert found is not None
        assert (found.subject, found.label, found.version, found.absence) == ("u", "phone", 2, None)
        clock.advance(60)
        for _ in range(2):
            found = store.describe(session.id)
            assert found is not None
            assert found.absence is Absence.IDLE
        assert [store.expire_id(session.id) for _ in range(2)] == [True, False]
        assert store.expire_id("no id") is False
        assert store.describe(session.id) is None
        assert store.describe(session.token) is None

    def test_all_sessions_of_a_subject_end_at_once(self, store: Store) -> None:
        """And no other subject's."""
        mine = [store.create(subject="u") for _ in range(105)]
        foreign, anonymous = store.create(subject="v"), store.create()
        assert store.expire_all(subject="u") == BulkExpiry(105)
        assert store.expire_all(subject="u") == BulkExpiry(0)
        assert list(store.sessions(subject="u")) == []
        assert not any(store.read(session.token) for session in mine)
        assert store.read(foreign.token) is not None
        assert store.read(anonymous.token) is not None

    def test_one_session_can_be_kept(self, store: Store) -> None:
        """The one that asked: given itself or its id."""
        kept = store.create(subject="u")
        for keep in (kept, kept.id):
            store.create(subject="u")
            assert store.expire_all(subject="u", keep=keep) == BulkExpiry(1)
            assert [summary.id for summary in store.sessions(subject="u")] == [kept.id]

    def test_a_token_keeps_no_session(self, store: Store) -> None:
        """It is refused, instead of logging out the caller."""
        kept = store.create(subject="u")
        for keep in (kept.token, "", kept.id + "A", 42):
            with pytest.raises(InvalidDataError, match="keep"):
                store.expire_all(subject="u", keep=keep)  # type: ignore[arg-type]  # as a program without types would
        assert store.read(kept.token) is not None

    def test_a_kept_session_is_kept_under_its_new_token(self, store: Store) -> None:
        """Log out everywhere else usually comes with a rotation."""
        kept = store.create(subject="u")
        store.rotate(kept)
        store.create(subject="u")
        assert store.expire_all(subject="u", keep=kept) == BulkExpiry(1)
        assert store.read(kept.token) is not None

    def test_an_end_of_many_without_time_says_how_far_it_came(self, stores: Stores) -> None:
        """Several are ended at once; the ones that are left are said to be, and another call ends them."""
        now = [0.0]
        lock = threading.Lock()
        store = stores(retry=Retry(monotonic=lambda: now[0], sleep=lambda _pause: None))
        sessions = [store.create({"n": number}, subject="u") for number in range(40)]
        backend, ended = store.resources.backend, []
        delete = backend.delete

        def slow(session_id: str, *, match: Match) -> Refused | None:
            with lock:
                now[0] += 1
                ended.append(session_id)
            return delete(session_id, match=match)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(backend, "delete", slow)
            report = store.within(12).expire_all(subject="u")
        assert report.more
        assert report.expired == len(ended) == 40 - _stored(backend, sessions)
        assert 5 <= report.expired < 40
        assert store.expire_all(subject="u") == BulkExpiry(40 - report.expired)

    def test_a_failure_among_many_ends_hides_none_that_succeeded(self, stores: Stores) -> None:
        """The count is true, whichever of those under way at once failed."""
        store = stores()
        sessions = [store.create(subject="u") for _ in range(8)]
        backend, failing = store.resources.backend, sessions[-1].id
        delete = backend.delete

        def failing_once(session_id: str, *, match: Match) -> Refused | None:
            if session_id.endswith(failing):
                raise StoreUnavailableError("throttled", is_transient=True)
            return delete(session_id, match=match)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(backend, "delete", failing_once)
            report = store.expire_all(subject="u")
        living = _stored(backend, sessions)
        assert (report.expired, report.more) == (8 - living, True)
        assert store.expire_all(subject="u") == BulkExpiry(living)

    # namespaces

    def test_a_namespace_does_not_know_the_others_sessions(self, stores: Stores) -> None:
        """Nothing done in one is seen or felt in another."""
        here, there = stores(namespace="shop"), stores(namespace="shop2")
        session = here.create({"a": 1}, subject="u")
        assert there.read(session.token) is None
        there.expire(session.token)
        there.expire(session)
        assert list(there.sessions(subject="u")) == []
        assert there.expire_one(subject="u", session_id=session.id) is False
        assert there.expire_all(subject="u") == BulkExpiry(0)
        assert dict(alive(here.read(session.token))) == {"a": 1}

    @pytest.mark.parametrize("use", USES.values(), ids=USES)
    def test_a_session_in_hand_does_not_pass_the_wall(
        self, stores: Stores, use: Callable[[Store, Session], object]
    ) -> None:
        """Handed to the store of another application it is gone, and stays whole at home."""
        here, there = stores(namespace="shop"), stores(namespace="admin")
        session = here.create({"a": 1}, subject="u")
        copy = alive(here.read(session.token))
        copy["a"] = 2
        with pytest.raises(SessionGoneError):
            use(there, copy)
        found = alive(here.read(session.token, touch=False))
        assert (dict(found), found.idle) == ({"a": 1}, 1_800)
        assert list(there.sessions(subject="u")) == []


def _stored(backend: Backend, sessions: list[Session]) -> int:
    """How many of them are in the table, dead or alive."""
    return sum(backend.load(f"default#{session.id}") is not None for session in sessions)
