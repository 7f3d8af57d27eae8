"""Sessions in Lambda functions: a decorator for handlers, Powertools' resolvers among them. Changes no event.

What belongs to a request is in a context variable while its handler runs, and nowhere after that: an environment serves
one request after the other.

https://docs.aws.amazon.com/lambda/latest/dg/python-handler.html
"""

import functools
import inspect
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from typing import Any, TypeVar, cast, overload

from sojourn.adapters.cookies import Cookie, CookieUpdate, varying
from sojourn.adapters.csrf import csrf_token_in
from sojourn.adapters.events import Answer, Kind, Request, Response, is_same_request, request_of
from sojourn.adapters.forms import Session
from sojourn.adapters.refusals import FORGED, REFUSALS, Refusal, refusal_of
from sojourn.adapters.rules import SAFE_METHODS, OnUnavailable, SubjectOf, rules_of
from sojourn.errors import ConfigurationError
from sojourn.factory import open_store
from sojourn.store import Store
from sojourn.values import dataclass
from sojourn.writing import OnConflict

E = TypeVar("E")
C = TypeVar("C")
R = TypeVar("R")

_TO_ANSWER_SECONDS = 0.5
_SERVER_ERROR = 500


@dataclass(frozen=True, slots=True)
class _Invocation:
    """A handler that runs, inside of another one perhaps."""

    event: object
    visit: Session
    outer: "_Invocation | None"


_RUNNING: ContextVar[_Invocation | None] = ContextVar("sojourn.lambda", default=None)


class Sessions:
    """How the handlers that it decorates have their sessions.

    ``store`` is that of the environment if none is given. ``cookie`` says how the token travels; with ``is_bearer`` it
    comes as ``Authorization: Bearer`` and a new one goes out as ``Session-Token``, for clients that are no browsers.
    ``subject_of`` says whose a session is by what is in it, or names the key that says so: then logging in is putting
    it there. ``on_conflict`` is what ``Store.write`` takes.

    ``on_unavailable="anonymous"`` serves pages (GET, HEAD, OPTIONS) while the store does not answer, as to a visitor
    without a session: the client's cookie is left alone, nothing is stored, and no cache keeps the page. Logins,
    rotations and logouts are refused still, and so is every other method. A function decides by the request's path:
    name no page there that must know its user, or that logs out by taking a key out.

    With ``checks_csrf`` a request with another method is the handler's only if it brings a ``Session.csrf_token()`` of
    its own session, in the header ``X-CSRF-Token`` or in the field ``csrf_token`` of a URL-encoded form; else the
    answer is 403, and the store is not called.
    """

    def __init__(
        self,
        store: Store | None = None,
        *,
        cookie: Cookie | None = None,
        is_bearer: bool = False,
        subject_of: SubjectOf | str | None = None,
        on_conflict: OnConflict = "raise",
        on_unavailable: OnUnavailable = "refuse",
        checks_csrf: bool = False,
    ) -> None:
        self._store = store or open_store()
        self._cookie = (cookie or Cookie()).in_namespace(self._store.settings.namespace)
        if checks_csrf and is_bearer:
            raise ConfigurationError("checks_csrf is for cookies: no other site can send a bearer token")
        self._is_bearer = is_bearer
        self._checks_csrf = checks_csrf
        self._rules = rules_of(subject_of, on_conflict, on_unavailable)

    def __call__(self, handler: Callable[[E, C], R]) -> Callable[[E, C], R]:
        """The handler with sessions. Raises ``ConfigurationError`` for an ``async`` one, which Lambda would not await.

        The session is stored when ``handler`` has returned, and is not when it raised or answered 5xx. What the store
        refuses is an answer: 409 when others changed the same, 401 when the session ended meanwhile, 503 when the store
        is away. Any other error is the function's. An event that is no request raises ``ConfigurationError``.
        """
        if inspect.iscoroutinefunction(handler):
            raise ConfigurationError("Lambda awaits no handler: decorate the one that calls asyncio.run")

        @functools.wraps(handler)
        def served(event: E, context: C) -> R:
            request = request_of(event)
            visit = self._visit(request, context)
            running = _RUNNING.set(_Invocation(event, visit, _RUNNING.get()))
            try:
                if self._is_forged(event, request, visit):
                    return cast("R", _refused(request.kind, FORGED))
                response: object = handler(event, context)
                if visit.accessed:
                    # An answer that cannot be sent must fail before anything is stored.
                    response = request.kind.written_out(response)
                update = visit.close(is_kept=request.kind.status_of(response) < _SERVER_ERROR)
            except REFUSALS as error:
                if request.kind.is_verdict:
                    raise
                # A rotation, or a logout, that went before the refusal holds all the same.
                response, update = _refused(request.kind, refusal_of(error)), visit.close(is_kept=False)
            finally:
                _RUNNING.reset(running)
            return cast("R", self._carried(request.kind, response, update))

        return served

    def _is_forged(self, event: object, request: Request, visit: Session) -> bool:
        if not self._checks_csrf or request.kind.is_read_only or request.method in SAFE_METHODS:
            return False
        return not visit.accepts(csrf_token_in(cast("Mapping[str, Any]", event), request))

    def _visit(self, request: Request, context: object) -> Session:
        tokens = request.bearer() if self._is_bearer else self._cookie.tokens_in(request.cookies)
        left = getattr(context, "get_remaining_time_in_millis", None)  # tests have no context
        store = self._store if left is None else self._store.within(left() / 1000 - _TO_ANSWER_SECONDS)
        is_read_only = request.kind.is_read_only
        return Session(
            store,
            tokens,
            self._rules,
            is_safe=request.method in SAFE_METHODS,
            is_read_only=is_read_only,
            may_go_without=not is_read_only and self._rules.may_go_without(request.method, request.path),
        )

    def _carried(self, kind: Kind, response: object, update: CookieUpdate) -> object:
        if not update.is_accessed or kind.is_read_only or not isinstance(response, dict):
            return response
        answer = Answer(kind, response)
        varies = "Authorization" if self._is_bearer else "Cookie"
        answer.put("Vary", [varying(", ".join(answer.values("Vary")), varies)])
        name, values = self._handed_out(update)
        for value in values:
            answer.add(name, value)
        if update.is_unavailable:
            answer.put("Cache-Control", ["no-store"])
        elif values and not answer.values("Cache-Control"):
            answer.put("Cache-Control", [f'no-cache="{name}", private'])
        return answer.response

    def _handed_out(self, update: CookieUpdate) -> tuple[str, list[str]]:
        if self._is_bearer:
            return "Session-Token", [] if update.token is None else [update.token]
        return "Set-Cookie", self._cookie.updated(update)


