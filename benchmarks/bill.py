"""What sessions cost under four ways to end them, as formulas; docs/sweep.md explains them. Measures nothing.

The whole of a month is in benchmarks/month.py; both count as sojourn.cli does.

    python -m benchmarks.bill     the tables of docs/sweep.md

Units are DynamoDB's request units. One session is at most 1 KB, so a write of it is one unit.
"""

import math
from dataclasses import dataclass
from typing import Final

from sojourn.cli.bill import Prices
from sojourn.cli.units import LEFTOVER_DAYS, PAGE_BYTES, SCAN_BYTES, Units, index_reads, scan_reads

SECONDS_A_DAY: Final = 86_400
BATCH: Final = 25
HINTS_A_PAGE: Final = 1_000


@dataclass(frozen=True, slots=True)
class Sessions:
    """How sessions live. ``days`` is how long one lies in the table, from creation until it is removed.

    ``ended`` of them are logged out or rotated away, the others are left to expire; of those TTL removes ``by_ttl``
    before their grace is over. ``moves``: how often the sweeper finds one alive. ``item_bytes`` matter to a scan alone.
    """

    created_a_day: float = 1e6
    days: float = 1.5
    requests: int = 20
    renewals: int = 20
    ended: float = 0.3
    by_ttl: float = 0.0
    moves: float = 0.0
    item_bytes: int = 664

    @property
    def stored(self) -> float:
        """Sessions in the table at any time, dead ones included."""
        return self.created_a_day * self.days

    @property
    def swept_a_day(self) -> float:
        """Those that nobody else removes."""
        return self.created_a_day * (1 - self.ended) * (1 - self.by_ttl)

    @property
    def scan_units(self) -> float:
        """Read units to read the whole table once."""
        return self.stored * self.item_bytes / SCAN_BYTES


@dataclass(frozen=True, slots=True)
class Sweep:
    """How the sweeper is set."""

    interval_seconds: int = 900
    period_seconds: int = SECONDS_A_DAY
    shards: int = 64

    @property
    def runs_a_day(self) -> float:
        """How often it starts."""
        return SECONDS_A_DAY / self.interval_seconds


def living(sessions: Sessions) -> Units:
    """What a day costs before anything is removed by expiry: creation, reads, renewals, logout."""
    a_session = 1 + sessions.renewals + sessions.ended
    return Units(write=sessions.created_a_day * a_session, read=sessions.created_a_day * sessions.requests)


def by_ttl_alone(_sessions: Sessions, _sweep: Sweep) -> Units:
    """What a day of TTL costs: nothing. Days late, without a promise."""
    return Units()


def by_index(sessions: Sessions, sweep: Sweep) -> Units:
    """What a day of the sweep index costs.

    One unit a creation and one a logout for the entry; two for each session swept; three for each move (the item, the
    old entry, the new one). Half a read unit for each shard and run, more where hints fill it, and the leftover scan.
    """
    created = sessions.created_a_day
    entries = created * (1 + sessions.ended)
    moves = created * sessions.moves
    read = index_reads(
        table_bytes=sessions.stored * sessions.item_bytes,
        hints=sessions.swept_a_day + moves,
        queries=sweep.runs_a_day * sweep.shards,
        runs=sweep.runs_a_day,
        days=1,
    )
    return Units(write=entries + 2 * sessions.swept_a_day + 3 * moves, read=read)


def by_rolling_scan(sessions: Sessions, sweep: Sweep) -> Units:
    """What a day of the rolling scan costs: the table once a period, the first page once a run, one unit a delete."""
    read = scan_reads(
        table_bytes=sessions.stored * sessions.item_bytes,
        rounds=SECONDS_A_DAY / sweep.period_seconds,
        runs=sweep.runs_a_day,
    )
    return Units(write=sessions.swept_a_day, read=read)


def by_nightly_scan(sessions: Sessions, _sweep: Sweep) -> Units:
    """What a night of 2013 costs: the whole table, and one unit a delete."""
    return Units(write=sessions.swept_a_day, read=sessions.scan_units)


PLANS: Final = {
    "TTL alone": by_ttl_alone,
    "sweep index": by_index,
    "rolling scan": by_rolling_scan,
    "nightly scan (2013)": by_nightly_scan,
}
"""A day of each way to end sessions, by name."""


