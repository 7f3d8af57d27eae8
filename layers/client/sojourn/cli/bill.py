"""What a month of sessions costs on AWS, line by line, as formulas. Measures nothing, calls nothing and prints nothing.

    for line in bill(Load(sessions=1e6), Configuration(), Prices()):
        print(line.name, line.dollars, line.how)

What is asked of DynamoDB is in units.py. Left out: free tiers, data transfer, calls of `expire_all`, and the
functions that use the layer.
"""

import math
from dataclasses import dataclass
from typing import Final

from sojourn.cli.units import (
    PAGE_BYTES,
    SCAN_BYTES,
    Configuration,
    Load,
    Units,
    api_requests,
    bucket_calls,
    item_bytes,
    request_units,
    stored,
    stored_bytes,
    strict_units,
    swept_units,
)

__all__ = ["Assumptions", "Configuration", "Line", "Load", "Prices", "bill", "total"]

METERED_BYTES: Final = 512 * 1_024
"""What an HTTP API counts as one request."""

GB: Final = 1e9
MILLION: Final = 1e6

ENTRY_BYTES: Final = 200
"""An entry of an index as storage counts it: its keys and 100 bytes."""


@dataclass(frozen=True, slots=True)
class Prices:
    """List prices in dollars: us-east-1, on demand, DynamoDB's standard class, arm64, first tier, November 2024.

    From AWS's pricing pages of DynamoDB, Lambda, API Gateway, S3, CloudWatch, KMS and EventBridge. Recheck them there.
    """

    read_units: float = 0.125  # a million
    write_units: float = 0.625  # a million
    table_gb: float = 0.25  # a month
    backup_gb: float = 0.20  # a month, point-in-time recovery
    lambda_requests: float = 0.20  # a million
    lambda_gb_second: float = 0.0000133334
    api_requests: float = 1.00  # a million, of 512 KB each
    bucket_puts: float = 5.00  # a million
    bucket_gets: float = 0.40  # a million
    bucket_gb: float = 0.023  # a month
    logs_gb: float = 0.50  # taken in
    metric: float = 0.30  # a month
    alarm: float = 0.10  # a month
    dashboard: float = 3.00  # a month
    schedules: float = 1.00  # a million
    key: float = 1.00  # a month, of your own
    key_requests: float = 3.00  # a million

    def dollars(self, units: Units) -> float:
        """The price of DynamoDB's request units."""
        return (units.read * self.read_units + (units.write + units.index) * self.write_units) / MILLION


@dataclass(frozen=True, slots=True)
class Assumptions:
    """What neither a table nor a template contains: assumed, not measured."""

    request_seconds: float = 0.02  # of a warm function of the API
    cold_share: float = 0.01  # of the API's invocations
    cold_seconds: float = 1.5  # of a start with its first invocation; a run of the sweeper is one
    request_log_bytes: int = 1_500  # of the function, Lambda and the API's access log
    run_log_bytes: int = 2_500
    deletes_per_core_second: float = 10_000  # measured and rounded down: docs/sweep.md
    core_mb: int = 1_769
    page_seconds: float = 0.2  # of a Scan
    key_requests: float = 8_640  # in a month: one in five minutes, as AWS's own key for a table
    sweep_metrics: int = 9
    api_metrics: int = 11
    alarms: int = 11


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the bill; ``how`` says what the dollars are for."""

    name: str
    dollars: float
    how: str


def deletes_a_second(configuration: Configuration, assumed: Assumptions) -> float:
    """What the budget and the processor allow one run of the sweeper."""
    processor = assumed.deletes_per_core_second * min(1, configuration.memory_mb / assumed.core_mb)
    return min(configuration.sweep_write_units / (2 if configuration.sweep_index else 1), processor)


_DEFAULTS: Final = Configuration()
_LIST_PRICES: Final = Prices()
_ASSUMED: Final = Assumptions()


def bill(
    load: Load,
    configuration: Configuration = _DEFAULTS,
    prices: Prices = _LIST_PRICES,
    assumed: Assumptions = _ASSUMED,
) -> list[Line]:
    """The month's bill, every line of it, those of nothing too. Pure: the same arguments give the same lines."""
    return [
        *_table_lines(load, configuration, prices),
        *_sweep_lines(load, configuration, prices, assumed),
        *_storage_lines(load, configuration, prices),
        *_api_lines(load, configuration, prices, assumed),
        *_watching_lines(load, configuration, prices, assumed),
    ]


def total(lines: list[Line]) -> float:
    """The sum of a bill, in dollars."""
    return sum(line.dollars for line in lines)


