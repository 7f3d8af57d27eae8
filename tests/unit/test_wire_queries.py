"""The query string as it was sent."""

import time
from contextlib import suppress
from urllib.parse import quote, quote_plus, urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sojourn_service.problems import ProblemError
from sojourn_service.queries import parsed_query

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)


@given(parameters=st.dictionaries(TEXT.filter(bool), TEXT, max_size=4))
def test_what_a_client_encodes_is_read_back(parameters: dict[str, str]) -> None:
    """By either of the two ways to spell a space."""
    for encode in (quote, quote_plus):
        assert parsed_query(urlencode(parameters, quote_via=encode)) == parameters


@pytest.mark.parametrize(
    ("query", "parameters"),
    [
        ("", {}),
        ("&", {}),
        ("a", {"a": ""}),
        ("a=", {"a": ""}),
        ("=a", {"": "a"}),
        ("a=b=c", {"a": "b=c"}),
        ("a=1&&b=2&", {"a": "1", "b": "2"}),
        ("a+b=c+d", {"a b": "c d"}),
        ("a=%2B%20%2b", {"a": "+ +"}),
        ("a=1;b=2", {"a": "1;b=2"}),
        ("a=%2525", {"a": "%25"}),
        ("a=%00", {"a": "\x00"}),
        ("a=\xeb", {"a": "\xeb"}),
        ("a=%E2%80%AE", {"a": "\u202e"}),
    ],
)
def test_it_is_read_as_forms_are(query: str, parameters: dict[str, str]) -> None:
    """https://url.spec.whatwg.org/#urlencoded-parsing."""
    assert parsed_query(query) == parameters


@pytest.mark.parametrize("query", ["a=1&a=1", "a=1&a=2", "a&a", "a=1&b=2&%61=1", "=1&=2"])
def test_a_parameter_is_given_once(query: str) -> None:
    """However it is spelt."""
    with pytest.raises(ProblemError) as refusal:
        parsed_query(query)
    assert (refusal.value.problem.status, refusal.value.problem.members) == (
        400,
        {"parameter": "" if query[0] == "=" else "a"},
    )


@pytest.mark.parametrize(
    "query",
    [
        "%",
        "a=%",
        "a=%4",
        "a=%4g",
        "a=%%41",
        "a=%FF",
        "a=%C3",
        "a=%C3%28",
        "a=%C0%AF",
        "a=%ED%A0%80",
        "\ud800",
        "a=\udfff",
    ],
)
def test_what_is_not_encoded_utf_8_is_refused(query: str) -> None:
    """Nothing is replaced or left as it is: that would be another name."""
    with pytest.raises(ProblemError) as refusal:
        parsed_query(query)
    assert refusal.value.problem.kind == "malformed-request"


@given(st.text())
def test_no_text_breaks_the_reader(query: str) -> None:
    """Whatever a client sends is a query or refused."""
    with suppress(ProblemError):
        assert all(isinstance(value, str) for value in parsed_query(query).values())


def test_a_long_query_takes_no_long_time() -> None:
    """Linear: the gateway lets ten kilobytes through, an event written by hand any number."""
    started = time.process_time()
    for query in ("&" * 10**6, "a=%41" * 10**5, "&".join(f"a{number}=%41" for number in range(10**5)), "%" * 10**6):
        with suppress(ProblemError):
            parsed_query(query)
    assert time.process_time() - started < 3
