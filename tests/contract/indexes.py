"""What every backend promises about many sessions: those of one subject, and those due for the sweep."""

from dataclasses import replace

import pytest

from sojourn.backend import Fate, Hint, Position, Record, SweepBackend
from tests.contract.records import LARGE, NOW, a_record, rotated


class ManySessions:
    """Part of the backend contract."""

    def test_a_subjects_sessions_are_listed_newest_first(self, backend: SweepBackend) -> None:
        """And nobody else's."""
        for age, name in enumerate(("newest", "middle", "oldest")):
            backend.insert(a_record(name, created_at=NOW - age, subject="app#u"))
        backend.insert(a_record("foreign", subject="app#v"))
        backend.insert(a_record("anonymous"))
        page = backend.of_subject("app#u", limit=10)
        assert page.after is None
        assert page.positions == (
            Position(NOW, "app#newest"),
            Position(NOW - 1, "app#middle"),
            Position(NOW - 2, "app#oldest"),
        )

    @pytest.mark.parametrize("limit", [1, 2, 3, 7])
    def test_pages_show_every_session_once(self, backend: SweepBackend, limit: int) -> None:
        """Also those that were created in the same second."""
        for number in range(7):
            backend.insert(a_record(str(number), created_at=NOW + number // 3, subject="app#u"))
        shown, after = list[Position](), None
        while True:
            page = backend.of_subject("app#u", limit=limit, after=after)
            assert len(page.positions) <= limit
            shown += page.positions
            after = page.after
            if after is None:
                break
        assert sorted(position.session_id for position in shown) == [f"app#{number}" for number in range(7)]
        assert [position.created_at for position in shown] == sorted((p.created_at for p in shown), reverse=True)

    def test_an_unknown_subject_has_no_sessions(self, backend: SweepBackend) -> None:
        """An empty page, and the last one."""
        page = backend.of_subject("app#nobody", limit=10)
        assert (page.positions, page.after) == ((), None)

    def test_a_list_follows_rotation_and_end(self, backend: SweepBackend) -> None:
        """The new id takes the old one's place; what ended is named no more."""
        seen = a_record(subject="app#u")
        backend.insert(seen)
        backend.rotate(rotated(seen, subject="app#v"), seen=seen, now=NOW)
        assert backend.of_subject("app#u", limit=10).positions == ()
        assert backend.of_subject("app#v", limit=10).positions == (Position(NOW, "app#new"),)
        backend.delete("app#new")
        assert backend.of_subject("app#v", limit=10).positions == ()

    def test_a_peek_shows_what_exists_in_the_order_asked(self, backend: SweepBackend) -> None:
        """Everything but the document."""
        records = [a_record(name, subject="app#u", label=name, sweep_shard="1", sweep_at=9) for name in "abc"]
        for record in records:
            backend.insert(record)
        found = backend.peek(["app#c", "app#missing", "app#a"])
        assert found == [replace(records[2], data=None), replace(records[0], data=None)]

    def test_a_peek_at_a_hundred_large_sessions_brings_them_all(self, backend: SweepBackend) -> None:
        """A service may answer in parts; a backend asks for the rest."""
        names = [f"{number:03}" for number in range(100)]
        for name in names:
            backend.insert(a_record(name, data=LARGE[:60_000]))
        assert [record.session_id for record in backend.peek([f"app#{name}" for name in names])] == [
            f"app#{name}" for name in names
        ]

    def test_a_peek_at_nothing_shows_nothing(self, backend: SweepBackend) -> None:
        """Nor asks for it."""
        assert backend.peek([]) == []

    # the sweep

    def test_due_is_what_the_index_names_up_to_that_second(self, backend: SweepBackend) -> None:
        """Of one shard, the oldest first."""
        for name, shard, sweep_at in (("b", "1", 20), ("a", "1", 10), ("c", "1", 21), ("d", "2", 10)):
            backend.insert(a_record(name, sweep_shard=shard, sweep_at=sweep_at))
        backend.insert(a_record("outside"))
        page = backend.due("1", until=20, limit=10)
        assert page.hints == (Hint("app#a", 10), Hint("app#b", 20))
        assert page.after is None

    @pytest.mark.parametrize("limit", [1, 2, 3, 7])
    def test_pages_of_hints_name_every_session_once(self, backend: SweepBackend, limit: int) -> None:
        """Also those that are due in the same second."""
        for number in range(7):
            backend.insert(a_record(str(number), sweep_shard="1", sweep_at=10 + number // 3))
        named, after = list[str](), None
        while True:
            page = backend.due("1", until=99, limit=limit, after=after)
            assert len(page.hints) <= limit
            named += [hint.session_id for hint in page.hints]
            after = page.after
            if after is None:
                break
        assert sorted(named) == [f"app#{number}" for number in range(7)]

    def test_only_what_is_stale_is_swept(self, backend: SweepBackend) -> None:
        """One answer for each hint, in order; what lives comes along as it is."""
        stale, edge = a_record("stale", expires_at=99), a_record("edge", expires_at=100)
        alive = a_record("alive", expires_at=101, sweep_shard="1", sweep_at=50)
        for record in (stale, edge, alive):
            backend.insert(record)
        hints = [Hint(f"app#{name}", 50) for name in ("alive", "stale", "missing", "edge")]
        fates = backend.delete_stale(hints, cutoff=100)
        assert [fate for fate, _ in fates] == [Fate.ALIVE, Fate.SWEPT, Fate.MISSING, Fate.SWEPT]
        assert fates[0][1] == alive
        assert backend.peek(["app#stale", "app#edge"]) == []
        assert backend.load("app#alive") == alive

    def test_more_than_one_batch_is_swept_in_order(self, backend: SweepBackend) -> None:
        """However many a service takes at once."""
        for number in range(0, 60, 2):
            backend.insert(a_record(str(number), expires_at=50))
        fates = backend.delete_stale([Hint(f"app#{number}", 50) for number in range(60)], cutoff=100)
        assert [fate for fate, _ in fates] == [Fate.SWEPT, Fate.MISSING] * 30

    def test_a_postponed_hint_is_due_later(self, backend: SweepBackend) -> None:
        """And nothing else of the session changes."""
        record = a_record(sweep_shard="1", sweep_at=10)
        backend.insert(record)
        assert backend.postpone(Hint("app#one", 10), sweep_at=500) is True
        assert backend.load("app#one") == replace(record, sweep_at=500)
        assert backend.due("1", until=499, limit=10).hints == ()
        assert backend.due("1", until=500, limit=10).hints == (Hint("app#one", 500),)

    def test_a_hint_that_was_moved_is_not_moved_again(self, backend: SweepBackend) -> None:
        """Two sweepers may meet."""
        backend.insert(a_record(sweep_shard="1", sweep_at=10))
        backend.postpone(Hint("app#one", 10), sweep_at=500)
        assert backend.postpone(Hint("app#one", 10), sweep_at=400) is False
        assert backend.due("1", until=500, limit=10).hints == (Hint("app#one", 500),)

    def test_postponing_creates_nothing(self, backend: SweepBackend) -> None:
        """A session that ended meanwhile stays ended."""
        assert backend.postpone(Hint("app#one", 10), sweep_at=500) is False
        assert backend.load("app#one") is None

    def test_a_swept_document_leaves_with_its_session(self, backend: SweepBackend) -> None:
        """Also a large one."""
        stored = backend.insert(a_record(data=LARGE, expires_at=50))
        assert isinstance(stored, Record)
        assert [fate for fate, _ in backend.delete_stale([Hint("app#one", 50)], cutoff=100)] == [Fate.SWEPT]
        assert backend.load("app#one") is None
