"""The event loop is free, whatever the store does: under asyncio and trio."""

import functools
import logging
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any

import anyio
import pytest
import trio
from fastapi import FastAPI
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route, WebSocketRoute
from starlette.testclient import TestClient
from starlette.websockets import WebSocket

from sojourn import Settings, Store
from sojourn.adapters import cookies
from sojourn.adapters.asgi import Application, Message, Receive, Scope, Send, SojournMiddleware, session_of
from sojourn.testing import memory_store
from tests.adapters.browser import Browser, CountingBackend
from tests.adapters.test_asgi import nothing, served, wire_to

__all__ = ["served"]

RUNS: dict[str, Callable[..., Any]] = {"asyncio": anyio.run, "trio": trio.run}


@pytest.fixture(params=RUNS)
def run(request: pytest.FixtureRequest) -> Callable[..., Any]:
    """Runs a coroutine function in an event loop."""
    return RUNS[request.param]


class Answers:
    """Takes what is sent."""

    def __init__(self) -> None:
        self.status: int | None = None
        self.headers: dict[str, str] = {}

    async def __call__(self, message: Message) -> None:
        """ASGI's ``send``."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self.headers = {name.decode(): value.decode() for name, value in message["headers"]}


async def ask(app: Application, token: str | None = None, *, scheme: str = "https") -> Answers:
    """One GET."""
    headers = [] if token is None else [(b"cookie", f"__Host-session={token}".encode())]
    answers = Answers()
    scope = {"type": "http", "method": "GET", "path": "/", "scheme": scheme, "headers": headers}
    await app(scope, nothing, answers)
    return answers


async def shown(scope: Scope, _receive: Receive, send: Send) -> None:
    """A page that looks at its session."""
    body = repr(scope["session"].get("a")).encode()
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": body})


@pytest.fixture
def stalled(backend: CountingBackend) -> Iterator[threading.Event]:
    """A store that answers when the event is set, and not before."""
    gate = threading.Event()

    def wait() -> None:
        assert gate.wait(60)

    backend.on_call = wait
    yield gate
    gate.set()


def test_a_visitor_without_a_cookie_waits_for_no_other(
    store: Store, stalled: threading.Event, run: Callable[..., Any]
) -> None:
    """Every thread waits for the store, and more visitors wait for a thread: health checks are answered."""
    token = memory_store().create().token
    app = SojournMiddleware(shown, store, threads=3, timeout=60)
    served: list[str] = []

    async def visit(mark: str, token: str | None) -> None:
        assert (await ask(app, token)).status == 200
        served.append(mark)

    async def all_of_them() -> None:
        async with anyio.create_task_group() as visitors:
            for _ in range(30):
                visitors.start_soon(visit, "stalled", token)
            await anyio.wait_all_tasks_blocked()
            async with anyio.create_task_group() as others:
                for _ in range(200):
                    others.start_soon(visit, "healthy", None)
            assert served == ["healthy"] * 200
            stalled.set()

    run(all_of_them)
    assert served[200:] == ["stalled"] * 30


def test_waiting_for_a_thread_counts(store: Store, stalled: threading.Event, run: Callable[..., Any]) -> None:
    """A visitor for whom no thread gets free in time is refused, as by a store that is away."""
    token = memory_store().create().token
    patient, hasty = (SojournMiddleware(shown, store, threads=1, timeout=timeout) for timeout in (60, 0.01))
    hasty._threads._limiter = patient._threads._limiter  # one pool, two patiences

    async def both() -> None:
        async with anyio.create_task_group() as visitors:
            visitors.start_soon(ask, patient, token)
            await anyio.wait_all_tasks_blocked()
            answer = await ask(hasty, token)
            assert (answer.status, answer.headers["retry-after"]) == (503, "1")
            stalled.set()

    run(both)


def test_a_page_that_can_do_without_its_session_waits_for_a_thread_no_longer(
    store: Store, stalled: threading.Event, run: Callable[..., Any], caplog: pytest.LogCaptureFixture
) -> None:
    """An outage is when no thread gets free: such a page is served then, and so is one that does not look."""
    token = memory_store().create().token

    async def put(scope: Scope, receive: Receive, send: Send) -> None:
        scope["session"]["b"] = 1
        await shown(scope, receive, send)

    async def blind(_scope: Scope, _receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})

    patient = SojournMiddleware(shown, store, threads=1, timeout=60)
    anonymous = [SojournMiddleware(page, store, timeout=0.01, on_unavailable="anonymous") for page in (shown, put)]
    refusing = [SojournMiddleware(page, store, timeout=0.01) for page in (blind, shown)]
    answers: list[Answers] = []

    async def all_of_them() -> None:
        async with anyio.create_task_group() as visitors:
            visitors.start_soon(ask, patient, token)
            await anyio.wait_all_tasks_blocked()
            for hasty in (*anonymous, *refusing):
                hasty._threads._limiter = patient._threads._limiter  # one pool, two patiences
                answers.append(await ask(hasty, token))
            stalled.set()

    run(all_of_them)
    assert [answer.status for answer in answers] == [200, 200, 200, 503]
    assert [answer.headers.get("cache-control") for answer in answers] == ["no-store", "no-store", None, "no-store"]
    assert not any("set-cookie" in answer.headers for answer in answers)
    told = [record.getMessage() for record in caplog.records if record.name == "sojourn.events"]
    assert told.count("read: session (no id) refused: unavailable: no thread was free in 0.01 seconds") == 4


def test_a_visitor_who_puts_something_in_gets_an_answer(
    store: Store, stalled: threading.Event, run: Callable[..., Any]
) -> None:
    """Also where no thread is free to store it; it waits for one once."""

    async def put(scope: Scope, _receive: Receive, send: Send) -> None:
        scope["session"]["a"] = 1
        await send({"type": "http.response.start", "status": 200, "headers": []})

    patient, hasty = (SojournMiddleware(put, store, threads=1, timeout=timeout) for timeout in (60, 0.01))
    hasty._threads._limiter = patient._threads._limiter  # one pool, two patiences

    waits: list[object] = []
    wait = hasty._threads.run  # counted below

    async def counted(call: Callable[[float], Any]) -> Any:
        waits.append(call)
        return await wait(call)

    hasty._threads.run = counted  # type: ignore[method-assign]

    async def both() -> None:
        async with anyio.create_task_group() as visitors:
            visitors.start_soon(ask, patient)
            await anyio.wait_all_tasks_blocked()
            assert (await ask(hasty)).status == 503
            stalled.set()

    run(both)
    assert len(waits) == 1


def test_a_client_that_hangs_up_does_not_stop_its_logout(
    store: Store, backend: CountingBackend, run: Callable[..., Any]
) -> None:
    """Its request is cancelled by the server."""
    token = store.create({"a": 1}).token

    async def view(scope: Scope, _receive: Receive, _send: Send) -> None:
        scope["session"].logout()
        await anyio.sleep_forever()

    async def hang_up() -> None:
        async with anyio.create_task_group() as visitors:
            visitors.start_soon(ask, SojournMiddleware(view, store), token)
            while not backend.calls:
                await anyio.sleep(0)
            await anyio.wait_all_tasks_blocked()
            visitors.cancel_scope.cancel()

    run(hang_up)
    assert backend.records == []


# ---- the start


def test_the_store_is_opened_when_the_server_starts(monkeypatch: pytest.MonkeyPatch, run: Callable[..., Any]) -> None:
    """In a thread: it imports an AWS library and builds clients."""
    opened: list[threading.Thread] = []
    main = threading.current_thread()

    def opening() -> Store:
        opened.append(threading.current_thread())
        return memory_store(settings=Settings(namespace="shop"))

    monkeypatch.setattr("sojourn.adapters.asgi.open_store", opening)
    app = SojournMiddleware(shown)
    assert opened == []
    scope: Scope = {"type": "lifespan", "session": {}}
    run(app, scope, nothing, Answers())
    run(ask, app)
    (thread,) = opened
    assert thread is not main


def test_a_store_that_cannot_be_opened_stops_the_start(
    monkeypatch: pytest.MonkeyPatch, run: Callable[..., Any]
) -> None:
    """Not the first request."""
    monkeypatch.delenv("SOJOURN_TABLE", raising=False)
    monkeypatch.setattr(
        "sojourn.adapters.asgi.open_store",
        lambda: memory_store(settings=Settings(absolute_seconds=1_800, max_absolute_seconds=1_800)),
    )
    told: list[Message] = []

    async def receive() -> Message:
        return {"type": "lifespan.startup"}

    async def send(message: Message) -> None:
        told.append(message)

    run(SojournMiddleware(shown, max_age=3_600), {"type": "lifespan"}, receive, send)
    (message,) = told
    assert message["type"] == "lifespan.startup.failed"
    assert "max_age" in message["message"]


def test_no_framework_and_no_aws_library_is_imported_with_it() -> None:
    """They come when the store is opened."""
    code = "import sys, sojourn.adapters.asgi; print(sorted({'boto3', 'botocore', 'starlette'} & sys.modules.keys()))"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)  # noqa: S603
    assert found.stdout == "[]\n"


# ---- around other frameworks


def test_a_framework_inside_makes_no_500_of_a_refusal(store: Store, backend: CountingBackend) -> None:
    """``SojournMiddleware(app)`` is outside of its error page, ``add_middleware`` inside."""
    app = FastAPI()

    def view(request: Request) -> str:
        return str(request.session.get("a"))

    app.add_api_route("/", view)
    token = store.create({"a": 1}).token
    backend.is_away = True
    for wrapped in (SojournMiddleware(app, store), SojournMiddleware(app, store, is_lazy=True)):
        answer = Browser(wire_to(wrapped), {"__Host-session": token}).get("/")
        assert (answer.status, answer.headers["cache-control"]) == (503, "no-store")


def test_an_error_of_the_application_stays_its_own(store: Store) -> None:
    """Whatever the store said before."""
    app = FastAPI()

    def view(request: Request) -> str:
        raise ZeroDivisionError(request.session.get("a"))

    app.add_api_route("/", view)
    assert Browser(wire_to(SojournMiddleware(app, store))).get("/").status == 500


def test_plain_http_is_warned_of_once(store: Store, caplog: pytest.LogCaptureFixture) -> None:
    """A Secure cookie is dropped there, and each visit is the first."""
    cookies.warn_of_plain_http.cache_clear()

    async def put(scope: Scope, _receive: Receive, send: Send) -> None:
        scope["session"]["a"] = 1
        await send({"type": "http.response.start", "status": 200, "headers": []})

    app = SojournMiddleware(put, store)
    with caplog.at_level(logging.WARNING):
        for scheme in ("https", "http", "http"):
            anyio.run(functools.partial(ask, app, scheme=scheme))
    (record,) = caplog.records
    assert "base_url='https://testserver'" in record.getMessage()


def test_a_socket_is_told_of_a_logout_elsewhere(store: Store) -> None:
    """When it asks again."""
    session = store.create({"a": 1}, subject="ada")
    seen: list[object] = []

    async def endpoint(socket: WebSocket) -> None:
        own = session_of(socket)
        await socket.accept()
        for _ in range(2):
            await own.refresh()
            seen.append((own.subject, dict(own)))
            await anyio.to_thread.run_sync(lambda: store.expire_all(subject="ada"))
        await socket.close()

    app = Starlette(routes=[WebSocketRoute("/", endpoint)], middleware=[Middleware(SojournMiddleware, store=store)])
    client = TestClient(app, headers={"Cookie": f"__Host-session={session.token}"})
    with client.websocket_connect("/") as socket, pytest.raises(Exception):  # noqa: B017, PT011  # it is closed
        socket.receive_text()
    assert seen == [("ada", {"a": 1}), (None, {})]


@pytest.mark.parametrize("max_age", [0, -1, -0.5])
def test_with_no_time_to_live_no_session_outlives_its_request(
    store: Store, backend: CountingBackend, max_age: float
) -> None:
    """As Starlette's own: the cookie is dead on arrival."""

    async def view(request: Request) -> PlainTextResponse:
        request.session["a"] = 1
        return PlainTextResponse(str(request.session["a"]))

    app = Starlette(routes=[Route("/", view)], middleware=[Middleware(SojournMiddleware, store=store, max_age=max_age)])
    answer = Browser(wire_to(app)).get("/")
    assert (answer.body, answer.cookies[0][:26], backend.records) == ("1", "__Host-session=; Max-Age=0", [])


