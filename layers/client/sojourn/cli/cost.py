"""The command that says what a month costs, by the formulas of bill.py. Adds nothing to them."""

from collections.abc import Callable
from dataclasses import asdict, fields, replace
from math import inf
from typing import Any, Final, TypeVar

import click
from rich.table import Table
from rich.text import Text

from sojourn.cli.bill import Configuration, Line, Load, Prices, bill, total
from sojourn.cli.invocation import Invocation, surrounded
from sojourn.cli.outcome import Outcome
from sojourn.cli.units import stored

Command = TypeVar("Command", bound=Callable[..., Any])

_HELP: Final = {
    "sessions": "Sessions created in the month.",
    "document_bytes": "A document, as JSON.",
    "item_bytes": "An item of the table, where it is known.",
    "active_seconds": "From a session's creation to its last request.",
    "requests": "Requests to each session.",
    "changes": "The share of requests that change the document.",
    "logins": "The share of sessions that are logged in.",
    "logouts": "The share of sessions that are logged out.",
    "by_ttl": "The share of the others that TTL removes before the sweep.",
    "processes": "Processes that use the table at once.",
    "through_api": "Callers use the HTTP API, not the layer.",
    "sweep_minutes": "How often the sweep runs.",
    "sweep_groups": "Runs of it beside each other.",
    "memory_mb": "Memory of the functions.",
    "has_alarms": "With alarms.",
    "has_own_key": "With a KMS key of your own.",
    "has_backups": "With point-in-time recovery.",
}
"""Everything else of a load and a configuration is a setting already."""

_FIELDS: Final = {field.name: field for of in (Load, Configuration) for field in fields(of)}
_SHARES: Final = ("changes", "logins", "logouts", "by_ttl")
_MINUTE: Final = 60


def _flags(command: Command) -> Command:
    """An option for each of them, in the order above."""
    for name, text in reversed(_HELP.items()):
        default = _FIELDS[name].default
        flag = f"--{name.replace('_', '-')}"
        said = f"{text}  [default: {_said(default)}]"
        if isinstance(default, bool):
            command = click.option(f"{flag}/--no-{flag[2:]}", default=None, help=said)(command)
        else:
            command = click.option(flag, type=_range(name, default), help=said)(command)
    return command


def _range(name: str, default: object) -> click.ParamType:
    if isinstance(default, float):
        return click.FloatRange(min=0, max=1 if name in _SHARES else 1e15)
    return click.IntRange(min=1)


def _said(default: object) -> str:
    if isinstance(default, bool):
        return "yes" if default else "no"
    return "unknown" if default is None else f"{default:,}"


@click.command()
@click.option(
    "--from-table", is_flag=True, help="Take items' size, and unless said otherwise their number, from the table."
)
@click.option(
    "--price", metavar="NAME=DOLLARS", multiple=True, help="Another price than the list's; --json names them."
)
@_flags
@surrounded
def cost(run: Invocation, /, from_table: bool, price: tuple[str, ...], **given: Any) -> Outcome:
    """What a month costs on AWS, line by line.

    Lifetimes, sweep and reads are the settings'. Prices are the list's of us-east-1, November 2024: look at AWS's
    pages. DynamoDB counts a table's items every six hours.
    """
    known = {name: value for name, value in given.items() if value is not None}
    configuration = _of(Configuration, _configured(run) | known)
    load = _of(
        Load, {"idle_seconds": run.settings.idle_seconds, "absolute_seconds": run.settings.absolute_seconds} | known
    )
    if from_table:
        load = _counted(run, load, configuration, is_known="sessions" in known)
    prices = _priced(price)
    lines = bill(load, configuration, prices)
    result = {
        "dollars": round(total(lines), 2),
        "lines": [{"name": line.name, "dollars": round(line.dollars, 4), "how": line.how} for line in lines],
        "load": asdict(load),
        "configuration": asdict(configuration),
        "prices": asdict(prices),
    }
    return Outcome(result, [_table(lines), _premises(load)])


def _configured(run: Invocation) -> dict[str, object]:
    """What the settings say of a configuration."""
    shared = {field.name for field in fields(Configuration)} & set(asdict(run.settings))
    minutes = max(1, run.settings.sweep_interval_seconds // _MINUTE)
    return {name: getattr(run.settings, name) for name in shared} | {"sweep_minutes": minutes}


def _of(kind: Any, known: dict[str, object]) -> Any:
    names = {field.name for field in fields(kind)}
    return kind(**{name: value for name, value in known.items() if name in names})


def _counted(run: Invocation, load: Load, configuration: Configuration, *, is_known: bool) -> Load:
    """``load`` with what DynamoDB counted; of an empty table, or one just made, nothing is known."""
    name = run.demand_table("--from-table")
    table = run.aws.call("dynamodb", "describe_table", place=f"table {name}", TableName=name)["Table"]
    items, size = table.get("ItemCount", 0), table.get("TableSizeBytes", 0)
    if not items or not size:
        run.terminal.say(f"DynamoDB has counted nothing in {name} yet: the flags count", style="yellow")
        return load
    run.terminal.say(f"{name}: {items:,} items of {size / items:,.0f} bytes on average")
    load = replace(load, item_bytes=round(size / items))
    if is_known:
        return load
    return replace(load, sessions=items / stored(replace(load, sessions=1), configuration))


def _priced(given: tuple[str, ...]) -> Prices:
    names = [field.name for field in fields(Prices)]
    changed: dict[str, float] = {}
    for one in given:
        name, _, dollars = one.partition("=")
        if name not in names:
            raise click.BadParameter(f"takes one of {', '.join(names)}, and = and dollars", param_hint="--price")
        try:
            changed[name] = float(dollars)
        except ValueError:
            changed[name] = -1
        if not 0 <= changed[name] < inf:  # neither is a number that is none
            raise click.BadParameter(f"{name} takes dollars", param_hint="--price")
    return replace(Prices(), **changed)


def _table(lines: list[Line]) -> Table:
    """The lines that cost a cent or more, and the sum of all."""
    table = Table(box=None, header_style="dim", padding=(0, 2, 0, 0))
    table.add_column("a month", overflow="fold")
    table.add_column("dollars", justify="right", no_wrap=True)
    table.add_column("for", overflow="fold")
    for line in lines:
        if round(line.dollars, 2):
            table.add_row(line.name, f"{line.dollars:,.2f}", line.how)
    table.add_row(Text("in all", style="bold"), Text(f"{total(lines):,.2f}", style="bold"), "")
    return table


def _premises(load: Load) -> Text:
    said = f"{load.sessions:,.0f} sessions, {load.requests:g} requests each, {load.logins:.0%} logged in."
    return Text(f"\n{said} Without free tiers, data transfer and the functions of yours.", style="dim")
