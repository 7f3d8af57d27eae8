"""What is announced of a life, from the records of real streams: DynamoDB Local is AWS's own engine."""

import json
import re
import secrets
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import pytest
from aws_lambda_powertools.utilities.data_classes import DynamoDBStreamEvent
from botocore.exceptions import ClientError, EndpointConnectionError
from jsonschema import Draft202012Validator

from devstack.clients import Clients
from devstack.template import read_template
from sojourn.backends.clients import dynamodb_client
from sojourn.backends.dynamodb import DynamoBackend
from sojourn.settings import Settings
from sojourn.store import Store
from sojourn.testing import FakeClock
from sojourn_service import Telemetry
from sojourn_service.announcer import Announcer
from tests.service.conftest import Log
from tests.service.gateway import FakeContext
from tests.service.specification import ROOT
from tests.service.streams import FakeBus, records_of

EVENTS: Final = ROOT / "events/events"
SCHEMA: Final = json.loads((ROOT / "docs/events.schema.json").read_text())
SHAPE: Final = ("AttributeDefinitions", "KeySchema", "GlobalSecondaryIndexes", "BillingMode")
AGES: Final = 1_000
"""Seconds between an end that a test lets happen and now: the engine dates records by the minute."""

Announce = Callable[..., list[str]]


@dataclass
class Engine:
    """A backend over a table with a stream, and what is in that."""

    backend: DynamoBackend
    read: Callable[[], list[dict[str, Any]]]


@dataclass
class Table:
    """A store in a namespace of its own, whose clock starts in the past."""

    engine: Engine
    namespace: str
    clock: FakeClock = field(default_factory=lambda: FakeClock(int(time.time()) - AGES))

    @property
    def store(self) -> Store:
        """Of the namespace that events are told of."""
        settings = Settings(namespace=self.namespace, sweep_grace_seconds=0, strict_expire_all=True)
        return Store(self.engine.backend, settings, clock=self.clock)

    @property
    def other(self) -> Store:
        """Of another namespace in the same table."""
        return Store(self.engine.backend, Settings(namespace=f"{self.namespace}-other"), clock=self.clock)

    def now(self) -> None:
        """The engine's time: what was created is long over."""
        self.clock.now = int(time.time())

    def read(self) -> list[dict[str, Any]]:
        """The stream's records of this test, in both namespaces."""
        records = self.engine.read()
        return [one for one in records if one["dynamodb"]["Keys"]["session_id"]["S"].startswith(self.namespace)]


@dataclass
class Told:
    """What arrived at the bus."""

    bus: FakeBus = field(default_factory=FakeBus)

    @property
    def kinds(self) -> list[str]:
        """The detail types, in order."""
        return [entry["DetailType"] for entry in self.bus.accepted]

    @property
    def details(self) -> list[dict[str, Any]]:
        """What they say."""
        return [json.loads(entry["Detail"]) for entry in self.bus.accepted]


@pytest.fixture(scope="module")
def engine(dynamodb_local: str, credentials: None) -> Iterator[Engine]:  # noqa: ARG001  # the client reads them
    """With the keys and the stream of the template."""
    properties = read_template()["Resources"]["SessionsTable"]["Properties"]
    view = properties["StreamSpecification"]["Fn::If"][1]["StreamViewType"]
    name, patient = f"sessions-{secrets.token_hex(8)}", Clients(dynamodb_local).dynamodb
    made = patient.create_table(
        TableName=name,
        StreamSpecification={"StreamEnabled": True, "StreamViewType": view},
        **{key: properties[key] for key in SHAPE},
    )
    client = dynamodb_client(endpoint_url=dynamodb_local)
    stream = made["TableDescription"]["LatestStreamArn"]
    yield Engine(
        DynamoBackend(client, table=name, objects=None, overflow_bytes=65_536),
        lambda: list(records_of(dynamodb_local, stream)),
    )
    patient.delete_table(TableName=name)


@pytest.fixture
def namespace() -> str:
    """Of this test alone."""
    return f"n{secrets.token_hex(8)}"


@pytest.fixture
def table(engine: Engine, namespace: str) -> Table:
    """Without a session of this test's namespace."""
    return Table(engine, namespace)


