"""Sound input with something wrong somewhere: strategies for bytes and for JSON. Knows no format."""

import copy
import json
from collections.abc import Iterator
from typing import Any

from hypothesis import strategies as st

SCALARS: st.SearchStrategy[Any] = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.integers(min_value=10**300, max_value=10**301),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=40),
    st.sampled_from(
        ["", "\x00", "null", "true", "*", "..", "/", "%00", "a" * 10_000, "\U0001f98a", "\uff21", "1e9", "-1"]
    ),
)
JSON: st.SearchStrategy[Any] = st.recursive(
    SCALARS,
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(st.text(max_size=12), inner, max_size=4)),
    max_leaves=12,
)


@st.composite
def shaken_bytes(draw: st.DrawFn, sound: st.SearchStrategy[bytes]) -> bytes:
    """``sound`` bytes after some changes: flipped, cut, doubled, or something put in between."""
    raw = bytearray(draw(sound))
    for _ in range(draw(st.integers(0, 4))):
        start = draw(st.integers(0, len(raw)))
        end = min(len(raw), start + draw(st.integers(0, 8)))
        match draw(st.sampled_from(["flip", "cut", "double", "insert", "end"])):
            case "flip" if start < len(raw):
                raw[start] ^= 1 << draw(st.integers(0, 7))
            case "cut":
                del raw[start:end]
            case "double":
                raw[start:start] = raw[start:end]
            case "insert":
                raw[start:start] = draw(st.binary(max_size=8))
            case _:
                del raw[start:]
    return bytes(raw)


@st.composite
def shaken_json(draw: st.DrawFn, sound: st.SearchStrategy[Any]) -> Any:  # noqa: ANN401  # JSON is whatever it is
    """A ``sound`` JSON value some of whose parts are something else, or gone, or called otherwise."""
    value = copy.deepcopy(draw(sound))
    for _ in range(draw(st.integers(0, 4))):
        places = list(_places(value))
        if not places:
            break
        holder, key = draw(st.sampled_from(places))
        match draw(st.sampled_from(["other", "gone", "renamed", "text"])):
            case "other":
                holder[key] = draw(JSON)
            case "gone":
                del holder[key]
            case "renamed" if isinstance(holder, dict):
                holder[draw(st.one_of(st.text(max_size=12), st.just(str(key).upper())))] = holder[key]
            case _:
                holder[key] = json.dumps(holder[key])[: draw(st.integers(0, 200))]
    return value


def _places(value: Any) -> Iterator[tuple[Any, Any]]:  # noqa: ANN401  # JSON is whatever it is
    """Every part of a JSON value, as who holds it and under which key."""
    parts = (
        list(value.items()) if isinstance(value, dict) else list(enumerate(value)) if isinstance(value, list) else []
    )
    for key, part in parts:
        yield value, key
        yield from _places(part)
