"""What AWS answers and the engines on one machine do not: parts of a batch, throttled statements, foreign items."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from devstack.clients import Clients
from sojourn import CorruptSessionError, StoreUnavailableError
from sojourn.backends.clients import dynamodb_client
from sojourn.backends.dynamodb import DynamoBackend
from sojourn.backends.items import item_of
from sojourn.sweep.backend import Fate, Hint, Verdict
from tests.contract.records import NOW, a_record, rotated, written
from tests.contract.tables import sessions_table

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


@pytest.fixture(scope="module")
def client(dynamodb_local: str, credentials: None) -> "DynamoDBClient":  # noqa: ARG001  # the client reads them
    """The library's own client."""
    return dynamodb_client(endpoint_url=dynamodb_local)


@pytest.fixture(scope="module")
def vandal(dynamodb_local: str) -> "DynamoDBClient":
    """A client that may put anything into a table."""
    return Clients(dynamodb_local).dynamodb


@pytest.fixture
def table(vandal: "DynamoDBClient") -> Iterator[str]:
    """A table of its own for each test."""
    with sessions_table(vandal) as name:
        yield name


@pytest.fixture
def backend(client: "DynamoDBClient", table: str) -> DynamoBackend:
    """Without a bucket."""
    return DynamoBackend(client, table=table, objects=None, overflow_bytes=65_536)


@contextmanager
def _answering(
    client: "DynamoDBClient", operation: str, change: Callable[[dict[str, Any]], object]
) -> Iterator[list[str]]:
    """The service's answers to ``operation``, changed on their way; yields the calls that were made."""
    calls: list[str] = []

    def changed(parsed: dict[str, Any], **_event: object) -> None:
        calls.append(operation)
        change(parsed)

    client.meta.events.register(f"after-call.dynamodb.{operation}", changed)
    try:
        yield calls
    finally:
        client.meta.events.unregister(f"after-call.dynamodb.{operation}", changed)


def test_a_throttled_statement_is_left_for_the_next_run(client: "DynamoDBClient", backend: DynamoBackend) -> None:
    """The others of its batch are judged by themselves."""
    for name in "ab":
        backend.insert(a_record(name, expires_at=50))

    def throttle(parsed: dict[str, Any]) -> None:
        parsed["Responses"][0] = {"Error": {"Code": "ThrottlingError"}}

    with _answering(client, "BatchExecuteStatement", throttle):
        removal = backend.delete_stale([Hint("app#a", 50), Hint("app#b", 50)], cutoff=100)
    assert removal.verdicts == (Verdict(Fate.LEFT), Verdict(Fate.SWEPT, 50))


def test_a_refused_statement_with_its_item_needs_no_read(client: "DynamoDBClient", backend: DynamoBackend) -> None:
    """AWS sends it along; then what it says is what counts."""
    alive = a_record()
    backend.insert(alive)

    def tell(parsed: dict[str, Any]) -> None:
        parsed["Responses"][0] = {"Error": {"Code": "ConditionalCheckFailed", "Item": item_of(alive)}}

    with (
        _answering(client, "BatchExecuteStatement", tell),
        _answering(client, "GetItem", lambda _parsed: None) as reads,
    ):
        removal = backend.delete_stale([Hint("app#one", 50)], cutoff=100)
    assert removal.verdicts == (Verdict(Fate.ALIVE, alive.expires_at),)
    assert reads == []


def test_a_statement_that_removed_nothing_found_nothing(client: "DynamoDBClient", backend: DynamoBackend) -> None:
    """On AWS the removal of a missing item succeeds."""

    def succeed(parsed: dict[str, Any]) -> None:
        parsed["Responses"][0] = {"TableName": "t"}

    with _answering(client, "BatchExecuteStatement", succeed):
        removal = backend.delete_stale([Hint("app#nobody", 50)], cutoff=100)
    assert removal.verdicts == (Verdict(Fate.MISSING),)


