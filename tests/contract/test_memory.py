"""The contracts, kept by memory."""

import pytest

from sojourn.backend import Backend
from sojourn.backends.memory import MemoryBackend
from tests.contract.contract import BackendContract, SealedStoreContract, StoreContract, StrictStoreContract


@pytest.fixture
def backend() -> Backend:
    """Nothing in it."""
    return MemoryBackend()


class TestBackend(BackendContract):
    """See ``BackendContract``."""


class TestStore(StoreContract):
    """See ``StoreContract``."""


class TestStrictStore(StrictStoreContract):
    """See ``StrictStoreContract``."""


class TestSealedStore(SealedStoreContract):
    """See ``SealedStoreContract``."""
