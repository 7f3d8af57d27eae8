"""Tokens, which clients hold, session ids, which the store knows, and other names. Does not read or write any."""

import base64
import hashlib
import re
import secrets
from collections.abc import Callable

from sojourn.errors import ConfigurationError, InvalidDataError

PREFIX = "sjn_"
"""Marks a token for secret scanners and for people who find one in the wrong place."""

SECRET_BYTES = 32
_DOMAIN = b"sojourn-v1"
_TOKEN = re.compile(r"sjn_[A-Za-z0-9_-]{43}", re.ASCII)
_SESSION_ID = re.compile(r"[A-Za-z0-9_-]{43}", re.ASCII)
_NAMESPACE = re.compile(r"[A-Za-z0-9._-]{1,64}", re.ASCII)
_MAX_SUBJECT_BYTES = 512
_MAX_LABEL_CHARACTERS = 256


def mint(entropy: Callable[[int], bytes] = secrets.token_bytes) -> str:
    """A new token: ``sjn_`` and 43 characters carrying 256 bits.

    Drawn from the operating system at the moment of the call, so neither a fork nor a SnapStart
    snapshot can make two environments draw the same one.
    """
    return PREFIX + _base64url(entropy(SECRET_BYTES))


def session_id(token: object, *, namespace: str) -> str | None:
    """The 43 characters under which the store knows ``token``, or ``None`` when it cannot be a token of ours.

    One-way and bound to the namespace: knowing the id is no help in finding the token.
    Only the canonical spelling counts. The last base64url character carries two bits that no byte
    needs, so four spellings decode alike; three of them are refused.
    """
    found = secret(token)
    if found is None:
        return None
    return _base64url(hashlib.sha256(delimited(_DOMAIN, namespace.encode(), found)).digest())


def secret(token: object) -> bytes | None:
    """The 32 bytes that ``token`` spells, or ``None`` when it cannot be a token of ours."""
    if not isinstance(token, str) or not _TOKEN.fullmatch(token):
        return None
    found = base64.urlsafe_b64decode(token.removeprefix(PREFIX) + "=")
    return found if PREFIX + _base64url(found) == token else None


def delimited(*parts: bytes) -> bytes:
    """Every part preceded by its length in four bytes, so that no two lists of parts share an encoding."""
    return b"".join(len(part).to_bytes(4, "big") + part for part in parts)


def is_session_id(value: object) -> bool:
    """Whether ``value`` has the shape of a session id, as lists of devices show it."""
    return isinstance(value, str) and _SESSION_ID.fullmatch(value) is not None


def checked_namespace(namespace: str) -> str:
    """``namespace`` itself, when it is 1 to 64 letters, digits, dots, dashes and underscores."""
    if not _NAMESPACE.fullmatch(namespace):
        raise ConfigurationError("SOJOURN_NAMESPACE takes 1 to 64 letters, digits, '.', '_' and '-'")
    return namespace


def checked_subject(subject: str) -> str:
    """``subject`` itself, when it is text of 1 to 512 bytes of UTF-8."""
    size = _utf8_bytes(subject, name="subject")
    if not 1 <= size <= _MAX_SUBJECT_BYTES:
        raise InvalidDataError(f"takes 1 to {_MAX_SUBJECT_BYTES} bytes, not {size}", path=("subject",))
    return subject


def checked_label(label: str) -> str:
    """``label`` itself, when it is text of 1 to 256 characters."""
    _utf8_bytes(label, name="label")
    if not 1 <= len(label) <= _MAX_LABEL_CHARACTERS:
        raise InvalidDataError(f"takes 1 to {_MAX_LABEL_CHARACTERS} characters", path=("label",))
    return label


def _utf8_bytes(text: object, *, name: str) -> int:
    # object: applications without types bring numbers and None here, too.
    if not isinstance(text, str):
        raise InvalidDataError(f"takes text, not {type(text).__name__}", path=(name,))
    try:
        return len(text.encode())
    except UnicodeEncodeError:
        raise InvalidDataError("is not valid Unicode", path=(name,)) from None


def _base64url(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode("ascii")
