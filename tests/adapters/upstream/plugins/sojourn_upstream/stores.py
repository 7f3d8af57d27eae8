"""The store of a run, in memory and with the real clock."""

import time

from sojourn import Store
from sojourn.testing import memory_store

_STORE = memory_store(clock=lambda: int(time.time()))


def the_store() -> Store:
    """The store, one for the whole process."""
    return _STORE
