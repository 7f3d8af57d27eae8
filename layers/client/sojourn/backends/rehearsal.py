"""Requests that are built and signed but not sent, so that the first real one takes as long as a later one."""

import json
import threading
from contextlib import contextmanager, suppress
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from botocore.awsrequest import AWSPreparedRequest, AWSResponse, HeadersDict
from botocore.compat import HTTPHeaders
from botocore.exceptions import BotoCoreError, HTTPClientError

from sojourn.backends.direct import SENDING
from sojourn.backends.timed import read_in_time

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mypy_boto3_dynamodb import DynamoDBClient


@contextmanager
def rehearsing(client: "DynamoDBClient") -> "Iterator[DynamoDBClient]":
    """Inside the block, requests of ``client`` are built and signed but not sent; a table in memory answers them.

    That holds for the calling thread; requests of other threads are sent. At the end of the block the client connects:
    it sends a GET to the endpoint, unsigned, of no table, and free. No answer is no error here.
    """
    rehearsal = _Rehearsal()
    client.meta.events.register(SENDING, rehearsal.answer)  # type: ignore[arg-type]  # it takes an answer
    try:
        yield client
    finally:
        rehearsal.end()
        client.meta.events.unregister(SENDING, rehearsal.answer)  # type: ignore[arg-type]  # as above
    if rehearsal.url is not None:
        ping = AWSPreparedRequest("GET", rehearsal.url, HeadersDict(), None, stream_output=False)  # type: ignore[arg-type]
        with suppress(HTTPClientError, BotoCoreError, OSError):
            read_in_time(client).send(ping)


class _Rehearsal:
    """A table in memory: it keeps the items that are put, and accepts every other write."""

    def __init__(self) -> None:
        self.url: str | None = None
        self._thread: int | None = threading.get_ident()
        self._items: dict[str, Any] = {}

    def end(self) -> None:
        """Answer nothing from now on: botocore may keep a handler in a cache that another thread fills meanwhile."""
        self._thread = None

    def answer(self, request: AWSPreparedRequest, **_: object) -> AWSResponse | None:
        """What the service would answer."""
        if threading.get_ident() != self._thread:
            return None
        self.url = request.url
        asked = json.loads(request.body or b"{}")  # type: ignore[arg-type]  # bytes
        if "Item" in asked:
            self._items[_name(asked["Item"])] = asked["Item"]
        answer: dict[str, Any] = {"Responses": {}, "Items": []}
        for table, of in asked.get("RequestItems", {}).items():
            answer["Responses"][table] = [self._items[_name(key)] for key in of["Keys"] if _name(key) in self._items]
        if request.headers["X-Amz-Target"].endswith(".GetItem") and _name(asked["Key"]) in self._items:
            answer["Item"] = self._items[_name(asked["Key"])]
        return AWSResponse(request.url, HTTPStatus.OK.value, HTTPHeaders(), _Body(json.dumps(answer).encode()))


def _name(key: Any) -> str:
    return str(key["session_id"]["S"])


class _Body:
    def __init__(self, content: bytes) -> None:
        self._content = content

    def stream(self) -> "Iterator[bytes]":
        """See urllib3's response."""
        yield self._content
