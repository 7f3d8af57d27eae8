"""Sessions for Starlette, FastAPI and any ASGI application: a middleware that needs no framework.

https://asgi.readthedocs.io/en/latest/specs/www.html
"""

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Literal, NoReturn, cast

from sojourn.adapters.cookies import Cookie, varying
from sojourn.adapters.loops import is_in_event_loop
from sojourn.adapters.refusals import REFUSALS, refusal_of
from sojourn.adapters.rules import SAFE_METHODS, SubjectOf, checked_lifetime, rules_of
from sojourn.adapters.visit import CookieUpdate, Visit
from sojourn.errors import SojournError
from sojourn.factory import open_store
from sojourn.store import Store
from sojourn.writing import OnConflict

if TYPE_CHECKING:
    from sojourn.absence import Absence
    from sojourn.session import Session as Stored

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]
Headers = list[tuple[bytes, bytes]]

_SERVER_ERROR = 500


class Session(Visit):
    """What ``request.session`` is. It calls no store in the event loop, only in threads."""

    _fetched: "Callable[[], Stored | Absence] | None" = None
    _ending: tuple[str, ...] = ()

    async def open(self) -> None:
        """Read it, once, while other requests are served. An error is raised where the session is looked at."""
        if self._fetched is None and self._token:
            self._fetched = await asyncio.to_thread(self._fetch)

    async def save(self, *, is_kept: bool) -> CookieUpdate:
        """``close``, while other requests are served."""
        return await asyncio.to_thread(self.close, is_kept=is_kept)

    @property
    def is_ending(self) -> bool:
        """Whether there was a logout, which ``save`` has yet to do."""
        return bool(self._ending)

    def close(self, *, is_kept: bool = True) -> CookieUpdate:
        """What was logged out ends first, whatever becomes of the request."""
        ending, self._ending = self._ending, ()
        for token in ending:
            super()._end(token)
        return super().close(is_kept=is_kept)

    def _fetch(self) -> "Callable[[], Stored | Absence]":
        try:
            found = super()._found()
        except SojournError as error:
            raised = error  # the name is gone after this block

            def fail() -> NoReturn:
                raise raised

            return fail
        return lambda: found

    def _found(self) -> "Stored | Absence":
        if self._fetched is not None:
            return self._fetched()
        if self._token and is_in_event_loop():
            raise RuntimeError("await request.session.open() before you look at it: with is_lazy nothing else does")
        return super()._found()

    def _end(self, token: str) -> None:
        if is_in_event_loop():
            self._ending = (*self._ending, token)
        else:
            super()._end(token)


class SojournMiddleware:
    """``app.add_middleware(SojournMiddleware)``; the session of a request is ``request.session``.

    It is stored before the answer begins, and is not when that says 5xx. What the store refuses is an answer: 409, 401
    or 503. No call to the store blocks the event loop. A session that the client has a cookie of is read before the
    application is called; with ``is_lazy`` when a view that runs in a thread looks at it, or at ``await
    request.session.open()``. WebSockets may read theirs.

    ``session_cookie`` and what follows are Starlette's names for what ``Cookie`` takes; ``max_age`` seconds let the
    cookie outlive the window and the session be idle as long. ``is_development`` lets the cookie be weaker, and
    ``former_names`` is ``Cookie``'s. ``store``, ``subject_of`` and ``on_conflict`` are those of
    ``sojourn.adapters.lambda_handler.Sessions``.
    """

    def __init__(
        self,
        app: Application,
        store: Store | None = None,
        *,
        session_cookie: str = "__Host-session",
        max_age: float | None = None,
        path: str = "/",
        same_site: Literal["lax", "strict", "none"] = "lax",
        https_only: bool = True,
        domain: str | None = None,
        partitioned: bool = False,
        is_development: bool = False,
        is_lazy: bool = False,
        former_names: tuple[str, ...] = (),
        subject_of: SubjectOf | str | None = None,
        on_conflict: OnConflict = "raise",
    ) -> None:
        self._app = app
        self._store = store or open_store()
        self._cookie = Cookie(
            name=session_cookie,
            path=path,
            domain=domain,
            secure=https_only,
            samesite=cast("Any", same_site.capitalize()),
            partitioned=partitioned,
            persistent=max_age is not None,
            is_development=is_development,
            former_names=former_names,
        )
        self._idle = checked_lifetime(max_age, self._store.settings, name="max_age")
        self._is_lazy = is_lazy
        self._rules = rules_of(subject_of, on_conflict)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See the ASGI specification."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        lines = [value.decode("latin-1") for name, value in scope["headers"] if name.lower() == b"cookie"]
        session = Session(
            self._store,
            self._cookie.found_in(lines),
            self._rules,
            is_safe=scope.get("method") in SAFE_METHODS,
            is_read_only=scope["type"] == "websocket",
        )
        session.idle = self._idle
        scope["session"] = session
        answer = _Answer(session, self._cookie, send)
        try:
            if not self._is_lazy:
                await session.open()
            await self._app(scope, receive, answer.send)
        except REFUSALS as error:
            if scope["type"] == "websocket" or answer.is_begun:
                raise
            await answer.refuse(error)
        finally:
            if session.is_ending:
                await session.save(is_kept=False)


class _Answer:
    """One answer on its way back."""

    def __init__(self, session: Session, cookie: Cookie, send: Send) -> None:
        self._session = session
        self._cookie = cookie
        self._send = send
        self._is_refused = False
        self.is_begun = False

    async def send(self, message: Message) -> None:
        """The application's ``send``."""
        if self._is_refused:
            return  # the application goes on; what it says is not sent
        if message["type"] == "http.response.start":
            is_kept = message["status"] < _SERVER_ERROR
            try:
                update = await self._session.save(is_kept=is_kept)
            except REFUSALS as error:
                await self.refuse(error)
                return
            self.is_begun = True
            message = {**message, "headers": self._carried([*message.get("headers", ())], update)}
        await self._send(message)

    async def refuse(self, error: Exception) -> None:
        """Answer in the application's place."""
        self.is_begun = self._is_refused = True
        status, text = refusal_of(error)
        body = text.encode()
        headers = [
            (b"content-type", b"text/plain; charset=utf-8"),
            (b"content-length", str(len(body)).encode()),
            (b"cache-control", b"no-store"),
        ]
        if status == HTTPStatus.SERVICE_UNAVAILABLE:
            headers.append((b"retry-after", b"1"))
        # A rotation, or a logout, that went before the refusal holds all the same.
        headers = self._carried(headers, await self._session.save(is_kept=False))
        await self._send({"type": "http.response.start", "status": status, "headers": headers})
        await self._send({"type": "http.response.body", "body": body})

    def _carried(self, headers: Headers, update: CookieUpdate) -> Headers:
        if update.is_accessed:
            vary = b", ".join(value for name, value in headers if name.lower() == b"vary")
            headers = [(name, value) for name, value in headers if name.lower() != b"vary"]
            headers.append((b"vary", varying(vary.decode("latin-1"), "Cookie").encode("latin-1")))
        return [*headers, *((b"set-cookie", cookie.encode()) for cookie in self._cookie.updated(update))]
