"""The authorizer function: lets requests with a session through to APIs of yours. See docs/authorizer.md."""

from sojourn import open_store
from sojourn_service import Context, Event, Telemetry
from sojourn_service.authorizer import Authorizer
from sojourn_service.authorizer_requests import Verdict
from sojourn_service.settings import AuthorizerSettings

authorizer = Authorizer(open_store(), AuthorizerSettings.from_environment(), telemetry=Telemetry.from_environment())


def handler(event: Event, context: Context) -> Verdict:
    """The verdict on one request."""
    return authorizer.authorize(event, context)
