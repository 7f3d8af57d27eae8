"""Async views: nothing waits for the store in the event loop, and no request for another one's session."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import pytest
from asgiref.sync import ThreadSensitiveContext, sync_to_async
from django.contrib.auth import user_logged_in
from django.core.exceptions import SynchronousOnlyOperation
from django.core.handlers.asgi import ASGIHandler
from django.http import HttpRequest, HttpResponse
from django.test import AsyncRequestFactory

from sojourn import Store
from sojourn.adapters.django import SessionStore, SojournMiddleware
from tests.adapters.browser import CountingBackend
from tests.adapters.djangos import OURS, update_last_login


@dataclass(frozen=True)
class Told:
    """An answer."""

    status: int
    body: str
    cookie: str
    """``name=value`` as the next request sends it; empty where none is set."""


async def visit(cookie: str, query: str = "", *, method: str = "GET", path: str = "/async") -> Told:
    """One request of Django's ASGI handler."""
    scope = {
        "type": "http",
        "method": method,
        "scheme": "https",
        "path": path,
        "query_string": query.encode(),
        "headers": [(b"host", b"shop.example"), *([(b"cookie", cookie.encode())] if cookie else [])],
    }
    told: list[Any] = []

    async def receive() -> Any:
        if not told:
            told.append(None)
            return {"type": "http.request", "body": b"", "more_body": False}
        return await asyncio.Event().wait()

    async def send(message: Any) -> None:
        told.append(message)

    await ASGIHandler()(scope, receive, send)
    start, body = told[1], b"".join(part["body"] for part in told[2:])
    found = [value.decode() for name, value in start["headers"] if name.lower() == b"set-cookie"]
    return Told(start["status"], body.decode(), found[0].partition(";")[0] if found else "")


@pytest.fixture(autouse=True)
def _no_database(configured: Callable[..., None]) -> Iterator[None]:
    """Users are made up."""
    configured(MIDDLEWARE=[OURS])
    assert user_logged_in.disconnect(dispatch_uid="update_last_login")
    yield
    user_logged_in.connect(update_last_login, dispatch_uid="update_last_login")


def test_async_views_and_their_logins(store: Store, backend: CountingBackend) -> None:
    """Under Django's ASGI handler, with an event loop that runs."""

    async def story() -> None:
        first = await visit("")
        assert (first.status, first.body) == (200, "1")
        second = await visit(first.cookie, "do=login")
        assert (second.status, second.body) == (200, "2")
        assert second.cookie not in ("", first.cookie)
        assert await visit(first.cookie) == Told(200, "1", "")  # in flight: dropped
        late = await visit(first.cookie, method="POST")
        assert (late.status, late.cookie) == (409, "")
        for method in ("GET", "POST"):  # a double click
            third = await visit(first.cookie, "do=login", method=method)
            assert (third.status, third.cookie[:19]) == (200, "__Host-session=sjn_")
            assert (await visit(third.cookie)).body == "2"
            store.expire(third.cookie.partition("=")[2])
        assert (await visit(second.cookie)).body == "3"
        assert len(list(store.sessions(subject="7"))) == 1
        gone = await visit(second.cookie, "do=logout")
        assert (gone.body, gone.cookie) == ("None", '__Host-session=""')
        assert (await visit(second.cookie)).body == "1"

    asyncio.run(story())
    assert len(backend.records) == 1  # what the first key brought after the login was dropped


# ---- what is synchronous raises, as with Django's own engines


def saved() -> str:
    """The key of a session that holds something."""
    session = SessionStore()
    session["a"] = 1
    session.save()
    return str(session.session_key)


def pending() -> SessionStore:
    """A session that was opened, and whose key is to be renewed."""
    session = SessionStore(saved())
    session.cycle_key()
    return session


ACCESSORS: dict[str, Callable[[Any], object]] = {
    "get": lambda session: session.get("a"),
    "[]": lambda session: session["a"],
    "[] =": lambda session: session.__setitem__("a", 2),
    "del": lambda session: session.__delitem__("a"),
    "in": lambda session: "a" in session,
    "has_key": lambda session: session.has_key("a"),
    "keys": lambda session: session.keys(),
    "values": lambda session: session.values(),
    "items": lambda session: session.items(),
    "pop": lambda session: session.pop("a"),
    "setdefault": lambda session: session.setdefault("b", 1),
    "update": lambda session: session.update({"b": 1}),
    "set_expiry": lambda session: session.set_expiry(60),
    "get_expiry_age": lambda session: session.get_expiry_age(),
    "get_expire_at_browser_close": lambda session: session.get_expire_at_browser_close(),
    "cycle_key": lambda session: session.cycle_key(),
    "flush": lambda session: session.flush(),
    "delete": lambda session: session.delete(),
    "load": lambda session: session.load(),
    "save": lambda session: session.save(),
    "refresh": lambda session: session.refresh(),
    "id": lambda session: session.id,
    "exists": lambda session: session.exists("sjn_" + "A" * 36),
}


@pytest.mark.parametrize("access", ACCESSORS.values(), ids=ACCESSORS)
def test_what_would_wait_for_the_store_in_the_event_loop_raises(
    access: Callable[[Any], object], backend: CountingBackend
) -> None:
    """And the store is not called; the same in a thread works."""
    key = saved()

    async def look() -> None:
        session = SessionStore(key)
        with backend.counted() as calls, pytest.raises(SynchronousOnlyOperation, match="async methods"):
            access(session)
        assert calls == []
        await sync_to_async(access)(SessionStore(key))

    asyncio.run(look())


