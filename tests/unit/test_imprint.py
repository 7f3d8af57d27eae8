"""Imprints: equal ones are those of equal documents, and what an application did to a document shows in them."""

import copy
import json
from collections import OrderedDict
from collections.abc import Callable
from enum import IntEnum
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sojourn.document.codec import dump_document, load_document
from sojourn.document.imprint import imprint, imprint_of, may_hold
from tests.support.mutants import Mutant

LIMIT = 1 << 20

texts = st.text(max_size=3) | st.sampled_from([" m", " di", "a mug", "\xe9", "x" * 300])
scalars = (
    st.none() | st.booleans() | st.integers(-2, 2**70) | st.floats(allow_nan=False, allow_infinity=False, width=16)
) | texts
values = st.recursive(
    scalars | st.binary(max_size=2),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(texts, inner, max_size=2)
        | st.tuples(inner)
        | st.sets(scalars, max_size=2)
    ),
    max_leaves=8,
)
documents = st.dictionaries(texts, values, max_size=3)


class Size(IntEnum):
    """A number that is more than one."""

    ONE = 1


class Text(str):
    """As Markup is one."""

    __slots__ = ()


@given(documents, documents)
def test_equal_imprints_are_of_equal_documents(one: dict[str, Any], other: dict[str, Any]) -> None:
    """To the letter of what would be stored."""
    for each in (other, copy.deepcopy(one)):
        if imprint(one) == imprint(each):
            assert dump_document(one, max_bytes=LIMIT) == dump_document(each, max_bytes=LIMIT)


CHANGES: dict[str, tuple[Any, Callable[[dict[str, Any]], object]]] = {
    "a nested list grows": ({"a": {"b": [1]}}, lambda held: held["a"]["b"].append(2)),
    "a nested object changes": ({"a": [{"b": 1}]}, lambda held: held["a"][0].update(b=2)),
    "one becomes true": ({"a": [1]}, lambda held: held.update(a=[True])),
    "one becomes a float": ({"a": 1}, lambda held: held.update(a=1.0)),
    "one becomes a choice": ({"a": 1}, lambda held: held.update(a=Size.ONE)),
    "a text becomes more than that": ({"a": ["x"]}, lambda held: held.update(a=[Text("x")])),
    "a key becomes more than that": ({"a": {"x": 1}}, lambda held: held.update(a={Text("x"): 1})),
    "a key becomes a number": ({"a": {"1": 1}}, lambda held: held.update(a={1: 1})),
    "a list becomes a tuple": ({"a": [1]}, lambda held: held.update(a=(1,))),
    "a set is frozen": ({"a": {1}}, lambda held: held.update(a=frozenset({1}))),
    "an object of another type": ({"a": {"b": 1}}, lambda held: held.update(a=OrderedDict(b=1))),
    "the order changes": ({"a": 1, "b": 2}, lambda held: held.update(a=held.pop("a"))),
    "zero loses its sign": ({"a": -0.0}, lambda held: held.update(a=0.0)),
    "bytes become an array": ({"a": b"x"}, lambda held: held.update(a=bytearray(b"x"))),
}


def a_change_shows(change: str) -> None:
    """Or there is no imprint that could say otherwise."""
    before, act = CHANGES[change]
    text = dump_document(before, max_bytes=LIMIT)
    document = load_document(text)
    taken = imprint_of(document, text)
    assert taken is None or imprint(document) == taken
    act(document)
    assert taken is None or imprint(document) != taken


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_shows(change: str) -> None:
    """Types and order included, as in what is stored."""
    a_change_shows(change)


def test_what_has_no_imprint_has_none() -> None:
    """What marshal does not know."""
    for held in (UUID(int=1), Text("x"), Size.ONE, OrderedDict(), object()):
        assert imprint({"a": [held]}) is None


def test_bytes_have_none_however_they_are_written() -> None:
    """A ``bytearray`` in their place would have the same."""
    for text in (b'{"a":{"$bytes":"eA=="}}', b'{"a":{"\\u0024bytes":"eA=="}}'):
        document = load_document(text)
        assert document == {"a": b"x"}
        assert imprint_of(document, text) is None
    assert imprint_of({"a": "x"}, b'{"a":"x"}') is not None


def a_text_is_found(document: dict[str, Any], text: str) -> None:
    """Wherever it is, and never where it is not said to be."""
    taken = imprint(document)
    assert taken is not None
    assert may_hold(taken, text) or text not in _texts(document)


def _texts(value: object) -> list[str]:
    if isinstance(value, dict):
        return [*value, *(text for member in value.values() for text in _texts(member))]
    if isinstance(value, list | tuple | set):
        return [text for item in value for text in _texts(item)]
    return [value] if isinstance(value, str) else []


@given(documents)
def test_no_text_is_overlooked(document: dict[str, Any]) -> None:
    """As a key or a value, once or often, at any depth."""
    for text in (" m", " di"):
        a_text_is_found(document, text)
        a_text_is_found({"a": [document, text, text], text: 1}, text)


def test_most_texts_are_not_said_to_be_there() -> None:
    """Or all of this would be for nothing."""
    taken = imprint(json.loads('{"a":["a mug"," more"," dim"," did","m","di"]}'))
    assert taken is not None
    assert not may_hold(taken, " m")
    assert not may_hold(taken, " di")


P = "sojourn.document.imprint"
MUTANTS: dict[str, tuple[Mutant, Callable[[], None]]] = {
    "bytes have an imprint": (
        Mutant(f"{P}:imprint_of", 'b"$bytes" in text or ', ""),
        test_bytes_have_none_however_they_are_written,
    ),
    "bytes written with an escape have one": (
        Mutant(f"{P}:imprint_of", ' or b"\\\\u" in text', ""),
        test_bytes_have_none_however_they_are_written,
    ),
}


@pytest.mark.parametrize("mistake", MUTANTS)
def test_a_mistake_is_noticed(mistake: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """So these tests can fail."""
    mutant, check = MUTANTS[mistake]
    check()
    mutant.apply(monkeypatch)
    # The test's own name of it, which no mutant reaches.
    monkeypatch.setitem(globals(), "imprint_of", vars(__import__(P, fromlist=["_"]))["imprint_of"])
    with pytest.raises(AssertionError):
        check()
