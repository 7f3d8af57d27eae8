"""The ASGI middleware: alone, under Starlette and under FastAPI."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Sequence
from email.utils import formatdate
from typing import TYPE_CHECKING, Any

import anyio
import pytest
import trio
from fastapi import FastAPI, Request
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.responses import PlainTextResponse, StreamingResponse
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket

from sojourn import ConfigurationError, InvalidDataError, SojournError, Store, StoreUnavailableError
from sojourn.adapters.asgi import Application, Message, Receive, Scope, Send, Session, SojournMiddleware
from sojourn.testing import FakeClock
from sojourn.tokens import mint
from tests.adapters.browser import Answer, Browser, CountingBackend, Page, Wire, page
from tests.adapters.contract import ATTRIBUTES, AdapterContract, Made

if TYPE_CHECKING:
    from sojourn.adapters.cookies import Cookie


async def nothing() -> Message:
    """What a client sends who waits for the answer."""
    await anyio.sleep_forever()
    raise AssertionError


def wire_to(app: Application, run: Callable[..., object] = anyio.run) -> Wire:
    """A server."""

    def request(path: str, cookies: Sequence[str], also: str, method: str = "GET") -> Answer:
        lines = ["; ".join(cookies)] if cookies else []
        scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "2",
            "method": method,
            "scheme": "https",
            "server": ("shop.example", 443),
            "path": path,
            "raw_path": path.encode(),
            "root_path": "",
            "query_string": b"",
            "headers": [(b"cookie", line.encode()) for line in [*lines, *([also] if also else [])]],
        }
        told: list[Message] = []

        async def send(message: Message) -> None:
            told.append(message)

        try:
            run(app, scope, nothing, send)
        except ZeroDivisionError:
            assert told[0]["status"] == 500 if told else True
        if not told:
            return Answer(500)
        start, *parts = told
        assert start["type"] == "http.response.start"
        headers = [(name.decode(), value.decode()) for name, value in start["headers"]]
        assert [name for name, _ in headers].count("vary") <= 1
        return Answer(
            start["status"],
            b"".join(part["body"] for part in parts).decode(),
            [value for name, value in headers if name == "set-cookie"],
            dict(headers).get("vary", ""),
            dict(headers),
        )

    return request


def options_of(options: dict[str, Any]) -> dict[str, Any]:
    """The contract's options under Starlette's names."""
    cookie: Cookie | None = options.pop("cookie", None)
    if cookie is None:
        return options
    named = {"session_cookie": cookie.name, "path": cookie.path, "same_site": str(cookie.samesite).lower()}
    return {**options, **named, "max_age": 1_800 if cookie.persistent else None}


def plain(store: Store) -> Application:
    """The pages, with no framework at all, in the event loop."""

    async def app(scope: Scope, _receive: Receive, send: Send) -> None:
        status, body = 200, ""
        try:
            body = page(scope["path"], scope["session"], store)
        except Page as other:
            status = other.status
        await send({"type": "http.response.start", "status": status, "headers": [(b"content-type", b"text/plain")]})
        await send({"type": "http.response.body", "body": body.encode()})

    return app


class TestPlain(AdapterContract):
    """The contract: views run in the event loop, and the session is read before them."""

    @pytest.fixture
    def adapter(self) -> Made:
        """The middleware around the pages."""
        return lambda store, **options: wire_to(SojournMiddleware(plain(store), store, **options_of(options)))

    def test_a_page_that_needs_no_session_asks_nothing(self, browser: Browser, backend: CountingBackend) -> None:
        """But for who has a cookie, because a view cannot wait for it later."""
        browser.get("/put/a/1")
        with backend.counted() as calls:
            for visitor in (browser, Browser(browser.wire)):
                answer = visitor.get("/static")
                assert (answer.status, answer.body, answer.cookies, answer.vary) == (200, "no session needed", [], "")
        assert calls == ["load"]


class TestTrio(AdapterContract):
    """The contract under the other event loop, where views open their session themselves."""

    @pytest.fixture
    def adapter(self) -> Made:
        """Lazy, and opened by the view."""

        def make(store: Store, **options: Any) -> Wire:
            inner = plain(store)

            async def app(scope: Scope, receive: Receive, send: Send) -> None:
                if scope["path"] != "/static":
                    with contextlib.suppress(SojournError):  # raised again where it is looked at
                        await scope["session"].open()
                await inner(scope, receive, send)

            return wire_to(SojournMiddleware(app, store, is_lazy=True, **options_of(options)), trio.run)

        return make


class TestStarlette(AdapterContract):
    """The contract: views run in threads, and the session is read when they look at it."""

    @pytest.fixture
    def adapter(self) -> Made:
        """Routes under the middleware."""

        def make(store: Store, **options: Any) -> Wire:
            def view(request: Any) -> PlainTextResponse:
                try:
                    return PlainTextResponse(page(request.url.path, request.scope["session"], store))
                except Page as other:
                    raise HTTPException(other.status) from None

            sessions = Middleware(SojournMiddleware, store=store, is_lazy=True, **options_of(options))
            return wire_to(
                Starlette(routes=[Route("/{path:path}", view, methods=["GET", "POST"])], middleware=[sessions])
            )

        return make


class TestFastApi(AdapterContract):
    """The contract, under FastAPI."""

    @pytest.fixture
    def adapter(self) -> Made:
        """Lazy as well."""

        def make(store: Store, **options: Any) -> Wire:
            app = FastAPI()

            def view(request: Request) -> PlainTextResponse:
                try:
                    return PlainTextResponse(page(request.url.path, request.scope["session"], store))
                except Page as other:
                    raise HTTPException(other.status) from None

            app.add_api_route("/{path:path}", view, methods=["GET", "POST"])
            app.add_middleware(SojournMiddleware, store=store, is_lazy=True, **options_of(options))
            return wire_to(app)

        return make


@pytest.fixture
def served(store: Store) -> Callable[..., Browser]:
    """A browser in front of one view of one's own."""

    def make(view: Callable[[Any], Awaitable[Any]], **options: Any) -> Browser:
        sessions = Middleware(SojournMiddleware, store=store, **options)
        return Browser(wire_to(Starlette(routes=[Route("/", view)], middleware=[sessions])))

    return make


