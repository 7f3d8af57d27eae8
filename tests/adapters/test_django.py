"""The Django engine under Django's own middleware and ours, its auth, its client and its commands."""

import asyncio
import re
from collections.abc import Callable, Iterator, MutableMapping, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.conf import settings
from django.contrib.auth import alogin, alogout, login, logout, user_logged_in
from django.contrib.sessions.backends.base import CreateError, UpdateError
from django.core.exceptions import SynchronousOnlyOperation
from django.core.handlers.asgi import ASGIHandler
from django.core.handlers.wsgi import WSGIHandler
from django.core.management import call_command
from django.db import connections
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.test import Client, RequestFactory, override_settings
from django.urls import path, re_path
from django.utils import timezone
from django.utils.http import http_date

from sojourn import ConfigurationError, InvalidDataError, SessionGoneError, Store
from sojourn.adapters.cookies import Cookie
from sojourn.adapters.django import SessionStore
from sojourn.testing import FakeClock
from tests.adapters.browser import MEANWHILE, Answer, Browser, CountingBackend, Page, Wire, page
from tests.adapters.contract import AdapterContract, Made
from tests.adapters.djangos import DJANGOS, OURS, User, update_last_login

_USER = "_auth_user_id"
_ORDER = ["max-age", "expires", "path", "domain", "secure", "httponly", "samesite"]


class Face(MutableMapping[str, object]):
    """A Django session, with the verbs of the other adapters. Its user is not shown."""

    def __init__(self, session: Any) -> None:
        self._session = session

    def __getitem__(self, key: str) -> object:
        return self._session[_USER if key == "user" else key]

    def __setitem__(self, key: str, value: object) -> None:
        self._session[_USER if key == "user" else key] = value

    def __delitem__(self, key: str) -> None:
        del self._session[_USER if key == "user" else key]

    def __iter__(self) -> Iterator[str]:
        return (key for key in self._session.keys() if key != _USER)  # noqa: SIM118  # it is no mapping

    def __len__(self) -> int:
        return sum(1 for _ in self)

    @property
    def subject(self) -> object:
        """Who is logged in."""
        return self._session.get(_USER)

    def login(self, subject: str, *, label: str | None = None) -> None:
        """As django.contrib.auth does it."""
        self._session.cycle_key()
        self._session[_USER], self._session.label = subject, label
        self._session.begin_anew()  # at Django's signal

    def set_expiry(self, seconds: int) -> None:
        """Django's way to be remembered."""
        self._session.set_expiry(seconds)

    def clear(self) -> None:
        """Of its user, too."""
        self._session.clear()

    def rotate(self) -> None:
        """A new key."""
        self._session.cycle_key()

    def logout(self) -> None:
        """As django.contrib.auth does it."""
        self._session.flush()


def pages(request: HttpRequest) -> HttpResponse:
    """The application."""
    face: Any = Face(request.session)
    try:
        return HttpResponse(page(request.path, face, the_store()))
    except Page as other:
        return HttpResponse(status=other.status)


def log_in(request: HttpRequest, name: str) -> HttpResponse:
    """Django's own login."""
    user, _ = User.objects.get_or_create(username=name)
    login(request, user)
    return HttpResponse(str(user.pk))


def log_out(request: HttpRequest) -> HttpResponse:
    """Django's own logout."""
    logout(request)
    return HttpResponse()


def who(request: HttpRequest) -> HttpResponse:
    """Who Django thinks it is."""
    return HttpResponse(request.user.get_username())


def fail_after_login(request: HttpRequest) -> HttpResponse:
    """A login that nobody hears of."""
    log_in(request, "ada")
    return HttpResponse(status=500)


def look_at_key(request: HttpRequest) -> HttpResponse:
    """As applications do that keep a list of their own."""
    log_in(request, "ada")
    return HttpResponse(request.session.session_key)


def fail_after_look(request: HttpRequest) -> HttpResponse:
    """The key was looked at, and the page failed."""
    look_at_key(request)
    return HttpResponse(status=500)


def last(request: HttpRequest, seconds: str) -> HttpResponse:
    """A page that says how long the session lasts."""
    request.session.set_expiry(int(seconds))
    return HttpResponse()


