"""Session documents as text and as stored bytes, format 1 (docs/item-format.md). Knows no storage, clock or setting.

A document has three forms: Python values; its JSON text, in which two documents are compared; and the encoded bytes
of the ``data`` attribute, which may be compressed. Whatever is read may be hostile: nothing is executed, and every
bound is checked before it costs.
"""

import json
import zlib
from collections.abc import Callable, Mapping
from typing import Final, NoReturn

from sojourn.document.dictionary import DICTIONARY_1
from sojourn.document.plain import (
    is_plain,
    is_plain_structure,
    may_be_tagged,
    members_in,
    says_plain,
    structure_of,
)
from sojourn.document.tags import compact_json, tag_document, untag_document
from sojourn.errors import CorruptSessionError, InvalidDataError, SessionTooLargeError

FORMAT: Final = 1
"""The first byte of an encoded document."""

PLAIN: Final = 0
"""The second byte, when the JSON text follows as it is."""

DEFLATED: Final = 1
"""The second byte, when a zlib stream (RFC 1950) with preset dictionary 1 follows."""

ITEM_ALLOWANCE: Final = 450
"""Bytes of an item besides ``data``: 200 at least, 285 with a subject and a label, 410 after three rotations. An
estimate; it decides what is worth compressing, and a wrong one costs a write unit, never a session."""

WRITE_UNIT: Final = 1024
"""DynamoDB bills writes by the started kilobyte of the whole item."""

_NO_JSON: Final = "its document is not JSON as the item format asks for"
_HEADER_BYTES: Final = 2
# Level 9 is 0 to 2 % smaller and takes 0 to 150 % longer, the more the larger the document.
_LEVEL: Final = 6


def dump_document(document: Mapping[str, object], *, max_bytes: int) -> bytes:
    """The document's JSON text: compact UTF-8, tagged. Equal texts mean equal documents, order of keys included.

    Raises InvalidDataError with the path to what cannot be stored, SessionTooLargeError above ``max_bytes``.
    """
    # object: applications without types bring lists and text here, too.
    if not isinstance(document, Mapping):
        raise InvalidDataError(f"takes a mapping, not {type(document).__name__}")
    text = _plain_text(document)
    if text is None:
        text = compact_json(tag_document(document)).encode()
    if len(text) > max_bytes:
        raise SessionTooLargeError(len(text), limit=max_bytes)
    return text


def _plain_text(document: Mapping[str, object]) -> bytes | None:
    """The JSON of a document that needs no walk; ``None`` of any other, and of one that is to be refused."""
    if type(document) is not dict or not is_plain(document):
        return None
    try:
        text = compact_json(document).encode()
    except ValueError:  # NaN, Infinity, half a surrogate pair, or an integer that Python does not write out
        return None
    return text if says_plain(text) else None


def load_document(text: bytes) -> dict[str, object]:
    """The Python values of a JSON text. Raises CorruptSessionError when it is not a document of this format."""
    if may_be_tagged(text):
        return _untagged(stored_json(text))
    value, members = _counted_json(text)
    structure = structure_of(text)
    if members_in(structure) != members:
        raise CorruptSessionError(_NO_JSON)
    return value if is_plain_structure(structure) else _untagged(value)


def _untagged(value: dict[str, object]) -> dict[str, object]:
    try:
        return untag_document(value)
    except InvalidDataError as error:
        raise CorruptSessionError(f"its document breaks the item format: a value {error.reason}") from None


def _counted_json(text: bytes) -> tuple[dict[str, object], int]:
    """The JSON object itself, and how many members its objects have, each name counted once."""
    sizes: list[int] = []

    def count(members: dict[str, object]) -> dict[str, object]:
        sizes.append(len(members))
        return members

    # Objects are made in C, which no decoder does that is handed the pairs.
    value = _json_object(text, json.JSONDecoder(object_hook=count, parse_constant=_refuse_constant).decode)
    return value, sum(sizes)


