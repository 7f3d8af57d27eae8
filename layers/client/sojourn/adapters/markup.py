"""Markup in a session, as Flask keeps it: text that a template does not escape comes back as that. Knows no session.

In a document it is ``{" m": text}``, as in ``flask.json.tag``; a dict that only looks like that is ``{" di": …}``.
"""

from itertools import chain
from typing import Any

from markupsafe import Markup

from sojourn.document.imprint import imprint, may_hold

_MARKUP = " m"
_OBJECT = " di"

_DEEPEST = 64


def may_hold_markup(contents: dict[str, Any]) -> bool:
    """Whether anything in ``contents`` is markup, tagged or not, or looks like it. Most sessions hold none.

    By their imprint, of which no subclass has one, or a level at a time; what is too deep to say is said to hold some.
    """
    taken = imprint(contents)
    if taken is not None:
        return may_hold(taken, _MARKUP) or may_hold(taken, _OBJECT)
    level: list[Any] = [contents]
    for _ in range(_DEEPEST):
        kinds = set(map(type, level))
        if any(issubclass(kind, Markup) for kind in kinds):
            return True
        objects = [value for value in level if type(value) is dict] if dict in kinds else []
        if any(len(value) == 1 and (_MARKUP in value or _OBJECT in value) for value in objects):
            return True
        lists = [value for value in level if type(value) in (list, tuple)] if kinds & {list, tuple} else []
        level = [*chain.from_iterable(map(dict.values, objects)), *chain.from_iterable(lists)]
        if not level:
            return False
    return True


def may_say_markup(text: bytes) -> bool:
    """Whether the document of this JSON may hold what is tagged so; with an escape it may say anything."""
    return b'" m"' in text or b'" di"' in text or b"\\u" in text


def without_markup_in(contents: dict[str, Any]) -> dict[str, Any]:
    """A copy with each ``Markup`` tagged; the contents themselves are no tag, whatever their one key is."""
    return {key: without_markup(value) for key, value in contents.items()}


def with_markup_in(document: dict[str, Any]) -> dict[str, Any]:
    """The inverse of ``without_markup_in``."""
    return {key: with_markup(value) for key, value in document.items()}


def without_markup(value: Any) -> Any:  # whatever an application puts in
    """A copy of ``value`` in which each ``Markup`` is tagged, at any depth of dicts, lists and tuples."""
    if isinstance(value, Markup):
        return {_MARKUP: str(value)}
    if type(value) is dict:
        tagged = {key: without_markup(member) for key, member in value.items()}
        return {_OBJECT: tagged} if _is_tag(value) else tagged
    if type(value) in (list, tuple):
        return type(value)(without_markup(item) for item in value)
    return value


def with_markup(value: Any) -> Any:  # as above
    """The inverse of ``without_markup``; changes ``value`` where it can."""
    if type(value) is dict:
        if _is_tag(value):
            ((tag, content),) = value.items()
            if tag == _MARKUP:
                return Markup(content) if isinstance(content, str) else value  # noqa: S704  # nosec B704  # it was one
            return _with_members(content) if isinstance(content, dict) else value
        return _with_members(value)
    if type(value) is list:
        value[:] = [with_markup(item) for item in value]
    if type(value) is tuple:
        return tuple(with_markup(item) for item in value)
    return value


def _with_members(members: dict[Any, Any]) -> dict[Any, Any]:
    members.update({key: with_markup(member) for key, member in members.items()})
    return members


def _is_tag(value: dict[Any, Any]) -> bool:
    return len(value) == 1 and next(iter(value)) in (_MARKUP, _OBJECT)
