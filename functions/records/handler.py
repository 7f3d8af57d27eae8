"""The records function: a backend's calls for the library where it has no table. See docs/records.md."""

from sojourn import open_store
from sojourn_service import Api, Context, Event, Response, Telemetry
from sojourn_service.routes_records import ROUTES

api = Api(open_store(), ROUTES, telemetry=Telemetry.from_environment())


def handler(event: Event, context: Context) -> Response:
    """Serve one event of the HTTP API."""
    return api.handle(event, context)
