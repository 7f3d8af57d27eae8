"""MiniStack, which plays AWS on one machine. Starts and ends it; what is deployed to it is not its business."""

import json
import os
import shutil
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from devstack.background import Background
from devstack.errors import DevstackError
from devstack.layout import LOOPBACK, REGION, ROOT, Layout, is_taken

PYTHON = ROOT / ".venv-local" / "bin" / "python"
PROGRAM = PYTHON.with_name("ministack")

# MiniStack's program with devstack.inside around it. The root leaves the path again at once: no function finds it.
_SERVE = f"import sys; sys.path.append({str(ROOT)!r}); from devstack.inside.main import main; sys.path.pop(); main()"

# The emulator takes this key for the account's root and does not check its signature; made-up principals are checked.
ACCESS_KEY_ID = "test"
SECRET_ACCESS_KEY = "test"  # noqa: S105  # no secret: the emulator's own

_READY_SECONDS = 30.0


def is_running(layout: Layout) -> bool:
    """Whether this folder's emulator runs, and on this port."""
    return _background(layout).is_running and _answers(layout)


def start(layout: Layout, *, authorize: bool) -> None:
    """Start the emulator and wait until it answers. ``authorize`` makes it judge signatures and IAM policies."""
    demand_startable(layout)
    shutil.rmtree(layout.temporary, ignore_errors=True)
    layout.temporary.mkdir(parents=True)
    _background(layout).start(
        [str(PYTHON), "-I", "-c", _SERVE], environment=_environment(layout, authorize=authorize), working=layout.local
    )
    _wait(layout)


def keep(layout: Layout) -> None:
    """Let this folder's emulator go on when this process ends."""
    _background(layout).keep()


def stop(layout: Layout) -> bool:
    """End this folder's emulator, with everything in it. False: it did not run."""
    was_running = _background(layout).stop()
    shutil.rmtree(layout.temporary, ignore_errors=True)
    return was_running


def demand_startable(layout: Layout) -> None:
    """Raise ``DevstackError`` when something is missing or in the way; touch nothing."""
    _demand_installed()
    _demand_free(layout)


@contextmanager
def emulator(layout: Layout, *, authorize: bool = False) -> Iterator[str]:
    """An emulator for the length of a ``with`` block, as its endpoint URL. Nothing is deployed to it."""
    start(layout, authorize=authorize)
    try:
        yield layout.endpoint_url
    finally:
        stop(layout)


def client_environment(layout: Layout) -> dict[str, str]:
    """What makes any AWS client talk to this emulator, and never to the account of a developer's profile."""
    return _without_aws() | {
        "AWS_ENDPOINT_URL": layout.endpoint_url,
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_ACCESS_KEY_ID": ACCESS_KEY_ID,
        "AWS_SECRET_ACCESS_KEY": SECRET_ACCESS_KEY,
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
    }


def _environment(layout: Layout, *, authorize: bool) -> dict[str, str]:
    # Functions inherit all of this, so nothing of the developer's AWS settings or Python path may be in it.
    return _without_aws() | {
        "GATEWAY_PORT": str(layout.port),
        "BIND_HOST": LOOPBACK,
        "AUTH": "true" if authorize else "false",
        "TMPDIR": str(layout.temporary.resolve()),
        "IOT_MTLS_ENABLED": "0",
        "SFTP_ENABLED": "0",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    }


def _without_aws() -> dict[str, str]:
    ours = ("AWS_", "SOJOURN_", "POWERTOOLS_", "PYTHON")
    return {name: value for name, value in os.environ.items() if not name.startswith(ours)}


def _background(layout: Layout) -> Background:
    return Background(name="emulator", folder=layout.local)


def _demand_installed() -> None:
    if not PROGRAM.exists():
        raise DevstackError(f"the emulator is not installed at {_shown(PROGRAM)}: make setup")


def _demand_free(layout: Layout) -> None:
    if _background(layout).is_running:
        raise DevstackError(
            f"{_shown(layout.local)} holds a stack that does not answer on port {layout.port}: "
            f"make down LOCAL={_shown(layout.local)}, or name another folder with LOCAL="
        )
    if is_taken(layout.port):
        raise DevstackError(
            f"port {layout.port} is taken by a process that is not this stack's: "
            f"end it, or choose another port, as in make up PORT={layout.port + 4}"
        )


def _wait(layout: Layout) -> None:
    until = time.monotonic() + _READY_SECONDS
    while not _answers(layout):
        if not _background(layout).is_running:
            raise DevstackError(f"the emulator ended at once; its last words:\n{_background(layout).last_words()}")
        if time.monotonic() > until:
            stop(layout)
            raise DevstackError(f"the emulator was not ready within {_READY_SECONDS:.0f} s: see {layout.local}")
        time.sleep(0.05)


def _answers(layout: Layout) -> bool:
    try:
        with urllib.request.urlopen(f"{layout.endpoint_url}/_ministack/ready", timeout=2) as answer:
            json.load(answer)
    except (OSError, urllib.error.URLError, ValueError):
        return False
    return True


def _shown(path: Path) -> str:
    return str(path.relative_to(ROOT)) if path.is_relative_to(ROOT) else str(path)
