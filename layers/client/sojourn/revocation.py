"""What ends many sessions at once: a subject's epoch, and the instant before which no session of a namespace lives.

Both are marks in control items beside the sessions. Ends no single session: see protocol.
"""

from collections.abc import Callable, Iterable
from functools import partial

from sojourn.absence import Absence
from sojourn.backend import Backend, Mark, Record
from sojourn.errors import StoreUnavailableError
from sojourn.expiry import is_dead
from sojourn.names import Namespace, epoch_of
from sojourn.retry import Retry
from sojourn.settings import Settings
from sojourn.tokens import new_write_id
from sojourn.values import dataclass

REMEMBERED_SECONDS = 60
"""How long a process relies on the ``not_before`` it has read: one more item in one read a minute, not in each."""

_ROUNDS = 32
_DAY = 86_400


class Memory:
    """The ``not_before`` read last, and until when it is relied on. Shared by the stores of one process."""

    __slots__ = ("not_before", "until")

    def __init__(self) -> None:
        self.not_before: int = 0
        self.until: int = 0


@dataclass(frozen=True, slots=True)
class Epoch:
    """A subject's sessions live if they bear this name, or if ``spared`` is their key: the one that was kept."""

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


class Revocation:
    """Says of a session whether it ended with many others, and ends them."""

    def __init__(
        self, backend: Backend, settings: Settings, *, clock: Callable[[], int], retry: Retry, memory: Memory
    ) -> None:
        """``clock`` returns epoch seconds."""
        self._backend = backend
        self._settings = settings
        self._clock = clock
        self._retry = retry
        self._memory = memory
        self._not_before_name = Namespace(settings.namespace).not_before()

    def reason(self, record: Record) -> Absence | None:
        """Why the session is over, whatever its own deadline says; ``None`` while it lives."""
        if record.created_at < self.not_before():
            return Absence.REVOKED_BY_INSTANT
        if record.subject is not None and not _is_in(self.epoch(record.subject), record):
            return Absence.REVOKED_BY_SUBJECT
        return None

    def absence(self, record: Record) -> Absence | None:
        """Why the session is dead, by its own deadline or with many others; ``None`` while it lives."""
        if is_dead(expires_at=record.expires_at, now=self._clock()):
            return Absence.ABSOLUTE if record.expires_at >= record.absolute_at else Absence.IDLE
        return self.reason(record)

    def living(self, records: Iterable[Record], *, subject: str) -> list[Record]:
        """Those of a subject's records that are alive. Costs 1 RRU in strict mode."""
        epoch, not_before, now = self.epoch(subject), self.not_before(), self._clock()
        return [
            record
            for record in records
            if not is_dead(expires_at=record.expires_at, now=now)
            and record.created_at >= not_before
            and record.subject == subject
            and _is_in(epoch, record)
        ]

    # ---- of a subject

    def epoch(self, subject: str | None) -> Epoch | None:
        """The one that new sessions of ``subject`` bear; ``None`` when there is none, and without strict mode."""
        if subject is None or not self._settings.strict_expire_all:
            return None
        return Epoch.of(self._read(epoch_of(subject)))

    def end(self, subject: str, *, keep: str | None) -> None:
        """Let no session of ``subject`` live that began before, but the one with the key ``keep``, if it lives."""
        if not self._settings.strict_expire_all:
            return
        name = new_write_id()
        for _ in range(_ROUNDS):
            seen = self._read(epoch_of(subject))
            spared = keep if keep is not None and self._lives_in(Epoch.of(seen), keep) else ""
            epoch = Epoch(name, spared).mark()
            if self._set(epoch_of(subject), epoch, seen=seen, lives=self._longest_life()) == epoch:
                return
        raise StoreUnavailableError("other callers keep ending the sessions of this subject", is_transient=True)

    def _lives_in(self, epoch: Epoch | None, key: str) -> bool:
        # What was ended before is not spared now: that would bring it back.
        record = self._retry.run(partial(self._backend.load, key))
        return record is not None and _is_in(epoch, record)

    def _longest_life(self) -> int:
        # By then nothing is left that began before; the day is for clocks and for requests under way.
        return self._settings.max_absolute_seconds + _DAY

    # ---- of a namespace

    def mark_due(self) -> str | None:
        """The control item to read along with the next session, once a minute."""
        return self._not_before_name if self._clock() >= self._memory.until else None

    def remember(self, mark: Mark | None) -> None:
        """Rely on what was just read for a minute."""
        self._memory.not_before = mark.number if mark else 0
        self._memory.until = self._clock() + REMEMBERED_SECONDS

    def not_before(self) -> int:
        """The second before which no session was created that lives."""
        if self.mark_due() is not None:
            self.remember(self._read(self._not_before_name))
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

    def _read(self, name: str) -> Mark | None:
        return self._retry.run(partial(self._backend.mark, name))

    def _set(self, name: str, mark: Mark, *, seen: Mark | None, lives: int | None) -> Mark | None:
        def attempt() -> Mark | None:
            expires_at = None if lives is None else self._clock() + lives
            return self._backend.set_mark(name, mark, seen=seen, expires_at=expires_at)

        return self._retry.run(attempt)


def _is_in(epoch: Epoch | None, record: Record) -> bool:
    return epoch is None or epoch.includes(record)
