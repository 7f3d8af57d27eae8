"""Sessions tables and overflow buckets for tests, shaped as template.yaml says. Knows no session."""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING, Any

from devstack.template import read_template
from sojourn.backends.s3 import ObjectStore

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_s3 import S3Client

_SHAPE = ("AttributeDefinitions", "KeySchema", "GlobalSecondaryIndexes", "BillingMode")


@contextmanager
def sessions_table(patient: "DynamoDBClient") -> Iterator[str]:
    """The name of an empty table of its own, there as long as the ``with`` block.

    Made by a client other than the library's, whose patience is too short for an engine that has just started.
    """
    name = f"sessions-{secrets.token_hex(8)}"
    patient.create_table(TableName=name, **_shape())
    try:
        yield name
    finally:
        patient.delete_table(TableName=name)


@cache
def _shape() -> dict[str, Any]:
    """Read once: parsing the template takes longer than most of the tests that need a table."""
    properties = read_template()["Resources"]["SessionsTable"]["Properties"]
    return {key: properties[key] for key in _SHAPE}


class MemoryObjects(ObjectStore):
    """An overflow bucket in a dictionary, for an engine that has no S3."""

    def __init__(self) -> None:
        self.bodies: dict[str, bytes] = {}

    def put(self, key: str, body: bytes) -> None:
        """See ``ObjectStore.put``."""
        self.bodies[key] = body

    def get(self, key: str) -> bytes | None:
        """See ``ObjectStore.get``."""
        return self.bodies.get(key)

    def remove(self, key: str) -> None:
        """See ``ObjectStore.remove``."""
        self.bodies.pop(key, None)


class BucketObjects(ObjectStore):
    """An overflow bucket of its own in S3, which can be looked into."""

    def __init__(self, client: "S3Client") -> None:
        bucket = f"overflow-{secrets.token_hex(8)}"
        client.create_bucket(Bucket=bucket)
        super().__init__(lambda: client, bucket=bucket)

    @property
    def bodies(self) -> dict[str, bytes]:
        """What is in the bucket, by key."""
        listed = self._opened().list_objects_v2(Bucket=self._bucket).get("Contents", [])
        return {entry["Key"]: self.get(entry["Key"]) or b"" for entry in listed}
