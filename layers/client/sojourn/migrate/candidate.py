"""A session of an older store that has not moved in yet, and how it is read there. Stores nothing."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NoReturn

from sojourn.document.codec import dump_document, load_document
from sojourn.errors import InvalidDataError, SessionTooLargeError, SojournError, StoreUnavailableError
from sojourn.migrate.source import Found, Source, UnreadableError
from sojourn.names import checked_subject
from sojourn.settings import Settings

SubjectOf = Callable[[Mapping[str, Any]], str | None]
"""Whose a session is, by what is in it."""

_LATEST = 253_402_300_799
"""The last second of the year 9999; what claims to live longer does not."""

_UNREADABLE = (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError)
"""What reading data raises. Another error means that the older store is away."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """What an older store holds under a key, and can be kept: ``MigratingStore.adopt`` makes a session of it.

    ``until`` and ``created_at`` as in ``Found``.
    """

    key: str = field(repr=False)
    text: bytes = field(repr=False)
    subject: str | None
    until: int | None
    created_at: int | None

    def stored(self) -> dict[str, Any]:
        """Its contents, anew at each call."""
        return load_document(self.text)

    def is_changed_by(self, contents: Mapping[str, Any]) -> bool:
        """Whether ``contents`` are other than what is stored, nested values included."""
        try:
            return dump_document(contents, max_bytes=len(self.text)) != self.text
        except (InvalidDataError, SessionTooLargeError):
            return True  # what cannot be stored is not what is stored

    def lifetime(self, settings: Settings, *, now: int) -> tuple[int | None, int | None]:
        """Idle and absolute seconds: as long without a visit as it would have lived, within what is allowed."""
        if self.until is None:
            return None, None
        idle = min(max(1, self.until - now), settings.max_absolute_seconds)
        return idle, max(idle, settings.absolute_seconds)


class OlderStore:
    """A source, with each of its errors as what it means."""

    def __init__(self, source: Source) -> None:
        self._source = source

    def find(self, key: str, settings: Settings, *, subject_of: SubjectOf | None, now: int) -> Candidate | None:
        """What is under ``key``, if it lives. ``subject_of`` says whose it is where the source does not know.

        Raises ``UnreadableError``, and ``StoreUnavailableError`` when the source is away.
        """
        try:
            found = self._source.find(key)
            return None if found is None else _checked(found, key, settings, subject_of=subject_of, now=now)
        except (SojournError, UnreadableError):
            raise
        except _UNREADABLE as error:
            raise UnreadableError(f"cannot be read: {type(error).__name__}") from None
        except Exception as error:  # noqa: BLE001  # whatever a source raises when it is away
            _give_up(error)

    def end(self, key: str) -> None:
        """Remove what is under ``key``. Raises ``StoreUnavailableError`` when that is not certain."""
        try:
            self._source.end(key)
        except Exception as error:  # noqa: BLE001  # as above
            _give_up(error)


def _checked(found: Found, key: str, settings: Settings, *, subject_of: SubjectOf | None, now: int) -> Candidate | None:
    """``found`` as it can be kept. A source is an application's own code: its types are its promise, no more."""
    for instant in (found.until, found.created_at):
        if instant is not None and type(instant) is not int:
            raise UnreadableError("has an instant that is no whole number of seconds")
    try:
        text = dump_document(found.data, max_bytes=settings.max_bytes)
        subject = found.subject
        if subject is None and subject_of is not None:
            subject = subject_of(load_document(text))
        subject = None if subject is None else checked_subject(subject)
    except (InvalidDataError, SessionTooLargeError) as error:
        # The message names a path in it, and a path is made of keys that somebody chose.
        raise UnreadableError(f"cannot be kept: {type(error).__name__}") from None
    if found.until is not None and found.until <= now:
        return None
    until = None if found.until is None else min(found.until, _LATEST)
    return Candidate(key, text, subject, until, found.created_at)


def _give_up(error: Exception) -> NoReturn:
    raise StoreUnavailableError(f"the older store: {type(error).__name__}", is_transient=True) from error
