"""Lambda functions with sessions: under every kind of event, decorated by hand and behind Powertools' resolvers."""

import json
from collections.abc import Callable, Sequence
from typing import Any, cast

import pytest
from aws_lambda_powertools.event_handler import (
    ALBResolver,
    APIGatewayHttpResolver,
    APIGatewayRestResolver,
    LambdaFunctionUrlResolver,
)
from aws_lambda_powertools.event_handler import Response as Answered
from aws_lambda_powertools.shared.cookies import Cookie as OtherCookie

from sojourn import InvalidDataError, Store
from sojourn.adapters.cookies import Cookie
from sojourn.adapters.lambda_handler import Handler, Sessions, session_of, with_session
from sojourn.testing import FakeClock, memory_store
from sojourn.tokens import mint
from tests.adapters.browser import Answer, Browser, CountingBackend, Page, Wire, page
from tests.adapters.contract import AdapterContract, Made
from tests.adapters.events import FRONTS, Event, Front, sent, websocket

every_front = pytest.mark.parametrize("front", FRONTS.values(), ids=FRONTS)

RESOLVERS: dict[str, Callable[[], Any]] = {
    "HTTP API 2.0": APIGatewayHttpResolver,
    "HTTP API 2.0, no array": LambdaFunctionUrlResolver,
    "REST API": APIGatewayRestResolver,
    "load balancer": ALBResolver,
    "load balancer, multi-value": ALBResolver,
}


class Context:
    """What Lambda tells of an invocation."""

    def __init__(self, seconds: float = 10) -> None:
        self._seconds = seconds

    def get_remaining_time_in_millis(self) -> int:
        """Until Lambda ends it."""
        return int(self._seconds * 1000)


def wire_to(handler: Handler, front: Front) -> Wire:
    """Whatever stands in front of the function."""

    def request(path: str, cookies: Sequence[str], also: str, method: str = "GET") -> Answer:
        lines = ["; ".join(cookies)] if cookies else []
        try:
            response = handler(sent(front.event(path, [*lines, *([also] if also else [])], {}), method), Context())
        except ZeroDivisionError:
            return Answer(500)
        return front.answer(json.loads(json.dumps(response)))

    return request


def path_of(event: Event) -> str:
    """Of the request."""
    return str(event.get("rawPath") or event.get("path"))


def handled(front: Front, store: Store) -> Handler:
    """The pages, as a Lambda function for this kind of event."""

    def handler(event: Event, _context: object) -> Any:
        status = 200
        body = ""
        try:
            body = page(path_of(event), session_of(event), store)
        except Page as other:
            status = other.status
        kind = "multiValueHeaders" if front is FRONTS["load balancer, multi-value"] else "headers"
        value: Any = "text/plain"
        return {"statusCode": status, kind: {"Content-Type": [value] if kind != "headers" else value}, "body": body}

    return handler


def routed(resolver: Callable[[], Any], sessions: Sessions, store: Store) -> Handler:
    """The same pages, as routes of Powertools."""
    app = resolver()
    app.use(middlewares=[sessions.middleware])

    def route() -> Any:
        try:
            body = page(path_of(app.current_event.raw_event), app.context["session"], store)
        except Page as other:
            return Answered(other.status, "text/plain", "")
        return Answered(200, "text/plain", body)

    app.route(".+", method=["GET", "POST"])(route)
    return cast("Handler", app.resolve)


class TestDecorated(AdapterContract):
    """The contract."""

    @pytest.fixture(params=FRONTS)
    def adapter(self, request: pytest.FixtureRequest) -> Made:
        """A decorated handler."""
        front = FRONTS[request.param]
        return lambda store, **options: wire_to(with_session(store=store, **options)(handled(front, store)), front)


class TestPowertools(AdapterContract):
    """The contract."""

    @pytest.fixture(params=RESOLVERS)
    def adapter(self, request: pytest.FixtureRequest) -> Made:
        """Routes under the middleware."""
        front, resolver = FRONTS[request.param], RESOLVERS[request.param]
        return lambda store, **options: wire_to(routed(resolver, Sessions(store, **options), store), front)


# ---- what an answer had before


@every_front
def test_the_functions_own_headers_stay(store: Store, front: Front) -> None:
    """Its cookies and its Vary, in whatever capitals it writes them."""
    several = front is FRONTS["load balancer, multi-value"]

    @with_session(store=store)
    def handler(event: Event, _context: object) -> Any:
        session_of(event)["a"] = 1
        if "cookies" in front.answer.__code__.co_consts:
            return {"statusCode": 200, "headers": {"vary": "Accept", "X-Own": "1"}, "cookies": ["theme=dark"]}
        own = {"vary": "Accept", "X-Own": "1", "set-cookie": "theme=dark"}
        return {
            "statusCode": 200,
            **({"multiValueHeaders": {k: [v] for k, v in own.items()}} if several else {"headers": own}),
        }

    answer = wire_to(handler, front)("/", [], "")
    assert [cookie.partition("=")[0] for cookie in answer.cookies] == ["theme", "__Host-session"]
    assert (answer.vary, answer.headers["x-own"]) == ("Accept, Cookie", "1")


