"""Moving in from another store: who was logged in stays so, and nothing comes back."""

import base64
import hashlib
import hmac
import json
import logging
import pickle
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any
from urllib.parse import quote

import flask
import msgspec
import pytest
from django.contrib.sessions.backends.db import SessionStore as DatabaseStore
from django.contrib.sessions.backends.signed_cookies import SessionStore as CookieStore
from django.core import signing
from django.core.management import call_command
from django.db import connections
from django.test import override_settings
from flask import Flask
from itsdangerous import Signer

from devstack.clients import Clients
from sojourn import ConfigurationError, SessionEvent, Settings, Store, StoreUnavailableError
from sojourn.adapters.asgi import SojournMiddleware as AsgiMiddleware
from sojourn.adapters.cookies import Cookie, FormerCookie
from sojourn.adapters.flask import Sojourn
from sojourn.adapters.lambda_handler import session_of, with_session
from sojourn.adapters.rules import Rules
from sojourn.adapters.visit import Visit
from sojourn.adapters.wsgi import SojournMiddleware
from sojourn.migrate import Found, MigratingStore, Report, UnreadableError
from sojourn.migrate import django as from_django
from sojourn.migrate import flask as from_flask
from sojourn.migrate.express import DynamoSessions
from sojourn.testing import FakeClock, memory_store
from sojourn.tokens import mint
from tests.adapters import test_asgi, test_flask
from tests.adapters.browser import MEANWHILE, Browser, CountingBackend
from tests.adapters.django import pages
from tests.adapters.events import websocket
from tests.adapters.test_wsgi import application, wire_to

FORMER = Cookie(former_names=("old",))


@dataclass
class Shelf:
    """An older store: what is in it by its key, and what goes wrong with it."""

    sessions: dict[str, Found] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    unreadable: set[str] = field(default_factory=set)
    is_away: bool = False
    keeps: bool = False

    def find(self, key: str) -> Found | None:
        """See ``Source``."""
        self.asked.append(key)
        if self.is_away:
            raise ConnectionError("the password is hunter2")
        if key in self.unreadable:
            raise UnreadableError("is a pickle")
        return self.sessions.get(key)

    def end(self, key: str) -> None:
        """See ``Source``."""
        if self.keeps:
            raise PermissionError("the password is hunter2")
        self.sessions.pop(key, None)


@pytest.fixture
def shelf() -> Shelf:
    """With one session in it."""
    return Shelf({"old-key-1": Found({"cart": ["tea"]}, subject="ada")})


@pytest.fixture
def moving(store: Store, shelf: Shelf) -> MigratingStore:
    """The new store, before the old one."""
    return MigratingStore(store, shelf)