# ---- the event loop


@pytest.mark.parametrize("is_lazy", [False, True])
def test_the_event_loop_never_waits_for_the_store(
    served: Callable[..., Browser], backend: CountingBackend, *, is_lazy: bool
) -> None:
    """Not to read, not to store, not to log out."""
    asked: list[threading.Thread] = []
    backend.on_call = lambda: asked.append(threading.current_thread())

    async def view(request: Any) -> PlainTextResponse:
        await request.session.open()
        request.session["n"] = request.session.get("n", 0) + 1
        if request.session["n"] == 3:
            request.session.logout()
        return PlainTextResponse(str(request.session.get("n")))

    browser = served(view, is_lazy=is_lazy)
    assert [browser.get("/").body for _ in range(4)] == ["1", "2", "None", "1"]
    assert len(asked) == 6
    assert threading.main_thread() not in asked


def test_a_lazy_session_has_to_be_opened_in_the_event_loop(served: Callable[..., Browser], store: Store) -> None:
    """Who forgets it is told; a visitor without a cookie has nothing to open."""

    async def view(request: Any) -> PlainTextResponse:
        return PlainTextResponse(str(request.session.get("a")))

    browser = served(view, is_lazy=True)
    assert browser.get("/").body == "None"
    browser.jar["__Host-session"] = store.create({"a": 1}).token
    with pytest.raises(RuntimeError, match=r"await request.session.open\(\)"):
        browser.get("/")


def test_a_logout_counts_also_when_the_view_breaks(
    served: Callable[..., Browser], store: Store, backend: CountingBackend
) -> None:
    """In the event loop it is done after the view, whatever became of it."""

    async def view(request: Any) -> PlainTextResponse:
        request.session.logout()
        raise ZeroDivisionError

    browser = served(view)
    browser.jar["__Host-session"] = store.create({"a": 1}, subject="ada").token
    assert browser.get("/").status == 500
    assert backend.records == []
