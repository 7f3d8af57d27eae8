"""Documents keep what they are given, refuse what they cannot keep, and believe nothing they read."""

import json
import math
import sys
import zlib
from collections import Counter, OrderedDict, defaultdict, namedtuple
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta, timezone
from decimal import Decimal, localcontext
from enum import Enum, IntEnum, StrEnum
from functools import reduce
from random import Random
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.documents import COMPOSED
from sojourn.backend import Record
from sojourn.backends.items import item_of
from sojourn.document.codec import (
    DEFLATED,
    FORMAT,
    ITEM_ALLOWANCE,
    PLAIN,
    WRITE_UNIT,
    decode,
    dump_document,
    encode,
    from_stored_json,
    load_document,
    stored_json,
)
from sojourn.document.dictionary import DICTIONARY_1
from sojourn.errors import CorruptSessionError, InvalidDataError, SessionTooLargeError

LIMIT = 1 << 20
PLAIN_CEILING = WRITE_UNIT - ITEM_ALLOWANCE - 2
"""The largest text that fits into one write unit as it is, beside the other attributes and 2 bytes of header."""


def dumped(document: dict[str, object]) -> bytes:
    """The document's text, under the default limit."""
    return dump_document(document, max_bytes=LIMIT)


def returned(document: dict[str, object]) -> dict[str, object]:
    """The document after a trip through all of its forms."""
    return load_document(decode(encode(dumped(document)), max_bytes=LIMIT))


def nested(container: Callable[[object], object], times: int) -> object:
    """``container`` around ``container`` around … ``None``."""
    return reduce(lambda inner, _: container(inner), range(times), None)


def kinds(value: object) -> object:
    """A value with the types of all it holds, because 1 == 1.0 == True in Python."""
    match value:
        case dict():
            return {key: kinds(member) for key, member in value.items()}
        case list() | tuple():
            return type(value), [kinds(member) for member in value]
        case set() | frozenset():
            return type(value), {(type(member), member) for member in value}
        case datetime():
            return type(value), value.isoformat()
        case float() | Decimal():
            return type(value), str(value)
    return type(value), value


text = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
keys = text | st.sampled_from(["$tuple", "$bytes", "$object", "$", "$unknown"])
offsets = st.integers(-86_399, 86_399).map(lambda seconds: timezone(timedelta(seconds=seconds)))
hashable = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**40), 10**40)
    | st.floats(allow_nan=False, allow_infinity=False)
    | text
    | st.binary(max_size=12)
    | st.datetimes(timezones=st.none() | st.just(UTC) | offsets).map(lambda moment: moment.replace(fold=0))
    | st.dates()
    | st.decimals(allow_nan=False, allow_infinity=False)
    | st.uuids(),
    lambda inner: st.lists(inner, max_size=3).map(tuple) | st.frozensets(inner, max_size=3),
    max_leaves=4,
)
values = st.recursive(
    hashable | st.sets(hashable, max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=3),
    max_leaves=12,
)
documents = st.dictionaries(keys, values, max_size=5)


@given(documents)
def test_a_document_comes_back_as_it_was(document: dict[str, object]) -> None:
    """Every supported value survives, in value and in type, nested in whatever way."""
    assert kinds(returned(document)) == kinds(document)


@given(documents)
def test_a_document_that_came_back_has_the_same_text(document: dict[str, object]) -> None:
    """Sessions are compared by their text, so reading one must not make it look changed."""
    assert dumped(load_document(dumped(document))) == dumped(document)


@given(documents)
def test_json_from_the_api_means_what_the_stored_text_means(document: dict[str, object]) -> None:
    """Who gets a document over HTTP and sends it back as it is changes nothing."""
    stored = stored_json(dumped(document))
    assert dumped(from_stored_json(stored, max_bytes=LIMIT)) == dumped(document)


@given(st.binary(max_size=4096))
def test_no_text_is_changed_by_storing_it(raw: bytes) -> None:
    """Compression is about bytes, whatever they are."""
    assert decode(encode(raw), max_bytes=LIMIT) == raw


def test_the_text_is_compact_utf_8_in_the_order_of_the_keys() -> None:
    """The text is the format: anybody can read it."""
    assert dumped({"b": [1, 2.5, None], "a": {"ß": True}}) == '{"b":[1,2.5,null],"a":{"ß":true}}'.encode()


def test_equal_sets_have_equal_texts() -> None:
    """A set has no order of its own, and Python's differs from process to process."""
    assert dumped({"s": {"b", "a", "ä"}}) == '{"s":{"$set":["a","b","ä"]}}'.encode()
    assert dumped({"s": frozenset({10, 9, "9"})}) == b'{"s":{"$frozenset":["9",10,9]}}'


