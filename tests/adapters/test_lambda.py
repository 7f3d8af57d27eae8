"""Lambda functions with sessions: under every kind of event."""

import asyncio
import copy
import gc
import json
import threading
import weakref
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any, assert_type

import pytest

from sojourn import (
    ConfigurationError,
    ConflictError,
    InvalidDataError,
    SessionGoneError,
    Settings,
    Store,
    StoreUnavailableError,
)
from sojourn.adapters.cookies import Cookie
from sojourn.adapters.lambda_handler import session_of, with_session
from sojourn.adapters.refusals import refusal_of
from sojourn.testing import FakeClock, memory_store
from sojourn.tokens import mint
from tests.adapters.browser import Answer, Browser, CountingBackend, Page, Wire, page
from tests.adapters.contract import AdapterContract, Made
from tests.adapters.events import FRONTS, OTHERS, Event, Front, authorizer, authorizer_2, sent, websocket

if TYPE_CHECKING:
    from sojourn.adapters.visit import Visit

Handler = Callable[[Event, Any], Any]

every_front = pytest.mark.parametrize("front", FRONTS.values(), ids=FRONTS)


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
    return str(event.get("rawPath") or event.get("path") or event["raw_path"])


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


class TestDecorated(AdapterContract):
    """The contract."""

    @pytest.fixture(params=FRONTS)
    def adapter(self, request: pytest.FixtureRequest) -> Made:
        """A decorated handler."""
        front = FRONTS[request.param]
        return lambda store, **options: wire_to(with_session(store=store, **options)(handled(front, store)), front)


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


@every_front
def test_a_header_without_a_value_is_none(store: Store, front: Front) -> None:
    """Powertools leaves them out as well."""

    @with_session(store=store)
    def handler(_event: Event, _context: object) -> dict[str, Any]:
        session_of()["a"] = 1
        return {"statusCode": 200, "headers": {"Vary": None, "cache-control": None}, "multiValueHeaders": None}

    answer = front.answer(handler(front.event("/", [], {}), None))
    assert (answer.vary, answer.headers["cache-control"]) == ("Cookie", 'no-cache="Set-Cookie", private')


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


@pytest.mark.parametrize("response", [None, "text", {"plain": 1}, [1, 2], {"statusCode": 204}])
@every_front
def test_what_a_handler_answers_without_its_session_is_left_alone(store: Store, front: Front, response: object) -> None:
    """Whatever it is."""
    assert with_session(store=store)(lambda _event, _context: response)(front.event("/", [], {}), None) is response


@pytest.mark.parametrize(
    ("response", "body"),
    [(None, "null"), ("text", "text"), ({"plain": 1}, '{"plain": 1}'), ({"n": Decimal("1.5")}, '{"n": 1.5}')],
)
def test_an_answer_in_short_can_carry_a_cookie(store: Store, response: object, body: str) -> None:
    """It is written out as API Gateway and Lambda's runtime would have, numbers of DynamoDB included."""

    @with_session(store=store)
    def handler(_event: Event, _context: object) -> object:
        session_of()["a"] = 1
        return response

    answer = wire_to(handler, FRONTS["HTTP API 2.0"])("/", [], "")
    assert (answer.status, answer.body, len(answer.cookies)) == (200, body, 1)
    assert answer.headers["content-type"] == "application/json"


def test_an_answer_that_cannot_be_sent_stores_nothing(store: Store, backend: CountingBackend) -> None:
    """Its token would be handed to nobody."""

    @with_session(store=store)
    def handler(_event: Event, _context: object) -> object:
        session_of().login("ada")
        return {"plain": {1, 2}}

    with pytest.raises(TypeError, match="type set"):
        handler(FRONTS["HTTP API 2.0"].event("/", [], {}), Context())
    assert backend.records == []


_KEPT: dict[str, set[str]] = {
    "HTTP API 2.0": {"None", "text", "{}"},
    "HTTP API 2.0, no array": {"None", "text", "{}"},
    "REST API": {"{}"},
}
"""Where API Gateway makes a page of what names no status; elsewhere it is a bad gateway."""