def last_until(request: HttpRequest, seconds: str) -> HttpResponse:
    """A page that says when the session ends."""
    request.session.set_expiry(timedelta(seconds=int(seconds)))
    return HttpResponse()


async def asynchronous(request: HttpRequest) -> HttpResponse:
    """Everything that a session can do without waiting for the store."""
    session = request.session
    await session.aset("n", (await session.aget("n", 0)) + 1)
    if request.GET.get("do") == "login":
        await alogin(request, User(pk=7, username="ada"), backend="django.contrib.auth.backends.ModelBackend")
    if request.GET.get("do") == "logout":
        await alogout(request)
    return HttpResponse(str(await session.aget("n")))


def stream(request: HttpRequest) -> StreamingHttpResponse:
    """An answer in parts."""
    request.session["n"] = request.session.get("n", 0) + 1
    return StreamingHttpResponse(f"{part} {request.session['n']} " for part in "ab")


urlpatterns = [
    path("stream", stream),
    path("auth/login/<name>", log_in),
    path("auth/logout", log_out),
    path("auth/who", who),
    path("auth/fails", fail_after_login),
    path("auth/key", look_at_key),
    path("auth/key-fails", fail_after_look),
    path("last/<seconds>", last),
    path("last-until/<seconds>", last_until),
    path("async", asynchronous),
    re_path(".*", pages),
]


def the_store() -> Store:
    """Of the test that runs."""
    found: Store = settings.SOJOURN_STORE()
    return found


def canonical(header: str) -> str:
    """A Set-Cookie header as the other adapters write it: Django writes the same in another order."""
    (pair, *attributes) = re.split("; ", header)
    name, _, value = pair.partition("=")
    ranked = sorted(attributes, key=lambda one: _ORDER.index(one.partition("=")[0].lower()))
    value = value.strip('"')
    return "; ".join([f"{name}={value}", *ranked]).replace("expires=", "Expires=")


def wire() -> Wire:
    """A server."""
    factory = RequestFactory()

    def request(path: str, cookies: Sequence[str], also: str, method: str = "GET") -> Answer:
        line = "; ".join([*cookies, *([also] if also else [])])
        environ = factory._base_environ(PATH_INFO=path, REQUEST_METHOD=method, **{"wsgi.url_scheme": "https"})  # type: ignore[attr-defined]
        environ.pop("HTTP_COOKIE", None)
        if line:
            environ["HTTP_COOKIE"] = line.encode().decode("latin-1")
        told: list[Any] = []
        answer = WSGIHandler()(environ, lambda status, headers, *_: told.extend([status, headers]))  # type: ignore[arg-type]
        body = b"".join(answer).decode()
        status, headers = told
        found = [canonical(value) for name, value in headers if name == "Set-Cookie"]
        named = {name.lower(): value for name, value in headers}
        return Answer(int(status[:3]), body, found, named.get("vary", ""), named)

    return request


@pytest.fixture(autouse=True)
def _settings(store: Store) -> Iterator[None]:
    with override_settings(SOJOURN_STORE=lambda: store):
        yield


@pytest.fixture
def configured() -> Iterator[Callable[..., None]]:
    """Other settings until the end of the test."""
    with ExitStack() as stack:

        def configure(**others: Any) -> None:
            stack.enter_context(override_settings(**others))

        yield configure


class TestDjango(AdapterContract):
    """The contract, with our middleware."""

    @pytest.fixture
    def adapter(self, configured: Callable[..., None]) -> Made:
        """Options are Django's settings."""

        def make(
            _store: Store, *, cookie: Cookie | None = None, on_conflict: str = "raise", subject_of: str = "user"
        ) -> Wire:
            assert subject_of == "user"
            cookie = cookie or Cookie()
            configured(
                SOJOURN_ON_CONFLICT=on_conflict,
                SESSION_COOKIE_NAME=cookie.name,
                SESSION_COOKIE_PATH=cookie.path,
                SESSION_COOKIE_SAMESITE=cookie.samesite,
                SESSION_EXPIRE_AT_BROWSER_CLOSE=not cookie.persistent,
            )
            return wire()

        return make


@pytest.fixture
def browser() -> Browser:
    """With an empty jar."""
    return Browser(wire())