def test_a_balancer_that_knows_each_name_once_gets_each_cookie_in_capitals_of_its_own(store: Store) -> None:
    """As many as there are."""
    own = {"Set-Cookie": "a=1", "set-cookie": "b=2", "SET-COOKIE": "c=3"}

    @with_session(store=store)
    def handler(event: Event, _context: object) -> Any:
        session_of(event)["a"] = 1
        return {"statusCode": 200, "headers": dict(own)}

    answer = wire_to(handler, FRONTS["load balancer"])("/", [], "")
    assert [cookie[0] for cookie in answer.cookies] == ["a", "b", "c", "_"]


@pytest.mark.parametrize("front", [FRONTS["REST API"], FRONTS["HTTP API 1.0"]], ids=["REST API", "HTTP API 1.0"])
def test_cookies_in_both_kinds_of_headers_stay(store: Store, front: Front) -> None:
    """API Gateway would have dropped the single one; nobody meant that."""

    @with_session(store=store)
    def handler(event: Event, _context: object) -> Any:
        session_of(event)["a"] = 1
        return {
            "statusCode": 200,
            "headers": {"Set-Cookie": "a=1"},
            "multiValueHeaders": {"set-cookie": ["b=2", "c=3"]},
        }

    answer = wire_to(handler, front)("/", [], "")
    assert [cookie[0] for cookie in answer.cookies] == ["a", "b", "c", "_"]


@pytest.mark.parametrize("kind", [kind for kind in RESOLVERS if kind != "load balancer"])
def test_routes_may_set_cookies_of_their_own(store: Store, kind: str) -> None:
    """Powertools' ones, wherever Powertools sends more than one."""
    app = RESOLVERS[kind]()

    def route() -> Any:
        session_of(app.current_event.raw_event)["a"] = 1
        return Answered(200, "text/plain", "", {"Vary": "Accept"}, [OtherCookie("theme", "dark", secure=False)])

    app.get("/", middlewares=[Sessions(store).middleware])(route)
    answer = wire_to(app.resolve, FRONTS[kind])("/", [], "")
    assert [cookie.partition("=")[0] for cookie in answer.cookies] == ["theme", "__Host-session"]
    assert answer.vary == "Accept, Cookie"


@pytest.mark.parametrize("response", [None, "text", {"plain": 1}, [1, 2], {"batchItemFailures": []}])
def test_what_a_handler_answers_without_its_session_is_left_alone(store: Store, response: object) -> None:
    """Whatever it is: the event may be no request at all."""
    handler = with_session(store=store)(lambda _event, _context: response)
    assert handler({"Records": []}, Context()) is response


@pytest.mark.parametrize(("response", "body"), [(None, ""), ("text", "text"), ({"plain": 1}, '{"plain": 1}')])
def test_an_answer_in_short_can_carry_a_cookie(store: Store, response: object, body: str) -> None:
    """It is written out as API Gateway would have."""

    @with_session(store=store)
    def handler(event: Event, _context: object) -> Any:
        session_of(event)["a"] = 1
        return response

    answer = wire_to(handler, FRONTS["HTTP API 2.0"])("/", [], "")
    assert (answer.status, answer.body, len(answer.cookies)) == (200, body, 1)


# ---- one environment, many requests


def test_nothing_of_a_request_stays_in_the_function(store: Store) -> None:
    """An environment serves one after the other; one of them fails in between."""
    browsers = [Browser(wire_to(with_session(store=store)(handled(front, store)), front)) for front in FRONTS.values()]
    browsers += [Browser(browsers[0].wire) for _ in range(3)]
    for number, browser in enumerate(browsers):
        browser.get(f"/put/n/{number}")
        browser.get("/breaks/x")
    for number, browser in enumerate(browsers):
        assert browser.get("/show").body == f"[('n', '{number}')]"
    assert Browser(browsers[0].wire).get("/show").body == "[]"


def test_the_event_of_the_caller_is_not_changed_by_the_decorator(store: Store) -> None:
    """It may be logged, or used again."""
    event = FRONTS["HTTP API 2.0"].event("/put/a/1", [], {})
    before = json.dumps(event)
    with_session(store=store)(handled(FRONTS["HTTP API 2.0"], store))(event, Context())
    assert json.dumps(event) == before


def test_an_event_can_be_logged_within_the_handler(store: Store) -> None:
    """The session shows nothing of itself."""
    shown = []

    @with_session(store=store)
    def handler(event: Event, _context: object) -> Any:
        session_of(event)["secret"] = "hunter2"
        shown.append(json.dumps(event, default=str))
        return {"statusCode": 200}

    browser = Browser(wire_to(handler, FRONTS["REST API"]))
    browser.get("/")
    token = browser.jar["__Host-session"]
    browser.get("/")
    assert "hunter2" not in "".join(shown)
    # The request's own header is the request's; the session adds nothing to it.
    assert [text.count(token) for text in shown] == [0, 2]