def break_even_days(sessions: Sessions, sweep: Sweep, prices: Prices) -> float:
    """How many days a session must lie in the table for the index to be the cheaper source of hints.

    That is stored sessions for each one created a day. Fixed costs, of cents a month, are left out.
    """
    entries = 1 + sessions.ended + (1 - sessions.ended) * (1 - sessions.by_ttl) + 3 * sessions.moves
    rounds = SECONDS_A_DAY / sweep.period_seconds - 1 / LEFTOVER_DAYS
    return entries * prices.write_units / (sessions.item_bytes / SCAN_BYTES * rounds * prices.read_units)


@dataclass(frozen=True, slots=True)
class Machine:
    """What one run of the sweeper has. ``deletes_per_core_second`` is measured, the seconds of a batch and a
    page of a scan are assumed: docs/sweep.md.
    """

    seconds: float = 290
    write_units_a_second: float = 1_000
    memory_mb: int = 512
    deletes_per_core_second: float = 10_000
    threads: int = 8
    batch_seconds: float = 0.03
    page_seconds: float = 0.2

    @property
    def deletes_a_second(self) -> dict[str, float]:
        """What each bound allows, with the index: the budget, the processor, and waiting for answers."""
        return {
            "write-unit budget": self.write_units_a_second / 2,
            "processor": self.deletes_per_core_second * min(1, self.memory_mb / 1_769),
            "waiting": self.threads * BATCH / self.batch_seconds,
        }

    @property
    def deletes_a_run(self) -> float:
        """The sessions that one run sweeps until its time is up."""
        return self.seconds * min(self.deletes_a_second.values())


@dataclass(frozen=True, slots=True)
class Scale:
    """A day of the index at some size, and what of it comes near a limit."""

    deletes_a_day: float
    calls_a_day: float
    bill: Units
    groups: int
    seconds_a_run: float
    index_writes_a_second_and_shard: float
    creations_a_second_at_the_limit: float


PARTITION_WRITES: Final = 1_000
"""Write units a second that one partition takes (DynamoDB guide, "Designing partition keys")."""


def at_scale(sessions: Sessions, sweep: Sweep, machine: Machine) -> Scale:
    """What the index asks of the sweeper and of the table, were everything spread evenly over the day."""
    runs = sweep.runs_a_day
    swept, created = sessions.swept_a_day, sessions.created_a_day
    queries = runs * sweep.shards + swept / HINTS_A_PAGE
    groups = math.ceil(swept / runs / machine.deletes_a_run)
    index_writes = created * (1 + sessions.ended + 2 * sessions.moves) + swept
    at_the_limit = PARTITION_WRITES * sweep.shards * created / index_writes
    return Scale(
        deletes_a_day=swept,
        calls_a_day=queries + swept / BATCH + sessions.stored * sessions.item_bytes / PAGE_BYTES / LEFTOVER_DAYS,
        bill=by_index(sessions, sweep),
        groups=groups,
        seconds_a_run=swept / runs / groups / min(machine.deletes_a_second.values()),
        index_writes_a_second_and_shard=index_writes / SECONDS_A_DAY / sweep.shards,
        creations_a_second_at_the_limit=at_the_limit,
    )


def rolling_run_seconds(sessions: Sessions, sweep: Sweep, machine: Machine, *, groups: int) -> float:
    """How long one run of the rolling scan takes: one thread reads its segment and deletes what it finds."""
    runs = groups * sweep.period_seconds / sweep.interval_seconds
    pages = sessions.stored * sessions.item_bytes / PAGE_BYTES / runs
    found = sessions.swept_a_day * sweep.period_seconds / SECONDS_A_DAY / runs
    return pages * machine.page_seconds + found / BATCH * machine.batch_seconds


LIVES: Final = {
    "30 minutes idle, 12 hours at most": Sessions(days=1.1, renewals=13, moves=0),
    "14 days idle, 30 days at most": Sessions(days=31, renewals=9, moves=2),
    "90 days idle, 365 days at most": Sessions(days=340, renewals=11, moves=4),
}
"""Typical lives: the library's defaults, Django's, "remember me". Renewals and moves as simulation.py finds them."""


_PERIODS: Final = {
    "15 minutes": 900,
    "1 hour": 3_600,
    "6 hours": 21_600,
    "1 day": SECONDS_A_DAY,
    "1 week": 7 * SECONDS_A_DAY,
}


