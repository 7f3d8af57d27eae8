"""Events counted in CloudWatch's embedded metric format: lines on standard output that Lambda's log turns into metrics.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
"""

import json
import random
import sys
import time
from collections.abc import Callable, Collection, Mapping
from typing import Final

from sojourn.errors import ConfigurationError
from sojourn.events import Outcome, SessionEvent

METRICS: Final[Mapping[Outcome, str]] = {
    Outcome.CREATED: "SessionsCreated",
    Outcome.LOGGED_IN: "SessionsLoggedIn",
    Outcome.ROTATED: "SessionsRotated",
    Outcome.ENDED: "SessionsEnded",
    Outcome.MISSED: "SessionsMissed",
    Outcome.REFUSED: "SessionsRefused",
}
"""The metric of each outcome, the same in applications and in Sojourn's own functions."""


class EmfRecorder:
    """An ``on_event`` that writes one line an event: ``open_store(on_event=EmfRecorder(service="shop"))``.

    The metrics of ``METRICS`` have the dimensions ``service`` and, where there is a reason, ``reason``. No line holds a
    session id. CloudWatch bills each metric with each of its reasons.
    """

    def __init__(
        self,
        *,
        service: str,
        namespace: str = "Sojourn",
        outcomes: Collection[Outcome] = frozenset(Outcome),
        sample: float = 1.0,
        write: Callable[[str], object] | None = None,
        clock: Callable[[], float] = time.time,
        chance: Callable[[], float] = random.random,
    ) -> None:
        """``outcomes`` are those that are counted. Of all events the part ``sample``, above 0 and up to 1, is written.

        Each line then counts for ``1 / sample`` events, so that sums stay right. ``write`` takes a line, standard
        output by default; ``clock`` returns epoch seconds, ``chance`` numbers from 0 to 1. Raises
        ``ConfigurationError``.
        """
        if not 0 < sample <= 1:
            raise ConfigurationError("sample takes a number above 0 and up to 1; to count nothing give no on_event")
        self._service = service
        self._namespace = namespace
        self._outcomes = frozenset(outcomes)
        self._sample = sample
        self._write = write or printed
        self._clock = clock
        self._chance = chance

    def __call__(self, event: SessionEvent) -> None:
        """Write the line of ``event``, if it is one that counts."""
        if event.outcome in self._outcomes and (self._sample == 1 or self._chance() < self._sample):
            value = 1 if self._sample == 1 else 1 / self._sample
            reason = None if event.reason is None else event.reason.value
            counts = {METRICS[event.outcome]: value}
            self._write(
                counted(counts, namespace=self._namespace, service=self._service, reason=reason, at=self._clock())
            )


def counted(counts: Mapping[str, float], *, namespace: str, service: str, reason: str | None = None, at: float) -> str:
    """One line for metrics of the unit Count, which have the same dimensions. ``at`` is epoch seconds."""
    dimensions = {"service": service} if reason is None else {"service": service, "reason": reason}
    directive = {
        "Namespace": namespace,
        "Dimensions": [list(dimensions)],
        "Metrics": [{"Name": name, "Unit": "Count"} for name in counts],
    }
    envelope = {"Timestamp": int(at * 1000), "CloudWatchMetrics": [directive]}
    return json.dumps({"_aws": envelope, **dimensions, **counts}) + "\n"


def printed(line: str) -> None:
    """Write a line to standard output."""
    # Looked up at each call: a runtime may put another stream in its place. One call a line, so that threads mix none.
    sys.stdout.write(line)