def _read_and_written(name: str, units: Units, prices: Prices) -> Line:
    return Line(name, prices.dollars(units), f"{units.read:,.0f} read and {units.write:,.0f} write units")


def _table_lines(load: Load, configuration: Configuration, prices: Prices) -> list[Line]:
    units = request_units(load, configuration)
    strict = strict_units(load, configuration)
    entries, requests = Units(index=units.index), Units(units.read, units.write)
    return [
        _read_and_written("requests to the table", requests, prices),
        Line("indexes", prices.dollars(entries), f"{units.index:,.0f} write units at creations, logins and logouts"),
        Line("strict expire-all", prices.dollars(strict), f"{strict.read:,.0f} read units"),
    ]


def _sweep_lines(load: Load, configuration: Configuration, prices: Prices, assumed: Assumptions) -> list[Line]:
    units, runs = swept_units(load, configuration), configuration.runs
    seconds = runs * assumed.cold_seconds + load.swept / deletes_a_second(configuration, assumed)
    if not configuration.sweep_index:
        seconds += units.read * SCAN_BYTES / PAGE_BYTES * assumed.page_seconds
    computed = seconds * configuration.memory_mb / 1_024 * prices.lambda_gb_second
    started = runs * (prices.lambda_requests + prices.schedules) / MILLION
    whole = Units(units.read, units.write + units.index)
    return [
        _read_and_written("sweep", whole, prices),
        Line("sweep, its function", computed + started, f"{runs:,.0f} runs, {seconds:,.0f} s in all"),
    ]


def _storage_lines(load: Load, configuration: Configuration, prices: Prices) -> list[Line]:
    sessions, item = stored(load, configuration), item_bytes(load, configuration)
    entries = (1 if configuration.sweep_index else 0) + load.logins
    table, whole = sessions * item / GB, sessions * (item + 100 + entries * ENTRY_BYTES) / GB
    backups = table * prices.backup_gb if configuration.has_backups else 0
    return [
        Line("storage", whole * prices.table_gb, f"{sessions:,.0f} sessions, {whole:,.2f} GB with indexes"),
        Line("backups", backups, f"{table:,.2f} GB, point-in-time recovery" if configuration.has_backups else "off"),
        _bucket_line(load, configuration, prices),
    ]


def _bucket_line(load: Load, configuration: Configuration, prices: Prices) -> Line:
    puts, gets = bucket_calls(load, configuration)
    if not puts:
        return Line("bucket", 0, "none: documents fit into items")
    kept = stored(load, configuration) * stored_bytes(load) / GB
    dollars = (puts * prices.bucket_puts + gets * prices.bucket_gets) / MILLION + kept * prices.bucket_gb
    return Line("bucket", dollars, f"{puts:,.0f} puts, {gets:,.0f} gets, {kept:,.2f} GB")


def _api_lines(load: Load, configuration: Configuration, prices: Prices, assumed: Assumptions) -> list[Line]:
    requests = api_requests(load, configuration)
    metered = requests * max(1, math.ceil(load.document_bytes / METERED_BYTES))
    seconds = requests * (assumed.request_seconds + assumed.cold_share * assumed.cold_seconds)
    computed = seconds * configuration.memory_mb / 1_024 * prices.lambda_gb_second
    functions = computed + requests * prices.lambda_requests / MILLION
    return [
        Line("API Gateway", metered * prices.api_requests / MILLION, f"{metered:,.0f} requests"),
        Line("API's functions", functions, f"{requests:,.0f} invocations, {seconds:,.0f} s in all"),
    ]


def _watching_lines(load: Load, configuration: Configuration, prices: Prices, assumed: Assumptions) -> list[Line]:
    requests = api_requests(load, configuration)
    logs = (configuration.runs * assumed.run_log_bytes + requests * assumed.request_log_bytes) / GB
    metrics = assumed.sweep_metrics + (assumed.api_metrics if requests else 0)
    alarms = assumed.alarms if configuration.has_alarms else 0
    key = assumed.key_requests * prices.key_requests / MILLION + (prices.key if configuration.has_own_key else 0)
    return [
        Line("logs", logs * prices.logs_gb, f"{logs:,.2f} GB"),
        Line("metrics", metrics * prices.metric, f"{metrics}"),
        Line("dashboard", prices.dashboard, "1"),
        Line("alarms", alarms * prices.alarm, f"{alarms}"),
        Line(
            "encryption keys",
            key,
            f"{assumed.key_requests:,.0f} requests, {int(configuration.has_own_key)} of your own",
        ),
    ]
