"""What goes wrong during the soak: functions are killed at work, and deployed again."""

import os
import random
import signal
import threading
from contextlib import suppress
from pathlib import Path
from typing import Self

from devstack import deployment
from devstack.layout import Layout


class Chaos:
    """Kills a worker of the emulator every second or two, and deploys a changed stack every so often."""

    def __init__(self, layout: Layout, *, seed: int) -> None:
        self.killed = 0
        self.deployed = 0
        self._layout = layout
        self._random = random.Random(seed)  # noqa: S311  # an order of events, not a secret
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._kill), threading.Thread(target=self._deploy)]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _kill(self) -> None:
        while not self._stop.wait(self._random.uniform(0.5, 2.5)):
            if workers := _workers(self._layout):
                with suppress(ProcessLookupError):
                    os.kill(self._random.choice(workers), signal.SIGKILL)
                    self.killed += 1

    def _deploy(self) -> None:
        while not self._stop.wait(15):
            level = ("DEBUG", "INFO")[self.deployed % 2]
            deployment.deploy(self._layout, overrides={"LogLevel": level})
            self.deployed += 1


def _workers(layout: Layout) -> list[int]:
    """The processes that the emulator of this very folder runs functions in."""
    emulator = int((layout.local / "emulator.pid").read_text())
    children = Path(f"/proc/{emulator}/task").glob("*/children")
    found: list[str] = []
    for file in children:
        with suppress(FileNotFoundError):  # the thread has ended
            found += file.read_text().split()
    return [int(pid) for pid in found]
