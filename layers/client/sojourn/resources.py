"""What a store works with, for another one over the same: the one door of what is built on a store."""

from collections.abc import Callable

from sojourn.backend import Backend
from sojourn.events import Reporter
from sojourn.retry import Retry
from sojourn.revocation import Memory
from sojourn.settings import Settings
from sojourn.values import dataclass


@dataclass(frozen=True, slots=True)
class Resources:
    """What a store is made of, for another one over the same."""

    backend: Backend
    settings: Settings
    clock: Callable[[], int]
    retry: Retry
    memory: Memory
    reporter: Reporter
