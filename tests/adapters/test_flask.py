"""The Flask extension, and what Flask's own sessions do beside."""

import ast
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from email.utils import formatdate
from typing import Any, cast

import flask
import pytest
from flask import Flask, flash, get_flashed_messages
from markupsafe import Markup
from werkzeug.test import Client

from sojourn import ConfigurationError, Store, StoreUnavailableError
from sojourn.adapters.cookies import Cookie
from sojourn.adapters.flask import Session, Sojourn
from sojourn.testing import FakeClock
from sojourn.tokens import mint
from tests.adapters.browser import MEANWHILE, Answer, Browser, CountingBackend, Page, Wire, page
from tests.adapters.contract import ATTRIBUTES, AdapterContract, Made

HOST = "https://shop.example"


def wire_to(app: Flask) -> Wire:
    """A server, without cookies of its own."""

    def request(path: str, cookies: Sequence[str], also: str, method: str = "GET") -> Answer:
        line = "; ".join([*cookies, *([also] if also else [])])
        headers = {"Cookie": line.encode().decode("latin-1")} if line else {}
        response = Client(app, use_cookies=False).open(path, method=method, base_url=HOST, headers=headers)
        return Answer(
            response.status_code,
            response.get_data(as_text=True),
            response.headers.getlist("Set-Cookie"),
            response.headers.get("Vary", ""),
            {name.lower(): value for name, value in response.headers.items()},
        )

    return request


def application(store: Store) -> Flask:
    """The pages."""
    app = Flask(__name__)

    def view(path: str) -> str:
        try:
            return page(f"/{path}", flask.session, store)  # type: ignore[arg-type]  # ours
        except Page as other:
            flask.abort(other.status)

    app.add_url_rule("/<path:path>", view_func=view, methods=["GET", "POST"])
    return app


def made(store: Store, **options: Any) -> Wire:
    """The pages with sessions."""
    app = application(store)
    Sojourn(app, store, **options)
    return wire_to(app)


class TestFlask(AdapterContract):
    """The contract."""

    @pytest.fixture
    def adapter(self) -> Made:
        """The extension."""
        return made


class TestFactory(AdapterContract):
    """The contract again, for an extension that is made before its application."""

    @pytest.fixture
    def adapter(self) -> Made:
        """And has its cookie from the application's configuration."""

        def make(store: Store, *, cookie: Cookie | None = None, **options: Any) -> Wire:
            sojourn = Sojourn(store=store, **options)
            app = application(store)
            if cookie is not None and not cookie.persistent:
                app.config["SESSION_COOKIE_NAME"] = cookie.name
                app.config["SESSION_COOKIE_PATH"] = cookie.path
                app.config["SESSION_COOKIE_SAMESITE"] = cookie.samesite
            elif cookie is not None:
                app.before_request(lambda: setattr(flask.session, "permanent", True))
                app.permanent_session_lifetime = timedelta(seconds=store.settings.idle_seconds)
            sojourn.init_app(app)
            return wire_to(app)

        return make


View = Callable[[], str]


@pytest.fixture
def browser_of(store: Store) -> Callable[..., Browser]:
    """A browser in front of views of one's own."""

    def make(*views: View, **config: Any) -> Browser:
        app = Flask(__name__)
        app.config.update(config)
        Sojourn(app, store)
        for view in views:
            app.add_url_rule(f"/{view.__name__}", view_func=view)
        return Browser(wire_to(app))

    return make


def test_flashes_come_back_as_they_went(browser_of: Callable[..., Browser]) -> None:
    """Tuples stay tuples, and markup stays text."""

    def say() -> str:
        flash("saved")
        flash(Markup("<b>oh</b>"), "error")
        return ""

    def hear() -> str:
        return repr(get_flashed_messages(with_categories=True))

    browser = browser_of(say, hear)
    browser.get("/say")
    assert browser.get("/hear").body == "[('message', 'saved'), ('error', Markup('<b>oh</b>'))]"
    assert browser.get("/hear").body == "[]"


