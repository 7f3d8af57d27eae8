"""Markup in a Flask session: what holds none is not walked, and what holds some comes back as it went."""

import copy
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markupsafe import Markup

from sojourn.adapters import markup
from sojourn.adapters.markup import may_hold_markup, may_say_markup, with_markup_in, without_markup_in
from tests.support.mutants import Mutant


class Styled(Markup):
    """Markup of an application's own."""


TEXTS = st.text(max_size=3) | st.sampled_from([" m", " di"])
VALUES = st.recursive(
    st.none() | st.integers() | TEXTS | TEXTS.map(Markup),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=2),
    max_leaves=8,
)


def kinds(value: Any) -> Any:  # whatever an application puts in
    """``value`` with each text's own type beside it, since markup equals text."""
    if isinstance(value, dict):
        return {key: kinds(member) for key, member in value.items()}
    if isinstance(value, list):
        return [kinds(item) for item in value]
    return (isinstance(value, Markup), value)


@given(contents=st.dictionaries(TEXTS, VALUES, max_size=3))
def test_what_is_said_to_hold_none_needs_no_tags(contents: dict[str, Any]) -> None:
    """And the rest comes back as it went."""
    tagged = without_markup_in(contents)
    if not may_hold_markup(contents):
        assert kinds(tagged) == kinds(contents)
        assert kinds(with_markup_in(contents)) == kinds(contents)
    assert kinds(with_markup_in(tagged)) == kinds(contents)


@given(contents=st.dictionaries(TEXTS, VALUES, max_size=3), is_ascii=st.booleans())
def test_text_that_says_no_markup_holds_none(contents: dict[str, Any], is_ascii: bool) -> None:
    """What is stored comes back the same without a walk."""
    text = json.dumps(without_markup_in(contents), ensure_ascii=is_ascii).encode()
    document = json.loads(text)
    if not may_say_markup(text):
        assert kinds(with_markup_in(copy.deepcopy(document))) == kinds(document)


def tags_are_seen() -> None:
    """Both, and where they are written with an escape."""
    for text in (
        b'{"a":{" m":"<b>"}}',
        b'{"a":{" di":{" m":"<b>"}}}',
        b'{"a":{"\\u0020m":"<b>"}}',
        b'{"a":{" di":{}}}',
    ):
        assert may_say_markup(text)
    assert not may_say_markup(b'{"a":" more"}')


MUTANTS = {
    "one tag is not seen": Mutant("sojourn.adapters.markup:may_say_markup", "b'\" m\"' in text or ", ""),
    "the other is not seen": Mutant("sojourn.adapters.markup:may_say_markup", "b'\" di\"' in text or ", ""),
    "escapes are not seen": Mutant("sojourn.adapters.markup:may_say_markup", ' or b"\\\\u" in text', ""),
}


@pytest.mark.parametrize("mistake", MUTANTS)
def test_a_mistake_is_noticed(mistake: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """So these tests can fail."""
    tags_are_seen()
    MUTANTS[mistake].apply(monkeypatch)
    monkeypatch.setitem(globals(), "may_say_markup", markup.may_say_markup)
    with pytest.raises(AssertionError):
        tags_are_seen()


@pytest.mark.parametrize(
    "held",
    [{"a": Markup("<b>")}, {"a": [("x", Styled("<b>"))]}, {"a": {" m": "text"}}, {"a": [{" di": {}}]}],
    ids=["markup", "in a list, of a kind of its own", "what looks like a tag", "what looks like the other"],
)
def test_markup_is_found_at_any_depth(held: dict[str, Any]) -> None:
    """Also under more levels than are looked at."""
    deep = held
    for _ in range(100):
        assert may_hold_markup(deep)
        deep = {"more": deep, "and": [1, "x", None]}
    assert not may_hold_markup({"a": ["x", {"b": (1, None)}]})
