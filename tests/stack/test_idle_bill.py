"""The idle bill of docs/operations.md: its amounts are those of the template and the code, its dollars their sum."""

import inspect
import re

from devstack.layout import ROOT
from devstack.template import read_template
from sojourn import Absence, Cause, Outcome, Settings
from sojourn.emf import METRICS
from sojourn.sweep.report import SweepReport
from sojourn_service import routes_expire, routes_read, routes_write, sweeping

PAGE = (ROOT / "docs/operations.md").read_text()
SECTION = PAGE[PAGE.index("## What an idle stack costs") :]
RUNS = 30 * 24 * 60 // int(read_template()["Parameters"]["SweepMinutes"]["Default"])

REASONED = {Outcome.ENDED, Outcome.MISSED, Outcome.REFUSED}
OF_APPLICATIONS = {
    Absence.AMBIGUOUS,
    *(Cause.EMPTIED, Cause.DISCARDED, Cause.OPERATOR, Cause.LOCKED, Cause.LOCK_LOST, Cause.ANSWERED),
}
"""What no function of the stack meets: it takes one token a request, no cookies and no locks."""


def kinds(name: str, *, but_with: str | None = None) -> int:
    """How many resources of a type the template has, without those of a condition."""
    resources = [found for found in read_template()["Resources"].values() if found["Type"] == name]
    return sum(but_with is None or found.get("Condition") != but_with for found in resources)


def test_the_amounts_are_the_stacks() -> None:
    """Metrics, alarms and dashboards, and what a sweep reads that finds nothing."""
    metrics = {*sweeping._metrics(SweepReport()), "SweepSeconds"}
    assert f"| the sweep's metrics | {len(metrics)} |" in SECTION
    assert f"| the dashboard | {kinds('AWS::CloudWatch::Dashboard')} |" in SECTION
    alarms = kinds("AWS::CloudWatch::Alarm", but_with="EventsHaveAlarms")
    assert f"adds {alarms} alarms at\n$0.10: {alarms * 0.1:.2f}, and with `Events` two more." in SECTION
    assert kinds("AWS::CloudWatch::Alarm") == alarms + 2
    shards = Settings().sweep_shards
    units = 0.5 * (shards + 1)  # a query or a scan that finds nothing takes half a unit
    assert f"({units:g} units)" in SECTION
    assert f"{RUNS * units:,.0f} RRU: {RUNS:,} runs of {shards} queries and a scan" in SECTION


def test_no_function_counts_more_than_is_said() -> None:
    """Each name of a metric is billed once, and once with each of its reasons."""
    source = "".join(inspect.getsource(module) for module in (routes_expire, routes_read, routes_write))
    counted = set(re.findall(r'"(Sessions\w+)"', source)) | {METRICS[one] for one in Outcome if one not in REASONED}
    reasons = {*Absence, *Cause} - OF_APPLICATIONS
    assert f"{len(counted) + len(reasons)} at the most" in SECTION


def test_the_dollars_add_up() -> None:
    """Row by row."""
    rows = [float(found) for found in re.findall(r"\| (\d+\.\d\d) \|$", SECTION, re.MULTILINE)]
    assert round(sum(rows[:-1]), 2) == rows[-1]
    assert rows[2] == round(RUNS * 32.5 * 0.125 / 1e6, 2)
    assert rows[3] == round(RUNS * (1.5 * 0.5 * 0.0000133334 + 0.2 / 1e6), 2)
