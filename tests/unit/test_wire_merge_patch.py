"""JSON merge patch, RFC 7396."""

import copy

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sojourn.errors import InvalidDataError
from sojourn_service.merge_patch import patched

JSON = st.recursive(
    st.none() | st.integers() | st.text(max_size=3),
    lambda children: st.lists(children, max_size=3) | st.dictionaries(st.sampled_from("abc"), children, max_size=3),
    max_leaves=12,
)


@pytest.mark.parametrize(
    ("target", "patch", "result"),
    [
        ({"a": "b"}, {"a": "c"}, {"a": "c"}),
        ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
        ({"a": "b"}, {"a": None}, {}),
        ({"a": "b", "b": "c"}, {"a": None}, {"b": "c"}),
        ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
        ({"a": "c"}, {"a": ["b"]}, {"a": ["b"]}),
        ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
        ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}),
        (["a", "b"], ["c", "d"], ["c", "d"]),
        ({"a": "b"}, ["c"], ["c"]),
        ({"a": "foo"}, None, None),
        ({"a": "foo"}, "bar", "bar"),
        ({"e": None}, {"a": 1}, {"e": None, "a": 1}),
        ([1, 2], {"a": "b", "c": None}, {"a": "b"}),
        ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
    ],
)
def test_the_examples_of_the_rfc_come_out_as_it_says(target: object, patch: object, result: object) -> None:
    """Appendix A, all of them."""
    assert patched(target, patch) == result


@given(target=JSON, patch=JSON)
def test_patching_twice_is_patching_once(target: object, patch: object) -> None:
    """So a patch may be sent again when no answer came."""
    once = patched(target, patch)
    assert patched(once, patch) == once


@given(target=JSON, patch=JSON)
def test_a_patch_changes_neither_of_its_arguments(target: object, patch: object) -> None:
    """It is applied again when another request was faster."""
    before = copy.deepcopy((target, patch))
    patched(target, patch)
    assert (target, patch) == before


def test_a_patch_nested_too_deeply_is_refused_with_the_way_to_it() -> None:
    """Before it exhausts the stack."""
    patch: object = None
    for _ in range(50):
        patch = {"a": patch}
    with pytest.raises(InvalidDataError) as refusal:
        patched({}, patch, path=("data",))
    assert refusal.value.path == ("data", *["a"] * 16)