def test_an_undecorated_handler_is_told_what_is_missing() -> None:
    """Not a KeyError in the middle of nowhere."""
    with pytest.raises(LookupError, match="@with_session"):
        session_of({})


def test_the_decorator_works_without_arguments(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the store of the environment."""
    store = memory_store()
    monkeypatch.setattr("sojourn.adapters.lambda_handler.open_store", lambda: store)

    @with_session
    def handler(event: Event, _context: object) -> Any:
        """A page."""
        session_of(event).login("ada")
        return {"statusCode": 204}

    assert (handler.__name__, handler.__doc__) == ("handler", "A page.")
    assert handler(FRONTS["REST API"].event("/", [], {}), None)["statusCode"] == 204
    assert len(list(store.sessions(subject="ada"))) == 1


def test_a_function_answers_before_lambda_ends_it(backend: CountingBackend, clock: FakeClock) -> None:
    """A store that cannot answer in time is not asked; Lambda's default timeout leaves time for it."""
    store = memory_store(clock=clock, backend=backend)
    handler = with_session(store=store)(handled(FRONTS["REST API"], store))
    event = FRONTS["REST API"].event("/put/a/1", [], {})
    with backend.counted() as calls:
        assert handler(event, Context(1.9))["statusCode"] == 503
    assert calls == []
    assert handler(event, Context(2.9))["statusCode"] == 200


def test_a_refusal_says_when_to_come_back(store: Store, backend: CountingBackend) -> None:
    """And is not cached."""
    for front in FRONTS.values():
        backend.is_away = False
        wire = wire_to(with_session(store=store)(handled(front, store)), front)
        backend.is_away = True
        answer = wire("/put/a/1", [], "")
        assert answer.status == 503
        assert (answer.headers["retry-after"], answer.headers["cache-control"]) == ("1", "no-store")
        assert json.loads(answer.body) == {"message": "The session store does not answer. Try again."}


# ---- without cookies


def bearer(front: Front, handler: Handler, path: str, *headers: tuple[str, str]) -> Answer:
    """A request of a client that is no browser."""
    return front.answer(handler(front.event(path, [], dict(headers)), Context()))


@every_front
def test_clients_that_are_no_browsers_bring_a_bearer_token(store: Store, front: Front) -> None:
    """And get a new one in a header of its own."""
    handler = with_session(store=store, is_bearer=True)(handled(front, store))
    first = bearer(front, handler, "/put/a/1")
    assert (first.cookies, first.vary) == ([], "Authorization")
    token = first.headers["session-token"]
    for spelt in (("Authorization", f"Bearer {token}"), ("authorization", f"bearer {token}")):
        answer = bearer(front, handler, "/show", spelt)
        assert answer.body == "[('a', '1')]"
        assert "session-token" not in answer.headers
    for wrong in (f"Basic {token}", token, f"Bearer {token}x", f"Bearer {token}, Bearer {token}", "Bearer", ""):
        assert bearer(front, handler, "/show", ("authorization", wrong)).body == "[]"
    assert front.answer(handler(front.event("/show", [f"__Host-session={token}"], {}), Context())).body == "[]"
    after = bearer(front, handler, "/login/ada", ("Authorization", f"Bearer {token}")).headers["session-token"]
    assert bearer(front, handler, "/show", ("Authorization", f"Bearer {token}")).body == "[]"
    assert bearer(front, handler, "/whose", ("Authorization", f"Bearer {after}")).body == "ada"


# ---- WebSockets


def test_a_websocket_knows_whose_it_is(store: Store, backend: CountingBackend) -> None:
    """From the cookie of the request that opens it; nothing can be changed where no cookie can be set."""
    session = store.create({"a": 1}, subject="ada")
    seen = []

    @with_session(store=store)
    def connect(event: Event, _context: object) -> Any:
        visit = session_of(event)
        seen.append((visit.subject, dict(visit)))
        changes: list[Callable[[], object]] = [visit.logout, visit.rotate, visit.clear, lambda: visit.login("eve")]
        changes += [lambda: visit.setdefault("b", 2)]
        for change in changes if visit else []:
            with pytest.raises(InvalidDataError, match="cannot be changed here"):
                change()
        return {"statusCode": 200 if visit.subject else 401}

    with backend.counted() as calls:
        assert connect(websocket(f"__Host-session={session.token}; theme=dark"), Context())["statusCode"] == 200
        assert connect(websocket(f"__Host-session={mint().reveal()}"), Context())["statusCode"] == 401
    assert seen == [("ada", {"a": 1}), (None, {})]
    assert calls == ["load", "load"]


# ---- a development server


def test_plain_http_needs_to_be_meant(store: Store) -> None:
    """The cookie then has another name, because browsers refuse the prefix without Secure."""
    cookie = Cookie(name="session", secure=False, is_development=True)
    browser = Browser(
        wire_to(with_session(store=store, cookie=cookie)(handled(FRONTS["REST API"], store)), FRONTS["REST API"])
    )
    browser.get("/put/a/1")
    assert browser.last[0].endswith("; Path=/; HttpOnly; SameSite=Lax")
