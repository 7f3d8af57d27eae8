"""The deployed stack that the tests of this folder share, and waiting for what happens by itself."""

import os
import time
from collections.abc import Callable, Iterator

import pytest

from devstack.clients import Clients
from devstack.layout import ROOT, Layout, free_port
from devstack.lifecycle import temporary_stack
from devstack.stack import Stack

OVERRIDES = {
    "SweepGraceSeconds": "0",
    "SweepMinutes": "1",
    "LogLevel": "DEBUG",
    "Authorizer": "true",
    "AuthorizerKeys": "name,cart",
    "Events": "true",
}
"""A sweep within a test's patience, logs that hold all they ever do, all that is optional; the rest is as deployed."""


@pytest.fixture(scope="session")
def layout() -> Layout:
    """A folder and a port of this run's own."""
    return Layout(local=ROOT / ".local" / f"test-{os.getpid()}", port=free_port())


@pytest.fixture(scope="session")
def stack(layout: Layout) -> Iterator[Stack]:
    """The whole of template.yaml, with signatures and policies judged and TTL off, so that only Sojourn deletes."""
    with temporary_stack(layout, overrides=OVERRIDES) as deployed:
        Clients(deployed.endpoint_url).dynamodb.update_time_to_live(
            TableName=deployed.table,
            TimeToLiveSpecification={"AttributeName": "expires_at", "Enabled": False},
        )
        yield deployed


def until(holds: Callable[[], bool], *, seconds: float = 20) -> None:
    """Wait until something is so, which the deployed stack's real clock decides, at most ``seconds``."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.1)
