"""Threads of an event loop that wait for the store, under asyncio and trio alike. Knows no session."""

import time
from collections.abc import Callable
from typing import TypeVar

import anyio
from anyio.lowlevel import RunVar

from sojourn.errors import StoreUnavailableError

T = TypeVar("T")


class Threads:
    """At most ``count`` at a time in each event loop; no other work waits for them, and they wait for no other."""

    def __init__(self, count: int, *, seconds: float) -> None:
        """``seconds`` is how long a call may take, the wait for a thread included."""
        self._count = count
        self._seconds = seconds
        self._limiter: RunVar[anyio.CapacityLimiter] = RunVar("sojourn's threads")

    async def run(self, call: Callable[[float], T]) -> T:
        """What ``call`` returns, which gets the seconds that are left.

        Raises ``StoreUnavailableError`` when no thread was free in time.
        """
        until = time.monotonic() + self._seconds
        with anyio.move_on_after(self._seconds):
            # Once it has begun it is waited for: an answer is lost to no caller.
            return await anyio.to_thread.run_sync(lambda: call(until - time.monotonic()), limiter=self._limiter_here())
        raise StoreUnavailableError(f"no thread was free in {self._seconds:g} seconds", is_transient=True)

    def _limiter_here(self) -> anyio.CapacityLimiter:
        limiter = self._limiter.get(None)
        if limiter is None:
            limiter = anyio.CapacityLimiter(self._count)
            self._limiter.set(limiter)
        return limiter


def is_in_event_loop() -> bool:
    """Whether the caller runs in one, in this thread."""
    try:
        anyio.current_time()
    except RuntimeError:
        return False
    return True
