"""Sessions of Flask: those of Flask-Session, wherever they lie, and Flask's own signed cookies.

Flask-Session 0.8, ``flask_session/base.py``; Flask 3.1, ``flask/sessions.py``.
"""

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from flask.sessions import SecureCookieSessionInterface
from itsdangerous import BadData, BadSignature, Signer

from sojourn.errors import ConfigurationError
from sojourn.migrate.source import Found, UnreadableError, checked_secrets, found_as

if TYPE_CHECKING:
    from flask import Flask

_PICKLE = b"\x80"
_EMPTY_MAP = b"\x80"
"""Of MessagePack. Longer than this, and it is a pickle of protocol 2 or later."""


class FlaskSessions:
    """Flask-Session's, in whatever it kept them.

    ``fetch`` answers the stored bytes of a key, or ``None``; ``delete`` removes them: ``redis.get`` and
    ``redis.delete``, say. ``prefix`` was ``SESSION_KEY_PREFIX``; ``secret_key`` is needed where ``SESSION_USE_SIGNER``
    was on, and an empty one raises ``ConfigurationError``. ``subject`` is the key in the session under which its user
    stands. Reading MessagePack takes ``msgspec``, which Flask-Session brought along.
    """

    def __init__(
        self,
        fetch: Callable[[str], bytes | None],
        delete: Callable[[str], object],
        *,
        prefix: str = "session:",
        secret_key: str | bytes | None = None,
        subject: str = "_user_id",
    ) -> None:
        self._fetch = fetch
        self._delete = delete
        self._prefix = prefix
        self._signer = None if secret_key is None else _signer(secret_key)
        self._subject = subject
        self._unpack = _unpacker()

    def find(self, key: str) -> Found | None:
        """See ``Source``. What versions before 0.6 pickled is unreadable."""
        session_id = self._unsigned(key)
        stored = None if session_id is None else self._fetch(self._prefix + session_id)
        if stored is None:
            return None
        return found_as(self._decoded(stored), subject=self._subject, until=None)

    def end(self, key: str) -> None:
        """See ``Source``."""
        session_id = self._unsigned(key)
        if session_id is not None:
            self._delete(self._prefix + session_id)

    def _unsigned(self, key: str) -> str | None:
        if not self._signer:
            return key
        try:
            return self._signer.unsign(key).decode()
        except (BadSignature, ValueError):
            return None

    def _decoded(self, stored: bytes) -> object:
        if stored.startswith(_PICKLE) and stored != _EMPTY_MAP:
            raise UnreadableError("is a pickle, which is never opened")
        try:
            # RFC 8259, section 2: an object; no map of MessagePack begins like that and is well-formed JSON.
            return json.loads(stored) if stored.lstrip()[:1] == b"{" else self._unpack(stored)
        except (ValueError, RecursionError):
            raise UnreadableError("is neither JSON nor MessagePack") from None


class SignedCookieSessions:
    """Flask's own, whose key is the session itself.

    A server cannot end such a session before ``PERMANENT_SESSION_LIFETIME`` has passed since it was signed; a mark
    keeps it from being adopted again. Give the ``MigratingStore`` an ``until``.
    """

    def __init__(self, app: "Flask", *, subject: str = "_user_id") -> None:
        """``app`` has the ``SECRET_KEY`` or, among its fallbacks, the one that signed; none of them is empty."""
        serializer = SecureCookieSessionInterface().get_signing_serializer(app)
        if serializer is None:
            raise ConfigurationError("the application has no SECRET_KEY to check the cookies with")
        checked_secrets(app.config.get("SECRET_KEY_FALLBACKS") or ["none"], name="SECRET_KEY_FALLBACKS")
        self._serializer = serializer
        self._max_age = int(app.permanent_session_lifetime.total_seconds())
        self._subject = subject

    def find(self, key: str) -> Found | None:
        """See ``Source``. A cookie that is forged or too old opens nothing."""
        try:
            data, signed_at = self._serializer.loads(key, max_age=self._max_age, return_timestamp=True)
        except BadSignature:
            return None
        except BadData:
            raise UnreadableError("is not JSON as Flask writes it") from None
        return found_as(data, subject=self._subject, until=int(signed_at.timestamp()) + self._max_age)

    def end(self, key: str) -> None:
        """Nothing: it is in the client's hands."""


def _signer(secret_key: str | bytes) -> Signer:
    (secret,) = checked_secrets([secret_key], name="secret_key")
    return Signer(secret, salt="flask-session", key_derivation="hmac")


def _unpacker() -> Callable[[bytes], Any]:
    try:
        from msgspec import MsgspecError, msgpack  # noqa: PLC0415  # it came with Flask-Session
    except ImportError:
        return _ask_for_msgspec

    def unpack(stored: bytes) -> Any:
        try:
            return msgpack.decode(stored)
        except MsgspecError as error:
            raise ValueError("no MessagePack") from error

    return unpack


def _ask_for_msgspec(_stored: bytes) -> Any:
    raise ConfigurationError("reading sessions in MessagePack takes msgspec: pip install msgspec")