def test_a_foreign_item_is_left_and_stops_no_sweep(
    vandal: "DynamoDBClient", backend: DynamoBackend, table: str
) -> None:
    """Whoever put it there has to look after it."""
    vandal.put_item(TableName=table, Item={"session_id": {"S": "app#foreign"}, "expires_at": {"N": "900"}})
    backend.insert(a_record(expires_at=50))
    removal = backend.delete_stale([Hint("app#foreign", 50), Hint("app#one", 50)], cutoff=100)
    assert removal.verdicts == (Verdict(Fate.FOREIGN), Verdict(Fate.SWEPT, 50))


def test_a_foreign_item_is_no_session(vandal: "DynamoDBClient", backend: DynamoBackend, table: str) -> None:
    """Read or refused: never an empty session, never a crash of another kind."""
    vandal.put_item(TableName=table, Item={"session_id": {"S": "app#one"}, "expires_at": {"N": "9999999999"}})
    seen = a_record()
    for attempt in (
        lambda: backend.load("app#one"),
        lambda: backend.insert(seen),
        lambda: backend.replace(written(seen), seen=seen, now=NOW),
        lambda: backend.rotate(rotated(seen), seen=seen, now=NOW),
    ):
        with pytest.raises(CorruptSessionError):
            attempt()
    assert backend.delete("app#one") is True


def test_a_damaged_item_does_not_hide_the_other_sessions_of_its_subject(
    vandal: "DynamoDBClient", backend: DynamoBackend, table: str, caplog: pytest.LogCaptureFixture
) -> None:
    """The list leaves it out and the log tells of it; ending all of them ends it, too."""
    for name in ("one", "two"):
        backend.insert(a_record(name, subject="app#u"))
    damage = {"Key": {"session_id": {"S": "app#one"}}, "UpdateExpression": "REMOVE version"}
    vandal.update_item(TableName=table, **damage)  # type: ignore[arg-type]  # a request spelled by hand
    assert [record.session_id for record in backend.peek(["app#one", "app#two"])] == ["app#two"]
    assert "its attribute version is missing" in caplog.text
    assert backend.delete("app#one", subject="app#u") is True


def test_a_peek_asks_for_what_was_left_unprocessed(
    client: "DynamoDBClient", backend: DynamoBackend, table: str
) -> None:
    """Until everything is there."""
    for name in "abc":
        backend.insert(a_record(name))

    def keep_one(parsed: dict[str, Any]) -> None:
        found = parsed["Responses"][table]
        parsed["Responses"][table] = found[:1]
        if found[1:]:
            keys = [{"session_id": item["session_id"]} for item in found[1:]]
            parsed["UnprocessedKeys"] = {table: {"Keys": keys, "ConsistentRead": True}}

    with _answering(client, "BatchGetItem", keep_one) as calls:
        found = backend.peek(["app#a", "app#b", "app#c"])
    assert [record.session_id for record in found] == ["app#a", "app#b", "app#c"]
    assert len(calls) == 3


def test_a_peek_that_gets_nowhere_says_so(client: "DynamoDBClient", backend: DynamoBackend, table: str) -> None:
    """A throttled table is not an empty list of devices."""
    backend.insert(a_record())

    def keep_all(parsed: dict[str, Any]) -> None:
        parsed["Responses"] = {}
        parsed["UnprocessedKeys"] = {table: {"Keys": [{"session_id": {"S": "app#one"}}]}}

    with _answering(client, "BatchGetItem", keep_all), pytest.raises(StoreUnavailableError) as unavailable:
        backend.peek(["app#one"])
    assert unavailable.value.is_transient


def test_without_a_bucket_what_overflowed_cannot_be_read(backend: DynamoBackend) -> None:
    """It is not taken for an empty document."""
    backend.insert(replace(a_record(), data=None, overflow="app/one/first"))
    loaded = backend.load("app#one")
    assert loaded is not None
    with pytest.raises(CorruptSessionError, match="bucket"):
        backend.document(loaded)
