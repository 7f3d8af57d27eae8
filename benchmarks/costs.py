"""What each verb costs: the calls it makes and the units DynamoDB Local reports for them.

    python -m benchmarks.costs

prints a Markdown table. Measures calls and units, never time. DynamoDB Local counts single-item calls as AWS does; it
reports nothing for PartiQL and for refused writes, so for those the price is computed from the size of the item by
AWS's rule and marked with ``*``.
"""

import math
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any

from botocore.model import OperationModel

from benchmarks.documents import COMPOSED, Document, catalogue, django_login, visitor
from devstack.clients import Clients
from devstack.dynamodb_local import dynamodb_local
from devstack.emulator import ACCESS_KEY_ID, SECRET_ACCESS_KEY
from devstack.layout import REGION
from sojourn import Session, Settings, Store
from sojourn.backends.clients import dynamodb_client
from sojourn.backends.dynamodb import DynamoBackend
from sojourn.document.codec import dump_document
from sojourn.testing import FakeClock
from tests.contract.tables import MemoryObjects, sessions_table

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

SIZES = {"0.5 KB": 512, "3 KB": 3_072, "10 KB": 10_240, "100 KB": 102_400}
"""The JSON text of a document, before it is encoded."""

UNIT = 1_024
_READS = frozenset({"GetItem", "Query", "Scan", "BatchGetItem"})
LEAST_READ = 0.5
"""What AWS charges for a query or a scan that finds nothing; DynamoDB Local reports nothing for it."""
_UNREPORTED = frozenset({"BatchExecuteStatement"})


@dataclass
class Bill:
    """The calls of one action, and their units."""

    calls: list[str] = field(default_factory=list)
    read: float = 0.0
    written: float = 0.0
    index_written: float = 0.0
    is_computed: bool = False
    is_read_computed: bool = False


class CountedObjects(MemoryObjects):
    """An overflow bucket that puts its calls on the bill."""

    def __init__(self, meter: "Meter") -> None:
        super().__init__()
        self._meter = meter

    def put(self, key: str, body: bytes) -> None:
        """See ``ObjectStore.put``."""
        self._meter.bill.calls.append("PutObject")
        super().put(key, body)

    def get(self, key: str) -> bytes | None:
        """See ``ObjectStore.get``."""
        self._meter.bill.calls.append("GetObject")
        return super().get(key)

    def remove(self, key: str) -> None:
        """See ``ObjectStore.remove``."""
        self._meter.bill.calls.append("DeleteObject")
        super().remove(key)


class Meter:
    """Asks DynamoDB for its price with every call of a client, and adds it up."""

    def __init__(self, client: "DynamoDBClient") -> None:
        self.bill = Bill()
        self.prepare: Callable[[], object] = lambda: None
        client.meta.events.register("before-parameter-build.dynamodb", self._ask)
        client.meta.events.register("after-call.dynamodb", self._note)

    def of(self, action: Callable[[], object]) -> Bill:
        """The bill of ``action`` alone."""
        self.prepare()
        self.bill = bill = Bill()
        action()
        self.bill = Bill()
        return bill

    def _ask(self, params: dict[str, Any], model: OperationModel, **_event: object) -> None:
        if model.input_shape is not None and "ReturnConsumedCapacity" in model.input_shape.members:
            params["ReturnConsumedCapacity"] = "INDEXES"

    def _note(self, parsed: dict[str, Any], model: OperationModel, **_event: object) -> None:
        self.bill.calls.append(model.name)
        self.bill.is_computed |= model.name in _UNREPORTED
        consumed = parsed.get("ConsumedCapacity", [])
        for entry in consumed if isinstance(consumed, list) else [consumed]:
            if model.name in _READS:
                self.bill.read += entry["CapacityUnits"] or LEAST_READ
                self.bill.is_read_computed |= not entry["CapacityUnits"]
            else:
                self.bill.written += entry.get("Table", {}).get("CapacityUnits", 0.0)
                indexes = entry.get("GlobalSecondaryIndexes", {}).values()
                self.bill.index_written += sum(index["CapacityUnits"] for index in indexes)