# ---- what is no simple page


def test_a_stream_is_stored_before_it_begins(served: Callable[..., Browser]) -> None:
    """What it would put in later is refused."""

    async def view(request: Any) -> StreamingResponse:
        session = request.session
        session["n"] = session.get("n", 0) + 1

        async def parts() -> Any:
            yield f"{session['n']} "
            session["late"] = 1
            with pytest.raises(InvalidDataError, match="any more"):
                session.login("ada")
            yield "done"

        return StreamingResponse(parts(), headers={"Vary": "Accept"})

    browser = served(view)
    assert browser.get("/").body == "1 done"
    answer = browser.get("/")
    assert (answer.body, answer.vary, answer.cookies) == ("2 done", "Accept, Cookie", [])


def test_a_stream_that_cannot_be_stored_is_refused(served: Callable[..., Browser], backend: CountingBackend) -> None:
    """Nothing of it is sent."""

    async def view(request: Any) -> StreamingResponse:
        request.session["a"] = 1

        async def parts() -> Any:
            yield "stored!"

        return StreamingResponse(parts())

    backend.is_away = True
    answer = served(view).get("/")
    assert (answer.status, answer.body) == (503, "The session store does not answer. Try again.")
    assert (answer.headers["retry-after"], answer.headers["cache-control"]) == ("1", "no-store")


def test_what_is_neither_http_nor_a_websocket_is_let_through(store: Store) -> None:
    """Lifespan, say."""
    seen = []

    async def app(scope: Scope, _receive: Receive, _send: Send) -> None:
        seen.append(scope)

    async def send(_message: Message) -> None: ...

    asyncio.run(SojournMiddleware(app, store)({"type": "lifespan"}, nothing, send))
    assert seen == [{"type": "lifespan"}]


