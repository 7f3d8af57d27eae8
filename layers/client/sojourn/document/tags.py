"""What a session document may hold, and how its containers travel as JSON. Parses and writes no text: see codec.

JSON's own types pass as they are. Any other type travels as an object with one member whose name starts with ``$``:
``{"$tuple": [1, 2]}``. A dict that merely looks like that is wrapped: ``{"$object": {"$tuple": "mine"}}``.
docs/item-format.md is the specification; a change here that it does not mention is a bug.
"""

import json
from collections.abc import Callable, Collection, Iterator, Mapping
from enum import Enum
from typing import Any, Final

from sojourn.document.scalars import (
    JSON_SCALARS,
    MAX_DEPTH,
    MAX_VALUES,
    TAG_OF,
    TEXT_OF,
    VALUE_OF,
    RefusedError,
    is_unicode,
)
from sojourn.errors import InvalidDataError

# Numbers hash without a secret, so the sender of a set can make its members collide: n of them cost n² comparisons.
_MAX_COLLISIONS: Final = 256

_compact = json.JSONEncoder(ensure_ascii=False, allow_nan=False, check_circular=False, separators=(",", ":"))


def tag_document(document: Mapping[str, object]) -> dict[str, object]:
    """The JSON object that stands for a document of Python values. Raises InvalidDataError with the path in it."""
    try:
        if isinstance(document, dict):  # any other mapping is what it shows
            _demand_plain(document, dict)
        return _Walk(_write).members(document)
    except RefusedError as refused:
        raise InvalidDataError(refused.reason, path=tuple(reversed(refused.steps))) from None


def untag_document(stored: object) -> dict[str, object]:
    """The document that a parsed JSON object stands for.

    Raises InvalidDataError; its path leads through the JSON as it is, tags included.
    """
    if type(stored) is not dict:
        raise InvalidDataError("is not a JSON object")
    try:
        return _Walk(_read).members(stored)
    except RefusedError as refused:
        raise InvalidDataError(refused.reason, path=tuple(reversed(refused.steps))) from None


def compact_json(tagged: object) -> str:
    """The one way a tagged value is written down: no spaces, no needless escapes, members in their own order."""
    return _compact.encode(tagged)


class _Walk:
    """One walk through a document, bounded, so that a cycle ends too. ``visit`` sees what is not a JSON scalar."""

    __slots__ = ("depth", "values", "visit")

    def __init__(self, visit: "_Visit") -> None:
        self.visit = visit
        self.depth = 0
        self.values = 0

    def members(self, members: Mapping[Any, object]) -> dict[str, object]:
        """A new dict with every value visited."""
        self._enter(members)
        visited: dict[str, object] = {}
        for key, value in members.items():
            if not (isinstance(key, str) and (key.isascii() or is_unicode(key))):
                # The path ends at the container: such a key cannot be shown.
                raise RefusedError("has a key that is not a string of valid Unicode")
            scalar = JSON_SCALARS.get(type(value))
            try:
                visited[key] = scalar(value) if scalar else self.visit(value, self)
            except RefusedError as refused:
                refused.steps.append(key)
                raise
        self.depth -= 1
        return visited

    def items(self, items: Collection[object]) -> list[object]:
        """A new list with every item visited."""
        self._enter(items)
        visited: list[object] = []
        for index, value in enumerate(items):
            scalar = JSON_SCALARS.get(type(value))
            try:
                visited.append(scalar(value) if scalar else self.visit(value, self))
            except RefusedError as refused:
                refused.steps.append(index)
                raise
        self.depth -= 1
        return visited

    def _enter(self, container: Collection[object]) -> None:
        self.depth += 1
        self.values += len(container)
        if self.depth > MAX_DEPTH:
            raise RefusedError(f"is nested deeper than {MAX_DEPTH} levels")
        if self.values > MAX_VALUES:
            raise RefusedError(f"brings the document to more than {MAX_VALUES} values")


# Any: the tables keep a promise that mypy cannot see, a function gets only what it is listed under.
_Visit = Callable[[Any, _Walk], object]


# Python to JSON


def _write(value: object, walk: _Walk) -> object:
    """Subclasses travel as what they extend (a Markup as a str), except an Enum, whose point is its identity."""
    kinds = () if isinstance(value, Enum) else type(value).__mro__
    for kind in kinds:
        if kind in _CONTAINERS:
            _demand_plain(value, kind)
            return _CONTAINERS[kind](value, walk)
        if kind in TAG_OF:
            _demand_plain(value, kind)
            return {TAG_OF[kind]: TEXT_OF[TAG_OF[kind]](value)}
        if kind in JSON_SCALARS:
            _demand_plain(value, kind)
            return JSON_SCALARS[kind](value)
    raise RefusedError(f"is of type {type(value).__name__}, which cannot be stored")


