"""The contracts, kept by the records backend over the records function over memory."""

from collections.abc import Iterator

import pytest

from sojourn.backend import Backend
from sojourn.backends.memory import MemoryBackend
from tests.contract.contract import BackendContract, SealedStoreContract, StoreContract, StrictStoreContract
from tests.contract.served import Swept, served


@pytest.fixture
def backend(credentials: None) -> Iterator[Backend]:  # noqa: ARG001  # the client reads them
    """Nothing in it."""
    behind = MemoryBackend()
    with served(behind) as url:
        yield Swept(url, behind)


class TestBackend(BackendContract):
    """See ``BackendContract``."""


class TestStore(StoreContract):
    """See ``StoreContract``."""


class TestStrictStore(StrictStoreContract):
    """See ``StrictStoreContract``."""


class TestSealedStore(SealedStoreContract):
    """See ``SealedStoreContract``."""
