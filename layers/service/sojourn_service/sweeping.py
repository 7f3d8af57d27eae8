"""A run of the sweeper inside a function: how long it may take, and what is told of it. Decides nothing stale."""

import time
from collections.abc import Callable
from dataclasses import asdict

from sojourn.store import Store
from sojourn_service.invocation import Context, seconds_left
from sojourn_service.telemetry import Telemetry, described

_RESERVE_SECONDS = 15
"""The sweeper begins no page after its deadline; this is for the page it has begun, and its retries."""


class Sweeping:
    """Runs the sweeper once per invocation."""

    def __init__(
        self, store: Store, *, telemetry: Telemetry, clock: Callable[[], int] = lambda: int(time.time())
    ) -> None:
        """``clock`` is the store's: it answers epoch seconds."""
        self._store = store
        self._telemetry = telemetry
        self._clock = clock

    def run(self, context: Context) -> dict[str, int | bool]:
        """The report of one run. What fails is logged and raised, so that Lambda retries and the alarm sees it."""
        remaining = seconds_left(context)
        deadline = self._clock() + int(remaining) - _RESERVE_SECONDS
        try:
            report = self._store.within(remaining).sweep(deadline=deadline)
        except Exception as error:
            fields = {"function_request_id": context.aws_request_id, **described(error)}
            self._telemetry.record("sweep failed", fields, is_failure=True)
            raise
        fields = {"function_request_id": context.aws_request_id, **asdict(report)}
        self._telemetry.record("sweep", fields)
        # Zeros too: a sweeper that finds nothing looks different from one that does not run.
        counts = {"Swept": report.swept, "Moved": report.moved, "Missing": report.missing, "Left": report.left}
        self._telemetry.count(counts)
        return asdict(report)
