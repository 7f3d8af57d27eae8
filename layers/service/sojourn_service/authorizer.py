"""An API Gateway authorizer: whether a request has a session, and what of it the function behind receives.

Decides nothing else: which session may do what is the application's business.
"""

import json
import time
from collections.abc import Callable
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from sojourn.adapters.cookies import Cookie
from sojourn.adapters.opener import TokenOpener
from sojourn.session import Session
from sojourn.store import Store
from sojourn_service.authorizer_requests import AuthorizerRequest, Verdict, authorizer_request
from sojourn_service.invocation import Context, Event, seconds_left
from sojourn_service.problems import INTERNAL_ERROR, problem_of, reason_of
from sojourn_service.settings import AuthorizerSettings
from sojourn_service.telemetry import Telemetry, described, observed

if TYPE_CHECKING:
    from sojourn.events import SessionEvent

MOST_BYTES: Final = 8_000
"""Of a verdict: API Gateway takes 8 KB from the authorizer of a WebSocket API, and more from others."""

ContextValue = str | int | float | bool


class Authorizer:
    """Serves HTTP, REST and WebSocket APIs alike, known by their events."""

    def __init__(
        self,
        store: Store,
        settings: AuthorizerSettings,
        *,
        telemetry: Telemetry,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """``monotonic`` returns seconds and times requests for the log."""
        self._store = store
        self._keys = settings.keys
        self._source = settings.source
        self._cookie = Cookie(name=settings.cookie).in_namespace(store.settings.namespace)
        self._telemetry = telemetry
        self._monotonic = monotonic

    def authorize(self, event: Event, context: Context) -> Verdict:
        """The verdict on one request: denied where no session is open. Renews the session as a read does.

        What fails is raised, and the client sees 500. A denial would look like a logout, and API Gateway would keep it.
        """
        started = self._monotonic()
        line: dict[str, object] = {"verb": "authorize", "function_request_id": context.aws_request_id}
        events: list[SessionEvent] = []
        try:
            request = authorizer_request(event)
            line |= {"request_id": request.id, "api": request.kind}
            store = observed(self._store, seconds=seconds_left(context), on_event=events.append)
            verdict, judged = self._judged(request, store)
            line |= judged
        except Exception as error:
            problem = problem_of(error)
            line |= {"status": 500, "problem": problem.kind, **reason_of(error)}
            if problem is INTERNAL_ERROR:
                line |= described(error)
            raise
        else:
            return verdict
        finally:
            line["duration_ms"] = round((self._monotonic() - started) * 1000, 1)
            # Of several cookies one may open nothing; that is no miss where another one opened.
            missed = [] if line["status"] == HTTPStatus.OK else events
            counts = {"SessionsRead": 1} if line["status"] == HTTPStatus.OK else {}
            self._telemetry.record_request(line, missed, counts=counts)

    def _judged(self, request: AuthorizerRequest, store: Store) -> tuple[Verdict, dict[str, object]]:
        """The verdict, and what the log says of it."""
        tokens = request.tokens(self._cookie, self._source)
        found = TokenOpener(store, tokens, subject_of=None).find() if tokens else None
        if not isinstance(found, Session):
            return request.denied(), {"status": HTTPStatus.FORBIDDEN.value}
        verdict, left_out = self._allowed(request, found)
        extra = {"left_out": left_out} if left_out else {}
        return verdict, {"status": HTTPStatus.OK.value, "session": found.id, **extra}

    def _allowed(self, request: AuthorizerRequest, session: Session) -> tuple[Verdict, list[str]]:
        """With as many of the named keys, in their order, as a verdict has room for; and those that were left out."""
        context, left_out = _described(session), []
        verdict = request.allowed(session.id, context)
        for key in (key for key in self._keys if session.get(key) is not None):
            value = session[key]
            if isinstance(value, str | int | float | bool):
                longer = request.allowed(session.id, {**context, key: value})
                if len(json.dumps(longer)) <= MOST_BYTES:
                    context[key], verdict = value, longer
                    continue
            left_out.append(key)
        return verdict, left_out


def _described(session: Session) -> dict[str, ContextValue]:
    """What every verdict says of a session; API Gateway takes no null, so what it has not is absent."""
    given = {
        "id": session.id,
        "subject": session.subject,
        "label": session.label,
        "expires_at": session.expires_at,
        "absolute_at": session.absolute_at,
    }
    return {name: value for name, value in given.items() if value is not None}
