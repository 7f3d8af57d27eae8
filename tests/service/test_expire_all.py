"""DELETE /sessions?subject=…, where the store is in trouble or time runs out."""

import threading

import pytest

from sojourn.backend import Match, Refused
from sojourn.backends.memory import MemoryBackend
from sojourn.errors import StoreUnavailableError
from sojourn.store import Store
from sojourn.testing import FakeClock, memory_store
from tests.service.conftest import Log
from tests.service.gateway import Gateway
from tests.service.test_telemetry import counts


class ThrottledBackend(MemoryBackend):
    """Removes ``most`` sessions; then it is throttled."""

    def __init__(self) -> None:
        super().__init__()
        self.most = 10_000
        self._counting = threading.Lock()

    def delete(self, session_id: str, *, match: Match) -> Refused | None:
        """As in memory, or throttled."""
        with self._counting:
            if self.most == 0:
                raise StoreUnavailableError("throttled", is_transient=True)
            self.most -= 1
        return super().delete(session_id, match=match)


@pytest.fixture
def backend() -> ThrottledBackend:
    """A backend that may be throttled."""
    return ThrottledBackend()


@pytest.fixture
def store(clock: FakeClock, backend: MemoryBackend) -> Store:
    """The store that the functions use."""
    return memory_store(clock=clock, backend=backend)


def test_many_sessions_end_at_one_request(gateway: Gateway, store: Store) -> None:
    """1,500 devices: more than a page, and all of them are gone."""
    kept = store.create(subject="ben")
    sessions = [store.create(subject="ann") for _ in range(1_500)]
    assert gateway.send("DELETE", "/sessions?subject=ann").json() == {"expired": 1_500, "more": False}
    assert all(store.read(session.token) is None for session in sessions)
    assert store.read(kept.token) is not None


def test_what_ended_before_the_store_was_away_is_counted(
    gateway: Gateway, store: Store, backend: ThrottledBackend, capsys: pytest.CaptureFixture[str], log: Log
) -> None:
    """Not a 503 that hides it: the client repeats the request for the rest."""
    for _ in range(20):
        store.create(subject="ann")
    backend.most = 5
    answer = gateway.send("DELETE", "/sessions?subject=ann")
    assert (answer.status, answer.json()) == (200, {"expired": 5, "more": True})
    assert counts(capsys.readouterr().out) == {"SessionsEnded owner": 5}
    assert log()[-1]["status"] == 200
    backend.most = 10_000
    assert gateway.send("DELETE", "/sessions?subject=ann").json() == {"expired": 15, "more": False}


def test_a_store_that_ends_none_is_unavailable(gateway: Gateway, store: Store, backend: ThrottledBackend) -> None:
    """``{"expired": 0, "more": true}`` would look like progress."""
    store.create(subject="ann")
    backend.most = 0
    answer = gateway.send("DELETE", "/sessions?subject=ann")
    assert (answer.status, answer.problem()) == (503, "store-unavailable")