def test_a_session_is_new_until_it_is_stored(browser_of: Callable[..., Browser]) -> None:
    """And is what Flask says it is."""

    def look() -> str:
        assert isinstance(flask.session, Session)
        before = flask.session.new
        flask.session["a"] = 1
        return str(before)

    browser = browser_of(look)
    assert [browser.get("/look").body for _ in range(2)] == ["True", "False"]


def test_to_be_permanent_is_no_reason_to_be(browser_of: Callable[..., Browser], backend: CountingBackend) -> None:
    """Applications say it before each request; crawlers send many."""

    def look() -> str:
        flask.session.permanent = True
        return ""

    browser = browser_of(look)
    browser.get("/look")
    assert browser.jar == {}
    assert backend.records == []


def test_a_permanent_session_lasts(browser_of: Callable[..., Browser], clock: FakeClock, store: Store) -> None:
    """As long as PERMANENT_SESSION_LIFETIME without a visit, up to what the store allows; so does its cookie."""

    def keep() -> str:
        flask.session.permanent = True
        flask.session["a"] = 1
        return ""

    def show() -> str:
        return str(flask.session.get("a"))

    browser = browser_of(keep, show, PERMANENT_SESSION_LIFETIME=timedelta(days=2))
    born = clock()
    browser.get("/keep")
    assert browser.last[0].endswith(
        f"; Max-Age=172800; expires={formatdate(born + 2 * 86_400, usegmt=True)}; {ATTRIBUTES}"
    )
    clock.advance(86_400)
    assert browser.get("/show").body == "1"
    assert browser.last[0].endswith(
        f"; Max-Age=86400; expires={formatdate(born + 2 * 86_400, usegmt=True)}; {ATTRIBUTES}"
    )
    clock.advance(86_400)
    assert browser.get("/show").body == "None"
    most = store.settings.max_absolute_seconds
    longest = browser_of(keep, show, PERMANENT_SESSION_LIFETIME=timedelta(seconds=most))
    assert longest.get("/keep").status == 200
    clock.advance(most - 1)
    assert longest.get("/show").body == "1"
    clock.advance(1)
    assert longest.get("/show").body == "None"


@pytest.mark.parametrize("lifetime", [timedelta(0), timedelta(seconds=0.5), timedelta(days=91), timedelta.max])
def test_a_lifetime_that_no_session_can_have_is_refused_at_start(store: Store, lifetime: timedelta) -> None:
    """Not at the first request, and never cut."""
    app = Flask(__name__)
    app.permanent_session_lifetime = lifetime
    with pytest.raises(ConfigurationError, match="PERMANENT_SESSION_LIFETIME"):
        Sojourn(app, store)


def test_a_permanent_session_behind_a_login_page_lasts(
    browser_of: Callable[..., Browser], clock: FakeClock, backend: CountingBackend
) -> None:
    """31 days, Flask's own default, from the login on: the form had put its CSRF field into the session."""

    def form() -> str:
        return str(flask.session.setdefault("csrf", "1"))

    def login() -> str:
        flask.session.permanent = True
        flask.session.login("ada")  # type: ignore[attr-defined]  # ours
        return ""

    browser = browser_of(form, login)
    browser.get("/form")
    clock.advance(600)
    browser.get("/login")
    (record,), until = backend.records, clock() + 31 * 86_400
    assert (record.idle, record.absolute_at) == (31 * 86_400, until)
    assert f"; expires={formatdate(until, usegmt=True)}; " in browser.last[0]


def test_to_be_permanent_is_nothing_to_be_refused_for(
    browser_of: Callable[..., Browser], caplog: pytest.LogCaptureFixture
) -> None:
    """Applications that say it before each request say it in flight, too."""

    def look() -> str:
        flask.session.permanent = True
        return ""

    def login() -> str:
        flask.session.login("ada")  # type: ignore[attr-defined]  # ours
        return ""

    browser = browser_of(look, login)
    browser.get("/login")
    other = browser.twin()
    browser.get("/login")
    with caplog.at_level("INFO"):
        assert (other.get("/look").status, other.last) == (200, [])
    assert "refused" not in caplog.text


