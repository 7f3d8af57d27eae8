"""API Gateway as the handlers see it: a request becomes an event, routed as the gateway does. Calls no network.

An HTTP API decodes the path before it routes, and hands it over decoded; the query arrives as it was sent.
"""

import base64
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import parse_qsl, unquote

from sojourn.store import Store
from sojourn_service import Api, Telemetry
from sojourn_service.api import Route
from sojourn_service.routes_expire import ROUTES as EXPIRE
from sojourn_service.routes_read import ROUTES as READ
from sojourn_service.routes_write import ROUTES as WRITE
from tests.service.specification import ROOT, Specification

FUNCTIONS: Final[dict[str, tuple[Route, ...]]] = {"read": READ, "write": WRITE, "expire": EXPIRE}

SPECIFICATION: Final = Specification()


@dataclass(frozen=True, slots=True)
class FakeContext:
    """A Lambda context with ``seconds`` left."""

    seconds: float = 10.0
    aws_request_id: str = "8f5e2c1a-0000-4000-8000-000000000001"

    def get_remaining_time_in_millis(self) -> int:
        """As Lambda's."""
        return int(self.seconds * 1000)


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back. Headers by the names they were sent with."""

    status: int
    headers: Mapping[str, str]
    body: str

    def json(self) -> Any:  # noqa: ANN401  # JSON is whatever it is
        """The body's JSON."""
        return json.loads(self.body)

    def problem(self) -> str:
        """What the problem is, without the URN's beginning."""
        assert self.headers["Content-Type"] == "application/problem+json"
        return str(self.json()["type"]).removeprefix("urn:sojourn:problem:")


class Gateway:
    """The three functions of the HTTP API over one store. The OpenAPI document judges every answer."""

    def __init__(self, store: Store, telemetry: Telemetry) -> None:
        self._apis = {
            route.key: Api(store, routes, telemetry=telemetry) for routes in FUNCTIONS.values() for route in routes
        }
        self._template = json.loads((ROOT / "events/read/read.json").read_text())

    def send(
        self,
        method: str,
        url: str,
        *,
        token: str | None = None,
        headers: Mapping[str, str] | None = None,
        body: object = None,
        is_base64: bool = False,
        **changes: Any,  # noqa: ANN401  # members of an event
    ) -> Answer:
        """One request. A ``body`` that is no string is sent as JSON; ``changes`` replace members of the event."""
        content = body if isinstance(body, str) or body is None else json.dumps(body)
        if content is not None and is_base64:
            content = base64.b64encode(content.encode()).decode()
        given = {} if token is None else {"session-token": token}
        kind = {"content-type": "application/merge-patch+json" if method == "PATCH" else "application/json"}
        every = given | ({} if content is None else kind) | dict(headers or {})
        key, event = self.event(method, url, headers=every, content=content, is_base64=is_base64)
        return self.deliver(key, event | changes)

    def deliver(self, key: str, event: Mapping[str, object], context: FakeContext | None = None) -> Answer:
        """An event as it stands to the function of the route."""
        response = self._apis[key].handle(event, context or FakeContext())
        answer = Answer(response["statusCode"], response["headers"], response["body"])
        document = answer.json() if answer.body else None
        if "no-such-route" not in answer.body:
            SPECIFICATION.judge(key, status=answer.status, headers=answer.headers, document=document)
        return answer

    def create(self, data: Mapping[str, object] | None = None, **fields: object) -> Any:  # noqa: ANN401  # JSON
        """A new session as the API shows it."""
        answer = self.send("POST", "/sessions", body={"data": data or {}, **fields})
        assert answer.status == 201, answer.body
        return answer.json()

    def event(
        self, method: str, url: str, *, headers: Mapping[str, str], content: str | None = None, is_base64: bool = False
    ) -> tuple[str, dict[str, Any]]:
        """The route key and the event of a request, ``content`` being what the gateway puts into ``body``."""
        sent, _, query = url.partition("?")
        path = unquote(sent).partition("?")[0]  # a question mark that comes out of the decoding cuts the path, too
        key, parameters = self._routed(method, path)
        # The gateway joins what is given twice.
        pairs: dict[str, str] = {}
        for name, value in parse_qsl(query, keep_blank_values=True):
            pairs[name] = f"{pairs[name]},{value}" if name in pairs else value
        event = self._template | {
            "routeKey": key,
            "rawPath": path,
            "rawQueryString": query,
            "headers": dict(headers),
            "pathParameters": parameters,
            "queryStringParameters": pairs,
            "isBase64Encoded": is_base64,
        }
        return key, event | ({} if content is None else {"body": content})

    def _routed(self, method: str, path: str) -> tuple[str, dict[str, str]]:
        for key in self._apis:
            verb, template = key.split()
            match = re.fullmatch(re.sub(r"{(\w+)}", r"(?P<\1>[^/]+)", template), path)
            if verb == method and match:
                return key, match.groupdict()
        raise LookupError(f"no route for {method} {path}")
