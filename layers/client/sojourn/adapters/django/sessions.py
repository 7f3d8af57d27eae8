"""The session of one request as Django has it, over the store. Knows no request and sets no cookie."""

import asyncio
import logging
from datetime import datetime
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.auth.signals import user_logged_in
from django.contrib.sessions.backends.base import CreateError, SessionBase, UpdateError
from django.core.exceptions import SynchronousOnlyOperation
from django.dispatch import receiver
from django.utils import timezone

from sojourn.absence import Absence
from sojourn.adapters.django.opening import the_store
from sojourn.adapters.loops import is_in_event_loop
from sojourn.adapters.visit import CookieUpdate
from sojourn.errors import SessionGoneError
from sojourn.names import cleaned_label
from sojourn.writing import KEEP

if TYPE_CHECKING:
    from sojourn.session import Session
    from sojourn.writing import OnConflict

logger = logging.getLogger(__name__)

_AUTH = (SESSION_KEY, BACKEND_SESSION_KEY, HASH_SESSION_KEY)
_EXPIRY = "_session_expiry"


@receiver(user_logged_in)
def _begin_anew(*, request: Any, **_: object) -> None:  # Django's, or none in an application's own tests
    session = getattr(request, "session", None)
    if isinstance(session, SessionStore):
        session.begin_anew()


