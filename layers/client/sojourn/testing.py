"""What a user's own tests need: a store in memory and a clock in the hand. Calls nothing."""

import time
from collections.abc import Callable

from sojourn.backends.memory import MemoryBackend
from sojourn.events import OnEvent
from sojourn.retry import Retry
from sojourn.settings import Settings
from sojourn.store import Store


class FakeClock:
    """A clock that stands still until a test moves it. Call it for the time, in epoch seconds."""

    def __init__(self, now: int = 1_700_000_000) -> None:
        self.now: int = now

    def __call__(self) -> int:
        """The time."""
        return self.now

    def advance(self, seconds: int) -> None:
        """Let ``seconds`` pass."""
        self.now += seconds


def memory_store(
    *,
    clock: Callable[[], int] | None = None,
    settings: Settings | None = None,
    backend: MemoryBackend | None = None,
    on_event: OnEvent | None = None,
) -> Store:
    """A real store over a dictionary: every verb, lifetime and error, no network and no waiting.

    ``clock`` returns epoch seconds: the real time unless one is given, a ``FakeClock`` say.
    """
    return Store(
        backend or MemoryBackend(),
        settings or Settings(),
        clock=clock or (lambda: int(time.time())),
        retry=Retry(sleep=lambda _seconds: None),
        on_event=on_event,
    )
