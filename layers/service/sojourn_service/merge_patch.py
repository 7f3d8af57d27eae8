"""JSON merge patch (RFC 7396), bounded. Works on parsed JSON; knows no session."""

from typing import Final

from sojourn.document.scalars import MAX_DEPTH
from sojourn.errors import InvalidDataError

_NOTHING: Final[dict[str, object]] = {}


def patched(target: object, patch: object, *, path: tuple[str | int, ...] = ()) -> object:
    """``target`` with ``patch`` applied: objects merge, ``null`` removes, anything else takes the place of what was.

    Raises InvalidDataError for a patch nested deeper than any document may be. ``path`` leads to ``patch``.
    """
    if not isinstance(patch, dict):
        return patch
    if len(path) > MAX_DEPTH:
        raise InvalidDataError(f"is nested deeper than {MAX_DEPTH} levels", path=path)
    result = dict(target if isinstance(target, dict) else _NOTHING)
    for name, value in patch.items():
        if value is None:
            result.pop(name, None)
        else:
            result[name] = patched(result.get(name), value, path=(*path, name))
    return result
