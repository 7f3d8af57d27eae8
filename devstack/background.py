"""Programs beside the command that started them, and beyond it where it says so. Knows not what they do."""

import fcntl
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from devstack.errors import DevstackError

_PATIENCE_SECONDS = 20.0

# Kept so that a command which starts a program and stays (a test run) can also see it off.
_children: dict[int, subprocess.Popen[bytes]] = {}

# The other ends of leashes: open as long as this process lives, and closed by the kernel however it ends.
_leashes: dict[int, int] = {}
_LEASH = Path(__file__).with_name("leash.py")


@dataclass(frozen=True, slots=True)
class Background:
    """A program that runs on its own. ``name`` and ``folder`` find it again from another command.

    The program inherits an open lock on a file: as long as the lock is held it lives, and once it is free the
    number in the pid file means nothing any more. So nobody else's process is ever taken for ours, let alone ended.
    """

    name: str
    folder: Path

    @property
    def log(self) -> Path:
        """Whatever the program prints."""
        return self.folder / f"{self.name}.log"

    @property
    def _pid(self) -> Path:
        return self.folder / f"{self.name}.pid"

    @property
    def is_running(self) -> bool:
        """Whether the program that was started here still lives."""
        if not self._pid.exists():
            return False
        with self._pid.open() as held:
            return not _locked(held.fileno())

    def start(self, command: Sequence[str], *, environment: Mapping[str, str], working: Path) -> None:
        """Start ``command``, apart from this terminal, so that Ctrl-C does not reach it.

        It ends with this process, however that ends, unless ``keep`` is called.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        with self._pid.open("a+") as held, self.log.open("wb") as log:
            if not _locked(held.fileno()):
                raise DevstackError(f"the {self.name} of {self.folder} runs already")
            leash, ours = os.pipe()
            process = subprocess.Popen(
                [sys.executable, "-I", str(_LEASH), str(leash), *command],
                cwd=working,
                env=dict(environment),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                pass_fds=[held.fileno(), leash],
            )
            os.close(leash)
            _leashes[process.pid] = ours
            held.truncate(0)
            held.write(str(process.pid))
            _children[process.pid] = process

    def keep(self) -> None:
        """Let the program go on when this process ends. Nothing, where another process has started it."""
        if self.is_running and (leash := _leashes.pop(int(self._pid.read_text()), None)) is not None:
            os.write(leash, b".")
            os.close(leash)

    def stop(self) -> bool:
        """End the program and what it started, and wait for that. False: it did not run."""
        if not self.is_running:
            self._pid.unlink(missing_ok=True)
            return False
        pid = int(self._pid.read_text())
        os.kill(pid, signal.SIGTERM)
        if not self._ends_within(_PATIENCE_SECONDS):
            # It leads its own group: its workers go with it and nobody else does.
            os.killpg(pid, signal.SIGKILL)
            self._ends_within(_PATIENCE_SECONDS)
        if child := _children.pop(pid, None):
            child.wait()
        if (leash := _leashes.pop(pid, None)) is not None:
            os.close(leash)
        self._pid.unlink(missing_ok=True)
        return True

    def last_words(self, lines: int = 15) -> str:
        """The end of the log, for an error message."""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])

    def _ends_within(self, seconds: float) -> bool:
        until = time.monotonic() + seconds
        while self.is_running:
            if time.monotonic() > until:
                return False
            time.sleep(0.05)
        return True


def _locked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
