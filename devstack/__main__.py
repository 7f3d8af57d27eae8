"""The commands behind ``make up``, ``make demo``, ``make down`` and ``make status``."""

import argparse
import signal
import sys
from pathlib import Path

from devstack import emulator
from devstack.alone import alone
from devstack.beside import open_shop
from devstack.errors import DevstackError
from devstack.guidance import guidance
from devstack.layout import ROOT, Layout, checked_port
from devstack.lifecycle import bring_up, take_down
from devstack.progress import shown
from devstack.stack import Stack


def main() -> int:
    """Carry out the command of this process's arguments; answer its exit code."""
    arguments = _arguments()
    # Also when another program ends this one, what it started is ended with it.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        layout = Layout(local=(ROOT / arguments.local).resolve(), port=checked_port(arguments.port))
        return _COMMANDS[arguments.command](layout)
    except DevstackError as error:
        print(f"\n{error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\ninterrupted; a stack that was up before is still up, nothing else is: make status", file=sys.stderr)
        return 130


def _up(layout: Layout) -> int:
    with alone(layout.lock_file):
        print(guidance(_kept(layout), layout))
    return 0


def _down(layout: Layout) -> int:
    # Not alone: it ends whatever is on its way up, too.
    print("the stack has ended" if take_down(layout) else "there was no stack to end")
    return 0


def _status(layout: Layout) -> int:
    if not emulator.is_running(layout) or not layout.stack_file.exists():
        print(f"no stack of {layout.local} runs on port {layout.port}: make up, or say PORT= as for make up")
        return 1
    print(guidance(Stack.load(layout.stack_file), layout))
    return 0


def _demo(layout: Layout) -> int:
    with alone(layout.lock_file):
        stack = _kept(layout)
        with shown("sam build and sam deploy of examples/shop"):
            url = open_shop(stack, layout)
        layout.shop_file.write_text(url)
    print(f"\nThe shop is open: {url}\n\nIt ends with the stack: make down")
    return 0


def _kept(layout: Layout) -> Stack:
    """The stack, which stays when this command has ended."""
    stack = bring_up(layout)
    emulator.keep(layout)
    return stack


_COMMANDS = {"demo": _demo, "up": _up, "down": _down, "status": _status}


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m devstack", description=__doc__)
    parser.add_argument("command", choices=_COMMANDS)
    parser.add_argument("--local", type=Path, default=Path(".local"), help="the stack's folder")
    parser.add_argument("--port", default="4566", help="the emulator's port")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
