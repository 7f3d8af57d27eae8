"""The read function: one session by its token, a subject's sessions by the subject. Changes no document."""

import gc

gc.disable()  # while everything loads there is nothing to collect

from sojourn.factory import open_store, rehearsed
from sojourn_service import Api, Context, Event, Response, Telemetry
from sojourn_service.rehearsal import rehearsal_of
from sojourn_service.routes_read import ROUTES

api = Api(rehearsed(open_store(), rehearsal_of(ROUTES)), ROUTES, telemetry=Telemetry.from_environment())

gc.freeze()
gc.enable()


def handler(event: Event, context: Context) -> Response:
    """Serve one event of the HTTP API."""
    return api.handle(event, context)
