"""The tables of docs/comparison.md, from the results of `python -m benchmarks.peers`. Measures nothing."""

import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Final

from benchmarks.pages import DOCS, brought_up_to_date
from sojourn.cli.bill import Prices
from sojourn.cli.units import Units

RESULTS: Final = Path(__file__).parents[1] / "results" / "peers.json"
PAGE: Final = DOCS / "comparison.md"
STORED: Final = ("first thing put in", "login", "read", "change")
"""Cases after which what was put in has to be there."""

Results = dict[str, Any]
Row = dict[str, Any]

NOTHING: Final = "\N{EN DASH}"

SESSION: Final = {"first thing put in": 1, "login": 1, "read": 20, "change": 2, "logout": 1}
"""A session of a shop, in requests."""


def read_results() -> Results:
    """What was measured, by the name of the store."""
    results: Results = json.loads(RESULTS.read_text())
    return results


def tables(results: Results) -> dict[str, str]:
    """Each table of the page by its name there."""
    sizes = list(next(iter(results.values()))["costs"])
    shown = {f"units {size}": _units(results, size) for size in sizes}
    shown |= {name: _by_size(results, sizes, case, cell) for name, (case, cell) in _MEASURES.items()}
    return shown | {
        "stores": _stores(results),
        "dollars": _dollars(results, sizes),
        "accidents": _accidents(results, _ACCIDENTS),
        "away": _accidents(results, _AWAY),
    }


def _table(head: Iterable[str], rows: Iterable[Iterable[str]], *, numbers: bool = True) -> str:
    names = list(head)
    marks = ["---", *(["--:" if numbers else "---"] * (len(names) - 1))]
    return "\n".join(f"| {' | '.join(row)} |" for row in [names, marks, *rows]).replace("| --- |", "|---|", 1)


def _stores(results: Results) -> str:
    rows = ([name, found["version"], found["server"], f"`{found['configured']}`"] for name, found in results.items())
    return _table(["", "version", "keeps sessions in", "set up as"], rows, numbers=False)


def _units(results: Results, size: str) -> str:
    cases = list(next(iter(results.values()))["costs"][size])
    rows = ([name, *(_cell(found, size, case) for case in cases)] for name, found in results.items())
    return _table([size, *cases], rows)


def _cell(found: Results, size: str, case: str) -> str:
    row = found["costs"][size][case]
    if "status" in row:
        return f"error {row['status']}"
    if case in STORED and not row["is_kept"]:
        return "not stored"
    calls = f"{len(row['calls'])}"
    return f"{calls}: {row['read']:g} + {row['write']:g}" if found["server"] == "DynamoDB" and row["calls"] else calls


def _by_size(results: Results, sizes: list[str], case: str, cell: Callable[[Row], str]) -> str:
    def shown(found: Results, size: str) -> str:
        row = found["costs"][size][case]
        return NOTHING if "status" in row else cell(row)

    return _table(["", *sizes], ([name, *(shown(found, size) for size in sizes)] for name, found in results.items()))


_MEASURES: Final[dict[str, tuple[str, Callable[[Row], str]]]] = {
    "bytes of a read": ("read", lambda row: f"{row['bytes']:,.0f}" if row["bytes"] else NOTHING),
    "bytes of a change": ("change", lambda row: f"{row['bytes']:,.0f}" if row["bytes"] else NOTHING),
    "milliseconds of a visit": ("anonymous visit", lambda row: f"{row['milliseconds']:.1f}"),
    "milliseconds of a read": ("read", lambda row: f"{row['milliseconds']:.1f}"),
    "milliseconds of a change": ("change", lambda row: f"{row['milliseconds']:.1f}"),
}


def session_dollars(found: Results, size: str) -> float | None:
    """What DynamoDB asks for a million sessions of a shop; None where a part failed or there is no DynamoDB."""
    rows = {case: found["costs"][size][case] for case in SESSION}
    if found["server"] != "DynamoDB" or any("status" in row for row in rows.values()):
        return None
    if any(not rows[case]["is_kept"] for case in STORED[1:]):
        return None
    units = sum((Units(rows[case]["read"], rows[case]["write"]).times(n) for case, n in SESSION.items()), Units())
    return Prices().dollars(units.times(1e6))


def _dollars(results: Results, sizes: list[str]) -> str:
    found = {name: [session_dollars(peer, size) for size in sizes] for name, peer in results.items()}
    rows = (
        [name, *(NOTHING if each is None else f"${each:,.2f}" for each in prices)]
        for name, prices in found.items()
        if results[name]["server"] == "DynamoDB"
    )
    return _table(["", *sizes], rows)


def _two_tabs(row: Row) -> str:
    if len(row["kept"]) == 2:
        return "both kept"
    return "one refused" if max(row["statuses"]) >= 400 else "**one lost**"


def _late(row: Row) -> str:
    if "ada" in row["user"]:
        return "**logged in again**"
    if "1" in row["a"]:
        return f"a new session ({row['status']})"
    return f"stays out ({row['status']})"


def _large(row: Row) -> str:
    if row["is_kept"]:
        return "kept"
    return f"error {row['status']}" if row["status"] >= 400 else "**lost, no error**"


def _expired(row: Row, server: str) -> str:
    if not row["is_aged"]:
        return "removed by Redis" if server == "Redis" else "**never expires**"
    return "**still opens**" if row["is_readable"] else "dead"


def _away(row: Row) -> str:
    if not row["is_away"]:
        return NOTHING
    if row["status"] == 0:
        return "**no answer** in 20 s"
    said = "**a page as for a visitor**" if row["looks_logged_out"] else f"{row['status']}"
    return f"{said} after {row['seconds']:g} s"


_ACCIDENTS: Final[dict[str, Callable[[Results, str], str]]] = {
    "two tabs change two keys": lambda found, _: _two_tabs(found["two tabs"]),
    "a slow request ends after the logout": lambda found, _: _late(found["slow request after logout"]),
    "expired, still in the table": lambda found, server: _expired(found["expired item"], server),
    "an id of the client's choosing": lambda found, _: (
        "**adopted**" if found["forged id"]["is_adopted"] else "not adopted"
    ),
    "the id from before the login": lambda found, _: (
        "**opens the login**" if found["id before login"]["opens_the_login"] else "dead"
    ),
    "a cart of 500 KB": lambda found, _: _large(found["500 KB cart"]),
    "a price of 9.9": lambda found, _: _large(found["float"]),
}
_AWAY: Final[dict[str, Callable[[Results, str], str]]] = {
    "the store hangs up": lambda found, _: _away(found["store refuses"]),
    "the store is silent": lambda found, _: _away(found["store silent"]),
}


def _accidents(results: Results, shown: dict[str, Callable[[Results, str], str]]) -> str:
    rows = (
        [name, *(cell(found["behaviours"], found["server"]) for cell in shown.values())]
        for name, found in results.items()
    )
    return _table(["", *shown], rows, numbers=False)


def write(results: Results) -> None:
    """Bring the tables of the page up to date."""
    PAGE.write_text(brought_up_to_date(PAGE.read_text(), tables(results)))
