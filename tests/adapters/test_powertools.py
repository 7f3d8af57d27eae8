"""Sessions beside Powertools for AWS Lambda: its resolvers decide what is answered, @idempotent what is repeated."""

import asyncio
import base64
import gzip
import json
import warnings
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, cast

import pytest
from aws_lambda_powertools.event_handler import (
    ALBResolver,
    APIGatewayHttpResolver,
    APIGatewayRestResolver,
    CORSConfig,
    LambdaFunctionUrlResolver,
    VPCLatticeResolver,
    VPCLatticeV2Resolver,
)
from aws_lambda_powertools.event_handler import Response as Answered
from aws_lambda_powertools.event_handler.exceptions import (
    BadRequestError,
    InternalServerError,
    NotFoundError,
    ServiceError,
    UnauthorizedError,
)
from aws_lambda_powertools.shared.cookies import Cookie as OtherCookie
from aws_lambda_powertools.utilities.data_classes import (
    APIGatewayProxyEvent,
    APIGatewayProxyEventV2,
    VPCLatticeEventV2,
    event_source,
)
from aws_lambda_powertools.utilities.idempotency import IdempotencyConfig, idempotent
from aws_lambda_powertools.utilities.idempotency.exceptions import (
    IdempotencyItemAlreadyExistsError,
    IdempotencyItemNotFoundError,
)
from aws_lambda_powertools.utilities.idempotency.persistence.base import BasePersistenceLayer
from aws_lambda_powertools.utilities.idempotency.persistence.datarecord import DataRecord

from sojourn import Store, StoreUnavailableError
from sojourn.adapters.lambda_handler import session_of, with_session
from tests.adapters.browser import Browser, CountingBackend, Page, Wire, page
from tests.adapters.contract import AdapterContract, Made
from tests.adapters.events import FRONTS, Event
from tests.adapters.test_lambda import Context, Handler, path_of, wire_to

RESOLVERS: dict[str, Callable[..., Any]] = {
    "HTTP API 2.0": APIGatewayHttpResolver,
    "HTTP API 2.0, no array": LambdaFunctionUrlResolver,
    "HTTP API 1.0": APIGatewayRestResolver,
    "REST API": APIGatewayRestResolver,
    "load balancer": ALBResolver,
    "load balancer, multi-value": ALBResolver,
    "VPC Lattice 1": VPCLatticeResolver,
    "VPC Lattice 2": VPCLatticeV2Resolver,
}

every_resolver = pytest.mark.parametrize("kind", RESOLVERS)


def served(app: Any, kind: str, store: Store) -> Browser:  # a resolver
    """A browser in front of it."""
    return Browser(wire_to(with_session(store=store)(app.resolve), FRONTS[kind]))


def routed(kind: str, store: Store, **options: Any) -> Wire:
    """The contract's pages, as routes of Powertools."""
    app = RESOLVERS[kind]()

    def route() -> Any:
        try:
            body = page(path_of(app.current_event.raw_event), session_of(), store)
        except Page as other:
            return Answered(other.status, "text/plain", "")
        return Answered(200, "text/plain", body)

    app.route(".+", method=["GET", "POST"])(route)
    return wire_to(with_session(store=store, **options)(app.resolve), FRONTS[kind])


class TestPowertools(AdapterContract):
    """The contract."""

    @pytest.fixture(params=RESOLVERS)
    def adapter(self, request: pytest.FixtureRequest) -> Made:
        """Routes."""
        return lambda store, **options: routed(request.param, store, **options)


# ---- what a route raises is an answer


class MyError(Exception):
    """The application's."""


def refusing(kind: str, raised: Exception, **options: Any) -> Any:
    """An application one of whose routes puts something in, or logs out, and raises."""
    app = RESOLVERS[kind](**options)

    @app.get("/fails")  # type: ignore[untyped-decorator]  # the resolver is any
    def fails() -> None:
        session_of()["failed"] = 1
        raise raised

    @app.get("/leaves")  # type: ignore[untyped-decorator]  # the resolver is any
    def leaves() -> None:
        session_of().logout()
        raise raised

    return app


@pytest.mark.parametrize(
    "raised", [UnauthorizedError("x"), BadRequestError({"a": 1}), NotFoundError(), ServiceError(418, "")]
)
@every_resolver
def test_an_error_of_powertools_is_an_answer_like_any_other(store: Store, kind: str, raised: ServiceError) -> None:
    """A returned 401 stores; so does a raised one, and a logout takes the cookie."""
    browser = served(refusing(kind, raised), kind, store)
    assert browser.get("/fails").status == raised.status_code
    found = store.read(browser.jar["__Host-session"])
    assert found is not None
    assert dict(found) == {"failed": 1}
    assert browser.get("/leaves").status == raised.status_code
    assert (browser.jar, store.read(found.token)) == ({}, None)


