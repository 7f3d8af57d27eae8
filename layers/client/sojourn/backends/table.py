"""One DynamoDB table and how it is called: one attempt, errors translated, refusals read. Knows no protocol."""

from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from sojourn.backend import Record, Refused
from sojourn.backends.clients import answered, code_of
from sojourn.backends.items import Item, Values, attributes, key_of, record_of
from sojourn.errors import StoreUnavailableError

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


class Table:
    """The sessions table behind one client."""

    def __init__(self, client: "DynamoDBClient", *, table: str) -> None:
        self._client = client
        self._table = table

    def _get(self, session_id: str, *, is_consistent: bool) -> Record | None:
        response = self._read("get_item", TableName=self._table, Key=key_of(session_id), ConsistentRead=is_consistent)
        return record_of(response["Item"]) if "Item" in response else None

    def _update(
        self,
        session_id: str,
        *,
        update: str,
        condition: str,
        values: Values,
        names: dict[str, str] | None = None,
    ) -> Refused | None:
        """UpdateItem under a condition; ``None`` when it took effect."""
        return self._write(
            "update_item",
            Key=key_of(session_id),
            UpdateExpression=update,
            ConditionExpression=condition,
            ExpressionAttributeValues=attributes(values),
            **({"ExpressionAttributeNames": names} if names else {}),
        )

    def _put(self, item: Item, *, condition: str) -> Refused | None:
        """PutItem under a condition; ``None`` when it took effect."""
        return self._write("put_item", Item=item, ConditionExpression=condition)

    def _write(self, name: str, **request: Any) -> Refused | None:
        try:
            self._change(name, TableName=self._table, ReturnValuesOnConditionCheckFailure="ALL_OLD", **request)
        except ClientError as error:
            return refusal(error.response.get("Item"))
        return None

    def _read(self, name: str, **request: Any) -> Any:
        return answered(getattr(self._client, name), changes=False, **request)

    def _change(self, name: str, **request: Any) -> Any:
        return answered(getattr(self._client, name), changes=True, **request)


def refusal(item: Any) -> Refused:
    """What a condition that did not hold says about the item, as the service sent it along."""
    return Refused(record_of(item) if item else None)


def cancellation(error: ClientError, *, of: int) -> Refused:
    """Why a transaction was cancelled, told from its item number ``of``.

    Raises ``StoreUnavailableError`` when no condition was at fault: the SDK does not retry a transaction
    that met another one, we do.
    """
    reasons = error.response.get("CancellationReasons", [])
    codes = [reason.get("Code") for reason in reasons]
    if "ConditionalCheckFailed" in codes:
        return refusal(reasons[of].get("Item"))
    cause = ", ".join(sorted({str(code) for code in codes} - {"None"})) or code_of(error)
    raise StoreUnavailableError(cause, is_transient=True) from error