@pytest.fixture(scope="module")
def _tables() -> Iterator[None]:
    call_command("migrate", verbosity=0, run_syncdb=True)
    yield
    connections.close_all()


@pytest.fixture
def _database(_tables: None) -> Iterator[None]:
    yield
    call_command("flush", verbosity=0, interactive=False)


# ---- Django's own middleware, one line of configuration


def test_the_engine_alone_is_enough(
    browser: Browser, configured: Callable[..., None], backend: CountingBackend
) -> None:
    """What is stored, read and ended is the same."""
    configured(MIDDLEWARE=[DJANGOS])
    browser.get("/put/a/1")
    with backend.counted() as calls:
        assert browser.get("/show").body == "[('a', '1')]"
    assert calls == ["load"]
    before = browser.twin()
    browser.get("/login/ada")
    assert before.get("/show").body == "[]"
    assert browser.get("/show").body == "[('a', '1')]"
    assert browser.get("/slow/2").status == 400  # SessionInterrupted
    browser.get("/login/ada")
    browser.get("/logout")
    assert browser.jar == {}
    assert backend.records == []


def test_a_stream_is_stored_before_it_begins(browser: Browser) -> None:
    """And can be read while it runs."""
    assert [browser.get("/stream").body for _ in range(2)] == ["a 1 b 1 ", "a 2 b 2 "]


def test_the_engine_alone_leaves_the_cookie_of_another_login_alone(
    browser: Browser, configured: Callable[..., None], backend: CountingBackend
) -> None:
    """Django's own middleware answers 400 to a request in flight that put something in."""
    configured(MIDDLEWARE=[DJANGOS])
    browser.get("/put/a/1")
    other = browser.twin()
    browser.get("/login/ada")
    for path_, status in (("/show", 200), ("/put/b/2", 400), ("/logout", 400)):
        answer = other.get(path_)
        assert (answer.status, answer.cookies) == (status, [])
    assert len(backend.records) == 1
    other.get("/login/ada")
    assert other.get("/show").body == "[('a', '1')]"


def test_a_session_that_is_saved_with_every_request_leaves_it_alone_as_well(
    browser: Browser, configured: Callable[..., None]
) -> None:
    """SESSION_SAVE_EVERY_REQUEST: there is nothing to save."""
    configured(SESSION_SAVE_EVERY_REQUEST=True)
    browser.get("/put/a/1")
    other = browser.twin()
    browser.get("/login/ada")
    for answer in (other.get("/show"), other.post("/show"), other.get("/put/b/2")):
        assert (answer.status, answer.cookies) == (200, [])


def test_a_late_flush_does_not_take_the_cookie_of_a_login(browser: Browser, clock: FakeClock) -> None:
    """Django's logout loads nothing before; what counts is when the request arrived."""
    browser.get("/put/a/1")
    other = browser.twin()

    def log_in() -> None:
        browser.get("/login/ada")
        clock.advance(60)

    MEANWHILE.do(log_in)
    answer = other.post("/meanwhile/logout")
    assert (answer.status, answer.cookies) == (200, [])
    assert other.get("/logout").cookies[0].startswith("__Host-session=; Max-Age=0")
    assert browser.get("/whose").body == "ada"


# ---- lifetimes

DAY = 86_400


@pytest.mark.parametrize("is_one_request", [False, True])
def test_an_expiry_of_its_own_is_kept(
    browser: Browser,
    configured: Callable[..., None],
    clock: FakeClock,
    backend: CountingBackend,
    *,
    is_one_request: bool,
) -> None:
    """``SESSION_COOKIE_AGE = 3600``, a login, ``set_expiry`` of 14 days: in session and cookie alike."""
    configured(SESSION_COOKIE_AGE=3_600, SESSION_EXPIRE_AT_BROWSER_CLOSE=False)
    browser.get("/put/a/1")
    clock.advance(600)
    if is_one_request:
        browser.post(f"/remember/ada/{14 * DAY}")
    else:
        browser.post("/login/ada")
        browser.post(f"/last/{14 * DAY}")
    (record,), until = backend.records, clock() + 14 * DAY
    assert (record.idle, record.expires_at, record.absolute_at) == (14 * DAY, until, until)
    assert f"; Max-Age={14 * DAY}; Expires={http_date(until)}; " in browser.last[0]
    browser.post("/last/0")
    assert "Expires" not in browser.last[0]
    browser.post("/put/a/2")
    assert browser.last == []


