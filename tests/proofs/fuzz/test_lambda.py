"""Whatever a function is called with and whatever it answers, nothing breaks: it has a session, or the event raises."""

from collections import Counter
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sojourn import ConfigurationError
from sojourn.adapters.lambda_handler import session_of, with_session
from sojourn.testing import memory_store
from tests.adapters.events import FRONTS, OTHERS, authorizer, websocket
from tests.proofs.fuzz.shaken import shaken_json

STORE = memory_store()
COOKIE = f"__Host-session={STORE.create({'a': 1}).token}"
EVENTS: list[Any] = [front.event("/", [COOKIE], {"host": "a"}) for front in FRONTS.values()]
EVENTS += [websocket(COOKIE), authorizer(COOKIE), *OTHERS.values()]
ANSWERS: list[Any] = [
    {"statusCode": 200, "headers": {"Vary": "a", "set-cookie": "b=1"}, "body": "c", "isBase64Encoded": False},
    {"statusCode": "200", "multiValueHeaders": {"Vary": ["a"], "Set-Cookie": ["b=1", "c=2"]}, "cookies": ["d=3"]},
    {"statusCode": float("inf"), "headers": None, "cookies": "e=4"},
    [1, "a"],
]


@pytest.mark.parametrize("tries", [300, pytest.param(3_000, marks=pytest.mark.slow)])
def test_no_event_and_no_answer_breaks_a_session(tries: int) -> None:
    """Each kind of end comes up: one that has nothing to refuse or to open tests nothing."""
    told: Counter[str] = Counter()

    @settings(max_examples=tries, deadline=None, database=None)
    @given(event=shaken_json(st.sampled_from(EVENTS)), answer=shaken_json(st.sampled_from(ANSWERS)))
    def called(event: object, answer: object) -> None:
        def handler(_event: object, _context: object) -> object:
            told["opened" if session_of().get("a") == 1 else "empty"] += 1
            return answer

        try:
            given_back = with_session(store=STORE)(handler)(event, None)
        except ConfigurationError:
            told["refused"] += 1
        else:
            told["varies" if given_back is not answer else "left alone"] += 1

    called()
    assert all(told[end] for end in ("opened", "empty", "refused", "varies")), told
