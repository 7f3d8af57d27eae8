"""The authorizer on the sample events of each kind of API. Powertools' own classes judge events and verdicts."""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import pytest
from aws_lambda_powertools.utilities.data_classes.api_gateway_authorizer_event import (
    APIGatewayAuthorizerEventV2,
    APIGatewayAuthorizerRequestEvent,
    APIGatewayAuthorizerResponse,
    APIGatewayAuthorizerResponseV2,
    APIGatewayAuthorizerResponseWebSocket,
    APIGatewayAuthorizerTokenEvent,
)

from sojourn.absence import Absence
from sojourn.adapters.cookies import CookieError
from sojourn.errors import ConfigurationError, CorruptSessionError, StoreUnavailableError
from sojourn.session import Session
from sojourn.store import Store
from sojourn.testing import FakeClock
from sojourn_service import Telemetry
from sojourn_service.authorizer import MOST_BYTES, Authorizer
from sojourn_service.settings import AuthorizerSettings, Source
from tests.service.conftest import Log
from tests.service.gateway import FakeContext
from tests.service.specification import ROOT

EVENTS: Final = ROOT / "events/authorizer"
TOKEN: Final = re.compile("sjn_[A-Za-z0-9_-]{36}")
NONE: Final = "none"
KINDS: Final = sorted(path.stem for path in EVENTS.glob("*.json"))

Ask = Callable[..., Any]


def event_of(name: str, token: str = NONE) -> dict[str, Any]:
    """A sample event that brings ``token`` in the place of its own."""
    event: dict[str, Any] = json.loads(TOKEN.sub(token, Path(EVENTS / f"{name}.json").read_text()))
    return event


@pytest.fixture
def ask(store: Store, telemetry: Telemetry) -> Ask:
    """The verdict on an event."""

    def asked(
        event: dict[str, Any], *, keys: tuple[str, ...] = (), cookie: str | None = None, source: Source = "any"
    ) -> Any:  # noqa: ANN401
        settings = AuthorizerSettings(keys, cookie, source)
        return Authorizer(store, settings, telemetry=telemetry).authorize(event, FakeContext())

    return asked


