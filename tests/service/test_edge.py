"""What holds on every route: who may call, what no answer shows, and that nothing escapes."""

from typing import Any, Final

import pytest

from sojourn.backends.memory import MemoryBackend
from sojourn.errors import CorruptSessionError, StoreUnavailableError
from sojourn.store import Store
from sojourn.testing import FakeClock, memory_store
from tests.service.conftest import Log
from tests.service.gateway import FUNCTIONS, FakeContext, Gateway
from tests.service.races import SilentBackend

KEYS: Final = [route.key for routes in FUNCTIONS.values() for route in routes]

every_route: Final = pytest.mark.parametrize("key", KEYS)


@pytest.fixture
def backend() -> SilentBackend:
    """A backend that can fall silent."""
    return SilentBackend()


@pytest.fixture
def store(clock: FakeClock, backend: MemoryBackend) -> Store:
    """The store that the functions use."""
    return memory_store(clock=clock, backend=backend)


def flawless(gateway: Gateway, key: str) -> dict[str, Any]:
    """An event that the route serves."""
    session = gateway.create({"a": 1}, subject="ann")
    method, path = key.split()
    query = "?subject=ann" if path.startswith("/sessions") and method != "POST" else ""
    kind = "application/merge-patch+json" if method == "PATCH" else "application/json"
    headers = {"session-token": session["token"], "if-match": "*", "content-type": kind}
    content = '{"subject":"ben"}' if path == "/session/login" else None
    if path in ("/session", "/sessions"):
        content = '{"data":{"a":2}}'
    return gateway.event(method, path.replace("{id}", session["id"]) + query, headers=headers, content=content)[1]


@every_route
def test_no_answer_may_be_cached_and_none_is_for_another_origin(gateway: Gateway, key: str) -> None:
    """A session is dead when it is dead; and browsers do not call this API."""
    for event in (flawless(gateway, key), {}):
        answer = gateway.deliver(key, event)
        assert answer.headers["Cache-Control"] == "no-store"
        assert not [name for name in answer.headers if name.lower().startswith("access-control")]


@every_route
@pytest.mark.parametrize(
    "authorizer", [None, {}, {"iam": None}, {"iam": {}}, {"jwt": {"claims": {}}}, {"iam": {"userArn": ""}}, "iam"]
)
def test_an_event_without_an_iam_caller_opens_nothing(gateway: Gateway, key: str, authorizer: object) -> None:
    """Also where the route, or a function URL, was exposed by mistake."""
    event = flawless(gateway, key)
    event["requestContext"] = event["requestContext"] | {"authorizer": authorizer}
    answer = gateway.deliver(key, event)
    assert (answer.status, answer.problem()) == (401, "no-caller")
    assert answer.headers["WWW-Authenticate"] == "AWS4-HMAC-SHA256"


@every_route
@pytest.mark.parametrize("event", [{}, {"requestContext": None}, {"headers": 5}, None, [], "event", {"body": 1}])
def test_an_event_of_another_kind_raises_nothing(gateway: Gateway, key: str, event: Any) -> None:  # noqa: ANN401
    """The gateway of the emulator shows what escapes."""
    assert gateway.deliver(key, event).status == 401


@every_route
def test_a_route_of_another_function_is_not_served(gateway: Gateway, key: str) -> None:
    """The gateway has routed; a function serves its own verbs."""
    answer = gateway.deliver(key, flawless(gateway, key) | {"routeKey": "$default"})
    assert (answer.status, answer.problem()) == (404, "no-such-route")


@every_route
def test_a_path_that_ends_in_a_slash_is_not_served(gateway: Gateway, key: str) -> None:
    """Whatever a gateway makes of it: a client whose id is empty must not end all sessions of the subject."""
    event = flawless(gateway, key)
    answer = gateway.deliver(key, event | {"rawPath": event["rawPath"] + "/"})
    assert (answer.status, answer.problem()) == (404, "no-such-route")
    assert len(gateway.send("GET", "/sessions?subject=ann").json()["sessions"]) == 1


def added(event: dict[str, Any], query: str) -> dict[str, Any]:
    """The event with more in its query."""
    return event | {"rawQueryString": "&".join(filter(None, (event["rawQueryString"], query)))}


@every_route
def test_a_query_parameter_that_the_route_does_not_know_is_refused(gateway: Gateway, key: str) -> None:
    """Everywhere."""
    answer = gateway.deliver(key, added(flawless(gateway, key), "verbose=1"))
    assert (answer.status, answer.json()["parameter"]) == (400, "verbose")


@every_route
def test_a_query_parameter_that_is_given_twice_is_refused(gateway: Gateway, key: str) -> None:
    """Two readers that take different ones would disagree; not even the same value is taken twice."""
    for query in ("a=1&a=1", "a=1&%61=2"):
        answer = gateway.deliver(key, added(flawless(gateway, key), query))
        assert (answer.status, answer.problem(), answer.json()["parameter"]) == (400, "malformed-request", "a")


