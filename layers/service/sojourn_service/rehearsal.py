"""Each route of a function served once, at the end of its INIT: see ``sojourn.factory.rehearsed``."""

import json
from collections.abc import Callable, Iterable
from typing import Final

from sojourn.store import Store
from sojourn_service.api import Api, Route
from sojourn_service.bodies import MERGE_PATCH
from sojourn_service.invocation import Event
from sojourn_service.telemetry import Telemetry

_CALLER: Final = {"authorizer": {"iam": {"userArn": "arn:aws:iam::000000000000:user/rehearsal"}}}
_DOCUMENT: Final = '{"data": {"a": 1}}'
_BODIES: Final = {
    "POST /sessions": _DOCUMENT,
    "PUT /session": _DOCUMENT,
    "PATCH /session": _DOCUMENT,
    "POST /session/login": '{"subject": "rehearsal"}',
}


def rehearsal_of(routes: Iterable[Route]) -> Callable[[Store], list[int]]:
    """What ``rehearsed`` takes: serves each of ``routes``, and returns the statuses."""

    def rehearse(store: Store) -> list[int]:
        api = Api(store, routes, telemetry=Telemetry.silent(), is_metered=False)
        return [api.handle(_event(route, store), _Context())["statusCode"] for route in routes]

    return rehearse


def _event(route: Route, store: Store) -> Event:
    session, namespace = store.create({"a": 0}), store.settings.namespace
    load = {"call": "load", "session_id": f"{namespace}#{session.id}", "is_consistent": True}
    kind = MERGE_PATCH if route.key.startswith("PATCH") else "application/json"
    return {
        "routeKey": route.key,
        "rawPath": route.key.partition(" ")[2],
        "rawQueryString": "subject=rehearsal" if "subject" in route.parameters else "",
        "headers": {"session-token": session.token, "content-type": kind, "if-match": "*"},
        "requestContext": _CALLER,
        "pathParameters": {"id": session.id},
        "body": json.dumps(load) if route.verb == "record" else _BODIES.get(route.key, ""),
    }


class _Context:
    aws_request_id = ""

    def get_remaining_time_in_millis(self) -> int:
        """Enough."""
        return 10_000