def stored_json(text: bytes) -> dict[str, object]:
    """The JSON object itself, tags left as they are: what the HTTP API shows. Raises CorruptSessionError."""
    return _json_object(text, _read_json)


def _json_object(text: bytes, read: Callable[[str], object]) -> dict[str, object]:
    try:
        value = read(text.decode())
    except (ValueError, RecursionError):
        # from None: Python's errors carry the text they choke on.
        raise CorruptSessionError(_NO_JSON) from None
    if not isinstance(value, dict):
        raise CorruptSessionError("its document is not a JSON object")
    return value


def from_stored_json(value: object, *, max_bytes: int) -> dict[str, object]:
    """The Python values of JSON that a client of the HTTP API sent, already parsed.

    Raises InvalidDataError, whose path leads through the JSON as it was sent, tags included, so that it can be
    rendered as a JSON pointer; SessionTooLargeError when its text, spaces apart, takes more than ``max_bytes``.
    """
    document = untag_document(value)
    size = len(compact_json(value).encode())
    if size > max_bytes:
        raise SessionTooLargeError(size, limit=max_bytes)
    return document


def encode(text: bytes, *, overhead: int = 0) -> bytes:
    """The bytes to store for a JSON text; compressed only if that saves a write unit.

    ``overhead`` is what will be stored besides: a seal.
    """

    def write_units(payload: bytes) -> int:
        return -(-(ITEM_ALLOWANCE + _HEADER_BYTES + len(payload) + overhead) // WRITE_UNIT)

    if write_units(text) > 1:
        # A fresh one each time: copying a primed compressor was measured and is no faster.
        compressor = zlib.compressobj(_LEVEL, zdict=DICTIONARY_1)
        deflated = compressor.compress(text) + compressor.flush()
        if write_units(deflated) < write_units(text):
            return bytes((FORMAT, DEFLATED)) + deflated
    return bytes((FORMAT, PLAIN)) + text


def decode(encoded: bytes, *, max_bytes: int) -> bytes:
    """The JSON text of stored bytes. Raises CorruptSessionError for anything that ``encode`` cannot have written.

    Never inflates more than ``max_bytes``, whatever the bytes claim.
    """
    if len(encoded) < _HEADER_BYTES or encoded[0] != FORMAT:
        raise CorruptSessionError("it is not in item format 1")
    text = _payload(encoded[1], encoded[_HEADER_BYTES:], max_bytes=max_bytes)
    if len(text) > max_bytes:
        raise CorruptSessionError(f"its document takes more than {max_bytes} bytes (SOJOURN_MAX_BYTES)")
    return text


def _payload(flags: int, payload: bytes, *, max_bytes: int) -> bytes:
    if flags == PLAIN:
        return payload
    if flags == DEFLATED:
        return _inflated(payload, max_bytes=max_bytes)
    raise CorruptSessionError("its flag byte is unknown")


def _inflated(payload: bytes, *, max_bytes: int) -> bytes:
    """At most one byte more than ``max_bytes``, by which the caller knows that there is more."""
    decompressor = zlib.decompressobj(zdict=DICTIONARY_1)
    try:
        text = decompressor.decompress(payload, max_bytes + 1)
    except zlib.error as error:
        raise CorruptSessionError("its zlib stream is damaged") from error
    if len(text) <= max_bytes and (not decompressor.eof or decompressor.unused_data):
        raise CorruptSessionError("its zlib stream is cut short or followed by something else")
    return text


def _unique_members(pairs: list[tuple[str, object]]) -> dict[str, object]:
    """JSON leaves open which of two equal keys counts, so two readers could disagree about which user is logged in."""
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("duplicate key")
    return members


def _refuse_constant(_: str) -> NoReturn:
    raise ValueError("NaN and Infinity are not JSON")


# A decoder made once: json.loads would make one for each call.
_read_json = json.JSONDecoder(object_pairs_hook=_unique_members, parse_constant=_refuse_constant).decode