def test_the_document_itself_is_never_a_tag() -> None:
    """Its keys are the application's, so that the HTTP API can patch them one by one."""
    assert dumped({"$bytes": "mine"}) == b'{"$bytes":"mine"}'
    assert load_document(b'{"$bytes":"mine"}') == {"$bytes": "mine"}


def test_a_dict_with_two_members_needs_no_escape() -> None:
    """Only an object with a single member can be a tag."""
    assert dumped({"a": {"$set": 1, "b": 2}}) == b'{"a":{"$set":1,"b":2}}'


def test_a_dict_that_looks_like_a_tag_is_escaped_once() -> None:
    """Inside of $object nothing is a tag but what is nested deeper."""
    assert dumped({"a": {"$object": {"$set": []}}}) == b'{"a":{"$object":{"$object":{"$object":{"$set":[]}}}}}'


def test_a_moment_keeps_its_offset_but_not_the_name_of_its_zone() -> None:
    """An offset is a fact about a moment; zone rules change."""
    berlin = datetime(2026, 10, 25, 2, 30, fold=1, tzinfo=ZoneInfo("Europe/Berlin"))
    (moment,) = returned({"at": berlin}).values()
    assert isinstance(moment, datetime)
    assert moment.isoformat() == "2026-10-25T02:30:00+01:00"
    assert moment.tzinfo == timezone(timedelta(hours=1))


def test_a_decimal_is_written_alike_whatever_the_context_says() -> None:
    """A decimal context is the application's; the format is ours."""
    with localcontext() as context:
        context.capitals = 0
        context.prec = 2
        assert dumped({"d": Decimal("1.2345E+50")}) == b'{"d":{"$decimal":"1.2345E+50"}}'
        assert load_document(b'{"d":{"$decimal":"1.2345E+50"}}') == {"d": Decimal("1.2345E+50")}


Point = namedtuple("Point", ["x", "y"])  # noqa: PYI024  the untyped kind is a tuple just the same


class Markup(str):
    """A string that knows it is HTML, as template libraries have it."""

    __slots__ = ()

    def __str__(self) -> str:
        return "not what is stored"


class Frozen(datetime):
    """A clock for tests, as freezegun has it."""

    def isoformat(self, sep: str = "T", timespec: str = "auto") -> str:
        """Not what is stored."""
        return f"frozen{sep}{timespec}"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (Markup("<b>"), "<b>"),
        (OrderedDict(a=1), {"a": 1}),
        (Counter("aab"), {"a": 2, "b": 1}),
        (Point(1, 2), (1, 2)),
        (Frozen(2026, 1, 2, tzinfo=UTC), datetime(2026, 1, 2, tzinfo=UTC)),
    ],
)
def test_a_subclass_comes_back_as_what_it_extends(value: object, expected: object) -> None:
    """Sign-in libraries store dicts and strings of their own; they mean plain ones."""
    assert kinds(returned({"v": value})["v"]) == kinds(expected)


class Flagged(str):  # noqa: SLOT000  # which is what it is about
    """Text with an attribute."""

    flag = None


class Money(int):
    """A number with an attribute of its own slot."""

    currency: str


class Slotted(Decimal):
    """A number with a slot."""

    __slots__ = ("unit",)
    unit: str


class Multi(dict[str, object]):
    """As QueryDict and MultiDict are: lists are held, and the last item of each is shown."""

    def __getitem__(self, key: str) -> object:
        held = super().__getitem__(key)
        return held[-1] if isinstance(held, list) and held else held

    def items(self) -> Any:  # noqa: ANN401  # as its base has it
        """The last item of each."""
        return {key: self[key] for key in self}.items()


class Hiding(dict[str, object]):
    """Shows fewer members than it holds."""

    def items(self) -> Any:  # noqa: ANN401  # as its base has it
        """None."""
        return {}.items()


class Backwards(list[object]):
    """Shows its items in another order than it holds them."""

    def __iter__(self) -> Iterator[object]:
        return reversed(list(super().__iter__()))


class Own(dict[str, object]):
    """As AttrDict is: its members are its attributes."""

    def __init__(self, **members: object) -> None:
        super().__init__(members)
        self.__dict__ = self


class Annotated(dict[str, object]):
    """A dictionary with an attribute beside its members."""


class Cart(list[object]):
    """A list with an attribute beside its items."""


class Tags(set[str]):
    """A set with an attribute beside its members."""


