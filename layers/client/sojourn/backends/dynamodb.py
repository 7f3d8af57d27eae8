"""Sessions in a DynamoDB table, item format 1, with large documents in a bucket behind it.

One attempt per call, as ``sojourn.backend`` asks. Every write that could create an item or bring one
back carries a condition that forbids it.
"""

import logging
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from sojourn.backend import Mark, Page, Position, Record, Refused
from sojourn.backends.items import NAMES, Item, Values, attribute, attributes, item_of, key_of, record_of
from sojourn.backends.s3 import ObjectStore
from sojourn.backends.stale import StaleItems
from sojourn.backends.table import cancellation
from sojourn.errors import CorruptSessionError, SessionTooLargeError, StoreUnavailableError

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

logger = logging.getLogger(__name__)

_ITEM_BYTES = 393_216
"""What a document may take of an item's 400 KB when there is no bucket for it."""

_IS_NEW = "attribute_not_exists(session_id)"
_LIVES = "attribute_exists(session_id) AND expires_at > :now"
_IS_SEEN_VERSION = "version = :seen_version"
# Another client may have renewed the session meanwhile: an acknowledged deadline is not brought forward ...
_KEEPS_DEADLINE = "idle = :idle AND expires_at <= :expires_at"
# ... and a renewal that gains nothing is not stored.
_MOVES_DEADLINE = "idle = :idle AND expires_at < :expires_at"
# A new idle time may bring the deadline forward, but only the one it was computed from: a duplicate that comes
# late must not undo a renewal that was acknowledged since.
_IS_SEEN_DEADLINE = "idle = :seen_idle AND expires_at = :seen_expires_at"
_IS_SEEN_MARK = "mark_value = :seen_value AND mark_number = :seen_number"
_HAS_DEADLINE = "expires_at = :expires_at"
_HAS_SUBJECT = "subject = :subject"

_WITHOUT_DOCUMENT = ", ".join(name for name in NAMES if name != "data")


