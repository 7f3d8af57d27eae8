"""The HTTP requests among Lambda's events, and the answers that belong to them. Opens no session.

https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html
https://docs.aws.amazon.com/apigateway/latest/developerguide/set-up-lambda-proxy-integrations.html
https://docs.aws.amazon.com/elasticloadbalancing/latest/application/lambda-functions.html
https://docs.aws.amazon.com/vpc-lattice/latest/ug/lambda-functions.html
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any, Literal

from sojourn.errors import ConfigurationError
from sojourn.values import dataclass

Response = dict[str, Any]

_BEARER = "bearer "
_BAD_GATEWAY = 502
_SUPPORTED = (
    "HTTP APIs, REST APIs, function URLs, load balancers, VPC Lattice, $connect of WebSocket APIs, REQUEST authorizers"
)
_PARTS = ("requestContext", "headers", "multiValueHeaders", "cookies")
"""What differs between the events of two requests; VPC Lattice sends no ids."""


@dataclass(frozen=True, slots=True)
class Kind:
    """What stands in front of a function, as far as a session is concerned."""

    several: Literal["cookies", "multiValueHeaders", "headers"] = "headers"
    """Where an answer has its second ``Set-Cookie``."""
    status: int = _BAD_GATEWAY
    """Of an answer that names none."""
    is_short: bool = False
    """Whether what is no answer is the body of one."""
    is_read_only: bool = False
    """Whether no answer can hand anything to the client."""
    is_verdict: bool = False
    """Whether the function answers with a decision in the place of a page."""

    def status_of(self, response: object) -> int:
        """The status that the client will see."""
        if not isinstance(response, dict):
            return self.status if self.is_short else _BAD_GATEWAY
        status = response.get("statusCode")
        try:
            return self.status if status is None else int(status)
        except (TypeError, ValueError, OverflowError):
            return _BAD_GATEWAY

    def written_out(self, response: object) -> object:
        """A response that headers can be added to: what API Gateway makes of one in short, payload 2.0."""
        if not self.is_short or (isinstance(response, dict) and response.get("statusCode") is not None):
            return response
        body = response if isinstance(response, str) else json.dumps(response, default=_number)
        return {"statusCode": 200, "headers": {"content-type": "application/json"}, "body": body}


_HTTP_2 = Kind("cookies", 200, is_short=True)
_REST = Kind("multiValueHeaders", 200)
_SEVERAL = Kind("multiValueHeaders")
_SINGLE = Kind("headers")
_CONNECT = Kind(status=200, is_read_only=True)
_AUTHORIZER = Kind(status=200, is_read_only=True, is_verdict=True)


@dataclass(frozen=True, slots=True)
class Request:
    """What a session needs of an event: ``cookies`` are ``Cookie`` headers or parts of them."""

    kind: Kind
    method: str | None
    path: str
    headers: Mapping[str, Sequence[str]]
    cookies: Sequence[str]

    def bearer(self) -> tuple[str, ...]:
        """The token of an ``Authorization`` header, if there is one such header."""
        values = self.headers.get("authorization", ())
        if len(values) != 1 or not values[0].lower().startswith(_BEARER):
            return ()
        return (values[0][len(_BEARER) :].strip(),)


def request_of(event: object) -> Request:
    """The request that ``event`` is. Raises ``ConfigurationError`` for an event of any other kind."""
    kind = _kind_of(event) if isinstance(event, Mapping) else None
    if kind is None or not isinstance(event, Mapping):
        raise ConfigurationError(
            f"this event is not an HTTP request with a session ({_described(event)}); supported: {_SUPPORTED}"
        )
    headers = _headers_of(event)
    given = event.get("cookies")
    cookies = _texts(given) if kind.several == "cookies" and isinstance(given, list) else headers.get("cookie", [])
    context = _mapping(event.get("requestContext"))
    method = event.get("httpMethod") or event.get("method") or _mapping(context.get("http")).get("method")
    return Request(kind, method if isinstance(method, str) else None, _path_of(event), headers, cookies)


def is_same_request(event: object, other: object) -> bool:
    """Whether both are the event of one request: a copy, perhaps, or an object that a library made of it."""
    if event is other:
        return True
    if not (isinstance(event, Mapping) and isinstance(other, Mapping)):
        return False
    return all(event.get(part) == other.get(part) for part in _PARTS)


class Answer:
    """A response that headers are added to, each where this kind has it. The handler's own is not changed."""

    def __init__(self, kind: Kind, response: Response) -> None:
        self._kind = kind
        self.response: Response = {**response}

    def add(self, name: str, value: str) -> None:
        """One header more, beside those of the same name."""
        if name == "Set-Cookie" and self._kind.several == "cookies":
            self.response["cookies"] = [*_texts(self.response.get("cookies")), value]
        else:
            self.put(name, [*self.values(name), value])

    def put(self, name: str, values: list[str]) -> None:
        """These values in the place of all headers of this name."""
        headers = _without(self.response.get("headers"), name)
        multi = _without(self.response.get("multiValueHeaders"), name)
        match self._kind.several:
            case "multiValueHeaders":
                # Of a header that is in both, API Gateway takes what is here, and a load balancer takes only this.
                multi[name] = values
            case "headers":
                # Here each name is there once, in other capitals as another.
                headers.update(zip(_spellings(name), values, strict=False))
            case "cookies":
                headers[name] = ", ".join(values)
        for place, found in (("headers", headers), ("multiValueHeaders", multi)):
            if found:
                self.response[place] = found
            else:
                self.response.pop(place, None)

    def values(self, name: str) -> list[str]:
        """Of the headers of this name, in any capitals."""
        found = [
            values
            for place in ("headers", "multiValueHeaders")
            for key, values in _mapping(self.response.get(place)).items()
            if key.lower() == name.lower()
        ]
        return [str(value) for values in found for value in _several(values) if value is not None]


