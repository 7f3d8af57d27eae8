"""Requests as Lambda gets them, and its answers as browsers see them: whatever stands in front of the function."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from tests.adapters.browser import Answer

Event = dict[str, Any]


def seen(status: int, headers: Sequence[tuple[str, str]], body: str) -> Answer:
    """What is left of an answer on the wire."""
    named = [(name.lower(), value) for name, value in headers]
    cookies = [value for name, value in named if name == "set-cookie"]
    return Answer(status, body, cookies, ", ".join(value for name, value in named if name == "vary"), dict(named))


@dataclass(frozen=True, slots=True)
class Front:
    """A kind of event: made of a path and ``Cookie`` lines, and the answer that belongs to it."""

    event: Callable[[str, Sequence[str], dict[str, str]], Event]
    answer: Callable[[Any], Answer]


def _http_2(path: str, lines: Sequence[str], headers: dict[str, str]) -> Event:
    event: Event = {
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": path,
        "rawQueryString": "",
        "headers": {"host": "shop.example", **headers},
        "requestContext": {"http": {"method": "GET", "path": path}, "stage": "$default", "requestId": "1"},
        "isBase64Encoded": False,
    }
    if lines:
        event["cookies"] = [pair.strip() for line in lines for pair in line.split(";")]
    return event


def _http_2_local(path: str, lines: Sequence[str], headers: dict[str, str]) -> Event:
    """Without the array, as emulators send it."""
    return _http_2(path, [], {**({"Cookie": "; ".join(lines)} if lines else {}), **headers})


def _answer_2(response: Any) -> Answer:
    if not isinstance(response, dict) or "statusCode" not in response:
        return Answer(200, response if isinstance(response, str) else json.dumps(response))
    assert "multiValueHeaders" not in response
    headers = list(response.get("headers", {}).items())
    assert all(isinstance(value, str) for _, value in headers)
    cookies = [("set-cookie", str(cookie)) for cookie in response.get("cookies", [])]
    return seen(response["statusCode"], [*headers, *cookies], response.get("body", ""))


def _rest(path: str, lines: Sequence[str], headers: dict[str, str]) -> Event:
    single = {"Host": "shop.example", **headers}
    multi = {name: [value] for name, value in single.items()}
    if lines:
        single["Cookie"], multi["Cookie"] = lines[-1], list(lines)
    return {
        "resource": "/{proxy+}",
        "path": path,
        "httpMethod": "GET",
        "headers": single,
        "multiValueHeaders": multi,
        "queryStringParameters": None,
        "requestContext": {"resourcePath": "/{proxy+}", "httpMethod": "GET", "path": path, "stage": "prod"},
        "body": None,
        "isBase64Encoded": False,
    }


def _http_1(path: str, lines: Sequence[str], headers: dict[str, str]) -> Event:
    return {"version": "1.0", **_rest(path, ["; ".join(lines)] if lines else [], headers)}


def _answer_1(response: Any) -> Answer:
    multi = response.get("multiValueHeaders") or {}
    taken = {name.lower() for name in multi}
    single = [(name, value) for name, value in (response.get("headers") or {}).items() if name.lower() not in taken]
    assert all(isinstance(value, str) for _, value in single)
    several = [(name, value) for name, values in multi.items() for value in values]
    return seen(response["statusCode"], [*single, *several], response.get("body", ""))


def _balancer(path: str, lines: Sequence[str], headers: dict[str, str]) -> Event:
    return {
        "requestContext": {"elb": {"targetGroupArn": "arn:aws:elasticloadbalancing:::targetgroup/shop/1"}},
        "httpMethod": "GET",
        "path": path,
        "queryStringParameters": {},
        "headers": {"host": "shop.example", **({"cookie": "; ".join(lines)} if lines else {}), **headers},
        "body": "",
        "isBase64Encoded": False,
    }


def _answer_of_balancer(response: Any) -> Answer:
    assert not response.get("multiValueHeaders")
    return seen(response["statusCode"], list((response.get("headers") or {}).items()), response.get("body", ""))


def _balancer_multi(path: str, lines: Sequence[str], headers: dict[str, str]) -> Event:
    event = _balancer(path, [], headers)
    multi = {name: [value] for name, value in event.pop("headers").items()}
    event["multiValueHeaders"] = {**multi, **({"cookie": list(lines)} if lines else {})}
    event["multiValueQueryStringParameters"] = event.pop("queryStringParameters")
    return event


def _answer_of_balancer_multi(response: Any) -> Answer:
    assert not response.get("headers")
    several = [(name, value) for name, values in response["multiValueHeaders"].items() for value in values]
    return seen(response["statusCode"], several, response.get("body", ""))


def sent(event: Event, method: str) -> Event:
    """The same request with another method."""
    if "httpMethod" in event:
        event["httpMethod"] = method
    if "http" in event["requestContext"]:
        event["requestContext"]["http"]["method"] = method
    return event


FRONTS = {
    "HTTP API 2.0": Front(_http_2, _answer_2),
    "HTTP API 2.0, no array": Front(_http_2_local, _answer_2),
    "HTTP API 1.0": Front(_http_1, _answer_1),
    "REST API": Front(_rest, _answer_1),
    "load balancer": Front(_balancer, _answer_of_balancer),
    "load balancer, multi-value": Front(_balancer_multi, _answer_of_balancer_multi),
}
"""A function URL sends what an HTTP API sends, 2.0."""


def websocket(cookie: str) -> Event:
    """The request that opens a WebSocket."""
    return {
        "headers": {"Cookie": cookie, "Upgrade": "websocket"},
        "multiValueHeaders": {"Cookie": [cookie], "Upgrade": ["websocket"]},
        "requestContext": {"routeKey": "$connect", "eventType": "CONNECT", "connectionId": "L0SM9cOFvHcCIhw="},
        "isBase64Encoded": False,
    }
