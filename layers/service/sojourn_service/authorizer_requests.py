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
from sojourn_service.settings import Source

Verdict = dict[str, Any]
"""What the function returns to API Gateway."""

Kind = Literal["http", "rest", "websocket"]
"""``rest`` is also an HTTP API with payload 1.0: it has the same events and takes the same verdicts."""

_BEARER: Final = "bearer "
_CONNECT: Final = "/$connect"


@dataclass(frozen=True, slots=True)
class AuthorizerRequest:
    """One question. ``arn`` is of the route that is called, ``headers`` by their names in small letters.

    ``kept_by`` are the values by which the gateway may keep the verdict, as far as the event says so.
    """

    kind: Kind
    arn: str
    id: str | None
    headers: Mapping[str, Sequence[str]]
    cookies: Sequence[str]
    kept_by: Sequence[str] = ()

    def tokens(self, cookie: Cookie, source: Source = "any") -> tuple[str, ...]:
        """The tokens that count: of a ``Session-Token`` header, else a bearer of this store, else of the cookie.

        With another ``source`` than ``any`` of that one alone. An ``Authorization`` header that holds something else,
        another service's token say, is left to others. What the verdict is not kept by does not count: requests with
        the same sources receive the same verdict, whoever sent them.
        """
        found: dict[Source, tuple[str, ...]] = {
            "header": tuple(self.headers.get("session-token", ())),
            "bearer": self._bearers(),
            "cookie": cookie.tokens_in(self.cookies),
        }
        for name, tokens in found.items():
            if tokens and source in ("any", name) and self._is_kept_by(tokens):
                return tokens if len(tokens) == 1 or name == "cookie" else ()
        return ()

    def _bearers(self) -> tuple[str, ...]:
        values = self.headers.get("authorization", ())
        bearers = [value[len(_BEARER) :].strip() for value in values if _is_bearer(value)]
        return tuple(bearer for bearer in bearers if bearer.startswith(PREFIX))

    def _is_kept_by(self, tokens: Sequence[str]) -> bool:
        return not self.kept_by or all(any(token in value for value in self.kept_by) for token in tokens)

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
        _kind_of(event, arn),
        arn,
        _request_id(event),
        headers=found.headers,
        cookies=[*found.cookies, *cookies],
        kept_by=_sources_of(event),
    )


def _token_request(event: Event, arn: str) -> AuthorizerRequest:
    """The one header that a TOKEN authorizer is given, whichever it was."""
    value = event.get("authorizationToken")
    text = value if isinstance(value, str) else ""
    name = "session-token" if text.startswith(PREFIX) else "authorization"
    return AuthorizerRequest("rest", arn, None, headers={name: [text]}, cookies=[text])


def _sources_of(event: Event) -> Sequence[str]:
    """The values of the identity sources: HTTP APIs send them, as a list or, with payload 1.0, in one text."""
    given = event.get("identitySource")
    values = given if isinstance(given, list) else [given]
    return [value for value in values if isinstance(value, str) and value]


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
