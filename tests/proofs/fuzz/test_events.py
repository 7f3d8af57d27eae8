"""Whatever event arrives, the answer is one that the OpenAPI document knows, and never an internal error."""

import json
import tracemalloc
from collections import Counter
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sojourn import CorruptSessionError
from sojourn.document.codec import stored_json
from sojourn_service.requests import Request
from tests.proofs.fuzz.shaken import JSON, shaken_bytes, shaken_json
from tests.service.gateway import Gateway
from tests.service.specification import ROOT
from tests.support.mutants import Mutant

EVENTS = [json.loads(file.read_text()) for file in sorted(ROOT.glob("events/[!s]*/*.json"))]
HEADERS = st.sampled_from(
    [
        "session-token",
        "Session-Token",
        "if-match",
        "if-none-match",
        "content-type",
        "content-encoding",
        "cookie",
        "host",
    ]
)
LINES = st.one_of(
    st.text(max_size=60),
    st.sampled_from(["*", '"1"', 'W/"1"', '"1", "2"', "gzip", "application/json; charset=utf-16", "a,b", "x" * 20_000]),
)
BODIES = shaken_bytes(
    st.sampled_from([event["body"].encode() for event in EVENTS if "body" in event] + [b"", b"[]", b"{"])
)

often = pytest.mark.parametrize("tries", [300, pytest.param(10_000, marks=pytest.mark.slow)])


def told_of(api: Gateway, tries: int, *, is_seeded: bool = False) -> "Counter[int]":
    """What is answered to so many events, with a live token in half of them; seeded, to the same ones each time."""
    told: Counter[int] = Counter()

    @settings(max_examples=tries, deadline=None, database=None, derandomize=is_seeded)
    @given(
        event=shaken_json(st.sampled_from(EVENTS)),
        headers=st.dictionaries(HEADERS, LINES, max_size=3),
        body=st.one_of(st.none(), BODIES),
        is_alive=st.booleans(),
    )
    def sent(event: dict[str, Any], headers: dict[str, str], body: bytes | None, is_alive: bool) -> None:
        named = event.get("routeKey")
        key = named if isinstance(named, str) and named in api._apis else "GET /session"
        if is_alive and isinstance(event.get("headers"), dict):
            event["headers"] = {**event["headers"], "session-token": api.create({"a": 1}, subject="ada")["token"]}
        if headers and isinstance(event.get("headers"), dict):
            event["headers"] |= headers
        if body is not None:
            event["body"] = body.decode(errors="replace")
        answer = api.deliver(key, event)
        told[answer.status] += 1
        assert answer.status < 500, answer.body

    sent()
    print(dict(sorted(told.items())))  # noqa: T201  # `pytest -rP` shows the figures
    return told


@often
def test_every_event_gets_an_answer_that_the_document_knows(gateway: Gateway, tries: int) -> None:
    """Sound events with something wrong in them, and enough of them sound to be served."""
    told = told_of(gateway, tries)
    assert {200, 201, 400, 401, 404} <= told.keys()


@given(event=JSON)
@settings(max_examples=200, deadline=None)
def test_what_is_no_event_gets_an_answer(event: object) -> None:
    """A list, a number, nothing."""
    assert Request.of(event).caller is None


def test_an_event_that_raises_is_noticed(gateway: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
    """So this test can fail: base64 of what is no ASCII is another error than base64 that is none."""
    Mutant("sojourn_service.bodies:_content", "except ValueError", "except UnicodeEncodeError").apply(monkeypatch)
    with pytest.raises((AssertionError, ExceptionGroup)):
        told_of(gateway, 600, is_seeded=True)


_LIMIT = 3 * 1_048_576
WORST = {
    "objects": b'{"data":[' + b"{}," * (_LIMIT // 3) + b"0]}",
    "lists": b'{"data":[' + b"[]," * (_LIMIT // 3) + b"0]}",
    "objects in objects": b'{"data":[' + b'{"":{}},' * (_LIMIT // 8) + b"0]}",
    "numbers": b'{"data":[' + b"1," * (_LIMIT // 2) + b"0]}",
    "keys": b'{"data":{' + b",".join(b'"%x":0' % n for n in range(_LIMIT // 11)) + b"}}",
    "depth": b'{"a":' * (_LIMIT // 5),
    "more depth": b"[" * _LIMIT,
    "one number": b'{"data":' + b"9" * _LIMIT + b"}",
    "escapes": b'{"data":["' + b"\\ud83d" * (_LIMIT // 6) + b'"]}',
}


@pytest.mark.parametrize("name", WORST)
def test_the_worst_body_costs_a_bounded_multiple_of_its_size(name: str) -> None:
    """The largest that is parsed at all, made of what takes the most memory."""
    tracemalloc.start()
    try:
        stored_json(WORST[name])
    except CorruptSessionError:
        pass
    finally:
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert peak < 40 * len(WORST[name])
