"""Sessions for Django: ``SESSION_ENGINE = "sojourn.adapters.django"``.

https://docs.djangoproject.com/en/stable/topics/http/sessions/
"""

import asyncio
import functools
from datetime import datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.contrib.sessions.backends.base import CreateError, SessionBase, UpdateError
from django.contrib.sessions.exceptions import SessionInterrupted
from django.contrib.sessions.middleware import SessionMiddleware
from django.core.exceptions import SynchronousOnlyOperation
from django.core.signals import setting_changed
from django.dispatch import receiver
from django.http import HttpResponse
from django.utils import timezone

from sojourn.adapters.cookies import Cookie
from sojourn.adapters.visit import REFUSALS, refusal_of
from sojourn.errors import SessionGoneError
from sojourn.factory import open_store
from sojourn.store import KEEP

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.http import HttpRequest

    from sojourn.session import Session
    from sojourn.store import Store
    from sojourn.writing import OnConflict

_USER = "_auth_user_id"
_EXPIRY = "_session_expiry"


@functools.cache
def the_store() -> "Store":
    """The environment's store, or the one that the setting ``SOJOURN_STORE``, a function, makes. One a process."""
    make: Callable[[], Store] = getattr(settings, "SOJOURN_STORE", open_store)
    return make()


@receiver(setting_changed)
def _forget_the_store(*, setting: str, **_: object) -> None:
    if setting == "SOJOURN_STORE":
        the_store.cache_clear()


