"""What the calls of a client consume, in DynamoDB's own figures. Changes no call but to ask for them.

https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_ConsumedCapacity.html
"""

import threading
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from botocore.client import BaseClient
    from botocore.model import OperationModel

_READS = frozenset({"GetItem", "BatchGetItem", "Query"})
_WRITES = frozenset({"PutItem", "UpdateItem", "DeleteItem"})


class Meter:
    """Adds up read and write request units, indexes included. A refused write is billed and not reported."""

    def __init__(self, client: "BaseClient") -> None:
        """From now on ``client`` asks for the units of the calls that concern sessions."""
        self._units = [0.0, 0.0]
        self._calls: dict[str, int] = {}
        self._lock = threading.Lock()
        client.meta.events.register("before-parameter-build.dynamodb", self._ask)
        client.meta.events.register("after-call.dynamodb", self._add)

    def taken(self) -> tuple[float, float]:
        """Read and write units since the last time."""
        with self._lock:
            (read, written), self._units = self._units, [0.0, 0.0]
        return read, written

    def calls_taken(self) -> dict[str, int]:
        """How many calls of each operation went out since the last time, refused ones too; the first one first."""
        with self._lock:
            calls, self._calls = self._calls, {}
        return calls

    def _ask(self, params: dict[str, Any], model: "OperationModel", **_: object) -> None:
        if model.name in _READS or model.name in _WRITES:
            params["ReturnConsumedCapacity"] = "TOTAL"

    def _add(self, parsed: dict[str, Any], model: "OperationModel", **_: object) -> None:
        consumed = parsed.get("ConsumedCapacity") or ()
        tables = consumed if isinstance(consumed, list) else [consumed] if consumed else []
        units = sum(table.get("CapacityUnits", 0.0) for table in tables)
        with self._lock:
            self._units[model.name in _WRITES] += units
            self._calls[model.name] = self._calls.get(model.name, 0) + 1
