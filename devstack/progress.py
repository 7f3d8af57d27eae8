"""Tells a waiting person what is going on, one line a step with its seconds."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

Progress = Callable[[str], AbstractContextManager[None]]


@contextmanager
def shown(step: str) -> Iterator[None]:
    """Show ``step`` at once and its seconds when it is done."""
    sys.stdout.write(f"· {step:<52}")
    sys.stdout.flush()
    started = time.monotonic()
    try:
        yield
    except BaseException:
        print("failed")
        raise
    print(f"{time.monotonic() - started:5.1f} s")


@contextmanager
def silent(_step: str) -> Iterator[None]:
    """Nothing, for tests."""
    yield
