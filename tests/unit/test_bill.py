"""The formulas of docs/sweep.md agree with each other, with what was measured, and with a simulation."""

from dataclasses import replace
from typing import Any

import pytest

from benchmarks import pages, simulation
from benchmarks.bill import (
    LIVES,
    PLANS,
    Machine,
    Sessions,
    Sweep,
    at_scale,
    break_even_days,
    by_index,
    by_nightly_scan,
    by_rolling_scan,
    by_ttl_alone,
)
from sojourn.cli.bill import Prices
from sojourn.cli.units import expected_moves

PRICES = Prices()
RESULTS = pages.read_results()


def rows(**wanted: object) -> list[dict[str, Any]]:
    """The measured sweeps that are as wanted."""
    return [row for row in RESULTS["sizes"] if all(row[name] == value for name, value in wanted.items())]


@pytest.mark.parametrize("stale", [1_000, 10_000])
def test_the_index_costs_the_same_however_large_the_table_is(stale: int) -> None:
    """What was measured: calls, writes and index reads are equal; the leftover scan reads a 2,880th of the table."""
    measured = rows(algorithm="Sojourn, index", stale=stale)
    assert [row["live"] for row in measured] == [10_000, 100_000, 1_000_000]
    assert len({(row["calls"], row["read_index"], row["write_table"], row["write_index"]) for row in measured}) == 1
    for row in measured:
        assert row["read_table"] <= 1 + 1.2 * Sessions(created_a_day=row["live"], days=1).scan_units / 2_880


@pytest.mark.parametrize("algorithm", ["Scan, DeleteItem (2013)", "Scan, BatchWriteItem"])
def test_a_scan_reads_the_whole_table(algorithm: str) -> None:
    """What was measured is what the formula says, to a twentieth."""
    for row in rows(algorithm=algorithm):
        lying_there = Sessions(created_a_day=row["live"] + row["stale"], days=1)
        assert row["read_table"] == pytest.approx(lying_there.scan_units, rel=0.05)


def test_a_sweep_through_the_index_costs_two_units_a_session() -> None:
    """One for the item, one for its entry."""
    for row in rows(algorithm="Sojourn, index"):
        assert (row["write_table"], row["write_index"]) == (row["stale"], row["stale"])


def test_no_request_of_a_session_pays_for_the_lazy_index() -> None:
    """Twenty reads and renewals take no unit of the index; an index on the deadline takes two for each."""
    index_units = {
        life["design"]: life["phases"]["requests"]["write_index"] for life in RESULTS["lives"] if life["pace"] == "slow"
    }
    assert index_units == {"Sojourn": 0, "index on expires_at": 40, "write on every request, nightly scan": 0}


@pytest.mark.parametrize("name", LIVES)
@pytest.mark.parametrize("period", [900, 86_400])
def test_at_the_break_even_both_sources_cost_the_same(name: str, period: int) -> None:
    """But for the fixed costs, which are cents a month."""
    sweep = Sweep(period_seconds=period)
    days = break_even_days(LIVES[name], sweep, PRICES)
    sessions = replace(LIVES[name], days=days)
    index, scan = (PRICES.dollars(plan(sessions, sweep)) for plan in (by_index, by_rolling_scan))
    assert index == pytest.approx(scan, rel=0.02)


def test_longer_in_the_table_makes_a_scan_dearer_and_the_index_hardly() -> None:
    """On either side of the break-even the other one is cheaper."""
    sweep = Sweep()
    days = break_even_days(Sessions(), sweep, PRICES)
    for factor, cheaper, dearer in ((0.5, by_rolling_scan, by_index), (2, by_index, by_rolling_scan)):
        sessions = Sessions(days=days * factor)
        assert PRICES.dollars(cheaper(sessions, sweep)) < PRICES.dollars(dearer(sessions, sweep))


def test_ttl_alone_is_free_and_the_rolling_scan_is_no_dearer_than_a_nightly_one_by_much() -> None:
    """It reads the same table once a day; the page that every run looks at is bounded."""
    sessions, sweep = Sessions(created_a_day=1e7, days=30), Sweep()
    assert PRICES.dollars(by_ttl_alone(sessions, sweep)) == 0
    nightly, rolling = (plan(sessions, sweep) for plan in (by_nightly_scan, by_rolling_scan))
    assert rolling.write == nightly.write
    assert nightly.read < rolling.read <= nightly.read + sweep.runs_a_day * 128


def test_what_ttl_removes_costs_nothing() -> None:
    """Neither delete nor entry: only the creations' entries are left."""
    bill = by_index(Sessions(ended=0, by_ttl=1), Sweep())
    assert bill.write == Sessions().created_a_day


@pytest.mark.parametrize("name", simulation.HABITS)
def test_the_moves_of_a_session_are_as_the_formula_says(name: str) -> None:
    """Simulated sessions, looked at by a simulated sweeper; none is stored longer than the grace and one interval."""
    seen = simulation.outcome(simulation.HABITS[name], sessions=2_000)
    assert seen.moves == pytest.approx(seen.formula, rel=0.1, abs=0.01)
    assert seen.latest_seconds <= simulation.GRACE + simulation.INTERVAL


def test_a_session_that_cannot_outlive_its_first_deadline_and_the_grace_is_never_moved() -> None:
    """The library's defaults: 12 hours at most, a grace of a day."""
    assert expected_moves(lives=43_200, idle=1_800, grace=86_400, last_use=0) == 0


def test_more_groups_take_on_more_sessions() -> None:
    """Groups are as many as the budget, the processor and the waiting ask for."""
    machine = Machine()
    few, many = (at_scale(Sessions(created_a_day=n, days=10, ended=0), Sweep(), machine) for n in (1e6, 1e8))
    assert (few.groups, many.groups) == (1, 8)
    assert max(few.seconds_a_run, many.seconds_a_run) <= machine.seconds


def test_the_page_shows_what_was_measured() -> None:
    """Its tables are those of the committed results: `python -m benchmarks.plots` changes nothing."""
    page = (pages.DOCS / "sweep.md").read_text()
    assert pages.brought_up_to_date(page, pages.tables(RESULTS)) == page


def test_every_way_to_end_sessions_has_a_bill() -> None:
    """The table of the page has a column for each."""
    assert len(PLANS) == 4
