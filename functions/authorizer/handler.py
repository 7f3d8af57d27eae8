"""The authorizer function: lets requests with a session through to APIs of yours. See docs/authorizer.md."""

import gc

gc.disable()  # while everything loads there is nothing to collect

from sojourn.factory import open_store, rehearsed
from sojourn_service import Context, Event, Telemetry
from sojourn_service.authorizer import Authorizer
from sojourn_service.authorizer_requests import Verdict
from sojourn_service.settings import AuthorizerSettings

authorizer = Authorizer(
    rehearsed(open_store()), AuthorizerSettings.from_environment(), telemetry=Telemetry.from_environment()
)

gc.freeze()
gc.enable()


def handler(event: Event, context: Context) -> Verdict:
    """The verdict on one request."""
    return authorizer.authorize(event, context)
