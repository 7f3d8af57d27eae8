"""A store in memory, the functions over it, and what they log."""

import io
import itertools
import json
from collections.abc import Callable
from typing import Any, Final

import pytest
from aws_lambda_powertools import Logger

from sojourn.backends.memory import MemoryBackend
from sojourn.settings import Settings
from sojourn.store import Store
from sojourn.testing import FakeClock, memory_store
from sojourn_service import Telemetry
from sojourn_service.settings import ServiceSettings
from tests.service.gateway import Gateway

# Loggers of one name share their handlers.
_NUMBERS: Final = itertools.count()

Log = Callable[[], list[dict[str, Any]]]
"""The lines logged so far."""


@pytest.fixture
def clock() -> FakeClock:
    """Time stands still until a test moves it."""
    return FakeClock()


@pytest.fixture
def backend() -> MemoryBackend:
    """What is stored, for tests that look behind the API."""
    return MemoryBackend()


@pytest.fixture
def store(clock: FakeClock, backend: MemoryBackend) -> Store:
    """The store that the functions use."""
    return memory_store(clock=clock, backend=backend, settings=Settings(max_bytes=4096))


@pytest.fixture
def stream() -> io.StringIO:
    """Where the log goes."""
    return io.StringIO()


@pytest.fixture
def telemetry(stream: io.StringIO) -> Telemetry:
    """Powertools' own, writing to ``stream``."""
    name = f"sojourn-{next(_NUMBERS)}"
    logger = Logger(service=name, stream=stream, level="INFO", location=None)
    return Telemetry(logger, ServiceSettings())


@pytest.fixture
def gateway(store: Store, telemetry: Telemetry) -> Gateway:
    """The API over ``store``."""
    return Gateway(store, telemetry)


@pytest.fixture
def log(stream: io.StringIO) -> Log:
    """Reads what was logged."""
    return lambda: [json.loads(line) for line in stream.getvalue().splitlines()]
