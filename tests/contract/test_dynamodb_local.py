"""The contracts, kept by DynamoDB Local, AWS's own engine. Large documents lie in memory: it has no S3."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from devstack.clients import Clients
from sojourn.backend import Backend
from sojourn.backends.clients import dynamodb_client
from sojourn.backends.dynamodb import DynamoBackend
from tests.contract.contract import BackendContract, SealedStoreContract, StoreContract, StrictStoreContract
from tests.contract.overflow import OVERFLOW_BYTES, OverflowContract
from tests.contract.sealing import SealedStorageContract
from tests.contract.tables import MemoryObjects, sessions_table

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


@pytest.fixture(scope="module")
def client(dynamodb_local: str, credentials: None) -> "DynamoDBClient":  # noqa: ARG001  # the client reads them
    """The library's own client."""
    return dynamodb_client(endpoint_url=dynamodb_local)


@pytest.fixture(scope="module")
def patient(dynamodb_local: str) -> "DynamoDBClient":
    """Makes the tables."""
    return Clients(dynamodb_local).dynamodb


@pytest.fixture
def objects() -> MemoryObjects:
    """The overflow bucket."""
    return MemoryObjects()


@pytest.fixture
def backend(client: "DynamoDBClient", patient: "DynamoDBClient", objects: MemoryObjects) -> Iterator[Backend]:
    """A table of its own for each test."""
    with sessions_table(patient) as table:
        yield DynamoBackend(client, table=table, objects=objects, overflow_bytes=OVERFLOW_BYTES)


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


class TestOverflow(OverflowContract):
    """See ``OverflowContract``."""


class TestSealedStorage(SealedStorageContract):
    """See ``SealedStorageContract``."""
