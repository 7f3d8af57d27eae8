"""The HTTP API and the sweep run of Sojourn's own functions: wire format, statuses, logs and metrics. Keeps no session.

from sojourn import open_store
from sojourn_service import Api, Telemetry
from sojourn_service.routes_read import ROUTES

api = Api(open_store(), ROUTES, telemetry=Telemetry.from_environment())
"""

from sojourn_service.api import Api
from sojourn_service.invocation import Context, Event
from sojourn_service.responses import Response
from sojourn_service.sweeping import Sweeping
from sojourn_service.telemetry import Telemetry

__all__ = ["Api", "Context", "Event", "Response", "Sweeping", "Telemetry"]
