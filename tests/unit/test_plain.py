"""Documents that need no walk are kept and refused exactly as a walk would."""

import json
from collections import OrderedDict
from collections.abc import Callable
from decimal import Decimal
from enum import StrEnum
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sojourn.document.codec import dump_document, load_document
from sojourn.document.plain import is_plain, is_plain_structure, may_be_tagged, structure_of
from sojourn.document.scalars import MAX_DEPTH, MAX_VALUES
from sojourn.document.tags import compact_json, tag_document, untag_document
from sojourn.errors import CorruptSessionError, InvalidDataError
from tests.support.mutants import Mutant

LIMIT = 1 << 20

texts = st.text(max_size=8) | st.sampled_from(["$", "$tuple", '"$tuple"', "[", "]", '\\"[', "{}", "e", "\\", "\ud800"])
scalars = (
    st.none() | st.booleans() | st.integers() | st.floats() | texts | st.sampled_from([10**639, 10**640, -(10**640)])
)
values = st.recursive(
    scalars | st.decimals() | st.binary(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3) | st.tuples(inner),
    max_leaves=20,
)


class Colour(StrEnum):
    """A text that is more than one."""

    RED = "red"


def deep(levels: int, around: Callable[[Any], Any] = lambda inner: [inner]) -> Any:
    """A value that makes a document of so many levels."""
    value: Any = 1
    for _ in range(levels - 1):
        value = around(value)
    return value


EDGES: dict[str, Any] = {
    "as deep as may be": {"a": deep(MAX_DEPTH)},
    "too deep": {"a": deep(MAX_DEPTH + 1)},
    "too deep, of objects": {"a": deep(MAX_DEPTH + 1, lambda inner: {"b": inner})},
    "as many values as may be": {"a": [0] * (MAX_VALUES - 1)},
    "too many values": {"a": [0] * MAX_VALUES},
    "too many values in many lists": {"a": [[0] * 255] * 257},
    "an integer as long as may be": {"a": 10**640 - 1},
    "an integer too long": {"a": 10**640},
    "an integer that Python does not write": {"a": 10**5000},
    "infinity": {"a": float("inf")},
    "half a surrogate pair": {"a": "\ud800"},
    "a key of half a surrogate pair": {"\ud800": 1},
    "what looks like a tag": {"a": {"$tuple": [1]}},
    "what looks like an unknown tag": {"a": {"$mine": 1}},
    "the document itself looks like a tag": {"$tuple": []},
    "a tuple": {"a": (1, 2)},
    "a decimal": {"a": [Decimal(1)]},
    "a subclass": {"a": [OrderedDict(b=1)]},
    "a text that is more": {"a": Colour.RED},
    "a key that is a number": {1: 2},
    "keys, one of them a number": {"a": 1, 2: 3},
}


def refused(act: Callable[[], object]) -> object:
    """What comes out of it, or that nothing does."""
    try:
        return act()
    except (InvalidDataError, CorruptSessionError):
        return "refused"


def same_as_walked(document: Any) -> None:
    """The text of a document, and what a text holds, whether walked or not."""
    walked = refused(lambda: compact_json(tag_document(document)).encode())
    assert refused(lambda: dump_document(document, max_bytes=LIMIT)) == walked


def read_as_walked(text: bytes) -> None:
    """What a text holds, whether walked or not."""
    walked = refused(lambda: untag_document(json.loads(text)))
    assert repr(refused(lambda: load_document(text))) == repr(walked)


@given(st.dictionaries(texts, values, max_size=4))
def test_a_document_is_written_as_a_walk_would(document: dict[str, Any]) -> None:
    """To the same text, or not at all."""
    same_as_walked(document)


@pytest.mark.parametrize("edge", EDGES)
def test_an_edge_is_written_as_a_walk_would(edge: str) -> None:
    """One side of each bound, and the other."""
    same_as_walked(EDGES[edge])


@given(st.dictionaries(texts, values, max_size=4), st.booleans(), st.sampled_from([None, 1]))
def test_a_text_is_read_as_a_walk_would(document: dict[str, Any], is_ascii: bool, indent: int | None) -> None:
    """However it is written, escapes and spaces among it."""
    try:
        text = json.dumps(document, ensure_ascii=is_ascii, allow_nan=False, indent=indent, default=str).encode()
    except ValueError:
        return
    read_as_walked(text)


