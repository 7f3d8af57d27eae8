"""How often and how long a call is tried again. Knows no call."""

import math
import random
import time
from collections.abc import Callable
from contextvars import ContextVar
from typing import TypeVar

from sojourn.errors import StoreUnavailableError
from sojourn.values import dataclass, replace

T = TypeVar("T")

_left: ContextVar[Callable[[], float]] = ContextVar("left", default=lambda: math.inf)


def seconds_left() -> float:
    """How long the attempt that is being made here may still take."""
    return _left.get()()


@dataclass(frozen=True, slots=True)
class Retry:
    """At most ``attempts`` tries with full jitter between them, none that could outlast the deadline.

    ``base`` and ``cap`` bound the waits, ``attempt_seconds`` is the least time for which a try is begun, all in
    seconds. ``until`` is a deadline on the ``monotonic`` clock. A try may be several requests; each learns from
    ``seconds_left`` how long it may take.

    Full jitter: AWS Architecture Blog, "Exponential Backoff and Jitter".
    """

    attempts: int = 3
    base: float = 0.05
    cap: float = 1.0
    attempt_seconds: float = 1.5
    until: float | None = None
    monotonic: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    # Not the module's own generator, whose state all environments restored from one snapshot would share.
    jitter: Callable[[], float] = random.SystemRandom().random

    def within(self, seconds: float) -> "Retry":
        """The same policy, over and done ``seconds`` from now, or sooner where it was to be sooner."""
        until = self.monotonic() + seconds
        return replace(self, until=until if self.until is None else min(until, self.until))

    def run(self, attempt: Callable[[], T]) -> T:
        """What ``attempt`` answers; raises the last ``StoreUnavailableError`` when no try succeeded."""
        unknown = False
        for number in range(self.attempts):
            if not self.has_time_for(0):
                raise StoreUnavailableError("no time is left to ask it", outcome_unknown=unknown, is_transient=True)
            before = _left.set(self._seconds_left)
            try:
                return attempt()
            except StoreUnavailableError as error:
                unknown = unknown or error.outcome_unknown
                pause = self.pause(number)
                is_last = number + 1 == self.attempts or not self.has_time_for(pause)
                if is_last or not error.is_transient:
                    raise StoreUnavailableError(
                        error.reason, outcome_unknown=unknown, is_transient=error.is_transient
                    ) from error
            finally:
                _left.reset(before)
            self.sleep(pause)
        raise AssertionError("a policy has at least one attempt")

    def pause(self, number: int) -> float:
        """How long to wait after the try with this number, counted from 0."""
        return self.jitter() * min(self.cap, self.base * 2.0**number)

    def has_time_for(self, pause: float) -> bool:
        """Whether a try that begins after ``pause`` seconds has a chance."""
        return pause + self.attempt_seconds <= self._seconds_left()

    def _seconds_left(self) -> float:
        return math.inf if self.until is None else self.until - self.monotonic()