@pytest.fixture
def told() -> Told:
    """Nothing yet."""
    return Told()


@pytest.fixture
def announce(told: Told, telemetry: Telemetry, namespace: str) -> Announce:
    """Hands records to the function; the sequence numbers from which on they have to come again."""
    announcer = Announcer(told.bus, name="sessions", namespace=namespace, telemetry=telemetry)

    def announced(records: list[dict[str, Any]]) -> list[str]:
        failures = announcer.announce({"Records": records}, FakeContext())
        return [failure["itemIdentifier"] for failure in failures["batchItemFailures"]]

    return announced


def as_delivered(entry: dict[str, Any]) -> dict[str, Any]:
    """An entry as a rule of EventBridge sees it."""
    return {
        "version": "0",
        "id": "6a7e8feb-b491-4cf7-a9f1-bf3703467718",
        "detail-type": entry["DetailType"],
        "source": entry["Source"],
        "account": "123456789012",
        "time": datetime.fromtimestamp(entry["Time"], UTC).isoformat(),
        "region": "eu-central-1",
        "resources": [],
        "detail": json.loads(entry["Detail"]),
    }


def sequences(records: list[dict[str, Any]]) -> list[str]:
    """The records' places in the stream."""
    return [record["dynamodb"]["SequenceNumber"] for record in records]


def test_a_whole_life_is_told_in_order(table: Table, announce: Announce, told: Told) -> None:
    """Created, logged in, rotated, ended; reading, touching and writing are no events of a life."""
    session = table.store.create({"cart": ["teapot"]}, label="Firefox")
    table.store.login(session, subject="ada", label="Firefox on Linux")
    table.clock.advance(10)
    session["cart"].append("pot")
    table.store.write(session)
    table.store.touch(session, idle=5_000)
    table.store.rotate(session)
    table.store.expire(session)
    assert announce(table.read()) == []
    assert told.kinds == ["SessionCreated", "SessionLoggedIn", "SessionRotated", "SessionEnded"]
    assert [detail["subject"] for detail in told.details] == [None, "ada", "ada", "ada"]
    assert [detail["label"] for detail in told.details] == ["Firefox", *["Firefox on Linux"] * 3]
    assert {detail["id"] for detail in told.details} == {session.id}
    ended = told.details[-1]
    assert (ended["reason"], ended["removed_by"]) == ("ended", "request")
    assert (ended["expires_at"], ended["absolute_at"]) == (session.expires_at, session.absolute_at)
    places = [int(detail["sequence"]) for detail in told.details]
    assert places == sorted(places)


def test_no_token_and_no_document_leaves(table: Table, announce: Announce, told: Told, log: Log) -> None:
    """Nor a hash; the records have all but the token."""
    session = table.store.create({"card": "4000-0012"}, subject="ada")
    tokens = [session.token]
    table.store.rotate(session)
    table.store.expire(session)
    records = table.read()
    assert announce(records) == []
    secret = {session.token[16:], *(token[16:] for token in tokens), "4000-0012"}
    secret |= {image[name]["B"] for record in records for image in _images(record) for name in ("token_hash", "data")}
    assert not [one for one in secret if one in json.dumps([told.bus.accepted, log()])]


def _images(record: dict[str, Any]) -> list[dict[str, Any]]:
    return [record["dynamodb"][name] for name in ("OldImage", "NewImage") if name in record["dynamodb"]]


def test_a_session_that_begins_with_its_subject_is_a_login_too(table: Table, announce: Announce, told: Told) -> None:
    """Adapters create it so when a visitor without a session logs in."""
    table.store.create({}, subject="ada")
    announce(table.read())
    assert told.kinds == ["SessionCreated", "SessionLoggedIn"]
    assert [len(call) for call in told.bus.calls] == [1, 1]


def test_a_login_right_after_the_creation_or_another_login_is_one(table: Table, announce: Announce, told: Told) -> None:
    """In the same second, where the beginning is the same."""
    session = table.store.create({})
    table.store.login(session, subject="ada")
    table.store.login(session, subject="bob")
    announce(table.read())
    assert told.kinds[1:] == ["SessionLoggedIn", "SessionLoggedIn"]
    assert [detail["subject"] for detail in told.details] == [None, "ada", "bob"]


