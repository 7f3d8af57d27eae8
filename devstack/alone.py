"""One command at a time in a folder: a lock that the kernel frees when its holder ends. Decides nothing else.

Also a program, ``python alone.py LOCK COMMAND…``, for make: it runs on any Python 3 with nothing installed.
"""

import fcntl
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def alone(lock: Path) -> "Iterator[None]":
    """Wait for the commands that hold ``lock``, and hold it for the length of the ``with`` block."""
    lock.parent.mkdir(parents=True, exist_ok=True)
    with lock.open("a") as held:
        try:
            fcntl.flock(held.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print(f"· waiting for another command in {lock.parent}", flush=True)
            fcntl.flock(held.fileno(), fcntl.LOCK_EX)
        yield


def main() -> int:
    """Run a command alone; answers its exit code."""
    with alone(Path(sys.argv[1])):
        return subprocess.run(sys.argv[2:], check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
