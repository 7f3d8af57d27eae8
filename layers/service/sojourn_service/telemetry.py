"""What operators see of the functions: one log line a request or run, and one of counts. Never a token or a document.

Nothing is logged that a caller sent, but for the route; a query would name subjects.
"""

import io
import time
import traceback
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from aws_lambda_powertools import Logger

from sojourn.backends.dynamodb import DynamoBackend
from sojourn.backends.meter import Meter
from sojourn.emf import METRICS, counted, printed
from sojourn.events import OnEvent, Outcome, SessionEvent
from sojourn.store import Store
from sojourn.values import replace
from sojourn_service.settings import ServiceSettings

_SERVER_ERROR: Final = 500


class Telemetry:
    """A log of JSON objects and metrics in CloudWatch's embedded metric format, both on standard output."""

    def __init__(self, logger: Logger, settings: ServiceSettings, *, write: Callable[[str], object] = printed) -> None:
        """``write`` takes a line of metrics."""
        self._logger = logger
        self._settings = settings
        self._write = write

    @classmethod
    def from_environment(cls) -> "Telemetry":
        """What the ``POWERTOOLS_*`` variables describe, the log's level among them."""
        settings = ServiceSettings.from_environment()
        return cls(Logger(service=settings.name, location=None), settings)

    @classmethod
    def silent(cls) -> "Telemetry":
        """One that does the same, and shows nothing."""
        nowhere = io.StringIO()
        # Loggers of one name share their stream: this is none that a function has.
        logger = Logger(service="sojourn rehearsal", location=None, stream=nowhere)
        return cls(logger, ServiceSettings(), write=nowhere.write)

    def record_request(
        self, line: Mapping[str, object], events: Sequence[SessionEvent], *, counts: Mapping[str, int]
    ) -> None:
        """One request, which ended as ``line`` says, with what happened to sessions meanwhile.

        ``counts`` is what is no event. Of what was refused and then tried again with success nothing remains.
        """
        told = [event for event in events if "problem" in line or event.outcome is not Outcome.REFUSED]
        fields = {**(told[-1].fields() if told else {}), **line}
        if fields["verb"] == "expire_all":  # several sessions, in one line
            fields["ended"] = [event.session_id for event in told if event.outcome is Outcome.ENDED]
        self.record("request", fields, is_failure=int(str(line["status"])) >= _SERVER_ERROR)
        if "problem" in line:
            self._count_problem(fields)
        else:
            self._count(counts, told)

    def record(self, message: str, fields: Mapping[str, object], *, is_failure: bool = False) -> None:
        """One log line; as an error when operators have to know."""
        log = self._logger.error if is_failure else self._logger.info
        log(message, extra=dict(fields))

    def count(self, counts: Mapping[str, int], *, reason: str | None = None) -> None:
        """Metrics of one request or run. The service is a dimension, and the reason where there is one.

        Each further dimension is billed.
        """
        if counts:
            of = self._settings
            self._write(counted(counts, namespace=of.metrics_namespace, service=of.name, reason=reason, at=time.time()))

    def _count(self, counts: Mapping[str, int], told: Sequence[SessionEvent]) -> None:
        # Those of one request have one reason; where they should not, each reason has a line.
        happened = Counter((METRICS[event.outcome], event.reason) for event in told)
        for (name, reason), number in happened.items():
            self.count({name: number}, reason=reason and reason.value)
        self.count(counts)

    def _count_problem(self, fields: Mapping[str, object]) -> None:
        if "outcome" in fields:
            reason = fields.get("reason")
            self.count({METRICS[Outcome(str(fields["outcome"]))]: 1}, reason=None if reason is None else str(reason))


def meter_of(store: Store) -> Meter | None:
    """What adds up the units of each request, where the backend is DynamoDB's."""
    backend = store.resources.backend
    return backend.meter() if isinstance(backend, DynamoBackend) else None


def observed(store: Store, *, seconds: float, on_event: OnEvent) -> Store:
    """``store`` for one invocation that has ``seconds`` left: what happens goes to ``on_event``, and to no log."""
    of = store.resources
    reporter = of.reporter.to(on_event, is_logging=False)
    return store.over(replace(of, retry=of.retry.within(seconds), reporter=reporter))


def described(error: BaseException) -> dict[str, object]:
    """An error by type and place. Not by its message: that may quote what a client sent."""
    frames = traceback.extract_tb(error.__traceback__)
    return {
        "error": type(error).__name__,
        "stack": [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames],
    }
