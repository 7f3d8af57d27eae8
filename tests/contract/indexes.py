"""What every backend promises about many sessions: lists of one subject's, and records by their ids."""

from dataclasses import replace

import pytest

from sojourn.backend import Backend, Match, Position, Record
from tests.contract.records import LARGE, NOW, a_hash, a_record, key, logged_in, rotated


class ManySessions:
    """Part of the backend contract."""

    def test_a_subjects_sessions_are_listed_newest_first(self, backend: Backend) -> None:
        """And no other subject's."""
        for age, name in enumerate(("newest", "middle", "oldest")):
            backend.insert(a_record(name, created_at=NOW - age, subject="app#u"))
        backend.insert(a_record("foreign", subject="app#v"))
        backend.insert(a_record("anonymous"))
        page = backend.of_subject("app#u", limit=10)
        assert page.after is None
        assert page.positions == (
            Position(NOW, key("newest")),
            Position(NOW - 1, key("middle")),
            Position(NOW - 2, key("oldest")),
        )

    @pytest.mark.parametrize("limit", [1, 2, 3, 7])
    def test_pages_show_every_session_once(self, backend: Backend, limit: int) -> None:
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
        assert sorted(position.session_id for position in shown) == [key(str(number)) for number in range(7)]
        assert [position.created_at for position in shown] == sorted((p.created_at for p in shown), reverse=True)

    def test_an_unknown_subject_has_no_sessions(self, backend: Backend) -> None:
        """An empty page, and the last one."""
        page = backend.of_subject("app#unknown", limit=10)
        assert (page.positions, page.after) == ((), None)

    def test_a_rotation_leaves_the_list_as_it_is(self, backend: Backend) -> None:
        """The id stays, so no list ever misses the session."""
        seen = a_record(subject="app#u")
        backend.insert(seen)
        assert isinstance(backend.replace(rotated(seen), seen=seen, now=NOW), Record)
        assert backend.of_subject("app#u", limit=10).positions == (Position(NOW, key()),)

    def test_a_list_follows_login_and_end(self, backend: Backend) -> None:
        """The session moves from one subject's list to the other's, at its old place; what ended is named no more."""
        seen = a_record(subject="app#u")
        backend.insert(seen)
        backend.replace(logged_in(seen, subject="app#v"), seen=seen, now=NOW)
        assert backend.of_subject("app#u", limit=10).positions == ()
        assert backend.of_subject("app#v", limit=10).positions == (Position(NOW, key()),)
        backend.delete(key(), match=Match(subject="app#v"))
        assert backend.of_subject("app#v", limit=10).positions == ()

    def test_a_peek_shows_what_exists_in_the_order_asked(self, backend: Backend) -> None:
        """Everything but the document and the hashes."""
        records = [
            a_record(
                name,
                subject="app#u",
                label=name,
                epoch="e",
                former_hashes=a_hash("before"),
                rotated_at=NOW,
                sweep_shard="1",
                sweep_at=9,
            )
            for name in "abc"
        ]
        for record in records:
            backend.insert(record)
        found = backend.peek([key("c"), key("missing"), key("a")])
        shown = [replace(record, data=None, token_hash=b"", former_hashes=None) for record in records]
        assert found == [shown[2], shown[0]]

    def test_a_peek_at_a_hundred_large_sessions_brings_them_all(self, backend: Backend) -> None:
        """A service may answer in parts; a backend asks for the rest."""
        names = [f"{number:03}" for number in range(100)]
        for name in names:
            backend.insert(a_record(name, data=LARGE[:60_000]))
        keys = [key(name) for name in names]
        assert [record.session_id for record in backend.peek(keys)] == keys

    def test_a_peek_at_nothing_shows_nothing(self, backend: Backend) -> None:
        """Nor asks for it."""
        assert backend.peek([]) == []
