"""The session of one request as Django has it. Calls the store through ``kept`` alone; sets no cookie."""

from typing import TYPE_CHECKING, Any, TypeVar

from asgiref.sync import sync_to_async
from django.contrib.auth.signals import user_logged_in
from django.contrib.sessions.backends.base import CreateError, SessionBase
from django.dispatch import receiver
from django.utils.asyncio import async_unsafe

from sojourn.adapters.django.kept import Kept, Wish
from sojourn.adapters.django.keys import Key, key_of, text_of
from sojourn.adapters.django.opening import the_store
from sojourn.adapters.django.plain import plain_document
from sojourn.document.imprint import imprint, imprint_of
from sojourn.errors import ConfigurationError, InvalidDataError
from sojourn.tokens import parsed

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.http import HttpRequest

    from sojourn.adapters.cookies import CookieUpdate
    from sojourn.session import Snapshot

_T = TypeVar("_T")

_unsafe = async_unsafe(
    "this would wait for the session store in the event loop: await one of the session's async methods"
)


def session_of(request: "HttpRequest") -> "SessionStore":
    """``request.session``, typed. Raises ``ConfigurationError`` where it is of another engine."""
    session: object = getattr(request, "session", None)
    if not isinstance(session, SessionStore):
        raise ConfigurationError('the request has no session of SESSION_ENGINE = "sojourn.adapters.django"')
    return session


@receiver(user_logged_in)
def _begin_anew(*, request: Any, **_: object) -> None:  # Django's, or none in an application's own tests
    session = getattr(request, "session", None)
    if isinstance(session, SessionStore):
        session.begin_anew()


