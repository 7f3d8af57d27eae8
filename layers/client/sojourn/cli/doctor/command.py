"""The command ``doctor``: every row, a summary, and an exit status."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Final

import click
from rich.table import Table
from rich.text import Text

from sojourn.cli.doctor.permissions import permission_rows
from sojourn.cli.doctor.records import records_rows
from sojourn.cli.doctor.rows import Row, State
from sojourn.cli.doctor.setup import account_rows, clock_rows, cookie_rows, settings_rows, version_rows
from sojourn.cli.doctor.storage import bucket_rows, table_rows
from sojourn.cli.invocation import Invocation, surrounded
from sojourn.cli.outcome import Outcome, Status
from sojourn.cli.text import shown

_STYLES: Final = {State.OK: "green", State.TO_DO: "bold red", State.UNKNOWN: "yellow", State.NOTE: "cyan"}


@click.command()
@click.option("--all", "with_all", is_flag=True, help="Show the settings at their defaults too.")
@click.option(
    "--role", metavar="ARN", help="Judge the permissions of this role, a function's say, by IAM's simulation."
)
@surrounded
def doctor(run: Invocation, with_all: bool, role: str | None) -> Outcome:
    """Look at everything that a store depends on, and change nothing.

    Settings and where each comes from, versions, account, table, bucket, permissions verb by verb, clock, cookie. Exit
    status 1 when something is to be done, 3 when nothing is but something could not be looked at.
    """
    with run.terminal.working("looking"):
        rows = list(_rows(run, role))
    result = {
        "rows": [
            {"area": row.area, "check": row.check, "state": row.state.value, "found": row.found, "remedy": row.remedy}
            for row in rows
        ]
    }
    return Outcome(result, [_table(rows, with_all=with_all), _summary(rows)], _status(rows))


def _rows(run: Invocation, role: str | None) -> Iterator[Row]:
    settings = run.settings
    yield from settings_rows(run.sources)
    yield from version_rows(run)
    if settings.records_url is not None:
        yield from records_rows(run.store)
    else:
        yield from _table_and_more(run, role)
    yield from cookie_rows(settings)


def _table_and_more(run: Invocation, role: str | None) -> Iterator[Row]:
    aws, table = run.aws, run.settings.table
    account = list(account_rows(aws))
    yield from account
    if table is None:
        yield Row("table", "table", State.TO_DO, "no table is named", "say --stack or --table, or set SOJOURN_TABLE")
    elif all(row.state is not State.TO_DO for row in account):
        yield from _storage_and_permissions(run, table, role)
        yield from clock_rows(aws)


def _storage_and_permissions(run: Invocation, table: str, role: str | None) -> Iterator[Row]:
    """Permissions on what is not there are not asked for."""
    tables, buckets = list(table_rows(run.aws, table)), list(bucket_rows(run.aws, run.settings))
    yield from tables
    yield from buckets
    settings = run.settings if buckets[0].state is not State.TO_DO else replace(run.settings, bucket=None)
    if tables[0].state is not State.TO_DO:
        yield from permission_rows(run.aws, settings, role=role, policy=run.published.get("client-policy-arn"))


def _table(rows: Sequence[Row], *, with_all: bool) -> Table:
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold", ratio=1)
    table.add_column(overflow="fold", ratio=3)
    area = ""
    for row in rows:
        if _is_default(row) and not with_all:
            continue
        if row.area != area:
            area = row.area
            table.add_row("", Text(area, style="bold"), "")
        found = Text(shown(row.found))
        if row.remedy is not None:
            found.append(f"\n→ {shown(row.remedy)}", style="bold")
        table.add_row(Text(row.state.value, style=_STYLES[row.state]), Text(shown(row.check)), found)
    return table


def _is_default(row: Row) -> bool:
    return row.area == "settings" and row.found.endswith("(default)")


def _summary(rows: Sequence[Row]) -> Text:
    to_do, unknown = _named(rows, State.TO_DO), _named(rows, State.UNKNOWN)
    parts = [f"to do: {'; '.join(to_do)}" if to_do else "nothing is to be done"]
    if unknown:
        parts.append(f"not seen: {'; '.join(unknown)}")
    return Text("\n" + "\n".join(map(shown, parts)), style="bold")


def _named(rows: Sequence[Row], state: State) -> list[str]:
    return [row.check for row in rows if row.state is state]


def _status(rows: Sequence[Row]) -> Status:
    states = {row.state for row in rows}
    return Status.TO_DO if State.TO_DO in states else Status.COULD_NOT_LOOK if State.UNKNOWN in states else Status.OK
