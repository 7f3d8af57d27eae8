"""From an event to a response: the caller, the route that serves, the log line. Knows no verb and no wire format."""

import time
from collections.abc import Callable, Iterable

from sojourn import tokens
from sojourn.events import SessionEvent
from sojourn.store import Store
from sojourn.values import dataclass
from sojourn_service.invocation import Context, Event, seconds_left
from sojourn_service.problems import INTERNAL_ERROR, NO_CALLER, NO_SUCH_ROUTE, ProblemError, problem_of, reason_of
from sojourn_service.requests import TOKEN_HEADER, Request
from sojourn_service.responses import Answer, Response, problem_answer
from sojourn_service.telemetry import Telemetry, described, meter_of, observed


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
        is_metered: bool = True,
    ) -> None:
        """``monotonic`` returns seconds and times requests for the log. A meter asks each call for its units."""
        self._store = store
        self._routes = {route.key: route for route in routes}
        self._telemetry = telemetry
        self._meter = meter_of(store) if is_metered else None
        self._monotonic = monotonic

    def handle(self, event: Event, context: Context) -> Response:
        """The response to one event of payload format 2.0. Raises nothing, whatever ``event`` is."""
        started = self._monotonic()
        request = Request.of(event)
        fields: dict[str, object] = {}
        events: list[SessionEvent] = []
        try:
            answer = self._served(request, context, events)
        except Exception as error:  # noqa: BLE001  # the outermost edge: the gateway would show what escapes
            problem = problem_of(error)
            answer = problem_answer(problem, request_id=request.id)
            fields = {"problem": problem.kind, **reason_of(error)}
            if problem is INTERNAL_ERROR:
                fields |= described(error)
        line = {
            **self._identified(request, context, answer),
            "status": answer.status,
            "duration_ms": round((self._monotonic() - started) * 1000, 1),
            **self._units(),
            **fields,
        }
        self._telemetry.record_request(line, events, counts=answer.counts)
        return answer.response()

    def _served(self, request: Request, context: Context, events: list[SessionEvent]) -> Answer:
        # API Gateway demands a signature as well; a route that is exposed by mistake opens nothing.
        if request.caller is None:
            raise ProblemError(NO_CALLER)
        route = self._routes.get(request.route)
        # Whatever a gateway makes of a slash at the end: a client whose id is empty must not end all sessions.
        if route is None or request.path.endswith("/"):
            raise ProblemError(NO_SUCH_ROUTE)
        store = observed(self._store, seconds=seconds_left(context), on_event=events.append)
        return route.serve(request.admitted(route.parameters), store)

    def _units(self) -> dict[str, object]:
        if self._meter is None:
            return {}
        read, written = self._meter.taken()
        return {"read_units": read, "write_units": written}

    def _identified(self, request: Request, context: Context, answer: Answer) -> dict[str, object]:
        route = self._routes.get(request.route)
        token = tokens.parsed(request.headers.get(TOKEN_HEADER.lower()))
        session_id = answer.session_id or (token.session_id if token else None)
        return {
            "request_id": request.id,
            "function_request_id": context.aws_request_id,
            "caller": request.caller,
            "route": route.key if route else None,
            "verb": route.verb if route else None,
            "session": session_id,
        }