@overload
def with_session(handler: Callable[[E, C], R], /) -> Callable[[E, C], R]: ...


@overload
def with_session(
    *,
    store: Store | None = None,
    cookie: Cookie | None = None,
    is_bearer: bool = False,
    subject_of: SubjectOf | str | None = None,
    on_conflict: OnConflict = "raise",
    on_unavailable: OnUnavailable = "refuse",
    checks_csrf: bool = False,
) -> Sessions: ...


def with_session(handler: Callable[[Any, Any], Any] | None = None, /, **options: Any) -> Any:
    """``@with_session`` above ``def handler(event, context)``, or ``@with_session(…)`` with what ``Sessions`` takes.

    It goes outside of every decorator that keeps or repeats answers, ``@idempotent`` say: they must not see a token.
    """
    sessions = Sessions(**options)
    return sessions if handler is None else sessions(handler)


def session_of(event: object = None) -> Session:
    """The session of the request that is being served, or that ``event`` is.

    Raises ``LookupError`` where none is: outside of a decorated handler, and for an event that is another request's.
    A thread that the handler starts does not have its context: hand it the session.
    """
    running = _RUNNING.get()
    while running is not None:
        if event is None or is_same_request(event, running.event):
            return running.visit
        running = running.outer
    if event is not None and _RUNNING.get() is not None:
        raise LookupError("this event is not that of the request being served: call session_of() without one")
    raise LookupError("no request with a session is served here: decorate the handler with @with_session")


def _refused(kind: Kind, refusal: Refusal) -> Response:
    answer = Answer(kind, {"statusCode": refusal.status, "body": refusal.text})
    for name, value in refusal.headers:
        answer.put(name, [value])
    return answer.response
