"""Sessions in Lambda functions: a decorator for handlers and a middleware for Powertools' Event Handler.

Serves HTTP APIs (payload 1.0 and 2.0), REST APIs, load balancers, function URLs and ``$connect`` of WebSocket APIs.
What belongs to a request lives with its event, never in the module: environments serve one request after the other.

https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html
https://docs.aws.amazon.com/elasticloadbalancing/latest/application/lambda-functions.html
"""

import functools
import json
from collections.abc import Callable, Iterator, Mapping
from http import HTTPStatus
from typing import Any, overload

from sojourn.adapters.cookies import Cookie, varying
from sojourn.adapters.refusals import REFUSALS, refusal_of
from sojourn.adapters.rules import SAFE_METHODS, SubjectOf, rules_of
from sojourn.adapters.visit import CookieUpdate, Visit
from sojourn.errors import SojournError
from sojourn.factory import open_store
from sojourn.store import Store
from sojourn.writing import OnConflict

Event = dict[str, Any]
Response = dict[str, Any]

_PLACE = "sojourn.session"
_BEARER = "bearer "
_TOKEN_HEADER = "Session-Token"  # noqa: S105  # the name of a header
_TO_ANSWER_SECONDS = 0.5
_SERVER_ERROR = 500


Handler = Callable[[Event, Any], Any]


class Sessions:
    """How an application's functions have their sessions. Made once, at module level, where clients are cheap to build.

    ``store`` is that of the environment if none is given. ``cookie`` says how the token travels; with ``is_bearer`` it
    comes as ``Authorization: Bearer`` and a new one goes out as ``Session-Token``, for clients that are no browsers.
    ``subject_of`` says whose a session is by what is in it, or names the key that says so: then logging in is putting
    it there. ``on_conflict`` is what ``Store.write`` takes.
    """

    def __init__(
        self,
        store: Store | None = None,
        *,
        cookie: Cookie | None = None,
        is_bearer: bool = False,
        subject_of: SubjectOf | str | None = None,
        on_conflict: OnConflict = "raise",
    ) -> None:
        self._store = store or open_store()
        self._cookie = (cookie or Cookie()).in_namespace(self._store.settings.namespace)
        self._is_bearer = is_bearer
        self._rules = rules_of(subject_of, on_conflict)

    def __call__(self, handler: Handler) -> Handler:
        """A handler whose events have a session: ``session_of(event)``. As a decorator.

        The session is stored when ``handler`` has returned, and is not when it raised or answered 5xx. What the store
        refuses is an answer: 409 when others changed the same, 401 when the session ended meanwhile, 503 when the store
        is away. Any other error is the function's.
        """

        @functools.wraps(handler)
        def served(event: Event, context: Any) -> Any:  # as handlers have it
            with_session = {**event}
            visit = with_session[_PLACE] = self._visit(with_session, context)
            try:
                response = handler(with_session, context)
                update = visit.close(is_kept=_status_of(response) < _SERVER_ERROR)
            except REFUSALS as error:
                # A rotation, or a logout, that went before the refusal holds all the same.
                response, update = _Shape(event).refusal(error), visit.close(is_kept=False)
            return self._carried(_Shape(event), response, update)

        return served

    def middleware(self, app: Any, next_middleware: Callable[[Any], Any]) -> Any:  # Powertools' own types
        """For Powertools' resolvers: ``app.use(middlewares=[sessions.middleware])``.

        Routes find the session in ``app.context["session"]`` or by ``session_of(app.current_event.raw_event)``.
        What the store refuses is the same answer as under the decorator.
        """
        event = app.current_event.raw_event
        visit = event[_PLACE] = self._visit(event, app.lambda_context)
        app.append_context(session=visit)
        try:
            response = next_middleware(app)
            update = visit.close(is_kept=response.status_code < _SERVER_ERROR)
        except REFUSALS as error:
            from aws_lambda_powertools.event_handler import Response as Answer  # noqa: PLC0415  # it is installed here

            status, headers, body = _refused(error)
            response, update = Answer(status, body=body, headers={**headers}), visit.close(is_kept=False)
        for name, value in self._headers(update):
            if name == "Set-Cookie":
                response.cookies.append(_Written(value))
            elif name == "Vary":
                response.headers["Vary"] = varying(_joined(response.headers.get("Vary")), value)
            else:
                response.headers[name] = value
        return response

    def _visit(self, event: Event, context: Any) -> Visit:  # Lambda's, or none in a test
        shape = _Shape(event)
        tokens = shape.bearer() if self._is_bearer else self._cookie.tokens_in(shape.cookies())
        left = getattr(context, "get_remaining_time_in_millis", None)
        store = self._store if left is None else self._store.within(left() / 1000 - _TO_ANSWER_SECONDS)
        return Visit(store, tokens, self._rules, is_safe=shape.method in SAFE_METHODS, is_read_only=shape.is_websocket)

    def _headers(self, update: CookieUpdate) -> Iterator[tuple[str, str]]:
        if update.is_accessed:
            yield "Vary", "Authorization" if self._is_bearer else "Cookie"
        if not self._is_bearer:
            yield from (("Set-Cookie", cookie) for cookie in self._cookie.updated(update))
        elif update.token is not None:
            yield _TOKEN_HEADER, update.token

    def _carried(self, shape: "_Shape", response: Any, update: CookieUpdate) -> Any:  # a handler's
        headers = list(self._headers(update))
        if headers:
            response = _written_out(response)
            for name, value in headers:
                shape.add(response, name, value)
        return response


@overload
def with_session(handler: Handler) -> Handler: ...


