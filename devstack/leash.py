"""Runs a program for as long as another lives: ``python leash.py DESCRIPTOR COMMAND…``. Knows neither of them.

The descriptor is the reading end of a pipe whose other end is held by the process that started this. When that process
ends, however it ends, the kernel closes the pipe, and the program is ended. A byte in the pipe lets it go on alone.
"""

import contextlib
import os
import signal
import subprocess
import sys
import threading

_PATIENCE_SECONDS = 10


def main() -> int:
    """Until the program has ended; answers its exit code."""
    descriptor, command = int(sys.argv[1]), sys.argv[2:]
    # Inherits the lock on the pid file as well, which says that it lives.
    program = subprocess.Popen(command, close_fds=False)
    signal.signal(signal.SIGTERM, lambda *_: program.terminate())
    threading.Thread(target=_watch, args=(descriptor, program), daemon=True).start()
    return program.wait()


def _watch(descriptor: int, program: "subprocess.Popen[bytes]") -> None:
    if os.read(descriptor, 1):
        return
    program.terminate()
    with contextlib.suppress(subprocess.TimeoutExpired):
        program.wait(_PATIENCE_SECONDS)
        return
    os.killpg(0, signal.SIGKILL)  # it leads a group of its own: the program, its workers and itself


if __name__ == "__main__":
    sys.exit(main())
