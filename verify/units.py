"""What the library's verbs cost in the deployed table, as DynamoDB reports it, beside docs/data-model.md.

In a namespace of its own; whatever is written there is noted, and removed at the end.
"""

import secrets
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from sojourn import Session, Settings, Store
from sojourn.backends.clients import dynamodb_client, s3_client
from sojourn.backends.dynamodb import DynamoBackend
from sojourn.backends.s3 import ObjectStore
from sojourn.errors import SojournError, StoreUnavailableError
from sojourn.retry import Retry
from sojourn.testing import FakeClock
from verify.deployment import Deployment
from verify.refusals import said, trying
from verify.report import Report

if TYPE_CHECKING:
    from botocore.awsrequest import AWSResponse
    from botocore.client import BaseClient
    from botocore.model import OperationModel

PAGE: Final = Path(__file__).parents[1] / "docs/data-model.md"
_READS: Final = frozenset({"GetItem", "Query", "BatchGetItem"})
_TRIES: Final = 5
_REFUSALS: Final = range(400, 500)
"""Statuses after which nothing was written."""

_UNREPORTED: Final = "not reported"

DOCUMENTS: Final[Mapping[str, Mapping[str, object]]] = {
    "0.5 KB": {"nonce": secrets.token_hex(250)},
    "100 KB of noise": {"blob": secrets.token_bytes(76_800)},
}
"""By the names that the page has for them. Of the same size, of other content: units follow sizes."""


@dataclass
class Bill:
    """What one verb called, and took."""

    calls: list[str] = field(default_factory=list)
    read: float = 0.0
    written: float = 0.0
    index_written: float = 0.0
    is_read_reported: bool = True
    is_write_reported: bool = True

    def shown(self) -> "Price":
        """As the page spells it."""
        read = f"{self.read:g}" if self.is_read_reported else _UNREPORTED
        written, index = f"{self.written:g}", f"{self.index_written:g}"
        if not self.is_write_reported:
            written = index = _UNREPORTED
        return Price(", ".join(self.calls), read, written, index)


@dataclass(frozen=True, slots=True)
class Price:
    """A row of the page, or what was found for it."""

    calls: str
    read: str
    written: str
    index_written: str

    def of_reported(self, found: "Price") -> "Price":
        """This page's row, without the figures that the service did not report in ``found``."""
        reads = found.read if found.read == _UNREPORTED else self.read
        if found.written == _UNREPORTED:
            return Price(self.calls, reads, _UNREPORTED, _UNREPORTED)
        return Price(self.calls, reads, self.written, self.index_written)

    def __str__(self) -> str:
        read = "RRU not reported" if self.read == _UNREPORTED else f"{self.read} RRU"
        written = f"{self.written} + {self.index_written} WRU"
        return f"{read}, {'WRU not reported' if self.written == _UNREPORTED else written}: {self.calls}"


class Meter:
    """Adds up what DynamoDB reports of a client's calls, and notes every key that they may have written."""

    def __init__(self) -> None:
        self.bill = Bill()
        self.keys: set[str] = set()
        self.objects: set[str] = set()
        self._asked_for: tuple[set[str], str] | None = None

    def watch(self, client: "BaseClient") -> None:
        """Note the calls of ``client``."""
        service = client.meta.service_model.service_name
        client.meta.events.register(f"provide-client-params.{service}", self._asked)
        client.meta.events.register(f"after-call.{service}", self._answered)

    def of(self, action: Callable[[], object]) -> Bill:
        """The bill of ``action`` alone."""
        self.bill = bill = Bill()
        action()
        self.bill = Bill()
        return bill

    def _asked(self, params: dict[str, Any], model: "OperationModel", **_event: object) -> None:
        self._asked_for = self._place(params, model)
        if self._asked_for is not None:
            noted, name = self._asked_for
            noted.add(name)
        if model.input_shape is not None and "ReturnConsumedCapacity" in model.input_shape.members:
            params["ReturnConsumedCapacity"] = "INDEXES"

    def _place(self, params: dict[str, Any], model: "OperationModel") -> tuple[set[str], str] | None:
        """Where a call that writes is to be noted, unless it is already."""
        if model.name == "PutObject":
            place = (self.objects, params["Key"])
        elif model.name in ("PutItem", "UpdateItem"):
            place = (self.keys, params.get("Item", params.get("Key", {}))["session_id"]["S"])
        else:
            return None
        return None if place[1] in place[0] else place

    def _answered(
        self, parsed: dict[str, Any], model: "OperationModel", http_response: "AWSResponse", **_event: object
    ) -> None:
        if self._asked_for is not None and http_response.status_code in _REFUSALS:
            noted, name = self._asked_for
            noted.discard(name)
        self.bill.calls.append(model.name)
        consumed = parsed.get("ConsumedCapacity", [])
        if not consumed and model.service_model.service_name == "dynamodb":
            self.bill.is_read_reported &= model.name not in _READS
            self.bill.is_write_reported &= model.name in _READS
        for entry in consumed if isinstance(consumed, list) else [consumed]:
            if model.name in _READS:
                # AWS charges half a unit for a query that finds nothing; an engine that says 0 has not looked.
                self.bill.is_read_reported &= entry["CapacityUnits"] > 0
                self.bill.read += entry["CapacityUnits"]
            else:
                self.bill.written += entry.get("Table", {}).get("CapacityUnits", 0.0)
                indexes = entry.get("GlobalSecondaryIndexes", {}).values()
                self.bill.index_written += sum(index["CapacityUnits"] for index in indexes)


