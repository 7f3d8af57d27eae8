"""Sessions of Django's own backends: the database (also cached), and signed cookies.

https://docs.djangoproject.com/en/stable/topics/http/sessions/#configuring-the-session-engine
"""

import re
import zlib
from typing import Any

from django.conf import settings
from django.core import signing
from django.utils import timezone

from sojourn.migrate.source import Found, UnreadableError, checked_secrets, found_as

_USER = "_auth_user_id"
_DATABASE_SALT = "django.contrib.sessions.SessionStore"
_COOKIES_SALT = "django.contrib.sessions.backends.signed_cookies"
_KEY = re.compile(r"[A-Za-z0-9]{8,40}", re.ASCII)
"""As ``SessionBase`` makes and takes them; some databases refuse to look for other text."""

_DAMAGED = (ValueError, RecursionError, zlib.error)
"""What base64, zlib and json raise for what they cannot read: json's and base64's errors are ``ValueError``."""


class DatabaseSessions:
    """``django_session``, as ``backends.db`` and ``backends.cached_db`` fill it.

    ``django.contrib.sessions`` stays in ``INSTALLED_APPS`` meanwhile, and ``SECRET_KEY`` or its fallbacks are those
    that signed. Sessions are subject to their users, as the adapter has them.
    """

    def __init__(self) -> None:
        """Raises ``ConfigurationError`` where one of the secrets is empty."""
        _check_secrets()

    def find(self, key: str) -> Found | None:
        """See ``Source``. What a ``PickleSerializer`` wrote is unreadable."""
        if not _KEY.fullmatch(key):
            return None
        row = _rows().filter(session_key=key, expire_date__gt=timezone.now()).first()
        if row is None:
            return None
        try:
            data = signing.loads(row.session_data, salt=_DATABASE_SALT, serializer=signing.JSONSerializer)
        except signing.BadSignature:
            raise UnreadableError("bears no signature of this SECRET_KEY") from None
        except _DAMAGED:  # their messages would quote it
            raise UnreadableError("is not JSON: a pickle, perhaps, which is never opened") from None
        return found_as(data, subject=_USER, until=int(row.expire_date.timestamp()))

    def end(self, key: str) -> None:
        """See ``Source``."""
        if _KEY.fullmatch(key):
            _rows().filter(session_key=key).delete()


class SignedCookieSessions:
    """The contents of ``backends.signed_cookies``, whose key is the session itself.

    A server cannot end such a session before ``SESSION_COOKIE_AGE`` has passed since it was signed; a mark keeps it
    from being adopted again. Give the ``MigratingStore`` an ``until``.
    """

    def __init__(self) -> None:
        """Raises ``ConfigurationError`` where one of the secrets is empty."""
        _check_secrets()

    def find(self, key: str) -> Found | None:
        """See ``Source``. A cookie that is forged or too old opens nothing."""
        age = settings.SESSION_COOKIE_AGE
        try:
            data = signing.loads(key, salt=_COOKIES_SALT, serializer=signing.JSONSerializer, max_age=age)
        except signing.BadSignature:
            return None
        except _DAMAGED:  # their messages would quote it
            raise UnreadableError("is not JSON: a pickle, perhaps, which is never opened") from None
        signed_at = signing.b62_decode(key.rsplit(":", 2)[1])
        return found_as(data, subject=_USER, until=signed_at + age)

    def end(self, key: str) -> None:
        """Nothing: it is in the client's hands."""


def _check_secrets() -> None:
    checked_secrets([settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS], name="SECRET_KEY and SECRET_KEY_FALLBACKS")


def _rows() -> Any:
    from django.contrib.sessions.models import Session  # noqa: PLC0415  # needs the app, which cookies do not

    return Session.objects