@every_route
@pytest.mark.parametrize("query", ["a=%FF", "%C3=1", "a=%ED%A0%80", "a=%", "a=%4", "a=%zz", "a=\ud800"])
def test_a_query_that_is_not_encoded_utf_8_is_malformed(gateway: Gateway, key: str, query: str) -> None:
    """Neither broken escapes nor broken UTF-8 are repaired: they would name something else."""
    answer = gateway.deliver(key, added(flawless(gateway, key), query))
    assert (answer.status, answer.problem()) == (400, "malformed-request")


@every_route
def test_only_the_query_as_it_was_sent_counts(gateway: Gateway, key: str) -> None:
    """The gateway's own reading joins what is given twice with a comma."""
    event = flawless(gateway, key)
    joined = {"subject": "ben,ann", "verbose": "1", "keep": "x"}
    assert gateway.deliver(key, event | {"queryStringParameters": joined}).status < 300


@every_route
def test_a_store_that_does_not_answer_is_never_an_absent_session(
    gateway: Gateway, backend: SilentBackend, key: str
) -> None:
    """503 and when to come back; what the store said stays inside."""
    event = flawless(gateway, key)
    backend.is_silent = True
    answer = gateway.deliver(key, event)
    assert (answer.status, answer.problem()) == (503, "store-unavailable")
    assert answer.headers["Retry-After"] == "1"
    assert answer.json()["outcome_unknown"] is False
    assert "sessions-1" not in answer.body


@pytest.mark.parametrize(
    ("key", "content"),
    [
        ("POST /sessions", '{"data":{"a":{"$date":0}}}'),
        ("POST /sessions", '{"data":{},"idle":0}'),
        ("PUT /session", '{"data":{"a":{"$date":0}}}'),
        ("PATCH /session", '{"data":' + '{"a":' * 17 + "1" + "}" * 17 + "}"),
        ("POST /session/touch", '{"idle":"1"}'),
        ("POST /session/touch", '{"absolute":"1"}'),
        ("POST /session/rotate", '{"subject":"ann"}'),
        ("POST /session/login", '{"subject":1}'),
        ("POST /session/login", '{"label":"phone"}'),
        ("POST /session/login", '{"subject":"ann","absolute":"1"}'),
    ],
)
def test_what_cannot_be_kept_is_refused_before_the_store_is_called(
    gateway: Gateway, backend: SilentBackend, key: str, content: str
) -> None:
    """Here the store would not even respond."""
    event = flawless(gateway, key) | {"body": content}
    backend.is_silent = True
    assert gateway.deliver(key, event).status == 422


def test_an_outcome_that_is_unknown_is_said_to_be(gateway: Gateway, backend: SilentBackend) -> None:
    """A client that repeats a rotation blindly may have lost the session already."""
    event = flawless(gateway, "DELETE /session")
    backend.is_silent, backend.error = True, StoreUnavailableError("timeout", outcome_unknown=True)
    answer = gateway.deliver("DELETE /session", event)
    assert answer.json()["outcome_unknown"] is True


@every_route
def test_an_error_that_was_not_expected_shows_nothing_else(
    gateway: Gateway, backend: SilentBackend, log: Log, key: str
) -> None:
    """Neither its type nor its message reaches the client; and its message, which may quote data, not even the log."""
    event = flawless(gateway, key)
    backend.is_silent, backend.error = True, ZeroDivisionError("hunter2")
    answer = gateway.deliver(key, event)
    assert (answer.status, answer.problem()) == (500, "internal-error")
    assert "hunter2" not in answer.body
    assert "ZeroDivision" not in answer.body
    line = log()[-1]
    assert (line["level"], line["error"]) == ("ERROR", "ZeroDivisionError")
    assert "races.py" in line["stack"][-1]
    assert "hunter2" not in str(log())


def test_a_corrupt_session_is_neither_absent_nor_empty(gateway: Gateway, backend: SilentBackend, log: Log) -> None:
    """The operator learns which and why, the client that it can be expired."""
    event = flawless(gateway, "GET /session")
    backend.is_silent, backend.error = True, CorruptSessionError("its flag byte is unknown")
    answer = gateway.deliver("GET /session", event)
    assert (answer.status, answer.problem()) == (500, "corrupt-session")
    assert log()[-1]["detail"] == "its flag byte is unknown"


@every_route
def test_a_request_ends_before_lambda_ends_it(gateway: Gateway, key: str) -> None:
    """Without enough time left the store is not even called: an attempt needs one and a half."""
    event = flawless(gateway, key)
    assert gateway.deliver(key, event, FakeContext(seconds=1.9)).status == 503
    assert gateway.deliver(key, event, FakeContext(seconds=2.1)).status < 300


def test_a_problem_names_the_request(gateway: Gateway) -> None:
    """As the gateway's own access log does."""
    answer = gateway.send("GET", "/session")
    assert answer.json()["request_id"] == "JKJaXmPLvHcESHA="
