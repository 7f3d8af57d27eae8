"""Tables that can be looked into, for the machine to do to them what no client can."""

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from devstack.clients import Clients
from sojourn.backends.clients import dynamodb_client
from sojourn.backends.dynamodb import DynamoBackend
from sojourn.backends.memory import MemoryBackend

if TYPE_CHECKING:
    from sojourn.backend import Backend, Mark, Record

Items = dict[str, dict[str, Any]]


class MemoryEngine:
    """See ``Engine``."""

    def __init__(self) -> None:
        self._memory = MemoryBackend()
        self.backend: Backend = self._memory

    def dump(self) -> "tuple[dict[str, Record], dict[str, Mark]]":
        """See ``Engine.dump``."""
        return dict(self._memory._records), dict(self._memory._marks)

    def restore(self, dump: "tuple[dict[str, Record], dict[str, Mark]]") -> None:
        """See ``Engine.restore``."""
        self._memory._records, self._memory._marks = dict(dump[0]), dict(dump[1])

    def deadlines(self) -> dict[str, int]:
        """See ``Engine.deadlines``."""
        return {key: record.expires_at for key, record in self._memory._records.items()}

    def remove(self, key: str) -> None:
        """See ``Engine.remove``."""
        self._memory._records.pop(key, None)

    def spoil(self, key: str, document: bytes) -> None:
        """See ``Engine.spoil``."""
        if key in self._memory._records:
            self._memory._records[key] = replace(self._memory._records[key], data=document)

    def clear(self) -> None:
        """See ``Engine.clear``."""
        self.restore(({}, {}))


class DynamoEngine:
    """See ``Engine``. A table that is there already."""

    def __init__(self, endpoint_url: str, table: str) -> None:
        self._client = Clients(endpoint_url).dynamodb
        self._table = table
        client = dynamodb_client(endpoint_url=endpoint_url)
        self.backend: Backend = DynamoBackend(client, table=table, objects=None, overflow_bytes=65_536)

    def dump(self) -> Items:
        """See ``Engine.dump``."""
        items = self._client.scan(TableName=self._table, ConsistentRead=True)["Items"]
        return {item["session_id"]["S"]: item for item in items}

    def restore(self, dump: Items) -> None:
        """See ``Engine.restore``."""
        self.clear()
        for item in dump.values():
            self._client.put_item(TableName=self._table, Item=item)

    def deadlines(self) -> dict[str, int]:
        """See ``Engine.deadlines``."""
        return {key: int(item["expires_at"]["N"]) for key, item in self.dump().items() if "#!" not in key}

    def remove(self, key: str) -> None:
        """See ``Engine.remove``."""
        self._client.delete_item(TableName=self._table, Key={"session_id": {"S": key}})

    def spoil(self, key: str, document: bytes) -> None:
        """See ``Engine.spoil``."""
        item = self.dump().get(key)
        if item is not None:
            self._client.put_item(TableName=self._table, Item=item | {"data": {"B": document}})

    def clear(self) -> None:
        """See ``Engine.clear``."""
        for key in self.dump():
            self._client.delete_item(TableName=self._table, Key={"session_id": {"S": key}})
