"""The expire function: ends the session of a token, or those of a subject. Reads no document."""

from sojourn import open_store
from sojourn_service import Api, Context, Event, Response, Telemetry
from sojourn_service.routes_expire import ROUTES

api = Api(open_store(), ROUTES, telemetry=Telemetry.from_environment())


def handler(event: Event, context: Context) -> Response:
    """Serve one event of the HTTP API."""
    return api.handle(event, context)
