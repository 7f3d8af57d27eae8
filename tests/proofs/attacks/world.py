"""One table and bucket with two applications: a shop, and a tenant that may write anything under its own namespace.

What is outside of that namespace is watched. Knows no attack.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

import boto3
from botocore.exceptions import ClientError

from devstack.clients import Clients
from sojourn import Settings, SojournError, Store
from sojourn.backends.clients import dynamodb_client
from sojourn.backends.dynamodb import DynamoBackend
from sojourn.backends.items import Item
from sojourn.retry import Retry
from sojourn.testing import FakeClock
from tests.contract.records import LARGE
from tests.contract.tables import MemoryObjects, sessions_table

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

    from sojourn.session import Session

DAY = 86_400
SECRET = "the shop's own"


class World:
    """The shop has two sessions of ``bob``, one with its document in the bucket, a lock and an epoch."""

    def __init__(self, client: "DynamoDBClient", raw: "DynamoDBClient", table: str) -> None:
        self.clock = FakeClock()
        self.raw = raw
        self.table = table
        self.objects = MemoryObjects()
        self.backend = DynamoBackend(client, table=table, objects=self.objects, overflow_bytes=10_000)
        self.shop = self.store("shop")
        small = self.shop.create({"secret": SECRET}, subject="bob", label=SECRET, idle=30 * DAY, absolute=60 * DAY)
        blob = {"secret": SECRET, "blob": LARGE[:20_000]}
        large = self.shop.create(blob, subject="bob", idle=30 * DAY, absolute=60 * DAY)
        self.key = f"shop#{small.id}"
        self.documents = {session.token: dict(session) for session in (small, large)}
        self.ids = {small.id, large.id}
        with self.shop.lock(small):
            pass
        self.shop.expire_before(1)
        (self.object,) = self.objects.bodies
        self.before = self.elsewhere()

    def store(self, namespace: str) -> Store:
        """An application's, in a process that has just begun."""
        settings = Settings(
            namespace=namespace,
            sweep_shards=1,
            sweep_grace_seconds=0,
            overflow_bytes=10_000,
            strict_expire_all=True,
        )
        return Store(self.backend, settings, clock=self.clock, retry=Retry(sleep=lambda _seconds: None))

    def items(self) -> list[Any]:
        """Everything in the table."""
        found: list[Any] = self.raw.scan(TableName=self.table, ConsistentRead=True)["Items"]
        return found

    def elsewhere(self) -> tuple[dict[str, Item], dict[str, bytes]]:
        """Items and objects that are not the tenant's."""
        items = {str(item["session_id"]["S"]): item for item in self.items()}
        bodies = self.objects.bodies
        return (
            {key: items[key] for key in items if not key.startswith("tenant#")},
            {key: bodies[key] for key in bodies if not key.startswith("tenant/")},
        )

    def put(self, item: Item) -> bool:
        """Store an item as IAM lets the tenant; whether the engine takes it."""
        assert str(item["session_id"].get("S", "tenant#")).startswith("tenant#"), "IAM would refuse it"
        try:
            self.raw.put_item(TableName=self.table, Item=item)
        except ClientError:
            return False
        return True

    def tenant_uses(self, token: str, *, subject: str) -> None:
        """Every verb of the tenant's own, on whatever it finds there: done, or refused with an error of Sojourn's."""
        tenant = self.store("tenant")
        with suppress(SojournError):
            session = tenant.read(token)
            if session is not None:
                self._changes(tenant, session)
        verbs: list[Callable[[], object]] = [
            lambda: list(tenant.sessions(subject=subject)),
            lambda: [tenant.expire_one(subject=subject, session_id=one) for one in self.ids],
            lambda: tenant.expire_all(subject=subject),
            lambda: tenant.expire(token),
            tenant.not_before,
        ]
        for verb in verbs:
            with suppress(SojournError):
                verb()

    def _changes(self, tenant: Store, session: "Session") -> None:
        tenant.touch(session, idle=60)
        session["more"] = 1
        tenant.write(session)
        tenant.rotate(session)
        tenant.login(session, subject="eve")

    def judge(self) -> None:
        """The shop notices nothing, and the sweeper does its work."""
        self.shop = self.store("shop")
        assert {session.id for session in self.shop.sessions(subject="bob")} == self.ids
        for token, document in self.documents.items():
            session = self.shop.read(token, touch=False)
            assert session is not None
            assert dict(session) == document
        stale = self.shop.create({}, idle=1)
        self.clock.advance(10)
        report = self.shop.sweep(deadline=self.clock() + 60)
        assert report.swept >= 1
        assert 0 <= report.overdue_seconds <= self.clock()
        assert self.shop.read(stale.token) is None
        assert self.elsewhere() == self.before

    def clear(self) -> None:
        """Remove what the tenant has left."""
        for item in self.items():
            key = item["session_id"]["S"]
            if key.startswith("tenant#"):
                self.raw.delete_item(TableName=self.table, Key={"session_id": {"S": key}})
        for name in [name for name in self.objects.bodies if name.startswith("tenant/")]:
            self.objects.remove(name)


@contextmanager
def a_world(endpoint_url: str) -> Iterator[World]:
    """One with a table of its own."""
    with sessions_table(Clients(endpoint_url).dynamodb) as table:
        yield World(
            dynamodb_client(endpoint_url=endpoint_url), boto3.client("dynamodb", endpoint_url=endpoint_url), table
        )
