"""Counts the calls a client makes and the units they take, each split into table and index. Changes no answer.

DynamoDB Local tells the capacity of most calls and tells it right. Two it does not: nothing for PartiQL, and 0 where a
Query or a Scan finds nothing. Those are priced by AWS's published rules, and how many units that made is kept apart.
"""

import threading
from collections import defaultdict
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from botocore.model import OperationModel
    from mypy_boto3_dynamodb import DynamoDBClient

_LEAST_READ: Final = 0.5
"""What an eventually consistent read costs at least, its first 4 KB (DynamoDB guide, read-write-operations)."""

_READS: Final = frozenset({"GetItem", "BatchGetItem", "Query", "Scan"})
_INDEXED_BY: Final = ("sweep_shard", "subject")


@dataclass(slots=True)
class Units:
    """Calls and units. ``priced`` are those of the units that the engine did not tell."""

    calls: int = 0
    read_table: float = 0
    read_index: float = 0
    write_table: float = 0
    write_index: float = 0
    priced: float = 0

    def __add__(self, other: "Units") -> "Units":
        mine, its = asdict(self), asdict(other)
        return Units(**{name: mine[name] + its[name] for name in mine})

    @property
    def read(self) -> float:
        """Read units of the table and its indexes."""
        return self.read_table + self.read_index

    @property
    def write(self) -> float:
        """Write units of the table and its indexes."""
        return self.write_table + self.write_index


@dataclass
class Meter:
    """What went over one client since the last ``reset``, by operation."""

    by_operation: dict[str, Units] = field(default_factory=lambda: defaultdict(Units))
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def watch(self, client: "DynamoDBClient") -> None:
        """Count what ``client`` does from now on."""
        client.meta.events.register("provide-client-params.dynamodb", self._ask)
        client.meta.events.register("after-call.dynamodb", self._count)

    def reset(self) -> None:
        """Begin again at nothing."""
        self.by_operation.clear()

    @property
    def total(self) -> Units:
        """All operations together."""
        return sum(self.by_operation.values(), Units())

    def _ask(self, params: dict[str, Any], model: "OperationModel", context: dict[str, Any], **_: object) -> None:
        if model.input_shape is not None and "ReturnConsumedCapacity" in model.input_shape.members:
            params["ReturnConsumedCapacity"] = "INDEXES"
            context["sweep-benchmark"] = params

    def _count(self, parsed: dict[str, Any], model: "OperationModel", context: dict[str, Any], **_: object) -> None:
        request = context.get("sweep-benchmark")
        if request is None:
            return
        units = _partiql(request, parsed) if model.name == "BatchExecuteStatement" else _told(model.name, parsed)
        if model.name in ("Query", "Scan") and units.read == 0:
            units = _least(request)
        with self._lock:
            self.by_operation[model.name] += units


def _told(operation: str, parsed: dict[str, Any]) -> Units:
    capacity = parsed.get("ConsumedCapacity") or []
    tables = capacity if isinstance(capacity, list) else [capacity]
    of_table = sum(table.get("Table", {}).get("CapacityUnits", 0.0) for table in tables)
    of_index = sum(
        index["CapacityUnits"] for table in tables for index in table.get("GlobalSecondaryIndexes", {}).values()
    )
    if operation in _READS:
        return Units(calls=1, read_table=of_table, read_index=of_index)
    return Units(calls=1, write_table=of_table, write_index=of_index)


def _least(request: dict[str, Any]) -> Units:
    if "IndexName" in request:
        return Units(calls=1, read_index=_LEAST_READ, priced=_LEAST_READ)
    return Units(calls=1, read_table=_LEAST_READ, priced=_LEAST_READ)


def _partiql(request: dict[str, Any], parsed: dict[str, Any]) -> Units:
    """One unit for a statement, refused or not, since no item here is above 1 KB.

    And one for each index entry removed, two for each moved: the old one goes, a new one comes.
    """
    of_index = 0
    for statement, answer in zip(request["Statements"], parsed["Responses"], strict=True):
        if "Error" in answer:
            continue
        is_update = statement["Statement"].startswith("UPDATE")
        of_index += 2 if is_update else sum(name in answer.get("Item", {}) for name in _INDEXED_BY)
    statements = len(request["Statements"])
    return Units(calls=1, write_table=statements, write_index=of_index, priced=statements + of_index)