def requests(lines: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The log lines of verdicts, without those of metrics."""
    return [line for line in lines if line.get("message") == "request" and line["verb"] == "authorize"]


def is_open(verdict: dict[str, Any]) -> bool:
    """Whether API Gateway lets the request through."""
    if "isAuthorized" in verdict:
        return verdict["isAuthorized"] is True
    (statement,) = verdict["policyDocument"]["Statement"]
    return bool(statement["Effect"] == "Allow")


def context_of(session: Session) -> dict[str, Any]:
    """What the function behind is told without any keys being named."""
    told = {"id": session.id, "subject": session.subject, "label": session.label}
    return told | {"expires_at": session.expires_at, "absolute_at": session.absolute_at}


def judged(event: dict[str, Any], *, principal: str, context: dict[str, Any] | None) -> dict[str, Any]:
    """The verdict as Powertools writes it: ``context`` of one that lets through, ``None`` of one that does not."""
    if "routeArn" in event:
        return APIGatewayAuthorizerResponseV2(context is not None, context).asdict()
    is_websocket = event["methodArn"].endswith("$connect")
    kind = APIGatewayAuthorizerResponseWebSocket if is_websocket else APIGatewayAuthorizerResponse
    response = kind.from_route_arn(event["methodArn"], principal, context)
    if context is None:
        response.deny_all_routes()
    else:
        response.allow_all_routes()
    return response.asdict()


@pytest.mark.parametrize("name", KINDS)
def test_a_session_opens_every_kind_of_api_and_is_described(ask: Ask, store: Store, name: str) -> None:
    """The verdict is Powertools' own for the whole stage, so that a cache may judge other routes by it."""
    session = store.create({"cart": ["teapot"]}, subject="user-42", label="Firefox")
    event = event_of(name, session.token)
    expected = judged(event, principal=session.id, context=context_of(session))
    assert json.loads(json.dumps(ask(event))) == expected


@pytest.mark.parametrize("name", KINDS)
def test_no_session_opens_nothing_and_is_no_error(ask: Ask, store: Store, name: str, log: Log) -> None:
    """A garbage token, an ended session, and none at all: the same denial, with the reason in the log."""
    session = store.create({})
    store.expire(session)
    for token in ("none", session.token, "sjn_" + "A" * 36):
        event = event_of(name, token)
        assert ask(event) == judged(event, principal="anonymous", context=None)
    lines = requests(log())
    assert [line["status"] for line in lines] == [403] * 3
    # What is no token of ours in a header for tokens of several issuers was not brought to us.
    assert [line.get("reason") for line in lines] in ([None, *["unknown"] * 2], ["malformed", *["unknown"] * 2])
    assert session.token not in json.dumps(log())


@pytest.mark.parametrize("name", KINDS)
def test_an_unavailable_store_is_no_logout(
    ask: Ask, store: Store, name: str, log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is raised, which API Gateway answers with 500 and keeps no verdict of; so is a damaged session."""
    session = store.create({})
    for error in (StoreUnavailableError("ThrottlingException: table sessions"), CorruptSessionError("its data")):

        def load(*_: object, error: Exception = error, **__: object) -> None:
            raise error

        monkeypatch.setattr(store.resources.backend, "load", load)
        monkeypatch.setattr(store.resources.backend, "load_with_mark", load)
        with pytest.raises(type(error)):
            ask(event_of(name, session.token))
        line = requests(log())[-1]
        assert (line["level"], line["status"], line["detail"]) == ("ERROR", 500, error.reason)


@pytest.mark.parametrize("name", KINDS)
def test_a_superseded_token_opens_nothing_and_the_new_one_does(ask: Ask, store: Store, name: str, log: Log) -> None:
    """As everywhere: nothing is done in the name of a token that was replaced. The log says that it was in flight."""
    session = store.create({})
    former = session.token
    store.login(session, subject="ada")
    assert not is_open(ask(event_of(name, former)))
    assert requests(log())[-1]["reason"] == Absence.SUPERSEDED.value
    assert is_open(ask(event_of(name, session.token)))


def test_a_session_is_renewed_as_by_any_read(ask: Ask, store: Store, clock: FakeClock) -> None:
    """A tenth of the idle time later the deadline moves, and the function behind is told of the new one."""
    session = store.create({}, idle=100)
    clock.advance(9)
    assert ask(event_of("http", session.token))["context"]["expires_at"] == session.expires_at
    clock.advance(1)
    assert ask(event_of("http", session.token))["context"]["expires_at"] == session.expires_at + 10


def test_of_several_cookies_the_one_that_opens_counts(ask: Ask, store: Store) -> None:
    """In a list or in headers; two that open a session each are one too many."""
    session, other = store.create({}), store.create({})
    event = event_of("http", "sjn_" + "A" * 36) | {"identitySource": None}
    event["cookies"] = [f"__Host-session={session.token}"]
    assert ask(event)["context"]["id"] == session.id
    event["headers"]["cookie"] = f"__Host-session={other.token}"
    assert not is_open(ask(event))


def test_a_cookie_goes_by_its_name(ask: Ask, store: Store) -> None:
    """Which the deployment chooses; one that browsers refuse is a mistake."""
    session = store.create({})
    event = event_of("http") | {"identitySource": None}
    event["headers"]["cookie"] = f"sid={session.token}"
    assert not is_open(ask(event))
    assert is_open(ask(event, cookie="sid"))
    with pytest.raises(CookieError):
        ask(event, cookie="not a name")


@pytest.mark.parametrize("name", ["http", "rest", "websocket"])
def test_a_header_goes_before_the_cookie(ask: Ask, store: Store, name: str) -> None:
    """``Session-Token`` first, then a bearer of this store; another service's bearer stands in no way."""
    by_header, by_bearer, by_cookie = (store.create({}, subject=name) for name in ("ada", "bob", "eve"))

    def asked(**headers: str) -> str | None:
        event = event_of(name, by_cookie.token) | {"identitySource": None}
        event["headers"] |= headers
        event["multiValueHeaders"] = {key: [value] for key, value in event["headers"].items()}
        verdict = ask(event)
        return verdict["context"]["subject"] if is_open(verdict) else None

    bearer = f"bearer {by_bearer.token}"
    assert asked(**{"Session-Token": by_header.token, "Authorization": bearer}) == "ada"
    assert asked(Authorization=bearer) == "bob"
    assert asked(Authorization="Bearer eyJhbGciOiJub25lIn0.e30.") == "eve"
    assert asked(**{"Session-Token": "garbage"}) is None


@pytest.mark.parametrize("listed", [True, False])
def test_a_verdict_that_may_be_kept_is_on_what_it_is_kept_by(ask: Ask, store: Store, listed: bool) -> None:
    """Else the next request with the same cookie, a stranger's ``theme=dark``, received the verdict on this one."""
    session, other = store.create({}, subject="ada"), store.create({}, subject="bob")
    kept_by = "theme=dark"
    event = event_of("http", session.token)
    event["headers"] |= {"cookie": kept_by, "authorization": f"Bearer {session.token}", "session-token": session.token}
    assert not is_open(ask(event | {"identitySource": [kept_by] if listed else kept_by}))
    assert ask(event | {"identitySource": []})["context"]["subject"] == "ada"
    kept_by = f"__Host-session={other.token}"
    event["headers"]["cookie"] = kept_by
    assert ask(event | {"identitySource": [kept_by] if listed else kept_by})["context"]["subject"] == "bob"


@pytest.mark.parametrize("name", ["http", "rest", "websocket"])
def test_a_deployment_may_name_the_header_that_counts(ask: Ask, store: Store, name: str) -> None:
    """For verdicts that a REST API keeps: its events do not say by what."""
    sources: tuple[Source, ...] = ("cookie", "bearer", "header")
    tokens = {source: store.create({}).token for source in sources}
    event = event_of(name, tokens["cookie"]) | {"identitySource": None}
    event["headers"] |= {"session-token": tokens["header"], "authorization": f"Bearer {tokens['bearer']}"}
    event["multiValueHeaders"] = {key: [value] for key, value in event["headers"].items()}
    for source, token in tokens.items():
        assert ask(event, source=source)["context"]["id"] == token[4:16]
    event["multiValueHeaders"] = event["headers"] = {"session-token": tokens["header"]}
    assert not is_open(ask(event, source="cookie"))


def test_a_header_that_is_no_source_is_refused_at_the_start() -> None:
    """In its words; empty is any."""
    assert AuthorizerSettings.from_environment({"AUTHORIZER_SOURCE": "cookie"}).source == "cookie"
    assert AuthorizerSettings.from_environment({"AUTHORIZER_SOURCE": ""}).source == "any"
    with pytest.raises(ConfigurationError, match="AUTHORIZER_SOURCE"):
        AuthorizerSettings.from_environment({"AUTHORIZER_SOURCE": "Cookie"})


def test_a_header_that_is_there_twice_is_none(ask: Ask, store: Store) -> None:
    """Whichever a proxy before would have looked at."""
    session, other = store.create({}), store.create({})
    event = event_of("rest")
    event["multiValueHeaders"]["session-token"] = [session.token, other.token]
    assert not is_open(ask(event))
    event = event_of("rest")
    event["multiValueHeaders"]["Authorization"] = [f"Bearer {session.token}", f"Bearer {other.token}"]
    assert not is_open(ask(event))


def test_a_token_authorizer_takes_any_of_the_three_headers(ask: Ask, store: Store) -> None:
    """It is told the header's value and not its name."""
    session = store.create({})
    for value in (f"Bearer {session.token}", session.token, f"theme=dark; __Host-session={session.token}"):
        assert is_open(ask(event_of("rest-token") | {"authorizationToken": value}))


def test_keys_that_the_deployment_names_are_told(ask: Ask, store: Store, log: Log) -> None:
    """Text, numbers and truth values, which is what every kind of API passes on; of others the log says the names."""
    data = {"name": "Ada", "age": 36, "ratio": 0.5, "admin": True, "cart": ["teapot"], "price": Decimal(1), "no": None}
    session = store.create(data)
    verdict = ask(event_of("websocket", session.token), keys=(*data, "missing"))
    told = {key: data[key] for key in ("name", "age", "ratio", "admin")}
    assert verdict["context"] == {k: v for k, v in context_of(session).items() if v is not None} | told
    assert requests(log())[-1]["left_out"] == ["cart", "price"]
    assert "teapot" not in json.dumps(log())


def test_a_verdict_is_never_larger_than_api_gateway_takes(ask: Ask, store: Store, log: Log) -> None:
    """What does not fit is left out, in the order in which the keys are named; what identifies a session fits."""
    data = {"small": "a", "large": "ä" * 1_000, "last": "z", "wide": "x" * 1_500}
    session = store.create(data, subject="ü" * 256, label="€" * 256)
    verdict = ask(event_of("websocket", session.token), keys=tuple(data))
    assert len(json.dumps(verdict)) <= MOST_BYTES
    assert verdict["context"].keys() >= {"id", "subject", "label", "small", "last", "wide"}
    assert requests(log())[-1]["left_out"] == ["large"]


def test_a_key_that_would_hide_another_is_refused_at_the_start() -> None:
    """And one that no mapping could name: the first request fails, before any key goes missing."""
    environment = {"AUTHORIZER_KEYS": " user, name,user,", "AUTHORIZER_COOKIE": ""}
    assert AuthorizerSettings.from_environment(environment) == AuthorizerSettings(("user", "name"), None)
    for keys in ("id", "user,principalId", "shopping cart", "1st"):
        with pytest.raises(ConfigurationError, match="AUTHORIZER_KEYS"):
            AuthorizerSettings.from_environment({"AUTHORIZER_KEYS": keys})


@pytest.mark.parametrize("event", [{}, {"version": "2.0", "rawPath": "/"}, {"methodArn": "arn:…", "type": "OTHER"}])
def test_an_event_that_asks_nothing_is_an_error(ask: Ask, event: dict[str, Any], log: Log) -> None:
    """The function was put where no authorizer belongs."""
    with pytest.raises(ConfigurationError):
        ask(event)
    assert (requests(log())[-1]["problem"], requests(log())[-1]["error"]) == ("internal-error", "ConfigurationError")


def test_the_sample_events_are_what_api_gateway_sends() -> None:
    """As Powertools reads them."""
    http = APIGatewayAuthorizerEventV2(event_of("http"))
    assert (http.get_type, http.version, http.route_key) == ("REQUEST", "2.0", "GET /orders")
    assert (http.parsed_arn.api_id, http.parsed_arn.stage) == (http.request_context.api_id, "$default")
    assert http.identity_source == [http.headers["cookie"]]
    for name in ("rest", "websocket"):
        event = APIGatewayAuthorizerRequestEvent(event_of(name))
        assert event.get_type == "REQUEST"
        assert event.parsed_arn.api_id == event.request_context.api_id
    token = APIGatewayAuthorizerTokenEvent(event_of("rest-token"))
    assert (token.get_type, token.parsed_arn.resource) == ("TOKEN", "orders")


@pytest.mark.parametrize("name", KINDS)
def test_a_verdict_costs_what_a_read_costs(
    ask: Ask, store: Store, clock: FakeClock, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One call; the first brings the namespace's mark along, a renewal is one more; none without a token."""
    session = store.create({}, idle=100)
    calls: list[str] = []

    def counted(verb: str, call: Callable[..., object]) -> Callable[..., object]:
        def counting(*arguments: object, **named: object) -> object:
            calls.append(verb)
            return call(*arguments, **named)

        return counting

    for verb in ("load", "load_with_mark", "renew"):
        monkeypatch.setattr(store.resources.backend, verb, counted(verb, getattr(store.resources.backend, verb)))

    def judged_in() -> list[str]:
        calls.clear()
        assert is_open(ask(event_of(name, session.token)))
        return [*calls]

    assert judged_in() == ["load_with_mark"]
    assert judged_in() == ["load"]
    clock.advance(10)
    assert judged_in() == ["load", "renew"]
    calls.clear()
    ask(event_of(name))
    assert calls == []