def test_a_session_that_becomes_permanent_gets_its_cookie_again(
    browser_of: Callable[..., Browser], clock: FakeClock
) -> None:
    """With a date, under the same token; and only once."""

    def put() -> str:
        flask.session["a"] = 1
        return ""

    def stay() -> str:
        flask.session.permanent = True
        return ""

    browser = browser_of(put, stay, PERMANENT_SESSION_LIFETIME=timedelta(hours=2), SESSION_REFRESH_EACH_REQUEST=False)
    browser.get("/put")
    before = dict(browser.jar)
    browser.get("/stay")
    assert "expires=" in browser.last[0]
    assert browser.jar == before
    browser.get("/stay")
    assert browser.last == []
    clock.advance(7_000)
    assert browser.get("/put").cookies == []


def test_a_session_that_was_cleared_ends(browser_of: Callable[..., Browser], backend: CountingBackend) -> None:
    """That is how many applications log out; what is put in afterwards stays."""

    def put() -> str:
        flask.session["a"] = 1
        return ""

    def clear() -> str:
        flask.session.clear()
        return ""

    def begin_anew() -> str:
        flask.session.clear()
        flask.session["b"] = 2
        return ""

    browser = browser_of(put, clear, begin_anew)
    browser.get("/put")
    before = browser.twin()
    browser.get("/clear")
    assert browser.last[0].startswith("__Host-session=; Max-Age=0; ")
    assert (browser.jar, backend.records) == ({}, [])
    before.get("/begin_anew")
    assert len(backend.records) == 1
    before.get("/begin_anew")
    assert (len(backend.records), before.last) == (1, [])


def test_it_can_be_regenerated_as_with_flask_session(browser_of: Callable[..., Browser]) -> None:
    """``app.session_interface.regenerate(session)``."""

    def put() -> str:
        flask.session["a"] = 1
        return ""

    def regenerate() -> str:
        flask.current_app.session_interface.regenerate(flask.session)  # type: ignore[attr-defined]  # ours
        return str(flask.session["a"])

    browser = browser_of(put, regenerate)
    browser.get("/put")
    before = dict(browser.jar)
    assert browser.get("/regenerate").body == "1"
    assert browser.jar.keys() == before.keys()
    assert browser.jar != before


def test_an_application_may_answer_in_its_own_way(store: Store, backend: CountingBackend) -> None:
    """With an error handler, for what happens in a view."""
    app = Flask(__name__)
    Sojourn(app, store)
    app.register_error_handler(StoreUnavailableError, lambda _error: ("back soon", 418))
    app.add_url_rule("/", view_func=lambda: str(flask.session.get("a")))
    browser = Browser(wire_to(app), {"__Host-session": store.create({"a": 1}).token})
    backend.is_away = True
    answer = browser.get("/")
    assert (answer.status, answer.body, answer.cookies) == (418, "back soon", [])


def test_a_refusal_says_when_to_come_back(store: Store, backend: CountingBackend) -> None:
    """Whether it came in a view or after it, and nothing of the page is left."""
    app = Flask(__name__)
    Sojourn(app, store)

    def page_of_ada() -> Any:
        flask.session["a"] = 1
        response = flask.make_response("ada's page")
        response.set_cookie("own", "1")
        return response

    app.add_url_rule("/", view_func=page_of_ada)
    browser = Browser(wire_to(app))
    backend.is_away = True
    for _ in range(2):
        answer = browser.get("/")
        assert (answer.status, answer.headers["retry-after"], answer.cookies) == (503, "1", [])
        assert "ada" not in answer.body
        browser.jar["__Host-session"] = mint().reveal()


