"""Three typical months under several configurations, line by line: the tables of docs/bill.md. Measures nothing.

python -m benchmarks.month     bring the tables of docs/bill.md up to date
"""

from dataclasses import fields, replace
from typing import Final

from benchmarks.pages import DOCS, brought_up_to_date
from sojourn.cli.bill import Assumptions, Configuration, Line, Load, Prices, bill, total

DAY: Final = 86_400

LOADS: Final = {
    "a shop": Load(document_bytes=3_072, changes=0.2, logins=0.3, logouts=0.1),
    "a back office": Load(
        sessions=50_000,
        document_bytes=1_024,
        active_seconds=4 * 3_600,
        requests=200,
        changes=0.05,
        logins=1,
        logouts=0.6,
    ),
    "an app that remembers": Load(
        sessions=300_000,
        document_bytes=512,
        idle_seconds=14 * DAY,
        absolute_seconds=30 * DAY,
        active_seconds=20 * DAY,
        requests=60,
        changes=0.05,
        logins=1,
        logouts=0.05,
    ),
}
"""Months, by name; docs/bill.md says them in words."""

CONFIGURATIONS: Final = {
    "layer": Configuration(),
    "layer, scan": Configuration(sweep_index=False),
    "layer, scan, eventual reads": Configuration(sweep_index=False, consistent_read=False),
    "layer, strict": Configuration(strict_expire_all=True),
    "HTTP API": Configuration(through_api=True),
}
"""Ways to deploy it, by name. The first is the default."""


def table(load: Load) -> str:
    """Dollars by line, a column for each configuration; lines of nothing are left out."""
    bills = [bill(load, configuration) for configuration in CONFIGURATIONS.values()]
    rows = [f"| a month, in dollars | {' | '.join(CONFIGURATIONS)} |", "|---|" + "--:|" * len(bills)]
    rows += [
        f"| {lines[0].name} | {' | '.join(map(_dollars, lines))} |"
        for lines in zip(*bills, strict=True)
        if any(line.dollars >= 0.005 for line in lines)
    ]
    rows.append(f"| **all of it** | {' | '.join(f'**{total(lines):,.2f}**' for lines in bills)} |")
    return "\n".join(rows)


def _dollars(line: Line) -> str:
    return f"{line.dollars:,.2f}"


def parameters(of: Prices | Assumptions) -> str:
    """A row for each price or assumption."""
    rows = [f"| `{field.name}` | {_plain(getattr(of, field.name))} |" for field in fields(of)]
    return "\n".join(["| | |", "|---|--:|", *rows])


def _plain(value: float) -> str:
    return f"{value:,.10f}".rstrip("0").rstrip(".")


def tables() -> dict[str, str]:
    """Each table of docs/bill.md by its name there."""
    ends = {f"{name} of sessions": table(load) for name, load in LOADS.items()}
    return ends | {"prices": parameters(Prices()), "assumptions": parameters(Assumptions()), "growth": growth()}


def growth() -> str:
    """The shop at ten and a hundred times the sessions."""
    rows = [f"| sessions a month | {' | '.join(CONFIGURATIONS)} |", "|--:|" + "--:|" * len(CONFIGURATIONS)]
    for sessions in (0, 1e4, 1e5, 1e6, 1e7, 1e8):
        load = replace(LOADS["a shop"], sessions=sessions)
        totals = (total(bill(load, configuration)) for configuration in CONFIGURATIONS.values())
        rows.append(f"| {sessions:,.0f} | {' | '.join(f'{dollars:,.2f}' for dollars in totals)} |")
    return "\n".join(rows)


def main() -> None:
    """Write the tables into the page."""
    page = DOCS / "bill.md"
    page.write_text(brought_up_to_date(page.read_text(), tables()))


if __name__ == "__main__":
    main()
