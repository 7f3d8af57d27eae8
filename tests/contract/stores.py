"""Opening stores for the store contract. Knows no verb."""

from collections.abc import Callable
from typing import Protocol

from sojourn import Session, Settings, Store
from sojourn.backend import Backend
from sojourn.retry import Retry
from sojourn.settings import Encryption
from sojourn.sweep.backend import SweepBackend

SHARDS = 4


class Stores(Protocol):
    """Opens one more store on the backend under test."""

    def __call__(
        self,
        *,
        clock: Callable[[], int] | None = None,
        namespace: str = "default",
        grace: int = 0,
        strict: bool | None = None,
        retry: Retry | None = None,
        consistent: bool = True,
    ) -> Store:
        """A store as another process, another application or another clock would have it."""


class Opened:
    """The one ``Stores`` there is."""

    def __init__(
        self, backend: Backend, clock: Callable[[], int], *, strict: bool, encryption: Encryption = "off"
    ) -> None:
        self._backend = backend
        self._clock = clock
        self._strict = strict
        self._encryption = encryption

    def __call__(
        self,
        *,
        clock: Callable[[], int] | None = None,
        namespace: str = "default",
        grace: int = 0,
        strict: bool | None = None,
        retry: Retry | None = None,
        consistent: bool = True,
    ) -> Store:
        """See ``Stores``."""
        settings = Settings(
            namespace=namespace,
            sweep_shards=SHARDS,
            sweep_grace_seconds=grace,
            strict_expire_all=self._strict if strict is None else strict,
            encryption=self._encryption,
            consistent_read=consistent,
        )
        retry = retry or Retry(sleep=lambda _seconds: None)
        return Store(self._backend, settings, clock=clock or self._clock, retry=retry)


def alive(session: Session | None) -> Session:
    """``session``, which has to be there."""
    assert session is not None
    return session


def sweep_of(backend: Backend) -> SweepBackend:
    """What the sweep calls of ``backend``, which has to be one that can be swept."""
    assert backend.sweep is not None
    return backend.sweep