@pytest.mark.parametrize("remover", ["reader", "sweep"])
@pytest.mark.parametrize(("idle", "absolute", "reason"), [(100, 900, "idle"), (100, 100, "absolute")])
def test_a_deadline_is_the_reason_whoever_removes_what_is_dead(
    table: Table, announce: Announce, told: Told, remover: str, idle: int, absolute: int, reason: str
) -> None:
    """A reader and the sweeper remove it alike, and the record shows no difference: so the event says both."""
    session = table.store.create({}, idle=idle, absolute=absolute)
    table.now()
    if remover == "reader":
        assert table.store.read(session.token) is None
    else:
        assert table.store.sweep(deadline=table.clock() + 60).swept >= 1
    announce(table.read())
    ended = told.details[-1]
    assert (ended["reason"], ended["removed_by"]) == (reason, "request_or_sweep")
    assert ended["ended_at"] == session.expires_at == ended["expires_at"]


@pytest.mark.parametrize("way", ["by its owner", "with all others", "by an instant"])
def test_an_end_before_the_deadline_is_a_request(table: Table, announce: Announce, told: Told, way: str) -> None:
    """Which one it was the record does not show."""
    session = table.store.create({}, subject="ada", idle=20_000)
    table.now()
    match way:
        case "by its owner":
            assert table.store.expire_one(subject="ada", session_id=session.id)
        case "with all others":
            table.store.expire_all(subject="ada")
        case _:
            table.store.expire_before(table.clock())
            assert table.store.read(session.token) is None
    announce(table.read())
    assert told.kinds == ["SessionCreated", "SessionLoggedIn", "SessionEnded"]
    assert (told.details[-1]["reason"], told.details[-1]["removed_by"]) == ("ended", "request")


def test_other_items_and_other_namespaces_are_passed_over(
    table: Table, announce: Announce, told: Told, log: Log
) -> None:
    """Marks, epochs and locks are no sessions, and what is done in another namespace is not told in this one."""
    session = table.store.create({}, subject="ada")
    with table.store.lock(session):
        table.store.expire_all(subject="bob")
        table.store.expire_before(table.clock() - 100)
    other = table.other.create({}, subject="eve")
    table.other.expire(other)
    assert announce(table.read()) == []
    assert told.kinds == ["SessionCreated", "SessionLoggedIn"]
    assert [line["message"] for line in log()] == ["events"]


def test_a_damaged_item_holds_up_no_other(table: Table, announce: Announce, told: Told, log: Log) -> None:
    """Another application may write into the table: what no session has is named in the log, without what it holds."""
    session = table.store.create({}, subject="ada")
    good = table.read()
    damaged = json.loads(json.dumps(good[0]))
    damaged["dynamodb"]["NewImage"]["created_at"] = {"N": "secret"}
    foreign = json.loads(json.dumps(good[0]))
    foreign["dynamodb"]["NewImage"]["subject"] = {"S": "other#secret"}
    assert announce([damaged, foreign, {"dynamodb": {}}, *good]) == []
    assert told.kinds == ["SessionCreated", "SessionLoggedIn"]
    left_out = [line for line in log() if line["message"] == "event left out"]
    assert [line.get("session") for line in left_out] == [session.id, session.id, None]
    assert "secret" not in json.dumps([log(), told.bus.accepted])


def test_what_the_bus_did_not_take_comes_again_and_nothing_overtakes_it(
    table: Table, announce: Announce, told: Told, log: Log
) -> None:
    """The record of the first entry that was refused is named; later ones of its session have not been sent."""
    sessions = [table.store.create({}) for _ in range(3)]
    table.store.rotate(sessions[1])
    records = table.read()
    told.bus.refused = {1}
    assert announce(records) == [sequences(records)[1]]
    assert told.kinds == ["SessionCreated"] * 2
    assert (log()[-1]["level"], log()[-1]["reason"]) == ("ERROR", "ThrottlingException")
    assert announce(records[1:]) == []
    of_it = [kind for kind, detail in zip(told.kinds, told.details, strict=True) if detail["id"] == sessions[1].id]
    assert of_it == ["SessionCreated", "SessionRotated"]


