"""What one session costs from creation until it is swept, under three designs, by consumed capacity. Prices nothing.

Every session is read twenty times, expires and is swept. At a slow pace a request comes every five minutes and each
renews; at a quick one all twenty come within four minutes.
"""

import secrets
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Final

from benchmarks.sweep.meter import Meter, Units
from benchmarks.sweep.tables import DAY, NOW, create_table
from sojourn import Settings
from sojourn.backends.dynamodb import DynamoBackend
from sojourn.store import Store

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

REQUESTS: Final = 20
PACES: Final = {"slow": 300, "quick": 12}
_IDLE: Final = 1_800
_DATA: Final = {"user": "ada", "cart": ["teapot"] * 30}

Phases = dict[str, Units]


@dataclass
class _Clock:
    now: int = NOW

    def __call__(self) -> int:
        return self.now


def measured(client: "DynamoDBClient") -> list[dict[str, Any]]:
    """The units of each phase of a life, by design and pace."""
    meter = Meter()
    meter.watch(client)
    return [_life(client, meter, design, pace) for design in DESIGNS for pace in PACES]


def _life(client: "DynamoDBClient", meter: Meter, design: str, pace: str) -> dict[str, Any]:
    phases = DESIGNS[design](client, meter, PACES[pace])
    return {"design": design, "pace": pace, "phases": {name: asdict(units) for name, units in phases.items()}}


def _sojourn(client: "DynamoDBClient", meter: Meter, pace: int) -> Phases:
    table, clock = create_table(client), _Clock()
    backend = DynamoBackend(client, table=table, objects=None, overflow_bytes=65_536)
    store = Store(backend, Settings(table=table, idle_seconds=_IDLE), clock=clock)
    phases: Phases = {}

    def requests() -> None:
        for _ in range(REQUESTS):
            clock.now += pace
            assert store.read(session.token) is not None

    def sweep() -> None:
        clock.now += _IDLE + 2 * DAY
        assert store.sweep(deadline=clock.now + 60).swept == 1

    meter.reset()
    session = store.create(_DATA)
    phases["create"] = meter.total
    phases["requests"] = _spent(meter, requests)
    phases["sweep"] = _spent(meter, sweep)
    # A run asks all shards and a part of the table, however many sessions it removes: no cost of this one.
    phases["sweep"] = meter.by_operation["BatchExecuteStatement"]
    client.delete_table(TableName=table)
    return phases


def _eager_index(client: "DynamoDBClient", meter: Meter, pace: int) -> Phases:
    """An index on the deadline itself, as is often advised: every renewal moves the entry."""
    table = f"eager-{secrets.token_hex(4)}"
    client.create_table(
        TableName=table,
        BillingMode="PAY_PER_REQUEST",
        KeySchema=[{"AttributeName": "session_id", "KeyType": "HASH"}],
        AttributeDefinitions=[
            {"AttributeName": "session_id", "AttributeType": "S"},
            {"AttributeName": "shard", "AttributeType": "S"},
            {"AttributeName": "expires_at", "AttributeType": "N"},
        ],
        GlobalSecondaryIndexes=[
            {
                "IndexName": "expiry",
                "KeySchema": [
                    {"AttributeName": "shard", "KeyType": "HASH"},
                    {"AttributeName": "expires_at", "KeyType": "RANGE"},
                ],
                "Projection": {"ProjectionType": "KEYS_ONLY"},
            }
        ],
    )
    return _by_hand(client, meter, table, pace, is_rewritten=False, shard={"shard": {"S": "7"}})


def _rewriting(client: "DynamoDBClient", meter: Meter, pace: int) -> Phases:
    """No index; every request stores the session again, and a nightly Scan deletes."""
    table = create_table(client)
    return _by_hand(client, meter, table, pace, is_rewritten=True, shard={})


def _by_hand(
    client: "DynamoDBClient", meter: Meter, table: str, pace: int, *, is_rewritten: bool, shard: dict[str, Any]
) -> Phases:
    key: Any = {"session_id": {"S": "default#" + "a" * 43}}
    item = {**key, **shard, "data": {"B": b"x" * 430}}
    now = NOW

    def put() -> None:
        client.put_item(TableName=table, Item={**item, "expires_at": {"N": str(now + _IDLE)}})

    def requests() -> None:
        nonlocal now
        renewed_at = now
        for _ in range(REQUESTS):
            now += pace
            client.get_item(TableName=table, Key=key, ConsistentRead=True)
            if is_rewritten:
                put()
            # The same patience as Sojourn's: no renewal until a tenth of the idle time has passed.
            elif now - renewed_at >= _IDLE // 10:
                renewed_at = now
                client.update_item(
                    TableName=table,
                    Key=key,
                    UpdateExpression="SET expires_at = :at",
                    ExpressionAttributeValues={":at": {"N": str(now + _IDLE)}},
                )

    phases = {
        "create": _spent(meter, put),
        "requests": _spent(meter, requests),
        "sweep": _spent(meter, lambda: client.delete_item(TableName=table, Key=key)),
    }
    client.delete_table(TableName=table)
    return phases


def _spent(meter: Meter, phase: Callable[[], object]) -> Units:
    meter.reset()
    phase()
    return meter.total


DESIGNS: Final[dict[str, Callable[["DynamoDBClient", Meter, int], Phases]]] = {
    "Sojourn": _sojourn,
    "index on expires_at": _eager_index,
    "write on every request, nightly scan": _rewriting,
}
"""How sessions are kept and swept, by name."""
