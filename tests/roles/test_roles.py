"""Least privilege, both ways: every call is granted to its role, and every grant is used by it.

The emulator knows neither PartiQL's actions nor leading keys, so the policies are evaluated here, against the calls
that the real functions make.
"""

import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest
from aws_lambda_powertools import Logger
from aws_lambda_powertools.metrics import EphemeralMetrics

from devstack.clients import Clients
from devstack.layout import ROOT
from devstack.template import read_template
from sojourn import ConflictError, Settings, Store
from sojourn.backends.clients import dynamodb_client, s3_client
from sojourn.backends.dynamodb import DynamoBackend
from sojourn.backends.s3 import ObjectStore
from sojourn.testing import FakeClock
from sojourn_service import Telemetry
from sojourn_service.sweeping import Sweeping
from tests.contract.tables import sessions_table
from tests.integration.gateway import FakeContext, Gateway
from tests.roles.policies import PARTITION, Call, Grant, Names, allowed, policy_of
from tests.roles.recorder import Recorder, bucket_arn, table_arn

if TYPE_CHECKING:
    from sojourn import Session

ROLES = {
    "read": "ReadFunction",
    "write": "WriteFunction",
    "expire": "ExpireFunction",
    "sweep": "SweepFunction",
    "client": "ClientPolicy",
}
LARGE = {"blob": "".join(f"{n:x}" for n in range(30_000))}
SMALL = {"a": 1}


@dataclass
class Place:
    """A table, a bucket, and everybody who works with them."""

    table: str
    bucket: str
    endpoint_url: str
    is_strict: bool
    namespace: str = "default"
    clock: FakeClock = field(default_factory=FakeClock)

    def store(self, recorder: Recorder | None = None) -> Store:
        """Somebody's, whose calls are recorded where a recorder is given."""
        table, bucket = dynamodb_client(endpoint_url=self.endpoint_url), s3_client(endpoint_url=self.endpoint_url)
        if recorder is not None:
            recorder.watch(table)
            recorder.watch(bucket)
        objects = ObjectStore(bucket, bucket=self.bucket)
        backend = DynamoBackend(table, table=self.table, objects=objects, overflow_bytes=4_096)
        settings = Settings(
            strict_expire_all=self.is_strict, sweep_grace_seconds=0, sweep_shards=2, namespace=self.namespace
        )
        return Store(backend, settings, clock=self.clock)

    def names(self) -> Names:
        """What the template's references are here."""
        values = {
            "SessionsTable.Arn": table_arn(self.table),
            "OverflowBucket.Arn": bucket_arn(self.bucket),
            "sojourn-TableName": self.table,
            "sojourn-BucketName": self.bucket,
            "StackName": "sojourn",
            "Namespace": self.namespace,
        }
        return Names({**PARTITION, **values}, {"HasKmsKey": False, "EndsAllAtOnce": self.is_strict})

    def grants(self, role: str) -> list[Grant]:
        """What the template gives a role."""
        return self.names().grants(policy_of(read_template(), ROLES[role]))


@contextmanager
def a_place(endpoint_url: str, *, is_strict: bool) -> Iterator[Place]:
    """An empty one."""
    engine = Clients(endpoint_url)
    with sessions_table(engine.dynamodb) as table:
        bucket = table.replace("sessions", "overflow")
        engine.s3.create_bucket(Bucket=bucket)
        yield Place(table, bucket, endpoint_url, is_strict)


def _telemetry() -> Telemetry:
    log = Logger(service="roles", stream=io.StringIO(), location=None)
    return Telemetry(log, EphemeralMetrics(service="sojourn", namespace="Sojourn"))


def _each(place: Place) -> "Iterator[Session]":
    """A small session and a large one."""
    for data in (SMALL, LARGE):
        yield place.store().create(data, subject="ada")


def reads(place: Place, store: Store) -> None:
    """Everything that the read function is asked for."""
    api = Gateway(store, _telemetry())
    for session in _each(place):
        assert api.send("GET", "/session?touch=false", token=session.token).status == 200
        place.clock.advance(400)
        assert api.send("GET", "/session", token=session.token).status == 200
        assert len(api.send("GET", "/subjects/ada/sessions").json()["sessions"]) >= 1
        place.clock.advance(1_800)
        assert api.send("GET", "/session", token=session.token).status == 404


def writes(place: Place, store: Store) -> None:
    """Everything that the write function is asked for."""
    api = Gateway(store, _telemetry())
    for data in (SMALL, LARGE):
        token = api.create(data, subject="ada")["token"]
        assert api.send("PATCH", "/session", token=token, body={"data": {"b": 1}}).status == 200
        put = api.send("PUT", "/session", token=token, headers={"if-match": "*"}, body={"data": {**data, "c": 2}})
        assert put.status == 200
        assert api.send("POST", "/session/touch", token=token, body={"idle": 900}).status == 200
        rotated = api.send("POST", "/session/rotate", token=token, body={"subject": "ada"})
        assert rotated.status == 200
        place.clock.advance(1_800)
        late = api.send("PATCH", "/session", token=rotated.json()["token"], body={"data": {"b": 2}})
        assert late.status == 404


