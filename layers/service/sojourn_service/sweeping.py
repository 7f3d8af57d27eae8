"""A run of the sweeper inside a function: its share, its time, its log line and metrics. Decides nothing stale."""

import time
from collections.abc import Callable
from dataclasses import asdict

from sojourn.events import SessionEvent
from sojourn.store import Store
from sojourn.sweep.report import Share, SweepReport
from sojourn_service.invocation import Context, Event, seconds_left
from sojourn_service.problems import reason_of
from sojourn_service.telemetry import Telemetry, described, observed

_RESERVE_SECONDS = 15
"""The sweeper begins no batch after its deadline; this is for the batch it has begun, and its retries."""

Answer = dict[str, int | float | bool]


class Sweeping:
    """Runs the sweeper once per invocation."""

    def __init__(
        self, store: Store, *, telemetry: Telemetry, clock: Callable[[], int] = lambda: int(time.time())
    ) -> None:
        """``clock`` is the store's: it returns epoch seconds."""
        self._store = store
        self._telemetry = telemetry
        self._clock = clock

    def run(self, event: Event, context: Context) -> Answer:
        """The report of one run. What fails is logged and raised, so that Lambda retries and the alarm sees it.

        ``event`` may name a share, ``{"group": 0, "groups": 4}``, and demand a dry run, ``{"dry_run": true}``.
        """
        fields: dict[str, object] = {"function_request_id": context.aws_request_id}
        began_at = self._clock()
        remaining = seconds_left(context)
        try:
            share, is_dry = _share(event), _is_dry(event)
            fields |= {**asdict(share), "dry_run": is_dry}
            deadline = began_at + int(remaining) - _RESERVE_SECONDS
            store = observed(self._store, seconds=remaining, on_event=_to_the_line_alone)
            report = store.sweep(deadline=deadline, share=share, dry_run=is_dry)
        except Exception as error:
            told = {"verb": "sweep", **fields, **reason_of(error), **described(error)}
            self._telemetry.record("sweep failed", told, is_failure=True)
            raise
        seconds = self._clock() - began_at
        self._telemetry.record("sweep", {"verb": "sweep", **fields, "seconds": seconds, **asdict(report)})
        if not is_dry:
            self._telemetry.count({**_metrics(report), "SweepSeconds": seconds})
        return asdict(report)


def _to_the_line_alone(_event: SessionEvent) -> None:
    """What becomes of a run is in its own line."""


def _share(event: Event) -> Share:
    group, groups = event.get("group", 0), event.get("groups", 1)
    if type(group) is not int or type(groups) is not int:
        raise ValueError("group and groups take whole numbers")
    return Share(group=group, groups=groups)


def _is_dry(event: Event) -> bool:
    is_dry = event.get("dry_run", False)
    if not isinstance(is_dry, bool):
        raise ValueError("dry_run takes true or false")  # noqa: TRY004  # what an operator typed, like the rest of it
    return is_dry


def _metrics(report: SweepReport) -> dict[str, int]:
    # Zeros too: a sweeper that finds nothing looks different from one that does not run.
    return {
        "Swept": report.swept,
        "Moved": report.moved,
        "Missing": report.missing,
        "Foreign": report.foreign,
        "Left": report.left,
        "Overdue": report.overdue_seconds,
        "SweepReadUnits": round(report.read_units),
        "SweepWriteUnits": round(report.write_units),
    }
