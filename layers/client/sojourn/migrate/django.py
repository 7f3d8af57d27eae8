"""Sessions of Django's own backends: the database (also cached), and signed cookies.

https://docs.djangoproject.com/en/stable/topics/http/sessions/#configuring-the-session-engine
"""

from typing import Any

from django.conf import settings
from django.core import signing
from django.utils import timezone

from sojourn.migrate.store import Found, UnreadableError

_USER = "_auth_user_id"
_DATABASE_SALT = "django.contrib.sessions.SessionStore"
_COOKIES_SALT = "django.contrib.sessions.backends.signed_cookies"


class DatabaseSessions:
    """``django_session``, as ``backends.db`` and ``backends.cached_db`` fill it.

    ``django.contrib.sessions`` stays in ``INSTALLED_APPS`` meanwhile, and ``SECRET_KEY`` or its fallbacks are those
    that signed. Sessions are subject to their users, as the adapter has them.
    """

    def find(self, key: str) -> Found | None:
        """See ``Source``. What a ``PickleSerializer`` wrote is unreadable."""
        row = _rows().filter(session_key=key, expire_date__gt=timezone.now()).first()
        if row is None:
            return None
        try:
            data = signing.loads(row.session_data, salt=_DATABASE_SALT, serializer=signing.JSONSerializer)
        except signing.BadSignature:
            raise UnreadableError("bears no signature of this SECRET_KEY") from None
        except Exception:  # noqa: BLE001  # zlib's and json's errors would quote it
            raise UnreadableError("is not JSON: a pickle, perhaps, which is never opened") from None
        return _found(data, until=int(row.expire_date.timestamp()))

    def end(self, key: str) -> None:
        """See ``Source``."""
        _rows().filter(session_key=key).delete()


class SignedCookieSessions:
    """The contents of ``backends.signed_cookies``, whose key is the session itself.

    Nobody can end such a session: a copy of the cookie is adopted again, until ``SESSION_COOKIE_AGE`` after it was
    signed. Give the ``MigratingStore`` an ``until``.
    """

    def find(self, key: str) -> Found | None:
        """See ``Source``. A cookie that is forged or too old opens nothing."""
        age = settings.SESSION_COOKIE_AGE
        try:
            data = signing.loads(key, salt=_COOKIES_SALT, serializer=signing.JSONSerializer, max_age=age)
        except signing.BadSignature:
            return None
        except Exception:  # noqa: BLE001  # zlib's and json's errors would quote it
            raise UnreadableError("is not JSON: a pickle, perhaps, which is never opened") from None
        return _found(data, until=int(timezone.now().timestamp()) + age)

    def end(self, key: str) -> None:
        """Nothing: it is in the client's hands."""


def _rows() -> Any:
    from django.contrib.sessions.models import Session  # noqa: PLC0415  # needs the app, which cookies do not

    return Session.objects


def _found(data: object, *, until: int) -> Found:
    if not isinstance(data, dict):
        raise UnreadableError("is no object")
    user = data.get(_USER)
    return Found(data, subject=None if user is None else str(user), until=until)
