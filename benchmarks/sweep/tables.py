"""Tables full of sessions on DynamoDB Local, filled fast. Measures nothing."""

import base64
import http.client
import json
import os
import secrets
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from functools import cache, partial
from itertools import repeat
from random import Random
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from benchmarks.documents import device
from devstack.template import read_template
from sojourn import Settings
from sojourn.backend import Record
from sojourn.backends.items import item_of
from sojourn.document.codec import dump_document, encode
from sojourn.sweep.index import placed

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

NOW: Final = 1_800_000_000
"""When the benchmark plays: a clock that stands still."""

DAY: Final = 86_400
IDLE: Final = 14 * DAY
"""Lives two weeks unused, as Django's sessions do."""

_SHAPE = ("AttributeDefinitions", "KeySchema", "GlobalSecondaryIndexes", "BillingMode")
_DOCUMENTS: Final = 256
_CHUNK: Final = 10_000
# DynamoDB Local asks for a signature and does not look at it.
_HEADERS: Final = {
    "Content-Type": "application/x-amz-json-1.0",
    "X-Amz-Target": "DynamoDB_20120810.BatchWriteItem",
    "Authorization": "AWS4-HMAC-SHA256 Credential=local/20270115/us-east-1/dynamodb/aws4_request, "
    "SignedHeaders=host, Signature=0",
}


def create_table(client: "DynamoDBClient") -> str:
    """The name of a new empty table, shaped as template.yaml says."""
    properties = read_template()["Resources"]["SessionsTable"]["Properties"]
    name = f"sweep-{secrets.token_hex(4)}"
    client.create_table(TableName=name, **{key: properties[key] for key in _SHAPE})
    return name


def live(number: int, random: Random, document: bytes) -> Record:
    """A session that lives: created in the last two weeks, with two days or more ahead of it."""
    created_at = NOW - random.randrange(12 * DAY)
    return _session(f"live-{number}", created_at=created_at, expires_at=created_at + IDLE, document=document)


def stale(number: int, random: Random, document: bytes) -> Record:
    """A session whose grace ended within the last fifteen minutes."""
    expires_at = NOW - DAY - 60 - random.randrange(840)
    return _session(f"stale-{number}", created_at=expires_at - IDLE, expires_at=expires_at, document=document)


def _session(name: str, *, created_at: int, expires_at: int, document: bytes) -> Record:
    # A session id is 12 random characters, so any 12 will do.
    return Record(
        session_id=f"default#{Random(name).randbytes(6).hex()}",
        token_hash=Random(name).randbytes(32),
        version=2,
        write_id=secrets.token_urlsafe(12),
        created_at=created_at,
        began_at=created_at,
        expires_at=expires_at,
        absolute_at=created_at + 30 * DAY,
        idle=IDLE,
        data=document,
    )


def fill(endpoint_url: str, table: str, *, kind: str, count: int, start: int = 0, indexed: bool = True) -> None:
    """Put ``count`` sessions of ``kind`` (``live`` or ``stale``) into ``table``; into the sweep index, too, or not."""
    stop = start + count
    chunks = [range(first, min(first + _CHUNK, stop)) for first in range(start, stop, _CHUNK)]
    put = partial(_put_chunk, endpoint_url, table, kind, indexed)
    if len(chunks) <= 1:
        list(map(put, chunks))
        return
    with ProcessPoolExecutor(max_workers=os.cpu_count()) as processes:
        list(processes.map(put, chunks))


def _put_chunk(endpoint_url: str, table: str, kind: str, indexed: bool, numbers: Sequence[int]) -> None:
    address = urlsplit(endpoint_url)
    connection = http.client.HTTPConnection(address.hostname or "", address.port)
    items = list(_items(kind, indexed, numbers))
    for start in range(0, len(items), 25):
        requests = [{"PutRequest": {"Item": item}} for item in items[start : start + 25]]
        connection.request("POST", "/", json.dumps({"RequestItems": {table: requests}}), _HEADERS)
        answer = json.loads(connection.getresponse().read())
        assert answer == {"UnprocessedItems": {}}, answer
    connection.close()


def _items(kind: str, indexed: bool, numbers: Iterable[int]) -> Iterator[dict[str, dict[str, str]]]:
    random = Random(f"{kind}{numbers}")
    documents = _documents()
    make, settings = {"live": live, "stale": stale}[kind], Settings(sweep_index=indexed)
    for number in numbers:
        record = make(number, random, documents[number % _DOCUMENTS])
        item = item_of(placed(record, settings))
        yield {name: _wire(value) for name, value in item.items()}


def item_on_the_wire(number: int, random: Random) -> dict[str, dict[str, str]]:
    """A stale session's item in DynamoDB's JSON."""
    record = placed(stale(number, random, _documents()[number % _DOCUMENTS]), Settings())
    return {name: _wire(value) for name, value in item_of(record).items()}


@cache
def _documents() -> list[bytes]:
    random = Random(2013)
    return [encode(dump_document(device(random), max_bytes=1 << 20)) for _ in range(_DOCUMENTS)]


def _wire(value: dict[str, str | bytes]) -> dict[str, str]:
    return {kind: base64.b64encode(v).decode() if isinstance(v, bytes) else v for kind, v in value.items()}


def item_bytes() -> int:
    """The mean size of one item, as DynamoDB counts it: names and values, a number at most a byte for two digits."""
    random = Random(1)
    sizes = [sum(map(_attribute_bytes, item, repeat(item))) for item in _raw(random)]
    return sum(sizes) // len(sizes)


def _raw(random: Random) -> Iterator[dict[str, dict[str, str | bytes]]]:
    for number, document in enumerate(_documents()):
        yield item_of(placed(replace(live(number, random, document)), Settings()))


def _attribute_bytes(name: str, item: dict[str, dict[str, str | bytes]]) -> int:
    (kind, value), *_ = item[name].items()
    return len(name) + (len(value) // 2 + 1 if kind == "N" else len(value))
