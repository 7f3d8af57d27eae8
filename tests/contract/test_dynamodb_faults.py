"""What AWS answers and the engines on one machine do not: parts of a batch, throttled statements, foreign items."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from devstack.clients import Clients
from sojourn import CorruptSessionError, StoreUnavailableError
from sojourn.backend import Mark, Match, Position, Refused
from sojourn.backends.clients import dynamodb_client
from sojourn.backends.dynamodb import DynamoBackend
from sojourn.backends.items import item_of
from sojourn.sweep.backend import Fate, Hint, Verdict
from tests.contract.records import NOW, a_hash, a_record, a_write_id, key, logged_in, rotated, written
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
        removal = backend.sweep.delete_stale([Hint(key("a"), 50), Hint(key("b"), 50)], cutoff=100)
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
        removal = backend.sweep.delete_stale([Hint(key(), 50)], cutoff=100)
    assert removal.verdicts == (Verdict(Fate.ALIVE, alive.expires_at),)
    assert reads == []


def test_a_statement_that_removed_nothing_found_nothing(client: "DynamoDBClient", backend: DynamoBackend) -> None:
    """On AWS the removal of a missing item succeeds."""

    def succeed(parsed: dict[str, Any]) -> None:
        parsed["Responses"][0] = {"TableName": "t"}

    with _answering(client, "BatchExecuteStatement", succeed):
        removal = backend.sweep.delete_stale([Hint(key("absent"), 50)], cutoff=100)
    assert removal.verdicts == (Verdict(Fate.MISSING),)


def test_a_foreign_item_is_left_and_stops_no_sweep(
    vandal: "DynamoDBClient", backend: DynamoBackend, table: str
) -> None:
    """The application that put it there has to look after it."""
    vandal.put_item(TableName=table, Item={"session_id": {"S": key("foreign")}, "expires_at": {"N": "900"}})
    backend.insert(a_record(expires_at=50))
    removal = backend.sweep.delete_stale([Hint(key("foreign"), 50), Hint(key(), 50)], cutoff=100)
    assert removal.verdicts == (Verdict(Fate.FOREIGN), Verdict(Fate.SWEPT, 50))


def test_a_foreign_item_is_no_session(vandal: "DynamoDBClient", backend: DynamoBackend, table: str) -> None:
    """Read or refused: never an empty session, never a crash of another kind."""
    vandal.put_item(TableName=table, Item={"session_id": {"S": key()}, "expires_at": {"N": "9999999999"}})
    seen = a_record()
    for attempt in (
        lambda: backend.load(key()),
        lambda: backend.load_with_mark(key(), "app#!not-before"),
        lambda: backend.insert(seen),
        lambda: backend.replace(written(seen), seen=seen, now=NOW),
        lambda: backend.replace(rotated(seen), seen=seen, now=NOW),
        lambda: backend.replace(logged_in(seen), seen=seen, now=NOW),
        lambda: backend.renew(replace(seen, expires_at=NOW + 9_000), seen=seen, now=NOW),
    ):
        with pytest.raises(CorruptSessionError):
            attempt()
    assert backend.delete(key(), match=Match(token_hash=seen.token_hash)) == Refused(None)
    assert backend.delete(key(), match=Match(expires_at=9_999_999_999)) is None


def test_a_damaged_item_does_not_hide_the_other_sessions_of_its_subject(
    vandal: "DynamoDBClient", backend: DynamoBackend, table: str, caplog: pytest.LogCaptureFixture
) -> None:
    """The list leaves it out and the log tells of it; ending all of them ends it, too."""
    for name in ("one", "two"):
        backend.insert(a_record(name, subject="app#u"))
    damage = {"Key": {"session_id": {"S": key()}}, "UpdateExpression": "REMOVE version"}
    vandal.update_item(TableName=table, **damage)  # type: ignore[arg-type]  # a request spelled by hand
    assert [record.session_id for record in backend.peek([key("one"), key("two")])] == [key("two")]
    assert "its attribute version is missing" in caplog.text
    assert backend.delete(key(), match=Match(subject="app#u")) is None


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
        found = backend.peek([key("a"), key("b"), key("c")])
    assert [record.session_id for record in found] == [key("a"), key("b"), key("c")]
    assert len(calls) == 3


def test_a_peek_that_gets_nowhere_says_so(client: "DynamoDBClient", backend: DynamoBackend, table: str) -> None:
    """A throttled table is not an empty list of devices."""
    backend.insert(a_record())

    def keep_all(parsed: dict[str, Any]) -> None:
        parsed["Responses"] = {}
        parsed["UnprocessedKeys"] = {table: {"Keys": [{"session_id": {"S": key()}}]}}

    with _answering(client, "BatchGetItem", keep_all), pytest.raises(StoreUnavailableError) as unavailable:
        backend.peek([key()])
    assert unavailable.value.is_transient


def test_without_a_bucket_what_overflowed_cannot_be_read(backend: DynamoBackend) -> None:
    """It is not taken for an empty document."""
    backend.insert(replace(a_record(), data=None, overflow=f"app/{key()[4:]}/{a_write_id('first')}"))
    loaded = backend.load(key())
    assert loaded is not None
    with pytest.raises(CorruptSessionError, match="bucket"):
        backend.document(loaded)


NUMBERS = ("version", "created_at", "began_at", "expires_at", "absolute_at", "idle", "rotated_at", "sweep_at")


@pytest.mark.parametrize("name", NUMBERS)
def test_a_number_out_of_bounds_makes_no_session(
    vandal: "DynamoDBClient", backend: DynamoBackend, table: str, name: str
) -> None:
    """DynamoDB keeps numbers of 38 digits; no clock is compared with them."""
    vandal.put_item(TableName=table, Item=_item() | {name: {"N": str(10**60)}})
    with pytest.raises(CorruptSessionError, match=name):
        backend.load(key())
    assert backend.peek([key()]) == []
    assert backend.delete(key(), match=Match(token_hash=a_hash("one"))) is None


def _item() -> dict[str, Any]:
    return dict(item_of(a_record(subject="app#u", sweep_shard="1", sweep_at=NOW, rotated_at=NOW)))


def test_a_deadline_out_of_bounds_stops_no_sweep(vandal: "DynamoDBClient", backend: DynamoBackend, table: str) -> None:
    """It is no session of ours, and is put aside."""
    vandal.put_item(TableName=table, Item=_item() | {"expires_at": {"N": str(10**60)}})
    removal = backend.sweep.delete_stale([Hint(key(), NOW)], cutoff=NOW)
    assert removal.verdicts == (Verdict(Fate.FOREIGN),)


def _poison(vandal: "DynamoDBClient", table: str, count: int, *, created_at: str, namespace: str) -> None:
    for number in range(count):
        item = {
            "session_id": {"S": f"{namespace}#{number:012}"},
            "subject": {"S": "app#u"},
            "created_at": {"N": created_at},
        }
        vandal.put_item(TableName=table, Item=item)


POISON = {
    "of another namespace": {"created_at": str(NOW + 9), "namespace": "admin"},
    "of no whole second": {"created_at": "99999999999.5", "namespace": "app"},
    "beyond the year 9999": {"created_at": "1" + "0" * 20, "namespace": "app"},
}


@pytest.mark.parametrize("poison", POISON.values(), ids=POISON)
@pytest.mark.parametrize("limit", [1, 2, 5, 100])
def test_positions_that_are_not_ours_are_left_out_of_a_list(
    vandal: "DynamoDBClient",
    backend: DynamoBackend,
    table: str,
    poison: dict[str, str],
    limit: int,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Also where whole pages are full of them; what is ours is listed once, and the list ends."""
    _poison(vandal, table, 7, **poison)
    for name in "abc":
        backend.insert(a_record(name, subject="app#u"))
    shown, after = list[Position](), None
    for _ in range(20):
        page = backend.of_subject("app#u", limit=limit, after=after)
        shown += page.positions
        after = page.after
        if after is None:
            break
    assert after is None
    assert sorted(position.session_id for position in shown) == [key("a"), key("b"), key("c")]
    assert "none of this namespace" in caplog.text