class Scene:
    """One table, one store, one meter; sessions of one size."""

    def __init__(self, client: "DynamoDBClient", table: str, *, settings: Settings | None = None) -> None:
        self.clock = FakeClock()
        self.meter = Meter(client)
        self.settings = settings or Settings(sweep_shards=1, sweep_grace_seconds=0)
        backend = DynamoBackend(
            client,
            table=table,
            objects=CountedObjects(self.meter),
            overflow_bytes=self.settings.overflow_bytes,
        )
        self.backend = backend
        self.store = Store(backend, self.settings, clock=self.clock)
        # Read along once a minute by each process, so on no verb's bill but the first read's.
        self.meter.prepare = self.store.not_before

    def restarted(self) -> Store:
        """The store as another process has it that has just begun."""
        return Store(self.backend, self.settings, clock=self.clock)

    def read(self, session: Session) -> Session:
        """A fresh copy."""
        found = self.store.read(session.token, touch=False)
        assert found is not None
        return found

    def changed(self, session: Session, key: str = "_language") -> Session:
        """A copy with a change to be written that leaves its size alone."""
        copy = self.read(session)
        copy[key] = "xx" if key == "_language" else 1_209_601
        return copy

    def item_units(self, session: Session) -> int:
        """What writing the session's item costs by AWS's rule."""
        record = self.backend.load(f"{self.settings.namespace}#{session.id}")
        assert record is not None
        values = ((name, getattr(record, name)) for name in record.__slots__)
        size = sum(len(name) + _attribute_bytes(value) for name, value in values if value is not None)
        return math.ceil(size / UNIT)


def _attribute_bytes(value: str | bytes | int) -> int:
    # A number takes a byte for two digits and one more (DynamoDB developer guide, "Item sizes and formats").
    return 1 + math.ceil(len(str(value)) / 2) if isinstance(value, int) else len(value)


def document(size: int) -> Document:
    """A realistic document whose JSON text has ``size`` bytes: what a shop knows of a visitor, as much as fits."""
    random = Random(7)
    found: Document = django_login(random) if size < SIZES["3 KB"] else visitor(random)
    pages: list[object] = []
    while text_bytes(found | {"pages": pages}) + 1_500 < size:
        pages.append(catalogue(random)["results"])
        found["pages"] = pages
    while pages and text_bytes(found) > size - 20:
        pages.pop()
    nonce = size - text_bytes(found | {"nonce": ""})
    found["nonce"] = random.randbytes(nonce).hex()[:nonce]
    return found


def documents() -> dict[str, Document]:
    """What is measured, by the names that the tables have. Noise is apart: it goes to the bucket."""
    found = {name: document(size) for name, size in SIZES.items()}
    # The document of 3 KB is a visitor whose item ends a few bytes below the kilobyte; a cart has room to be rotated.
    return found | {"3 KB cart": _cart(SIZES["3 KB"])}


def _cart(size: int) -> Document:
    """A cart of 3 KB, filled up with what a customer writes to the seller."""
    found: Document = COMPOSED["3 KB cart"](Random(0))
    found["_language"], found["_session_expiry"], found["note"] = "en", 1_209_600, ""
    left = size - text_bytes(found)
    found["note"] = ("Please ring twice, the bell is hard to hear, and leave it with the neighbours. " * 9)[:left]
    return found


