"""What ends many sessions at once: a subject's epoch, and the second before which no session of a namespace lives.

Both are marks, small items beside the sessions. Ends no single session: see protocol.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from sojourn.backend import Backend, Mark, Record
from sojourn.errors import StoreUnavailableError
from sojourn.protocol import new_write_id
from sojourn.retry import Retry
from sojourn.settings import Settings

REMEMBERED_SECONDS = 60
"""How long a process relies on the ``not_before`` it has read: one GetItem a minute, not one a request."""

_ROUNDS = 32
_DAY = 86_400


@dataclass(slots=True)
class Memory:
    """The ``not_before`` read last, and until when it is relied on. Shared by the stores of one process."""

    not_before: int = 0
    until: int = 0


@dataclass(frozen=True, slots=True)
class Epoch:
    """A subject's sessions live if they bear this name, or if ``spared`` is their id: the one that was kept."""

    name: str
    spared: str = ""

    @classmethod
    def of(cls, mark: Mark | None) -> "Epoch | None":
        """As a mark holds it; neither part has a space in it."""
        return None if mark is None else cls(*mark.value.partition(" ")[::2])

    def mark(self) -> Mark:
        """What is stored."""
        return Mark(f"{self.name} {self.spared}")

    def includes(self, record: Record) -> bool:
        """Whether it leaves the session alive."""
        return record.epoch == self.name or record.session_id == self.spared


class Boundaries:
    """Says of a session whether it ended with all the others, and ends them."""

    def __init__(
        self, backend: Backend, settings: Settings, *, clock: Callable[[], int], retry: Retry, memory: Memory
    ) -> None:
        """``clock`` answers epoch seconds."""
        self._backend = backend
        self._settings = settings
        self._clock = clock
        self._retry = retry
        self._memory = memory

    def have_passed(self, record: Record) -> bool:
        """Whether the session is over, whatever its own deadline says."""
        return record.created_at < self.not_before() or self.is_outdated(record)

    # ---- of a subject

    def is_outdated(self, record: Record) -> bool:
        """Whether all sessions of its subject were ended since it began. Asks only in strict mode."""
        if record.subject is None or not self._settings.strict_expire_all:
            return False
        epoch = self.epoch(record.subject)
        return epoch is not None and not epoch.includes(record)

    def epoch(self, subject: str | None) -> Epoch | None:
        """The one that new sessions of ``subject`` bear; ``None`` when there is none, or nobody asks for it."""
        if subject is None or not self._settings.strict_expire_all:
            return None
        return Epoch.of(self._read(_epoch_name(subject)))

    def end(self, subject: str, *, keep: str | None) -> None:
        """Let no session of ``subject`` live that began before, but the one with the id ``keep``, if it lives."""
        if not self._settings.strict_expire_all:
            return
        name = new_write_id()
        for _ in range(_ROUNDS):
            seen = self._read(_epoch_name(subject))
            spared = keep if keep is not None and self._lives_in(Epoch.of(seen), keep) else ""
            epoch = Epoch(name, spared).mark()
            if self._set(_epoch_name(subject), epoch, seen=seen, lives=self._longest_life()) == epoch:
                return
        raise StoreUnavailableError("others keep ending the sessions of this subject", is_transient=True)

    def _lives_in(self, epoch: Epoch | None, session_id: str) -> bool:
        # Who was ended before is not spared now: that would bring it back.
        record = self._retry.run(partial(self._backend.load, session_id))
        return record is not None and (epoch is None or epoch.includes(record))

    def _longest_life(self) -> int:
        # By then nothing is left that began before; the day is for clocks and for requests under way.
        return self._settings.max_absolute_seconds + _DAY

    # ---- of a namespace

    def not_before(self) -> int:
        """The second before which no session began that lives."""
        now = self._clock()
        if now >= self._memory.until:
            mark = self._read(self._not_before_name)
            self._memory.not_before, self._memory.until = (mark.number if mark else 0), now + REMEMBERED_SECONDS
        return self._memory.not_before

    def set_not_before(self, instant: int) -> None:
        """Move it forward; it never moves back."""
        for _ in range(_ROUNDS):
            seen = self._read(self._not_before_name)
            mark = Mark("", number=instant)
            if seen is not None and seen.number >= instant:
                break
            if self._set(self._not_before_name, mark, seen=seen, lives=None) == mark:
                break
        self._memory.until = 0

    @property
    def _not_before_name(self) -> str:
        return f"{self._settings.namespace}#!not-before"

    def _read(self, name: str) -> Mark | None:
        return self._retry.run(partial(self._backend.mark, name))

    def _set(self, name: str, mark: Mark, *, seen: Mark | None, lives: int | None) -> Mark | None:
        def attempt() -> Mark | None:
            expires_at = None if lives is None else self._clock() + lives
            return self._backend.set_mark(name, mark, seen=seen, expires_at=expires_at)

        return self._retry.run(attempt)


def _epoch_name(subject: str) -> str:
    namespace, _, name = subject.partition("#")
    return f"{namespace}#!epoch#{name}"
