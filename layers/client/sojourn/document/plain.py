"""Documents that hold nothing but what JSON has words for, far from every bound: most do, and need no walk.

Each function may say that a document is not plain when it is, never the reverse; what is not plain is walked and judged
by tags. Everything here runs in C, a document at a time or a container at a time.
"""

from itertools import chain
from types import NoneType
from typing import Any, Final

from sojourn.document.scalars import MAX_DEPTH, MAX_VALUES

_SCALARS: Final = frozenset({str, int, float, bool, NoneType})
_CONTAINERS: Final = frozenset({dict, list})
_KINDS: Final = _SCALARS | _CONTAINERS
_KEYS: Final = frozenset({str})
_VALUES: Final = dict.values

# Shorter than any integer that is refused, and than any float without an exponent that is infinite.
_LONGEST_NUMBER: Final = b"0" * 256
# So many of each eighth byte are digits, where there is such a number.
_SAMPLE: Final = 8
_SAMPLED_NUMBER: Final = b"0" * (256 // _SAMPLE)
_DIGITS: Final = bytes.maketrans(b"123456789", b"000000000")
_OTHERS: Final = bytes(set(range(256)) - set(b"{}[]"))
_FEW_ESCAPES: Final = 64


def may_be_tagged(text: bytes) -> bool:
    """Whether there may be a tag in JSON. One could be written with escapes, and so could half a surrogate pair."""
    # One byte is found faster than two.
    return (b"$" in text and b'"$' in text) or (b"\\" in text and b"\\u" in text)


def structure_of(text: bytes) -> bytes:
    """What of a JSON text, that was parsed already, is outside of its strings."""
    return b"".join(_without_escapes(text).split(b'"')[::2])


def members_in(structure: bytes) -> int:
    """How many members the objects have together, those that occur twice counted twice."""
    return structure.count(b":")


def is_plain_structure(structure: bytes) -> bool:
    """Whether JSON of this structure, with no tags in it, stands for itself: nothing is out of bounds."""
    words = structure.replace(b"true", b"").replace(b"false", b"")
    if b"e" in words or b"E" in words or _may_hold_long_number(structure):
        return False
    # Each value has a comma before it, or is the first in its container: no structure has more than it has bytes.
    if len(structure) > MAX_VALUES:
        values = structure.count(b",") + structure.count(b"{") + structure.count(b"[")
        if values > MAX_VALUES:
            return False
    return _is_shallow(structure)


def _without_escapes(text: bytes) -> bytes:
    """JSON without the escapes in its strings, or without those that matter here if there are many."""
    kept: list[bytes] = []
    start = 0
    for _ in range(_FEW_ESCAPES):
        found = text.find(b"\\", start)
        if found < 0:
            return b"".join((*kept, text[start:])) if kept else text
        kept.append(text[start:found])
        start = found + 2
    return b"".join((*kept, text[start:].replace(b"\\\\", b"").replace(b'\\"', b"")))


def _may_hold_long_number(text: bytes) -> bool:
    return _SAMPLED_NUMBER in text[::_SAMPLE].translate(_DIGITS) and _LONGEST_NUMBER in text.translate(_DIGITS)


def _is_shallow(structure: bytes) -> bool:
    """Whether brackets are not nested too deep: each round takes away the innermost of them."""
    brackets = structure.translate(None, _OTHERS)
    for _ in range(MAX_DEPTH):
        if not brackets:
            return True
        brackets = brackets.replace(b"{}", b"").replace(b"[]", b"")
    return not brackets


def is_plain(document: dict[str, object]) -> bool:
    """Whether a document's own values are what its JSON holds. Of its texts and numbers nothing is known yet."""
    level: list[Any] = [document]
    values = 0
    for _ in range(MAX_DEPTH):
        objects = [container for container in level if type(container) is dict]
        lists = [container for container in level if type(container) is list]
        held = [*chain.from_iterable(map(_VALUES, objects)), *chain.from_iterable(lists)]
        values += len(held)
        kinds = set(map(type, held))
        keys = set(map(type, chain.from_iterable(objects)))
        if values > MAX_VALUES or not kinds <= _KINDS or not keys <= _KEYS:
            return False
        if kinds <= _SCALARS:
            return True
        level = [value for value in held if type(value) in _CONTAINERS]
    return False


def says_plain(text: bytes) -> bool:
    """Whether the JSON that we wrote of such values looks like no tag, and no number can be out of bounds."""
    return b'{"$' not in text and not _may_hold_long_number(text)
