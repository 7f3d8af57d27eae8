"""The command as a program of its own, in a terminal that a test types into."""

import os
import pty
import select
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from functools import partial

_PATIENCE_SECONDS = 60
_SILENCE_SECONDS = 3


def in_terminal(
    words: Sequence[str], environment: Mapping[str, str], *, columns: int, typed: Sequence[tuple[str, str]] = ()
) -> tuple[int, str]:
    """Run ``python -m sojourn`` to its end; its exit status, and all it showed.

    ``typed`` is what to type, each when what comes before it has been shown. The last one is typed again when nothing
    follows: a signal that comes just before Python waits for a line is noticed with the next one.
    """
    terminal = {"PATH": os.environ["PATH"], "TERM": "xterm-256color", "COLUMNS": str(columns)}
    ours, theirs = pty.openpty()
    program = subprocess.Popen(  # noqa: S603  # this very interpreter
        [sys.executable, "-m", "sojourn", *words],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env=terminal | dict(environment),
        preexec_fn=partial(os.login_tty, theirs),  # noqa: PLW1509  # Ctrl-C is a signal in a terminal of one's own alone
    )
    os.close(theirs)
    shown, waiting, until = "", list(typed), time.monotonic() + _PATIENCE_SECONDS
    while time.monotonic() < until:
        if waiting and waiting[0][0] in shown:
            os.write(ours, waiting.pop(0)[1].encode())
        if not select.select([ours], [], [], _SILENCE_SECONDS)[0]:
            waiting = waiting or list(typed)[-1:]
            continue
        try:
            shown += os.read(ours, 65_536).decode()
        except OSError:  # Linux says so when the program has closed its end
            break
    os.close(ours)
    return program.wait(_PATIENCE_SECONDS), shown