class SessionStore(SessionBase):
    """What ``request.session`` is.

    The session key is Sojourn's token. ``create`` and ``cycle_key`` take effect when the session is saved, or as soon
    as somebody looks at the key: so a login that fails half-way costs nobody the session, and one that succeeds is one
    write. What other requests changed meanwhile is merged; ``SOJOURN_ON_CONFLICT`` (``"raise"``) is what
    ``Store.write`` takes. Nested changes are noticed. Whoever is logged in is the session's subject, unless
    ``SOJOURN_SUBJECT = False``; ``label`` names the device in lists from the next login on.
    """

    def __init__(self, session_key: str | None = None) -> None:
        self._held: Session | None = None
        self._is_renewed = False
        self.is_ended = False
        self.is_adopted = False
        self.label: str | None = None
        super().__init__(session_key)

    @property
    def modified(self) -> bool:
        """Whether there is something to save."""
        return self._is_modified or (self._held is not None and self._held.is_changed)

    @modified.setter
    def modified(self, value: bool) -> None:
        self._is_modified = value

    def is_empty(self) -> bool:
        """Whether there is neither a key, nor one to come, nor anything in it."""
        return not self._is_renewed and bool(super().is_empty())

    @property
    def id(self) -> str | None:
        """The session id, which lists of devices show; ``None`` while nothing is stored."""
        self._get_session()  # type: ignore[attr-defined]  # no stub knows it
        return self._held.id if self._held is not None else None

    # ---- the key

    @property
    def session_key(self) -> str | None:
        """The token; whatever is pending for it is done first."""
        if self._is_renewed:
            if _is_in_event_loop():
                raise SynchronousOnlyOperation("await session.asave() before you look at the key")
            self.save()
        return self._session_key

    def create(self) -> None:
        """A new session, which is stored when it is saved or its key is looked at."""
        self._session_key, self._held, self._is_renewed = None, None, True
        self._session_cache: dict[str, Any] = getattr(self, "_session_cache", {})
        self.modified = True

    def cycle_key(self) -> None:
        """A new key for the same session when it is saved; the old one is dead then, in the same instant."""
        self._get_session()  # type: ignore[attr-defined]  # no stub knows it
        self._is_renewed = self.modified = True

    def exists(self, session_key: str) -> bool:
        """Whether a session lives under this key."""
        return the_store().read(session_key, touch=False) is not None

    # ---- what is stored

    def load(self) -> dict[str, Any]:
        """What is in the session; renews it. A key that opens none is forgotten, and never adopted."""
        self._held = the_store().read(self._session_key) if self._session_key else None
        data = dict(self._held) if self._held is not None else {}
        if self._held is not None and _is_over(data):
            the_store().expire(self._held)
            self._held = None
        if self._held is None:
            self._session_key = None
            return {}
        if self._held.token != self._session_key:
            self._session_key, self.is_adopted, self.modified = self._held.token, True, True
        return data

    def save(self, must_create: bool = False) -> None:  # as Django calls it
        """Store what changed. Raises ``UpdateError`` when the session ended meanwhile.

        With ``must_create`` it raises ``CreateError`` where there is a key: the store makes keys, nobody brings them.
        """
        if must_create and self._session_key and not self._is_renewed:
            raise CreateError
        data = self._get_session(no_load=must_create)  # type: ignore[attr-defined]  # no stub knows it
        if self._session_key is None:
            self._insert(data)
        else:
            try:
                self._update(data)
            except SessionGoneError as error:
                raise UpdateError from error
        self._is_renewed = False

    def delete(self, session_key: str | None = None) -> None:
        """End the session of this key, or this one."""
        key = session_key or self._session_key
        if key:
            the_store().expire(key)
        if key == self._session_key:
            self._held, self._is_renewed, self.is_ended = None, False, True

    @classmethod
    def clear_expired(cls) -> None:
        """Nothing: the sweep function does it."""

    # ---- the same for async views

    async def acreate(self) -> None:
        """``create``, at once: an async view could not look at the key otherwise."""
        self.create()
        await self.asave()

    async def acycle_key(self) -> None:
        """``cycle_key``, at once."""
        await self._aget_session()  # type: ignore[attr-defined]  # no stub knows it
        self._is_renewed = True
        await self.asave()

    async def aexists(self, session_key: str) -> bool:
        """``exists``."""
        return await asyncio.to_thread(self.exists, session_key)

    async def aload(self) -> dict[str, Any]:
        """``load``."""
        return await asyncio.to_thread(self.load)

    async def asave(self, must_create: bool = False) -> None:  # as Django calls it
        """``save``."""
        await self._aget_session(no_load=must_create)  # type: ignore[attr-defined]  # no stub knows it
        await asyncio.to_thread(self.save, must_create)

    async def adelete(self, session_key: str | None = None) -> None:
        """``delete``."""
        await asyncio.to_thread(self.delete, session_key)

    @classmethod
    async def aclear_expired(cls) -> None:
        """Nothing."""

    # ----

    def _insert(self, data: dict[str, Any]) -> None:
        store, idle = the_store(), self._idle(data)
        absolute = max(idle, store.settings.absolute_seconds)
        self._held = store.create(data, subject=_subject_of(data), label=self.label, idle=idle, absolute=absolute)
        self._session_key = self._held.token

    def _update(self, data: dict[str, Any]) -> None:
        store, idle = the_store(), self._idle(data)
        if self._held is None:
            self._held = store.read(self._session_key or "", touch=False)
        if self._held is None:
            raise UpdateError
        held, subject = self._held, _subject_of(data)
        for key in [key for key in held if key not in data]:
            del held[key]
        held.update(data)
        on_conflict: OnConflict = getattr(settings, "SOJOURN_ON_CONFLICT", "raise")
        if self._is_renewed or subject != held.subject:
            label = KEEP if self.label is None else self.label
            store.rotate(held, subject=subject, label=label, on_conflict=on_conflict)
            self._session_key = held.token
            if idle != held.idle:
                store.touch(held, idle=idle)
        else:
            store.write(held, idle=idle, on_conflict=on_conflict)
        self._session_cache = dict(held)

    def _idle(self, data: dict[str, Any]) -> int:
        """How long it may be unused: what the session says, or SESSION_COOKIE_AGE, and what the store allows."""
        seconds = int(self.get_expiry_age(expiry=data.get(_EXPIRY)))
        return max(1, min(seconds, the_store().settings.max_absolute_seconds))


