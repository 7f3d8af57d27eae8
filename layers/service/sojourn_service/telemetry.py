"""What operators see of the functions: one log line a request or run, and counts. Never a token or a document.

Nothing is logged that a caller sent, but for the route; a query would name subjects.
"""

import traceback
from collections.abc import Mapping

from aws_lambda_powertools import Logger
from aws_lambda_powertools.metrics import EphemeralMetrics, MetricUnit

from sojourn_service.settings import ServiceSettings


class Telemetry:
    """A log of JSON objects and metrics in CloudWatch's embedded metric format, both on standard output."""

    def __init__(self, logger: Logger, metrics: EphemeralMetrics) -> None:
        self._logger = logger
        self._metrics = metrics

    @classmethod
    def from_environment(cls) -> "Telemetry":
        """What the ``POWERTOOLS_*`` variables describe, the log's level among them."""
        settings = ServiceSettings.from_environment()
        metrics = EphemeralMetrics(service=settings.name, namespace=settings.metrics_namespace)
        return cls(Logger(service=settings.name, location=None), metrics)

    def record(self, message: str, fields: Mapping[str, object], *, is_failure: bool = False) -> None:
        """One log line; as an error when operators have to know."""
        log = self._logger.error if is_failure else self._logger.info
        log(message, extra=dict(fields))

    def count(self, counts: Mapping[str, int]) -> None:
        """Metrics of one request or run, with the service as their only dimension: each further one is billed."""
        for name, value in counts.items():
            self._metrics.add_metric(name=name, unit=MetricUnit.Count, value=value)
        if counts:
            self._metrics.flush_metrics()


def described(error: BaseException) -> dict[str, object]:
    """An error by type and place. Not by its message: that may quote what a client sent."""
    frames = traceback.extract_tb(error.__traceback__)
    return {
        "error": type(error).__name__,
        "stack": [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames],
    }
