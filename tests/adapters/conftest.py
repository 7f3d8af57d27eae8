"""One store for an adapter and its test."""

import pytest

from sojourn import Store
from sojourn.testing import FakeClock, memory_store
from tests.adapters.browser import CountingBackend

pytest.register_assert_rewrite("tests.adapters.contract")


@pytest.fixture
def clock() -> FakeClock:
    """Time stands still until a test moves it."""
    return FakeClock()


@pytest.fixture
def backend() -> CountingBackend:
    """What is stored and asked."""
    return CountingBackend()


@pytest.fixture
def store(clock: FakeClock, backend: CountingBackend) -> Store:
    """The adapter's."""
    return memory_store(clock=clock, backend=backend)
