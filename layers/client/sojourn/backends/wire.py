"""Records as JSON, for a backend that lies behind HTTP: the same in the library and in the function that serves it.

Binary data is base64. What is not there is left out. Knows no call and no transport.
"""

import base64
import binascii
from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from sojourn.backend import Mark, Position, Record
from sojourn.errors import InvalidDataError

Json = dict[str, Any]

_FIELDS = {field.name: field.type for field in fields(Record)}
_NUMBERS = frozenset({"version", "created_at", "expires_at", "absolute_at", "idle", "sweep_at"})
_REQUIRED = frozenset({"session_id", "version", "write_id", "created_at", "expires_at", "absolute_at", "idle"})


def json_of(record: Record, *, has_data: bool = True) -> Json:
    """A record; without its document where that is of no use."""
    found = {name: value for name in _FIELDS if (value := getattr(record, name)) is not None and name != "data"}
    if has_data and record.data is not None:
        found["data"] = base64.b64encode(record.data).decode()
    return found


def record_of(found: object, *, path: str) -> Record:
    """The record that ``json_of`` wrote. Raises ``InvalidDataError`` that leads to what is none."""
    members = object_of(found, path=path)
    for name in members:
        if name not in _FIELDS:
            raise InvalidDataError("is no member of a record", path=(path, name))
    for name in _REQUIRED:
        if name not in members:
            raise InvalidDataError("is required", path=(path, name))
    values: Json = {}
    for name, value in members.items():
        kind = int if name in _NUMBERS else str
        if type(value) is not kind:
            raise InvalidDataError("is of the wrong type", path=(path, name))
        values[name] = bytes_of(value, path=(path, name)) if name == "data" else value
    return Record(**values)


def bytes_of(text: object, *, path: tuple[str, ...]) -> bytes:
    """Data that was written as base64."""
    try:
        return base64.b64decode(text if isinstance(text, str) else "=", validate=True)
    except (binascii.Error, ValueError):
        raise InvalidDataError("is no base64", path=path) from None


def object_of(found: object, *, path: str) -> Mapping[str, Any]:
    """A JSON object."""
    if not isinstance(found, dict):
        raise InvalidDataError("is no JSON object", path=(path,))
    return found


def mark_of(found: object, *, path: str) -> Mark | None:
    """A mark, or ``None`` for ``null``."""
    if found is None:
        return None
    members = object_of(found, path=path)
    value, number = members.get("value"), members.get("number")
    if members.keys() != {"value", "number"} or type(value) is not str or type(number) is not int:
        raise InvalidDataError("is no mark", path=(path,))
    return Mark(value, number)


def position_of(found: object, *, path: str) -> Position | None:
    """A place in a list, or ``None`` for ``null``."""
    if found is None:
        return None
    if not (isinstance(found, list) and [type(part) for part in found] == [int, str]):
        raise InvalidDataError("is no place in a list", path=(path,))
    return Position(*found)
