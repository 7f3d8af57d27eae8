"""The command that sweeps, or says what a sweep would find and cost."""

from dataclasses import asdict, replace
from typing import Final

import click
from rich.table import Table
from rich.text import Text

from sojourn.cli.interruption import interruptible
from sojourn.cli.invocation import Invocation, surrounded
from sojourn.cli.outcome import Outcome, Status
from sojourn.cli.text import duration
from sojourn.sweep.report import SweepReport

_SLICE_SECONDS: Final = 15
"""One run of the sweep: it begins nothing in its last five seconds. Progress and Ctrl-C come between runs."""

_MEANINGS: Final = {
    "swept": "were stale and are gone",
    "due": "are due",
    "moved": "were alive, and stand further ahead in the index",
    "missing": "were gone already",
    "foreign": "are no sessions, and were let be",
    "left": "could not be asked for",
}


@click.command()
@click.option("--dry-run", is_flag=True, help="Remove nothing: count what is due, and what removing it would cost.")
@click.option("--seconds", type=click.IntRange(min=10), default=600, show_default=True, help="Stop by then.")
@surrounded
def sweep(run: Invocation, dry_run: bool, seconds: int) -> Outcome:
    """Remove stale sessions, as the stack's own function does.

    A stale session is dead for every reader already: this is hygiene. It may run beside other sweeps, and be
    interrupted and repeated at will. Exit status 1 when some is left.
    """
    run.demand_table("a sweep")
    if dry_run:
        with run.terminal.working("counting what is due"):
            report = run.store.sweep(deadline=run.now + seconds, dry_run=True)
        return _outcome(report, dry_run=True)
    run.terminal.confirm(f"Remove stale sessions from {run.settings.table}?")
    report, is_interrupted = _swept(run, until=run.now + seconds)
    return _outcome(report, is_interrupted=is_interrupted)


def _swept(run: Invocation, *, until: int) -> tuple[SweepReport, bool]:
    """What several runs did, one after the other, and whether somebody stopped them."""
    report, is_interrupted = SweepReport(more=True), False
    try:
        with interruptible(run.terminal) as interruption, run.terminal.working("sweeping") as say:
            while report.more and run.now < until and not interruption.is_wanted:
                one = run.store.sweep(deadline=min(until, run.now + _SLICE_SECONDS))
                report = replace(report + one, more=one.more)
                say(f"sweeping: {report.swept} gone")
                if one.more and not one.swept + one.moved + one.missing:
                    break  # nothing gets better by asking again at once
            is_interrupted = interruption.is_wanted
    except KeyboardInterrupt:
        return report, True
    return report, is_interrupted and report.more


def _outcome(report: SweepReport, *, dry_run: bool = False, is_interrupted: bool = False) -> Outcome:
    status = Status.INTERRUPTED if is_interrupted else Status.TO_DO if report.more else Status.OK
    result = {"dry_run": dry_run, "interrupted": is_interrupted, **asdict(report)}
    return Outcome(
        result,
        [
            _sheet(report, "due" if dry_run else "swept"),
            *_remarks(report, dry_run=dry_run, is_interrupted=is_interrupted),
        ],
        status,
    )


def _sheet(report: SweepReport, first: str) -> Table:
    """Every count that is not nothing, and ``first`` in any case."""
    sheet = Table.grid(padding=(0, 2))
    sheet.add_column(justify="right")
    sheet.add_column(style="dim", overflow="fold")
    for name, meaning in _MEANINGS.items():
        count = getattr(report, name)
        if count or name == first:
            sheet.add_row(str(count), meaning)
    sheet.add_row(f"{report.read_units:g}", "read units")
    sheet.add_row(f"{report.write_units:g}", "write units")
    return sheet


def _remarks(report: SweepReport, *, dry_run: bool, is_interrupted: bool) -> list[Text]:
    remarks = []
    if dry_run:
        remarks.append("Nothing was removed. What is due may turn out to be alive: then it is moved, not removed.")
    if report.overdue_seconds:
        remarks.append(f"The oldest had outstayed its grace by {duration(report.overdue_seconds)}.")
    if is_interrupted:
        remarks.append("Interrupted: what is counted here is done, and a run that was cut off may have done more.")
    elif report.more:
        remarks.append("Some is left: say it again, or look at the sweep function (docs/operations.md, Is it working).")
    return [Text(remark) for remark in remarks]
