"""Ctrl-C: the first one lets the call under way finish, so that what was done is known; the second ends at once."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from sojourn.cli.terminal import Terminal


class Interruption:
    """Whether somebody pressed Ctrl-C."""

    def __init__(self) -> None:
        self.is_wanted = False


@contextmanager
def interruptible(terminal: Terminal) -> Iterator[Interruption]:
    """Ctrl-C in here sets ``is_wanted``, for a loop that looks at it between its calls."""
    interruption = Interruption()

    def stop(_signal: int, _frame: FrameType | None) -> None:
        if interruption.is_wanted:
            raise KeyboardInterrupt
        interruption.is_wanted = True
        terminal.say("stopping when the call under way has ended; Ctrl-C again stops at once", style="yellow")

    before = signal.signal(signal.SIGINT, stop)
    try:
        yield interruption
    finally:
        signal.signal(signal.SIGINT, before)
