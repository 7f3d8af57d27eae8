"""What a place to keep sessions must be able to do. Knows no service, no document, no token and no policy.

A backend makes one attempt per call: it never retries, merges or judges. When it cannot tell what
happened it raises ``StoreUnavailableError`` and says so in ``may_have_happened``.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol


@dataclass(frozen=True, slots=True)
class Record:
    """One stored session. Instants are epoch seconds; ``idle`` is seconds.

    ``session_id`` and ``subject`` carry their namespace: ``<namespace>#<…>``. ``data`` is the encoded
    document, or ``None`` where it was not asked for or lies in the overflow object ``overflow``.
    """

    session_id: str
    version: int
    write_id: str
    created_at: int
    expires_at: int
    absolute_at: int
    idle: int
    data: bytes | None = None
    overflow: str | None = None
    subject: str | None = None
    label: str | None = None
    sweep_shard: str | None = None
    sweep_at: int | None = None
    epoch: str | None = None


@dataclass(frozen=True, slots=True)
class Refused:
    """A condition did not hold and nothing was changed. ``current`` is what is stored, ``None`` if nothing is."""

    current: Record | None


@dataclass(frozen=True, slots=True)
class Mark:
    """A small item beside the sessions: what holds for many of them, or who has one to himself."""

    value: str
    number: int = 0


class Position(NamedTuple):
    """The place of a session in the list of its subject; the list goes on after it."""

    created_at: int
    session_id: str


@dataclass(frozen=True, slots=True)
class Page:
    """Some of a subject's sessions, newest first; ``after`` is ``None`` on the last page."""

    positions: tuple[Position, ...]
    after: Position | None


class Backend(Protocol):
    """Where sessions are kept. Every method is atomic for the one session it names."""

    def insert(self, record: Record) -> Record | Refused:
        """Store a session whose id is not taken yet; answers the record as stored."""

    def load(self, session_id: str, *, is_consistent: bool = True) -> Record | None:
        """What is stored under this id, dead or alive. May lag behind unless ``is_consistent``."""

    def document(self, record: Record) -> bytes | None:
        """The encoded document of a loaded record; ``None`` when it was replaced since: load again."""

    def replace(self, record: Record, *, seen: Record, now: int) -> Record | Refused:
        """Store a new document if ``seen`` is still the current version and alive at ``now``.

        Also only if the idle time is still the one of ``seen`` and no later deadline would be brought
        forward; where ``record`` brings a new idle time, only if the deadline is still that of ``seen``.
        """

    def renew(self, record: Record, *, seen: Record, now: int) -> Record | Refused:
        """Move only the deadline, and the idle time, of a session alive at ``now``.

        Forward while the idle time stays, and only if that is still the one of ``seen``; with a new idle
        time only if idle time and deadline are still those of ``seen``, lest a duplicate that comes late
        undo a renewal.
        """

    def rotate(self, record: Record, *, seen: Record, now: int) -> Record | Refused:
        """Store ``record`` under its new id and remove ``seen``, both or neither; conditions as in ``replace``."""

    def delete(self, session_id: str, *, expires_at: int | None = None, subject: str | None = None) -> bool:
        """Remove a session, if it has the given deadline or subject where one is given; whether one was removed."""

    def of_subject(self, subject: str, *, limit: int, after: Position | None = None) -> Page:
        """Sessions of one subject, at most ``limit``; may miss what was created a moment ago and name what is gone."""

    def peek(self, session_ids: Sequence[str]) -> list[Record]:
        """The records, without documents and in the given order, of those of at most 100 ids that exist.

        What is no record of ours is left out, with a warning in the log.
        """

    def mark(self, name: str) -> Mark | None:
        """The mark of this name, strongly consistent. Names carry their namespace, and then ``#!``."""

    def set_mark(self, name: str, mark: Mark, *, seen: Mark | None, expires_at: int | None) -> Mark | None:
        """Store a mark if what is there is still ``seen``; what is there then, so ``mark`` itself on success.

        From ``expires_at`` on nobody needs it, and it may be removed.
        """
