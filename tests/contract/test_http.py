"""The contracts, kept by the records backend over the records function over memory."""

from collections.abc import Iterator

import pytest

from sojourn.backend import Backend
from sojourn.backends.memory import MemoryBackend
from tests.contract.contract import BackendContract, SealedStoreContract, StoreContract, StrictStoreContract
from tests.contract.served import Swept, served


@pytest.fixture(scope="module")
def api(credentials: None) -> Iterator[Swept]:  # noqa: ARG001  # the client reads them
    """One server and one client, as a process has them."""
    with served(lambda: swept.behind) as url:
        swept = Swept(url, MemoryBackend())
        yield swept


@pytest.fixture
def backend(api: Swept) -> Backend:
    """Nothing in it."""
    api.behind = MemoryBackend()
    return api


class TestBackend(BackendContract):
    """See ``BackendContract``."""


class TestStore(StoreContract):
    """See ``StoreContract``."""


@pytest.mark.slow
class TestStrictStore(StrictStoreContract):
    """See ``StrictStoreContract``."""


@pytest.mark.slow
class TestSealedStore(SealedStoreContract):
    """See ``SealedStoreContract``."""