@pytest.mark.parametrize(
    ("config", "options", "attributes"),
    [
        ({}, {}, "__Host-session; path=/; secure; httponly; samesite=Lax"),
        ({"SESSION_COOKIE_SECURE": False}, {}, "__Host-session; path=/; secure; httponly; samesite=Lax"),
        ({"SESSION_COOKIE_NAME": "sid"}, {}, "sid; path=/; secure; httponly; samesite=Lax"),
        ({"APPLICATION_ROOT": "/shop"}, {}, "session; path=/shop; secure; httponly; samesite=Lax"),
        ({"SESSION_COOKIE_SAMESITE": "strict"}, {}, "__Host-session; path=/; secure; httponly; samesite=Strict"),
        (
            {"SESSION_COOKIE_PARTITIONED": True},
            {},
            "__Host-session; path=/; secure; httponly; samesite=Lax; partitioned",
        ),
        ({}, {"is_development": True}, "session; path=/; httponly"),
        (
            {"SESSION_COOKIE_SECURE": True},
            {"is_development": True},
            "__Host-session; path=/; secure; httponly",
        ),
        (
            {"SESSION_COOKIE_DOMAIN": "shop.example"},
            {},
            "session; path=/; domain=shop.example; secure; httponly; samesite=Lax",
        ),
        (
            {"SESSION_COOKIE_NAME": "unheeded"},
            {"cookie": Cookie(name="sid")},
            "sid; path=/; secure; httponly; samesite=Lax",
        ),
    ],
)
def test_the_cookie_is_what_the_configuration_says_and_no_weaker(
    store: Store, config: dict[str, Any], options: dict[str, Any], attributes: str
) -> None:
    """Flask's own defaults are: it would be sent over plain HTTP."""
    app = application(store)
    app.config.update(config)
    Sojourn(app, store, **options)
    browser = Browser(wire_to(app))
    browser.get("/put/a/1")
    name, _, rest = browser.last[0].partition("=")
    assert f"{name}; {rest.partition('; ')[2]}" == attributes


@pytest.mark.parametrize(
    "config",
    [
        {"SESSION_COOKIE_HTTPONLY": False},
    ],
)
def test_what_is_weaker_has_to_be_meant(store: Store, config: dict[str, Any]) -> None:
    """It is refused when the application is made, not at the first visit."""
    app = Flask(__name__)
    app.config.update(config)
    with pytest.raises(ConfigurationError, match="is_development"):
        Sojourn(app, store)
    app.config["SESSION_COOKIE_SECURE"] = True
    Sojourn(app, store, is_development=True)


def test_a_stream_is_stored_before_it_begins(browser_of: Callable[..., Browser]) -> None:
    """And can be read while it runs."""

    def stream() -> flask.Response:
        flask.session["n"] = flask.session.get("n", 0) + 1

        def parts() -> Iterator[str]:
            yield f"{flask.session['n']} "
            flask.session["late"] = 1
            yield "done"

        return flask.Response(flask.stream_with_context(parts()))

    browser = browser_of(stream)
    assert [browser.get("/stream").body for _ in range(2)] == ["1 done", "2 done"]


def test_messages_of_two_requests_are_both_shown(browser_of: Callable[..., Browser]) -> None:
    """Flask never refuses: the last request counts, and a message is not its to overwrite."""

    def flash() -> str:
        word = flask.request.args["word"]
        flask.session["last"] = word
        MEANWHILE.happen()
        flask.flash(word)
        return ""

    def hear() -> str:
        if "wait" in flask.request.args:
            heard = flask.get_flashed_messages()
            MEANWHILE.happen()
            return repr(heard)
        return f"{flask.session.get('last')} {sorted(flask.get_flashed_messages())}"

    browser = browser_of(flash, hear)
    MEANWHILE.do(lambda: None)
    browser.get("/flash?word=first")
    for others in (("second", "third"), ("fourth", "fifth")):
        other, mine = others
        tab = browser.twin()

        def also(word: str = other, tab: Browser = tab) -> None:
            MEANWHILE.do(lambda: None)
            tab.get(f"/flash?word={word}")

        MEANWHILE.do(also)
        assert browser.get(f"/flash?word={mine}").status == 200
    tab = browser.twin()

    def one_more() -> None:
        MEANWHILE.do(lambda: None)
        tab.get("/flash?word=sixth")

    MEANWHILE.do(one_more)
    assert sorted(ast.literal_eval(browser.get("/hear?wait=1").body)) == ["fifth", "first", "fourth", "second", "third"]
    assert browser.get("/hear").body == "sixth ['sixth']"
    assert browser.get("/hear").body == "sixth []"