@pytest.mark.parametrize("response", [None, "text", {}, {"statusCode": "abc"}, {"statusCode": [200]}], ids=str)
@pytest.mark.parametrize("kind", FRONTS)
def test_an_answer_that_is_none_is_a_failure(
    store: Store, backend: CountingBackend, kind: str, response: object
) -> None:
    """The client gets a 502 in its place, and nothing is stored."""

    @with_session(store=store)
    def handler(_event: Event, _context: object) -> object:
        session_of()["a"] = 1
        return response

    handler(FRONTS[kind].event("/", [], {}), Context())
    assert bool(backend.records) == (str(response) in _KEPT.get(kind, ()))


@pytest.mark.parametrize(("status", "is_kept"), [("200", True), ("404", True), ("500", False), (503, False)])
@every_front
def test_a_status_may_be_a_text(
    store: Store, backend: CountingBackend, front: Front, status: object, *, is_kept: bool
) -> None:
    """As every gateway takes it."""

    @with_session(store=store)
    def handler(_event: Event, _context: object) -> object:
        session_of()["a"] = 1
        return {"statusCode": status}

    response: Any = handler(front.event("/", [], {}), Context())
    assert (response["statusCode"], bool(backend.records)) == (status, is_kept)


@every_front
def test_binary_answers_stay_what_they_are(store: Store, front: Front) -> None:
    """And the handler's own dictionaries are not written into: they may be constants."""
    constant = {"statusCode": 200, "headers": {"X-Own": "1"}, "isBase64Encoded": True, "body": "AA=="}
    before = copy.deepcopy(constant)

    @with_session(store=store)
    def handler(_event: Event, _context: object) -> dict[str, Any]:
        session_of()["a"] = 1
        return constant

    response = handler(front.event("/", [], {}), Context())
    assert (response["isBase64Encoded"], response["body"], constant) == (True, "AA==", before)


@pytest.mark.parametrize("own", [{}, {"cache-control": "max-age=60"}], ids=["none", "its own"])
@pytest.mark.parametrize("is_bearer", [False, True], ids=["cookie", "bearer"])
@every_front
def test_an_answer_with_a_token_is_not_cached(
    store: Store, front: Front, own: dict[str, str], *, is_bearer: bool
) -> None:
    """Unless the function says how long it is."""
    several = front is FRONTS["load balancer, multi-value"]

    @with_session(store=store, is_bearer=is_bearer)
    def handler(event: Event, _context: object) -> dict[str, Any]:
        if path_of(event) == "/put":
            session_of()["a"] = 1
        len(session_of())
        return {
            "statusCode": 200,
            **({"multiValueHeaders": {k: [v] for k, v in own.items()}} if several else {"headers": own}),
        }

    answer = wire_to(handler, front)("/put", [], "")
    header = "Session-Token" if is_bearer else "Set-Cookie"
    assert answer.headers["cache-control"] == own.get("cache-control", f'no-cache="{header}", private')
    assert wire_to(handler, front)("/", [], "").headers.get("cache-control") == own.get("cache-control")


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


