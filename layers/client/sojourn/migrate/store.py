"""A store that adopts the sessions of an older one. Knows no older store: see the modules beside it."""

import logging
import threading
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import NoReturn, Protocol

from sojourn.absence import Absence
from sojourn.errors import InvalidDataError, SessionTooLargeError, SojournError, StoreUnavailableError
from sojourn.session import Session
from sojourn.store import Store
from sojourn.tokens import PREFIX, Token

_log = logging.getLogger(__name__)

_MAX_KEY_CHARACTERS = 8_192
"""More than a browser's cookie holds; whatever is longer is no key."""


@dataclass(frozen=True, slots=True)
class Found:
    """A session of the older store: what is in it, whose it is, and until when (epoch seconds) it would have lived."""

    data: Mapping[str, object]
    subject: str | None = None
    until: int | None = None


class UnreadableError(Exception):
    """There is a session under the key, and it cannot be read safely. ``reason`` holds nothing of it."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Source(Protocol):
    """An older store. The key is what its cookie holds, as the client sent it: anything at all."""

    def find(self, key: str) -> Found | None:
        """The session of ``key`` if it lives; ``None`` for a key that opens none. Raises ``UnreadableError``."""

    def end(self, key: str) -> None:
        """Remove it, if that is possible; no error when there is none."""


@dataclass(frozen=True, slots=True)
class Report:
    """How many keys were looked up, by what became of them.

    ``adopted`` live on under Sojourn's tokens. ``missing`` opened nothing in the older store either. ``unreadable``
    were there and could not be read safely, or not be kept. ``left`` were adopted and could not be ended in the older
    store.
    """

    adopted: int = 0
    missing: int = 0
    unreadable: int = 0
    left: int = 0


class MigratingStore(Store):
    """``store``, and ``source`` behind it: a client with a key of the older store goes on with a new token.

    ``read`` answers a new session with what the older one held, and ends that; the adapters hand the new token out. It
    lives as long without a visit as the older one would have, within what the settings allow. From ``until`` (epoch
    seconds) on the older store is not called any more. A token of Sojourn's is never looked for there. Costs a creation
    for each session adopted, and nothing else.
    """

    def __init__(
        self, store: Store, source: Source, *, until: int | None = None, _counts: "_Counts | None" = None
    ) -> None:
        of = store.resources
        super().__init__(of.backend, of.settings, clock=of.clock, retry=of.retry, memory=of.memory)
        self._source = source
        self._until = until
        self._counts = _counts or _Counts()

    @property
    def report(self) -> Report:
        """What this process has adopted so far."""
        return self._counts.report

    def within(self, seconds: float) -> "MigratingStore":
        """See ``Store.within``. The older store keeps its own time."""
        return MigratingStore(super().within(seconds), self._source, until=self._until, _counts=self._counts)

    def find(
        self, token: str | Token | None, *, touch: bool = True, arrived_at: int | None = None
    ) -> Session | Absence:
        """See ``Store.find``. The session of an older key has another token than the one it was read with.

        Raises ``StoreUnavailableError`` when the older store does not answer: that logs no user out.
        """
        if isinstance(token, str) and self._is_former(token):
            return self._adopted(token) or Absence.UNKNOWN
        return super().find(token, touch=touch, arrived_at=arrived_at)

    def read(self, token: str | Token | None, *, touch: bool = True) -> Session | None:
        """See ``Store.read`` and ``find``."""
        found = self.find(token, touch=touch)
        return None if isinstance(found, Absence) else found

    def expire(self, session: Session | str | Token | None) -> bool:
        """See ``Store.expire`` and ``end``."""
        if isinstance(session, str) and self._is_former(session):
            return self.end(session) is None
        return super().expire(session)

    def end(self, token: str | Token | None) -> Absence | None:
        """See ``Store.end``. A key of the older store is ended there; raises as ``find`` does."""
        if isinstance(token, str) and self._is_former(token):
            try:
                self._source.end(token)
            except Exception as error:  # noqa: BLE001  # whatever an older store raises when it is away
                _give_up(error)
            return None
        return super().end(token)

    def _is_former(self, key: str) -> bool:
        is_over = self._until is not None and self.resources.clock() >= self._until
        return 1 <= len(key) <= _MAX_KEY_CHARACTERS and not key.startswith(PREFIX) and not is_over

    def _adopted(self, key: str) -> Session | None:
        try:
            found = self._source.find(key)
        except UnreadableError as error:
            self._refused(error.reason)
            return None
        except SojournError:
            raise
        except Exception as error:  # noqa: BLE001  # whatever an older store raises when it is away
            _give_up(error)
        if found is None:
            self._counts.add(missing=1)
            return None
        idle = absolute = None
        if found.until is not None:
            left = found.until - self.resources.clock()
            if left <= 0:
                self._counts.add(missing=1)
                return None
            idle = min(left, self.settings.max_absolute_seconds)
            absolute = max(idle, self.settings.absolute_seconds)
        try:
            session = self.create(found.data, subject=found.subject, idle=idle, absolute=absolute)
        except (InvalidDataError, SessionTooLargeError) as error:
            # The message names a path in it, and a path is made of keys that somebody chose.
            self._refused(f"cannot be kept: {type(error).__name__}")
            return None
        self._end(key)
        self._counts.add(adopted=1)
        return session

    def _refused(self, reason: str) -> None:
        self._counts.add(unreadable=1)
        _log.warning("a session of the older store was not adopted: it %s", reason)

    def _end(self, key: str) -> None:
        try:
            self._source.end(key)
        except Exception as error:  # noqa: BLE001  # it is adopted; whether the older one goes is another matter
            self._counts.add(left=1)
            _log.warning("an adopted session could not be ended in the older store: %s", type(error).__name__)


def _give_up(error: Exception) -> NoReturn:
    raise StoreUnavailableError(f"the older store: {type(error).__name__}", is_transient=True) from error


class _Counts:
    """What has become of all keys, in all threads."""

    def __init__(self) -> None:
        self.report = Report()
        self._lock = threading.Lock()

    def add(self, **more: int) -> None:
        with self._lock:
            counted = {name: getattr(self.report, name) + number for name, number in more.items()}
            self.report = replace(self.report, **counted)
