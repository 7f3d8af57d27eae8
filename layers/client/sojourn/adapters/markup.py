"""Markup in a session, as Flask keeps it: text that a template does not escape comes back as that. Knows no session.

In a document it is ``{" m": text}``, as in ``flask.json.tag``; a dict that only looks like that is ``{" di": …}``.
"""

from typing import Any

from markupsafe import Markup

_MARKUP = " m"
_OBJECT = " di"


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