class Pair(tuple[object, ...]):  # noqa: SLOT001  # which is what it is about
    """A tuple with an attribute beside its items."""


def _with_attribute(value: Any, name: str = "more", held: object = "cut") -> Any:  # noqa: ANN401  # of any type
    setattr(value, name, held)
    return value


HOLDING_MORE: dict[str, tuple[Callable[[], object], str]] = {
    "a dict that shows the last of each list": (lambda: Multi(tag=["a", "b"]), "dict"),
    "a dict that shows one of a list": (lambda: Multi(tag=["a"]), "dict"),
    "a dict that hides members": (lambda: Hiding(a=1), "dict"),
    "a dict with an attribute": (lambda: _with_attribute(Annotated(a=1)), "dict"),
    "a list in another order": (lambda: Backwards([1, 2]), "list"),
    "a list with an attribute": (lambda: _with_attribute(Cart([1])), "list"),
    "a set with an attribute": (lambda: _with_attribute(Tags({"a"})), "set"),
    "a tuple with an attribute": (lambda: _with_attribute(Pair((1,))), "tuple"),
    "text with an attribute": (lambda: _with_attribute(Flagged("a"), "flag", "b"), "str"),
    "a number with an attribute": (lambda: _with_attribute(Money(1), "currency", "EUR"), "int"),
    "a number with a slot": (lambda: _with_attribute(Slotted("1"), "unit", "kg"), "Decimal"),
}


@pytest.mark.parametrize(("make", "kind"), HOLDING_MORE.values(), ids=HOLDING_MORE)
def test_a_subclass_that_holds_more_than_its_base_is_refused_with_its_path(
    make: Callable[[], object], kind: str
) -> None:
    """What would be cut off in silence is an error; the value is not shown."""
    value = make()
    places: list[tuple[dict[str, object], tuple[str | int, ...]]] = [
        ({"form": {"a": [0, value]}}, ("form", "a", 1)),
        ({"f": value}, ("f",)),
    ]
    for document, path in places:
        with pytest.raises(InvalidDataError, match=rf"holds more than the {kind} that it extends") as refused:
            dumped(document)
        assert refused.value.path == path
        assert "EUR" not in str(refused.value)
    if isinstance(value, dict):
        with pytest.raises(InvalidDataError, match="holds more") as refused:
            dumped(value)
        assert refused.value.path == ()


def _reordered() -> OrderedDict[str, int]:
    ordered = OrderedDict(a=1, b=2)
    ordered.move_to_end("a")
    return ordered


HOLDING_NO_MORE: dict[str, tuple[Callable[[], object], object]] = {
    "text of a class with attributes of its own": (lambda: Flagged("a"), "a"),
    "a number without its attribute": (lambda: Money(1), 1),
    "a number with an empty slot": (lambda: Slotted("1"), Decimal(1)),
    "a dict without lists": (lambda: Multi(a="b"), {"a": "b"}),
    "a dict that is its own attributes": (lambda: Own(a=1, b=[2]), {"a": 1, "b": [2]}),
    "an ordered dict that was reordered": (_reordered, {"b": 2, "a": 1}),
    "a dict with a default": (lambda: defaultdict(list, a=[1]), {"a": [1]}),
    "a counter": (lambda: Counter("aab"), {"a": 2, "b": 1}),
    "empty ones": (lambda: [Cart(), Tags(), Pair(), Annotated()], [[], set(), (), {}]),
}


@pytest.mark.parametrize(("make", "expected"), HOLDING_NO_MORE.values(), ids=HOLDING_NO_MORE)
def test_a_subclass_that_holds_no_more_than_its_base_is_kept(make: Callable[[], object], expected: object) -> None:
    """In the order in which it shows its members."""
    found = returned({"value": make()})["value"]
    assert found == expected
    assert kinds(found) == kinds(expected)
    if isinstance(expected, dict) and isinstance(found, dict):
        assert list(found) == list(expected)


class Colour(Enum):
    """An enumeration."""

    RED = 1


class Level(IntEnum):
    """An enumeration that is an int."""

    LOW = 1


class Role(StrEnum):
    """An enumeration that is a str."""

    ADMIN = "admin"


@dataclass
class Custom:
    """A class of an application."""

    secret: str = "hunter2"