def _demand_plain(value: object, kind: type) -> None:
    """That what a subclass extends is all that it holds, so that nothing is cut off: see docs/item-format.md."""
    own = type(value)
    if own is kind:
        return
    attributes = getattr(value, "__dict__", None)
    has_attributes = bool(attributes) and attributes is not value  # a dict may be its own attributes
    if has_attributes or any(hasattr(value, name) for name in _slots(own, kind)) or not _shows_all(value, kind):
        raise RefusedError(f"is of type {own.__name__}, which holds more than the {kind.__name__} that it extends")


def _slots(own: type, kind: type) -> Iterator[str]:
    """The names of attributes that subclasses of ``kind`` have set aside."""
    for each in own.__mro__[: own.__mro__.index(kind)]:
        names = each.__dict__.get("__slots__", ())
        yield from (names,) if isinstance(names, str) else names


def _shows_all(value: object, kind: type) -> bool:
    """Whether a container's own methods show what its base holds; a QueryDict keeps lists and shows the last items."""
    if isinstance(value, dict):
        shown = dict(value.items())
        return len(shown) == dict.__len__(value) and all(
            key in shown and (shown[key] is held or shown[key] == held) for key, held in dict.items(value)
        )
    if isinstance(value, list | tuple):
        return list(value) == list(_HELD[kind](value))
    return not isinstance(value, set | frozenset) or set(value) == set(_HELD[kind](value))


# Any: each is called with what it is listed under.
_HELD: Final[dict[type, Callable[[Any], Iterator[object]]]] = {
    list: list.__iter__,
    tuple: tuple.__iter__,
    set: set.__iter__,
    frozenset: frozenset.__iter__,
}


def _write_dict(value: dict[str, object], walk: _Walk) -> object:
    members = walk.members(value)
    return {"$object": members} if _tag_of(members) else members


def _write_list(value: list[object], walk: _Walk) -> object:
    return walk.items(value)


def _write_tuple(value: tuple[object, ...], walk: _Walk) -> object:
    return {"$tuple": walk.items(value)}


def _write_set(value: set[object], walk: _Walk) -> object:
    return {"$set": _sorted_members(value, walk)}


def _write_frozenset(value: frozenset[object], walk: _Walk) -> object:
    return {"$frozenset": _sorted_members(value, walk)}


def _sorted_members(value: Collection[object], walk: _Walk) -> list[object]:
    """The members in the order of their JSON text, so that equal sets are written alike."""
    _check_collisions(value)
    try:
        return sorted(walk.items(value), key=compact_json)
    except RefusedError as refused:
        # A member has no place in a set that could be named: the path ends at the set.
        refused.steps.clear()
        raise


_CONTAINERS: Final[dict[type, _Visit]] = {
    dict: _write_dict,
    list: _write_list,
    tuple: _write_tuple,
    set: _write_set,
    frozenset: _write_frozenset,
}


# JSON to Python


def _read(value: object, walk: _Walk) -> object:
    if isinstance(value, dict):
        return _read_object(value, walk)
    if isinstance(value, list):
        return walk.items(value)
    raise RefusedError("is not a JSON value")


def _read_object(members: dict[str, object], walk: _Walk) -> object:
    tag = _tag_of(members)
    if tag is None:
        return walk.members(members)
    try:
        return _read_tagged(tag, members[tag], walk)
    except RefusedError as refused:
        refused.steps.append(tag)
        raise


def _read_tagged(tag: str, content: object, walk: _Walk) -> object:
    if tag in VALUE_OF:
        if not isinstance(content, str):
            raise RefusedError("is not a JSON string")
        return VALUE_OF[tag](content)
    if tag == "$object":
        if not isinstance(content, dict):
            raise RefusedError("is not a JSON object")
        return walk.members(content)
    if tag not in _COLLECTIONS:
        raise RefusedError("is not a tag of this format; wrap an object of your own in $object")
    if not isinstance(content, list):
        raise RefusedError("is not a JSON array")
    return _COLLECTIONS[tag](walk.items(content))


def _set_of(members: list[object]) -> set[object]:
    try:
        _check_collisions(members)
        unique = set(members)
    except TypeError:
        raise RefusedError("holds a member that cannot be in a set") from None
    if len(unique) != len(members):
        raise RefusedError("holds a member twice")
    return unique


def _frozenset_of(members: list[object]) -> frozenset[object]:
    return frozenset(_set_of(members))


_COLLECTIONS: Final[dict[str, Callable[[list[object]], object]]] = {
    "$tuple": tuple,
    "$set": _set_of,
    "$frozenset": _frozenset_of,
}


# Both ways


def _tag_of(members: Mapping[Any, object]) -> str | None:
    """The name of an object's only member, if it is one that marks a tag."""
    if len(members) != 1:
        return None
    (name,) = members
    return name if isinstance(name, str) and name.startswith("$") else None


def _check_collisions(members: Collection[object]) -> None:
    if len(members) - len({hash(member) for member in members}) > _MAX_COLLISIONS:
        raise RefusedError("is a set with too many members of equal hash")
