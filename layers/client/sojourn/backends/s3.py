"""Documents too large for a table item, as objects in a bucket. Does not know which item points to them."""

import logging
from functools import cache, partial
from typing import TYPE_CHECKING, Final

from botocore.exceptions import ClientError

from sojourn.backends.bounded import read_at_most
from sojourn.backends.clients import answered, code_of
from sojourn.errors import StoreUnavailableError

if TYPE_CHECKING:
    from collections.abc import Callable

    from mypy_boto3_s3 import S3Client

logger: logging.Logger = logging.getLogger(__name__)

_MOST_BYTES: Final = 16 * 1024 * 1024
_ENVELOPE_BYTES: Final = 64
"""A format's first bytes, and a seal."""


class ObjectStore:
    """The overflow bucket: put, get and remove one object by its key."""

    def __init__(self, make_client: "Callable[[], S3Client]", *, bucket: str, most_bytes: int = _MOST_BYTES) -> None:
        """``make_client`` is called when the first object is asked for: most processes never see one.

        Of an object no more than ``most_bytes`` and its envelope are read.
        """
        self._opened = cache(make_client)
        self._bucket = bucket
        self._most_bytes = most_bytes + _ENVELOPE_BYTES

    def put(self, key: str, body: bytes) -> None:
        """Store an object; the same again does no harm."""
        answered(
            self._opened().put_object,
            changes=False,  # an object that no item points to is no change to a session
            Bucket=self._bucket,
            Key=key,
            Body=body,
            ContentType="application/octet-stream",
        )

    def get(self, key: str) -> bytes | None:
        """The object's bytes; ``None`` when there is none.

        Of one that is larger than any of ours only the beginning, which no decoder takes for a document.
        """
        try:
            response = answered(self._opened().get_object, changes=False, Bucket=self._bucket, Key=key)
        except ClientError as error:
            if code_of(error) != "NoSuchKey":
                raise
            return None
        return answered(partial(read_at_most, response["Body"], self._most_bytes), changes=False)

    def remove(self, key: str) -> None:
        """Remove an object that nothing points to any more. Where that fails, the bucket's lifecycle rule does it."""
        try:
            answered(self._opened().delete_object, changes=False, Bucket=self._bucket, Key=key)
        except StoreUnavailableError as error:
            logger.warning("an overflow object was left to the lifecycle rule: %s", error.reason)
