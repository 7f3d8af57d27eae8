"""Sessions for Starlette, FastAPI and any ASGI application: a middleware.

https://asgi.readthedocs.io/en/latest/specs/www.html
"""

from collections.abc import Awaitable, Callable, MutableMapping
from typing import TYPE_CHECKING, Any, Literal, NoReturn, Protocol, TypeVar, cast

import anyio

from sojourn.adapters.cookies import Cookie, CookieUpdate, FormerCookie, carrying, warn_of_plain_http
from sojourn.adapters.opener import TokenOpener
from sojourn.adapters.refusals import REFUSALS, refusal_of
from sojourn.adapters.rules import SAFE_METHODS, OnUnavailable, SubjectOf, checked_lifetime, rules_of
from sojourn.adapters.threads import Threads, is_in_event_loop
from sojourn.adapters.visit import Visit
from sojourn.errors import SojournError, StoreUnavailableError
from sojourn.factory import open_store
from sojourn.store import Store
from sojourn.writing import OnConflict

if TYPE_CHECKING:
    from sojourn.absence import Absence
    from sojourn.migrate.candidate import Candidate
    from sojourn.session import Session as Stored

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]
T = TypeVar("T")

_SERVER_ERROR = 500


class HasScope(Protocol):
    """A request of any ASGI framework."""

    @property
    def scope(self) -> Scope:
        """See the ASGI specification."""


class _LoopOpener:
    """Finds the session in a thread, before an application in the event loop looks at it."""

    def __init__(self, inner: TokenOpener, *, is_known: bool) -> None:
        self._inner = inner
        self._is_known = is_known
        self._found: Callable[[], Stored | Candidate | Absence] | None = None

    @property
    def token(self) -> str | None:
        return self._inner.token

    def fetch(self, seconds: float) -> None:
        """Find it, in ``seconds``. What that raises is raised where the session is looked at."""
        self._inner.within(seconds)
        try:
            found = self._inner.find()
        except SojournError as error:
            self.fail(error)
        else:
            self._found = lambda: found

    def fail(self, error: SojournError) -> None:
        """Raise ``error`` where the session is looked at."""

        def raise_it() -> NoReturn:
            raise error

        self._found = raise_it

    @property
    def is_waiting(self) -> bool:
        """Whether there may be a session, and it was not looked for."""
        return self._is_known and self._found is None

    def again(self) -> "Stored | Candidate | Absence":
        return self._inner.again()

    def find(self) -> "Stored | Candidate | Absence":
        if self._found is not None:
            return self._found()
        if self._is_known and is_in_event_loop():
            raise RuntimeError("await request.session.open() before you look at it: with is_lazy nothing else does")
        return self._inner.find()


class Session(Visit):
    """What ``request.session`` is. It calls no store in the event loop, only in threads."""

    def __init__(self, opener: _LoopOpener, threads: Threads, *arguments: Any, **options: Any) -> None:
        """Made by the middleware."""
        super().__init__(*arguments, **options, opener=opener, may_call=lambda: not is_in_event_loop())
        self._loop_opener = opener
        self._threads = threads

    async def open(self) -> None:
        """Read it, once, while other requests are served. An error is raised where the session is looked at."""
        if self._loop_opener.is_waiting:
            try:
                await self._run("read", self._loop_opener.fetch)
            except StoreUnavailableError as error:
                self._loop_opener.fail(error)

    async def refresh(self) -> None:  # type: ignore[override]  # a caller in the event loop has to await it
        """Read it again, in a WebSocket or a long poll: one that ended meanwhile is empty. See ``Visit.refresh``."""
        await self.open()
        await self._run("refresh", self._refresh)

    async def save(self, *, is_kept: bool) -> CookieUpdate:
        """``close``, while other requests are served."""
        is_kept = is_kept and not self.is_unchanged
        if not self.is_ending and not (is_kept and self.may_need_store):
            return self.close(is_kept=is_kept)
        return await self._run("write", lambda seconds: self._save(seconds, is_kept=is_kept))

    def mark_accessed(self) -> None:
        """Called by Starlette where ``request.session`` is named: the answer varies by cookie."""
        self.accessed = True

    def mark_modified(self) -> None:
        """As Starlette has it; changes are noticed without it."""
        self.mark_accessed()
        self.modified = True

    async def _run(self, verb: str, call: Callable[[float], T]) -> T:
        try:
            return await self._threads.run(call)
        except StoreUnavailableError as error:
            self._store.resources.reporter.report_error(verb, error)  # where no thread was free: the store did not
            raise

    def _refresh(self, seconds: float) -> None:
        self.within(seconds)
        super().refresh()

    def _save(self, seconds: float, *, is_kept: bool) -> CookieUpdate:
        self.within(seconds)
        return self.close(is_kept=is_kept)