@pytest.mark.parametrize("raised", [InternalServerError("x"), ServiceError(503, "x"), ZeroDivisionError()])
@every_resolver
def test_what_says_5xx_stores_nothing(store: Store, backend: CountingBackend, kind: str, raised: Exception) -> None:
    """A logout holds all the same."""
    browser = served(refusing(kind, raised), kind, store)
    assert browser.get("/fails").status >= 500
    assert (browser.jar, backend.records) == ({}, [])
    token = store.create().token
    browser.jar["__Host-session"] = token
    assert browser.get("/leaves").status >= 500
    assert store.read(token) is None
    # Where the function raised, API Gateway answers, and there is no cookie to take.
    assert browser.jar == ({"__Host-session": token} if isinstance(raised, ZeroDivisionError) else {})


@pytest.mark.parametrize(("status", "is_kept"), [(422, True), (303, True), (500, False)])
@every_resolver
def test_an_exception_handler_answers(
    store: Store, backend: CountingBackend, kind: str, status: int, *, is_kept: bool
) -> None:
    """With what it returns, and what it puts in itself."""
    app = refusing(kind, MyError())

    @app.exception_handler(MyError)  # type: ignore[untyped-decorator]  # the resolver is any
    def handle(_error: MyError) -> Answered[str]:
        session_of()["handled"] = 1
        return Answered(status, "text/plain", "handled")

    answer = served(app, kind, store).get("/fails")
    assert (answer.status, answer.body, len(answer.cookies)) == (status, "handled", int(is_kept))
    assert bool(backend.records) == is_kept


@every_resolver
def test_a_page_that_is_not_found_may_have_a_session(store: Store, kind: str) -> None:
    """Whatever makes it."""
    app = RESOLVERS[kind]()

    @app.not_found  # type: ignore[untyped-decorator]  # the resolver is any
    def nowhere(_error: NotFoundError) -> Answered[str]:
        session_of()["last"] = path_of(app.current_event.raw_event)
        return Answered(404, "text/plain", "nowhere")

    browser = served(app, kind, store)
    assert browser.get("/nowhere").status == 404
    found = store.read(browser.jar["__Host-session"])
    assert found is not None
    assert dict(found) == {"last": "/nowhere"}


@every_resolver
def test_what_powertools_answers_itself_needs_no_session(store: Store, backend: CountingBackend, kind: str) -> None:
    """Not found, not valid, or asked for by a browser before a request."""
    app = RESOLVERS[kind](enable_validation=True, cors=CORSConfig(allow_origin="https://shop.example"))

    @app.get("/orders/<number>")  # type: ignore[untyped-decorator]  # the resolver is any
    def order(number: int) -> dict[str, int]:
        session_of()["n"] = number
        return {"n": number}

    browser = served(app, kind, store)
    answers = [
        browser.get("/nowhere"),
        browser.get("/orders/x"),
        browser.take(browser.send("/orders/1", method="OPTIONS")),
    ]
    assert [(answer.status, answer.cookies) for answer in answers] == [(404, []), (422, []), (204, [])]
    assert backend.calls == []
    assert browser.get("/orders/1").status == 200
    assert len(backend.records) == 1


@every_resolver
def test_the_answer_that_is_sent_decides(store: Store, backend: CountingBackend, kind: str) -> None:
    """Not what a route thought: what is around it may fail after it."""
    app = RESOLVERS[kind]()

    def failing(inner: Any, next_middleware: Callable[[Any], Any]) -> Any:
        next_middleware(inner)
        return Answered(502, "text/plain", "")

    def login() -> dict[str, object]:
        session_of().login("ada")
        return {"cannot be written": object()}

    app.get("/around", middlewares=[failing])(lambda: session_of().login("ada"))
    app.get("/inside")(login)
    browser = served(app, kind, store)
    assert browser.get("/around").status == 502
    with pytest.raises(TypeError):
        browser.get("/inside")
    assert (browser.jar, backend.records) == ({}, [])


def test_an_answer_that_a_load_balancer_would_not_take_stores_nothing(store: Store, backend: CountingBackend) -> None:
    """Powertools measures it when all is made."""
    app = ALBResolver(enable_response_size_validation=True)

    @app.get("/")
    def big() -> str:
        session_of().login("ada")
        return "x" * 1_100_000

    with pytest.raises(Exception, match="exceeds the maximum"):
        served(app, "load balancer", store).get("/")
    assert backend.records == []