def ends(place: Place, store: Store) -> None:
    """Everything that the expire function is asked for."""
    api = Gateway(store, _telemetry())
    for session in _each(place):
        assert api.send("DELETE", "/session", token=session.token).status == 204
    one, kept = _each(place)
    assert api.send("DELETE", f"/subjects/ada/sessions/{one.id}").status == 204
    assert api.send("DELETE", f"/subjects/ada/sessions?keep={kept.id}").status == 200
    assert api.send("DELETE", "/subjects/ada/sessions").status == 200


def sweeps(place: Place, store: Store) -> None:
    """Runs of the sweep function over what is stale and what was renewed since."""
    sweeping = Sweeping(store, telemetry=_telemetry(), clock=place.clock)
    for _ in range(2):
        renewed = place.store().create(SMALL, idle=3_600)
        list(_each(place))
        place.clock.advance(3_000)
        place.store().touch(renewed)
        place.clock.advance(3_000)
        run = sweeping.run({}, FakeContext(seconds=250))
        assert run["swept"] >= 2
        assert run["moved"] == 1
        # The second time from an engine that sends no item along with what it refuses, as DynamoDB Local.
        events = vars(store)["_backend"]._client.meta.events
        events.register("after-call.dynamodb.BatchExecuteStatement", _forget_items)


def _forget_items(parsed: dict[str, Any], **_: object) -> None:
    for answer in parsed["Responses"]:
        answer.get("Error", {}).pop("Item", None)


def uses(place: Place, store: Store) -> None:
    """Every verb of the library."""
    for data in (SMALL, LARGE):
        session = store.create(data, subject="ada")
        other = store.read(session.token)
        assert other is not None
        session["b"], other["b"] = 1, 2
        store.write(session)
        with suppress(ConflictError):
            store.write(other)
        store.touch(session, idle=900)
        with store.lock(session):
            store.rotate(session, subject="eve")
        assert [found.id for found in store.sessions(subject="eve")] == [session.id]
        store.expire(session)
    one, _ = _each(place)
    assert store.expire_one(subject="ada", session_id=one.id)
    assert store.expire_all(subject="ada") >= 1
    place.clock.advance(1)
    store.expire_before(place.clock())


WORK: dict[str, Callable[[Place, Store], None]] = {
    "read": reads,
    "write": writes,
    "expire": ends,
    "sweep": sweeps,
    "client": uses,
}


@pytest.fixture(scope="module", params=[False, True], ids=["default", "strict"])
def place(request: pytest.FixtureRequest, ministack: str, credentials: None) -> Iterator[Place]:  # noqa: ARG001
    """For every choice of parameters that changes a policy."""
    with a_place(ministack, is_strict=request.param) as made:
        yield made


@pytest.fixture(scope="module")
def recorded(place: Place) -> dict[str, set[Call]]:
    """Every role's calls while it does all of its work."""
    found = {}
    for role, work in WORK.items():
        recorder = Recorder()
        work(place, place.store(recorder))
        found[role] = recorder.calls
        print(f"{role}: {recorder.number} calls, {len(recorder.calls)} different")  # noqa: T201  # -rP shows it
    return found


@pytest.mark.parametrize("role", ROLES)
def test_every_call_is_granted(place: Place, recorded: dict[str, set[Call]], role: str) -> None:
    """By the template's own policy for it."""
    grants = place.grants(role)
    assert [call for call in recorded[role] if not allowed(grants, call)] == []


@pytest.mark.parametrize("role", ROLES)
def test_every_grant_is_used(place: Place, recorded: dict[str, set[Call]], role: str) -> None:
    """Whoever takes over the function could do no more than it does; and no two grants say the same."""
    grants = place.grants(role)
    assert unused(grants, recorded[role]) == []
    for grant in grants:
        others = [other for other in grants if other is not grant]
        assert any(not allowed(others, call) for call in recorded[role]), f"{grant} could be left out"


def unused(grants: list[Grant], calls: set[Call]) -> list[Grant]:
    """Grants that no call needs."""
    return [grant for grant in grants if not any(grant.allows(call) for call in calls)]


@pytest.mark.parametrize("role", ROLES)
def test_a_grant_too_many_is_noticed(place: Place, recorded: dict[str, set[Call]], role: str) -> None:
    """Of an action that it never takes, or where it never takes it."""
    grants = place.grants(role)
    table, bucket = table_arn(place.table), bucket_arn(place.bucket)
    for action in ("Scan", "PartiQLInsert", "PartiQLSelect", "BatchWriteItem", "DescribeTable", "DeleteTable"):
        extra = Grant(f"dynamodb:{action}", table)
        assert unused([*grants, extra], recorded[role]) == ([] if extra in grants else [extra])
    for extra in (Grant("s3:ListBucket", bucket), Grant("dynamodb:GetItem", table_arn("other"))):
        assert unused([*grants, extra], recorded[role]) == [extra]


