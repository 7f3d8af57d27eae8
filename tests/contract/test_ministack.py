"""The contracts, kept by MiniStack's DynamoDB and S3."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from devstack.clients import Clients
from sojourn.backend import Backend
from sojourn.backends.clients import dynamodb_client, s3_client
from sojourn.backends.dynamodb import DynamoBackend
from tests.contract.contract import BackendContract, StoreContract
from tests.contract.overflow import OVERFLOW_BYTES, OverflowContract
from tests.contract.sealing import SealedStorageContract
from tests.contract.tables import BucketObjects, sessions_table

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_s3 import S3Client


@pytest.fixture(scope="module")
def client(ministack: str, credentials: None) -> "DynamoDBClient":  # noqa: ARG001  # the client reads them
    """The library's own client."""
    return dynamodb_client(endpoint_url=ministack)


@pytest.fixture(scope="module")
def patient(ministack: str) -> "DynamoDBClient":
    """Makes the tables."""
    return Clients(ministack).dynamodb


@pytest.fixture(scope="module")
def s3(ministack: str, credentials: None) -> "S3Client":  # noqa: ARG001  # the client reads them
    """The library's own client."""
    return s3_client(endpoint_url=ministack)


@pytest.fixture
def objects(s3: "S3Client") -> BucketObjects:
    """An overflow bucket of its own for each test."""
    return BucketObjects(s3)


@pytest.fixture
def backend(client: "DynamoDBClient", patient: "DynamoDBClient", objects: BucketObjects) -> Iterator[Backend]:
    """A table of its own for each test."""
    with sessions_table(patient) as table:
        yield DynamoBackend(client, table=table, objects=objects, overflow_bytes=OVERFLOW_BYTES)


class TestBackend(BackendContract):
    """See ``BackendContract``."""


@pytest.mark.slow
class TestStore(StoreContract):
    """See ``StoreContract``."""


class TestOverflow(OverflowContract):
    """See ``OverflowContract``."""


class TestSealedStorage(SealedStorageContract):
    """See ``SealedStorageContract``."""