def test_markup_stays_markup_and_nothing_else_becomes_it(browser_of: Callable[..., Browser]) -> None:
    """As in Flask's own sessions: a template does not escape it."""
    values: dict[str, Any] = {
        "markup": Markup("<b>"),
        "deep": [{"a": (Markup("<i>"), "<i>")}],
        "alike": {" m": "<script>"},
        "twice": {" di": {" m": "<script>"}},
        "none": {" m": "<script>", "b": 1},
    }

    def put() -> str:
        flask.session.update(values)
        return ""

    def show() -> str:
        found = {key: flask.session[key] for key in values}
        assert found == values
        assert type(found["markup"]) is type(found["deep"][0]["a"][0]) is Markup
        assert type(found["alike"][" m"]) is type(found["deep"][0]["a"][1]) is str
        flask.session.modified = False
        return str(flask.session.modified)

    browser = browser_of(put, show)
    browser.get("/put")
    assert browser.get("/show").body == "False"


def test_a_page_in_flight_does_not_send_the_old_cookie_again(browser_of: Callable[..., Browser], store: Store) -> None:
    """Flask refreshes the cookie of a permanent session with each answer; a login has replaced it meanwhile."""

    def keep() -> str:
        flask.session.permanent = True
        flask.session["a"] = 1
        return ""

    def read() -> str:
        assert flask.session["a"] == 1
        MEANWHILE.happen()
        return ""

    browser = browser_of(keep, read)
    browser.get("/keep")
    token = browser.jar["__Host-session"]
    MEANWHILE.do(lambda: None)
    assert browser.get("/read").cookies[0].startswith(f"__Host-session={token}; Max-Age=")
    MEANWHILE.do(lambda: store.login(cast("Any", store.read(token)), subject="ada"))
    assert browser.get("/read").cookies == []


@pytest.mark.parametrize("verb", ["login", "expire"])
@pytest.mark.parametrize("kind", ["fails", "changes"])
def test_a_page_in_flight_that_is_refused_or_fails_sends_no_cookie_again(
    browser_of: Callable[..., Browser], store: Store, verb: str, kind: str
) -> None:
    """Its token may open nothing by then, and the browser may hold a newer one."""

    def keep() -> str:
        flask.session.permanent = True
        flask.session["a"] = 1
        return ""

    def read() -> tuple[str, int]:
        assert flask.session["a"] == 1
        MEANWHILE.happen()
        if kind == "changes":
            flask.session["a"] = 2
        return "", 500 if kind == "fails" else 200

    browser = browser_of(keep, read)
    browser.get("/keep")
    found = store.read(browser.jar["__Host-session"])
    assert found is not None
    MEANWHILE.do(lambda: store.login(found, subject="ada") if verb == "login" else store.expire(found))
    assert browser.get("/read").cookies == []


def test_a_page_that_does_not_look_is_served_while_the_store_is_away(
    browser_of: Callable[..., Browser], backend: CountingBackend
) -> None:
    """Though its cookie would be refreshed."""

    def keep() -> str:
        flask.session.permanent = True
        flask.session["a"] = 1
        return ""

    def aside() -> str:
        return "served"

    def look() -> str:
        return str(flask.session.get("a"))

    browser = browser_of(keep, aside, look)
    browser.get("/keep")
    backend.is_away = True
    assert (browser.get("/aside").body, browser.get("/look").status) == ("served", 503)


def test_a_page_that_does_not_look_refreshes_the_cookie_too(
    browser_of: Callable[..., Browser], backend: CountingBackend
) -> None:
    """As ``SESSION_REFRESH_EACH_REQUEST`` has it, where an application has permanent sessions."""

    def put() -> str:
        flask.session["a"] = 1
        return ""

    def keep() -> str:
        flask.session.permanent = True
        return ""

    def aside() -> str:
        return ""

    browser = browser_of(put, keep, aside)
    browser.get("/put")
    with backend.counted() as calls:
        assert browser.get("/aside").cookies == []
    assert calls == []
    browser.get("/keep")
    assert "Max-Age=" in browser.get("/aside").cookies[0]
