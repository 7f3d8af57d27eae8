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
_LONGEST_NUMBER: Final = b"0" * 64
_DIGITS: Final = bytes.maketrans(b"123456789", b"000000000")
_OTHERS: Final = bytes(set(range(256)) - set(b"{}[]"))


def is_plain_text(text: bytes) -> bool:
    """Whether JSON that was parsed already, with no member twice, stands for itself: no tags, nothing out of bounds."""
    # A tag could be written with escapes, and so could half a surrogate pair. One byte is found faster than two.
    if (b"$" in text and b'"$' in text) or (b"\\" in text and b"\\u" in text):
        return False
    structure = _structure(text)
    words = structure.replace(b"true", b"").replace(b"false", b"")
    if b"e" in words or b"E" in words or _LONGEST_NUMBER in structure.translate(_DIGITS):
        return False
    # The containers of a container are counted with its commas, so this is never less than there are.
    values = structure.count(b",") + structure.count(b"{") + structure.count(b"[")
    return values <= MAX_VALUES and _is_shallow(structure)


def _structure(text: bytes) -> bytes:
    """What of a JSON text is outside of its strings."""
    if b"\\" in text:
        text = text.replace(b"\\\\", b"").replace(b'\\"', b"")
    return b"".join(text.split(b'"')[::2])


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
    return b'{"$' not in text and _LONGEST_NUMBER not in text.translate(_DIGITS)
