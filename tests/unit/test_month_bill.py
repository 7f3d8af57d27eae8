"""The bill of a month: its lines agree with what the pages say, and each parameter moves the lines that it should."""

import re
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest

from benchmarks import month, pages
from sojourn.cli.bill import Assumptions, Configuration, Load, Prices, bill, total
from sojourn.cli.units import verbs

OPERATIONS = (Path(__file__).parents[2] / "docs" / "operations.md").read_text()
IDLE = Load(sessions=0)
API = Configuration(through_api=True)


def lines(load: Load, configuration: Configuration) -> dict[str, float]:
    """Dollars by the name of the line."""
    return {line.name: line.dollars for line in bill(load, configuration)}


def test_an_idle_stack_costs_what_the_page_says() -> None:
    """Row by row, to the cent, and the alarms on top."""
    whole = re.search(r"^\| \| \| \| ([\d.]+) \|$", OPERATIONS, flags=re.MULTILINE)
    assert whole is not None
    assert f"{total(bill(IDLE)):.2f}" == whole[1]
    alarms = re.search(r"adds 11 alarms at\n\$0\.10: (\d+\.\d\d)", OPERATIONS)
    assert alarms is not None
    more = total(bill(IDLE, Configuration(has_alarms=True))) - total(bill(IDLE))
    assert f"{more:.2f}" == alarms[1]
    idle = lines(IDLE, Configuration())
    assert [f"{idle[name]:.2f}" for name in ("metrics", "dashboard", "sweep", "encryption keys")] == [
        "2.70",
        "3.00",
        "0.01",
        "0.03",
    ]
    assert next(line.how for line in bill(IDLE) if line.name == "sweep").startswith("93,600 read")


CHANGES = {
    "through_api": (
        {"API Gateway", "API's functions", "logs", "metrics", "requests to the table"},
        {"through_api": True},
    ),
    "strict": ({"strict expire-all"}, {"strict_expire_all": True}),
    "scan": ({"indexes", "sweep", "sweep, its function", "storage"}, {"sweep_index": False}),
    "eventual reads": ({"requests to the table"}, {"consistent_read": False}),
    "alarms": ({"alarms"}, {"has_alarms": True}),
    "no backups": ({"backups"}, {"has_backups": False}),
    "own key": ({"encryption keys"}, {"has_own_key": True}),
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_configuration_moves_its_own_lines(name: str) -> None:
    """And no other."""
    expected, changed = CHANGES[name]
    before, after = lines(Load(), Configuration()), lines(Load(), replace(Configuration(), **changed))
    assert {line for line in before if before[line] != after[line]} == expected


@pytest.mark.parametrize("price", [field.name for field in fields(Prices)])
def test_every_price_counts(price: str) -> None:
    """A price that is doubled is found in some bill."""
    full = replace(API, has_alarms=True, has_own_key=True)
    loads = (Load(), Load(document_bytes=1_000_000))
    dearer = replace(Prices(), **{price: getattr(Prices(), price) * 2})
    assert any(total(bill(load, full, dearer)) > total(bill(load, full)) for load in loads)


@pytest.mark.parametrize("assumption", [field.name for field in fields(Assumptions)])
def test_every_assumption_counts(assumption: str) -> None:
    """As every price does."""
    full = replace(API, has_alarms=True, sweep_index=False, sweep_write_units=100_000)
    other = replace(Assumptions(), **{assumption: getattr(Assumptions(), assumption) * 2})
    assert total(bill(Load(), full, Prices(), other)) != total(bill(Load(), full))


@pytest.mark.parametrize(
    ("more", "changed"),
    [
        ("sessions", {"sessions": 2e6}),
        ("larger documents", {"document_bytes": 10_240}),
        ("larger items", {"item_bytes": 5_000}),
        ("documents in the bucket", {"document_bytes": 1_000_000}),
        ("longer idle", {"idle_seconds": 14 * 86_400, "absolute_seconds": 30 * 86_400}),
        ("requests", {"requests": 40}),
        ("changes", {"changes": 0.5}),
        ("logins", {"logins": 0.9}),
        ("sweeping", {"by_ttl": -0.1}),
    ],
)
def test_more_costs_more(more: str, changed: dict[str, Any]) -> None:
    """Under the index, the scan and the API alike; a longer idle time saves renewals and costs storage."""
    for configuration in (Configuration(), Configuration(sweep_index=False), API):
        before, after = lines(Load(), configuration), lines(replace(Load(), **changed), configuration)
        if more == "longer idle":
            assert after["storage"] > before["storage"]
            assert after["requests to the table"] < before["requests to the table"]
        else:
            assert sum(after.values()) > sum(before.values())


def test_a_session_of_a_month_is_moved_and_one_of_a_day_is_not() -> None:
    """Each move is paid for by the sweep."""
    month = Load(idle_seconds=14 * 86_400, absolute_seconds=30 * 86_400, active_seconds=29 * 86_400, logouts=0)
    swept = {load: lines(load, Configuration())["sweep"] for load in (month, replace(month, active_seconds=60))}
    moved, unmoved = swept.values()
    moves = (moved - unmoved) / (verbs(900, Configuration())["move"].write + 2) / Prices().write_units
    assert moves == pytest.approx(2, rel=0.01)


def test_the_page_shows_the_bill() -> None:
    """`python -m benchmarks.month` changes nothing, and what the page has readers type works."""
    page = (pages.DOCS / "bill.md").read_text()
    assert pages.brought_up_to_date(page, month.tables()) == page
    code = page.partition("```python\n")[2].partition("```")[0]
    printed: list[str] = []
    exec(code, {"print": printed.append})  # noqa: S102  # the page's own lines
    assert len(printed) == len(bill(Load()))
