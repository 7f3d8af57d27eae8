"""Where a stack keeps its files and where it listens. Makes, starts and reads nothing."""

import socket
from dataclasses import dataclass
from pathlib import Path

from devstack.errors import DevstackError

ROOT = Path(__file__).resolve().parent.parent
LOOPBACK = "127.0.0.1"
REGION = "us-east-1"


@dataclass(frozen=True, slots=True)
class Layout:
    """One stack's folder and port. Two stacks beside each other differ in both."""

    local: Path
    port: int

    @property
    def endpoint_url(self) -> str:
        """Where the emulator answers, for every service."""
        return f"http://{LOOPBACK}:{self.port}"

    @property
    def stack_file(self) -> Path:
        """What tests, examples and benchmarks read to find the stack."""
        return self.local / "stack.json"

    @property
    def environment_file(self) -> Path:
        """The same for a shell."""
        return self.local / "env"

    @property
    def shop_file(self) -> Path:
        """The URL of the shop, where `make demo` has opened it."""
        return self.local / "shop"

    @property
    def lock_file(self) -> Path:
        """Held by the command that brings the stack up."""
        return self.local / "lock"

    @property
    def temporary(self) -> Path:
        """The emulator's own TMPDIR, because it leaves its workers' folders behind."""
        return self.local / "tmp"

    @property
    def build(self) -> Path:
        """What `sam build` makes: not in the tree, where two stacks would fight over it."""
        return self.local / "build"


def free_port() -> int:
    """A port that nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        port: int = probe.getsockname()[1]
        return port


def is_taken(port: int) -> bool:
    """Whether anybody listens on ``port``."""
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex((LOOPBACK, port)) == 0


def checked_port(text: str) -> int:
    """The port that ``text`` names; below 1024 an ordinary user may not listen."""
    if not (text.isascii() and text.isdigit() and 1024 <= int(text) <= 65535):
        raise DevstackError(f"PORT={text} is no port: choose one from 1024 to 65535")
    return int(text)
