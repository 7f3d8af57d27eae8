"""What the sweeper asks of a DynamoDB table: which sessions may be stale, and their removal by condition."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from sojourn.backends.faults import meaning
from sojourn.backends.fields import MAX_INSTANT
from sojourn.backends.items import Attribute, attribute, attributes, record_of
from sojourn.backends.overflow import Overflow
from sojourn.backends.table import Table
from sojourn.errors import CorruptSessionError, StoreUnavailableError
from sojourn.sweep.backend import Fate, Hint, HintPage, Move, Postponement, Removal, Verdict

Row = tuple[str, list[Attribute]]
"""A statement and its parameters."""

_CONDITION = "ConditionalCheckFailed"
_OF_THE_SWEEPER = frozenset({"AccessDenied", "ResourceNotFound"})
_OF_THE_ITEM = frozenset({"DuplicateItem", "ItemCollectionSizeLimitExceeded", "ValidationError"})
"""Of AWS's BatchStatementErrorCodeEnum those that are the same when the statement is sent again.

The first say something of all statements. Any application of the table can store an item that brings about the others.
"""

_CAPACITY = {"ReturnConsumedCapacity": "TOTAL"}


class StaleItems:
    """See ``SweepBackend``. Index, scan and statements in batches: ``BatchWriteItem`` has no condition."""

    def __init__(self, table: Table, *, overflow: Overflow) -> None:
        self._table = table
        self._overflow = overflow

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
        statement = f'DELETE FROM "{self._table.name}" WHERE session_id = ? AND expires_at <= ? RETURNING ALL OLD *'  # noqa: S608
        limit = attribute(cutoff)
        answers, units = self._execute([(statement, [attribute(hint.session_id), limit]) for hint in hints])
        self._raise_if_forbidden(answers, action="PartiQLDelete")
        verdicts = tuple(self._verdict(hint, answer) for hint, answer in zip(hints, answers, strict=True))
        swept = sum(verdict.fate is Fate.SWEPT for verdict in verdicts)
        # One unit for a statement, one more for the index entry of what was removed.
        return Removal(verdicts, units or len(hints) + swept)

    def postpone(self, moves: Sequence[Move]) -> Postponement:
        """See ``SweepBackend.postpone``. BatchExecuteStatement; an UPDATE never creates an item."""
        statement = f'UPDATE "{self._table.name}" SET sweep_at = ? WHERE session_id = ? AND sweep_at = ?'  # noqa: S608
        answers, units = self._execute([_moving(statement, move) for move in moves])
        self._raise_if_forbidden(answers, action="PartiQLUpdate")
        codes = [_code(answer) for answer in answers]
        moved = codes.count("")
        # The sort key of the index changes: one unit for the item, two for the old entry and the new one.
        units = units or len(moves) + 2 * moved
        return Postponement(moved, units, left=len(codes) - moved - codes.count(_CONDITION))

    def _hints(self, operation: str, after: object | None, **request: Any) -> HintPage:
        if after is not None:
            request["ExclusiveStartKey"] = after
        response = self._table.read(operation, TableName=self._table.name, **_CAPACITY, **request)
        hints = (
            Hint(item["session_id"]["S"], _place(item["sweep_at"]) if "sweep_at" in item else None)
            for item in response["Items"]
        )
        return HintPage(tuple(hints), response.get("LastEvaluatedKey"), _units(response))

    def _execute(self, rows: Sequence[Row]) -> tuple[Any, float]:
        """The answers to statements with their parameters, and the units they took if that was reported."""
        statements = [
            {
                "Statement": statement,
                "Parameters": parameters,
                "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
            }
            for statement, parameters in rows
        ]
        response = self._table.change("batch_execute_statement", Statements=statements, **_CAPACITY)
        return response["Responses"], _units(response)

    def _raise_if_forbidden(self, answers: Sequence[Any], *, action: str) -> None:
        """Each statement is refused for itself, and a sweeper that may do nothing looks like one with nothing to do."""
        codes = {_code(answer) for answer in answers}
        if codes and codes <= _OF_THE_SWEEPER:
            error = answers[0]["Error"]
            code, place = error["Code"], f"table {self._table.name}"
            reason = meaning(code, str(error.get("Message", "")), operation=action, place=place)
            raise StoreUnavailableError(f"{code}: {reason}")

    def _verdict(self, hint: Hint, answer: Any) -> Verdict:
        error = answer.get("Error")
        if error is None:
            removed = answer.get("Item")
            if not removed:
                return Verdict(Fate.MISSING)
            self._overflow.remove(removed.get("overflow", {}).get("S"), session_key=hint.session_id)
            return Verdict(Fate.SWEPT, _second(removed["expires_at"]))
        if error.get("Code") != _CONDITION:
            is_final = error.get("Code") in _OF_THE_SWEEPER | _OF_THE_ITEM
            return Verdict(Fate.REFUSED if is_final else Fate.LEFT)
        try:
            # DynamoDB Local sends no item along; and there a missing item is a refusal, too.
            item = error.get("Item") or self._table.get(hint.session_id)
            current = record_of(item, is_listed=True) if item else None
        except CorruptSessionError:
            return Verdict(Fate.FOREIGN)
        return Verdict(Fate.MISSING) if current is None else Verdict(Fate.ALIVE, current.expires_at)


def _moving(statement: str, move: Move) -> Row:
    """Only while no deadline is earlier than the one that the new place was computed from."""
    # A scan's hints are not moved.
    parameters = [attribute(move.sweep_at), attribute(move.hint.session_id), _number(move.hint.sweep_at or 0)]
    if move.expires_at is None:
        return statement, parameters
    return f"{statement} AND expires_at >= ?", [*parameters, attribute(move.expires_at)]


def _second(number: Any) -> int:
    """An instant as it is stored. Ours are whole; what another application stored must not stop a run."""
    text = number["N"]
    return min(max(int(text if text.isdigit() else Decimal(text)), 0), MAX_INSTANT)


def _place(number: Any) -> int | Decimal:
    """A place in the index exactly as it is stored: a move names the one that it moves away from."""
    found = Decimal(number["N"])
    return int(found) if found == found.to_integral_value() else found


def _number(value: int | Decimal) -> Attribute:
    return {"N": str(value)}


def _code(answer: Any) -> str:
    """Why a statement was refused; empty when it was not."""
    return str(answer["Error"].get("Code", "unknown")) if "Error" in answer else ""


def _units(response: Any) -> float:
    consumed = response.get("ConsumedCapacity") or []
    tables = consumed if isinstance(consumed, list) else [consumed]
    return sum(float(table.get("CapacityUnits", 0)) for table in tables)
