"""From an event to a response: the caller, the route that serves, the log line. Knows no verb and no wire format."""

import time
from collections.abc import Callable, Iterable

from sojourn import tokens
from sojourn.absence import Absence
from sojourn.errors import CorruptSessionError, SessionGoneError, StoreUnavailableError
from sojourn.store import Store
from sojourn.values import dataclass
from sojourn_service.invocation import Context, Event, seconds_left
from sojourn_service.problems import INTERNAL_ERROR, NO_CALLER, NO_SUCH_ROUTE, ProblemError, problem_of
from sojourn_service.requests import TOKEN_HEADER, Request
from sojourn_service.responses import Answer, Response, problem_answer
from sojourn_service.telemetry import Telemetry, described

_SERVER_ERROR = 500


@dataclass(frozen=True, slots=True)
class Route:
    """``key`` is the route's name in API Gateway, ``verb`` in our words; ``parameters`` are those of its query."""

    key: str
    verb: str
    serve: Callable[[Request, Store], Answer]
    parameters: frozenset[str] = frozenset()


class Api:
    """Serves the routes of one function."""

    def __init__(
        self,
        store: Store,
        routes: Iterable[Route],
        *,
        telemetry: Telemetry,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """``monotonic`` returns seconds and times requests for the log."""
        self._store = store
        self._routes = {route.key: route for route in routes}
        self._telemetry = telemetry
        self._monotonic = monotonic

    def handle(self, event: Event, context: Context) -> Response:
        """The response to one event of payload format 2.0. Raises nothing, whatever ``event`` is."""
        started = self._monotonic()
        request = Request.of(event)
        fields: dict[str, object] = {}
        try:
            answer = self._served(request, context)
        except Exception as error:  # noqa: BLE001  # the outermost edge: the gateway would show what escapes
            answer = problem_answer(problem_of(error), request_id=request.id)
            fields = _logged(error)
        self._telemetry.count(answer.counts)
        self._telemetry.record(
            "request",
            {
                **self._identified(request, context, answer),
                "status": answer.status,
                "duration_ms": round((self._monotonic() - started) * 1000, 1),
                **fields,
            },
            is_failure=answer.status >= _SERVER_ERROR,
        )
        return answer.response()

    def _served(self, request: Request, context: Context) -> Answer:
        # API Gateway demands a signature as well; a route that is exposed by mistake opens nothing.
        if request.caller is None:
            raise ProblemError(NO_CALLER)
        route = self._routes.get(request.route)
        # Whatever a gateway makes of a slash at the end: a client whose id is empty must not end all sessions.
        if route is None or request.path.endswith("/"):
            raise ProblemError(NO_SUCH_ROUTE)
        return route.serve(request.admitted(route.parameters), self._store.within(seconds_left(context)))

    def _identified(self, request: Request, context: Context, answer: Answer) -> dict[str, object]:
        route = self._routes.get(request.route)
        token = tokens.parsed(request.headers.get(TOKEN_HEADER.lower()))
        session_id = answer.session_id or (token.session_id if token else None)
        absence = {"absence": answer.absence.value} if answer.absence else {}
        return {
            "request_id": request.id,
            "function_request_id": context.aws_request_id,
            "caller": request.caller,
            "route": route.key if route else None,
            "verb": route.verb if route else None,
            "session": session_id,
            **absence,
        }


def _logged(error: Exception) -> dict[str, object]:
    """What the log says of a request that was not served, beyond what the client sees."""
    problem = problem_of(error)
    fields: dict[str, object] = {"problem": problem.kind}
    match error:
        case ProblemError(absence=Absence() as absence):
            fields["absence"] = absence.value
        case SessionGoneError(is_superseded=True):
            fields["absence"] = Absence.SUPERSEDED.value
        case StoreUnavailableError() | CorruptSessionError():
            fields["reason"] = error.reason
        case _ if problem is INTERNAL_ERROR:
            fields |= described(error)
    return fields
