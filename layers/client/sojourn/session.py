"""One session as an application holds it: a dictionary that knows whose it is and when it ends.

Reading and writing are the store's business; a session never calls anything.
"""

from typing import Any

from sojourn.absence import Absence
from sojourn.backend import Record
from sojourn.document.codec import dump_document, load_document
from sojourn.errors import InvalidDataError, SessionTooLargeError
from sojourn.names import bare
from sojourn.tokens import Token
from sojourn.values import dataclass, replace


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What a session was read or stored as: its record, its document's JSON, and the token that opens it."""

    record: Record
    text: bytes
    token: Token


class Session(dict[str, Any]):
    """A session's document, a real dictionary, and what the store knows about it.

    Changes, nested ones too, stay in memory until ``store.write(session)``. ``str()``, ``repr()``, ``pickle`` and
    tracebacks show no token; the first two no document either.
    """

    __slots__ = ("_is_new", "_max_bytes", "_snapshot")

    def __init__(self, snapshot: Snapshot, *, max_bytes: int, is_new: bool = False) -> None:
        """Made by the store."""
        super().__init__(load_document(snapshot.text))
        self._snapshot = snapshot
        self._max_bytes = max_bytes
        self._is_new = is_new

    @property
    def id(self) -> str:
        """The session id, 12 characters, the same for its whole life: safe to show and to log, opens nothing."""
        return bare(self._snapshot.record.session_id)

    @property
    def token(self) -> str:
        """The secret that opens this session. Goes into a cookie or a header, nowhere else."""
        return self._snapshot.token.reveal()

    @property
    def subject(self) -> str | None:
        """Whose session it is, as given to ``create`` or ``login``."""
        subject = self._snapshot.record.subject
        return None if subject is None else bare(subject)

    @property
    def label(self) -> str | None:
        """The application's name for it in a list of devices."""
        return self._snapshot.record.label

    @property
    def version(self) -> int:
        """How often the document was written: 1 after creation."""
        return self._snapshot.record.version

    @property
    def created_at(self) -> int:
        """When it was created, epoch seconds; nothing changes it."""
        return self._snapshot.record.created_at

    @property
    def began_at(self) -> int:
        """Since when its lifetime counts, epoch seconds: its creation, or its last login."""
        return self._snapshot.record.began_at

    @property
    def expires_at(self) -> int:
        """The epoch second from which on it is dead unless renewed, as far as this copy knows."""
        return self._snapshot.record.expires_at

    @property
    def absolute_at(self) -> int:
        """The epoch second that ``expires_at`` never passes."""
        return self._snapshot.record.absolute_at

    @property
    def idle(self) -> int:
        """How many seconds without use it survives."""
        return self._snapshot.record.idle

    @property
    def is_new(self) -> bool:
        """Whether this very copy comes from ``create``, not from ``read``."""
        return self._is_new

    @property
    def is_changed(self) -> bool:
        """Whether the document differs from what the store holds, nested values included."""
        try:
            return self.dumped() != self._snapshot.text
        except (InvalidDataError, SessionTooLargeError):
            return True  # what cannot be stored is not what is stored

    def dumped(self) -> bytes:
        """The document's JSON as it would be stored; ``InvalidDataError``, ``SessionTooLargeError``."""
        return dump_document(dict(self), max_bytes=self._max_bytes)

    def stored(self) -> dict[str, Any]:
        """The document as the store holds it, as far as this copy knows."""
        return load_document(self._snapshot.text)

    def __bool__(self) -> bool:
        """True, also when the document is empty: ``if session`` asks whether there is one."""
        return True

    def __repr__(self) -> str:
        return f"<Session {self.id} version {self.version}>"

    # ---- for the store

    @property
    def snapshot(self) -> Snapshot:
        """What changes are compared with."""
        return self._snapshot

    def settle(self, snapshot: Snapshot, *, is_merged: bool = False) -> None:
        """Take over what is stored now; the document itself only when it came out of a merge."""
        if is_merged:
            self.clear()
            self.update(load_document(snapshot.text))
        self._snapshot = snapshot

    def renew(self, record: Record) -> None:
        """Take over the deadline, and nothing that belongs to a newer version of the document."""
        self._snapshot = replace(self._snapshot, record=self._snapshot.record.with_deadline_of(record))


@dataclass(frozen=True, slots=True)
class SessionSummary:
    """One entry of a list of devices: no token, no document. Instants are epoch seconds."""

    id: str
    label: str | None
    version: int
    created_at: int
    expires_at: int
    absolute_at: int

    @classmethod
    def of(cls, record: Record) -> "SessionSummary":
        """What may be shown of a record to the one whose session it is."""
        return cls(
            id=bare(record.session_id),
            label=record.label,
            version=record.version,
            created_at=record.created_at,
            expires_at=record.expires_at,
            absolute_at=record.absolute_at,
        )


@dataclass(frozen=True, slots=True)
class SessionDescription:
    """What is stored of a session beside its document, for an operator: no token. Instants are epoch seconds.

    ``absence`` says why it is dead, and is ``None`` while it lives. ``is_overflowed``: its document is in the bucket.
    ``rotated_at`` is known only for a while after a rotation.
    """

    id: str
    subject: str | None
    label: str | None
    version: int
    created_at: int
    began_at: int
    rotated_at: int | None
    expires_at: int
    absolute_at: int
    idle: int
    is_overflowed: bool
    absence: Absence | None

    @classmethod
    def of(cls, record: Record, *, absence: Absence | None) -> "SessionDescription":
        """What may be shown of a record to an operator."""
        return cls(
            id=bare(record.session_id),
            subject=None if record.subject is None else bare(record.subject),
            label=record.label,
            version=record.version,
            created_at=record.created_at,
            began_at=record.began_at,
            rotated_at=record.rotated_at,
            expires_at=record.expires_at,
            absolute_at=record.absolute_at,
            idle=record.idle,
            is_overflowed=record.overflow is not None,
            absence=absence,
        )
