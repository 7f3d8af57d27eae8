"""Edits of top-level keys, and the laws of merging them."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sojourn.document.codec import dump_document
from sojourn.document.merge import Policy, edits, merged

MAX_BYTES = 1_048_576

scalars = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=4)
)
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=2), inner, max_size=2)
)
# Few keys, so that two writers meet at one.
documents = st.dictionaries(st.sampled_from(["a", "b", "c", "ä", '"', ""]), values, max_size=4)


def _text(document: dict[str, object]) -> bytes:
    return dump_document(document, max_bytes=MAX_BYTES)


def _merge(base: bytes, mine: bytes, theirs: bytes, on_conflict: Policy = "mine") -> tuple[bytes, frozenset[str]]:
    merge = merged(base, edits(base, mine), theirs, on_conflict=on_conflict)
    return merge.document, merge.conflicts


def _same(one: bytes, other: bytes) -> bool:
    """Equal but for the order of top-level keys, and to the letter below."""
    return {key: json.dumps(value) for key, value in json.loads(one).items()} == {
        key: json.dumps(value) for key, value in json.loads(other).items()
    }


@given(documents, documents)
def test_edits_lead_from_one_document_to_the_other(base: dict[str, object], mine: dict[str, object]) -> None:
    """Replayed where they were made, they give what they came from."""
    document, conflicts = _merge(_text(base), _text(mine), _text(base))
    assert _same(document, _text(mine))
    assert conflicts == frozenset()


@given(documents)
def test_no_edits_come_from_no_change(base: dict[str, object]) -> None:
    """Nothing is invented."""
    assert edits(_text(base), _text(base)).by_key == {}


@given(documents, documents)
def test_who_changed_nothing_takes_over_what_others_wrote(base: dict[str, object], theirs: dict[str, object]) -> None:
    """To the letter: so that it can be seen that there is nothing to store."""
    assert _merge(_text(base), _text(base), _text(theirs)) == (_text(theirs), frozenset())


@given(documents, documents)
def test_the_same_edits_twice_are_no_conflict(base: dict[str, object], mine: dict[str, object]) -> None:
    """What is there already needs no writing."""
    assert _merge(_text(base), _text(mine), _text(mine)) == (_text(mine), frozenset())


@given(documents, documents, documents)
def test_edits_of_different_keys_all_survive(
    base: dict[str, object], mine: dict[str, object], theirs: dict[str, object]
) -> None:
    """Each key has its editor's value, and where nobody edited, its own."""
    texts = _text(base), _text(mine), _text(theirs)
    own, other = edits(texts[0], texts[1]), edits(texts[0], texts[2])
    document, conflicts = _merge(*texts)
    expected = {key for key in own.by_key.keys() & other.by_key.keys() if own.by_key[key] != other.by_key[key]}
    assert conflicts == expected
    assert own.are_in(document)
    theirs_alone = {key: value for key, value in other.by_key.items() if key not in own.by_key}
    for key, value in theirs_alone.items():
        assert edits(texts[0], document).by_key.get(key) == value


@given(documents, documents, documents)
def test_the_order_of_two_writers_does_not_matter_without_a_conflict(
    base: dict[str, object], mine: dict[str, object], theirs: dict[str, object]
) -> None:
    """Whoever comes first."""
    one, conflicts = _merge(_text(base), _text(mine), _text(theirs))
    other, mirrored = _merge(_text(base), _text(theirs), _text(mine))
    assert conflicts == mirrored
    if not conflicts:
        assert _same(one, other)


@given(documents, documents, documents)
def test_to_prefer_theirs_changes_none_of_their_conflicting_keys(
    base: dict[str, object], mine: dict[str, object], theirs: dict[str, object]
) -> None:
    """And still adds ours where they do not conflict."""
    document, conflicts = _merge(_text(base), _text(mine), _text(theirs), "theirs")
    stored, before = json.loads(document), json.loads(_text(theirs))
    for key in conflicts:
        assert (key in stored, json.dumps(stored.get(key))) == (key in before, json.dumps(before.get(key)))
    for key, value in edits(_text(base), _text(mine)).by_key.items():
        if key not in conflicts:
            assert (key in stored) is (value is not None)


@given(documents, documents, documents)
def test_a_merge_is_written_as_the_codec_writes(
    base: dict[str, object], mine: dict[str, object], theirs: dict[str, object]
) -> None:
    """One spelling per document, or versions would differ without a change."""
    document, _ = _merge(_text(base), _text(mine), _text(theirs))
    assert document == _text(json.loads(document)) or b'"$' in document


@pytest.mark.parametrize(
    ("base", "mine", "theirs", "conflicts"),
    [
        ({"a": 1}, {"a": 2}, {"a": 3}, {"a"}),
        ({"a": 1}, {"a": 2}, {"a": 2}, set()),
        ({"a": 1}, {}, {"a": 2}, {"a"}),
        ({"a": 1}, {"a": 2}, {}, {"a"}),
        ({"a": 1}, {}, {}, set()),
        ({}, {"a": 1}, {"a": 2}, {"a"}),
        ({}, {"a": None}, {}, set()),
        ({"a": None}, {}, {"a": None}, set()),
        ({"a": 1}, {"a": True}, {"a": 1.0}, {"a"}),
        ({"a": {"x": 1, "y": 1}}, {"a": {"x": 2, "y": 1}}, {"a": {"x": 1, "y": 2}}, {"a"}),
    ],
)
def test_what_is_a_conflict(
    base: dict[str, object], mine: dict[str, object], theirs: dict[str, object], conflicts: set[str]
) -> None:
    """Both changed a top-level key, and not to the same value; removing is a change."""
    assert _merge(_text(base), _text(mine), _text(theirs))[1] == conflicts


def test_a_key_with_the_value_null_is_not_a_removed_key() -> None:
    """None is a value."""
    assert edits(b'{"a":null}', b"{}").by_key == {"a": None}
    assert edits(b"{}", b'{"a":null}').by_key == {"a": "null"}
    assert not edits(b"{}", b'{"a":null}').are_in(b"{}")
    assert not edits(b'{"a":null}', b"{}").are_in(b'{"a":null}')