class SessionStore(SessionBase):
    """What ``request.session`` is.

    The session key is Sojourn's token. ``create`` and ``cycle_key`` take effect when the session is saved, or as soon
    as ``session_key`` is read: a login that fails half-way loses no session, and one that succeeds is one write.
    What other requests changed meanwhile is merged; ``SOJOURN_ON_CONFLICT`` (``"mine"``) is what ``Store.write``
    takes. Nested changes are noticed. The user that is logged in is the session's subject, unless
    ``SOJOURN_SUBJECT = False``; ``label`` names the device in lists from the next login on.

    A key that another request replaced a moment ago opens nothing, and its request was in flight: ``save`` raises
    ``UpdateError`` for it, or does nothing where the request is safe; only a login of its own begins a session.

    Whatever would call the store raises ``SynchronousOnlyOperation`` in an event loop.
    """

    def __init__(self, session_key: str | None = None) -> None:
        self.label: str | None = None
        self.kept: Kept = Kept(session_key)
        self._loaded: tuple[Snapshot | None, bytes | None] = (None, None)
        self._is_modified = self._is_renewed = self._is_login = self._is_cleared = False
        super().__init__(session_key)

    # ---- what is known of it

    @property
    def modified(self) -> bool:
        """Whether there is something to save."""
        return self._is_modified or self._is_changed()

    @modified.setter
    def modified(self, value: bool) -> None:
        self._is_modified = value

    def _is_changed(self) -> bool:
        if self._is_as_loaded():
            return False
        try:
            return self.kept.session is not None and self.kept.is_changed_by(plain_document(self._cache()))
        except InvalidDataError:
            return True  # what cannot be stored is not what is stored

    def _is_as_loaded(self) -> bool:
        """Whether it is known to hold what is stored, nested values included."""
        session, (snapshot, loaded) = self.kept.session, self._loaded
        is_same = session is not None and session.snapshot is snapshot
        return is_same and loaded is not None and imprint(self._cache()) == loaded

    def is_empty(self) -> bool:
        """Whether there is neither a key, nor one to come, nor anything in it.

        One whose key was replaced is not: Django would take the cookie away, which is another request's by now.
        """
        return not self._is_renewed and not self.kept.is_superseded and bool(super().is_empty())

    @property
    def is_unavailable(self) -> bool:
        """Whether the page is made without its session, since the store does not answer."""
        self._get_session()  # type: ignore[attr-defined]  # no stub knows it
        return self.kept.outage is not None

    @property
    def is_mere_change(self) -> bool:
        """Whether this request only put in or took out: it is neither a login nor a new key nor a logout."""
        return not (self._is_renewed or self._is_login or self._is_cleared) and self.kept.is_same_user(self._cache())

    @property
    def cookie_update(self) -> "CookieUpdate":
        """What an answer has to carry, whatever became of the page."""
        return self.kept.cookie_update(is_accessed=self.accessed)

    @property
    def id(self) -> str | None:
        """The session id, which lists of devices show; ``None`` while nothing is stored."""
        self._get_session()  # type: ignore[attr-defined]  # no stub knows it
        return self.kept.session.id if self.kept.session is not None else None

    # ---- the key

    def _get_session_key(self) -> str | None:
        return text_of(self.kept.key)

    def _set_session_key(self, value: str | None) -> None:
        is_valid = self._validate_session_key(value)  # type: ignore[attr-defined]  # no stub knows it
        self.kept.key = key_of(value) if is_valid else None

    # Django's own keeps the text, which a pickle would show.
    _session_key = property(_get_session_key, _set_session_key)

    @property
    def session_key(self) -> str | None:
        """The token; whatever is pending for it is done first."""
        self._do_pending()
        return self._get_session_key()

    def _do_pending(self) -> None:
        if (self._is_renewed or self._is_login) and "_session_cache" in vars(self):  # not while it is being loaded
            self.save()

    def create(self) -> None:
        """A new session, which is stored when it is saved or ``session_key`` is read."""
        self._session_key, self.kept.session, self.kept.candidate, self._is_renewed = None, None, None, True
        self._session_cache: dict[Any, Any] = self._cache()
        self.modified = True

    def cycle_key(self) -> None:
        """A new key for the same session when it is saved; the old one is dead then, in the same instant."""
        self._get_session()  # type: ignore[attr-defined]  # no stub knows it
        self._is_renewed = self.modified = True

    def begin_anew(self) -> None:
        """The user in it logged in just now: lifetimes from now on. Django's ``login`` calls it."""
        self._is_login = self.modified = True

    @_unsafe
    def exists(self, session_key: str) -> bool:
        """Whether a session lives under this key. What is pending for a key of its own is done first."""
        key = session_key = parsed(session_key)  # type: ignore[assignment]  # the text is in no frame from here on
        if key is not None and self.kept.is_own(key):
            self._do_pending()
        return the_store().read(key, touch=False) is not None

    # ---- what is stored

    def clear(self) -> None:
        """Take everything out, the user too."""
        super().clear()
        self._is_cleared = True

    @_unsafe
    def load(self) -> dict[str, Any]:
        """What is in the session; renews it. A key that opens none is forgotten, and never adopted."""
        kept = self.kept
        if not kept.find_or_go_without():
            kept.key = None
            return {}
        self._is_modified = self._is_modified or kept.candidate is not None
        if kept.session is None:
            return kept.stored()
        document, snapshot = dict(kept.session), kept.session.snapshot
        self._loaded = (snapshot, imprint_of(document, snapshot.text))
        return document

    @_unsafe
    def refresh(self) -> None:
        """Read it again, in a long request say: what was not saved is dropped. One that ended meanwhile is empty."""
        self._forget()
        self._get_session()  # type: ignore[attr-defined]  # no stub knows it

    def _forget(self) -> None:
        self._is_modified = self._is_renewed = self._is_login = self._is_cleared = False
        vars(self).pop("_session_cache", None)

    @_unsafe
    def save(self, must_create: bool = False) -> None:  # as Django calls it
        """Store what changed. Raises ``UpdateError`` when the session ended meanwhile, or its key was replaced.

        With ``must_create`` it raises ``CreateError`` where there is a key: the store makes keys, clients bring none.
        """
        if must_create and self.kept.key is not None and not self._is_renewed:
            raise CreateError
        self._save(no_load=must_create)

    def _save(self, *, no_load: bool = False, is_tentative: bool = False) -> None:
        data = plain_document(self._get_session(no_load=no_load))  # type: ignore[attr-defined]  # no stub knows it
        kept, wish = self.kept, self._wish(is_tentative=is_tentative)
        kept.demand_store()
        if kept.is_superseded:
            kept.begin_beside(data, wish)
        elif kept.key is None:
            kept.begin(data, wish)
            self.modified = True  # or Django's middleware would set no cookie
        else:
            kept.change(data, wish)
        if not (kept.is_superseded and is_tentative):
            self._settle(data)

    def _settle(self, data: dict[str, Any]) -> None:
        """What others changed is in it from now on."""
        stored = {} if self.kept.session is None else dict(self.kept.session)
        if stored != data:
            self._session_cache = stored
        if self.kept.session is None:
            self._is_modified = False
        self._is_renewed = self._is_login = False

    def _wish(self, *, is_tentative: bool) -> Wish:
        return Wish(
            age=self.get_session_cookie_age(),
            label=self.label,
            is_renewed=self._is_renewed,
            is_login=self._is_login,
            is_logout=self._is_cleared,
            is_tentative=is_tentative,
        )

    def _cache(self) -> dict[Any, Any]:
        found: dict[Any, Any] = vars(self).get("_session_cache", {})
        return found

    @_unsafe
    def delete(self, session_key: str | None = None) -> None:
        """End the session of this key, or this one.

        It stays, and so does the browser's cookie, where another request's login replaced its key meanwhile.
        """
        self.kept.demand_store()
        key: Key | None = key_of(session_key) or self.kept.own_key()
        session_key = None  # the text is in no frame from here on
        if key is not None and not self.kept.is_own(key):
            the_store().end(key)
            return
        self.kept.end(key)
        self._is_renewed = self._is_login = False

    @classmethod
    def clear_expired(cls) -> None:
        """Nothing: the sweep function does it."""

    # ---- the same for async views, in the thread that Django gives to a request

    async def acreate(self) -> None:
        """``create``, at once: an async view could not ask for the key otherwise."""
        self.create()
        await self.asave()

    async def acycle_key(self) -> None:
        """``cycle_key``, at once; in flight, when the session is saved: what comes next may be a login."""
        await self._aget_session()  # type: ignore[attr-defined]  # no stub knows it
        self._is_renewed = self.modified = True
        await _in_thread(self._save, is_tentative=True)

    async def aexists(self, session_key: str) -> bool:
        """``exists``."""
        return await _in_thread(self.exists, session_key)

    async def aload(self) -> dict[str, Any]:
        """``load``."""
        return await _in_thread(self.load)

    async def arefresh(self) -> None:
        """``refresh``."""
        await _in_thread(self.refresh)

    async def asave(self, must_create: bool = False) -> None:  # as Django calls it
        """``save``."""
        await _in_thread(self.save, must_create)

    async def adelete(self, session_key: str | None = None) -> None:
        """``delete``."""
        await _in_thread(self.delete, session_key)

    @classmethod
    async def aclear_expired(cls) -> None:
        """Nothing."""


async def _in_thread(call: "Callable[..., _T]", *arguments: Any, **options: Any) -> _T:
    """In the thread of the request, where Django's own engines are: no other request's session can hold it up."""
    return await sync_to_async(call, thread_sensitive=True)(*arguments, **options)