def a_cycle() -> list[object]:
    """A list that holds itself."""
    cycle: list[object] = []
    cycle.append(cycle)
    return cycle


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (Custom(), "is of type Custom, which cannot be stored"),
        (Colour.RED, "is of type Colour, which cannot be stored"),
        (Level.LOW, "is of type Level, which cannot be stored"),
        (Role.ADMIN, "is of type Role, which cannot be stored"),
        (bytearray(b"x"), "is of type bytearray, which cannot be stored"),
        (time(12), "is of type time, which cannot be stored"),
        (timedelta(1), "is of type timedelta, which cannot be stored"),
        (object, "is of type type, which cannot be stored"),
        (math.nan, "is not a finite number"),
        (math.inf, "is not a finite number"),
        (Decimal("NaN"), "is not a finite number"),
        (Decimal("sNaN"), "is not a finite number"),
        (Decimal("-Infinity"), "is not a finite number"),
        (
            datetime(2026, 1, 2, tzinfo=timezone(timedelta(microseconds=1))),
            "has an offset from UTC with a fraction of a second",
        ),
        (10**640, "is an integer of more than 640 digits"),
        (-(10**640), "is an integer of more than 640 digits"),
        ("hunter2\ud800", "is not valid Unicode: it holds half a surrogate pair"),
        ({1: "hunter2"}, "has a key that is not a string of valid Unicode"),
        ({"\udfff": "hunter2"}, "has a key that is not a string of valid Unicode"),
        ({"hunter2", 1.5, Custom}, "is of type type, which cannot be stored"),
        (frozenset({("hunter2", Colour.RED)}), "is of type Colour, which cannot be stored"),
    ],
)
def test_what_cannot_be_kept_is_refused_by_its_path_and_never_shown(value: object, reason: str) -> None:
    """The message helps to find the value, and is safe in a log."""
    with pytest.raises(InvalidDataError) as refusal:
        dumped({"a": 1, "cart": ["x", {"first": 1, "item": value}]})
    assert refusal.value.path == ("cart", 1, "item")
    assert refusal.value.reason == reason
    assert str(refusal.value) == f"cart[1].item: {reason}"
    assert refusal.value.__suppress_context__


def test_a_path_leads_through_tuples() -> None:
    """A tuple has places, unlike a set, whose path ends at itself."""
    with pytest.raises(InvalidDataError) as refusal:
        dumped({"a": ("x", ["y", Custom()])})
    assert refusal.value.path == ("a", 1, 1)


def test_a_bad_key_of_the_document_is_refused_at_the_document() -> None:
    """There is no shorter path than none."""
    with pytest.raises(InvalidDataError) as refusal:
        dumped({1: "x"})  # type: ignore[dict-item]  # the mistake under test
    assert refusal.value.path == ()


def test_the_largest_integer_comes_back() -> None:
    """640 digits convert whatever Python's own limit is set to."""
    largest = 10**640 - 1
    limit = sys.get_int_max_str_digits()
    sys.set_int_max_str_digits(640)
    try:
        assert returned({"n": [largest, -largest]}) == {"n": [largest, -largest]}
    finally:
        sys.set_int_max_str_digits(limit)


@pytest.mark.parametrize(
    "container",
    [
        lambda inner: [inner],
        lambda inner: {"key": inner},
        lambda inner: {"$key": inner},
        lambda inner: (inner,),
        lambda inner: frozenset({inner}),
    ],
    ids=["list", "dict", "escaped dict", "tuple", "frozenset"],
)
def test_sixteen_levels_are_kept_and_seventeen_are_refused(container: Callable[[object], object]) -> None:
    """The document is the first level; a tag's own object is none."""
    deepest = {"deep": nested(container, 15)}
    assert returned(deepest) == deepest
    with pytest.raises(InvalidDataError, match="is nested deeper than 16 levels"):
        dumped({"deep": nested(container, 16)})


def test_a_document_that_holds_itself_is_refused() -> None:
    """The depth ends what has no end, and the path says where."""
    with pytest.raises(InvalidDataError) as refusal:
        dumped({"loop": a_cycle()})
    assert refusal.value.path == ("loop", *[0] * 15)


def test_a_document_that_holds_itself_twice_ends_soon() -> None:
    """Two to the power of the depth is too many values, long before it is too deep everywhere."""
    twice: list[object] = []
    twice += [twice, [twice] * 60_000]
    with pytest.raises(InvalidDataError):
        dumped({"loop": twice})


def test_65536_values_are_kept_and_one_more_is_refused() -> None:
    """Every member and every item counts, wherever it is; keys and the document itself do not."""
    full: dict[str, object] = {"a": [0] * 40_000, "b": ((0,) * 25_531, {"c": 0})}
    assert returned(full) == full
    with pytest.raises(InvalidDataError) as refusal:
        dumped(full | {"c": 0})
    assert refusal.value.reason == "brings the document to more than 65536 values"


