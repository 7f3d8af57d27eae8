"""The command as a program of its own: in a terminal, without its extra, and what it prints there."""

import re
import subprocess
import sys
from functools import partial

from sojourn import Store
from tests.cli.command import Command
from tests.cli.pseudoterminal import in_terminal

_COLUMNS = 60
run = partial(in_terminal, columns=_COLUMNS)


def test_a_person_is_asked_and_a_token_is_not_echoed(command: Command, store: Store) -> None:
    """Colours are for terminals and not for those who want none; nothing is wider than the terminal."""
    session = store.create(subject="ada", label="Firefox on Linux")
    status, shown = run(["token", "inspect"], command.given, typed=[("token:", f"{session.token}\n")])
    assert (status, session.token[16:] in shown, "\x1b[32m" in shown) == (0, False, True)
    plain = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", shown)
    assert max(map(len, plain.splitlines())) <= _COLUMNS
    status, shown = run(["end", session.id], command.given | {"NO_COLOR": "1"}, typed=[("[y/N]:", "n\n")])
    assert (status, "nothing was done" in shown, "\x1b[3" in shown) == (1, True, False)


def test_ctrl_c_at_a_question_does_nothing(command: Command) -> None:
    """It ends in one line, with the exit status that shells know."""
    status, shown = run(["end", "--before", "now"], command.given, typed=[("[y/N]:", "\x03")])
    assert (status, "interrupted" in shown, "Traceback" in shown) == (130, True, False), shown


def test_without_its_extra_it_says_what_to_install() -> None:
    """In one sentence; the library itself needs none of it."""
    program = "import sys; sys.modules['rich'] = None; from sojourn.cli import main; main()"
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)  # noqa: S603
    assert (ran.returncode, ran.stdout) == (3, "")
    assert ran.stderr == "the command needs two more packages: pip install 'sojourn[cli]'\n"
