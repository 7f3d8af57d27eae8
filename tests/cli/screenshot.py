"""The picture of docs/cli.md: real runs against the stack of ``make up``, drawn by rich.

. .local/env && .venv/bin/python -m tests.cli.screenshot docs/cli.svg
"""

import os
import sys
from collections.abc import Sequence
from pathlib import Path

import boto3
from rich.console import Console
from rich.text import Text

from sojourn import open_store
from tests.cli.pseudoterminal import in_terminal

_COLUMNS = 104


def draw(picture: Path) -> None:
    """A subject's devices, a token that a rotation replaced, and a table that lost its TTL."""
    store = open_store()
    store.expire_all(subject="ada")
    store.create(subject="ada", label="Firefox on Linux")
    phone = store.create(subject="ada", label="phone")
    former = phone.token
    store.rotate(phone)
    with (Path(os.devnull)).open("w") as nowhere:
        console = Console(record=True, width=_COLUMNS, file=nowhere, force_terminal=True)
        _print(console, ["list", "ada"])
        _print(console, ["token", "inspect"], typed=[("token:", f"{former}\n")])
        switch_ttl(on=False)
        try:
            _print(console, ["doctor"])
        finally:
            switch_ttl(on=True)
        console.save_svg(str(picture), title="sojourn")


def switch_ttl(*, on: bool) -> None:
    """As somebody might who did not know."""
    boto3.client("dynamodb").update_time_to_live(
        TableName=os.environ["SOJOURN_TABLE"],
        TimeToLiveSpecification={"Enabled": on, "AttributeName": "expires_at"},
    )


def _print(console: Console, words: Sequence[str], typed: Sequence[tuple[str, str]] = ()) -> None:
    environment = {name: value for name, value in os.environ.items() if name.startswith(("AWS_", "SOJOURN_"))}
    _, shown = in_terminal(words, environment, columns=_COLUMNS, typed=typed)
    console.print(Text(f"$ sojourn {' '.join(words)}", style="bold"))
    console.print(Text.from_ansi(_settled(shown)))
    console.print()


def _settled(shown: str) -> str:
    """What is left on the screen: a spinner erases itself before the result."""
    return shown.replace("\r\n", "\n").rpartition("\x1b[2K")[2].strip("\n")


if __name__ == "__main__":
    draw(Path(sys.argv[1]))