def documented(page: str) -> dict[tuple[str, str], Price]:
    """The page's table of units, by document and verb."""
    found = {}
    for line in page.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if len(cells) == 6 and cells[0] in DOCUMENTS:
            # A star marks what is priced by AWS's rule, because the engine that the page was made with reports nothing.
            found[cells[0], cells[1]] = Price(*(cell.rstrip("*") for cell in cells[2:]))
    return found


def verify_units(deployment: Deployment, report: Report, *, page: str | None = None) -> None:
    """Each verb once, with each document, by a clock in the hand; then remove what was written."""
    expected = documented(PAGE.read_text() if page is None else page)
    for name, document in DOCUMENTS.items():
        bills, refusal = _undisturbed(deployment, document, report)
        for verb, bill in bills:
            found = bill.shown()
            report.compare(f"units, {name}", verb, expected=expected[name, verb].of_reported(found), found=found)
        if refusal is not None:
            report.skip(f"units, {name}", "the other verbs" if bills else "every verb", said(refusal))


def _undisturbed(
    deployment: Deployment, document: Mapping[str, object], report: Report
) -> tuple[list[tuple[str, Bill]], SojournError | None]:
    """The bills of a run in which every first attempt was answered: another attempt is another call on the bill.

    And what it ended with before its time.
    """
    tries = 0
    while True:
        tries += 1
        scene = Scene(deployment)
        bills: list[tuple[str, Bill]] = []
        try:
            bills += scene.bills(document)
        except SojournError as error:
            is_transient = isinstance(error, StoreUnavailableError) and error.is_transient
            if not is_transient or tries == _TRIES:
                return bills, error
        else:
            return bills, None
        finally:
            scene.clear(report)


class Scene:
    """A store over the deployed table and bucket, in a namespace of its own."""

    def __init__(self, deployment: Deployment) -> None:
        self.meter = Meter()
        self.clock = FakeClock(int(time.time()))
        self.settings = Settings(namespace=f"verify-{secrets.token_hex(8)}")
        self._deployment = deployment
        client, objects = dynamodb_client(), s3_client()
        self.meter.watch(client)
        self.meter.watch(objects)
        self.backend = DynamoBackend(
            client,
            table=deployment.table,
            objects=ObjectStore(lambda: objects, bucket=deployment.bucket),
            overflow_bytes=self.settings.overflow_bytes,
        )
        self.store = self.process()

    def process(self) -> Store:
        """The store as a process has it that has just begun."""
        return Store(self.backend, self.settings, clock=self.clock, retry=Retry(attempts=1))

    def bills(self, document: Mapping[str, object]) -> Iterator[tuple[str, Bill]]:
        """What each verb takes, by the name that the page has for it."""
        self.store.expire_before(1)  # the mark is there, as it is in a namespace that was ever restored
        yield from self._keeping(document)
        yield from self._logging_in(document)
        yield from self._ending(document)

    def _measured(self, verb: str, action: Callable[[], object]) -> tuple[str, Bill]:
        self.store.not_before()  # read along once a minute: not on the verb's bill
        return verb, self.meter.of(action)

    def _keeping(self, document: Mapping[str, object]) -> Iterator[tuple[str, Bill]]:
        store, measured = self.store, self._measured
        yield measured("create", lambda: store.create(document))
        yield measured("create, of a subject", lambda: store.create(document, subject="one"))
        session = store.create(document, subject="two", label="verify")
        yield measured("read", lambda: store.read(session.token))
        first = self.process()
        yield "read, the first of a process", self.meter.of(lambda: first.read(session.token))
        changed = self._copy(session)
        changed["more"] = 1
        yield measured("write", lambda: store.write(changed))
        yield measured("sessions of a subject (1)", lambda: list(store.sessions(subject="two")))
        self.clock.advance(300)
        yield measured("read, renewing", lambda: store.read(session.token))
        self.clock.advance(300)
        copy = self._copy(session)
        yield measured("touch", lambda: store.touch(copy))
        yield measured("rotate", lambda: store.rotate(copy))
        yield measured("lock", lambda: self._lock(copy))

    def _logging_in(self, document: Mapping[str, object]) -> Iterator[tuple[str, Bill]]:
        store, measured = self.store, self._measured
        session = store.create(document)
        yield measured("login, of an anonymous visitor", lambda: store.login(session, subject="three"))
        yield measured("login, again as the same", lambda: store.login(session, subject="three"))
        yield measured("login, as another", lambda: store.login(session, subject="four"))
        yield measured("touch, to a shorter stay", lambda: store.touch(session, idle=60))

    def _ending(self, document: Mapping[str, object]) -> Iterator[tuple[str, Bill]]:
        store, measured = self.store, self._measured
        ended = store.create(document, subject="five")
        yield measured("expire", lambda: store.expire(ended))
        dead = store.create(document, idle=1)
        self.clock.advance(2)
        yield measured("read, found dead", lambda: store.read(dead.token))
        store.create(document, subject="six")
        yield measured("expire all of a subject (1)", lambda: store.expire_all(subject="six"))

    def _copy(self, session: Session) -> Session:
        found = self.store.read(session.token, touch=False)
        if found is None:
            raise SojournError("a session that was just created is not there")
        return found

    def _lock(self, session: Session) -> None:
        with self.store.lock(session):
            pass

    def clear(self, report: Report) -> None:
        """Remove every item and object of the namespace."""
        client, objects = self._deployment.dynamodb, self._deployment.session.client("s3")
        with trying(report, "units", f"remove the namespace {self.settings.namespace}"):
            for key in self.meter.keys:
                client.delete_item(TableName=self._deployment.table, Key={"session_id": {"S": key}})
            for name in self.meter.objects:
                objects.delete_object(Bucket=self._deployment.bucket, Key=name)