def test_a_document_of_exactly_the_limit_is_kept() -> None:
    """The limit counts the bytes of the text."""
    document: dict[str, object] = {"k": "ä" * 10}
    assert dump_document(document, max_bytes=28) == '{"k":"ääääääääää"}'.encode()
    with pytest.raises(SessionTooLargeError) as refusal:
        dump_document(document, max_bytes=27)
    assert (refusal.value.size, refusal.value.limit) == (28, 27)


def colliding(amount: int) -> list[int]:
    """Integers that all hash to zero."""
    return [index * (2**61 - 1) for index in range(amount)]


def test_a_set_of_colliding_numbers_is_refused_before_it_is_built() -> None:
    """Building it would take seconds, and anybody can compute such numbers."""
    assert hash(colliding(3)[2]) == 0
    with pytest.raises(CorruptSessionError, match="too many members of equal hash"):
        load_document(json.dumps({"s": {"$set": colliding(258)}}).encode())


def test_a_set_that_could_not_be_read_again_is_not_written() -> None:
    """Who writes and who reads draw the same line."""
    assert returned({"s": set(colliding(257))}) == {"s": set(colliding(257))}
    with pytest.raises(InvalidDataError, match="too many members of equal hash"):
        dumped({"s": set(colliding(258))})


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"null",
        b"[]",
        b'"text"',
        b"{}{}",
        b"{",
        b"{'a':1}",
        b'{"a":1,}',
        b'{"a":01}',
        b'{"a":NaN}',
        b'{"a":Infinity}',
        b'{"a":-Infinity}',
        b'{"a":1e400}',
        b'{"a":1,"a":1}',
        b'{"a":{"b":1,"c":2,"b":3}}',
        b'{"a":"\n"}',
        b'{"a":"\xff"}',
        b'{"a":"\xed\xa0\x80"}',
        b'{"a":"\\ud800"}',
        b'{"\\udfff":1}',
        b"\xef\xbb\xbf{}",
        '{"a":1}'.encode("utf-16"),
        '{"a":1}'.encode("utf-32"),
        b'{"a":' + b"9" * 641 + b"}",
        b'{"a":' + b"9" * 5_000 + b"}",
        b'{"a":' + b"[" * 16 + b"]" * 16 + b"}",
        b'{"a":' + b"[" * 500_000 + b"]" * 500_000 + b"}",
        b'{"a":' + b'{"a":' * 100_000 + b"1" + b"}" * 100_001,
        b'{"a":[' + b"0," * 65_535 + b"0]}",
    ],
)
def test_text_that_is_no_document_is_refused(raw: bytes) -> None:
    """No lenient reading: two readers must never disagree about what a session says."""
    with pytest.raises(CorruptSessionError):
        load_document(raw)