class TestStore:
    """The wrapper."""

    def test_an_old_key_opens_a_new_session_once(
        self, moving: MigratingStore, shelf: Shelf, backend: CountingBackend
    ) -> None:
        """At once: a direct caller has no answer to wait for. It has all the old one had; the old one is over."""
        with backend.counted() as calls:
            session = moving.read("old-key-1")
        assert calls == ["insert", "set_mark"]
        assert session is not None
        assert (dict(session), session.subject, shelf.sessions) == ({"cart": ["tea"]}, "ada", {})
        assert moving.read("old-key-1") is None
        assert dict(moving.read(session.token) or {}) == {"cart": ["tea"]}
        assert len(list(moving.sessions(subject="ada"))) == 1
        assert moving.report == Report(adopted=1, spent=1)

    def test_what_becomes_of_an_old_key_is_told(self, store: Store, shelf: Shelf) -> None:
        """With the id that its session moved in under; never the key."""
        told: list[SessionEvent] = []
        of = store.resources
        moving = MigratingStore(store.over(replace(of, reporter=of.reporter.to(told.append))), shelf)
        session = moving.within(5).read("old-key-1")
        assert session is not None
        for key in ("old-key-1", "old-key-2"):
            assert moving.read(key) is None
        moving.end("old-key-1")
        assert [(event.verb, event.outcome.value, event.reason, event.session_id) for event in told] == [
            ("create", "created", None, session.id),
            ("read", "missed", "superseded", session.id),
            ("read", "missed", "unknown", None),
            ("expire", "ended", "logout", session.id),
        ]
        assert "old-key" not in str(told)

    def test_a_token_is_never_looked_for_in_the_old_store(self, moving: MigratingStore, shelf: Shelf) -> None:
        """Not when it lives, and not when it is dead."""
        session = moving.create({"a": 1})
        assert moving.read(session.token) is not None
        moving.expire(session)
        for token in (session.token, mint(), "sjn_", "", "x" * 10_000):
            assert moving.read(token) is None
        assert shelf.asked == []

    def test_what_is_unreadable_is_reported(
        self, moving: MigratingStore, shelf: Shelf, caplog: pytest.LogCaptureFixture
    ) -> None:
        """Its reason, and nothing of it; it stays where it is."""
        shelf.unreadable.add("old-key-1")
        shelf.sessions["weird"] = Found({"secret": object()})
        shelf.sessions["large"] = Found({"secret": "x" * 2_000_000})
        with caplog.at_level(logging.WARNING):
            assert [moving.read(key) for key in ("old-key-1", "weird", "large")] == [None] * 3
        assert [record.getMessage().rpartition(": ")[2] for record in caplog.records] == [
            "it is a pickle",
            "InvalidDataError",
            "SessionTooLargeError",
        ]
        assert "secret" not in caplog.text
        assert "old-key" not in caplog.text
        assert len(shelf.sessions) == 3
        assert moving.report == Report(unreadable=3)

    def test_an_old_store_that_is_away_logs_nobody_out(self, moving: MigratingStore, shelf: Shelf) -> None:
        """It is an error that passes; nothing is told of what went wrong inside."""
        shelf.is_away = True
        with pytest.raises(StoreUnavailableError) as told:
            moving.read("old-key-1")
        assert told.value.is_transient
        assert "hunter2" not in str(told.value)
        shelf.is_away = False
        assert moving.read("old-key-1") is not None

    def test_a_new_store_that_is_away_leaves_the_old_session(
        self, moving: MigratingStore, shelf: Shelf, backend: CountingBackend
    ) -> None:
        """It is ended only when the new one is stored."""
        backend.is_away = True
        with pytest.raises(StoreUnavailableError):
            moving.read("old-key-1")
        assert "old-key-1" in shelf.sessions

    def test_what_cannot_be_ended_is_counted(
        self, moving: MigratingStore, shelf: Shelf, caplog: pytest.LogCaptureFixture
    ) -> None:
        """And told, without its contents."""
        shelf.keeps = True
        assert moving.read("old-key-1") is not None
        assert moving.report == Report(adopted=1, left=1)
        assert "PermissionError" in caplog.text
        assert "hunter2" not in caplog.text

    def test_it_lives_as_long_as_the_old_one_would_have(
        self, moving: MigratingStore, shelf: Shelf, clock: FakeClock, store: Store
    ) -> None:
        """Without a visit, and within what the settings allow."""
        most = store.settings.max_absolute_seconds
        for key, left, idle, absolute in (
            ("short", 60, 60, 43_200),
            ("long", 200_000, 200_000, 200_000),
            ("endless", 10 * most, most, most),
        ):
            shelf.sessions[key] = Found({}, until=clock() + left)
            session = moving.read(key)
            assert session is not None
            assert (session.idle, session.absolute_at - session.created_at) == (idle, absolute)
        shelf.sessions["over"] = Found({}, until=clock())
        assert moving.read("over") is None

    def test_one_day_it_is_over(self, store: Store, shelf: Shelf, clock: FakeClock) -> None:
        """The old store is not asked any more."""
        moving = MigratingStore(store, shelf, until=clock() + 100)
        clock.advance(100)
        assert moving.read("old-key-1") is None
        assert shelf.asked == []

    def test_an_old_key_can_be_ended(self, moving: MigratingStore, shelf: Shelf) -> None:
        """Where it is; and nobody is told that it was while the old store is away."""
        shelf.keeps = True
        with pytest.raises(StoreUnavailableError):
            moving.expire("old-key-1")
        shelf.keeps = False
        moving.expire("old-key-1")
        assert shelf.sessions == {}
        moving.expire("old-key-1")

    def test_a_deadline_keeps_the_old_store(self, moving: MigratingStore) -> None:
        """And the counts are of all."""
        assert moving.within(5).read("old-key-1") is not None
        assert moving.report == Report(adopted=1)


