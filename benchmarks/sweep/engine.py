"""DynamoDB Local for a benchmark, with room for a million sessions and a client that waits. Measures nothing."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import boto3
from botocore.config import Config

from devstack.dynamodb_local import dynamodb_local
from devstack.layout import REGION, ROOT

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


@contextmanager
def engine() -> Iterator[str]:
    """The endpoint URL of an engine that ends with the ``with`` block. A million sessions take 4 GB."""
    os.environ["JAVA_TOOL_OPTIONS"] = "-Xmx4g"
    with dynamodb_local(ROOT / ".local" / f"benchmark-{os.getpid()}") as endpoint_url:
        yield endpoint_url


def patient_client(endpoint_url: str) -> "DynamoDBClient":
    """A client without the library's short timeouts: here an engine on two cores does the work of a region."""
    return boto3.client(
        "dynamodb",
        endpoint_url=endpoint_url,
        region_name=REGION,
        aws_access_key_id="local",
        aws_secret_access_key="local",  # noqa: S106  # asked for, not looked at
        config=Config(read_timeout=300, parameter_validation=False, user_agent="sojourn/1", max_pool_connections=16),
    )