class SojournMiddleware(SessionMiddleware):
    """In the place of Django's own: what the store refuses is an answer, 409, 401 or 503, and not a 500.

    Two cookies of the name with different values are none. The cookie is deleted with the attributes it was set with.
    Where there is none, ``SOJOURN_FORMER_COOKIE_NAME`` names the one of an older store.
    """

    def process_request(self, request: "HttpRequest") -> None:
        """See Django."""
        name = settings.SESSION_COOKIE_NAME
        key = Cookie(name=name, is_secure=name.startswith("__"), is_development=True).found_in(
            [request.META.get("HTTP_COOKIE", "")]
        )
        if key is None:
            request.COOKIES.pop(name, None)
            key = request.COOKIES.get(_former_name())
        request.session = self.SessionStore(key)

    def process_exception(self, request: "HttpRequest", error: Exception) -> HttpResponse | None:
        """See Django."""
        if not isinstance(error, REFUSALS):
            return None
        del request.session
        return _refused(error)

    def process_response(self, request: "HttpRequest", response: HttpResponse) -> HttpResponse:
        """See Django."""
        name = settings.SESSION_COOKIE_NAME
        session, before = getattr(request, "session", None), request.COOKIES.get(name)
        if isinstance(session, SessionStore) and session.is_empty() and not session.is_ended:
            # Its session is gone, but by now the browser may hold a newer one under the same name.
            request.COOKIES.pop(name, None)
        try:
            answer = super().process_response(request, response)
        except SessionInterrupted:
            return _refused(SessionGoneError(""))
        except REFUSALS as error:
            return _refused(error)
        if isinstance(session, SessionStore) and session.is_adopted and not session.is_ended:
            self._hand_out(session, answer)
        if isinstance(session, SessionStore) and _former_name() and (session.is_adopted or session.is_ended):
            answer.delete_cookie(
                _former_name(), path=settings.SESSION_COOKIE_PATH, domain=settings.SESSION_COOKIE_DOMAIN
            )
        cookie = answer.cookies.get(name)
        if cookie is not None and cookie.value == before and not cookie["expires"]:
            del answer.cookies[name]  # the browser has it
        elif cookie is not None:
            cookie["secure"] = settings.SESSION_COOKIE_SECURE
            cookie["httponly"] = settings.SESSION_COOKIE_HTTPONLY
        return answer

    def _hand_out(self, session: SessionStore, answer: HttpResponse) -> None:
        """Also when the page failed: the key that it came with opens nothing any more."""
        if settings.SESSION_COOKIE_NAME not in answer.cookies:
            answer.set_cookie(
                settings.SESSION_COOKIE_NAME,
                session._session_key or "",  # noqa: SLF001  # the key there is; what is pending failed with the page
                domain=settings.SESSION_COOKIE_DOMAIN,
                path=settings.SESSION_COOKIE_PATH,
                samesite=settings.SESSION_COOKIE_SAMESITE,
            )


def _former_name() -> str:
    return getattr(settings, "SOJOURN_FORMER_COOKIE_NAME", "")


def _refused(error: Exception) -> HttpResponse:
    status, text = refusal_of(error)
    response = HttpResponse(text, status=status, content_type="text/plain; charset=utf-8")
    response["Cache-Control"] = "no-store"
    if status == HTTPStatus.SERVICE_UNAVAILABLE:
        response["Retry-After"] = "1"
    return response


def _subject_of(data: dict[str, Any]) -> str | None:
    user = data.get(_USER) if getattr(settings, "SOJOURN_SUBJECT", True) else None
    return None if user is None else str(user)


def _is_over(data: dict[str, Any]) -> bool:
    """Whether ``set_expiry`` gave it a date that has passed; the store knows of idle seconds alone."""
    expiry = data.get(_EXPIRY)
    return isinstance(expiry, str) and datetime.fromisoformat(expiry) <= timezone.now()


def _is_in_event_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True
