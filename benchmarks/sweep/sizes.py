"""What a sweep costs as the table grows: every algorithm on tables of 10^4, 10^5 and 10^6 live sessions."""

import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Final

from benchmarks.sweep.algorithms import ALGORITHMS, Algorithm, Sessions
from benchmarks.sweep.meter import Meter
from benchmarks.sweep.tables import create_table, fill, item_bytes

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

LIVE: Final = (10_000, 100_000, 1_000_000)
STALE: Final = (0, 1_000, 10_000)
# Segments differ in size by chance, so they are made a tenth smaller than a page.
_PAGE_BYTES: Final = 950_000

Row = dict[str, Any]


def measured(client: "DynamoDBClient", endpoint_url: str, *, live: Sequence[int] = LIVE) -> Iterator[Row]:
    """A row of results for each size, number of stale sessions and algorithm; one table grows through all sizes."""
    meter = Meter()
    meter.watch(client)
    table, filled = create_table(client), 0
    for size in live:
        fill(endpoint_url, table, kind="live", start=filled, count=size - filled)
        filled = size
        for stale in STALE:
            sessions = Sessions(client, table, pages=-(-(size + stale) * item_bytes() // _PAGE_BYTES))
            for algorithm in ALGORITHMS:
                if not stale and algorithm.reads_all:
                    continue  # where nothing is to be deleted, it reads what it always reads
                fill(endpoint_url, table, kind="stale", count=stale, indexed=algorithm.is_indexed)
                row = _row(algorithm, sessions, meter)
                assert row["removed"] == stale or not algorithm.removes_all, row
                yield {"live": size, "stale": stale, **row}
    client.delete_table(TableName=table)


def _row(algorithm: Algorithm, sessions: Sessions, meter: Meter) -> Row:
    meter.reset()
    begun = time.perf_counter()
    removed = algorithm.sweep(sessions)
    seconds = time.perf_counter() - begun
    print(f"{sessions.pages} pages, {algorithm.name}: {removed} in {seconds:.1f} s", file=sys.stderr, flush=True)
    return {
        "algorithm": algorithm.name,
        "removed": removed,
        "seconds": round(seconds, 1),
        **asdict(meter.total),
        "operations": {name: asdict(units) for name, units in meter.by_operation.items()},
    }
