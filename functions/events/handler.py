"""The events function: sends events of sessions to an event bus, from the table's stream. See docs/events.md."""

import boto3
from botocore.config import Config

from sojourn import Settings
from sojourn_service import Context, Event, Telemetry
from sojourn_service.announcer import Announcer, Failures
from sojourn_service.settings import EventsSettings

# Lambda sends a batch again that is not through; what takes longer than this would only hold it up.
CONFIG = Config(connect_timeout=1, read_timeout=5, retries={"total_max_attempts": 3, "mode": "standard"})

announcer = Announcer(
    boto3.client("events", config=CONFIG),
    name=EventsSettings.from_environment().bus,
    namespace=Settings.from_environment().namespace,
    telemetry=Telemetry.from_environment(),
)


def handler(event: Event, context: Context) -> Failures:
    """One batch of records; those that have to come again."""
    return announcer.announce(event, context)
