"""The sweep function: removes stale sessions, on a schedule. The clock says what is stale, the event which share."""

from sojourn import open_store
from sojourn_service import Context, Event, Sweeping, Telemetry

sweeping = Sweeping(open_store(), telemetry=Telemetry.from_environment())


def handler(event: Event, context: Context) -> dict[str, int | float | bool]:
    """One run; its report."""
    return sweeping.run(event, context)
