"""Every test runs with every logger at DEBUG, botocore's wire log among them, and no line may hold a token.

The lines go nowhere but here. A test that logs a token fails when it ends, whatever it tested.
"""

import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

TOKEN: Final = re.compile(r"sjn_[A-Za-z0-9_-]{16,}", re.ASCII)
"""As much of a token as no text has by chance."""


class TokenLoggedError(AssertionError):
    """A log line that holds a token."""


class Watch(logging.Handler):
    """Formats every record as any other handler would, with its traceback, and looks for tokens."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.lines = 0
        self.found: list[str] = []
        self.setFormatter(logging.Formatter("%(name)s %(message)s"))

    def emit(self, record: logging.LogRecord) -> None:
        """See ``logging.Handler``. Nothing is raised here: it would change what the code under test does."""
        self.lines += 1
        line = self.format(record)
        if TOKEN.search(line) or any(TOKEN.search(str(value)) for value in vars(record).values()):
            self.found.append(f"{record.pathname}:{record.lineno}: {TOKEN.sub('sjn_…', line)[:500]}")


@contextmanager
def watching() -> Iterator[Watch]:
    """Everything that is logged inside the ``with`` block; an error at its end if a token was."""
    watch, root = Watch(), logging.getLogger()
    level = root.level
    root.addHandler(watch)
    root.setLevel(logging.DEBUG)
    try:
        yield watch
    finally:
        root.removeHandler(watch)
        root.setLevel(level)
    if watch.found:
        raise TokenLoggedError("\n".join(watch.found))


@contextmanager
def not_watched(logger: str) -> Iterator[None]:
    """A test that sends a token itself, through a library that logs what it sends, is not to blame."""
    told = logging.getLogger(logger)
    level = told.level
    told.setLevel(logging.INFO)
    try:
        yield
    finally:
        told.setLevel(level)
