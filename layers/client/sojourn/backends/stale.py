"""What the sweeper asks of a DynamoDB table: which sessions may be stale, and their removal by condition."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from sojourn.backends.items import attribute, attributes, record_of
from sojourn.backends.table import Table
from sojourn.errors import CorruptSessionError
from sojourn.sweep.backend import Fate, Hint, HintPage, Move, Postponement, Removal, Verdict

_CAPACITY = {"ReturnConsumedCapacity": "TOTAL"}


class StaleItems(Table):
    """The sweep index, the scan, and conditional statements in batches; ``BatchWriteItem`` carries no condition."""

    def due(self, shard: str, *, until: int, limit: int, after: object | None = None) -> HintPage:
        """See ``SweepBackend.due``. Query on the index ``sweep``."""
        return self._hints(
            "query",
            after,
            IndexName="sweep",
            KeyConditionExpression="sweep_shard = :shard AND sweep_at <= :until",
            ExpressionAttributeValues=attributes({"shard": shard, "until": until}),
            Limit=limit,
        )

    def scan(self, segment: int, *, segments: int, until: int, after: object | None = None) -> HintPage:
        """See ``SweepBackend.scan``. Scan, eventually consistent: half the price, and conditions judge anyway."""
        return self._hints(
            "scan",
            after,
            Segment=segment,
            TotalSegments=segments,
            FilterExpression="expires_at <= :until",
            ProjectionExpression="session_id",
            ExpressionAttributeValues=attributes({"until": until}),
        )

    def delete_stale(self, hints: Sequence[Hint], *, cutoff: int) -> Removal:
        """See ``SweepBackend.delete_stale``. BatchExecuteStatement."""
        # RETURNING tells a removal from an item that was missing, and which object it leaves behind.
        # The table's name is the operator's; every value that a client could have brought is a parameter.
        statement = f'DELETE FROM "{self._table}" WHERE session_id = ? AND expires_at <= ? RETURNING ALL OLD *'  # noqa: S608
        answers, units = self._execute(statement, [(hint.session_id, cutoff) for hint in hints])
        verdicts = tuple(self._verdict(hint, answer) for hint, answer in zip(hints, answers, strict=True))
        swept = sum(verdict.fate is Fate.SWEPT for verdict in verdicts)
        # One unit for a statement, one more for the index entry of what was removed.
        return Removal(verdicts, units or len(hints) + swept)

    def postpone(self, moves: Sequence[Move]) -> Postponement:
        """See ``SweepBackend.postpone``. BatchExecuteStatement; an UPDATE never creates an item."""
        statement = f'UPDATE "{self._table}" SET sweep_at = ? WHERE session_id = ? AND sweep_at = ?'  # noqa: S608
        rows = [(move.sweep_at, move.hint.session_id, move.hint.sweep_at or 0) for move in moves]
        answers, units = self._execute(statement, rows)
        moved = sum("Error" not in answer for answer in answers)
        # The sort key of the index changes: one unit for the item, two for the old entry and the new one.
        return Postponement(moved, units or len(moves) + 2 * moved)

    def _hints(self, operation: str, after: object | None, **request: Any) -> HintPage:
        if after is not None:
            request["ExclusiveStartKey"] = after
        response = self._read(operation, TableName=self._table, **_CAPACITY, **request)
        hints = (
            Hint(item["session_id"]["S"], _second(item["sweep_at"]) if "sweep_at" in item else None)
            for item in response["Items"]
        )
        return HintPage(tuple(hints), response.get("LastEvaluatedKey"), _units(response))

    def _execute(self, statement: str, rows: Sequence[tuple[str | int, ...]]) -> tuple[Any, float]:
        """The answers to one statement with each row's parameters, and the units they took if that was told."""
        statements = [
            {
                "Statement": statement,
                "Parameters": [attribute(value) for value in row],
                "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
            }
            for row in rows
        ]
        response = self._change("batch_execute_statement", Statements=statements, **_CAPACITY)
        return response["Responses"], _units(response)

    def _verdict(self, hint: Hint, answer: Any) -> Verdict:
        error = answer.get("Error")
        if error is None:
            removed = answer.get("Item")
            if not removed:
                return Verdict(Fate.MISSING)
            self._remove_object(removed.get("overflow", {}).get("S"))
            return Verdict(Fate.SWEPT, _second(removed["expires_at"]))
        if error.get("Code") != "ConditionalCheckFailed":
            return Verdict(Fate.LEFT)
        try:
            # DynamoDB Local sends no item along; and there a missing item is a refusal, too.
            current = record_of(error["Item"]) if error.get("Item") else self._get(hint.session_id, is_consistent=True)
        except CorruptSessionError:
            return Verdict(Fate.FOREIGN)
        return Verdict(Fate.MISSING) if current is None else Verdict(Fate.ALIVE, current.expires_at)

    def _remove_object(self, key: object) -> None:
        """Remove the overflow object of an item that is gone."""


def _second(number: Any) -> int:
    """An instant as it is stored. Ours are whole; what somebody else stored must not stop a run."""
    return int(Decimal(number["N"]))


def _units(response: Any) -> float:
    consumed = response.get("ConsumedCapacity") or []
    tables = consumed if isinstance(consumed, list) else [consumed]
    return sum(float(table.get("CapacityUnits", 0)) for table in tables)