def session_of(connection: "HasScope") -> Session:
    """``request.session`` typed as what it is; a Starlette or FastAPI request, or a WebSocket."""
    found: Session = connection.scope["session"]
    found.mark_accessed()
    return found


class SojournMiddleware:
    """``app.add_middleware(SojournMiddleware)``; the session of a request is ``request.session``.

    It is stored before the answer begins, and is not when that says 5xx. What the store refuses is an answer: 409, 401
    or 503. No call to the store blocks the event loop: it waits in one of ``threads`` threads, ``timeout`` seconds at
    the most, the wait for the thread included; a request without a cookie that puts nothing in needs none. A session
    that the client has a cookie of is read before the application is called; with ``is_lazy`` when a view that runs in
    a thread looks at it, or at ``await request.session.open()``. WebSockets may read theirs, and read it again by
    ``await session.refresh()``.

    ``session_cookie`` and what follows are Starlette's names for what ``Cookie`` takes; ``max_age`` seconds let the
    cookie outlive the window and the session be idle as long, and with 0 or less no session outlives its request.
    ``https_only=False`` takes ``is_development``. ``former_names`` is ``Cookie``'s. ``store``, ``subject_of``,
    ``on_conflict`` and ``on_unavailable`` are those of ``sojourn.adapters.lambda_handler.Sessions``. Without ``store``
    the environment's is opened when the server starts; raises ``ConfigurationError``.
    """

    def __init__(
        self,
        app: Application,
        store: Store | None = None,
        *,
        session_cookie: str | None = None,
        max_age: float | None = None,
        path: str = "/",
        same_site: Literal["lax", "strict", "none"] = "lax",
        https_only: bool = True,
        domain: str | None = None,
        partitioned: bool = False,
        is_development: bool = False,
        is_lazy: bool = False,
        former_names: tuple[str | FormerCookie, ...] = (),
        subject_of: SubjectOf | str | None = None,
        on_conflict: OnConflict = "raise",
        on_unavailable: OnUnavailable = "refuse",
        threads: int = 40,
        timeout: float = 5.0,
    ) -> None:
        self._app = app
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
        self._max_age = max_age
        self._is_kept = not (type(max_age) in (int, float) and cast("float", max_age) <= 0)
        self._is_lazy = is_lazy
        self._rules = rules_of(subject_of, on_conflict, on_unavailable)
        self._threads = Threads(threads, seconds=timeout)
        self._store: Store | None = None
        if store is not None:
            self._take(store)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See the ASGI specification."""
        if scope["type"] == "lifespan":
            await self._start(scope, receive, send)
        elif scope["type"] in ("http", "websocket"):
            await self._serve(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    async def _start(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Open the store before the first request; where that fails the server does not start."""
        try:
            await self._opened_store()
        except SojournError as error:
            await receive()
            await send({"type": "lifespan.startup.failed", "message": str(error)})
            return
        await self._app(scope, receive, send)

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        session = scope["session"] = self._session(scope, await self._opened_store())
        answer = _Answer(session, self._cookie, scope, send, is_kept=self._is_kept)
        try:
            if not self._is_lazy:
                await session.open()
            await self._app(scope, receive, answer.send)
        except REFUSALS as error:
            if scope["type"] == "websocket" or (answer.is_begun and not answer.is_refused):
                raise
            await answer.refuse(error)
        finally:
            if session.is_ending:
                with anyio.CancelScope(shield=True):  # a client that hangs up does not stop its logout
                    await session.save(is_kept=False)

    def _session(self, scope: Scope, store: Store) -> Session:
        lines = [value.decode("latin-1") for name, value in scope["headers"] if name.lower() == b"cookie"]
        tokens, is_read_only = self._cookie.tokens_in(lines), scope["type"] == "websocket"
        inner = TokenOpener(store, tokens, subject_of=self._rules.subject_of)
        session = Session(
            _LoopOpener(inner, is_known=bool(tokens)),
            self._threads,
            store,
            tokens,
            self._rules,
            is_safe=scope.get("method") in SAFE_METHODS,
            is_read_only=is_read_only,
            may_go_without=self._rules.may_go_without(scope.get("method"), scope.get("path", "")),
        )
        session.idle = self._idle
        return session

    async def _opened_store(self) -> Store:
        if self._store is None:
            # Whatever it imports and reads blocks no other request.
            self._take(await anyio.to_thread.run_sync(open_store))
        return cast("Store", self._store)

    def _take(self, store: Store) -> None:
        self._idle = checked_lifetime(self._max_age if self._is_kept else None, store.settings, name="max_age")
        self._cookie = self._cookie.in_namespace(store.settings.namespace)
        self._store = store