@every_resolver
def test_what_is_compressed_or_binary_stays_so(store: Store, kind: str) -> None:
    """The session adds headers, and looks at no body."""
    app = RESOLVERS[kind]()

    @app.get("/", compress=True, cache_control="max-age=60")  # type: ignore[untyped-decorator]  # the resolver is any
    def small() -> dict[str, str]:
        session_of()["a"] = 1
        return {"a": "b" * 100}

    event = FRONTS[kind].event("/", [], {"accept-encoding": "gzip"})
    response: Any = with_session(store=store)(app.resolve)(event, Context())
    assert (response["isBase64Encoded"], gzip.decompress(base64.b64decode(response["body"]))[:6]) == (True, b'{"a":"')
    answer = FRONTS[kind].answer(response)
    assert (answer.headers["content-encoding"], answer.headers["cache-control"]) == ("gzip", "max-age=60")
    assert len(answer.cookies) == 1


@every_resolver
def test_routes_may_set_cookies_of_their_own(store: Store, kind: str) -> None:
    """Powertools' ones; VPC Lattice knows no place for them, and Powertools no other."""
    app = RESOLVERS[kind]()

    @app.get("/")  # type: ignore[untyped-decorator]  # the resolver is any
    def route() -> Answered[str]:
        session_of()["a"] = 1
        return Answered(200, "text/plain", "", {"Vary": "Accept"}, [OtherCookie("theme", "dark", secure=False)])

    answer = served(app, kind, store).get("/")
    own = [] if kind.startswith("VPC Lattice") else ["theme"]
    assert [cookie.partition("=")[0] for cookie in answer.cookies] == [*own, "__Host-session"]
    assert answer.vary == "Accept, Cookie"


@every_resolver
def test_a_store_that_is_away_is_a_refusal_or_what_the_application_says(
    store: Store, backend: CountingBackend, kind: str
) -> None:
    """An exception handler for it goes before."""
    app = RESOLVERS[kind]()
    app.get("/")(lambda: dict(session_of()))
    browser = served(app, kind, store)
    browser.jar["__Host-session"] = store.create().token
    backend.is_away = True
    assert browser.get("/").headers["retry-after"] == "1"
    app.exception_handler(StoreUnavailableError)(lambda _error: Answered(200, "text/plain", "as a guest"))
    answer = browser.get("/")
    assert (answer.status, answer.body, answer.cookies) == (200, "as a guest", [])


@every_resolver
def test_routes_may_be_async(store: Store, kind: str) -> None:
    """The handler runs the loop."""
    app = RESOLVERS[kind]()

    @app.get("/")  # type: ignore[untyped-decorator]  # the resolver is any
    async def route() -> Answered[str]:
        await asyncio.sleep(0)
        session: Any = session_of(app.current_event.raw_event)
        session["n"] = session.get("n", 0) + 1
        raise UnauthorizedError("x")

    def around(inner: Any, next_middleware: Callable[[Any], Any]) -> Any:
        session_of()["around"] = True
        return next_middleware(inner)

    app.use(middlewares=[around])

    @with_session(store=store)
    def handler(event: Event, context: Any) -> Any:
        return asyncio.run(app.resolve_async(event, context))

    browser = Browser(wire_to(handler, FRONTS[kind]))
    assert [browser.get("/").status, browser.get("/").status] == [401, 401]
    found = store.read(browser.jar["__Host-session"])
    assert found is not None
    assert dict(found) == {"n": 2, "around": True}


@every_resolver
def test_powertools_reads_the_event_and_the_session_is_found_by_it(store: Store, kind: str) -> None:
    """Its data classes are views of what AWS sent."""
    app = RESOLVERS[kind]()

    @app.get("/a")  # type: ignore[untyped-decorator]  # the resolver is any
    def route() -> dict[str, bool]:
        event = app.current_event
        assert (event.path, event.http_method) == ("/a", "GET")
        return {"is_same": session_of(event.raw_event) is session_of(event) is session_of()}

    assert json.loads(served(app, kind, store).get("/a").body) == {"is_same": True}


@pytest.mark.parametrize("is_outside", [False, True], ids=["inside", "outside"])
def test_a_data_class_may_be_made_inside_or_outside(store: Store, *, is_outside: bool) -> None:
    """Of the decorator."""
    given = FRONTS["HTTP API 2.0"].event("/", [f"__Host-session={store.create({'a': 1}).token}"], {})

    def handler(event: APIGatewayProxyEventV2, _context: object) -> dict[str, Any]:
        return {"statusCode": 200, "body": f"{event.raw_path} {session_of(event)['a']}"}

    source: Any = event_source(data_class=APIGatewayProxyEventV2)
    sessions = with_session(store=store)
    made: Any = source(sessions(handler)) if is_outside else sessions(source(handler))
    assert made(given, Context())["body"] == "/ 1"


# ---- @idempotent


