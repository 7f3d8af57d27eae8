"""Four ways to remove what is stale: Sojourn's two and the two that others use. Counts nothing itself."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from benchmarks.sweep.tables import DAY, NOW
from sojourn import Settings
from sojourn.backends.overflow import Overflow
from sojourn.backends.stale import StaleItems
from sojourn.backends.table import Table
from sojourn.retry import Retry
from sojourn.sweep.backend import HintPage
from sojourn.sweep.report import WHOLE
from sojourn.sweep.run import Sweeper

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

_INTERVAL: Final = 900
_RUNS_A_PERIOD: Final = DAY // _INTERVAL
# No waiting: a budget of write units would only say how long its own sleep takes.
_UNBOUNDED: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class Sessions:
    """A table and what is known of it. ``pages`` are the megabytes that a Scan of it takes, a call each."""

    client: "DynamoDBClient"
    table: str
    pages: int


class _StaleItems(StaleItems):
    """The real ones, but for one detail of the engine.

    DynamoDB Local reads the rest of the table for every page of a Scan, so that a million sessions would take hours.
    It reads no more than the segment where segments are asked for. So a page of the whole table is asked for as a
    segment that fits into one page: as many bytes, hence as many units.
    """

    def __init__(self, sessions: Sessions) -> None:
        overflow = Overflow(None, limit=65_536)
        super().__init__(Table(sessions.client, name=sessions.table), overflow=overflow)
        self._pages = sessions.pages

    def scan(self, segment: int, *, segments: int, until: int, after: object | None = None) -> HintPage:
        """See above."""
        if segments > 1 or self._pages == 1:
            return super().scan(segment, segments=segments, until=until, after=after)
        page = super().scan(0, segments=self._pages, until=until)
        return HintPage(page.hints, after=page.after or {}, units=page.units)


def with_the_index(sessions: Sessions) -> int:
    """Sojourn as it comes: one run, every shard of the index, and its share of the scan for what no index knows."""
    return _run(sessions, now=NOW, sweep_index=True)


def with_one_rolling_run(sessions: Sessions) -> int:
    """Sojourn without the index: one run, one segment of the table."""
    return _run(sessions, now=NOW, sweep_index=False)


def with_a_rolling_period(sessions: Sessions) -> int:
    """Sojourn without the index: the runs of a whole day, after which every item has been looked at."""
    return sum(_run(sessions, now=NOW + turn * _INTERVAL, sweep_index=False) for turn in range(_RUNS_A_PERIOD))


def with_scan_and_delete(sessions: Sessions) -> int:
    """The algorithm of 2013: Scan with a filter, a DeleteItem for each."""
    removed = 0
    for key in _scanned(sessions):
        sessions.client.delete_item(TableName=sessions.table, Key=key)
        removed += 1
    return removed


def with_scan_and_batches(sessions: Sessions) -> int:
    """The common one: Scan with a filter, BatchWriteItem of 25. It cannot carry a condition."""
    found = list(_scanned(sessions))
    for start in range(0, len(found), 25):
        requests: Any = [{"DeleteRequest": {"Key": key}} for key in found[start : start + 25]]
        answer = sessions.client.batch_write_item(RequestItems={sessions.table: requests})
        assert not answer["UnprocessedItems"]
    return len(found)


@dataclass(frozen=True, slots=True)
class Algorithm:
    """One way to sweep, whether its sessions enter the sweep index, and whether it reads the whole table."""

    name: str
    sweep: Callable[[Sessions], int]
    is_indexed: bool = False
    reads_all: bool = True

    @property
    def removes_all(self) -> bool:
        """Whether nothing stale is left behind it."""
        return self.is_indexed or self.reads_all


ALGORITHMS: Final = (
    Algorithm("Sojourn, index", with_the_index, is_indexed=True, reads_all=False),
    Algorithm("Sojourn, rolling scan, one run", with_one_rolling_run, reads_all=False),
    Algorithm("Sojourn, rolling scan, a day", with_a_rolling_period),
    Algorithm("Scan, DeleteItem (2013)", with_scan_and_delete),
    Algorithm("Scan, BatchWriteItem", with_scan_and_batches),
)


def _run(sessions: Sessions, *, now: int, sweep_index: bool) -> int:
    settings = Settings(
        table=sessions.table,
        sweep_index=sweep_index,
        sweep_interval_seconds=_INTERVAL,
        sweep_period_seconds=DAY,
        sweep_write_units=_UNBOUNDED,
    )
    sweeper = Sweeper(_StaleItems(sessions), settings, clock=lambda: now, retry=Retry())
    report = sweeper.run(deadline=now + DAY, share=WHOLE, is_dry=False)
    assert not report.more, report
    assert not report.left, report
    return report.swept


def _scanned(sessions: Sessions) -> Iterator[dict[str, Any]]:
    """The keys of what expired a day ago or longer. In segments, for the reason that ``_StaleItems`` gives."""
    for segment in range(sessions.pages):
        request: dict[str, Any] = {
            "TableName": sessions.table,
            "FilterExpression": "expires_at <= :until",
            "ProjectionExpression": "session_id",
            "ExpressionAttributeValues": {":until": {"N": str(NOW - DAY)}},
            "Segment": segment,
            "TotalSegments": sessions.pages,
        }
        while True:
            page = sessions.client.scan(**request)
            yield from page["Items"]
            if "LastEvaluatedKey" not in page:
                break
            request["ExclusiveStartKey"] = page["LastEvaluatedKey"]