class SessionStore(SessionBase):
    """What ``request.session`` is.

    The session key is Sojourn's token. ``create`` and ``cycle_key`` take effect when the session is saved, or as soon
    as the key is looked at: so a login that fails half-way costs no session, and one that succeeds is one
    write. What other requests changed meanwhile is merged; ``SOJOURN_ON_CONFLICT`` (``"raise"``) is what
    ``Store.write`` takes. Nested changes are noticed. The user that is logged in is the session's subject, unless
    ``SOJOURN_SUBJECT = False``; ``label`` names the device in lists from the next login on.

    A key that another request replaced a moment ago opens nothing, and its request was in flight: ``save`` raises
    ``UpdateError`` for it, or does nothing where the request ``is_safe``; only a login of its own begins a session.
    ``is_safe`` is ``None``, and ``arrived_at`` (epoch seconds) too, where Django's own middleware made the session.
    """

    def __init__(self, session_key: str | None = None) -> None:
        self.is_safe: bool | None = None
        self.arrived_at: int | None = None
        self.is_refused = False
        self.is_ended = False
        self.is_superseded = False
        self.label: str | None = None
        self._held: Session | None = None
        self._expiry: object = None
        self._handed_out: tuple[object, ...] = (session_key,)
        self._brought = session_key
        self._is_adopted = self._is_renewed = self._is_login = self._is_cleared = self._is_left = False
        super().__init__(session_key)

    @property
    def modified(self) -> bool:
        """Whether there is something to save."""
        return self._is_modified or (self._held is not None and self._held.is_changed)

    @modified.setter
    def modified(self, value: bool) -> None:
        self._is_modified = value

    def is_empty(self) -> bool:
        """Whether there is neither a key, nor one to come, nor anything in it.

        One whose key was replaced is not: Django would take the cookie away, which is another request's by now.
        """
        return not self._is_renewed and not self.is_superseded and bool(super().is_empty())

    @property
    def cookie_update(self) -> CookieUpdate:
        """What an answer has to carry, whatever became of the page."""
        held = self._held
        if held is None or self.is_superseded or (held.token, *self._lasting(held)) == self._handed_out:
            is_ended = self.is_ended and held is None
            return CookieUpdate(is_ended=is_ended, is_accessed=self.accessed, is_adopted=self._is_adopted)
        date = _date_of(self._expiry)
        until = held.absolute_at if date is None else min(int(date.timestamp()), held.absolute_at)
        return CookieUpdate(held.token, until, is_accessed=True, is_adopted=self._is_adopted)

    @property
    def id(self) -> str | None:
        """The session id, which lists of devices show; ``None`` while nothing is stored."""
        self._get_session()  # type: ignore[attr-defined]  # no stub knows it
        return self._held.id if self._held is not None else None

    # ---- the key

    @property
    def session_key(self) -> str | None:
        """The token; whatever is pending for it is done first."""
        if self._is_renewed or self._is_login:
            if is_in_event_loop():
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

    def begin_anew(self) -> None:
        """The user in it logged in just now: a new key, and lifetimes from now on. Django's ``login`` calls it."""
        self._is_login = self.modified = True

    def exists(self, session_key: str) -> bool:
        """Whether a session lives under this key."""
        return the_store().read(session_key, touch=False) is not None

    # ---- what is stored

    def clear(self) -> None:
        """Take everything out, the user too."""
        super().clear()
        self._is_cleared = True

    def load(self) -> dict[str, Any]:
        """What is in the session; renews it. A key that opens none is forgotten, and never adopted."""
        self._hold(touch=True)
        data = dict(self._held) if self._held is not None else {}
        date = _date_of(data.get(_EXPIRY))
        if self._held is not None and date is not None and date <= timezone.now():
            the_store().expire(self._held)
            self._held = None
        if self._held is None:
            self._session_key = None
            return {}
        return data

    def save(self, must_create: bool = False) -> None:  # as Django calls it
        """Store what changed. Raises ``UpdateError`` when the session ended meanwhile, or its key was replaced.

        With ``must_create`` it raises ``CreateError`` where there is a key: the store makes keys, clients bring none.
        """
        if must_create and self._session_key and not self._is_renewed:
            raise CreateError
        data = self._get_session(no_load=must_create)  # type: ignore[attr-defined]  # no stub knows it
        if self.is_superseded:
            self._insert_beside(data)
        elif self._session_key is None:
            self._insert(data)
        else:
            self._update(data)
        self._is_renewed = self._is_login = False

    def delete(self, session_key: str | None = None) -> None:
        """End the session of this key, or this one.

        It stays, and so does the browser's cookie, where another request's login replaced its key meanwhile.
        """
        key = session_key or self._session_key or (self._brought if self.is_superseded else None)
        reason: object = the_store().end(key) if key else Absence.MALFORMED
        if key not in (None, self._session_key, self._brought):
            return
        if reason is Absence.FOREIGN_KEY and self._held is None and key is not None:
            # It was not loaded before: what counts is when the request arrived.
            reason = _found(key, arrived_at=self.arrived_at, touch=False)
        was_open = self._held is not None or self.is_superseded
        self.is_superseded = reason is Absence.SUPERSEDED or (was_open and reason is Absence.FOREIGN_KEY)
        self.is_ended = not self.is_superseded
        self._held, self._is_renewed, self._is_login, self._is_left = None, False, False, True

    @classmethod
    def clear_expired(cls) -> None:
        """Nothing: the sweep function does it."""

    # ---- the same for async views

    async def acreate(self) -> None:
        """``create``, at once: an async view could not look at the key otherwise."""
        self.create()
        await self.asave()

    async def acycle_key(self) -> None:
        """``cycle_key``, at once; in flight, when the session is saved: what comes next may be a login."""
        await self._aget_session()  # type: ignore[attr-defined]  # no stub knows it
        self._is_renewed = self.modified = True
        is_safe, self.is_safe = self.is_safe, None  # lest anything is dropped already
        try:
            await self.asave()
        except UpdateError:
            if not self.is_superseded:
                raise
        finally:
            self.is_safe = is_safe

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

    def _hold(self, *, touch: bool) -> None:
        """Find the session of the key that came."""
        key = self._session_key
        found = _found(key, arrived_at=self.arrived_at, touch=touch) if key else Absence.MALFORMED
        self.is_superseded = found is Absence.SUPERSEDED
        if isinstance(found, Absence):
            logger.debug("no session: %s", found.value)
            return
        self._held, self._expiry = found, found.get(_EXPIRY)
        self._handed_out = (key, *self._lasting(found))
        if found.token != key:
            self._session_key, self._is_adopted, self.modified = found.token, True, True

    def _insert(self, data: dict[str, Any]) -> None:
        idle, absolute = self._lifetime(data, None)
        label = cleaned_label(self.label)
        self._held = the_store().create(data, subject=_subject_of(data), label=label, idle=idle, absolute=absolute)
        self._session_key, self._session_cache, self._expiry = self._held.token, data, data.get(_EXPIRY)
        self.is_superseded = False

    def _insert_beside(self, data: dict[str, Any]) -> None:
        """What becomes of a request in flight, whose key another one replaced."""
        held, subject = self._held, _subject_of(data)
        is_logout = self._is_cleared and not data
        is_change = bool(data) if held is None else held.is_changed and not is_logout
        if subject is not None and (held is None or subject != held.subject or self._is_login):
            # A double click: either answer may arrive last, so both sessions begin with the same.
            known, before = None, held.stored() if held is not None else {}
            if not self._is_left:
                token = held.token if held is not None else self._brought
                known = the_store().superseding_document(token, subject=subject, arrived_at=self.arrived_at)
            edits = {key: data[key] for key in data if key in _AUTH or key not in before or before[key] != data[key]}
            self._insert({**(known or {}), **edits})
        elif self.is_safe is not None and (self.is_safe or not is_change):
            if is_change:
                logger.info("what a safe request put into a superseded session is dropped")
            self._session_cache, self._held, self._session_key, self.modified = {}, None, None, False
        else:
            raise UpdateError

    def _update(self, data: dict[str, Any]) -> None:
        if self._held is None:  # cleared before it was loaded
            self._hold(touch=False)
        if self._held is None and not self.is_superseded:
            raise UpdateError
        if self._held is None:
            self._insert_beside(data)
            return
        held, subject = self._held, _subject_of(data)
        if held.subject not in (None, subject):
            self._part(held, subject, data)
            return
        for key in [key for key in held if key not in data]:
            del held[key]
        held.update(data)
        try:
            self._write(held, subject, data)
        except SessionGoneError as error:
            if not error.is_superseded:
                raise UpdateError from error
            self.is_superseded = True
            self._insert_beside(data)
            return
        self._session_key, self._session_cache, self._expiry = held.token, dict(held), held.get(_EXPIRY)

    def _part(self, held: "Session", subject: str | None, data: dict[str, Any]) -> None:
        """Logged out, or in as another user, without flush(): nothing of the former one is left to the next."""
        kept = data if subject is None else {key: data[key] for key in data if key in _AUTH or key not in held.stored()}
        self.delete()
        self._session_key, self._session_cache = None, kept
        if self.is_superseded and kept:
            self._insert_beside(kept)
        elif kept or self.is_safe is None:  # Django's own middleware sets a cookie whatever becomes of the session
            self._insert(kept)

    def _write(self, held: "Session", subject: str | None, data: dict[str, Any]) -> None:
        (idle, absolute), store = self._lifetime(data, held), the_store()
        on_conflict: OnConflict = getattr(settings, "SOJOURN_ON_CONFLICT", "raise")
        if subject is not None and (self._is_login or held.subject is None):
            label = KEEP if self.label is None else cleaned_label(self.label)
            absolute = max(idle, store.settings.absolute_seconds)
            store.login(held, subject=subject, label=label, idle=idle, absolute=absolute, on_conflict=on_conflict)
            return
        longer = absolute if absolute > held.absolute_at - held.began_at else None
        write = store.rotate if self._is_renewed else store.write
        write(held, idle=idle, absolute=longer, on_conflict=on_conflict)

    def _lifetime(self, data: dict[str, Any], held: "Session | None") -> tuple[int, int]:
        """Idle and absolute seconds, by the session's own expiry or SESSION_COOKIE_AGE; the store refuses too many."""
        store, expiry = the_store(), data.get(_EXPIRY)
        idle = max(1, int(self.get_expiry_age(expiry=expiry)))
        is_date = isinstance(expiry, str) and held is not None
        # A date is as far from the session's beginning as it is.
        since = store.resources.clock() - held.began_at if is_date and held is not None else 0
        return idle, max(idle + since, store.settings.absolute_seconds)

    def _lasting(self, held: "Session") -> tuple[object, ...]:
        """What a browser's cookie depends on beside the key."""
        return held.idle, held.absolute_at, self._expiry


def _found(key: str, *, arrived_at: int | None, touch: bool) -> "Session | Absence":
    return the_store().find(key, arrived_at=arrived_at, touch=touch)


def _subject_of(data: dict[str, Any]) -> str | None:
    user = data.get(SESSION_KEY) if getattr(settings, "SOJOURN_SUBJECT", True) else None
    return None if user is None else str(user)


def _date_of(expiry: object) -> datetime | None:
    """When ``set_expiry`` says that it ends, if that is a date; the store knows of idle seconds alone."""
    return datetime.fromisoformat(expiry) if isinstance(expiry, str) else None
