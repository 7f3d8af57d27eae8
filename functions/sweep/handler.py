"""The sweep function: removes stale sessions, on a schedule. Looks at no event: the clock says what is stale."""

from sojourn import open_store
from sojourn_service import Context, Event, Sweeping, Telemetry

sweeping = Sweeping(open_store(), telemetry=Telemetry.from_environment())


def handler(_event: Event, context: Context) -> dict[str, int | bool]:
    """One run; its report."""
    return sweeping.run(context)
