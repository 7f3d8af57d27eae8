"""How names carry their namespace, and what a name may be. The only module that spells ``<namespace>#…``.

Calls nothing.
"""

import re
import unicodedata
from typing import Final

from sojourn.errors import ConfigurationError, InvalidDataError
from sojourn.values import dataclass

_NAMESPACE: Final = re.compile(r"[A-Za-z0-9._-]{1,64}", re.ASCII)
_SESSION_ID: Final = re.compile(r"[A-Za-z0-9_-]{12}", re.ASCII)
_OBJECT: Final = re.compile(r"[A-Za-z0-9_-]{16}", re.ASCII)
_CONTROL: Final = re.compile(
    r"!(not-before|epoch#.{1,512}|lock#[A-Za-z0-9_-]{12}|adopted#[A-Za-z0-9_-]{43})", re.DOTALL
)
_MAX_SUBJECT_BYTES: Final = 512
_MAX_LABEL_CHARACTERS: Final = 256
# They reorder what is shown around them: Unicode Standard Annex 9, "Directional Formatting Characters".
_BIDIRECTIONAL: Final = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


@dataclass(frozen=True, slots=True)
class Namespace:
    """The application that sessions belong to: what has another namespace in its name does not exist for it."""

    name: str

    def session(self, session_id: str) -> str:
        """The key of a session's item."""
        return f"{self.name}#{session_id}"

    def subject(self, subject: str) -> str:
        """How a session's item names its subject. Raises ``InvalidDataError``."""
        return f"{self.name}#{checked_subject(subject)}"

    def not_before(self) -> str:
        """The control item that says since when sessions live."""
        return f"{self.name}#!not-before"

    def adopted(self, digest: str) -> str:
        """The control item of a key or subject of an older store; ``digest`` is 43 characters of base64url."""
        return f"{self.name}#!adopted#{digest}"

    def owns(self, name: str) -> bool:
        """Whether ``name`` is of this namespace."""
        return name.startswith(f"{self.name}#")

    def is_session(self, name: str) -> bool:
        """Whether ``name`` is the key of a session's item of this namespace."""
        return self.owns(name) and is_session_id(bare(name))

    def is_control(self, name: str) -> bool:
        """Whether ``name`` is the key of a control item of this namespace."""
        return self.owns(name) and _CONTROL.fullmatch(bare(name)) is not None


def namespace_of(name: str) -> Namespace:
    """Whose name it is."""
    return Namespace(name.partition("#")[0])


def bare(name: str) -> str:
    """A session id or subject without its namespace; a subject may hold ``#``, a namespace may not."""
    return name.partition("#")[2]


def epoch_of(subject: str) -> str:
    """The control item of a subject, given as an item names it."""
    namespace, _, name = subject.partition("#")
    return f"{namespace}#!epoch#{name}"


def lock_of(session_key: str) -> str:
    """The control item of a session's lock. It is the session id's, so it outlives a rotation."""
    namespace, _, session_id = session_key.partition("#")
    return f"{namespace}#!lock#{session_id}"


def object_of(session_key: str, write_id: str) -> str:
    """The key of the overflow object that one write of a session makes."""
    return f"{_objects_of(session_key)}{write_id}"


def is_object_of(key: object, session_key: str) -> bool:
    """Whether an overflow object can be the session's: another application may have written its item."""
    prefix = _objects_of(session_key)
    return isinstance(key, str) and key.startswith(prefix) and _OBJECT.fullmatch(key[len(prefix) :]) is not None


def _objects_of(session_key: str) -> str:
    return session_key.replace("#", "/", 1) + "/"


def is_session_id(value: object) -> bool:
    """Whether ``value`` has the form of a session id, as lists of devices show it."""
    return isinstance(value, str) and _SESSION_ID.fullmatch(value) is not None


def checked_namespace(namespace: str) -> str:
    """``namespace`` itself, when it is 1 to 64 letters, digits, dots, dashes and underscores."""
    if not _NAMESPACE.fullmatch(namespace):
        raise ConfigurationError("SOJOURN_NAMESPACE takes 1 to 64 letters, digits, '.', '_' and '-'")
    return namespace


def checked_subject(subject: str) -> str:
    """``subject`` in Unicode's normal form C, when it is text of 1 to 512 bytes of UTF-8 that shows as it is."""
    text = _normalised(subject, name="subject")
    size = len(text.encode())
    if not 1 <= size <= _MAX_SUBJECT_BYTES:
        raise InvalidDataError(f"takes 1 to {_MAX_SUBJECT_BYTES} bytes, not {size}", path=("subject",))
    return text


def checked_label(label: str) -> str:
    """``label`` in Unicode's normal form C, when it is text of 1 to 256 characters that shows as it is."""
    text = _normalised(label, name="label")
    if not 1 <= len(text) <= _MAX_LABEL_CHARACTERS:
        raise InvalidDataError(f"takes 1 to {_MAX_LABEL_CHARACTERS} characters", path=("label",))
    return text


def cleaned_label(label: object) -> str | None:
    """The label that can be made of what a client sent, a ``User-Agent`` say; ``None`` when nothing is left of it."""
    if not isinstance(label, str):
        return None
    text = unicodedata.normalize("NFC", label.encode(errors="replace").decode())
    shown = "".join(" " if unicodedata.category(one) == "Cc" else one for one in text if one not in _BIDIRECTIONAL)
    return shown[:_MAX_LABEL_CHARACTERS].strip() or None


def _normalised(text: object, *, name: str) -> str:
    # object: applications without types bring numbers and None here, too.
    if not isinstance(text, str):
        raise InvalidDataError(f"takes text, not {type(text).__name__}", path=(name,))
    try:
        text.encode()
    except UnicodeEncodeError:
        raise InvalidDataError("is not valid Unicode", path=(name,)) from None
    if text.isascii() and text.isprintable():
        return text
    if any(one in _BIDIRECTIONAL or unicodedata.category(one) == "Cc" for one in text):
        raise InvalidDataError("holds a control character or one that changes the direction of text", path=(name,))
    return unicodedata.normalize("NFC", text)