TEXTS = {
    **{
        edge: json.dumps(document).encode()
        for edge, document in EDGES.items()
        if edge.startswith(("as ", "too ", "what ", "the ", "an integer as", "an integer too"))
    },
    "an infinite number": b'{"a":1e999}',
    "an infinite number, large E": b'{"a":1E999}',
    "an infinite number without exponent": b'{"a":' + b"9" * 310 + b".0}",
    "a tag with an escape": b'{"a":{"\\u0024tuple":[1]}}',
    "half a pair": b'{"a":"\\ud800"}',
    "a key of half a pair": b'{"\\udfff":1}',
    "brackets in strings": b'{"a":' + b"[" * 20 + b'"' + b"]" * 20 + b'"' + b"]" * 20 + b"}",
    "brackets in strings that close": ('{"a":' + '["]",' * 30 + "1" + ',"["]' * 30 + "}").encode(),
    "quotes in strings": b'{"a":' + b'["\\"]\\"",' * 30 + b"1" + b',"\\"["]' * 30 + b"}",
    "quotes in strings, many": b'{"a":' + b'["\\"]\\"",' * 90 + b"1" + b',"\\"["]' * 90 + b"}",
    "backslashes at the end, many": b'{"z":"'
    + b"\\n" * 70
    + b'","a":"\\\\","b":'
    + b"[" * 17
    + b"1"
    + b"]" * 17
    + b',"c":"\\\\"}',
    "too deep behind many escapes": b'{"a":"' + b"\\n" * 70 + b'","b":' + b"[" * 17 + b"1" + b"]" * 17 + b"}",
    "too many values of text": json.dumps({"a": [""] * MAX_VALUES}).encode(),
    "backslashes at the end": b'{"a":"\\\\","b":' + b"[" * 17 + b"1" + b"]" * 17 + b',"c":"\\\\"}',
}


@pytest.mark.parametrize("name", TEXTS)
def test_a_text_of_a_stranger_is_read_as_a_walk_would(name: str) -> None:
    """Who may write into the table."""
    read_as_walked(TEXTS[name])


MANY = b'{"":"' + b"\\n\\\\" * 40 + b'"}'
"""JSON with more escapes than are taken out one by one."""


def scanned(text: bytes) -> bytes:
    """What of JSON is outside of its strings, a byte at a time."""
    kept, is_inside, rest = bytearray(), False, iter(text)
    for byte in rest:
        if byte == ord('"'):
            is_inside = not is_inside
        elif not is_inside:
            kept.append(byte)
        elif byte == ord("\\"):
            next(rest)
    return bytes(kept)


def structured_as_scanned(text: bytes) -> None:
    """However many escapes there are."""
    assert structure_of(text) == scanned(text)


@given(st.lists(texts), st.booleans())
def test_what_is_outside_of_strings_is_known(held: list[str], has_many: bool) -> None:
    """Whatever they hold."""
    text = json.dumps({"a": held, "b": [1, None, "\\"]}).encode()
    structured_as_scanned(MANY + text if has_many else text)


TWICE = {
    "a member twice": b'{"a":1,"a":2}',
    "a member twice, further in": b'{"b":[{"a":{"c":1},"a":2}]}',
    "a member twice and a gap": b'{"a":1,"a":2,"b" :1}',
    "a member twice, its colons in strings": b'{"a":1,"a":2,"b":":"}',
    "a member twice, a line between": b'{"a"\n:1,"a":":","b":2,"b"\t:1}',
    "a member twice beside a tag": b'{"a":1,"a":2,"b":{"$tuple":[]}}',
    "a member twice, behind quotes in strings": b'{"q":"\\":\\"","a":1,"a":2}',
    "a member twice, one with an escape": b'{"a":1,"\\u0061":2}',
}


def a_member_twice_is_refused(name: str) -> None:
    """By the reader of what is stored."""
    assert refused(lambda: load_document(TWICE[name])) == "refused"


@pytest.mark.parametrize("name", TWICE)
def test_a_member_that_occurs_twice_is_refused(name: str) -> None:
    """However its text is written: two readers could take one of them each."""
    a_member_twice_is_refused(name)


def test_most_documents_are_plain() -> None:
    """Or all of this would be for nothing."""
    document: dict[str, Any] = {"user": {"id": 7, "name": 'Zoë "Z"'}, "cart": [{"sku": "a", "price": 1.5}], "": None}
    assert is_plain(document)
    text = compact_json(document).encode()
    assert not may_be_tagged(text)
    assert is_plain_structure(structure_of(text))


