"""The sweep function: removes stale sessions, on a schedule. The clock says what is stale, the event which share."""

import gc

gc.disable()  # while everything loads there is nothing to collect

from sojourn.factory import open_store, rehearsed
from sojourn_service import Context, Event, Sweeping, Telemetry

sweeping = Sweeping(rehearsed(open_store()), telemetry=Telemetry.from_environment())

gc.freeze()
gc.enable()


def handler(event: Event, context: Context) -> dict[str, int | float | bool]:
    """One run; its report."""
    return sweeping.run(event, context)
