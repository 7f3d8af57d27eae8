"""Draws docs/sweep-*.svg and writes the tables of docs/sweep.md, from the committed results. Measures nothing.

python -m benchmarks.plots            draw the plots, and bring the tables of docs/sweep.md up to date
"""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from benchmarks import simulation
from benchmarks.bill import (
    SECONDS_A_DAY,
    Machine,
    Sessions,
    Sweep,
    bill_table,
    break_even_table,
    by_index,
    by_rolling_scan,
    rolling_table,
    scale_table,
)
from benchmarks.charts import Line, Panel, chart
from sojourn.cli.bill import Prices
from sojourn.cli.units import Units

RESULTS: Final = Path(__file__).parent / "results" / "sweep.json"
DOCS: Final = Path(__file__).parent.parent / "docs"

Row = dict[str, Any]
Results = dict[str, Any]

_DASHED: Final = ("Scan, BatchWriteItem",)
_INDEX: Final = "Sojourn, index"


def read_results() -> Results:
    """What `python -m benchmarks.sweep` measured."""
    results: Results = json.loads(RESULTS.read_text())
    return results


def plots(results: Results) -> dict[str, str]:
    """The SVG of each plot by the name of its file."""
    return {
        "sweep-units.svg": _against_size(results, _units, "read and write units"),
        "sweep-calls.svg": _against_size(results, lambda row: float(row["calls"]), "calls"),
        "sweep-break-even.svg": _break_even(),
    }


def _against_size(results: Results, height: Callable[[Row], float], label: str) -> str:
    rows = [row for row in results["sizes"] if row["stale"]]
    panels = []
    for stale in sorted({row["stale"] for row in rows}):
        shown = [row for row in rows if row["stale"] == stale and not row["algorithm"].endswith("one run")]
        names = list(dict.fromkeys(row["algorithm"] for row in shown))
        lines = [
            Line(
                name,
                [(row["live"], height(row)) for row in shown if row["algorithm"] == name],
                is_dashed=name in _DASHED,
            )
            for name in names
        ]
        panels.append(Panel(f"{stale:,} stale sessions", lines))
    return chart(panels, x_label="live sessions in the table", y_label=label)


def _units(row: Row) -> float:
    return float(row["read_table"] + row["read_index"] + row["write_table"] + row["write_index"])


def _break_even() -> str:
    days = [10 ** (step / 20) for step in range(-10, 61)]
    lines = [
        Line("sweep index", [(d, _dollars(by_index, d)) for d in days]),
        Line(
            "sweep index, where TTL removes everything within the grace",
            [(d, _dollars(by_index, d, by_ttl=1.0)) for d in days],
            is_dashed=True,
        ),
        *(
            Line(f"rolling scan, once round in {name}", [(d, _dollars(by_rolling_scan, d, period=p)) for d in days])
            for name, p in (("15 minutes", 900), ("an hour", 3_600), ("a day", SECONDS_A_DAY))
        ),
    ]
    panel = Panel("Finding and removing what is stale of a million sessions a day", lines)
    return chart([panel], x_label="days a session lies in the table (stored / created a day)", y_label="dollars a day")


def _dollars(
    plan: Callable[[Sessions, Sweep], Units], days: float, *, period: int = SECONDS_A_DAY, by_ttl: float = 0.0
) -> float:
    return Prices().dollars(plan(Sessions(days=days, by_ttl=by_ttl), Sweep(period_seconds=period)))


def tables(results: Results) -> dict[str, str]:
    """Each table of docs/sweep.md by its name there."""
    prices = Prices()
    return {
        "sizes": _sizes_table(results["sizes"]),
        "lives": _lives_table(results["lives"]),
        "client": _client_table(results["client"]),
        "profile": _profile_table(results["client"]),
        "bill": bill_table(Sweep(), prices),
        "break-even": break_even_table(prices),
        "moves": simulation.table(),
        "scale": scale_table(Machine(), prices),
        "rolling": rolling_table(Machine()),
    }


def _sizes_table(rows: list[Row]) -> str:
    head = (
        "| live | stale | sweep | removed | calls "
        "| read units, table + index | write units, table + index | seconds |\n"
        "|--:|--:|---|--:|--:|--:|--:|--:|"
    )
    return "\n".join([head, *map(_sizes_row, rows)])


def _sizes_row(row: Row) -> str:
    read = f"{row['read_table']:,.1f} + {row['read_index']:,.1f}"
    write = f"{row['write_table']:,.0f} + {row['write_index']:,.0f}"
    mark = "\\*" if row["priced"] else ""
    name = f"**{row['algorithm']}**" if row["algorithm"] == _INDEX else row["algorithm"]
    return (
        f"| {row['live']:,} | {row['stale']:,} | {name} | {row['removed']:,} | {row['calls']:,} "
        f"| {read} | {write}{mark} | {row['seconds']:,.1f} |"
    )


def _lives_table(lives: list[Row]) -> str:
    head = "| design | requests | create | 20 requests | sweep | whole life |\n|---|---|--:|--:|--:|--:|"
    rows = []
    for life in lives:
        phases = life["phases"]
        columns = " | ".join(_written(phases[name]) for name in ("create", "requests", "sweep"))
        whole = sum(units["write_table"] + units["write_index"] for units in phases.values())
        of_index = sum(units["write_index"] for units in phases.values())
        pace = {"slow": "every 5 minutes", "quick": "within 4 minutes"}[life["pace"]]
        rows.append(f"| {life['design']} | {pace} | {columns} | {whole:,.0f}, of the index {of_index:,.0f} |")
    return "\n".join([head, *rows])


def _written(units: Row) -> str:
    return f"{units['write_table']:,.0f} + {units['write_index']:,.0f}"


def _client_table(client: Row) -> str:
    rows = [
        f"| {rate['transport']} | {rate['deletes_per_core_second']:,} | {rate['deletes_per_second']:,} |"
        for rate in client["rates"]
    ]
    return "\n".join(["| against | deletes a second of processor time | deletes a second |\n|---|--:|--:|", *rows])


def _profile_table(client: Row) -> str:
    rows = (f"| {area} | {share:.0%} |" for area, share in client["profile"].items())
    return "\n".join(["| where the processor time goes | |\n|---|--:|", *rows])


def brought_up_to_date(page: str, shown: dict[str, str]) -> str:
    """``page`` with each table between its two comments replaced: ``<!-- name -->`` and ``<!-- /name -->``."""
    for name, table in shown.items():
        between = re.compile(rf"(?<=<!-- {name} -->\n).*?(?=<!-- /{name} -->)", flags=re.DOTALL)
        page, count = between.subn(f"{table}\n".replace("\\", r"\\"), page)
        assert count == 1, name
    return page


def main() -> None:
    """Draw and write."""
    results = read_results()
    for name, drawing in plots(results).items():
        (DOCS / name).write_text(drawing)
        print(f"docs/{name}")
    page = DOCS / "sweep.md"
    page.write_text(brought_up_to_date(page.read_text(), tables(results)))
    print("docs/sweep.md")


if __name__ == "__main__":
    main()
