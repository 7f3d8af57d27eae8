"""Records as JSON, for a backend behind HTTP: the same in the library and in the function that serves it.

Binary data is base64. What is not there is left out. Knows no call and no transport.
"""

import base64
import binascii
from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from sojourn.backend import Mark, Match, Position, Record
from sojourn.backends.fields import BY_NAME, FIELDS, LISTED, Field, record_from
from sojourn.errors import CorruptSessionError, InvalidDataError

Json = dict[str, Any]

_MATCHED = frozenset(field.name for field in fields(Match))


def json_of(record: Record, *, has_data: bool = True, is_listed: bool = False) -> Json:
    """A record; without its document where that is of no use, and without its hashes where it is one of a list."""
    found: Json = {}
    for field in LISTED if is_listed else FIELDS:
        value = getattr(record, field.name)
        if value is not None and (has_data or field.name != "data"):
            found[field.name] = _json_value(value)
    return found


def record_of(found: object, *, path: str, is_listed: bool = False) -> Record:
    """The record that ``json_of`` wrote. Raises ``InvalidDataError`` that leads to what is none."""
    members = object_of(found, path=path)
    for name in members:
        if name not in BY_NAME:
            raise InvalidDataError("is no member of a record", path=(path, name))

    def value_of(field: Field) -> Any:
        if field.name not in members:
            if field.is_required:
                raise InvalidDataError("is required", path=(path, field.name))
            return None
        return _value(members[field.name], field, path=path)

    try:
        return record_from(value_of, key="", is_listed=is_listed)
    except CorruptSessionError as error:
        raise InvalidDataError(error.reason, path=(path,)) from error


def match_json(match: Match) -> Json:
    """What a session must still hold to be removed."""
    return {name: _json_value(value) for name, value in match.values().items()}


def match_of(found: object, *, path: str) -> Match:
    """What ``match_json`` wrote; one member at least."""
    members = object_of(found, path=path)
    if not members or not members.keys() <= _MATCHED:
        raise InvalidDataError(f"takes one or more of {', '.join(sorted(_MATCHED))}", path=(path,))
    return Match(**{name: _value(value, BY_NAME[name], path=path) for name, value in members.items()})


def _value(value: Any, field: Field, *, path: str) -> Any:
    kind = int if field.kind == "N" else str
    if type(value) is not kind:
        raise InvalidDataError("is of the wrong type", path=(path, field.name))
    converted = bytes_of(value, path=(path, field.name)) if field.kind == "B" else value
    if not field.holds(converted):
        raise InvalidDataError("is out of bounds", path=(path, field.name))
    return converted


def _json_value(value: str | int | bytes) -> str | int:
    return base64.b64encode(value).decode() if isinstance(value, bytes) else value


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
