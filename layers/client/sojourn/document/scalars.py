"""How values that hold no other values travel as JSON, both ways. Knows nothing of containers and documents: see tags.

docs/item-format.md is the specification; a change here that it does not mention is a bug.
"""

import binascii
import math
import re
from collections.abc import Callable
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from types import NoneType
from typing import Any, Final, TypeVar
from uuid import UUID

MAX_DEPTH: Final = 16
MAX_VALUES: Final = 65_536

# sys.int_info.str_digits_check_threshold: every Python converts so many, whatever its process-wide limit is set to.
MAX_DIGITS: Final = 640

_LARGEST_INTEGER: Final = 10**MAX_DIGITS - 1
_SMALLEST_INTEGER: Final = -_LARGEST_INTEGER

_DATE: Final = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_DATETIME: Final = re.compile(
    r"\d{4}-\d\d-\d\dT([01]\d|2[0-3]):[0-5]\d:[0-5]\d(\.\d{1,6})?"
    r"(Z|[+-]([01]\d|2[0-3]):[0-5]\d(:[0-5]\d)?)?",
    re.ASCII,
)
_DECIMAL: Final = re.compile(r"-?\d+(\.\d+)?(E[+-]?\d+)?", re.ASCII)
_UUID: Final = re.compile(r"[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}", re.ASCII)

_Parsed = TypeVar("_Parsed")


class RefusedError(Exception):
    """A value cannot be kept. The path to it is gathered on the way out, so that a good document pays nothing."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason
        self.steps: list[str | int] = []


def is_unicode(text: str) -> bool:
    """Whether UTF-8 can carry ``text``: half a surrogate pair it cannot. Ask ``isascii`` first, which costs nothing."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _pass_text(value: str) -> str:
    if not (value.isascii() or is_unicode(value)):
        raise RefusedError("is not valid Unicode: it holds half a surrogate pair")
    return value


def _pass_integer(value: int) -> int:
    if not _SMALLEST_INTEGER <= value <= _LARGEST_INTEGER:
        raise RefusedError(f"is an integer of more than {MAX_DIGITS} digits")
    return value


def _pass_float(value: float) -> float:
    if not math.isfinite(value):
        raise RefusedError("is not a finite number")
    return value


def _pass(value: object) -> object:
    return value


def _base64(value: bytes) -> str:
    return binascii.b2a_base64(value, newline=False).decode("ascii")


def _moment_text(value: datetime) -> str:
    offset = value.utcoffset()
    # No zone has such an offset, and fromisoformat reads +00:00:00.000001 as UTC.
    if offset is not None and offset.microseconds:
        raise RefusedError("has an offset from UTC with a fraction of a second")
    return datetime.isoformat(value)


def _decimal_text(value: Decimal) -> str:
    if not value.is_finite():
        raise RefusedError("is not a finite number")
    # upper(): the caller's decimal context may ask for a small e.
    return Decimal.__str__(value).upper()


def _bytes_of(text: str) -> bytes:
    try:
        value = binascii.a2b_base64(text)
    except ValueError:
        raise RefusedError("is not base64") from None
    # a2b_base64 skips what it does not know, so the same bytes would have many spellings.
    if _base64(value) != text:
        raise RefusedError("is not base64")
    return value


def _parser(form: re.Pattern[str], parse: Callable[[str], _Parsed], meaning: str) -> Callable[[str], _Parsed]:
    """Reads strings of one form. Python's own parsers take more than the format does, and each version more."""

    def parsed(text: str) -> _Parsed:
        if not form.fullmatch(text):
            raise RefusedError(f"is not {meaning}")
        try:
            return parse(text)
        except (ValueError, InvalidOperation):
            # from None: Python's error quotes the value.
            raise RefusedError(f"is not {meaning}") from None

    return parsed


# The tables keep a promise that mypy cannot see: a function gets only what it is listed under.

JSON_SCALARS: Final[dict[type, Callable[[Any], object]]] = {
    str: _pass_text,
    int: _pass_integer,
    float: _pass_float,
    bool: _pass,
    NoneType: _pass,
}
"""What JSON has a word for: the same checks on the way in and on the way out."""

TAG_OF: Final[dict[type, str]] = {
    bytes: "$bytes",
    datetime: "$datetime",
    date: "$date",
    Decimal: "$decimal",
    UUID: "$uuid",
}
"""What travels as a tagged string."""

# Named by their class, so that a subclass with another str() is written like what it extends.
TEXT_OF: Final[dict[str, Callable[[Any], str]]] = {
    "$bytes": _base64,
    "$datetime": _moment_text,
    "$date": date.isoformat,
    "$decimal": _decimal_text,
    "$uuid": UUID.__str__,
}

VALUE_OF: Final[dict[str, Callable[[str], object]]] = {
    "$bytes": _bytes_of,
    "$datetime": _parser(_DATETIME, datetime.fromisoformat, "a date and time of RFC 3339, offset optional"),
    "$date": _parser(_DATE, date.fromisoformat, "a date: YYYY-MM-DD"),
    "$decimal": _parser(_DECIMAL, Decimal, "a decimal number"),
    "$uuid": _parser(_UUID, UUID, "a UUID in small letters"),
}
