"""Entity tags and the conditions made of them."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sojourn_service.preconditions import EntityTags, entity_tag


@given(version=st.integers(1, 10**9), other=st.integers(1, 10**9))
def test_a_version_s_own_tag_holds_and_another_s_does_not(version: int, other: int) -> None:
    """Both ways of comparing agree on strong tags."""
    tags = EntityTags.parsed(entity_tag(version))
    assert tags is not None
    assert tags.hold_strongly(version)
    assert tags.hold_strongly(other) is tags.hold_weakly(other) is (other == version)


def test_a_weak_tag_holds_weakly_alone() -> None:
    """RFC 9110, section 8.8.3.2."""
    tags = EntityTags.parsed('W/"1"')
    assert tags is not None
    assert tags.hold_weakly(1)
    assert not tags.hold_strongly(1)


def test_the_star_holds_for_every_version() -> None:
    """It demands only that there be a session."""
    tags = EntityTags.parsed(" * ")
    assert tags is not None
    assert tags.is_any
    assert tags.hold_strongly(7)


@pytest.mark.parametrize("header", ['"1","2"', '"1" , W/"2"', '"a,b", "2"', '"1",\t"2"'])
def test_a_list_names_each_of_its_tags(header: str) -> None:
    """Commas inside quotes separate nothing."""
    tags = EntityTags.parsed(header)
    assert tags is not None
    assert len(tags.tags) == 2


@pytest.mark.parametrize("header", ["", ",", '"1",', '"1" "2"', "1", '*, "1"', '"1"\n', '"a b"', 'w/"1"'])
def test_what_is_no_list_of_tags_is_none(header: str) -> None:
    """The caller decides what to do about it; nothing is guessed."""
    assert EntityTags.parsed(header) is None


def test_a_long_header_takes_no_long_time() -> None:
    """Ten kilobytes is what the gateway lets through."""
    started = time.perf_counter()
    assert EntityTags.parsed('"1" ,' * 2_000 + "x") is None
    assert time.perf_counter() - started < 1