def _kind_of(event: Mapping[str, Any]) -> Kind | None:
    context, version = _mapping(event.get("requestContext")), event.get("version")
    signs: tuple[tuple[bool, Kind | None], ...] = (
        (event.get("type") == "REQUEST" and ("methodArn" in event or "routeArn" in event), _AUTHORIZER),
        ("connectionId" in context, _CONNECT if context.get("routeKey") == "$connect" else None),
        ("elb" in context, _SEVERAL if event.get("multiValueHeaders") else _SINGLE),
        (version == "2.0" and ("http" in context or "rawPath" in event), _HTTP_2),
        ("method" in event and ("path" in event or "raw_path" in event), _SINGLE),
        ("httpMethod" in event and ("path" in event or "headers" in event), _SEVERAL if version == "1.0" else _REST),
    )
    return next((kind for is_so, kind in signs if is_so), None)


def _path_of(event: Mapping[str, Any]) -> str:
    """Without its query, which VPC Lattice leaves on one of its kinds."""
    path = event.get("rawPath") or event.get("path") or event.get("raw_path")
    return path.partition("?")[0] if isinstance(path, str) else ""


def _headers_of(event: Mapping[str, Any]) -> dict[str, list[str]]:
    """By their names in small letters; what is there several times from where it is there several times."""
    return {**_listed(event.get("headers")), **_listed(event.get("multiValueHeaders"))}


def _listed(headers: object) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for name, values in _mapping(headers).items():
        # VPC Lattice has lists here, others have texts, and tests have anything.
        if texts := _texts(values):
            found.setdefault(name.lower(), []).extend(texts)
    return found


def _texts(values: object) -> list[str]:
    return [value for value in _several(values) if isinstance(value, str)]


def _several(values: object) -> Sequence[object]:
    return values if isinstance(values, list | tuple) else [values]


def _described(event: object) -> str:
    if not isinstance(event, Mapping):
        return f"it is of type {type(event).__name__}"
    if "connectionId" in _mapping(event.get("requestContext")):
        return "messages of a WebSocket have no headers: read the session at $connect and keep what you need of it"
    return "its keys are " + ", ".join(sorted(str(key) for key in event)[:8])


def _without(headers: object, name: str) -> dict[str, Any]:
    return {key: value for key, value in _mapping(headers).items() if key.lower() != name.lower()}


def _spellings(name: str) -> Iterator[str]:
    """The same header in other capitals, again and again."""
    yield name
    letters = [place for place, letter in enumerate(name) if letter.isalpha()]
    for number in range(1, 2 ** len(letters)):
        flipped = {place for bit, place in enumerate(letters) if number >> bit & 1}
        yield "".join(letter.swapcase() if place in flipped else letter for place, letter in enumerate(name))


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _number(value: object) -> int | float:
    """What Lambda's runtime takes beyond JSON: DynamoDB's numbers."""
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    raise TypeError(f"a handler's answer cannot hold a value of type {type(value).__name__}")
