"""What every backend promises about marks, the small items beside the sessions."""

import pytest

from sojourn.backend import Backend, Mark
from sojourn.sweep.backend import Hint
from tests.contract.records import NOW, a_record, key
from tests.contract.stores import sweep_of

NAME = "app#!epoch#thing"


class Marks:
    """Part of the backend contract."""

    def test_a_mark_that_was_never_set_is_none(self, backend: Backend) -> None:
        """A caller that wants to set it says that it saw none."""
        assert backend.mark(NAME) is None

    @pytest.mark.parametrize("expires_at", [None, NOW + 60])
    def test_a_mark_is_read_as_it_was_set(self, backend: Backend, expires_at: int | None) -> None:
        """Empty text and large numbers too."""
        first, second = Mark("a b", number=7), Mark("", number=10**15)
        assert backend.set_mark(NAME, first, seen=None, expires_at=expires_at) == first
        assert backend.mark(NAME) == first
        assert backend.set_mark(NAME, second, seen=first, expires_at=expires_at) == second
        assert backend.mark(NAME) == second

    @pytest.mark.parametrize("seen", [None, Mark("a", number=2), Mark("b", number=1)])
    def test_a_caller_that_has_not_seen_the_mark_does_not_change_it(self, backend: Backend, seen: Mark | None) -> None:
        """And gets what is there."""
        current = Mark("a", number=1)
        backend.set_mark(NAME, current, seen=None, expires_at=None)
        assert backend.set_mark(NAME, Mark("mine"), seen=seen, expires_at=None) == current
        assert backend.mark(NAME) == current

    def test_a_mark_that_is_gone_cannot_be_changed(self, backend: Backend) -> None:
        """A late request does not bring it back."""
        assert backend.set_mark(NAME, Mark("late"), seen=Mark("a"), expires_at=None) is None
        assert backend.mark(NAME) is None

    def test_a_mark_is_no_session(self, backend: Backend) -> None:
        """It is in no list of a subject and in no list of what is due."""
        backend.insert(a_record(subject="app#u", sweep_shard="0", sweep_at=NOW))
        backend.set_mark("app#!epoch#u", Mark("a"), seen=None, expires_at=NOW)
        assert [position.session_id for position in backend.of_subject("app#u", limit=10).positions] == [key()]
        assert sweep_of(backend).due("0", until=NOW, limit=10).hints == (Hint(key(), NOW),)