def test_the_client_policy_cannot_enumerate(place: Place) -> None:
    """Who imports the layer has to know a token, an id or a subject."""
    grants = place.grants("client")
    table, bucket = table_arn(place.table), bucket_arn(place.bucket)
    listing = ["Scan", "Query", "PartiQLSelect", "ExportTableToPointInTime", "DescribeStream", "GetRecords"]
    assert not any(allowed(grants, Call(f"dynamodb:{action}", table)) for action in listing)
    assert not any(
        allowed(grants, Call(action, f"{table}/index/sweep")) for action in ("dynamodb:Query", "dynamodb:Scan")
    )
    assert not allowed(grants, Call("dynamodb:Scan", f"{table}/index/subject"))
    assert not any(allowed(grants, Call(f"s3:{action}", bucket)) for action in ("ListBucket", "ListBucketVersions"))


# Namespaces.


def _namespace_grants(place: Place) -> list[Grant]:
    template = read_template(ROOT / "layers/namespace.yaml")
    return place.names().grants(policy_of(template, "NamespacePolicy"))


def test_namespaces_are_walls(ministack: str, place: Place) -> None:
    """With the policy of one, every verb works in it and nothing in another."""
    mine = Place(place.table, place.bucket, ministack, place.is_strict, namespace="mine")
    theirs = Place(place.table, place.bucket, ministack, place.is_strict, namespace="minefield")
    grants = _namespace_grants(mine)
    recorders = {owner.namespace: Recorder() for owner in (mine, theirs)}
    for owner in (mine, theirs):
        uses(owner, owner.store(recorders[owner.namespace]))
    assert [call for call in recorders["mine"].calls if not allowed(grants, call)] == []
    assert [call for call in recorders["minefield"].calls if allowed(grants, call)] == []
    assert unused(grants, recorders["mine"].calls) == []
    table = table_arn(place.table)
    for action in ("Scan", "Query", "BatchGetItem", "GetItem", "PartiQLSelect", "PartiQLUpdate"):
        assert not allowed(grants, Call(f"dynamodb:{action}", table))
    assert not allowed(grants, Call("dynamodb:BatchGetItem", table, frozenset({"mine#a", "theirs#b"})))


@pytest.mark.parametrize("broken", ["keys", "objects"])
def test_a_wall_with_a_hole_is_noticed(place: Place, broken: str) -> None:
    """Without the condition, or for all objects, others would be let in."""
    document: dict[str, Any] = dict(policy_of(read_template(ROOT / "layers/namespace.yaml"), "NamespacePolicy"))
    for statement in document["Statement"]:
        if broken == "keys":
            statement.pop("Condition", None)
        elif statement.get("Sid") == "Overflow":
            statement["Resource"] = f"{bucket_arn(place.bucket)}/*"
    grants = place.names().grants(document)
    foreign = [
        Call("dynamodb:GetItem", table_arn(place.table), frozenset({"other#id"})),
        Call("s3:GetObject", f"{bucket_arn(place.bucket)}/other/id/write"),
    ]
    assert any(allowed(grants, call) for call in foreign)


# The evaluator itself.


@pytest.mark.parametrize(
    ("grant", "call", "is_allowed"),
    [
        (Grant("s3:Get*", "arn:x/*"), Call("s3:GetObject", "arn:x/a/b"), True),
        (Grant("s3:Get*", "arn:x/*"), Call("s3:PutObject", "arn:x/a"), False),
        (Grant("s3:GetObject", "arn:x"), Call("s3:GetObject", "arn:x/a"), False),
        (Grant("d:G", "t", "a#*"), Call("d:G", "t", frozenset({"a#1", "a#2"})), True),
        (Grant("d:G", "t", "a#*"), Call("d:G", "t", frozenset({"a#1", "b#2"})), False),
        (Grant("d:G", "t", "a#*"), Call("d:G", "t", None), False),
        (Grant("d:G", "t", "[a]#*"), Call("d:G", "t", frozenset({"a#1"})), False),
    ],
)
def test_the_evaluator(grant: Grant, call: Call, is_allowed: bool) -> None:
    """As IAM does."""
    assert grant.allows(call) is is_allowed


def test_what_the_evaluator_does_not_know_is_no_pass() -> None:
    """A Deny, a NotAction and another condition are errors."""
    names = Names({}, {})
    for more in ({"Effect": "Deny"}, {"NotAction": "*"}, {"Condition": {"Bool": {"aws:SecureTransport": "true"}}}):
        statement = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*", **more}
        with pytest.raises(NotImplementedError):
            names.grants({"Statement": [statement]})
