"""What a place to keep sessions must be able to do. Knows no service, no document, no token and no policy.

A backend makes one attempt per call: it never retries, merges or judges. When it cannot tell what
happened it raises ``StoreUnavailableError`` and says so in ``outcome_unknown``.
"""

from collections.abc import Sequence
from dataclasses import fields
from typing import TYPE_CHECKING, NamedTuple, Protocol

from sojourn.values import dataclass, replace

if TYPE_CHECKING:
    from sojourn.sweep.backend import SweepBackend


@dataclass(frozen=True, slots=True)
class Record:
    """One stored session. Instants are epoch seconds; ``idle`` is seconds.

    ``session_id`` and ``subject`` carry their namespace: ``<namespace>#<…>``. ``token_hash`` is of the token that opens
    it, ``former_hashes`` of those that a rotation replaced at ``rotated_at``, the newest first. ``data`` is the encoded
    document, or ``None`` where it was not read or is in the overflow object ``overflow``.
    """

    session_id: str
    token_hash: bytes
    version: int
    write_id: str
    created_at: int
    began_at: int
    expires_at: int
    absolute_at: int
    idle: int
    data: bytes | None = None
    overflow: str | None = None
    former_hashes: bytes | None = None
    rotated_at: int | None = None
    subject: str | None = None
    label: str | None = None
    epoch: str | None = None
    sweep_shard: str | None = None
    sweep_at: int | None = None

    def has_lifetime_of(self, other: "Record") -> bool:
        """Whether only use moves its deadline, compared with ``other``."""
        return (self.idle, self.absolute_at) == (other.idle, other.absolute_at)

    def changes_from(self, seen: "Record") -> dict[str, str | int | bytes | None]:
        """The deadline, and what else differs from ``seen`` besides the document; ``None`` is to be removed."""
        names = (field.name for field in fields(self) if field.name not in ("data", "overflow"))
        changed = {name: getattr(self, name) for name in names if getattr(self, name) != getattr(seen, name)}
        return {"expires_at": self.expires_at, **changed}

    def with_deadline_of(self, other: "Record") -> "Record":
        """This record with whatever a touch or the sweep may have moved in ``other``."""
        return replace(
            self, idle=other.idle, expires_at=other.expires_at, absolute_at=other.absolute_at, sweep_at=other.sweep_at
        )


@dataclass(frozen=True, slots=True)
class Refused:
    """A condition did not hold and nothing was changed. ``current`` is what is stored, ``None`` if nothing is."""

    current: Record | None


@dataclass(frozen=True, slots=True)
class Match:
    """What a session must still hold to be removed. ``None`` asks for nothing; one attribute at least is given."""

    token_hash: bytes | None = None
    rotated_at: int | None = None
    version: int | None = None
    expires_at: int | None = None
    subject: str | None = None

    def __post_init__(self) -> None:
        if not self.values():
            raise ValueError("nothing is removed without a condition")

    def values(self) -> dict[str, str | int | bytes]:
        """The attributes that count, by name."""
        every = ((field.name, getattr(self, field.name)) for field in fields(self))
        return {name: value for name, value in every if value is not None}

    def holds_for(self, record: Record) -> bool:
        """Whether ``record`` holds all of it."""
        return all(getattr(record, name) == value for name, value in self.values().items())


@dataclass(frozen=True, slots=True)
class Mark:
    """The content of a control item: what holds for many sessions, or the holder of a lock."""

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

    @property
    def sweep(self) -> "SweepBackend | None":
        """What the sweep calls; ``None`` where sessions cannot be swept from."""

    def insert(self, record: Record) -> Record | Refused:
        """Store a session whose id is not taken yet; returns the record as stored."""

    def load(self, session_id: str, *, is_consistent: bool = True) -> Record | None:
        """What is stored under this id, dead or alive. May lag behind unless ``is_consistent``."""

    def load_with_mark(self, session_id: str, mark: str) -> tuple[Record | None, Mark | None]:
        """``load`` and ``mark`` in one call, both strongly consistent."""

    def document(self, record: Record) -> bytes | None:
        """The encoded document of a loaded record; ``None`` when it was replaced since: load again."""

    def replace(self, record: Record, *, seen: Record, now: int) -> Record | Refused:
        """Store the document of ``record``, and whatever else in it differs from ``seen``.

        Only if token hash, version and absolute deadline are still those of ``seen``, and it is alive at ``now``. Also
        only if the idle time is still that of ``seen`` and no later deadline would be brought forward; where ``record``
        brings another lifetime, only if deadline and place in the sweep index are still those of ``seen`` too.
        """

    def renew(self, record: Record, *, seen: Record, now: int) -> Record | Refused:
        """Move the deadline of a session alive at ``now``: what differs from ``seen``, never the document.

        Conditions as in ``replace``, but for the version. A renewal that gains nothing is refused: a duplicate that
        comes late must not undo one that was acknowledged since.
        """

    def delete(self, session_id: str, *, match: Match) -> Refused | None:
        """Remove a session if it still holds ``match``; ``None`` when it was removed."""

    def of_subject(self, subject: str, *, limit: int, after: Position | None = None) -> Page:
        """Sessions of one subject, at most ``limit``; may miss what was created a moment ago and name what is gone.

        A position that is of another namespace than the subject, or none at all, is left out.
        """

    def peek(self, session_ids: Sequence[str]) -> list[Record]:
        """The records, without documents and hashes and in the given order, of those of at most 100 ids that exist.

        What is no record of ours is left out, with a warning in the log.
        """

    def mark(self, name: str) -> Mark | None:
        """The content of a control item, strongly consistent."""

    def set_mark(self, name: str, mark: Mark, *, seen: Mark | None, expires_at: int | None) -> Mark | None:
        """Store a mark if what is there is still ``seen``; what is there then, so ``mark`` itself on success.

        From ``expires_at`` on it is of no use, and may be removed.
        """