P = "sojourn.document.plain"
MUTANTS: dict[str, tuple[Mutant, Callable[[], None]]] = {
    "brackets in strings count": (
        Mutant(f"{P}:structure_of", 'b"".join(_without_escapes(text).split(b\'"\')[::2])', "text"),
        lambda: read_as_walked(TEXTS["brackets in strings that close"]),
    ),
    "quotes in strings end them": (
        Mutant(f"{P}:_without_escapes", "found + 2", "found + 1"),
        lambda: structured_as_scanned(b'{"a\\"":[":"]}'),
    ),
    "quotes in strings end them where there are many": (
        Mutant(f"{P}:_without_escapes", '.replace(b\'\\\\"\', b"")', ""),
        lambda: structured_as_scanned(MANY + b'{"a\\"":[":"]}'),
    ),
    "backslashes are not paired where there are many": (
        Mutant(f"{P}:_without_escapes", '.replace(b"\\\\\\\\", b"")', ""),
        lambda: structured_as_scanned(MANY + b'{"a\\\\":[":"]}'),
    ),
    "escapes end after a few": (
        Mutant(f"{P}:_without_escapes", 'text[start:].replace(b"\\\\\\\\", b"").replace(b\'\\\\"\', b"")', 'b""'),
        lambda: structured_as_scanned(MANY + b'{"a":[":"]}'),
    ),
    "deeper by one": (
        Mutant(f"{P}:_is_shallow", "range(MAX_DEPTH)", "range(MAX_DEPTH + 1)"),
        lambda: read_as_walked(TEXTS["too deep"]),
    ),
    "values are not counted": (
        Mutant(f"{P}:is_plain_structure", "values > MAX_VALUES", "False"),
        lambda: read_as_walked(TEXTS["too many values"]),
    ),
    "only long structures are counted, and those are longer": (
        Mutant(f"{P}:is_plain_structure", "len(structure) > MAX_VALUES", "len(structure) > 2 * MAX_VALUES + 9"),
        lambda: read_as_walked(TEXTS["too many values of text"]),
    ),
    "escapes are not seen": (
        Mutant(f"{P}:may_be_tagged", 'b"\\\\u" in text', "False"),
        lambda: read_as_walked(TEXTS["a tag with an escape"]),
    ),
    "tags are not seen": (
        Mutant(f"{P}:may_be_tagged", "b'\"$' in text", "False"),
        lambda: read_as_walked(TEXTS["what looks like a tag"]),
    ),
    "exponents are not seen": (
        Mutant(f"{P}:is_plain_structure", 'b"e" in words or ', ""),
        lambda: read_as_walked(TEXTS["an infinite number"]),
    ),
    "large exponents are not seen": (
        Mutant(f"{P}:is_plain_structure", 'b"E" in words or ', ""),
        lambda: read_as_walked(TEXTS["an infinite number, large E"]),
    ),
    "long numbers are not seen": (
        Mutant(f"{P}:is_plain_structure", " or _may_hold_long_number(structure)", ""),
        lambda: read_as_walked(TEXTS["an integer too long"]),
    ),
    "a sample of digits says too little": (
        Mutant(f"{P}:_may_hold_long_number", "_SAMPLED_NUMBER in", "b'0' * 81 in"),
        lambda: read_as_walked(TEXTS["an integer too long"]),
    ),
    "long numbers are written": (
        Mutant(f"{P}:says_plain", " and not _may_hold_long_number(text)", ""),
        lambda: same_as_walked(EDGES["an integer too long"]),
    ),
    "written deeper by one": (
        Mutant(f"{P}:is_plain", "range(MAX_DEPTH)", "range(MAX_DEPTH + 1)"),
        lambda: same_as_walked(EDGES["too deep"]),
    ),
    "written without a count": (
        Mutant(f"{P}:is_plain", "values > MAX_VALUES or ", ""),
        lambda: same_as_walked(EDGES["too many values in many lists"]),
    ),
    "written without a look at types": (
        Mutant(f"{P}:is_plain", "not kinds <= _KINDS or ", ""),
        lambda: same_as_walked(EDGES["a tuple"]),
    ),
    "written without a look at keys": (
        Mutant(f"{P}:is_plain", " or not keys <= _KEYS", ""),
        lambda: same_as_walked(EDGES["keys, one of them a number"]),
    ),
    "written without a look at what looks like a tag": (
        Mutant(f"{P}:says_plain", "b'{\"$' not in text and ", ""),
        lambda: same_as_walked(EDGES["what looks like a tag"]),
    ),
    "members are not counted": (
        Mutant("sojourn.document.codec:_counted_json", "sum(sizes)", 'text.count(b":")'),
        lambda: a_member_twice_is_refused("a member twice"),
    ),
    "members are not counted beside a tag": (
        Mutant("sojourn.document.codec:stored_json", "_read_json", "json.loads"),
        lambda: a_member_twice_is_refused("a member twice beside a tag"),
    ),
    "colons in strings count": (
        Mutant(f"{P}:structure_of", 'b"".join(_without_escapes(text).split(b\'"\')[::2])', "text"),
        lambda: read_as_walked(b'{"a":"x:y"}'),
    ),
}


@pytest.mark.parametrize("mistake", MUTANTS)
def test_a_mistake_is_noticed(mistake: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """So these tests can fail."""
    mutant, check = MUTANTS[mistake]
    check()
    mutant.apply(monkeypatch)
    with pytest.raises(AssertionError):
        check()