class Kept(BasePersistenceLayer):
    """What Powertools keeps of answers, in a dictionary."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # Powertools'
        self.records: dict[str, DataRecord] = {}

    def _get_record(self, idempotency_key: str) -> DataRecord:
        try:
            return self.records[idempotency_key]
        except KeyError:
            raise IdempotencyItemNotFoundError from None

    def _put_record(self, data_record: DataRecord) -> None:
        kept = self.records.get(data_record.idempotency_key)
        if kept is not None and (kept.expiry_timestamp or 0) > datetime.now(UTC).timestamp():
            raise IdempotencyItemAlreadyExistsError(old_data_record=kept)
        self.records[data_record.idempotency_key] = data_record

    def _update_record(self, data_record: DataRecord) -> None:
        self.records[data_record.idempotency_key] = data_record

    def _delete_record(self, data_record: DataRecord) -> None:
        self.records.pop(data_record.idempotency_key, None)

    @property
    def text(self) -> str:
        """All that is kept."""
        return " ".join(str(vars(record)) for record in self.records.values())


def paying(calls: list[str]) -> Handler:
    """A handler that must not do its work twice."""

    def pay(event: Event, _context: object) -> dict[str, Any]:
        calls.append(path_of(event))
        session: Any = session_of(event)
        session["paid"] = session.get("paid", 0) + 1
        return {"statusCode": 201, "body": "paid"}

    return pay


@every_resolver
@pytest.mark.parametrize("key", ["", "headers.order || multiValueHeaders.order"], ids=["whole event", "a part"])
def test_idempotent_inside_repeats_the_page_and_never_sees_a_token(store: Store, kind: str, key: str) -> None:
    """The safe order: another client with the same key gets the page without a cookie."""
    kept, calls = Kept(), list[str]()
    config = IdempotencyConfig(event_key_jmespath=key)
    guarded = idempotent(persistence_store=kept, config=config)(paying(calls))
    handler = with_session(store=store)(cast("Handler", guarded))
    event = FRONTS[kind].event("/pay", [], {"order": "1"})
    first, second = (FRONTS[kind].answer(handler(event, Context())) for _ in range(2))
    assert (first.status, first.body, len(first.cookies)) == (201, "paid", 1)
    assert (second.status, second.body, second.cookies) == (201, "paid", [])
    assert (calls, len(kept.records)) == (["/pay"], 1)
    assert '"paid"' in kept.text
    assert "sjn_" not in kept.text


def test_idempotent_outside_keeps_the_token_and_hands_it_to_others(store: Store) -> None:
    """Why the docs say that the order matters; not even Powertools could tell."""
    kept, calls = Kept(), list[str]()
    config = IdempotencyConfig(event_key_jmespath="headers.order")
    handler = idempotent(persistence_store=kept, config=config)(with_session(store=store)(paying(calls)))
    front = FRONTS["HTTP API 2.0"]
    first, second = (handler(front.event("/pay", [], {"order": "1"}), cast("Any", Context())) for _ in range(2))
    assert first["cookies"] == second["cookies"]
    assert first["cookies"][0].partition(";")[0] in kept.text


def test_a_handler_that_failed_is_run_again(store: Store, backend: CountingBackend) -> None:
    """A refusal is the answer of one request: Powertools keeps what the handler returned, and the session is lost."""
    kept, calls = Kept(), list[str]()
    handler = with_session(store=store)(cast("Handler", idempotent(persistence_store=kept)(paying(calls))))
    event = FRONTS["REST API"].event("/pay", [f"__Host-session={store.create().token}"], {})
    backend.is_away = True
    assert handler(event, Context())["statusCode"] == 503
    assert kept.records == {}
    backend.is_away = False
    assert handler(event, Context())["statusCode"] == 201
    assert calls == ["/pay", "/pay"]


def test_no_warning_of_powertools_is_ours(store: Store) -> None:
    """A load balancer without multi-value headers gets the session's cookie beside the route's."""
    app = ALBResolver()

    @app.get("/")
    def route() -> Answered[str]:
        session_of()["a"] = 1
        return Answered(200, "text/plain", "", cookies=[OtherCookie("theme", "dark")])

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert len(served(app, "load balancer", store).get("/").cookies) == 2


def test_the_events_are_what_powertools_knows() -> None:
    """A judge of the events themselves."""
    first = APIGatewayProxyEvent(FRONTS["REST API"].event("/a", ["b=1"], {}))
    assert (first.path, first.headers["cookie"], first.multi_value_headers["cookie"]) == ("/a", "b=1", ["b=1"])
    second = APIGatewayProxyEventV2(FRONTS["HTTP API 2.0"].event("/a", ["b=1; c=2"], {}))
    assert (second.path, second.cookies) == ("/a", ["b=1", "c=2"])
    lattice = VPCLatticeEventV2(FRONTS["VPC Lattice 2"].event("/a", ["b=1"], {}))
    assert (lattice.path, lattice.request_context.region) == ("/a", "eu-central-1")
    assert lattice["headers"]["cookie"] == ["b=1"]