class _Answer:
    """One answer on its way back."""

    def __init__(self, session: Session, cookie: Cookie, scope: Scope, send: Send, *, is_kept: bool) -> None:
        self._session = session
        self._cookie = cookie
        self._is_plain = scope.get("scheme") == "http"
        self._send = send
        self._is_kept = is_kept
        self.is_refused = False
        self.is_begun = False

    async def send(self, message: Message) -> None:
        """The application's ``send``."""
        if self.is_refused:
            return  # the application goes on; what it says is not sent
        if message["type"] == "http.response.start":
            failure = self._session.failure
            if failure is not None and message["status"] == _SERVER_ERROR:
                # A framework inside made an error page of what the store said.
                await self.refuse(failure)
                return
            try:
                update = await self._saved(message["status"])
            except REFUSALS as error:
                await self.refuse(error)
                return
            self.is_begun = True
            headers = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in message.get("headers", ())]
            message = {**message, "headers": self._carried(headers, update)}
        await self._send(message)

    async def refuse(self, error: Exception) -> None:
        """Answer in the application's place."""
        if self.is_begun:
            return
        self.is_begun = self.is_refused = True
        refusal = refusal_of(error)
        body = refusal.text.encode()
        headers = [*refusal.headers, ("Content-Length", str(len(body)))]
        # A rotation, or a logout, that went before the refusal holds all the same.
        try:
            update = await self._session.save(is_kept=False)
        except REFUSALS:  # no thread was free
            update = CookieUpdate(is_accessed=True)
        carried = self._carried(headers, update)
        await self._send({"type": "http.response.start", "status": refusal.status, "headers": carried})
        await self._send({"type": "http.response.body", "body": body})

    async def _saved(self, status: int) -> CookieUpdate:
        update = await self._session.save(is_kept=self._is_kept and status < _SERVER_ERROR)
        is_dropped = not self._is_kept and self._session.modified and status < _SERVER_ERROR
        return update._replace(is_ended=True) if is_dropped else update

    def _carried(self, headers: list[tuple[str, str]], update: CookieUpdate) -> list[tuple[bytes, bytes]]:
        if update.token is not None and self._cookie.secure and self._is_plain:
            warn_of_plain_http()
        carried = carrying(headers, self._cookie, update)
        return [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in carried]