def _days(days: float) -> str:
    return f"{days:,.1f} days" if days < 10 else f"{days:,.0f} days"


def bill_table(sweep: Sweep, prices: Prices) -> str:
    """Dollars for a million lives: all of it but expiry, and each way to expire."""
    rows = ["| sessions | living | " + " | ".join(PLANS) + " | the index pays from |", "|---" + "|--:" * 6 + "|"]
    for name, sessions in LIVES.items():
        costs = [prices.dollars(plan(sessions, sweep)) for plan in PLANS.values()]
        columns = [f"${cost:,.2f}" for cost in (prices.dollars(living(sessions)), *costs)]
        days = break_even_days(sessions, sweep, prices)
        rows.append(f"| {name}; {sessions.days:g} days in the table | {' | '.join(columns)} | {days:,.0f} days |")
    return "\n".join(rows)


def break_even_table(prices: Prices) -> str:
    """Break-even by period and by how much TTL removes in time."""
    rows = ["| the scan goes round in | TTL removes none in time | TTL removes all in time |", "|---|--:|--:|"]
    for name, seconds in _PERIODS.items():
        sweep = Sweep(period_seconds=seconds)
        none, all_ = (break_even_days(Sessions(by_ttl=share), sweep, prices) for share in (0.0, 1.0))
        rows.append(f"| {name} | {_days(none)} | {_days(all_)} |")
    return "\n".join(rows)


BILLION: Final = Sessions(created_a_day=1e8, days=10, ended=0)
"""10^9 sessions stored, 10^8 expiring a day, none logged out and none removed by TTL: the worst."""


def scale_table(machine: Machine, prices: Prices) -> str:
    """The billion, by groups and shards."""
    default = at_scale(BILLION, Sweep(), machine)
    many = at_scale(BILLION, Sweep(shards=1_024), machine)
    rows: list[tuple[str, str, str]] = [
        ("deletes a day", f"{default.deletes_a_day:,.0f}", f"{many.deletes_a_day:,.0f}"),
        ("calls a day", f"{default.calls_a_day:,.0f}", f"{many.calls_a_day:,.0f}"),
        ("write units a day", f"{default.bill.write:,.0f}", f"{many.bill.write:,.0f}"),
        ("read units a day", f"{default.bill.read:,.0f}", f"{many.bill.read:,.0f}"),
        ("dollars a day", f"{prices.dollars(default.bill):,.2f}", f"{prices.dollars(many.bill):,.2f}"),
        ("groups at the default budget", f"{default.groups}", f"{many.groups}"),
        ("seconds a run", f"{default.seconds_a_run:,.0f}", f"{many.seconds_a_run:,.0f}"),
        (
            "index writes a second and shard, of 1,000",
            f"{default.index_writes_a_second_and_shard:,.0f}",
            f"{many.index_writes_a_second_and_shard:,.1f}",
        ),
        (
            "creations a second at which a shard is full",
            f"{default.creations_a_second_at_the_limit:,.0f}",
            f"{many.creations_a_second_at_the_limit:,.0f}",
        ),
    ]
    return "\n".join(["| | 64 shards | 1,024 shards |", "|---|--:|--:|", *(f"| {a} | {b} | {c} |" for a, b, c in rows)])


def rolling_table(machine: Machine) -> str:
    """The billion with the rolling scan: seconds a run, by groups and interval."""
    rows = ["| every | 1 group | 2 groups | 4 groups | 8 groups |", "|---|--:|--:|--:|--:|"]
    for minutes in (15, 5):
        sweep = Sweep(interval_seconds=60 * minutes)
        seconds = (rolling_run_seconds(BILLION, sweep, machine, groups=groups) for groups in (1, 2, 4, 8))
        rows.append(f"| {minutes} minutes | " + " | ".join(f"{each:,.0f} s" for each in seconds) + " |")
    return "\n".join(rows)


def main() -> None:
    """Print the tables."""
    prices = Prices()
    print(bill_table(Sweep(), prices), break_even_table(prices), sep="\n\n", end="\n\n")
    print(scale_table(Machine(), prices), rolling_table(Machine()), sep="\n\n")
    print(f"\nscanning the billion once: {BILLION.scan_units:,.0f} read units,", end=" ")
    print(f"${prices.dollars(by_rolling_scan(BILLION, Sweep())):,.2f} a day with its deletes")


if __name__ == "__main__":
    main()