@every_front
def test_nothing_of_a_request_is_left_when_it_is_over(store: Store, front: Front) -> None:
    """Answered or not: no reference, so that no later one can find it."""
    left: list[weakref.ref[Visit]] = []

    @with_session(store=store)
    def handler(event: Event, _context: object) -> dict[str, Any]:
        session_of()["a"] = 1
        left.append(weakref.ref(session_of()))
        return {"statusCode": 200 // (path_of(event) != "/breaks")}

    handler(front.event("/", [], {}), Context())
    with pytest.raises(ZeroDivisionError):
        handler(front.event("/breaks", [], {}), Context())
    gc.collect()
    assert [found() for found in left] == [None, None]
    with pytest.raises(LookupError, match="@with_session"):
        session_of()


# ---- the event is AWS's


@every_front
def test_the_handler_gets_the_event_as_it_came(store: Store, front: Front) -> None:
    """It can be logged, copied and hashed, and shows nothing of the session."""
    event = front.event("/", [f"__Host-session={store.create({'secret': 'hunter2'}).token}"], {})
    before = json.dumps(event, sort_keys=True)

    @with_session(store=store)
    def handler(given: Event, _context: object) -> dict[str, Any]:
        assert given is event
        assert session_of()["secret"] == "hunter2"
        assert json.dumps(given, sort_keys=True) == json.dumps(copy.deepcopy(given), sort_keys=True) == before
        return {"statusCode": 200}

    assert handler(event, Context())["statusCode"] == 200
    assert json.dumps(event, sort_keys=True) == before


@every_front
def test_the_session_is_found_by_the_event_and_its_copies(store: Store, front: Front) -> None:
    """Not by another request's."""
    seen: list[bool] = []

    @with_session(store=store)
    def handler(event: Event, _context: object) -> dict[str, Any]:
        session = session_of()
        copies = (event, {**event}, copy.deepcopy(event), {**event, "more": 1}, json.loads(json.dumps(event)))
        seen.extend(session_of(other) is session for other in copies)
        others: list[object] = [front.event("/", ["__Host-session=another"], {}), {"Records": []}, "text", 1]
        for foreign in others:
            with pytest.raises(LookupError, match="not that of the request"):
                session_of(foreign)
        return {"statusCode": 200}

    handler(front.event("/", [], {}), Context())
    assert seen == [True] * 5


def test_an_undecorated_handler_is_told_what_is_missing() -> None:
    """Not a KeyError in the middle of nowhere."""
    for event in (None, {}, FRONTS["REST API"].event("/", [], {})):
        with pytest.raises(LookupError, match="@with_session"):
            session_of(event)


def test_a_handler_within_a_handler_has_a_session_of_its_own(store: Store) -> None:
    """And finds the outer one by its event."""
    outside, inside = (
        FRONTS["REST API"].event("/", [f"__Host-session={store.create({'n': n}).token}"], {}) for n in "ab"
    )
    seen: list[object] = []

    @with_session(store=store)
    def inner(event: Event, _context: object) -> dict[str, Any]:
        seen.extend(session_of(event_)["n"] for event_ in (None, event, outside))
        return {"statusCode": 200}

    @with_session(store=store)
    def outer(event: Event, context: object) -> dict[str, Any]:
        seen.append(session_of()["n"])
        inner(inside, context)
        seen.extend((session_of()["n"], session_of(event)["n"]))
        return {"statusCode": 200}

    outer(outside, Context())
    assert seen == ["a", "b", "b", "a", "a", "a"]


def test_requests_in_threads_do_not_see_each_other(store: Store) -> None:
    """As a development server runs a handler. A thread that a handler starts is handed the session."""
    together = threading.Barrier(4)
    seen: dict[str, list[object]] = {}

    def ask(found: list[object]) -> None:
        try:
            found.append(session_of())
        except LookupError:
            found.append("nothing")

    @with_session(store=store)
    def handler(event: Event, _context: object) -> dict[str, Any]:
        session_of()["n"] = path_of(event)
        together.wait(10)
        found = seen.setdefault(path_of(event), [session_of(event)["n"]])
        thread = threading.Thread(target=ask, args=(found,))
        thread.start()
        thread.join()
        return {"statusCode": 200}

    events = [FRONTS["HTTP API 2.0"].event(f"/{n}", [], {}) for n in range(4)]
    threads = [threading.Thread(target=handler, args=(event, Context())) for event in events]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert seen == {f"/{n}": [f"/{n}", "nothing"] for n in range(4)}


def test_a_handler_may_run_a_loop(store: Store, backend: CountingBackend) -> None:
    """Its tasks and asyncio's threads see the session; what they put in is stored."""

    async def answer(event: Event) -> dict[str, Any]:
        await asyncio.gather(put("a"), put("b"), asyncio.to_thread(lambda: session_of(event).update(c=1)))
        return {"statusCode": 200}

    async def put(key: str) -> None:
        await asyncio.sleep(0)
        session_of()[key] = 1

    @with_session(store=store)
    def handler(event: Event, _context: object) -> dict[str, Any]:
        return asyncio.run(answer(event))

    browser = Browser(wire_to(handler, FRONTS["HTTP API 2.0"]))
    browser.get("/")
    assert len(backend.records) == 1
    found = store.read(browser.jar["__Host-session"])
    assert found is not None
    assert dict(found) == {"a": 1, "b": 1, "c": 1}


def test_an_async_handler_is_refused_when_it_is_decorated(store: Store) -> None:
    """Lambda awaits none: its session would be stored before it ran."""

    class Application:
        """With a method that is one."""

        async def resolve(self, _event: Event, _context: object) -> dict[str, Any]:
            """A page."""
            return {"statusCode": 200}

    with pytest.raises(ConfigurationError, match=r"asyncio\.run"):
        with_session(store=store)(Application().resolve)


def test_the_decorator_keeps_the_types(store: Store) -> None:
    """As mypy sees it, strictly."""

    def plain(event: dict[str, Any], context: Context) -> dict[str, str]:
        return {"path": path_of(event), "left": str(context.get_remaining_time_in_millis())}

    assert_type(with_session(store=store)(plain), Callable[[dict[str, Any], Context], dict[str, str]])
    assert with_session(store=store)(plain)(FRONTS["REST API"].event("/a", [], {}), Context(1))["path"] == "/a"


# ---- events that are no requests


@pytest.mark.parametrize("kind", OTHERS)
def test_an_event_of_another_kind_raises(store: Store, backend: CountingBackend, kind: str) -> None:
    """Before the handler is called: it would look at a session that nobody brought."""
    called: list[object] = []
    handler = with_session(store=store)(lambda event, _context: called.append(event))
    with pytest.raises(ConfigurationError, match=r"not an HTTP request with a session .*supported: HTTP APIs, REST"):
        handler(OTHERS[kind], Context())
    assert (called, backend.calls) == ([], [])


def test_the_error_says_what_came_instead(store: Store) -> None:
    """Names of keys, no values; a WebSocket's messages are told where the session is."""
    handler = with_session(store=store)(lambda _event, _context: None)
    for kind, what in (("SQS", r"keys are Records\)"), ("null", "NoneType"), ("WebSocket message", r"at \$connect")):
        with pytest.raises(ConfigurationError, match=what):
            handler(OTHERS[kind], Context())


# ---- what an event may look like


def test_headers_are_found_in_any_capitals_and_junk_is_none(store: Store) -> None:
    """Real ones and those of tests: doubled, of other types, or without what nobody needs."""
    token = store.create({"a": 1}).token
    cookie = f"__Host-session={token}"
    seen: dict[int, bool] = {}
    http = {"version": "2.0", "rawPath": "/", "headers": {}}
    served: list[Event] = [
        {"httpMethod": "GET", "headers": {"COOKIE": cookie}},
        {"httpMethod": "GET", "headers": {"Cookie": "theme=dark", "cookie": cookie}},
        {"httpMethod": "GET", "headers": {"Cookie": cookie, "cookie": f"__Host-session={mint().reveal()}"}},
        {"httpMethod": "GET", "headers": {"Cookie": cookie}, "multiValueHeaders": None},
        {"httpMethod": "GET", "headers": {"Cookie": cookie}, "multiValueHeaders": {"cookie": None}},
        {"httpMethod": "GET", "headers": None, "multiValueHeaders": {"cOOKIE": [None, 1, cookie]}},
        {"httpMethod": "GET", "headers": {"Cookie": cookie}, "requestContext": None},
        {**http, "cookies": [None, 7, {"a": 1}, "", "=", cookie]},
        {**http, "headers": {"cookie": cookie}, "cookies": None},
        {**http, "headers": {"cookie": cookie}, "requestContext": {"http": None}},
        {"method": "GET", "raw_path": "/", "headers": {"cookie": [cookie, 3]}},
    ]
    strangers: list[Event] = [
        {"httpMethod": "GET", "headers": None},
        {"httpMethod": "GET", "path": "/", "resource": "/", "requestContext": {"requestId": "1"}},
        {"version": "2.0", "rawPath": "/"},
        {"httpMethod": "GET", "headers": {"Cookie": 5, "X": None}},
        {"httpMethod": "GET", "headers": {"Cookie": "x" * 20_000 + f"; {cookie}"}},
        {**http, "cookies": cookie, "headers": []},
        {**http, "cookies": [], "headers": {"cookie": cookie}},
    ]

    @with_session(store=store)
    def handler(event: Event, _context: object) -> dict[str, Any]:
        seen[id(event)] = session_of().get("a") == 1
        return {"statusCode": 200}

    for event in (*served, *strangers):
        assert handler(event, None)["statusCode"] == 200
    assert [seen[id(event)] for event in (*served, *strangers)] == [True] * len(served) + [False] * len(strangers)


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


@pytest.mark.parametrize("is_bearer", [False, True], ids=["cookie", "bearer"])
@every_front
def test_a_refusal_says_when_to_come_back(
    store: Store, backend: CountingBackend, front: Front, *, is_bearer: bool
) -> None:
    """As every adapter says it."""
    wire = wire_to(with_session(store=store, is_bearer=is_bearer)(handled(front, store)), front)
    backend.is_away = True
    answer = wire("/put/a/1", [], "")
    refusal = refusal_of(StoreUnavailableError("unplugged"))
    assert (answer.status, answer.body) == refusal == (503, "The session store does not answer. Try again.")
    assert {name.lower(): value for name, value in refusal.headers} == {
        "content-type": "text/plain; charset=utf-8",
        "cache-control": "no-store",
        "retry-after": "1",
    }
    assert answer.headers == {name.lower(): value for name, value in refusal.headers} | {
        "vary": "Authorization" if is_bearer else "Cookie"
    }


def test_only_a_store_that_is_away_says_when_to_come_back() -> None:
    """What another request did is not undone by waiting."""
    errors = [ConflictError("id", keys=frozenset({"a"})), SessionGoneError("id"), StoreUnavailableError("unplugged")]
    assert [refusal_of(error).status for error in errors] == [409, 401, 503]
    assert ["Retry-After" in dict(refusal_of(error).headers) for error in errors] == [False, False, True]
    assert {dict(refusal_of(error).headers)["Cache-Control"] for error in errors} == {"no-store"}


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


def test_two_authorization_headers_are_none(store: Store) -> None:
    """One of them was put there by somebody in between."""
    good, other = (f"Bearer {store.create({'a': 1}).token}" for _ in range(2))
    handler: Handler = with_session(store=store, is_bearer=True)(lambda _event, _context: {"n": len(session_of())})
    for values, size in (([good], 1), ([good, other], 0), ([good, good], 0)):
        event = {"httpMethod": "GET", "path": "/", "multiValueHeaders": {"Authorization": values}}
        assert handler(event, None)["n"] == size


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


def test_the_cookie_of_a_websocket_is_refused_while_the_store_is_away(store: Store, backend: CountingBackend) -> None:
    """A status is all that API Gateway looks at there."""
    cookie = f"__Host-session={store.create().token}"
    backend.is_away = True
    handler: Handler = with_session(store=store)(lambda _event, _context: {"statusCode": len(session_of()) or 200})
    assert handler(websocket(cookie), Context())["statusCode"] == 503


# ---- authorizers


@pytest.mark.parametrize("question", [authorizer, authorizer_2], ids=["1.0", "2.0"])
def test_an_authorizer_reads_the_session(
    store: Store, backend: CountingBackend, question: Callable[[str], Event]
) -> None:
    """Its verdict is left alone, since a header in it would be an error; it can change nothing."""
    token = store.create({"a": 1}, subject="ada").token

    @with_session(store=store)
    def handler(_event: Event, _context: object) -> dict[str, Any]:
        with pytest.raises(InvalidDataError, match="cannot be changed here"):
            session_of()["b"] = 2
        return {"isAuthorized": session_of().subject == "ada"}

    assert handler(question(f"__Host-session={token}"), Context()) == {"isAuthorized": True}
    assert handler(question(f"__Host-session={mint().reveal()}"), Context()) == {"isAuthorized": False}
    backend.is_away = True
    with pytest.raises(StoreUnavailableError):
        handler(question(f"__Host-session={token}"), Context())


# ---- a development server


def test_plain_http_needs_to_be_meant(store: Store) -> None:
    """The cookie then has another name, because browsers refuse the prefix without Secure."""
    cookie = Cookie(name="session", secure=False, is_development=True)
    browser = Browser(
        wire_to(with_session(store=store, cookie=cookie)(handled(FRONTS["REST API"], store)), FRONTS["REST API"])
    )
    browser.get("/put/a/1")
    assert browser.last[0].endswith("; path=/; httponly; samesite=Lax")


def test_two_applications_on_one_host_have_cookies_of_their_own(store: Store) -> None:
    """The namespace is in the name that is given none."""
    shop = memory_store(settings=Settings(namespace="shop"))
    for each, name in ((store, "__Host-session"), (shop, "__Host-session-shop")):
        browser = Browser(wire_to(with_session(store=each)(handled(FRONTS["REST API"], each)), FRONTS["REST API"]))
        browser.get("/put/a/1")
        assert (list(browser.jar), browser.get("/show").body) == ([name], "[('a', '1')]")
