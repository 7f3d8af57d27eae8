"""Sessions in a DynamoDB table, item format 1, with large documents in a bucket behind it.

One attempt per call, as ``sojourn.backend`` asks. Every write that could create an item or bring one
back carries a condition that forbids it.
"""

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from sojourn.backend import Mark, Match, Page, Position, Record, Refused
from sojourn.backends.items import (
    LISTED_NAMES,
    Item,
    Values,
    attribute,
    attributes,
    item_of,
    key_of,
    mark_of,
    position_of,
    record_of,
)
from sojourn.backends.meter import Meter
from sojourn.backends.overflow import Overflow
from sojourn.backends.s3 import ObjectStore
from sojourn.backends.stale import StaleItems
from sojourn.backends.table import Table
from sojourn.errors import CorruptSessionError
from sojourn.names import namespace_of

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

logger: logging.Logger = logging.getLogger(__name__)

_IS_NEW = "attribute_not_exists(session_id)"
# An id alone opens nothing, a token that was rotated away changes nothing, and what ended stays ended.
_IS_MINE = "token_hash = :seen_token_hash AND expires_at > :now AND absolute_at = :seen_absolute_at"
_IS_SEEN_VERSION = "version = :seen_version"
# Another client may have renewed the session meanwhile: an acknowledged deadline is not brought forward ...
_KEEPS_DEADLINE = "idle = :seen_idle AND expires_at <= :expires_at"
# ... and a renewal that gains nothing is not stored.
_MOVES_DEADLINE = "idle = :seen_idle AND expires_at < :expires_at"
# Another lifetime may bring the deadline forward, but only the one it was computed from: a duplicate that comes
# late must not undo a renewal that was acknowledged since.
_IS_SEEN_DEADLINE = "idle = :seen_idle AND expires_at = :seen_expires_at"
# Nor may it leave the session where the sweep has moved it meanwhile.
_IS_SEEN_PLACE = "sweep_at = :seen_sweep_at"
_IS_SEEN_MARK = "mark_value = :seen_value AND mark_number = :seen_number"


