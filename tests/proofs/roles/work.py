"""A table, a bucket, and all that the functions and the library do with them. Asserts that it worked, nothing more."""

import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools import Logger

from devstack.clients import Clients
from sojourn import ConflictError, Settings, Store
from sojourn.backends.clients import dynamodb_client, s3_client
from sojourn.backends.dynamodb import DynamoBackend
from sojourn.backends.s3 import ObjectStore
from sojourn.testing import FakeClock
from sojourn_service import Telemetry
from sojourn_service.authorizer import Authorizer
from sojourn_service.settings import AuthorizerSettings, ServiceSettings
from sojourn_service.sweeping import Sweeping
from tests.contract.tables import sessions_table
from tests.proofs.roles.recorder import Recorder
from tests.service.gateway import FakeContext, Gateway

if TYPE_CHECKING:
    from sojourn import Session

LARGE = {"blob": "".join(f"{n:x}" for n in range(30_000))}
SMALL = {"a": 1}


@dataclass
class Place:
    """A table, a bucket, and all that works with them."""

    table: str
    bucket: str
    endpoint_url: str
    settings: Settings
    clock: FakeClock = field(default_factory=FakeClock)
    log: io.StringIO = field(default_factory=io.StringIO)

    def store(self, recorder: Recorder | None = None) -> Store:
        """One whose calls are recorded where a recorder is given."""
        table, bucket = dynamodb_client(endpoint_url=self.endpoint_url), s3_client(endpoint_url=self.endpoint_url)
        if recorder is not None:
            recorder.watch(table)
            recorder.watch(bucket)
        objects = ObjectStore(lambda: bucket, bucket=self.bucket)
        backend = DynamoBackend(table, table=self.table, objects=objects, overflow_bytes=4_096)
        return Store(backend, self.settings, clock=self.clock)

    def telemetry(self) -> Telemetry:
        """What the functions log to."""
        log = Logger(service=f"place-{id(self.log)}", stream=self.log, level="DEBUG", location=None)
        return Telemetry(log, ServiceSettings())


@contextmanager
def a_place(endpoint_url: str, **settings: Any) -> Iterator[Place]:  # noqa: ANN401  # as Settings has them
    """An empty one, with these settings."""
    engine = Clients(endpoint_url)
    with sessions_table(engine.dynamodb) as table:
        bucket = table.replace("sessions", "overflow")
        engine.s3.create_bucket(Bucket=bucket)
        yield Place(table, bucket, endpoint_url, Settings(sweep_grace_seconds=0, sweep_shards=2, **settings))


def _each(place: Place) -> "Iterator[Session]":
    """A small session and a large one."""
    for data in (SMALL, LARGE):
        yield place.store().create(data, subject="ada")


def reads(place: Place, store: Store) -> None:
    """Everything that the read function is asked for."""
    api = Gateway(store, place.telemetry())
    for session in _each(place):
        assert api.send("GET", "/session?touch=false", token=session.token).status == 200
        place.clock.advance(400)
        assert api.send("GET", "/session", token=session.token).status == 200
        assert len(api.send("GET", "/sessions?subject=ada").json()["sessions"]) >= 1
        place.clock.advance(1_800)
        assert api.send("GET", "/session", token=session.token).status == 404


def writes(place: Place, store: Store) -> None:
    """Everything that the write function is asked for."""
    api = Gateway(store, place.telemetry())
    for data in (SMALL, LARGE):
        token = api.create(data, subject="ada")["token"]
        assert api.send("PATCH", "/session", token=token, body={"data": {"b": 1}}).status == 200
        put = api.send("PUT", "/session", token=token, headers={"if-match": "*"}, body={"data": {**data, "c": 2}})
        assert put.status == 200
        assert api.send("POST", "/session/touch", token=token, body={"idle": 900}).status == 200
        rotated = api.send("POST", "/session/rotate", token=token, body={})
        assert rotated.status == 200
        logged_in = api.send("POST", "/session/login", token=rotated.json()["token"], body={"subject": "ada"})
        assert logged_in.status == 200
        assert api.send("PATCH", "/session", token=token, body={"data": {"b": 2}}).status != 200
        place.clock.advance(1_800)
        late = api.send("PATCH", "/session", token=logged_in.json()["token"], body={"data": {"b": 2}})
        assert late.status == 404


def ends(place: Place, store: Store) -> None:
    """Everything that the expire function is asked for."""
    api = Gateway(store, place.telemetry())
    for session in _each(place):
        assert api.send("DELETE", "/session", token=session.token).status == 204
    one, kept = _each(place)
    assert api.send("DELETE", f"/sessions/{one.id}?subject=ada").status == 204
    assert api.send("DELETE", f"/sessions?subject=ada&keep={kept.id}").status == 200
    assert api.send("DELETE", "/sessions?subject=ada").status == 200


def sweeps(place: Place, store: Store) -> None:
    """Runs of the sweep function over what is stale and what was renewed since."""
    sweeping = Sweeping(store, telemetry=place.telemetry(), clock=place.clock)
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
        events = vars(store.resources.backend)["_table"]._client.meta.events
        events.register("after-call.dynamodb.BatchExecuteStatement", _forget_items)


def authorizes(place: Place, store: Store) -> None:
    """Everything that the authorizer is asked for."""
    authorizer = Authorizer(store, AuthorizerSettings(("a",)), telemetry=place.telemetry())
    for session in _each(place):
        event = {
            "type": "TOKEN",
            "methodArn": "arn:aws:execute-api:::api/live/GET/",
            "authorizationToken": session.token,
        }

        def is_open(event: dict[str, str] = event) -> bool:
            return "context" in authorizer.authorize(event, FakeContext())

        assert is_open()
        place.clock.advance(400)
        assert is_open()
        place.clock.advance(1_800)
        assert not is_open()


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
            store.rotate(session)
        before = session.token
        store.login(session, subject="eve")
        assert store.read(before) is None
        behind = store.superseding_document(before, subject="eve")
        assert (behind is None) == (place.settings.encryption != "off")
        store.refresh(session)
        assert [found.id for found in store.sessions(subject="eve")] == [session.id]
        store.expire(session)
    one, _ = _each(place)
    assert store.expire_one(subject="ada", session_id=one.id)
    assert store.expire_all(subject="ada").expired >= 1
    place.clock.advance(1)
    store.expire_before(place.clock())


WORK: dict[str, Callable[[Place, Store], None]] = {
    "read": reads,
    "write": writes,
    "expire": ends,
    "sweep": sweeps,
    "authorizer": authorizes,
    "client": uses,
}
