"""The tables of docs/sweep.md, from the committed results, and how a table gets into a page. Draws nothing."""

import json
import re
from pathlib import Path
from typing import Any, Final

from benchmarks import simulation
from benchmarks.bill import Machine, Sweep, bill_table, break_even_table, rolling_table, scale_table
from sojourn.cli.bill import Prices

RESULTS: Final = Path(__file__).parent / "results" / "sweep.json"
DOCS: Final = Path(__file__).parent.parent / "docs"

Row = dict[str, Any]
Results = dict[str, Any]

INDEX: Final = "Sojourn, index"
"""What the results call the sweep through the index."""


def read_results() -> Results:
    """What `python -m benchmarks.sweep` measured."""
    results: Results = json.loads(RESULTS.read_text())
    return results


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
    name = f"**{row['algorithm']}**" if row["algorithm"] == INDEX else row["algorithm"]
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
