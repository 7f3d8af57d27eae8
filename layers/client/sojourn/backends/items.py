"""Records as DynamoDB items and back, item format 1 (docs/item-format.md). Calls nothing."""

from collections.abc import Mapping
from dataclasses import fields
from typing import TypeAlias

from sojourn.backend import Record
from sojourn.errors import CorruptSessionError

Attribute: TypeAlias = dict[str, str | bytes]
"""One attribute as the low-level API spells it: ``{"S": "…"}``, ``{"N": "1"}`` or ``{"B": b"…"}``."""

Item: TypeAlias = dict[str, Attribute]

Values: TypeAlias = dict[str, str | int | bytes]
"""Values of an expression or an item, before DynamoDB's types."""

NAMES = tuple(field.name for field in fields(Record))
"""The attributes of an item: those of a ``Record``, by the same names."""

_NUMBERS = frozenset({"version", "created_at", "expires_at", "absolute_at", "idle", "sweep_at"})
_OPTIONAL = frozenset({"data", "overflow", "subject", "label", "sweep_shard", "sweep_at", "epoch"})


def attribute(value: str | int | bytes) -> Attribute:
    """A value with DynamoDB's type."""
    match value:
        case str():
            return {"S": value}
        case int():
            return {"N": str(value)}
        case _:
            return {"B": value}


def attributes(values: Mapping[str, str | int | bytes]) -> Item:
    """Values for an expression, each name led by the colon it has there."""
    return {f":{name}": attribute(value) for name, value in values.items()}


def item_of(record: Record) -> Item:
    """The item to store; what a record does not have is absent, which keeps the indexes sparse."""
    values = ((name, getattr(record, name)) for name in NAMES)
    return {name: attribute(value) for name, value in values if value is not None}


def key_of(session_id: str) -> Item:
    """The primary key of a session's item."""
    return {"session_id": {"S": session_id}}


def record_of(item: Item) -> Record:
    """The record of a stored item. Raises ``CorruptSessionError`` for an item that is none of ours."""
    values = {name: _value(item, name) for name in NAMES}
    return Record(**values)  # type: ignore[arg-type]  # _value answers the type that the name has


def _value(item: Item, name: str) -> str | int | bytes | None:
    tagged = item.get(name)
    if tagged is None and name in _OPTIONAL:
        return None
    kind = "B" if name == "data" else "N" if name in _NUMBERS else "S"
    value = (tagged or {}).get(kind)
    try:
        if value is not None:
            return int(value) if kind == "N" else value
    except ValueError:
        pass
    raise CorruptSessionError(
        f"its attribute {name} is missing or not of type {kind}",
        session_id=str(item.get("session_id", {}).get("S", "")),
    )