@pytest.mark.parametrize(
    "error",
    [
        ClientError({"Error": {"Code": "AccessDeniedException", "Message": "…"}}, "PutEvents"),
        EndpointConnectionError(endpoint_url="https://events"),
    ],
)
def test_a_bus_that_is_away_is_a_batch_that_comes_again(
    table: Table, announce: Announce, told: Told, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    """From its first record on."""
    table.store.create({})
    records = table.read()

    def put_events(**_: object) -> None:
        raise error

    monkeypatch.setattr(told.bus, "put_events", put_events)
    assert announce(records) == sequences(records)[:1]


def test_a_call_takes_ten(table: Table, announce: Announce, told: Told) -> None:
    """And one of each session."""
    for _ in range(12):
        table.store.create({})
    announce(table.read())
    assert [len(call) for call in told.bus.calls] == [10, 2]


# What others see.


SAMPLES: Final = sorted(EVENTS.glob("*.json"))


def sample(path: Path, namespace: str) -> dict[str, Any]:
    """A sample event in another namespace."""
    event: dict[str, Any] = json.loads(path.read_text().replace("default#", f"{namespace}#"))
    return event


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.stem)
def test_a_sample_event_is_told_as_its_name_says(announce: Announce, told: Told, path: Path, namespace: str) -> None:
    """And is one of DynamoDB's streams, as Powertools reads them."""
    event = sample(path, namespace)
    (record,) = DynamoDBStreamEvent(event).records
    assert record.dynamodb is not None
    assert record.dynamodb.keys["session_id"].startswith(f"{namespace}#")
    assert announce(event["Records"]) == []
    kind = "".join(word.capitalize() for word in path.stem.partition(".")[0].split("-"))
    assert told.kinds == ([kind] if kind != "LockTaken" else [])


def test_what_time_to_live_removed_says_so(announce: Announce, told: Told, namespace: str) -> None:
    """The one remover that a record names."""
    announce(sample(EVENTS / "session-ended.by-ttl.json", namespace)["Records"])
    assert (told.details[0]["reason"], told.details[0]["removed_by"]) == ("idle", "ttl")


def test_every_event_is_one_of_the_schema(table: Table, announce: Announce, told: Told) -> None:
    """Which judges: what is not in it is refused."""
    Draft202012Validator.check_schema(SCHEMA)
    session = table.store.create({}, subject="ada", label="Firefox")
    table.store.rotate(session)
    table.store.expire(session)
    announce([*table.read(), *(record for path in SAMPLES for record in sample(path, table.namespace)["Records"])])
    judge = Draft202012Validator(SCHEMA)
    delivered = [as_delivered(entry) for entry in told.bus.accepted]
    assert {event["detail-type"] for event in delivered} == set(SCHEMA["properties"]["detail-type"]["enum"])
    assert [list(judge.iter_errors(event)) for event in delivered] == [[] for _ in delivered]
    for event in delivered:
        wrong = event | {"detail": event["detail"] | {"data": "…"}}
        assert not judge.is_valid(wrong)
    nobodys = next(event for event in delivered if event["detail-type"] == "SessionLoggedIn")
    assert not judge.is_valid(nobodys | {"detail": nobodys["detail"] | {"subject": None}})
    unreasoned = next(event for event in delivered if event["detail-type"] == "SessionEnded")
    detail = {name: value for name, value in unreasoned["detail"].items() if name != "reason"}
    assert not judge.is_valid(unreasoned | {"detail": detail})


def test_the_page_shows_an_event_of_the_schema_and_its_costs_add_up() -> None:
    """What a reader copies is what comes."""
    page = (ROOT / "docs/events.md").read_text()
    shown = json.loads(page.partition("```json\n")[2].partition("```")[0])
    assert list(Draft202012Validator(SCHEMA).iter_errors(shown)) == []
    rows = [float(row) for row in re.findall(r"\| (\d+\.\d\d) \|$", page, re.MULTILINE)]
    assert round(sum(rows[:-1]), 2) == rows[-1]
    assert rows[1] == round(3 * 0.2 + 3_000_000 * 0.02 * 0.5 * 0.0000133334, 2)
    assert rows[2] == round(3_000_000 * 350 / 2**30 * 0.5, 1)
