"""What every backend promises about many sessions: lists of one subject's, and records by their ids."""

from dataclasses import replace

import pytest

from sojourn.backend import Position
from sojourn.sweep.backend import SweepBackend
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