class DynamoBackend:
    """See ``sojourn.backend.Backend``. One table, with an optional bucket for large documents."""

    def __init__(
        self, client: "DynamoDBClient", *, table: str, objects: ObjectStore | None, overflow_bytes: int
    ) -> None:
        """``objects`` takes documents above ``overflow_bytes``."""
        self._table = Table(client, name=table)
        self._overflow = Overflow(objects, limit=overflow_bytes)
        self._stale = StaleItems(self._table, overflow=self._overflow)

    @contextmanager
    def rehearsing(self) -> "Iterator[DynamoBackend]":
        """One that sends nothing, and has no bucket; afterwards this one is connected: see ``rehearsal.rehearsing``."""
        with self._table.rehearsing() as client:
            yield DynamoBackend(client, table=self._table.name, objects=None, overflow_bytes=0)

    @property
    def sweep(self) -> StaleItems:
        """See ``Backend``."""
        return self._stale

    def meter(self) -> Meter:
        """Adds up what all calls from now on consume."""
        return self._table.meter()

    def insert(self, record: Record) -> Record | Refused:
        """See ``Backend``. PutItem."""
        stored = self._overflow.put_document(record)
        return self._table.put(item_of(stored), condition=_IS_NEW) or stored

    def load(self, session_id: str, *, is_consistent: bool = True) -> Record | None:
        """See ``Backend``. GetItem."""
        item = self._table.get(session_id, is_consistent=is_consistent)
        return None if item is None else record_of(item)

    def load_with_mark(self, session_id: str, mark: str) -> tuple[Record | None, Mark | None]:
        """See ``Backend``. BatchGetItem."""
        items = {item["session_id"]["S"]: item for item in self._table.batch_get([session_id, mark])}
        found = items.get(session_id)
        return None if found is None else record_of(found), mark_of(items.get(mark))

    def document(self, record: Record) -> bytes | None:
        """See ``Backend``. GetObject, when it overflowed."""
        return self._overflow.document(record)

    def replace(self, record: Record, *, seen: Record, now: int) -> Record | Refused:
        """See ``Backend``. UpdateItem."""
        stored = self._overflow.put_document(record)
        deadline = _KEEPS_DEADLINE if record.has_lifetime_of(seen) else _IS_SEEN_DEADLINE
        refused = self._table.update(
            seen.session_id,
            changes={**record.changes_from(seen), "data": stored.data, "overflow": stored.overflow},
            condition=f"{_IS_SEEN_VERSION} AND {_IS_MINE} AND {_with_place(deadline, record, seen)}",
            values={"seen_version": seen.version, **_condition_values(record, seen, now)},
        )
        return self._settled(refused, stored, seen)

    def renew(self, record: Record, *, seen: Record, now: int) -> Record | Refused:
        """See ``Backend``. UpdateItem."""
        deadline = _MOVES_DEADLINE if record.has_lifetime_of(seen) else _IS_SEEN_DEADLINE
        refused = self._table.update(
            seen.session_id,
            changes=record.changes_from(seen),
            condition=f"{_IS_MINE} AND {_with_place(deadline, record, seen)}",
            values=_condition_values(record, seen, now),
        )
        return refused or record

    def delete(self, session_id: str, *, match: Match) -> Refused | None:
        """See ``Backend``. DeleteItem, and DeleteObject when the document had overflowed."""
        values = match.values()
        try:
            response = self._table.change(
                "delete_item",
                TableName=self._table.name,
                Key=key_of(session_id),
                ConditionExpression=" AND ".join(f"{name} = :{name}" for name in values),
                ExpressionAttributeValues=attributes(values),
                ReturnValues="ALL_OLD",
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
            )
        except ClientError as error:
            return Refused(_undamaged(error.response.get("Item")))
        removed = response.get("Attributes", {})
        self._overflow.remove(removed.get("overflow", {}).get("S"), session_key=session_id)
        return None

    def of_subject(self, subject: str, *, limit: int, after: Position | None = None) -> Page:
        """See ``Backend``. Query on the index ``subject``."""
        request: dict[str, Any] = {
            "TableName": self._table.name,
            "IndexName": "subject",
            "KeyConditionExpression": "subject = :subject",
            "ExpressionAttributeValues": attributes({"subject": subject}),
            "ScanIndexForward": False,
            "Limit": limit,
        }
        if after is not None:
            request["ExclusiveStartKey"] = {
                "subject": attribute(subject),
                "created_at": attribute(after.created_at),
                "session_id": attribute(after.session_id),
            }
        while True:
            response = self._table.read("query", **request)
            positions = tuple(_own_positions(response["Items"], subject))
            last = response.get("LastEvaluatedKey")
            if last is None or positions:
                return Page(positions, None if last is None else positions[-1])
            request["ExclusiveStartKey"] = last  # a page of other namespaces' positions alone

    def peek(self, session_ids: Sequence[str]) -> list[Record]:
        """See ``Backend``. BatchGetItem, strongly consistent."""
        items = self._table.batch_get(session_ids, projection=LISTED_NAMES) if session_ids else []
        found = {record.session_id: record for record in _listed(items)}
        return [found[session_id] for session_id in session_ids if session_id in found]

    def mark(self, name: str) -> Mark | None:
        """See ``Backend``. GetItem."""
        return mark_of(self._table.get(name))

    def set_mark(self, name: str, mark: Mark, *, seen: Mark | None, expires_at: int | None) -> Mark | None:
        """See ``Backend``. UpdateItem."""
        values: Values = {"value": mark.value, "number": mark.number}
        update, condition = "SET mark_value = :value, mark_number = :number", _IS_NEW
        if seen is not None:
            condition = _IS_SEEN_MARK
            values |= {"seen_value": seen.value, "seen_number": seen.number}
        if expires_at is not None:
            update += ", expires_at = :expires_at"
            values["expires_at"] = expires_at
        try:
            self._table.change(
                "update_item",
                TableName=self._table.name,
                Key=key_of(name),
                UpdateExpression=update,
                ConditionExpression=condition,
                ExpressionAttributeValues=attributes(values),
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
            )
        except ClientError as error:
            return mark_of(error.response.get("Item"))
        return mark

    def _settled(self, refused: Refused | None, stored: Record, seen: Record) -> Record | Refused:
        """Remove the object that the write left behind: the old one, or ours when it can no longer be stored."""
        if refused is None:
            self._overflow.remove(seen.overflow, session_key=seen.session_id)
            return stored
        current = refused.current
        # At the seen version an earlier attempt of the same write may still arrive, and it needs the object. What the
        # item points to is never removed.
        is_left_behind = current is None or (current.version != seen.version and current.overflow != stored.overflow)
        if is_left_behind:
            self._overflow.remove(stored.overflow, session_key=seen.session_id)
        return refused


def _condition_values(record: Record, seen: Record, now: int) -> Values:
    values: Values = {
        "seen_token_hash": seen.token_hash,
        "seen_absolute_at": seen.absolute_at,
        "seen_idle": seen.idle,
        "now": now,
    }
    if not record.has_lifetime_of(seen):
        values["seen_expires_at"] = seen.expires_at
        if seen.sweep_at is not None:
            values["seen_sweep_at"] = seen.sweep_at
    return values


def _with_place(deadline: str, record: Record, seen: Record) -> str:
    return deadline if record.has_lifetime_of(seen) or seen.sweep_at is None else f"{deadline} AND {_IS_SEEN_PLACE}"


def _undamaged(item: Any) -> Record | None:
    """What a refused removal found; what is no record of ours is as good as nothing to the caller."""
    try:
        return record_of(item) if item else None
    except CorruptSessionError as error:
        logger.warning("not removed: %s", error)
        return None


def _listed(items: Sequence[Item]) -> Iterator[Record]:
    """Those that are records of ours: one that is damaged does not hide the others of its subject."""
    for item in items:
        try:
            yield record_of(item, is_listed=True)
        except CorruptSessionError as error:
            logger.warning("left out of a list: %s", error)


def _own_positions(items: Sequence[Item], subject: str) -> Iterator[Position]:
    """Those of the subject's own namespace: an application that may write another one could name this subject there."""
    namespace = namespace_of(subject)
    for item in items:
        position = position_of(item)
        if position is not None and namespace.owns(position.session_id):
            yield position
        else:
            logger.warning("left out of a list: a position that is none of this namespace")