@pytest.mark.parametrize("is_lazy", [False, True])
def test_a_websocket_reads_its_session(store: Store, *, is_lazy: bool) -> None:
    """And cannot change it: no cookie could follow."""
    session = store.create({"a": 1}, subject="ada")
    seen: list[object] = []

    async def endpoint(socket: WebSocket) -> None:
        own = socket.session
        assert isinstance(own, Session)
        await own.open()
        seen.append((own.subject, dict(own)))
        with pytest.raises(InvalidDataError, match="cannot be changed here"):
            own["b"] = 2
        await socket.accept()
        await socket.close()

    middleware = [Middleware(SojournMiddleware, store=store, is_lazy=is_lazy)]
    app = Starlette(routes=[WebSocketRoute("/ws", endpoint)], middleware=middleware)
    told: list[str] = []

    async def send(message: Message) -> None:
        told.append(message["type"])

    async def receive() -> Message:
        return {"type": "websocket.connect"}

    for token in (session.token, mint().reveal()):
        scope = {
            "type": "websocket",
            "path": "/ws",
            "raw_path": b"/ws",
            "root_path": "",
            "query_string": b"",
            "headers": [(b"cookie", f"__Host-session={token}".encode())],
            "subprotocols": [],
        }
        asyncio.run(app(scope, receive, send))
    assert seen == [("ada", {"a": 1}), (None, {})]
    assert told == ["websocket.accept", "websocket.close"] * 2


def test_a_websocket_whose_store_is_away_is_told(store: Store, backend: CountingBackend) -> None:
    """There is no answer to refuse with."""

    async def app(scope: Scope, _receive: Receive, _send: Send) -> None:
        scope["session"].get("a")

    async def send(_message: Message) -> None:
        raise AssertionError

    backend.is_away = True
    scope = {"type": "websocket", "headers": [(b"cookie", f"__Host-session={mint().reveal()}".encode())]}
    with pytest.raises(StoreUnavailableError):
        asyncio.run(SojournMiddleware(app, store)(scope, nothing, send))


# ---- options


def test_a_maximal_age_is_the_cookies_and_the_sessions(
    served: Callable[..., Browser], clock: FakeClock, store: Store
) -> None:
    """As Starlette means it: seconds without a visit."""

    async def view(request: Any) -> PlainTextResponse:
        return PlainTextResponse(str(request.session.setdefault("a", request.url.scheme)))

    browser, born = served(view, max_age=100_000), clock()
    browser.get("/")
    assert browser.last[0].endswith(
        f"; Max-Age=100000; expires={formatdate(born + 100_000, usegmt=True)}; {ATTRIBUTES}"
    )
    (record,) = store.resources.backend.records  # type: ignore[attr-defined]  # ours
    assert (record.idle, record.expires_at) == (100_000, born + 100_000)


def test_a_maximal_age_may_be_a_fraction_that_is_none(store: Store) -> None:
    """Starlette takes it; so it is taken as a whole number."""
    browser = Browser(wire_to(SojournMiddleware(plain(store), store, max_age=3_600.0)))
    browser.get("/put/a/1")
    (record,) = store.resources.backend.records  # type: ignore[attr-defined]  # ours
    assert (record.idle, type(record.idle)) == (3_600, int)


@pytest.mark.parametrize("max_age", [0.5, 91 * 86_400, float("inf"), float("nan"), True, "60"])
def test_a_maximal_age_that_no_session_can_have_is_refused_at_start(store: Store, max_age: Any) -> None:
    """Not at the first request, and never cut."""
    with pytest.raises(ConfigurationError, match="max_age"):
        SojournMiddleware(plain(store), store, max_age=max_age)


@pytest.mark.parametrize("options", [{"https_only": False}, {"https_only": False, "session_cookie": "sid"}])
def test_what_is_weaker_has_to_be_meant(store: Store, options: dict[str, Any]) -> None:
    """It is refused when the application is made."""
    with pytest.raises(ConfigurationError):
        SojournMiddleware(plain(store), store, **options)
    SojournMiddleware(plain(store), store, **{"session_cookie": "sid", **options}, is_development=True)
