"""Queries of CloudWatch Logs Insights over lines at hand: the part of its language that template.yaml uses.

A command or a function that is not known raises. The language:
https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/CWL_QuerySyntax.html
"""

import json
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

Line = Mapping[str, Any]
Row = dict[str, Any]

_EQUAL = re.compile(r'(\w+) = "([^"]*)"')
_LIKE = re.compile(r"@message like /([^/]+)/")
_PRESENT = re.compile(r"ispresent\((\w+)\)")
_AGGREGATE = re.compile(r"(count|pct|min|max|sum|avg)\(([^)]*)\)(?: as \w+)?")


def fields_of(query: str) -> set[str]:
    """The fields of a line that ``query`` names, but for those that every line has."""
    named: set[str] = set()
    for command, rest in _commands(query):
        if command == "filter":
            named |= {found for pattern in (_EQUAL, _PRESENT) for found in _names(pattern, rest)}
        elif command == "fields":
            named |= set(re.split(r",\s*", rest))
        elif command == "stats":
            named |= {argument.split(",")[0] for _, argument in _AGGREGATE.findall(rest)} | set(_grouping(rest))
    return {name for name in named if re.fullmatch(r"\w+", name)}


def rows_of(query: str, lines: Sequence[Line]) -> list[Row]:
    """What the console shows: the fields of each line that is left, or each group with its ``count``."""
    rows: list[Row] = [
        {**line, "@message": json.dumps(line), "@timestamp": number} for number, line in enumerate(lines)
    ]
    for command, rest in _commands(query):
        rows = _COMMANDS[command](rows, rest)
    return rows


def _commands(query: str) -> list[tuple[str, str]]:
    text = "\n".join(line for line in query.splitlines() if not line.startswith("#"))
    return [(part.split()[0], part.strip().partition(" ")[2]) for part in re.split(r"\n?\|(?= )", text)]


def _names(pattern: re.Pattern[str], text: str) -> set[str]:
    return {found[0] if isinstance(found, tuple) else found for found in pattern.findall(text)}


def _grouping(stats: str) -> list[str]:
    return [name for name in re.split(r",\s*", stats.rpartition(" by ")[2]) if not name.startswith("bin(")]


def _filtered(rows: list[Row], rest: str) -> list[Row]:
    for term in rest.split(" and "):
        rows = [row for row in rows if _holds(row, term)]
    return rows


def _holds(row: Row, term: str) -> bool:
    if found := _EQUAL.fullmatch(term):
        return bool(row.get(found[1]) == found[2])
    if found := _LIKE.fullmatch(term):
        return re.search(found[1], row["@message"]) is not None
    if found := _PRESENT.fullmatch(term):
        return row.get(found[1]) is not None
    raise ValueError(f"a filter that is not known here: {term}")


def _shown(rows: list[Row], rest: str) -> list[Row]:
    return [row | {"@shown": re.split(r",\s*", rest)} for row in rows]


def _sorted(rows: list[Row], rest: str) -> list[Row]:
    name, order = rest.split()
    return sorted(rows, key=lambda row: row.get(name, 0), reverse=order == "desc")


def _counted(rows: list[Row], rest: str) -> list[Row]:
    names, alias = _grouping(rest), re.search(r"count\(\*\) as (\w+)", rest)
    assert alias is not None, "only counts are computed here"
    groups = Counter(tuple(row.get(name) for name in names) for row in rows)
    return [dict(zip(names, key, strict=True)) | {alias[1]: number} for key, number in groups.items()]


_COMMANDS: dict[str, Callable[[list[Row], str], list[Row]]] = {
    "fields": _shown,
    "filter": _filtered,
    "limit": lambda rows, rest: rows[: int(rest)],
    "sort": _sorted,
    "stats": _counted,
}
