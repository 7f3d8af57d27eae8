"""Records as DynamoDB items and back, item format 1 (docs/item-format.md). Calls nothing."""

from collections.abc import Mapping
from typing import Any, TypeAlias

from sojourn.backend import Mark, Position, Record
from sojourn.backends.fields import FIELDS, LISTED, MAX_INSTANT, Field, record_from
from sojourn.errors import CorruptSessionError

Attribute: TypeAlias = dict[str, str | bytes]
"""One attribute as the low-level API spells it: ``{"S": "…"}``, ``{"N": "1"}`` or ``{"B": b"…"}``."""

Item: TypeAlias = dict[str, Attribute]

Value: TypeAlias = str | int | bytes
Values: TypeAlias = dict[str, Value]
"""Values of an expression or an item, before DynamoDB's types."""

_OUT_OF_BOUNDS = -1

LISTED_NAMES = ", ".join(field.name for field in LISTED)
"""A projection of what lists show."""


def attribute(value: Value) -> Attribute:
    """A value with DynamoDB's type."""
    match value:
        case str():
            return {"S": value}
        case int():
            return {"N": str(value)}
        case _:
            return {"B": value}


def attributes(values: Mapping[str, Value]) -> Item:
    """Values for an expression, each name led by the colon it has there."""
    return {f":{name}": attribute(value) for name, value in values.items()}


def item_of(record: Record) -> Item:
    """The item to store; what a record does not have is absent, which keeps the indexes sparse and the item small."""
    values = {field.name: getattr(record, field.name) for field in FIELDS}
    if record.began_at == record.created_at:
        del values["began_at"]
    return {name: attribute(value) for name, value in values.items() if value is not None}


def key_of(name: str) -> Item:
    """The primary key of an item: a session's, or a control item's."""
    return {"session_id": {"S": name}}


def record_of(item: Item, *, is_listed: bool = False) -> Record:
    """The record of a stored item. Raises ``CorruptSessionError`` for an item that is none of ours."""
    key = str(item.get("session_id", {}).get("S", ""))

    def value_of(field: Field) -> Value | None:
        tagged = item.get(field.name)
        # Absent is absent. Another type than ours is damage, also where the attribute may be left out.
        return None if tagged is None else _value(tagged.get(field.kind), field)

    return record_from(value_of, key=key, is_listed=is_listed)


def _value(stored: str | bytes | None, field: Field) -> Value:
    if field.kind != "N":
        return _OUT_OF_BOUNDS if stored is None else stored
    try:
        return int(stored or "")
    except ValueError:
        return _OUT_OF_BOUNDS


def mark_of(item: Any) -> Mark | None:
    """The content of a control item."""
    if not item:
        return None
    try:
        return Mark(str(item["mark_value"]["S"]), int(item["mark_number"]["N"]))
    except (KeyError, ValueError):
        raise CorruptSessionError("a control item that it depends on is damaged") from None


def position_of(item: Item) -> Position | None:
    """A place in the list of a subject; ``None`` for what is none of ours."""
    try:
        found = Position(int(item["created_at"]["N"]), str(item["session_id"]["S"]))
    except (KeyError, ValueError):
        return None
    return found if 0 <= found.created_at <= MAX_INSTANT else None