# ---- under the adapters


def wsgi(store: Store) -> Browser:
    """A browser in front of the pages."""
    return Browser(wire_to(SojournMiddleware(application(store), store, cookie=FORMER)))


def under_flask(store: Store) -> Browser:
    """The same in Flask."""
    app = test_flask.application(store)
    Sojourn(app, store, former_names=("old",))
    return Browser(test_flask.wire_to(app))


def asgi(store: Store) -> Browser:
    """The same in the event loop."""
    middleware = AsgiMiddleware(test_asgi.plain(store), store, former_names=("old",))
    return Browser(test_asgi.wire_to(middleware))


MAKERS = {"wsgi": wsgi, "flask": under_flask, "asgi": asgi}


@pytest.fixture(params=[*MAKERS, "django"])
def browser_of(request: pytest.FixtureRequest) -> Iterator[Callable[[Store], Browser]]:
    """A browser in front of the pages, under each adapter."""
    if request.param != "django":
        yield MAKERS[request.param]
        return
    with ExitStack() as stack:

        def make(store: Store) -> Browser:
            stack.enter_context(override_settings(SOJOURN_STORE=lambda: store, SOJOURN_FORMER_COOKIE="old"))
            return Browser(pages.wire())

        yield make


class TestAdapters:
    """A visitor who was logged in before."""

    def test_a_visitor_goes_on_with_a_new_cookie(
        self, browser_of: Callable[[Store], Browser], moving: MigratingStore, shelf: Shelf
    ) -> None:
        """The old one goes, and with it every way back."""
        browser = browser_of(moving)
        browser.jar["old"] = "old-key-1"
        copy = browser.twin()
        assert browser.get("/show").body == "[('cart', ['tea'])]"
        assert browser.jar.keys() == {"__Host-session"}
        assert shelf.sessions == {}
        assert browser.get("/show").body == "[('cart', ['tea'])]"
        assert browser.last == []
        assert copy.get("/show").body == "[]"
        browser.get("/logout")
        assert browser.jar == {}
        assert browser.get("/show").body == "[]"

    @pytest.mark.parametrize("path", ["/fails/1", "/login-fails/eve"])
    def test_a_page_that_failed_moves_nobody(
        self,
        browser_of: Callable[[Store], Browser],
        moving: MigratingStore,
        shelf: Shelf,
        backend: CountingBackend,
        path: str,
    ) -> None:
        """What it changed is not stored, nor its login; the next page moves them."""
        browser = browser_of(moving)
        browser.jar["old"] = "old-key-1"
        assert browser.get(path).status == 500
        assert (browser.jar, backend.records) == ({"old": "old-key-1"}, [])
        assert shelf.sessions.keys() == {"old-key-1"}
        assert browser.get("/whose").body != "eve"
        assert browser.get("/show").body == "[('cart', ['tea'])]"

    @pytest.mark.parametrize(("subject", "shown"), [("ada", "[('cart', ['tea'])]"), ("eve", "[]")])
    def test_a_login_at_the_first_visit_is_one_cookie(
        self, browser_of: Callable[[Store], Browser], moving: MigratingStore, subject: str, shown: str
    ) -> None:
        """With the newest token; as another subject with nothing of the former one."""
        browser = browser_of(moving)
        browser.jar["old"] = "old-key-1"
        browser.get(f"/login/{subject}")
        assert browser.jar.keys() == {"__Host-session"}
        assert (browser.get("/whose").body, browser.get("/show").body) == (subject, shown)

    def test_a_logout_at_the_first_visit_is_one(
        self, browser_of: Callable[[Store], Browser], moving: MigratingStore, shelf: Shelf, backend: CountingBackend
    ) -> None:
        """In both stores."""
        browser = browser_of(moving)
        browser.jar["old"] = "old-key-1"
        browser.get("/logout")
        assert (browser.jar, backend.records, shelf.sessions) == ({}, [], {})
        assert browser.get("/show").body == "[]"

    def test_who_has_a_new_cookie_is_not_looked_up_by_the_old_one(
        self, browser_of: Callable[[Store], Browser], moving: MigratingStore, shelf: Shelf
    ) -> None:
        """Even if both are there."""
        browser = browser_of(moving)
        browser.get("/put/a/1")
        browser.jar["old"] = "old-key-1"
        assert browser.get("/show").body == "[('a', '1')]"
        assert shelf.asked == []

    def test_a_page_that_needs_no_session_moves_nobody(
        self,
        browser_of: Callable[[Store], Browser],
        moving: MigratingStore,
        shelf: Shelf,
        backend: CountingBackend,
        request: pytest.FixtureRequest,
    ) -> None:
        """Nor does a look ahead in the event loop, which creates and ends nothing."""
        browser = browser_of(moving)
        browser.jar["old"] = "old-key-1"
        with backend.counted() as calls:
            assert browser.get("/static").body == "no session needed"
        assert (browser.jar, browser.last, moving.report) == ({"old": "old-key-1"}, [], Report())
        assert (calls, list(shelf.sessions)) == ([], ["old-key-1"])
        assert shelf.asked == (["old-key-1"] if "asgi" in request.node.name else [])

    def test_what_the_first_page_changed_is_in_the_session_that_moved(
        self, browser_of: Callable[[Store], Browser], moving: MigratingStore, backend: CountingBackend
    ) -> None:
        """In one creation and one mark, without a further write."""
        browser = browser_of(moving)
        browser.jar["old"] = "old-key-1"
        with backend.counted() as calls:
            browser.get("/nest/milk")
        assert calls == ["insert", "set_mark"]
        assert browser.get("/show").body == "[('cart', ['tea', 'milk'])]"

    def test_who_emptied_it_or_left_goes_on_with_nothing(
        self, browser_of: Callable[[Store], Browser], moving: MigratingStore, shelf: Shelf, backend: CountingBackend
    ) -> None:
        """It ends where it is."""
        for number, path in enumerate(("/clear", "/drop/cart")):
            browser = browser_of(moving)
            key = browser.jar["old"] = f"anonymous-{number}"
            shelf.sessions[key] = Found({"cart": ["tea"]})
            copy = browser.twin()
            browser.get(path)
            assert (backend.records, key in shelf.sessions) == ([], False)
            assert copy.get("/show").body == "[]"

    def test_replays_of_one_old_cookie_make_one_session(
        self,
        browser_of: Callable[[Store], Browser],
        moving: MigratingStore,
        shelf: Shelf,
        backend: CountingBackend,
        clock: FakeClock,
    ) -> None:
        """Also where the old store cannot end it: within ten seconds in flight, after that like any stranger."""
        shelf.keeps = True
        browser = browser_of(moving)
        browser.jar["old"] = "old-key-1"
        copies = [browser.twin() for _ in range(5)]
        browser.get("/show")
        for copy in copies:
            assert (copy.get("/show").body, copy.last) == ("[]", [])
        assert (copies[0].get("/put/a/1").status, copies[0].last) == (200, [])
        assert (copies[0].post("/put/a/1").status, copies[0].last) == (409, [])
        assert len(backend.records) == 1
        clock.advance(11)
        assert copies[1].get("/show").body == "[]"
        copies[1].post("/put/a/1")
        assert len(backend.records) == 2
        assert copies[1].get("/show").body == "[('a', '1')]"
        assert browser.get("/show").body == "[('cart', ['tea'])]"

    @pytest.mark.parametrize(
        ("path", "method", "status"), [("show", "GET", 200), ("put/a/1", "GET", 200), ("put/a/1", "POST", 409)]
    )
    def test_the_loser_of_a_race_is_superseded(
        self,
        browser_of: Callable[[Store], Browser],
        moving: MigratingStore,
        backend: CountingBackend,
        path: str,
        method: str,
        status: int,
    ) -> None:
        """It looked at the old session before the other request adopted it, and leaves no trace."""
        browser = browser_of(moving)
        browser.jar["old"] = "old-key-1"
        copy = browser.twin()
        MEANWHILE.do(lambda: browser.get("/nest/milk"))
        answer = copy.take(copy.send(f"/opened/{path}", method=method))
        assert (answer.status, copy.last, len(backend.records)) == (status, [], 1)
        assert browser.get("/show").body == "[('cart', ['tea', 'milk'])]"

    def test_a_double_click_on_the_login_keeps_the_cart(
        self, browser_of: Callable[[Store], Browser], moving: MigratingStore, clock: FakeClock
    ) -> None:
        """Whichever answer arrives last."""
        browser = browser_of(moving)
        browser.jar["old"] = "old-key-1"
        copy = browser.twin()
        browser.post("/login/ada")
        clock.advance(2)
        copy.post("/login/ada")
        for either in (browser, copy):
            shown = either.get("/show").body
            assert "('cart', ['tea'])" in shown
            assert either.get("/whose").body == "ada"

    def test_a_logout_in_flight_ends_what_was_adopted_meanwhile(
        self, browser_of: Callable[[Store], Browser], moving: MigratingStore, backend: CountingBackend
    ) -> None:
        """But not across a login."""
        browser = browser_of(moving)
        browser.jar["old"] = "old-key-1"
        copy = browser.twin()
        browser.get("/show")
        copy.get("/logout")
        assert backend.records == []
        assert browser.get("/show").body == "[]"

    def test_a_logout_in_flight_does_not_undo_a_login(
        self, browser_of: Callable[[Store], Browser], moving: MigratingStore, shelf: Shelf
    ) -> None:
        """Neither one that adopted it, nor one that came after."""
        for key, paths in (("old-key-3", ["/login/ada"]), ("old-key-4", ["/show", "/login/ada"])):
            shelf.sessions[key] = Found({"cart": ["tea"]}, subject="ada")
            browser = browser_of(moving)
            browser.jar["old"] = key
            copy = browser.twin()
            for path in paths:
                browser.get(path)
            copy.get("/logout")
            assert copy.last == []
            assert browser.get("/whose").body == "ada"

    def test_a_replay_after_a_logout_is_not_logged_in(
        self,
        browser_of: Callable[[Store], Browser],
        moving: MigratingStore,
        shelf: Shelf,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        """With the new cookie, or with the old one alone, also where the old store cannot end it."""
        shelf.sessions["old-key-2"] = shelf.sessions["old-key-1"]
        monkeypatch.setattr(shelf, "end", lambda _key: None)  # as with signed cookies
        for key, paths in (("old-key-1", ["/show", "/logout"]), ("old-key-2", ["/logout"])):
            browser = browser_of(moving)
            browser.jar["old"] = key
            copy = browser.twin()
            for path in paths:
                browser.get(path)
            assert browser.jar == {}
            assert (copy.get("/show").body, copy.get("/whose").body) == ("[]", "None")

    def test_what_is_unreadable_can_be_left(
        self, browser_of: Callable[[Store], Browser], moving: MigratingStore, shelf: Shelf
    ) -> None:
        """A logout ends it in the old store, where it would be good for whoever can read it."""
        shelf.unreadable.add("old-key-1")
        browser = browser_of(moving)
        browser.jar["old"] = "old-key-1"
        assert (browser.get("/show").body, list(browser.jar)) == ("[]", ["old"])
        browser.get("/logout")
        assert (browser.jar, shelf.sessions) == ({}, {})

    def test_a_store_that_is_away_costs_nobody_the_session(
        self, browser_of: Callable[[Store], Browser], moving: MigratingStore, shelf: Shelf, backend: CountingBackend
    ) -> None:
        """Whichever of the two: 503, and the old cookie stays."""
        browser = browser_of(moving)
        browser.jar["old"] = "old-key-1"
        shelf.is_away = True
        assert browser.get("/show").status == 503
        shelf.is_away, backend.is_away = False, True
        assert browser.get("/show").status == 503
        backend.is_away = False
        assert (browser.jar, list(shelf.sessions)) == ({"old": "old-key-1"}, ["old-key-1"])
        assert browser.get("/show").body == "[('cart', ['tea'])]"

    def test_a_former_cookie_carries_no_token(
        self, browser_of: Callable[[Store], Browser], moving: MigratingStore, shelf: Shelf
    ) -> None:
        """Not one that lives, either."""
        browser = browser_of(moving)
        browser.jar["old"] = moving.create({"a": 1}).token
        assert (browser.get("/show").body, shelf.asked) == ("[]", [])


def test_a_former_cookie_is_taken_back_where_it_was(shelf: Shelf) -> None:
    """By its own path and domain."""
    cookie = Cookie(former_names=(FormerCookie("old", path="/shop", domain="shop.example"),))
    for path in ("/show", "/logout"):
        shelf.sessions["old-key-1"] = Found({"a": 1})
        moving = MigratingStore(memory_store(), shelf)
        browser = Browser(wire_to(SojournMiddleware(application(moving), moving, cookie=cookie)), {"old": "old-key-1"})
        browser.get(path)
        (gone,) = [header for header in browser.last if header.startswith("old=;")]
        assert "domain=shop.example" in gone.lower()
        assert "path=/shop" in gone.lower()


def test_a_websocket_is_shown_and_moves_nobody(moving: MigratingStore, shelf: Shelf, backend: CountingBackend) -> None:
    """No cookie could follow, and the old one would be over."""
    seen = []

    @with_session(store=moving, cookie=FORMER)
    def connect(event: dict[str, Any], _context: object) -> dict[str, Any]:
        seen.append(dict(session_of(event)))
        return {"statusCode": 200}

    connect(websocket("old=old-key-1"), None)
    assert (seen, backend.records) == ([{"cart": ["tea"]}], [])
    assert shelf.sessions.keys() == {"old-key-1"}


def test_a_long_request_sees_that_its_session_moved(moving: MigratingStore) -> None:
    """A socket, say: what it holds has another token by now, as after a login."""
    visit = Visit(moving, ("old-key-1",), Rules(), is_read_only=True)
    assert (visit["cart"], visit.subject, visit.is_stored, visit.id) == (["tea"], "ada", True, None)
    visit.refresh()
    assert visit["cart"] == ["tea"]
    assert moving.read("old-key-1") is not None
    visit.refresh()
    assert (dict(visit), visit.subject) == ({}, None)


# ---- sources


@pytest.fixture(scope="module")
def _tables() -> Iterator[None]:
    call_command("migrate", verbosity=0, run_syncdb=True)
    yield
    connections.close_all()


@pytest.fixture
def now() -> Store:
    """A store whose clock is that of Django and Flask."""
    return Store(CountingBackend(), Settings())


def adopted(moving: MigratingStore, key: str) -> Mapping[str, object] | None:
    """What the session of an old key holds, once it is ours."""
    session = moving.read(key)
    return None if session is None else dict(session)


class TestDjango:
    """Django's own sessions, made by Django itself."""

    @pytest.mark.usefixtures("_tables")
    def test_the_database(self, now: Store) -> None:
        """JSON is adopted, with its user; a pickle and what somebody else signed are not."""
        old = DatabaseStore()
        old.update({"_auth_user_id": "7", "cart": ["tea"]})
        old.save()
        moving = MigratingStore(now, from_django.DatabaseSessions())
        key = str(old.session_key)
        session = moving.read(key)
        assert session is not None
        assert (dict(session), session.subject) == ({"_auth_user_id": "7", "cart": ["tea"]}, "7")
        assert 1_790 <= session.idle <= 1_800
        assert not DatabaseStore().exists(key)
        assert moving.read(key) is None

        ran: list[int] = []
        _Bomb.ran = ran
        for number, stored in enumerate(
            (
                signing.dumps(_Bomb(), salt="django.contrib.sessions.SessionStore", serializer=_Pickles),
                signing.dumps(_Bomb(), salt="django.contrib.sessions.SessionStore", serializer=_Pickles, compress=True),
                signing.dumps({"a": 1}, salt="elsewhere"),
                signing.dumps([1], salt="django.contrib.sessions.SessionStore"),
                "",
            )
        ):
            row = DatabaseStore.get_model_class()(session_key=f"unreadable{number}", session_data=stored)
            row.expire_date = old.get_expiry_date()
            row.save()
            assert moving.read(f"unreadable{number}") is None
        assert ran == []
        expired = DatabaseStore()
        expired.set_expiry(-1)
        expired.save()
        assert moving.read(str(expired.session_key)) is None
        assert moving.report == Report(adopted=1, spent=1, missing=1, unreadable=5)

    def test_signed_cookies(self, now: Store, monkeypatch: pytest.MonkeyPatch) -> None:
        """They cannot be ended; forged and old ones open nothing."""
        old = CookieStore()
        old.update({"_auth_user_id": "7", "cart": ["tea"]})
        old.save()
        key = str(old.session_key)
        moving = MigratingStore(now, from_django.SignedCookieSessions())
        assert adopted(moving, key) == {"_auth_user_id": "7", "cart": ["tea"]}
        assert adopted(moving, key) is None  # once: the mark says it
        pickled = signing.dumps(_Bomb(), salt="django.contrib.sessions.backends.signed_cookies", serializer=_Pickles)
        assert [adopted(moving, wrong) for wrong in (key[:-1], "a:b:c", "junk", pickled)] == [None] * 4
        later = time.time() + 1_800 + 60
        monkeypatch.setattr("django.core.signing.time.time", lambda: later)
        assert adopted(moving, key) is None
        assert moving.report == Report(adopted=1, spent=2, missing=3, unreadable=1)


class TestFlask:
    """Sessions of Flask-Session, in its formats, and Flask's own cookies, made by Flask itself."""

    def test_flask_session(self, now: Store) -> None:
        """MessagePack and JSON are adopted; what was pickled is not."""
        data = {"_permanent": True, "_user_id": "7", "cart": ["tea"], "n": 1.5, "raw": b"\xff"}
        readable = {name: value for name, value in data.items() if name != "raw"}
        ran: list[int] = []
        _Bomb.ran = ran
        kept = {
            "session:packed": msgspec.msgpack.encode(data),
            "session:json": b" " + json.dumps(readable).encode(),
            "session:empty": msgspec.msgpack.encode({}),
            **{f"session:pickle{n}": pickle.dumps(_Bomb(), protocol=n) for n in range(6)},
            "session:list": msgspec.msgpack.encode([1]),
            "session:half": msgspec.msgpack.encode(data)[:-3],
            "session:brace": b"{",
            "session:nothing": b"",
        }
        moving = MigratingStore(now, from_flask.FlaskSessions(kept.get, kept.pop))
        assert adopted(moving, "packed") == data
        assert adopted(moving, "json") == readable
        assert adopted(moving, "empty") == {}
        assert len(list(now.sessions(subject="7"))) == 2
        wrong = [key.removeprefix("session:") for key in kept]
        assert len(wrong) == 10
        assert [adopted(moving, key) for key in wrong] == [None] * 10
        assert ran == []
        assert adopted(moving, "unknown") is None
        assert moving.report == Report(adopted=3, missing=1, unreadable=10)

    def test_signed_ids(self, now: Store) -> None:
        """``SESSION_USE_SIGNER``."""
        kept = {"s:one": msgspec.msgpack.encode({"a": 1})}
        source = from_flask.FlaskSessions(kept.get, kept.pop, prefix="s:", secret_key="secret")
        moving = MigratingStore(now, source)
        signed = Signer("secret", salt="flask-session", key_derivation="hmac").sign("one").decode()
        for wrong in ("one", signed + "x", Signer("other", salt="flask-session").sign("one").decode()):
            assert adopted(moving, wrong) is None
            source.end(wrong)
        assert adopted(moving, signed) == {"a": 1}
        assert kept == {}

    def test_messagepack_needs_its_package(self, now: Store, monkeypatch: pytest.MonkeyPatch) -> None:
        """JSON does not."""
        monkeypatch.setitem(sys.modules, "msgspec", None)
        kept = {"session:packed": b"\x81\xa1a\x01", "session:json": b'{"a":1}'}
        moving = MigratingStore(now, from_flask.FlaskSessions(kept.get, kept.pop))
        assert adopted(moving, "json") == {"a": 1}
        with pytest.raises(ConfigurationError, match="pip install msgspec"):
            moving.read("packed")

    def test_flasks_own_cookies(self, now: Store) -> None:
        """Tuples, datetimes and all; forged and old ones open nothing."""

        def fill() -> str:
            flask.session.update(_user_id="7", pair=(1, 2))
            return ""

        app = Flask(__name__, static_folder=None)
        app.secret_key = "secret"
        app.add_url_rule("/", view_func=fill)
        answer = app.test_client().get("/")
        key = answer.headers["Set-Cookie"].partition("=")[2].partition(";")[0]
        moving = MigratingStore(now, from_flask.SignedCookieSessions(app))
        session = moving.read(key)
        assert session is not None
        assert (dict(session), session.subject) == ({"_user_id": "7", "pair": (1, 2)}, "7")
        assert adopted(moving, key) is None  # once: the mark says it
        now = Store(CountingBackend(), Settings())
        app.secret_key = "another"
        assert adopted(MigratingStore(now, from_flask.SignedCookieSessions(app)), key) is None
        app.config["SECRET_KEY_FALLBACKS"] = ["secret"]
        assert adopted(MigratingStore(now, from_flask.SignedCookieSessions(app)), key) is not None
        app.permanent_session_lifetime = timedelta(seconds=-1)
        assert adopted(MigratingStore(now, from_flask.SignedCookieSessions(app)), key) is None
        app.secret_key = None
        with pytest.raises(ConfigurationError, match="SECRET_KEY"):
            from_flask.SignedCookieSessions(app)


@pytest.mark.usefixtures("credentials")
def test_connect_dynamodb(dynamodb_local: str) -> None:
    """Items of Express in a real table; cookies that nobody signed ask nothing."""
    client = Clients(dynamodb_local).dynamodb
    client.create_table(
        TableName="express",
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    try:
        clock = FakeClock()
        text = json.dumps({"cookie": {"originalMaxAge": 60}, "user": 7, "cart": ["tea"]})
        for key, expires, sess in (
            ("a", clock() + 600, {"S": text}),
            ("ms", (clock() + 600) * 1000 + 1, {"S": text}),
            ("over", clock(), {"S": text}),
            ("list", clock() + 600, {"S": "[]"}),
            ("broken", clock() + 600, {"S": "{"}),
            ("map", clock() + 600, {"M": {}}),
        ):
            item: Any = {"id": {"S": f"sess:{key}"}, "expires": {"N": str(expires)}, "sess": sess}
            client.put_item(TableName="express", Item=item)
        client.put_item(TableName="express", Item={"id": {"S": "sess:forever"}, "sess": {"S": text}})

        source = DynamoSessions(client, table="express", secrets=["new", "old"], subject="user")
        moving = MigratingStore(memory_store(clock=clock), source)
        session = moving.read(signed("a", "old"))
        assert session is not None
        assert (dict(session), session.subject, session.idle) == ({"user": 7, "cart": ["tea"]}, "7", 600)
        assert moving.read(signed("a", "old")) is None
        milliseconds = moving.read(signed("ms", "new"))
        assert milliseconds is not None
        assert milliseconds.idle == 600
        assert moving.read(signed("forever", "new")) is not None
        assert [moving.read(signed(key, "new")) for key in ("over", "list", "broken", "map")] == [None] * 4
        assert moving.report == Report(adopted=3, spent=1, missing=1, unreadable=3)

        deaf = MigratingStore(memory_store(), DynamoSessions(object(), table="express", secrets=["new"]))  # type: ignore[arg-type]  # asked nothing
        for wrong in (
            "s:over",
            "s:.x",
            "over",
            signed("over", "stolen"),
            signed("over", "new")[:-1],
            "s%3Aover.",
            "s:a.b",
        ):
            assert deaf.read(wrong) is None
            deaf._source.end(wrong)
    finally:
        client.delete_table(TableName="express")


def signed(session_id: str, secret: str) -> str:
    """The cookie of express-session."""
    digest = hmac.digest(secret.encode(), session_id.encode(), hashlib.sha256)
    return quote(f"s:{session_id}.{base64.b64encode(digest).decode().rstrip('=')}", safe="")


class _Bomb:
    """What must never be opened."""

    ran: list[int]

    def __reduce__(self) -> Any:
        return _explode, ()


def _explode() -> dict[str, int]:
    _Bomb.ran.append(1)
    return {"a": 1}


class _Pickles:
    """Django's PickleSerializer, as it was."""

    def dumps(self, obj: object) -> bytes:
        """Its own bytes."""
        return pickle.dumps(obj)

    def loads(self, data: bytes) -> object:
        """Never."""
        raise AssertionError(data)