@overload
def with_session(
    *,
    store: Store | None = None,
    cookie: Cookie | None = None,
    is_bearer: bool = False,
    subject_of: SubjectOf | str | None = None,
    on_conflict: OnConflict = "raise",
) -> Callable[[Handler], Handler]: ...


def with_session(handler: Handler | None = None, **options: Any) -> Any:
    """``@with_session`` above ``def handler(event, context)``, or ``@with_session(…)`` with what ``Sessions`` takes."""
    sessions = Sessions(**options)
    return sessions if handler is None else sessions(handler)


def session_of(event: Mapping[str, Any]) -> Visit:
    """The session of the request that ``event`` is. Raises ``LookupError`` where none was opened for it."""
    try:
        visit: Visit = event[_PLACE]
    except KeyError:
        raise LookupError("this event has no session: decorate the handler with @with_session") from None
    return visit


class _Written(str):
    """A cookie that is written out already; Powertools takes nothing but the text of its cookies."""

    __slots__ = ()


class _Shape:
    """What kind of event it is: where it has its headers, and where a response has them."""

    def __init__(self, event: Event) -> None:
        self._event = event
        self._headers = _mapping(event.get("headers"))
        self._multi = _mapping(event.get("multiValueHeaders"))
        context = _mapping(event.get("requestContext"))
        self.is_second = event.get("version") == "2.0"
        self.is_balancer = "elb" in context
        self.is_websocket = "connectionId" in context
        self.method = event.get("httpMethod") or _mapping(context.get("http")).get("method")

    def cookies(self) -> Iterator[str]:
        """Cookie headers, or parts of them."""
        given = self._event.get("cookies")
        if self.is_second and isinstance(given, list):
            yield from (pair for pair in given if isinstance(pair, str))
            return
        yield from self._values("cookie")

    def bearer(self) -> tuple[str, ...]:
        """The token of an ``Authorization`` header, if there is one such header."""
        values = list(self._values("authorization"))
        if len(values) != 1 or not values[0].lower().startswith(_BEARER):
            return ()
        return (values[0][len(_BEARER) :].strip(),)

    def _values(self, name: str) -> Iterator[str]:
        for key, values in self._multi.items():
            if key.lower() == name and isinstance(values, list):
                yield from (value for value in values if isinstance(value, str))
                return
        yield from (value for key, value in self._headers.items() if key.lower() == name and isinstance(value, str))

    def add(self, response: Response, name: str, value: str) -> None:
        """One more header, where this kind of answer has it; ``Vary`` is joined with what is there."""
        if name == "Set-Cookie" and self.is_second:
            response["cookies"] = [*(response.get("cookies") or ()), value]
            return
        headers, multi = dict(response.get("headers") or {}), dict(response.get("multiValueHeaders") or {})
        before = [*_taken(headers, name), *(one for values in _taken(multi, name) for one in values)]
        values = [varying(", ".join(before), value)] if name == "Vary" else [*before, value]
        if self._is_multiple():
            # Of a header that is in both, API Gateway takes what is here, and a load balancer takes only this.
            multi[name] = values
        else:
            # A load balancer without multi-value headers knows each name once, in other letters as another.
            headers.update(zip(_spellings(name), values, strict=False))
        for kind, found in (("headers", headers), ("multiValueHeaders", multi)):
            if found:
                response[kind] = found

    def _is_multiple(self) -> bool:
        return not self.is_second and (not self.is_balancer or bool(self._multi))

    def refusal(self, error: SojournError) -> Response:
        """The answer in the place of the handler's, when the session could not be stored or read."""
        status, headers, body = _refused(error)
        if self.is_balancer and self._is_multiple():
            return {"statusCode": status, "multiValueHeaders": {k: [v] for k, v in headers.items()}, "body": body}
        return {"statusCode": status, "headers": headers, "body": body}


def _refused(error: SojournError) -> tuple[int, dict[str, str], str]:
    status, text = refusal_of(error)
    headers = {"Content-Type": "application/json", "Cache-Control": "no-store"}
    if status == HTTPStatus.SERVICE_UNAVAILABLE:
        headers["Retry-After"] = "1"
    return status, headers, json.dumps({"message": text})


def _taken(headers: dict[str, Any], name: str) -> list[Any]:
    """What ``headers`` have under ``name``, in any capitals; they have it no more."""
    return [headers.pop(key) for key in list(headers) if key.lower() == name.lower()]


def _spellings(name: str) -> Iterator[str]:
    """The same header in other capitals, again and again."""
    yield name
    letters = [place for place, letter in enumerate(name) if letter.isalpha()]
    for number in range(1, 2 ** len(letters)):
        flipped = {place for bit, place in enumerate(letters) if number >> bit & 1}
        yield "".join(letter.swapcase() if place in flipped else letter for place, letter in enumerate(name))


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _joined(value: Any) -> str | None:  # Powertools takes text and lists of it
    return ", ".join(value) if isinstance(value, list) else value


def _status_of(response: object) -> int:
    status = _mapping(response).get("statusCode", 200)
    return int(status) if isinstance(status, int | str) and str(status).isdigit() else 200


def _written_out(response: Any) -> Response:  # handlers answer what they like
    """A response with room for headers: what API Gateway makes of an answer that has none, payload 2.0."""
    if isinstance(response, dict) and "statusCode" in response:
        return {**response}
    if response is None:
        return {"statusCode": 200}
    body = response if isinstance(response, str) else json.dumps(response)
    return {"statusCode": 200, "headers": {"content-type": "application/json"}, "body": body}
