"""How the command speaks: results to stdout, all the rest to stderr, questions only where a person can answer.

Colours, their absence (NO_COLOR) and the width are rich's business.
"""

import getpass
import logging
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

import click
from rich.console import Console
from rich.text import Text

from sojourn import tokens
from sojourn.cli.outcome import Outcome, Status
from sojourn.cli.text import machine, shown, without_tokens
from sojourn.tokens import Token

_FILE_WIDTH = 1_000
"""What is no terminal has no width: a line is as long as what it says."""


class DeclinedError(Exception):
    """The person said no."""


class Terminal:
    """Where one run of the command writes and asks."""

    def __init__(self, *, is_json: bool = False, assume_yes: bool = False) -> None:
        self.out: Console = _console(stderr=False)
        self.err: Console = _console(stderr=True)
        self.is_json = is_json
        self._assume_yes = assume_yes

    def show(self, command: str, outcome: Outcome) -> None:
        """The result, for a machine or a person."""
        if self.is_json:
            self._answer(command, outcome.status, result=outcome.result)
            return
        with self.out.capture() as printed:
            for one in outcome.shown:
                self.out.print(one)
        # Tables are padded to their width, which is of use on no screen and a nuisance in a file.
        click.echo("\n".join(line.rstrip() for line in printed.get().splitlines()), color=True)

    def fail(self, command: str, status: Status, *, kind: str, message: str) -> None:
        """What went wrong, in a sentence."""
        if self.is_json:
            self._answer(command, status, error={"kind": kind, "message": without_tokens(message)})
        else:
            self.say(f"sojourn: {message}", style="bold red")

    def say(self, text: str, *, style: str = "") -> None:
        """A remark that is no result."""
        for line in text.splitlines():
            self.err.print(Text(shown(line), style=style))

    def confirm(self, question: str) -> None:
        """Go on only if a person says yes, or a script said so. Raises ``DeclinedError``, ``click.UsageError``."""
        if self._assume_yes:
            return
        if not sys.stdin.isatty():
            raise click.UsageError("there is no terminal to ask for a yes: say --yes")
        if not click.confirm(shown(question), err=True):
            raise DeclinedError

    def token(self, environment: Mapping[str, str], variable: str | None) -> Token | None:
        """A token, from the environment, from a hidden prompt or from stdin; ``None`` for what has no such form."""
        if variable is not None:
            if variable not in environment:
                raise click.UsageError(f"the environment has no variable {shown(variable)}")
            return tokens.parsed(environment[variable].strip())
        if sys.stdin.isatty():
            return tokens.parsed(_typed("token: "))
        return tokens.parsed(sys.stdin.readline().strip())

    @contextmanager
    def working(self, what: str) -> Iterator[Callable[[str], None]]:
        """A sign of life on a terminal while something takes long; the function renews what it says."""
        if not self.err.is_terminal:
            yield lambda _text: None
            return
        with self.err.status(Text(what)) as status:
            yield lambda text: status.update(Text(shown(text)))

    @contextmanager
    def warnings(self) -> Iterator[None]:
        """What the library warns of is shown as safely as everything else."""
        handler = _Warnings(self)
        logger = logging.getLogger("sojourn")
        logger.addHandler(handler)
        try:
            yield
        finally:
            logger.removeHandler(handler)

    def _answer(self, command: str, status: Status, **rest: object) -> None:
        click.echo(machine({"command": command, "status": int(status), **rest}))


def _typed(prompt: str) -> str:
    # click's own prompt is shown before the echo is off: what is pasted quickly would be seen.
    try:
        return getpass.getpass(prompt, stream=sys.stderr).strip()
    except EOFError:
        raise click.Abort from None


class _Warnings(logging.Handler):
    def __init__(self, terminal: Terminal) -> None:
        super().__init__(logging.WARNING)
        self._terminal = terminal

    def emit(self, record: logging.LogRecord) -> None:
        self._terminal.say(record.getMessage(), style="yellow")


def _console(*, stderr: bool) -> Console:
    console = Console(stderr=stderr, markup=False, highlight=False, emoji=False)
    if not console.is_terminal:
        console.width = _FILE_WIDTH
    return console