class DynamoBackend(StaleItems):
    """A ``SweepBackend`` on one table, with an optional bucket for documents above ``overflow_bytes``."""

    def __init__(
        self, client: "DynamoDBClient", *, table: str, objects: ObjectStore | None, overflow_bytes: int
    ) -> None:
        super().__init__(client, table=table)
        self._objects = objects
        self._overflow_bytes = overflow_bytes

    def insert(self, record: Record) -> Record | Refused:
        """See ``Backend.insert``. PutItem."""
        stored = self._overflowed(record)
        return self._put(item_of(stored), condition=_IS_NEW) or stored

    def load(self, session_id: str, *, is_consistent: bool = True) -> Record | None:
        """See ``Backend.load``. GetItem."""
        return self._get(session_id, is_consistent=is_consistent)

    def document(self, record: Record) -> bytes | None:
        """See ``Backend.document``. GetObject, when it overflowed."""
        if record.overflow is None:
            return record.data
        if self._objects is None:
            raise CorruptSessionError("its document lies in a bucket, none is set", session_id=record.session_id)
        return self._objects.get(record.overflow)

    def replace(self, record: Record, *, seen: Record, now: int) -> Record | Refused:
        """See ``Backend.replace``. UpdateItem."""
        stored = self._overflowed(record)
        kept, dropped = ("data", "overflow") if stored.overflow is None else ("overflow", "data")
        refused = self._update(
            seen.session_id,
            update="SET #kept = :document, version = :version, write_id = :write_id, expires_at = :expires_at, "
            "idle = :idle REMOVE #dropped",
            condition=_unchanged(record, seen),
            names={"#kept": kept, "#dropped": dropped},
            values={
                "document": stored.overflow or stored.data or b"",
                "version": record.version,
                "write_id": record.write_id,
                **_condition_values(record, seen=seen, now=now),
                "idle": record.idle,
                "expires_at": record.expires_at,
            },
        )
        return self._settled(refused, stored, seen)

    def renew(self, record: Record, *, seen: Record, now: int) -> Record | Refused:
        """See ``Backend.renew``. UpdateItem."""
        values: Values = {"expires_at": record.expires_at, "idle": record.idle, "now": now}
        update, condition = "SET expires_at = :expires_at", f"{_LIVES} AND {_MOVES_DEADLINE}"
        if record.idle != seen.idle:
            update, condition = f"{update}, idle = :idle", f"{_LIVES} AND {_IS_SEEN_DEADLINE}"
            values |= _seen_deadline(seen)
        return self._update(seen.session_id, update=update, condition=condition, values=values) or record

    def rotate(self, record: Record, *, seen: Record, now: int) -> Record | Refused:
        """See ``Backend.rotate``. TransactWriteItems: Put the new, Delete the old."""
        stored = self._overflowed(record)
        put = {"TableName": self._table, "Item": item_of(stored), "ConditionExpression": _IS_NEW}
        remove = {
            "TableName": self._table,
            "Key": key_of(seen.session_id),
            "ConditionExpression": _unchanged(record, seen),
            "ExpressionAttributeValues": attributes(_condition_values(record, seen=seen, now=now)),
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        }
        refused = None
        try:
            self._change("transact_write_items", TransactItems=[{"Put": put}, {"Delete": remove}])
        except ClientError as error:
            refused = cancellation(error, of=1)
        return self._settled(refused, stored, seen)

    def delete(self, session_id: str, *, expires_at: int | None = None, subject: str | None = None) -> bool:
        """See ``Backend.delete``. DeleteItem, and DeleteObject when the document had overflowed."""
        conditions = {_HAS_DEADLINE: expires_at, _HAS_SUBJECT: subject}
        asked = {condition: value for condition, value in conditions.items() if value is not None}
        request: dict[str, Any] = {"TableName": self._table, "Key": key_of(session_id), "ReturnValues": "ALL_OLD"}
        if asked:
            request["ConditionExpression"] = " AND ".join(asked)
            request["ExpressionAttributeValues"] = {c.split()[-1]: attribute(v) for c, v in asked.items()}
        try:
            removed = self._change("delete_item", **request).get("Attributes", {})
        except ClientError:
            return False
        self._remove_object(removed.get("overflow", {}).get("S"))
        return bool(removed)

    def of_subject(self, subject: str, *, limit: int, after: Position | None = None) -> Page:
        """See ``Backend.of_subject``. Query on the index ``subject``."""
        request: dict[str, Any] = {
            "TableName": self._table,
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
        response = self._read("query", **request)
        is_last = "LastEvaluatedKey" not in response
        return Page(
            tuple(_position(item) for item in response["Items"]),
            None if is_last else _position(response["LastEvaluatedKey"]),
        )

    def peek(self, session_ids: Sequence[str]) -> list[Record]:
        """See ``Backend.peek``. BatchGetItem, strongly consistent."""
        found: dict[str, Record] = {}
        keys = [key_of(session_id) for session_id in session_ids]
        while keys:
            request = {"Keys": keys, "ConsistentRead": True, "ProjectionExpression": _WITHOUT_DOCUMENT}
            response = self._read("batch_get_item", RequestItems={self._table: request})
            items = response["Responses"].get(self._table, [])
            found |= {record.session_id: record for record in _records(items)}
            keys = response.get("UnprocessedKeys", {}).get(self._table, {}).get("Keys", [])
            if keys and not items:
                raise StoreUnavailableError("UnprocessedKeys", is_transient=True)
        return [found[session_id] for session_id in session_ids if session_id in found]

    def mark(self, name: str) -> Mark | None:
        """See ``Backend.mark``. GetItem."""
        response = self._read("get_item", TableName=self._table, Key=key_of(name), ConsistentRead=True)
        return _mark(response.get("Item"))

    def set_mark(self, name: str, mark: Mark, *, seen: Mark | None, expires_at: int | None) -> Mark | None:
        """See ``Backend.set_mark``. UpdateItem."""
        values: Values = {"value": mark.value, "number": mark.number}
        update, condition = "SET mark_value = :value, mark_number = :number", _IS_NEW
        if seen is not None:
            condition = _IS_SEEN_MARK
            values |= {"seen_value": seen.value, "seen_number": seen.number}
        if expires_at is not None:
            update += ", expires_at = :expires_at"
            values["expires_at"] = expires_at
        try:
            self._change(
                "update_item",
                TableName=self._table,
                Key=key_of(name),
                UpdateExpression=update,
                ConditionExpression=condition,
                ExpressionAttributeValues=attributes(values),
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
            )
        except ClientError as error:
            return _mark(error.response.get("Item"))
        return mark

    def _overflowed(self, record: Record) -> Record:
        """``record`` as it goes into the item; a large document is stored as an object first.

        The order matters: a crash between the two leaves an object nobody points to, never an item that
        points to nothing.
        """
        size = len(record.data or b"")
        if self._objects is None or size <= self._overflow_bytes:
            if size > _ITEM_BYTES:
                raise SessionTooLargeError(size, limit=_ITEM_BYTES)
            return record
        key = f"{record.session_id.replace('#', '/')}/{record.write_id}"
        self._objects.put(key, record.data or b"")
        return replace(record, data=None, overflow=key)

    def _settled(self, refused: Refused | None, stored: Record, seen: Record) -> Record | Refused:
        """Remove the object that the write left behind: the old one, or ours when it can no longer be stored."""
        if refused is None:
            self._remove_object(seen.overflow)
            return stored
        current = refused.current
        if current is None:
            # Of a rotation an earlier attempt may have taken effect unanswered: then the object is in use.
            is_left_behind = stored.session_id == seen.session_id
        else:
            # At the seen version an earlier attempt of the same write may still arrive, and it needs the object.
            is_left_behind = current.version != seen.version and current.write_id != stored.write_id
        if is_left_behind:
            self._remove_object(stored.overflow)
        return refused

    def _remove_object(self, key: object) -> None:
        if self._objects is not None and isinstance(key, str):
            self._objects.remove(key)


def _records(items: Sequence[Item]) -> Iterator[Record]:
    """Those that are records of ours: one that is damaged does not hide the others of its subject."""
    for item in items:
        try:
            yield record_of(item)
        except CorruptSessionError as error:
            logger.warning("left out of a list: %s", error)


def _mark(item: Any) -> Mark | None:
    if not item:
        return None
    try:
        return Mark(str(item["mark_value"]["S"]), int(item["mark_number"]["N"]))
    except (KeyError, ValueError):
        raise CorruptSessionError("a mark that it depends on is damaged") from None


def _unchanged(record: Record, seen: Record) -> str:
    deadline = _KEEPS_DEADLINE if record.idle == seen.idle else _IS_SEEN_DEADLINE
    return f"{_IS_SEEN_VERSION} AND {_LIVES} AND {deadline}"


def _condition_values(record: Record, *, seen: Record, now: int) -> Values:
    is_same_idle = record.idle == seen.idle
    deadline: Values = {"idle": record.idle, "expires_at": record.expires_at} if is_same_idle else _seen_deadline(seen)
    return {"seen_version": seen.version, "now": now, **deadline}


def _seen_deadline(seen: Record) -> Values:
    return {"seen_idle": seen.idle, "seen_expires_at": seen.expires_at}


def _position(item: Item) -> Position:
    return Position(int(item["created_at"]["N"]), str(item["session_id"]["S"]))
