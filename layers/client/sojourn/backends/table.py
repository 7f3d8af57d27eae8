"""One DynamoDB table and how it is called: one attempt, errors translated, refusals read. Knows no protocol."""

from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from sojourn.backend import Refused
from sojourn.backends.clients import answered
from sojourn.backends.items import Item, Value, attributes, key_of, record_of
from sojourn.backends.meter import Meter
from sojourn.backends.rehearsal import rehearsing
from sojourn.errors import StoreUnavailableError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from contextlib import AbstractContextManager

    from mypy_boto3_dynamodb import DynamoDBClient


class Table:
    """The sessions table behind one client."""

    def __init__(self, client: "DynamoDBClient", *, name: str) -> None:
        self._client = client
        self.name = name

    def rehearsing(self) -> "AbstractContextManager[DynamoDBClient]":
        """See ``rehearsal.rehearsing``."""
        return rehearsing(self._client)

    def read(self, operation: str, **request: Any) -> Any:
        """The response to one request that changes nothing."""
        return answered(getattr(self._client, operation), changes=False, **request)

    def change(self, operation: str, **request: Any) -> Any:
        """The response to one request that may change something. Lets a ``ClientError`` of a condition pass."""
        return answered(getattr(self._client, operation), changes=True, **request)

    def get(self, name: str, *, is_consistent: bool = True) -> Item | None:
        """GetItem."""
        response = self.read("get_item", TableName=self.name, Key=key_of(name), ConsistentRead=is_consistent)
        item: Item | None = response.get("Item")
        return item

    def batch_get(self, names: "Sequence[str]", *, projection: str | None = None) -> list[Item]:
        """BatchGetItem, strongly consistent, in any order. A key left unprocessed is asked for again."""
        found: list[Item] = []
        keys = [key_of(name) for name in names]
        while keys:
            request: dict[str, Any] = {"Keys": keys, "ConsistentRead": True}
            if projection is not None:
                request["ProjectionExpression"] = projection
            response = self.read("batch_get_item", RequestItems={self.name: request})
            items = response["Responses"].get(self.name, [])
            found += items
            keys = response.get("UnprocessedKeys", {}).get(self.name, {}).get("Keys", [])
            if keys and not items:
                raise StoreUnavailableError("UnprocessedKeys", is_transient=True)
        return found

    def put(self, item: Item, *, condition: str) -> Refused | None:
        """PutItem under a condition; ``None`` when it took effect."""
        return self._refused("put_item", Item=item, ConditionExpression=condition)

    def update(
        self,
        name: str,
        *,
        changes: "Mapping[str, Value | None]",
        condition: str,
        values: "Mapping[str, Value]",
    ) -> Refused | None:
        """UpdateItem: set each of ``changes``, or remove where ``None``, under a condition on ``values``.

        ``None`` when it took effect.
        """
        kept = {attribute: value for attribute, value in changes.items() if value is not None}
        expression = "SET " + ", ".join(f"#{attribute} = :{attribute}" for attribute in kept)
        dropped = [f"#{attribute}" for attribute, value in changes.items() if value is None]
        return self._refused(
            "update_item",
            Key=key_of(name),
            UpdateExpression=expression + (" REMOVE " + ", ".join(dropped) if dropped else ""),
            ConditionExpression=condition,
            ExpressionAttributeNames={f"#{attribute}": attribute for attribute in changes},
            ExpressionAttributeValues=attributes({**kept, **values}),
        )

    def _refused(self, operation: str, **request: Any) -> Refused | None:
        try:
            self.change(operation, TableName=self.name, ReturnValuesOnConditionCheckFailure="ALL_OLD", **request)
        except ClientError as error:
            item: Any = error.response.get("Item")
            return Refused(record_of(item) if item else None)
        return None

    def meter(self) -> Meter:
        """Adds up what all calls from now on consume."""
        return Meter(self._client)