BAD_TAGS: list[tuple[object, tuple[str | int, ...]]] = [
    ({"$nothing": 1}, ("$nothing",)),
    ({"$nothing": [1]}, ("$nothing",)),
    ({"$nothing": "x"}, ("$nothing",)),
    ({"$nothing": {}}, ("$nothing",)),
    ({"$": 1}, ("$",)),
    ({"$Bytes": ""}, ("$Bytes",)),
    ({"$object": []}, ("$object",)),
    ({"$object": {"$a": {"$b": 1}}}, ("$object", "$a", "$b")),
    ({"$tuple": {}}, ("$tuple",)),
    ({"$tuple": "ab"}, ("$tuple",)),
    ({"$tuple": [1, {"$bytes": 1}]}, ("$tuple", 1, "$bytes")),
    ({"$set": None}, ("$set",)),
    ({"$set": [1, 1]}, ("$set",)),
    ({"$set": [1, 1.0]}, ("$set",)),
    ({"$set": [1, True]}, ("$set",)),
    ({"$set": [[]]}, ("$set",)),
    ({"$set": [{}]}, ("$set",)),
    ({"$set": [{"$set": []}]}, ("$set",)),
    ({"$set": [{"$tuple": [[]]}]}, ("$set",)),
    ({"$frozenset": [1, 1]}, ("$frozenset",)),
    ({"$frozenset": {}}, ("$frozenset",)),
    ({"$bytes": 1}, ("$bytes",)),
    ({"$bytes": "YQ"}, ("$bytes",)),
    ({"$bytes": "YQ==="}, ("$bytes",)),
    ({"$bytes": "YR=="}, ("$bytes",)),
    ({"$bytes": "Y Q=="}, ("$bytes",)),
    ({"$bytes": "_-8="}, ("$bytes",)),
    ({"$bytes": "ä"}, ("$bytes",)),
    ({"$datetime": 1}, ("$datetime",)),
    ({"$datetime": "2026-01-31"}, ("$datetime",)),
    ({"$datetime": "2026-02-30T00:00:00"}, ("$datetime",)),
    ({"$datetime": "2026-01-31 00:00:00"}, ("$datetime",)),
    ({"$datetime": "2026-01-31T24:00:00"}, ("$datetime",)),
    ({"$datetime": "2026-01-31T00:00"}, ("$datetime",)),
    ({"$datetime": "2026-01-31T00:00:60"}, ("$datetime",)),
    ({"$datetime": "2026-01-31T00:00:00,5"}, ("$datetime",)),
    ({"$datetime": "2026-01-31T00:00:00.1234567"}, ("$datetime",)),
    ({"$datetime": "2026-01-31T00:00:00+24:00"}, ("$datetime",)),
    ({"$datetime": "2026-01-31T00:00:00+0100"}, ("$datetime",)),
    ({"$datetime": "2026-01-31T00:00:00+00:00:00.000001"}, ("$datetime",)),
    ({"$datetime": "2026-01-31T00:00:00z"}, ("$datetime",)),
    ({"$datetime": "2026-01-31T00:00:00Z\n"}, ("$datetime",)),
    ({"$datetime": "٢٠٢٦-01-31T00:00:00"}, ("$datetime",)),
    ({"$datetime": "0000-01-31T00:00:00"}, ("$datetime",)),
    ({"$date": "2026-02-29"}, ("$date",)),
    ({"$date": "20260131"}, ("$date",)),
    ({"$date": "2026-W05-6"}, ("$date",)),
    ({"$decimal": 1.5}, ("$decimal",)),
    ({"$decimal": ""}, ("$decimal",)),
    ({"$decimal": "NaN"}, ("$decimal",)),
    ({"$decimal": "Infinity"}, ("$decimal",)),
    ({"$decimal": " 1"}, ("$decimal",)),
    ({"$decimal": "1_000"}, ("$decimal",)),
    ({"$decimal": "1e5"}, ("$decimal",)),
    ({"$decimal": ".5"}, ("$decimal",)),
    ({"$decimal": "+1"}, ("$decimal",)),
    ({"$decimal": "1E+9999999999999999999"}, ("$decimal",)),
    ({"$uuid": "8D3F5C1E-0B0A-4C39-9C34-0C1D6E0F7A11"}, ("$uuid",)),
    ({"$uuid": "8d3f5c1e0b0a4c399c340c1d6e0f7a11"}, ("$uuid",)),
    ({"$uuid": "{8d3f5c1e-0b0a-4c39-9c34-0c1d6e0f7a11}"}, ("$uuid",)),
]


@pytest.mark.parametrize(("value", "steps"), BAD_TAGS)
def test_a_broken_tag_is_refused_where_it_is(value: object, steps: tuple[str | int, ...]) -> None:
    """An API client learns by JSON pointer what to correct; a stored one is corrupt."""
    document: dict[str, object] = {"a": [0, value]}
    with pytest.raises(InvalidDataError) as refusal:
        from_stored_json(document, max_bytes=LIMIT)
    assert refusal.value.path == ("a", 1, *steps)
    with pytest.raises(CorruptSessionError):
        load_document(json.dumps(document).encode())


def test_an_unknown_tag_is_told_how_to_be_an_object() -> None:
    """Whoever meant an object of their own learns what to write."""
    with pytest.raises(InvalidDataError, match=r"a\.\$ref: is not a tag of this format; wrap .* in \$object"):
        from_stored_json({"a": {"$ref": ["#/b"]}}, max_bytes=LIMIT)


@pytest.mark.parametrize(
    ("value", "steps"),
    [
        (math.nan, ()),
        (-math.inf, ()),
        ("\ud800", ()),
        (10**640, ()),
        ({"\ud800": 1}, ()),
        ({1: 1}, ()),
        ((1,), ()),
        (b"x", ()),
        ({"$tuple": [0, math.nan]}, ("$tuple", 1)),
        ({"$object": {"x": math.nan}}, ("$object", "x")),
    ],
)
def test_parsed_json_from_the_api_is_checked_again(value: object, steps: tuple[str | int, ...]) -> None:
    """Whoever parsed it may have been lenient."""
    with pytest.raises(InvalidDataError) as refusal:
        from_stored_json({"a": value}, max_bytes=LIMIT)
    assert refusal.value.path == ("a", *steps)


