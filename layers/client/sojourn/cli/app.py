"""The commands under one name, and what becomes of errors: a sentence on stderr and an exit status."""

import sys
from collections.abc import Sequence
from typing import Any

import click
from botocore.exceptions import BotoCoreError

from sojourn import __version__
from sojourn.cli.aws import RefusedError
from sojourn.cli.cost import cost
from sojourn.cli.doctor.command import doctor
from sojourn.cli.ending import end
from sojourn.cli.looking import list_sessions, show, token
from sojourn.cli.outcome import Status
from sojourn.cli.restoring import restore
from sojourn.cli.sweeping import sweep
from sojourn.cli.terminal import DeclinedError, Terminal
from sojourn.errors import ConfigurationError, InvalidDataError, SojournError

EXPECTED: tuple[type[Exception], ...] = (
    click.ClickException,
    click.Abort,
    BotoCoreError,
    DeclinedError,
    RefusedError,
    SojournError,
)
"""What is said in a sentence. Anything else is a mistake of the command, and its traceback is wanted."""


class Commands(click.Group):
    """Every command; no error reaches the person as a traceback."""

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,
        **extra: Any,
    ) -> Any:
        """Run one command; its exit status."""
        words = list(sys.argv[1:] if args is None else args)
        try:
            status = super().main(words, prog_name or "sojourn", complete_var, standalone_mode=False, **extra)
        except EXPECTED as error:
            status = _failed(error, words)
        if standalone_mode:
            sys.exit(status or Status.OK)
        return status


def _failed(error: Exception, words: Sequence[str]) -> Status:
    """Say what went wrong."""
    terminal = Terminal(is_json="--json" in words)
    status, message = _meaning(error)
    terminal.fail(_named(words), status, kind=type(error).__name__, message=message)
    return status


def _named(words: Sequence[str]) -> str:
    """The command that was meant, as far as it was said."""
    named: list[str] = []
    commands = app.commands
    for word in words:
        if word not in commands:
            break
        named.append(word)
        found = commands[word]
        commands = found.commands if isinstance(found, click.Group) else {}
    return " ".join(named)


def _meaning(error: Exception) -> tuple[Status, str]:
    match error:
        case click.ClickException():
            return Status.USAGE, f"{error.format_message()} (--help says how)"
        case click.Abort():
            return Status.INTERRUPTED, "interrupted"
        case DeclinedError():
            return Status.TO_DO, "nothing was done"
        case ConfigurationError() | InvalidDataError():
            return Status.USAGE, str(error)
        case _:
            return Status.COULD_NOT_LOOK, str(error)


@click.group(
    cls=Commands,
    no_args_is_help=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(__version__, prog_name="sojourn")
def app() -> None:
    """Look into a session store, and act on it.

    Settings are the SOJOURN_* variables that applications have, or what --stack publishes. Results go to stdout, all
    the rest to stderr. Exit status: 0 all well, 1 something is to be done or is not there, 2 usage, 3 could not look.
    """


for _command in (doctor, show, list_sessions, end, sweep, cost, restore, token):
    app.add_command(_command)
