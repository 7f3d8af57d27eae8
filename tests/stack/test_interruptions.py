"""What a command started ends with it, however it ends; and commands in one folder take turns."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from devstack import emulator
from devstack.background import Background
from devstack.layout import ROOT, Layout, free_port, is_taken

TEST_RUN = """
import sys, time
from pathlib import Path
from devstack.emulator import emulator
from devstack.layout import Layout
with emulator(Layout(local=Path(sys.argv[1]), port=int(sys.argv[2]))):
    time.sleep(600)
"""

KEEPING = """
import os, sys
from pathlib import Path
from devstack.background import Background
program = Background(name="sleeper", folder=Path(sys.argv[1]))
program.start(["sleep", "600"], environment=os.environ, working=Path("/"))
if sys.argv[2] == "keep":
    program.keep()
"""

SIGNALS = [signal.SIGINT, signal.SIGTERM, signal.SIGKILL]


def until(holds: Callable[[], bool], *, seconds: float = 30) -> None:
    """Wait until something is so, at most ``seconds``."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)


@pytest.fixture
def layout(tmp_path: Path) -> Iterator[Layout]:
    """Of this test alone; whatever it leaves running is ended."""
    made = Layout(local=tmp_path / "local", port=free_port())
    made.local.mkdir()
    yield made
    emulator.stop(made)


@contextmanager
def running(*command: str) -> Iterator["subprocess.Popen[str]"]:
    """A command of this repository, with what it prints; ended with the block."""
    pipe = subprocess.PIPE
    with subprocess.Popen(  # noqa: S603  # our own
        [sys.executable, *command],
        cwd=ROOT,
        stdout=pipe,
        stderr=pipe,
        text=True,
        preexec_fn=_take_interrupts,  # noqa: PLW1509  # no thread of a test holds a lock here
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def _take_interrupts() -> None:
    """As from a terminal: what runs in the background, on a build server say, ignores SIGINT and hands that down."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def up(layout: Layout) -> list[str]:
    """The arguments of `make up` there."""
    return ["-m", "devstack", "--local", str(layout.local), "--port", str(layout.port), "up"]


@pytest.mark.parametrize("by", SIGNALS)
def test_an_interrupted_test_run_leaves_no_emulator(layout: Layout, by: signal.Signals) -> None:
    """Not even when it is killed, and so can end nothing itself."""
    with running("-c", TEST_RUN, str(layout.local), str(layout.port)) as process:
        until(lambda: emulator.is_running(layout))
        process.send_signal(by)
        process.communicate(timeout=30)
        until(lambda: not is_taken(layout.port) and not emulator.is_running(layout))


@pytest.mark.parametrize("by", SIGNALS)
def test_an_interrupted_up_leaves_no_emulator(layout: Layout, by: signal.Signals) -> None:
    """The next one begins anew; where it could speak, it has said so."""
    with running(*up(layout)) as process:
        until(lambda: emulator.is_running(layout))
        process.send_signal(by)
        _, said = process.communicate(timeout=60)
        until(lambda: not is_taken(layout.port) and not emulator.is_running(layout))
    assert ("interrupted" in said) is (by != signal.SIGKILL)
    assert "Traceback" not in said


@pytest.mark.parametrize("choice", ["keep", "leave"])
def test_a_program_outlives_its_starter_where_it_was_kept(tmp_path: Path, choice: str) -> None:
    """As the emulator does after `make up`."""
    sleeper = Background(name="sleeper", folder=tmp_path)
    subprocess.run([sys.executable, "-c", KEEPING, str(tmp_path), choice], cwd=ROOT, check=True)  # noqa: S603
    if choice == "leave":
        until(lambda: not sleeper.is_running)
    else:
        time.sleep(0.5)
        assert sleeper.is_running
        assert sleeper.stop()
    assert not sleeper.is_running


@pytest.mark.slow
def test_two_ups_in_a_folder_take_turns(layout: Layout) -> None:
    """The second waits, says so, and finds the stack up: one emulator, one deployment."""
    with running(*up(layout)) as first, running(*up(layout)) as second:
        outputs = [process.communicate(timeout=120) for process in (first, second)]
    assert [first.returncode, second.returncode] == [0, 0], outputs
    printed = [out for out, _ in outputs]
    assert sum("waiting for another command" in out for out in printed) == 1
    assert sum("sam deploy" in out for out in printed) == 1
    assert all("Sojourn is up at" in out for out in printed)


def test_a_lock_is_freed_by_a_kill(tmp_path: Path) -> None:
    """No file has to be removed by hand."""
    lock = tmp_path / "lock"
    alone = [sys.executable, str(ROOT / "devstack" / "alone.py"), str(lock)]
    with subprocess.Popen([*alone, "sleep", "600"], start_new_session=True) as holder:  # noqa: S603
        until(lock.exists)
        os.killpg(holder.pid, signal.SIGKILL)
    ended = subprocess.run([*alone, "false"], timeout=30, check=False)  # noqa: S603
    assert ended.returncode == 1
