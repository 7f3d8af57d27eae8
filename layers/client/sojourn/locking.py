"""A lock on one session: a lease, kept in a control item, that a caller which watched it run out may take over.

It holds off only callers that ask for it. No clock is compared with another: a waiter measures the
holder's lease by its own, from when it first saw that holder, which is after the holder's began.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from itertools import count

from sojourn.backend import Backend, Mark, Record
from sojourn.errors import (
    CorruptSessionError,
    InvalidDataError,
    LockLostError,
    SessionLockedError,
    StoreUnavailableError,
)
from sojourn.names import bare, lock_of
from sojourn.retry import Retry
from sojourn.tokens import new_write_id

_SETTLED = 16
"""From this look on the pauses grow no more."""

_DAY = 86_400
_LONGEST_LEASE = 900
"""Seconds; a Lambda function runs no longer."""


class Lock:
    """One attempt of one caller to have a session to himself."""

    def __init__(
        self, backend: Backend, record: Record, *, lease: float, clock: Callable[[], int], retry: Retry
    ) -> None:
        """``lease`` is seconds; ``clock`` answers epoch seconds."""
        self._backend = backend
        self._session_id = bare(record.session_id)
        self._name = lock_of(record.session_id)
        self._lease = _checked_duration("lease", lease, least=0.1)
        self._clock = clock
        self._retry = retry
        # The lock of a dead session is of no use; the day is for clocks. A login may prolong the stay meanwhile.
        self._expires_at = record.absolute_at + _DAY
        self._value = f"{new_write_id()} {round(lease * 1_000)}"
        self._mark: Mark | None = None
        self._until = 0.0

    @contextmanager
    def held(self, *, wait: float) -> Iterator[int]:
        """Have it inside of the ``with`` block; see ``Store.lock``."""
        wait = _checked_duration("wait", wait, least=0)
        fence = self.acquire(wait=wait)
        if fence is None:
            raise SessionLockedError(self._session_id, waited=wait)
        try:
            yield fence
        except BaseException:
            self.release()
            raise
        if not self.release():
            raise LockLostError(self._session_id)

    def acquire(self, *, wait: float) -> int | None:
        """The fence, larger than those of all holders before; ``None`` when it did not get free in ``wait`` seconds."""
        monotonic = self._retry.monotonic
        give_up = monotonic() + wait
        watched: Mark | None = None
        since = 0.0
        for number in count():
            seen = self._retry.run(partial(self._backend.mark, self._name))
            if seen != watched:
                watched, since = seen, monotonic()
            rest = since + _lease(watched) - monotonic()
            if rest <= 0 and (fence := self._take(watched)) is not None:
                return fence
            left = give_up - monotonic()
            pause = min(self._retry.pause(min(number, _SETTLED)), left, rest if rest > 0 else left)
            if left <= 0 or not self._retry.has_time_for(pause):
                return None
            self._retry.sleep(pause)
        return None

    def release(self) -> bool:
        """Free it for the next one; whether no other caller can have had it meanwhile."""
        free = Mark("", self._mark.number if self._mark else 0)
        in_time = self._retry.monotonic() < self._until
        try:
            return self._set(free, seen=self._mark) == free or in_time
        except StoreUnavailableError:
            return in_time  # it gets free by itself

    def _take(self, seen: Mark | None) -> int | None:
        begun = self._retry.monotonic()
        # By the time of day, so that it grows also where the mark of earlier holders was removed.
        mark = Mark(self._value, max(self._clock() * 1_000, seen.number + 1 if seen else 0))
        if self._set(mark, seen=seen) != mark:
            return None
        self._mark, self._until = mark, begun + self._lease
        return mark.number

    def _set(self, mark: Mark, *, seen: Mark | None) -> Mark | None:
        return self._retry.run(
            partial(self._backend.set_mark, self._name, mark, seen=seen, expires_at=self._expires_at)
        )


def _lease(mark: Mark | None) -> float:
    """The seconds that a mark's holder has; none when it has no holder."""
    if mark is None or not mark.value:
        return 0.0
    milliseconds = mark.value.partition(" ")[2]
    if not milliseconds.isdigit():
        raise CorruptSessionError("the mark of its lock is damaged")
    return int(milliseconds) / 1_000


def _checked_duration(name: str, seconds: float, *, least: float) -> float:
    if type(seconds) not in (int, float) or not least <= seconds <= _LONGEST_LEASE:
        raise InvalidDataError(f"takes seconds from {least:g} to {_LONGEST_LEASE}", path=(name,))
    return seconds