@pytest.mark.parametrize("value", [None, [], "x", 1])
def test_a_document_from_the_api_is_an_object(value: object) -> None:
    """There is nowhere to point but at the whole."""
    with pytest.raises(InvalidDataError, match="is not a JSON object") as refusal:
        from_stored_json(value, max_bytes=LIMIT)
    assert refusal.value.path == ()


def test_a_document_from_the_api_has_the_same_limit() -> None:
    """Refused before it gets to the store, with the size it would take."""
    assert from_stored_json({"k": "ää"}, max_bytes=12) == {"k": "ää"}
    with pytest.raises(SessionTooLargeError) as refusal:
        from_stored_json({"k": "ää"}, max_bytes=11)
    assert (refusal.value.size, refusal.value.limit) == (12, 11)


@pytest.mark.parametrize(
    ("written", "moment"),
    [
        ("2026-01-31T12:00:00Z", datetime(2026, 1, 31, 12, tzinfo=UTC)),
        ("2026-01-31T12:00:00.5Z", datetime(2026, 1, 31, 12, 0, 0, 500_000, tzinfo=UTC)),
        ("2026-01-31T12:00:00.250+01:00", datetime(2026, 1, 31, 12, 0, 0, 250_000, timezone(timedelta(hours=1)))),
        ("2026-01-31T12:00:00-00:00", datetime(2026, 1, 31, 12, tzinfo=UTC)),
    ],
)
def test_other_languages_write_moments_in_their_way(written: str, moment: datetime) -> None:
    """JavaScript's toISOString and its like are read as they are."""
    assert load_document(json.dumps({"at": {"$datetime": written}}).encode()) == {"at": moment}


def test_a_text_with_spaces_and_escapes_is_a_document_too() -> None:
    """Other languages write JSON in their way."""
    assert load_document(b' { "a" : "\\u00e4\\ud83d\\ude00" } ') == {"a": "ä😀"}


def test_stored_json_leaves_the_tags_alone() -> None:
    """The HTTP API shows what is stored."""
    assert stored_json(b'{"a":{"$tuple":[1]}}') == {"a": {"$tuple": [1]}}


@pytest.mark.parametrize("raw", [b"null", b"[]", b'{"a":1,"a":2}', b'{"a":NaN}', b'{"a":"\xff"}', b"[" * 500_000])
def test_stored_json_is_an_object_of_strict_json(raw: bytes) -> None:
    """Even what is only shown is not shown when it could be read in two ways."""
    with pytest.raises(CorruptSessionError):
        stored_json(raw)


def test_a_corrupt_document_does_not_leak_through_the_error() -> None:
    """Neither the message nor a chained exception repeats what was stored."""
    for raw in (b'{"password":"hunter2', b'{"a":{"$decimal":"hunter2"}}', b'{"a":"hunter2\xff"}'):
        with pytest.raises(CorruptSessionError) as refusal:
            load_document(raw)
        assert "hunter2" not in str(refusal.value)
        assert refusal.value.__cause__ is None
        assert refusal.value.__suppress_context__


def test_a_small_document_is_stored_as_it_is() -> None:
    """Compressing what fits into one write unit would cost time and save nothing."""
    fits = b"a" * PLAIN_CEILING
    assert encode(fits) == bytes((FORMAT, PLAIN)) + fits


def test_a_document_is_compressed_when_that_saves_a_write_unit() -> None:
    """One byte more than fits, and compression pays."""
    encoded = encode(b"a" * (PLAIN_CEILING + 1))
    assert encoded[:2] == bytes((FORMAT, DEFLATED))
    assert len(encoded) < 64


def test_what_compression_cannot_bring_under_a_write_unit_stays_plain() -> None:
    """Random bytes do not shrink, so no reader shall pay for inflating them."""
    random = bytes.fromhex(str(3**5000 + 10**2385)[:2000]) + b"a" * 20
    encoded = encode(random)
    assert encoded[:2] == bytes((FORMAT, PLAIN))


@pytest.mark.parametrize("kind", ["3 KB cart", "3 KB visitor", "3 KB buyer"])
@pytest.mark.parametrize("seed", range(5))
def test_a_typical_session_of_3_kb_takes_one_write_unit(kind: str, seed: int) -> None:
    """What the preset dictionary is for, measured on an item with subject and label."""
    document = dumped(COMPOSED[kind](Random(seed)))  # noqa: S311  made-up documents
    assert len(document) > 2_500
    assert item_bytes(encode(document)) <= WRITE_UNIT


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("rotations", [1, 2, 3])
def test_a_cart_of_3_kb_takes_one_write_unit_also_after_three_rotations(seed: int, rotations: int) -> None:
    """Of a subject with a short name; the hashes of former tokens are kept for a quarter of an hour."""
    document = dumped(COMPOSED["3 KB cart"](Random(seed)))  # noqa: S311  made-up documents
    assert len(document) > 2_900
    assert item_bytes(encode(document), rotations=rotations, subject="user-42") <= WRITE_UNIT