def test_a_date_is_kept_in_session_and_cookie(
    browser: Browser, clock: FakeClock, backend: CountingBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However long before the session began."""
    monkeypatch.setattr(timezone, "now", lambda: datetime.fromtimestamp(clock(), UTC))
    browser.get("/put/a/1")
    clock.advance(1_000)
    for seconds in (20 * DAY, 3_600):
        browser.post(f"/last-until/{seconds}")
        assert f"; Max-Age={seconds}; Expires={http_date(clock() + seconds)}; " in browser.last[0]
    browser.post(f"/last-until/{20 * DAY}")
    (record,) = backend.records
    assert record.expires_at == record.absolute_at == clock() + 20 * DAY


def test_sixty_days_are_sixty_days(
    browser: Browser, configured: Callable[..., None], clock: FakeClock, backend: CountingBackend
) -> None:
    """SESSION_COOKIE_AGE, for a session and its cookie."""
    configured(SESSION_COOKIE_AGE=60 * DAY, SESSION_EXPIRE_AT_BROWSER_CLOSE=False)
    browser.get("/put/a/1")
    (record,) = backend.records
    assert (record.idle, record.absolute_at) == (60 * DAY, clock() + 60 * DAY)
    assert f"; Max-Age={60 * DAY}; " in browser.last[0]
    clock.advance(60 * DAY - 1)
    assert browser.get("/show").body == "[('a', '1')]"


@pytest.mark.parametrize("age", [0, 91 * DAY])
def test_an_age_that_no_session_can_have_is_refused_at_start(configured: Callable[..., None], age: int) -> None:
    """When the handler is made, not at the first request; and never cut."""
    configured(SESSION_COOKIE_AGE=age)
    with pytest.raises(ConfigurationError, match="SESSION_COOKIE_AGE"):
        WSGIHandler()


def test_an_expiry_that_no_session_can_have_is_an_error(backend: CountingBackend) -> None:
    """Nothing is stored."""
    session = SessionStore()
    session.set_expiry(91 * DAY)
    session["a"] = 1
    with pytest.raises(InvalidDataError, match="SOJOURN_MAX_ABSOLUTE_SECONDS"):
        session.save()
    assert backend.records == []


# ---- auth


@pytest.mark.usefixtures("_database")
class TestAuth:
    """``django.contrib.auth``, with its users in a database."""

    def test_a_login_is_one_write(self, browser: Browser, store: Store, backend: CountingBackend) -> None:
        """With a session before it, and without; afterwards the user's devices are known."""
        with backend.counted() as calls:
            user = browser.get("/auth/login/ada").body
        assert calls == ["insert"]
        other = Browser(browser.wire)
        other.get("/put/cart/tea")
        before = other.twin()
        with backend.counted() as calls:
            other.get("/auth/login/ada")
        assert calls == ["load", "replace"]
        assert before.get("/show").body == "[]"
        assert len(list(store.sessions(subject=user))) == 2
        assert [one.get("/auth/who").body for one in (browser, other, before)] == ["ada", "ada", ""]
        store.expire_all(subject=user)
        assert [one.get("/auth/who").body for one in (browser, other)] == ["", ""]

    def test_a_user_who_logs_in_again_begins_anew(
        self, browser: Browser, backend: CountingBackend, clock: FakeClock
    ) -> None:
        """Under another key, where Django's own backends keep the one there is; the session stays the same."""
        browser.get("/auth/login/ada")
        before = browser.twin()
        clock.advance(100)
        with backend.counted() as calls:
            browser.get("/auth/login/ada")
        assert calls == ["load", "replace"]
        (record,) = backend.records
        assert (record.began_at, record.absolute_at) == (clock(), clock() + 43_200)
        assert [one.get("/auth/who").body for one in (browser, before)] == ["ada", ""]

    def test_a_key_that_was_looked_at_is_handed_out_also_when_the_page_fails(
        self, browser: Browser, backend: CountingBackend
    ) -> None:
        """The old one opens nothing any more; nor when the store is away afterwards."""
        browser.get("/put/cart/tea")
        assert browser.get("/auth/key-fails").status == 500
        assert browser.get("/auth/who").body == "ada"
        backend.on_call = lambda: setattr(backend, "is_away", backend.calls[-2:] == ["load", "replace"])
        assert browser.get("/auth/key").status == 503
        backend.on_call, backend.is_away = lambda: None, False
        assert browser.get("/auth/who").body == "ada"

    def test_a_logout_ends_the_session(self, browser: Browser, backend: CountingBackend) -> None:
        """For whoever has the old cookie, too."""
        browser.get("/auth/login/ada")
        before = browser.twin()
        browser.get("/auth/logout")
        assert (browser.jar, backend.records) == ({}, [])
        assert before.get("/auth/who").body == ""

    def test_another_user_gets_another_session(self, browser: Browser, backend: CountingBackend) -> None:
        """Nothing of the first one's is in it."""
        browser.get("/auth/login/ada")
        browser.get("/put/a/1")
        browser.get("/auth/login/eve")
        assert browser.get("/auth/who").body == "eve"
        assert "('a'" not in browser.get("/show").body
        assert len(backend.records) == 1

    def test_a_login_that_nobody_hears_of_costs_nobody_the_session(self, browser: Browser) -> None:
        """The page failed: the old key still works, and is still nobody's."""
        browser.get("/put/cart/tea")
        assert browser.get("/auth/fails").status == 500
        assert browser.get("/show").body == "[('cart', 'tea')]"
        assert browser.get("/auth/who").body == ""

    def test_the_key_can_be_looked_at_after_a_login(self, browser: Browser) -> None:
        """It is the new one, then and later."""
        browser.get("/put/cart/tea")
        shown = browser.get("/auth/key").body
        assert browser.get("/auth/who").body == "ada"
        assert shown.startswith("sjn_")

    def test_users_need_not_be_subjects(self, browser: Browser, store: Store, configured: Callable[..., None]) -> None:
        """Where nobody wants lists."""
        configured(SOJOURN_SUBJECT=False)
        user = browser.get("/auth/login/ada").body
        assert list(store.sessions(subject=user)) == []
        assert browser.get("/auth/who").body == "ada"

    def test_djangos_test_client_logs_in(self, store: Store) -> None:
        """It makes sessions by hand."""
        client = Client()
        user = User.objects.create(username="ada")
        client.force_login(user)
        assert client.get("/auth/who", secure=True).content == b"ada"
        assert len(list(store.sessions(subject=str(user.pk)))) == 1
        session = client.session
        session["a"] = 1
        session.save()
        assert b"('a', 1)" in client.get("/show", secure=True).content
        client.logout()
        assert client.get("/auth/who", secure=True).content == b""


def test_async_views_and_their_logins(store: Store, backend: CountingBackend, configured: Callable[..., None]) -> None:
    """Under Django's ASGI handler, with an event loop that runs. No database: the user is made up."""
    configured(MIDDLEWARE=[OURS])
    assert user_logged_in.disconnect(dispatch_uid="update_last_login")

    async def visit(cookie: str, query: str = "", *, method: str = "GET") -> tuple[int, str, str]:
        scope = {
            "type": "http",
            "method": method,
            "scheme": "https",
            "path": "/async",
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
        return start["status"], body.decode(), found[0].partition(";")[0] if found else ""

    async def story() -> None:
        status, body, first = await visit("")
        assert (status, body) == (200, "1")
        status, body, second = await visit(first, "do=login")
        assert (status, body) == (200, "2")
        assert second not in ("", first)
        assert await visit(first) == (200, "1", "")  # in flight: dropped
        assert (await visit(first, method="POST"))[::2] == (409, "")
        for method in ("GET", "POST"):  # a double click
            status, body, third = await visit(first, "do=login", method=method)
            assert (status, third[:19]) == (200, "__Host-session=sjn_")
            assert (await visit(third))[1] == "2"
            store.expire(third.partition("=")[2])
        assert (await visit(second))[1] == "3"
        assert len(list(store.sessions(subject="7"))) == 1
        _, body, gone = await visit(second, "do=logout")
        assert (body, gone) == ("None", '__Host-session=""')
        assert (await visit(second))[1] == "1"

    try:
        asyncio.run(story())
    finally:
        user_logged_in.connect(update_last_login, dispatch_uid="update_last_login")
    assert len(backend.records) == 1  # what the first key brought after the login was dropped


# ---- SessionBase


class TestEngine:
    """What Django's documentation says of ``SessionBase``, and its own backends do."""

    def test_a_key_that_opens_nothing_is_not_adopted(self, backend: CountingBackend) -> None:
        """Whatever its form."""
        for key in ("short", "x" * 40, "sjn_" + "A" * 43):
            session = SessionStore(key)
            assert session.get("a") is None
            assert session.session_key is None
            session["a"] = 1
            session.save()
            assert session.session_key not in (None, key)
        assert len(backend.records) == 3

    def test_a_session_is_created_once_and_at_the_latest_when_its_key_is_wanted(self, backend: CountingBackend) -> None:
        """``create`` is ``create``, with data or without."""
        session = SessionStore()
        session.create()
        assert (backend.records, session.is_empty(), session.modified) == ([], False, True)
        key = session.session_key
        assert len(backend.records) == 1
        assert session.session_key == key
        session["a"] = 1
        session.save()
        assert (session.session_key, SessionStore(key)["a"]) == (key, 1)
        assert SessionStore().exists(str(key))
        assert not SessionStore().exists("sjn_" + "A" * 43)

    def test_a_cycled_key_takes_everything_along(self, backend: CountingBackend) -> None:
        """And the old one is dead."""
        session = SessionStore()
        session["a"], session["nested"] = 1, {"b": [2]}
        session.save()
        before = session.session_key
        session = SessionStore(before)
        session.cycle_key()
        after = session.session_key
        assert after != before
        assert dict(SessionStore(after).items()) == {"a": 1, "nested": {"b": [2]}}
        assert not SessionStore().exists(str(before))
        assert len(backend.records) == 1

    def test_a_flushed_session_is_gone(self, backend: CountingBackend) -> None:
        """One that was never stored is, too."""
        session = SessionStore()
        session["a"] = 1
        session.save()
        session.flush()
        assert (session.session_key, session.is_empty(), session.get("a"), backend.records) == (None, True, None, [])
        session.create()
        session.flush()
        assert (session.session_key, backend.records) == (None, [])

    def test_what_ended_does_not_come_back(self, backend: CountingBackend) -> None:
        """``UpdateError``, as Django expects it."""
        session = SessionStore()
        session["a"] = 1
        session.save()
        other, never_loaded = SessionStore(session.session_key), SessionStore(session.session_key)
        other["a"] = 2
        session.delete()
        with pytest.raises(UpdateError) as told:
            other.save()
        assert isinstance(told.value.__cause__, SessionGoneError)
        never_loaded.clear()
        with pytest.raises(UpdateError):
            never_loaded.save()
        assert backend.records == []

    def test_nobody_brings_a_key(self, backend: CountingBackend) -> None:
        """``CreateError``: not a free one either."""
        session = SessionStore("a" * 32)
        with pytest.raises(CreateError):
            session.save(must_create=True)
        fresh = SessionStore()
        fresh.save(must_create=True)
        with pytest.raises(CreateError):
            SessionStore(fresh.session_key).save(must_create=True)
        assert len(backend.records) == 1

    def test_nested_changes_are_noticed(self) -> None:
        """Django's own backends need to be told."""
        session = SessionStore()
        session["cart"] = ["tea"]
        session.save()
        again = SessionStore(session.session_key)
        assert again["cart"] == ["tea"]
        before = again.modified
        again["cart"].append("cup")
        assert (before, again.modified) == (False, True)
        again.save()
        assert SessionStore(session.session_key)["cart"] == ["tea", "cup"]

    def test_everything_a_dictionary_does(self) -> None:
        """And what makes it modified."""
        session = SessionStore()
        session.update({"a": 1, "b": 2})
        session.setdefault("c", 3)
        session.save()
        for do, is_change in (
            (lambda s: s.get("a"), False),
            (lambda s: s.has_key("a") and "b" in s, False),
            (lambda s: s.pop("z", None), False),
            (lambda s: s.setdefault("a", 9), False),
            (lambda s: (list(s.keys()), list(s.values()), list(s.items())), False),
            (lambda s: s.pop("a"), True),
            (lambda s: s.setdefault("z", 1), True),
            (lambda s: s.update({"y": 1}), True),
            (lambda s: s.clear(), True),
            (lambda s: s.set_test_cookie(), True),
        ):
            again: Any = SessionStore(session.session_key)
            do(again)
            assert again.accessed
            assert again.modified is is_change
        session.set_test_cookie()
        assert session.test_cookie_worked()
        session.delete_test_cookie()
        assert not session.test_cookie_worked()

    def test_values_that_json_does_not_know_come_back_as_they_went(self) -> None:
        """SESSION_SERIALIZER is not asked."""
        session, now = SessionStore(), datetime.now(UTC)
        session["when"], session["pair"] = now, (1, 2)
        session.save()
        again = SessionStore(session.session_key)
        assert (again["when"], again["pair"]) == (now, (1, 2))

    def test_expiries(self, clock: FakeClock, store: Store, configured: Callable[..., None]) -> None:
        """Seconds without a visit; the store's limits hold."""
        for value, idle in ((None, 1_800), (300, 300), (0, 1_800), (90 * 86_400, store.settings.max_absolute_seconds)):
            session = SessionStore()
            session.set_expiry(value)
            session["a"] = 1
            session.save()
            assert session.get_expire_at_browser_close() is (value in (None, 0))
            clock.advance(idle - 1)
            assert store.read(str(session.session_key), touch=False) is not None
            clock.advance(1)
            assert SessionStore(session.session_key).get("a") is None
        configured(SESSION_COOKIE_AGE=1_209_600)
        session = SessionStore()
        session["a"] = 1
        session.save()
        clock.advance(1_209_599)
        assert SessionStore(session.session_key).get("a") == 1

    def test_a_new_expiry_takes_effect_when_it_is_saved(self, clock: FakeClock) -> None:
        """Of a session that lives already, with a new key and without."""
        session = SessionStore()
        session["a"] = 1
        session.save()
        session.set_expiry(60)
        session.save()
        other = SessionStore(session.session_key)
        other.set_expiry(30)
        other.cycle_key()
        key = other.session_key
        clock.advance(29)
        assert SessionStore().exists(str(key))
        clock.advance(1)
        assert not SessionStore().exists(str(key))

    def test_a_date_is_a_date(
        self, clock: FakeClock, backend: CountingBackend, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Visits do not move it."""
        monkeypatch.setattr(timezone, "now", lambda: datetime.fromtimestamp(clock(), UTC))
        session = SessionStore()
        session.set_expiry(timedelta(hours=1))
        session["a"] = 1
        session.save()
        for _ in range(5):
            clock.advance(600)
            assert SessionStore(session.session_key)["a"] == 1
        clock.advance(600)
        assert SessionStore(session.session_key).get("a") is None
        assert backend.records == []

    def test_the_key_is_not_waited_for_in_the_event_loop(self) -> None:
        """Who makes one pending there is told what to do."""

        async def look() -> None:
            session = SessionStore()
            session.create()
            with pytest.raises(SynchronousOnlyOperation, match="asave"):
                session.session_key  # noqa: B018  # it is a property
            await session.asave()
            assert session.session_key
            assert await session.aexists(session.session_key)
            await session.acycle_key()
            await session.adelete()
            assert not await session.aexists(str(session.session_key))
            await SessionStore.aclear_expired()
            other = SessionStore()
            await other.acreate()
            assert await other.aexists(str(other.session_key))

        asyncio.run(look())

    def test_clearsessions_has_nothing_to_do(self) -> None:
        """The sweep function does it; cron jobs go on."""
        call_command("clearsessions")


def test_a_session_that_is_saved_with_every_request_costs_no_write(
    browser: Browser, configured: Callable[..., None], backend: CountingBackend
) -> None:
    """SESSION_SAVE_EVERY_REQUEST: what is as it was is not written."""
    configured(SESSION_SAVE_EVERY_REQUEST=True)
    browser.get("/put/a/1")
    with backend.counted() as calls:
        browser.get("/show")
    assert calls == ["load"]
