"""The report of a run: a line of JSON for each test in the file that ``UPSTREAM_REPORT`` names.

A pytest plugin, and the functions that Django's runner calls. Runs in a suite's environment.
"""

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pytest


_REPORT = Path(os.environ["UPSTREAM_REPORT"])  # some tests empty the environment


def write_result(test: str, outcome: str, why: str = "") -> None:
    """Add the outcome of ``test``."""
    _write({"test": test, "outcome": outcome, "why": why})


def write_end() -> None:
    """Mark the report as complete."""
    _write({"is_complete": True})


def _write(line: dict[str, object]) -> None:
    with _REPORT.open("a") as report:
        report.write(f"{json.dumps(line)}\n")


# ---- pytest's hooks


def pytest_runtest_logreport(report: "pytest.TestReport") -> None:
    """Record a phase of a test."""
    if hasattr(report, "wasxfail"):
        # The suite itself expects a failure; pytest reports an unexpected pass as failed.
        write_result(report.nodeid, "failed" if report.failed else "passed", _why(report))
    elif report.when == "call" or not report.passed:
        write_result(report.nodeid, report.outcome, _why(report))


def pytest_collectreport(report: "pytest.CollectReport") -> None:
    """Record a file that cannot be imported, or that is skipped as a whole."""
    if not report.passed:
        write_result(report.nodeid, report.outcome, _why(report))


def pytest_sessionfinish(exitstatus: int) -> None:
    """Mark the report as complete, unless the run was interrupted or collected no tests."""
    if exitstatus in {0, 1}:
        write_end()


def _why(report: "pytest.TestReport | pytest.CollectReport") -> str:
    if isinstance(report.longrepr, tuple):
        return str(report.longrepr[2])  # file, line and reason of a skip
    crash = getattr(report.longrepr, "reprcrash", None)
    text = str(crash.message if crash is not None else report.longrepr or "").strip()
    return text.splitlines()[0] if text else ""
