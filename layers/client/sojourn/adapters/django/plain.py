"""What a session holds, as Django's JSON serializer would give it back. Decides nothing about what JSON cannot say.

https://docs.djangoproject.com/en/stable/topics/http/sessions/#session-serialization
"""

from collections.abc import Mapping
from typing import Any

from django.utils.datastructures import MultiValueDict
from django.utils.functional import Promise

_MAX_DEPTH = 20
"""A little more than a document may have, so that a cycle ends here and the store names the path."""


def plain_document(data: Mapping[Any, object]) -> dict[Any, Any]:
    """The document to store: keys are text, and subclasses of JSON's types are what JSON makes of them.

    Numbers, booleans and ``None`` as keys become text, choices their values, tuples lists, lazy texts the text in the
    language of now. Everything else stays: the store takes dates, decimals, UUIDs, bytes and sets as they are, and
    refuses the rest with its path, a ``QueryDict`` among it, since its items show only a part.
    """
    return {_key(key): _plain(value, 1) for key, value in data.items()}


# Any: values of an application. type() and not isinstance(): a SimpleLazyObject claims to be of its value's class.
def _plain(value: Any, depth: int) -> Any:
    kind = type(value)
    if kind in (str, int, float, bool, type(None)) or depth > _MAX_DEPTH:
        return value
    if issubclass(kind, Promise):
        return str(value)
    if issubclass(kind, dict) and not issubclass(kind, MultiValueDict):
        return {_key(key): _plain(member, depth + 1) for key, member in value.items()}
    if issubclass(kind, list | tuple):
        return [_plain(member, depth + 1) for member in value]
    return _bare(value)


def _bare(value: Any) -> Any:
    """A scalar without the subclass that it comes in."""
    for base, bared in ((str, str.__str__), (int, int.__int__), (float, float.__float__)):
        if issubclass(type(value), base) and not isinstance(value, bool):
            return bared(value)
    return value


def _key(key: Any) -> Any:
    kind = type(key)
    if issubclass(kind, str | Promise):
        return _plain(key, 1)
    if key is None or kind is bool:
        return {None: "null", True: "true", False: "false"}[key]
    if issubclass(kind, int | float):
        return repr(_bare(key))
    return key
