"""One session as an application holds it: a dictionary that knows whose it is and when it ends.

Reading and writing are the store's business; a session never calls anything.
"""

from collections.abc import Iterator, MutableMapping
from dataclasses import dataclass, replace

from sojourn.backend import Record
from sojourn.document.codec import dump_document, load_document
from sojourn.errors import InvalidDataError, SessionTooLargeError, shortened


class Session(MutableMapping[str, object]):
    """A session's document and what the store knows about it.

    Changes, nested ones too, stay in memory until ``store.write(session)``. ``str()`` and ``repr()``
    show neither the token nor the document.
    """

    __slots__ = ("_base", "_document", "_is_new", "_max_bytes", "_record", "_token")

    def __init__(self, record: Record, text: bytes, *, token: str, max_bytes: int, is_new: bool = False) -> None:
        """Made by the store: ``text`` is the document's JSON as stored under ``record``."""
        self._record = record
        self._base = text
        self._document = load_document(text)
        self._token = token
        self._max_bytes = max_bytes
        self._is_new = is_new

    @property
    def id(self) -> str:
        """The session id, 43 characters: safe to show and to log, useless as a token."""
        return self._record.session_id.rpartition("#")[2]

    @property
    def token(self) -> str:
        """The secret that opens this session. Goes into a cookie or a header, nowhere else."""
        return self._token

    @property
    def subject(self) -> str | None:
        """Whose session it is, as given to ``create`` or ``rotate``."""
        return subject_of(self._record)

    @property
    def label(self) -> str | None:
        """The application's name for it in a list of devices."""
        return self._record.label

    @property
    def version(self) -> int:
        """How often the document was written: 1 after creation."""
        return self._record.version

    @property
    def created_at(self) -> int:
        """When it began, epoch seconds; a rotation keeps it."""
        return self._record.created_at

    @property
    def expires_at(self) -> int:
        """The epoch second from which on it is dead unless renewed, as far as this copy knows."""
        return self._record.expires_at

    @property
    def absolute_at(self) -> int:
        """The epoch second that ``expires_at`` never passes."""
        return self._record.absolute_at

    @property
    def idle(self) -> int:
        """How many seconds without use it survives."""
        return self._record.idle

    @property
    def is_new(self) -> bool:
        """Whether this very copy comes from ``create``, not from ``read``."""
        return self._is_new

    @property
    def is_changed(self) -> bool:
        """Whether the document differs from what the store holds, nested values included."""
        try:
            return self.dumped() != self._base
        except (InvalidDataError, SessionTooLargeError):
            return True  # what cannot be stored is not what is stored

    def dumped(self) -> bytes:
        """The document's JSON as it would be stored; ``InvalidDataError``, ``SessionTooLargeError``."""
        return dump_document(self._document, max_bytes=self._max_bytes)

    def __getitem__(self, key: str) -> object:
        return self._document[key]

    def __setitem__(self, key: str, value: object) -> None:
        self._document[key] = value

    def __delitem__(self, key: str) -> None:
        del self._document[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._document)

    def __len__(self) -> int:
        return len(self._document)

    def __bool__(self) -> bool:
        """True, also when the document is empty: ``if session`` asks whether there is one."""
        return True

    def __repr__(self) -> str:
        return f"<Session {shortened(self.id)} version {self.version}>"

    # What follows is for the store alone.

    def _stored(self, record: Record, text: bytes, *, is_merged: bool) -> None:
        """Take over what is stored now; the document itself only when it came out of a merge."""
        if is_merged:
            self._document = load_document(text)
        self._record, self._base = record, text

    def _rotated(self, token: str) -> None:
        self._token = token

    def _renewed(self, *, expires_at: int, idle: int) -> None:
        """Take over the deadline, and nothing that belongs to a newer version of the document."""
        self._record = replace(self._record, expires_at=expires_at, idle=idle)


@dataclass(frozen=True, slots=True)
class SessionSummary:
    """One entry of a list of devices: no token, no document. Instants are epoch seconds."""

    id: str
    label: str | None
    version: int
    created_at: int
    expires_at: int
    absolute_at: int


def summary(record: Record) -> SessionSummary:
    """What may be shown of a record to the one whose session it is."""
    return SessionSummary(
        id=record.session_id.rpartition("#")[2],
        label=record.label,
        version=record.version,
        created_at=record.created_at,
        expires_at=record.expires_at,
        absolute_at=record.absolute_at,
    )


def subject_of(record: Record) -> str | None:
    """The subject without its namespace; a subject may hold ``#``, a namespace may not."""
    return record.subject and record.subject.partition("#")[2]
