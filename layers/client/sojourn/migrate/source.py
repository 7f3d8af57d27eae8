"""What an older store has to be able to do, and what it returns. Calls none: see the modules beside it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from sojourn.errors import ConfigurationError


@dataclass(frozen=True, slots=True)
class Found:
    """A session of the older store: what is in it, and whose it is.

    ``until`` is until when it would have lived, ``created_at`` when it was created, both in epoch seconds, where the
    older store knows that.
    """

    data: Mapping[str, object] = field(repr=False)
    subject: str | None = None
    until: int | None = None
    created_at: int | None = None


class UnreadableError(Exception):
    """There is a session under the key, and it cannot be read safely. ``reason`` holds nothing of it."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Source(Protocol):
    """An older store. The key is what its cookie holds, as the client sent it: anything at all."""

    def find(self, key: str) -> Found | None:
        """The session of ``key`` if it lives; ``None`` for a key that opens none. It changes nothing.

        Raises ``UnreadableError``. An error that Python's own types raise for data (``ValueError``, ``KeyError``,
        ``RecursionError`` and the like) means the same; any other one means that the older store is away.
        """

    def end(self, key: str) -> None:
        """Remove it, if that is possible; no error when there is none."""


def found_as(data: object, *, subject: str | None, until: int | None) -> Found:
    """What a source read. ``subject`` is the key under which the user stands in it, if one does.

    Raises ``UnreadableError`` where ``data`` is no object, or the user neither text nor a whole number.
    """
    if not isinstance(data, Mapping):
        raise UnreadableError("is no object")
    user = None if subject is None else data.get(subject)
    if user is None or user == "":
        return Found(data, until=until)
    if isinstance(user, bool) or not isinstance(user, str | int):
        raise UnreadableError("names a user that is neither text nor a whole number")
    return Found(data, subject=str(user), until=until)


def checked_secrets(secrets: Sequence[str | bytes], *, name: str) -> list[bytes]:
    """The secrets that signed, as bytes. With an empty one anybody could sign: ``ConfigurationError``."""
    if isinstance(secrets, str | bytes) or not secrets or not all(secrets):
        raise ConfigurationError(f"{name}: a list of secrets, none of them empty")
    return [secret.encode() if isinstance(secret, str) else secret for secret in secrets]
