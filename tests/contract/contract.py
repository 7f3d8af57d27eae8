"""One class per promise-giver: what every backend keeps, and what every verb keeps on every backend.

Subclass, provide the fixture ``backend`` (a ``Backend`` that can be swept and holds nothing yet), change nothing.
"""

import pytest

from sojourn import Settings, Store
from sojourn.backend import Backend
from sojourn.settings import Encryption
from sojourn.testing import FakeClock
from tests.contract.boundaries import Boundaries
from tests.contract.endings import Endings
from tests.contract.indexes import ManySessions
from tests.contract.keeping import OneSession
from tests.contract.lifetimes import Lifetimes
from tests.contract.locking import Locking
from tests.contract.logging_in import LoggingIn
from tests.contract.marks import Marks
from tests.contract.merging import Merging
from tests.contract.rotating import Rotating
from tests.contract.stores import Opened, Stores
from tests.contract.subjects import Subjects
from tests.contract.superseding import Superseding
from tests.contract.sweeping import Sweeping


class BackendContract(OneSession, ManySessions, Marks, Sweeping):
    """What ``sojourn.backend`` says, as tests."""


class _Store(Lifetimes, Endings, Merging, Rotating, LoggingIn, Superseding, Subjects):
    """What ``sojourn.store`` says, as tests, whatever is set."""

    @pytest.fixture
    def clock(self) -> FakeClock:
        """The time of the default store."""
        return FakeClock()

    STRICT = False
    ENCRYPTION: Encryption = "off"

    @pytest.fixture
    def stores(self, backend: Backend, clock: FakeClock) -> Stores:
        """Opens further stores on the same backend: other processes, other namespaces, other clocks."""
        return Opened(backend, clock, strict=self.STRICT, encryption=self.ENCRYPTION)

    @pytest.fixture
    def store(self, stores: Stores) -> Store:
        """The store of an application that has set nothing."""
        return stores()

    @pytest.fixture
    def settings(self, store: Store) -> Settings:
        """What that store was opened with."""
        return store.settings


class StoreContract(_Store, Boundaries, Locking):
    """The same as it is set by default, and what can be set besides."""


class StrictStoreContract(_Store):
    """The same where ``expire_all`` leaves no window."""

    STRICT = True


class SealedStoreContract(_Store, Boundaries, Locking):
    """The same where nothing is stored, or taken, that is not encrypted."""

    ENCRYPTION: Encryption = "required"
