"""The report of a run: lines of JSON, one for each test, as `plugins/sojourn_upstream/record.py` writes them."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Outcome = Literal["passed", "failed", "skipped"]


class BrokenOffError(Exception):
    """The run of a suite did not reach its end, so its results count for nothing."""


@dataclass(frozen=True, slots=True)
class Result:
    """The outcome of one test, and the first line of the reason."""

    outcome: Outcome
    why: str = ""


def read(report: Path) -> Mapping[str, Result]:
    """The result of each test by its name. Raises ``BrokenOffError`` where the end is missing or no test ran."""
    lines = [json.loads(line) for line in report.read_text().splitlines()] if report.is_file() else []
    if not lines or lines[-1] != {"is_complete": True}:
        raise BrokenOffError(f"{report.name} has no end")
    results: dict[str, Result] = {}
    for line in lines[:-1]:
        earlier = results.get(line["test"])
        # Set-up, test, subtests and tear-down are lines of their own; the worst counts.
        if earlier is None or _RANK[line["outcome"]] > _RANK[earlier.outcome]:
            results[line["test"]] = Result(line["outcome"], line["why"])
    if not results:
        raise BrokenOffError(f"{report.name} names no test")
    return results


_RANK: Mapping[Outcome, int] = {"passed": 0, "skipped": 1, "failed": 2}