def test_a_key_that_is_pending_is_not_waited_for_in_the_event_loop() -> None:
    """Nor is whether the old one still opens a session."""
    session, before = pending(), saved()

    async def look() -> None:
        for access in (lambda: session.session_key, lambda: session.exists(before)):
            with pytest.raises(SynchronousOnlyOperation):
                access()
        await session.asave()
        assert await session.aexists(str(session.session_key))

    asyncio.run(look())


def test_what_needs_no_store_is_free_in_the_event_loop(backend: CountingBackend) -> None:
    """A session without a key, one that was opened, and its key."""
    key = saved()

    async def look() -> None:
        fresh, opened = SessionStore(), SessionStore(key)
        assert fresh.get("a") is None
        fresh["a"] = 1
        assert await opened.aget("a") == 1
        with backend.counted() as calls:
            assert (opened["a"], opened.session_key, opened.is_empty(), opened.modified) == (1, key, False, False)
            opened["b"] = 2
            opened.set_expiry(60)
        assert calls == []

    asyncio.run(look())


# ---- the async methods


def test_the_async_methods_do_what_the_others_do() -> None:
    """And what they do is in the store at once."""

    async def story() -> None:
        session = SessionStore()
        await session.aset("a", 1)
        await session.aupdate({"b": 2})
        await session.asave()
        key = str(session.session_key)
        again = SessionStore(key)
        assert dict(await again.aitems()) == {"a": 1, "b": 2}
        assert await again.apop("a") == 1
        assert await again.asetdefault("c", 3) == 3
        await again.aset_expiry(600)
        await again.acycle_key()
        assert again.session_key != key
        assert not await again.aexists(key)
        assert await again.aget_expiry_age() == 600
        other = SessionStore()
        await other.acreate()
        assert await other.aexists(str(other.session_key))
        await again.aflush()
        assert again.session_key is None
        await other.adelete()
        assert not await other.aexists(str(other.session_key))
        await SessionStore.aclear_expired()

    asyncio.run(story())


def test_a_long_request_can_ask_again(store: Store) -> None:
    """A poll or a socket: what others stored is there, and a session that was ended is empty."""
    key = saved()

    async def poll() -> None:
        session = SessionStore(key)
        assert await session.aget("a") == 1
        other = SessionStore(key)
        await other.aset("a", 2)
        await other.asave()
        await session.aset("dropped", True)
        await session.arefresh()
        assert (session["a"], "dropped" in session, session.modified) == (2, False, False)
        store.expire(key)
        await session.arefresh()
        assert (session.get("a"), session.session_key, session.is_empty()) == (None, None, True)

    asyncio.run(poll())


def test_the_store_is_called_in_no_event_loop(backend: CountingBackend) -> None:
    """Whatever the page does, and when the session is stored after it."""
    threads: list[threading.Thread] = []
    backend.on_call = lambda: threads.append(threading.current_thread())

    async def story() -> threading.Thread:
        cookie = (await visit("")).cookie
        await visit((await visit(cookie, "do=login")).cookie, "do=logout")
        return threading.current_thread()

    loop = asyncio.run(story())
    assert len(threads) > 4
    assert loop not in threads


# ---- threads


def test_a_request_that_needs_no_session_waits_for_no_session(backend: CountingBackend) -> None:
    """Sixty visitors whose sessions stall: another one, and ``/health``, are served meanwhile."""
    key, stalled, go = saved(), threading.Semaphore(0), threading.Event()
    is_stalling = True

    def stall() -> None:
        if is_stalling:
            stalled.release()
            assert go.wait(60)

    async def story() -> None:
        nonlocal is_stalling
        loop = asyncio.get_running_loop()
        with ThreadPoolExecutor(1) as watcher:
            waiting = [asyncio.ensure_future(visit(f"__Host-session={key}")) for _ in range(60)]
            for _ in waiting:
                assert await loop.run_in_executor(watcher, stalled.acquire, True, 60)
            is_stalling = False
            try:
                assert (await visit("", path="/health")).body == "well"
                assert (await visit(f"__Host-session={key}", path="/health")).body == "well"
                assert (await visit("")).body == "1"
            finally:
                go.set()
            assert {told.status for told in await asyncio.gather(*waiting)} == {200}

    backend.on_call = stall
    asyncio.run(story())


@pytest.mark.parametrize(("is_looked_at", "threads"), [(False, 0), (True, 1)])
def test_a_request_that_looks_at_no_session_takes_no_thread(
    monkeypatch: pytest.MonkeyPatch, is_looked_at: bool, threads: int
) -> None:
    """For the middleware, that is, where Django's own takes one for each request."""
    key, start = saved(), threading.Thread.start
    started: list[threading.Thread] = []
    seen: list[int] = []

    def count(thread: threading.Thread) -> None:
        started.append(thread)
        start(thread)

    async def page(request: HttpRequest) -> HttpResponse:
        if is_looked_at:
            await request.session.aget("a")
        return HttpResponse("well")

    async def story() -> None:
        request = AsyncRequestFactory(headers={"Cookie": f"__Host-session={key}"}).get("/")
        middleware: Any = SojournMiddleware(page)  # type: ignore[arg-type]  # a coroutine function
        async with ThreadSensitiveContext():
            response = await middleware(request)
            seen.append(len(started))
        assert response.headers.get("Vary") == ("Cookie" if is_looked_at else None)

    monkeypatch.setattr(threading.Thread, "start", count)
    asyncio.run(story())
    assert seen == [threads]