def test_a_list_of_nothing_but_foreign_positions_is_empty(
    vandal: "DynamoDBClient", backend: DynamoBackend, table: str
) -> None:
    """And ends."""
    _poison(vandal, table, 5, **POISON["of another namespace"])
    for limit in (1, 2, 5, 9):
        page = backend.of_subject("app#u", limit=limit)
        assert (page.positions, page.after) == ((), None)


def test_a_session_and_its_mark_are_asked_for_until_both_are_there(
    client: "DynamoDBClient", backend: DynamoBackend, table: str
) -> None:
    """A key that was left unprocessed is no missing session, and no missing mark."""
    name, mark, asked = "app#!not-before", Mark("", number=7), list[int]()
    backend.insert(a_record())
    backend.set_mark(name, mark, seen=None, expires_at=None)

    def keep_one(parsed: dict[str, Any]) -> None:
        asked.append(len(asked))
        found = parsed["Responses"][table]
        if len(asked) == 1:
            parsed["Responses"][table] = found[:1]
            parsed["UnprocessedKeys"] = {table: {"Keys": [{"session_id": item["session_id"]} for item in found[1:]]}}

    with _answering(client, "BatchGetItem", keep_one):
        assert backend.load_with_mark(key(), name) == (a_record(), mark)
    assert asked == [0, 1]


def test_a_session_and_its_mark_that_are_not_served_are_no_absence(
    client: "DynamoDBClient", backend: DynamoBackend, table: str
) -> None:
    """A throttled table does not log anybody out."""
    backend.insert(a_record())

    def keep_all(parsed: dict[str, Any]) -> None:
        parsed["Responses"] = {}
        parsed["UnprocessedKeys"] = {table: {"Keys": [{"session_id": {"S": key()}}]}}

    with _answering(client, "BatchGetItem", keep_all), pytest.raises(StoreUnavailableError) as unavailable:
        backend.load_with_mark(key(), "app#!not-before")
    assert unavailable.value.is_transient
    assert not unavailable.value.outcome_unknown
