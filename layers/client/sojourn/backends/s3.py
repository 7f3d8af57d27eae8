"""Documents too large for a table item, as objects in a bucket. Does not know which item points to them."""

import logging
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from sojourn.backends.clients import answered, code_of
from sojourn.errors import StoreUnavailableError

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

logger = logging.getLogger(__name__)


class ObjectStore:
    """The overflow bucket: put, get and remove one object by its key."""

    def __init__(self, client: "S3Client", *, bucket: str) -> None:
        self._client = client
        self._bucket = bucket

    def put(self, key: str, body: bytes) -> None:
        """Store an object; the same again does no harm."""
        answered(
            self._client.put_object,
            changes=False,  # an object that no item points to is no change to a session
            Bucket=self._bucket,
            Key=key,
            Body=body,
            ContentType="application/octet-stream",
        )

    def get(self, key: str) -> bytes | None:
        """The object's bytes; ``None`` when there is none."""
        try:
            response = answered(self._client.get_object, changes=False, Bucket=self._bucket, Key=key)
        except ClientError as error:
            if code_of(error) != "NoSuchKey":
                raise
            return None
        body = response["Body"]
        return answered(body.read, changes=False)

    def remove(self, key: str) -> None:
        """Remove an object that nothing points to any more. Where that fails, the bucket's lifecycle rule does it."""
        try:
            answered(self._client.delete_object, changes=False, Bucket=self._bucket, Key=key)
        except StoreUnavailableError as error:
            logger.warning("an overflow object was left to the lifecycle rule: %s", error.reason)