def noise(size: int) -> Document:
    """A document that cannot be compressed: encrypted, or already compressed by the application."""
    return {**django_login(Random(7)), "blob": Random(7).randbytes(size * 3 // 4)}


def text_bytes(found: Document) -> int:
    """The size of a document's JSON."""
    return len(dump_document(found, max_bytes=10**7))


def bills(scene: Scene, found: Document) -> dict[str, Bill]:  # noqa: PLR0915  # a line each
    """What every verb costs with a document, by the verb's name and circumstance."""
    store, clock, meter = scene.store, scene.clock, scene.meter
    measured: dict[str, Bill] = {}

    def measure(name: str, action: Callable[[], object]) -> None:
        measured[name] = meter.of(action)

    measure("create", lambda: store.create(found))
    measure("create, of a subject", lambda: store.create(found, subject="user-1"))
    session = store.create(found, subject="user-42", label="Firefox on Linux")
    anonymous = store.create(found)
    measure("read", lambda: store.read(session.token))
    first = scene.restarted()
    measure("read, the first of a process", lambda: first.read(session.token))
    # DynamoDB Local reports nothing for a key that is not there; AWS charges it like the smallest item.
    measured["read, the first of a process"].read += 1
    measured["read, the first of a process"].is_read_computed = True
    changed = scene.changed(session)
    measure("write", lambda: store.write(changed))
    loser = scene.changed(session, "_session_expiry")
    faster = scene.read(session)
    faster["_language"] = "yy"
    store.write(faster)
    measure("write, merged once", lambda: store.write(loser))
    # DynamoDB Local reports nothing for a refused write; AWS charges it like one that took effect.
    measured["write, merged once"].written *= 2
    measured["write, merged once"].is_computed = True
    measure("sessions of a subject (1)", lambda: list(store.sessions(subject="user-42")))
    clock.advance(300)
    measure("read, renewing", lambda: store.read(session.token))
    clock.advance(300)
    copy = scene.read(session)
    measure("touch", lambda: store.touch(copy))
    measure("rotate", lambda: store.rotate(copy))
    for _ in range(2):
        store.rotate(copy)
    copy["_language"] = "zz"
    measure("write, after three rotations", lambda: store.write(copy))
    measure("lock", lambda: _lock(scene, copy))
    measure("login, of an anonymous visitor", lambda: store.login(anonymous, subject="user-44"))
    measure("login, again as the same", lambda: store.login(anonymous, subject="user-44"))
    measure("login, as another", lambda: store.login(anonymous, subject="user-45"))
    measure("touch, to a shorter stay", lambda: store.touch(anonymous, idle=60))
    ended = store.create(found, subject="user-42", label="Firefox on Linux")
    measure("expire", lambda: store.expire(ended))
    store.create(found, subject="user-43")
    measure("expire all of a subject (1)", lambda: store.expire_all(subject="user-43"))
    dead = store.create(found, idle=1)
    clock.advance(2)
    measure("read, found dead", lambda: store.read(dead.token))
    _sweep_all(scene)
    stale = store.create(found, idle=1)
    stale_units = scene.item_units(stale)
    clock.advance(10)
    measure("sweep (1 stale)", lambda: store.sweep(deadline=clock() + 60))
    measured["sweep (1 stale)"].written, measured["sweep (1 stale)"].index_written = stale_units, 1
    return measured


def _lock(scene: Scene, session: Session) -> None:
    with scene.store.lock(session):
        pass


def _sweep_all(scene: Scene) -> None:
    scene.clock.advance(scene.settings.absolute_seconds)
    scene.store.sweep(deadline=scene.clock() + 60)


@contextmanager
def scene(endpoint_url: str, *, settings: Settings | None = None) -> Iterator[Scene]:
    """A scene on an empty table of its own, with a client of its own."""
    with sessions_table(Clients(endpoint_url).dynamodb) as table:
        yield Scene(dynamodb_client(endpoint_url=endpoint_url), table, settings=settings)


def _rows(endpoint_url: str) -> Iterator[str]:
    for name, found in {**documents(), "100 KB of noise": noise(SIZES["100 KB"])}.items():
        with scene(endpoint_url) as opened:
            for verb, bill in bills(opened, found).items():
                mark = "*" if bill.is_computed else ""
                # The sweeper's threads take turns as they like.
                calls = ", ".join(sorted(bill.calls) if verb.startswith("sweep") else bill.calls)
                read = f"{bill.read:g}{'*' if bill.is_read_computed else ''}"
                yield f"| {name} | {verb} | {calls} | {read} | {bill.written:g}{mark} | {bill.index_written:g} |"


def main() -> None:
    """Print the table."""
    os.environ |= {
        "AWS_ACCESS_KEY_ID": ACCESS_KEY_ID,
        "AWS_SECRET_ACCESS_KEY": SECRET_ACCESS_KEY,
        "AWS_DEFAULT_REGION": REGION,
    }
    print("| document | verb | calls | RRU | WRU, table | WRU, indexes |")
    print("| --- | --- | --- | ---: | ---: | ---: |")
    with tempfile.TemporaryDirectory() as folder, dynamodb_local(Path(folder)) as endpoint_url:
        for row in _rows(endpoint_url):
            print(row)


if __name__ == "__main__":
    main()
