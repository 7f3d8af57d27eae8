"""What API Gateway asks of an authorizer, and the verdict in the form that each kind of API takes. Opens no session.

https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-lambda-authorizer.html
https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-lambda-authorizer-input.html
https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-lambda-authorizer-output.html
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal

from sojourn.adapters import events
from sojourn.adapters.cookies import Cookie
from sojourn.errors import ConfigurationError
from sojourn.tokens import PREFIX
from sojourn.values import dataclass
from sojourn_service.invocation import Event

Verdict = dict[str, Any]
"""What the function returns to API Gateway."""

Kind = Literal["http", "rest", "websocket"]
"""``rest`` is also an HTTP API with payload 1.0: it has the same events and takes the same verdicts."""

_BEARER: Final = "bearer "
_TOKEN_HEADER: Final = "session-token"  # noqa: S105  # the name of a header
_CONNECT: Final = "/$connect"


@dataclass(frozen=True, slots=True)
class AuthorizerRequest:
    """One question. ``arn`` is of the route that is called, ``headers`` by their names in small letters."""

    kind: Kind
    arn: str
    id: str | None
    headers: Mapping[str, Sequence[str]]
    cookies: Sequence[str]

    def tokens(self, cookie: Cookie) -> tuple[str, ...]:
        """The tokens that count: of a ``Session-Token`` header, else a bearer of this store, else of the cookie.

        An ``Authorization`` header that holds something else, another service's token say, is left to others.
        """
        given = self.headers.get(_TOKEN_HEADER)
        if given is not None:
            return tuple(given) if len(given) == 1 else ()
        bearers = [value[len(_BEARER) :].strip() for value in self._authorization() if _is_bearer(value)]
        ours = tuple(bearer for bearer in bearers if bearer.startswith(PREFIX))
        if ours:
            return ours if len(ours) == 1 else ()
        return cookie.tokens_in(self.cookies)

    def _authorization(self) -> Sequence[str]:
        return self.headers.get("authorization", ())

    def allowed(self, principal: str, context: Mapping[str, str | int | float | bool]) -> Verdict:
        """Go on, with ``context`` for the function behind."""
        if self.kind == "http":
            return {"isAuthorized": True, "context": dict(context)}
        return self._policy("Allow", principal) | {"context": dict(context)}

    def denied(self) -> Verdict:
        """403 for the client."""
        return {"isAuthorized": False} if self.kind == "http" else self._policy("Deny", "anonymous")

    def _policy(self, effect: str, principal: str) -> Verdict:
        # Of the whole stage: the gateway keeps a policy and judges other routes by it, which one of this route alone
        # would refuse.
        stage = "/".join(self.arn.split("/")[:2])
        every_route = "*" if self.kind == "websocket" else "*/*"
        statement = {"Action": "execute-api:Invoke", "Effect": effect, "Resource": [f"{stage}/{every_route}"]}
        return {"principalId": principal, "policyDocument": {"Version": "2012-10-17", "Statement": [statement]}}


def authorizer_request(event: Event) -> AuthorizerRequest:
    """The question that ``event`` is. Raises ``ConfigurationError`` for an event of any other kind."""
    arn = event.get("routeArn") or event.get("methodArn")
    if not isinstance(arn, str):
        raise ConfigurationError("this event asks no authorizer: it has neither methodArn nor routeArn")
    if event.get("type") == "TOKEN":
        return _token_request(event, arn)
    found = events.request_of(event)
    # Captures of payload 2.0 have the cookies among the headers; its documentation has them in a list of their own.
    listed = event.get("cookies")
    cookies = [one for one in listed if isinstance(one, str)] if isinstance(listed, list) else []
    return AuthorizerRequest(
        _kind_of(event, arn), arn, _request_id(event), headers=found.headers, cookies=[*found.cookies, *cookies]
    )


def _token_request(event: Event, arn: str) -> AuthorizerRequest:
    """The one header that a TOKEN authorizer is given, whichever it was."""
    value = event.get("authorizationToken")
    text = value if isinstance(value, str) else ""
    name = _TOKEN_HEADER if text.startswith(PREFIX) else "authorization"
    return AuthorizerRequest("rest", arn, None, headers={name: [text]}, cookies=[text])


def _kind_of(event: Event, arn: str) -> Kind:
    if "routeArn" in event:
        return "http"
    return "websocket" if arn.endswith(_CONNECT) else "rest"


def _request_id(event: Event) -> str | None:
    context = event.get("requestContext")
    found = context.get("requestId") if isinstance(context, Mapping) else None
    return found if isinstance(found, str) else None


def _is_bearer(value: str) -> bool:
    return value.lower().startswith(_BEARER)
