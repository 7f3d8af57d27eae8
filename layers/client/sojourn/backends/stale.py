"""What the sweeper asks of a DynamoDB table: which sessions may be stale, and their removal by condition."""

from collections.abc import Sequence
from typing import Any, cast

from sojourn.backend import Fate, Hint, HintPage, Record
from sojourn.backends.items import Item, Values, attribute, attributes, record_of
from sojourn.backends.table import Table
from sojourn.errors import CorruptSessionError

BATCH = 25
"""Statements that one BatchExecuteStatement takes (DynamoDB service quotas)."""

_HAS_HINT = "sweep_at = :seen_sweep_at"


class StaleItems(Table):
    """The sweep index and conditional deletes in batches; ``BatchWriteItem`` could carry no condition."""

    def due(self, shard: str, *, until: int, limit: int, after: object | None = None) -> HintPage:
        """See ``SweepBackend.due``. Query on the index ``sweep``."""
        request: dict[str, Any] = {
            "TableName": self._table,
            "IndexName": "sweep",
            "KeyConditionExpression": "sweep_shard = :shard AND sweep_at <= :until",
            "ExpressionAttributeValues": attributes({"shard": shard, "until": until}),
            "Limit": limit,
        }
        if after is not None:
            request["ExclusiveStartKey"] = after
        response = self._read("query", **request)
        hints = (Hint(item["session_id"]["S"], int(item["sweep_at"]["N"])) for item in response["Items"])
        return HintPage(tuple(hints), response.get("LastEvaluatedKey"))

    def delete_stale(self, hints: Sequence[Hint], *, cutoff: int) -> list[tuple[Fate, Record | None]]:
        """See ``SweepBackend.delete_stale``. BatchExecuteStatement, 25 conditional deletes a call."""
        fates: list[tuple[Fate, Record | None]] = []
        for start in range(0, len(hints), BATCH):
            fates += self._delete_batch(hints[start : start + BATCH], cutoff)
        return fates

    def postpone(self, hint: Hint, *, sweep_at: int) -> bool:
        """See ``SweepBackend.postpone``. UpdateItem."""
        values: Values = {"sweep_at": sweep_at, "seen_sweep_at": cast("int", hint.sweep_at)}
        refused = self._update(hint.session_id, update="SET sweep_at = :sweep_at", condition=_HAS_HINT, values=values)
        return refused is None

    def _delete_batch(self, hints: Sequence[Hint], cutoff: int) -> list[tuple[Fate, Record | None]]:
        # RETURNING tells a removal from an item that was missing, and which object it leaves behind.
        # The table's name is the operator's; every value that a client could have brought is a parameter.
        statement = f'DELETE FROM "{self._table}" WHERE session_id = ? AND expires_at <= ? RETURNING ALL OLD *'  # noqa: S608
        statements = [
            {
                "Statement": statement,
                "Parameters": [attribute(hint.session_id), attribute(cutoff)],
                "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
            }
            for hint in hints
        ]
        answers = self._change("batch_execute_statement", Statements=statements)["Responses"]
        return [self._fate(hint, answer) for hint, answer in zip(hints, answers, strict=True)]

    def _fate(self, hint: Hint, answer: Any) -> tuple[Fate, Record | None]:
        error = answer.get("Error")
        if error is None:
            removed: Item = answer.get("Item", {})
            if not removed:
                return Fate.MISSING, None
            self._remove_object(removed.get("overflow", {}).get("S"))
            return Fate.SWEPT, None
        if error.get("Code") != "ConditionalCheckFailed":
            return Fate.LEFT, None
        try:
            # DynamoDB Local sends no item along; and there a missing item is a refusal, too.
            current = record_of(error["Item"]) if error.get("Item") else self._get(hint.session_id, is_consistent=True)
        except CorruptSessionError:
            return Fate.LEFT, None
        return (Fate.ALIVE, current) if current is not None else (Fate.MISSING, None)

    def _remove_object(self, key: object) -> None:
        """Remove the overflow object of an item that is gone."""
