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
        event["cookies"] = [pair.strip(" ") for line in lines for pair in line.split(";")]
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
    several = [(name, value) for name, values in (response.get("multiValueHeaders") or {}).items() for value in values]
    return seen(response["statusCode"], several, response.get("body", ""))


def _lattice_1(path: str, lines: Sequence[str], headers: dict[str, str]) -> Event:
    return {
        "raw_path": path,
        "method": "GET",
        "headers": {"host": "shop.example", **({"cookie": "; ".join(lines)} if lines else {}), **headers},
        "query_string_parameters": {},
        "body": "",
        "is_base64_encoded": False,
    }


def _lattice_2(path: str, lines: Sequence[str], headers: dict[str, str]) -> Event:
    single = {name: [value] for name, value in {"host": "shop.example", **headers}.items()}
    arn = "arn:aws:vpc-lattice:eu-central-1:123456789012"
    return {
        "version": "2.0",
        "path": path,
        "method": "GET",
        "headers": {**single, **({"cookie": list(lines)} if lines else {})},
        "queryStringParameters": {},
        "body": "",
        "isBase64Encoded": False,
        "requestContext": {
            "serviceNetworkArn": f"{arn}:servicenetwork/sn-1",
            "serviceArn": f"{arn}:service/svc-1",
            "targetGroupArn": f"{arn}:targetgroup/tg-1",
            "identity": {"sourceVpcArn": "arn:aws:ec2:eu-central-1:123456789012:vpc/vpc-1", "type": "NONE"},
            "region": "eu-central-1",
            "timeEpoch": "1696331543569073",
        },
    }


def sent(event: Event, method: str) -> Event:
    """The same request with another method."""
    for place in (event, event.get("requestContext", {}).get("http", {})):
        for key in ("httpMethod", "method"):
            if key in place:
                place[key] = method
    return event


FRONTS = {
    "HTTP API 2.0": Front(_http_2, _answer_2),
    "HTTP API 2.0, no array": Front(_http_2_local, _answer_2),
    "HTTP API 1.0": Front(_http_1, _answer_1),
    "REST API": Front(_rest, _answer_1),
    "load balancer": Front(_balancer, _answer_of_balancer),
    "load balancer, multi-value": Front(_balancer_multi, _answer_of_balancer_multi),
    "VPC Lattice 1": Front(_lattice_1, _answer_of_balancer),
    "VPC Lattice 2": Front(_lattice_2, _answer_of_balancer),
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


def authorizer(cookie: str) -> Event:
    """The question that API Gateway asks before a request, payload 1.0."""
    return {
        "type": "REQUEST",
        "methodArn": "arn:aws:execute-api:eu-central-1:123456789012:abcdef1234/prod/GET/orders",
        **_rest("/orders", [cookie], {}),
    }


def authorizer_2(cookie: str) -> Event:
    """The same, payload 2.0."""
    arn = "arn:aws:execute-api:eu-central-1:123456789012:abcdef1234/$default/GET/orders"
    return {
        **_http_2("/orders", [cookie], {"cookie": cookie}),
        "type": "REQUEST",
        "routeArn": arn,
        "identitySource": [cookie],
    }


_CONNECTION = {"connectionId": "L0SM9cOFvHcCIhw=", "requestId": "1", "stage": "prod"}

OTHERS: dict[str, object] = {
    "schedule": {"version": "0", "source": "aws.events", "detail-type": "Scheduled Event", "detail": {}},
    "SQS": {"Records": [{"eventSource": "aws:sqs", "body": "{}", "messageAttributes": {}}]},
    "SNS": {"Records": [{"EventSource": "aws:sns", "Sns": {"Message": "{}"}}]},
    "CloudFront": {"Records": [{"cf": {"request": {"uri": "/", "method": "GET", "headers": {}}}}]},
    "Cognito": {"version": "1", "triggerSource": "PreSignUp_SignUp", "request": {}, "response": {}},
    "Bedrock": {"messageVersion": "1.0", "agent": {}, "httpMethod": "GET", "apiPath": "/", "sessionId": "1"},
    "AppSync": {"info": {"fieldName": "a"}, "request": {"headers": {}}, "arguments": {}},
    "TOKEN authorizer": {"type": "TOKEN", "authorizationToken": "x", "methodArn": "arn:aws:execute-api:::1"},
    "WebSocket message": {
        "requestContext": {"routeKey": "$default", "eventType": "MESSAGE", **_CONNECTION},
        "body": "{}",
        "isBase64Encoded": False,
    },
    "WebSocket end": {
        "headers": {"Host": "shop.example"},
        "requestContext": {"routeKey": "$disconnect", "eventType": "DISCONNECT", **_CONNECTION},
    },
    "nothing": {},
    "null": None,
    "a list": [{"version": "2.0", "rawPath": "/", "headers": {}}],
}
"""What functions are called with as well, and what is no request that brings a cookie."""