def item_bytes(data: bytes, *, rotations: int = 0, subject: str = str(UUID(int=1))) -> int:
    """DynamoDB's size of an item: names and values; a number takes about a byte for two digits, and one more."""
    record = Record(
        session_id="default#" + "s" * 12,
        token_hash=bytes(32),
        former_hashes=bytes(32) * rotations or None,
        rotated_at=1_800_000_100 if rotations else None,
        version=1,
        write_id="w" * 16,
        created_at=1_800_000_000,
        began_at=1_800_000_000,
        expires_at=1_800_001_800,
        absolute_at=1_800_043_200,
        idle=1_800,
        data=data,
        subject=f"default#{subject}",
        label="Firefox on Linux",
        sweep_shard="63",
        sweep_at=1_800_088_200,
    )
    attributes = ((name, *tagged.items()) for name, tagged in item_of(record).items())
    return sum(len(name) + (len(value) // 2 + 2 if kind == "N" else len(value)) for name, (kind, value) in attributes)


def test_the_allowance_covers_an_ordinary_item() -> None:
    """Were it too small, documents would be left plain that compression could bring under a write unit."""
    assert ITEM_ALLOWANCE - 60 < item_bytes(b"", rotations=3) <= ITEM_ALLOWANCE
    assert item_bytes(b"") <= 285  # what docs/item-format.md says


def deflated(raw: bytes, *, dictionary: bytes = DICTIONARY_1) -> bytes:
    """A zlib stream."""
    compressor = zlib.compressobj(zdict=dictionary)
    return compressor.compress(raw) + compressor.flush()


STREAM = deflated(b'{"a":1}')


@pytest.mark.parametrize(
    "encoded",
    [
        b"",
        b"\x01",
        b"\x00\x00{}",
        b"\x02\x00{}",
        b"{}",
        b"\x01\x02{}",
        b"\x01\x80{}",
        b"\x01\x01",
        b"\x01\x01{}",
        b"\x01\x01" + STREAM[:-1],
        b"\x01\x01" + STREAM[:-5] + b"\x00" * 5,
        b"\x01\x01" + STREAM + b"\x00",
        b"\x01\x01" + STREAM + STREAM,
        b"\x01\x01" + deflated(b'{"a":1}', dictionary=b"another dictionary"),
        b"\x80\x04}.",
    ],
)
def test_bytes_of_no_known_format_are_refused(encoded: bytes) -> None:
    """There is no fallback decoder, least of all pickle."""
    with pytest.raises(CorruptSessionError):
        decode(encoded, max_bytes=LIMIT)


@pytest.mark.parametrize("pack", [lambda raw: b"\x01\x00" + raw, lambda raw: b"\x01\x01" + deflated(raw)])
def test_a_text_of_exactly_the_limit_is_read_and_one_byte_more_is_not(pack: Callable[[bytes], bytes]) -> None:
    """The limit is on the text, however it was stored."""
    assert decode(pack(b"a" * 100), max_bytes=100) == b"a" * 100
    with pytest.raises(CorruptSessionError, match="more than 100 bytes"):
        decode(pack(b"a" * 101), max_bytes=100)


@pytest.mark.parametrize("stream", [deflated(b"a" * 100)[:-1], deflated(b"a" * 100) + b"\x00"])
def test_a_stream_of_exactly_the_limit_is_read_to_its_end(stream: bytes) -> None:
    """Having all the bytes of the text is not having seen its checksum."""
    with pytest.raises(CorruptSessionError, match="cut short or followed"):
        decode(b"\x01\x01" + stream, max_bytes=100)


def test_a_bomb_is_refused_without_being_inflated() -> None:
    """64 MB of zeros in 64 KB: refused after the first thousand."""
    tracemalloc = pytest.importorskip("tracemalloc")
    bomb = b"\x01\x01" + deflated(bytes(1 << 26))
    tracemalloc.start()
    try:
        with pytest.raises(CorruptSessionError, match="more than 1000 bytes"):
            decode(bomb, max_bytes=1000)
        assert tracemalloc.get_traced_memory()[1] < 1 << 20
    finally:
        tracemalloc.stop()
