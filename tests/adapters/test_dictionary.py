"""A session is a dictionary: what Python's own functions see in it."""

import copy
import json
import logging
import pickle
import threading
from collections.abc import Callable
from typing import Any

import pytest

from sojourn import InvalidDataError, Store
from sojourn.adapters.rules import Rules
from sojourn.adapters.visit import Visit
from tests.adapters.browser import CountingBackend

CONTENTS: dict[str, Any] = {"cart": ["tea"], "n": 1}


@pytest.fixture
def token(store: Store) -> str:
    """Of a session with the contents."""
    return store.create(CONTENTS).token


@pytest.fixture(params=["visit", "session"])
def dictionary(request: pytest.FixtureRequest, store: Store, token: str) -> dict[str, Any]:
    """One that nothing has looked at yet."""
    if request.param == "session":
        found = store.read(token)
        assert found is not None
        return found
    return Visit(store, (token,), Rules())


LOOKS: dict[str, Callable[[Any], object]] = {
    "json": lambda d: json.loads(json.dumps(d)) == CONTENTS,
    "sorted json": lambda d: json.loads(json.dumps(d, sort_keys=True, indent=1)) == CONTENTS,
    "json inside": lambda d: json.loads(json.dumps({"session": d})) == {"session": CONTENTS},
    "copy": lambda d: d.copy() == CONTENTS and type(dict(d)) is dict,
    "copy.copy": lambda d: dict(copy.copy(d)) == CONTENTS,
    "deepcopy": lambda d: copy.deepcopy(dict(d)) == CONTENTS,
    "dict": lambda d: dict(d) == CONTENTS,
    "stars": lambda d: {**d} == CONTENTS and dict(**d) == CONTENTS,
    "or": lambda d: (d | {"n": 2}) == {**CONTENTS, "n": 2},
    "ror": lambda d: ({"n": 2, "m": 1} | d) == {**CONTENTS, "m": 1},
    "equal": lambda d: d == CONTENTS,
    "equal to it": lambda d: [d] == [CONTENTS],
    "unequal": lambda d: (d != CONTENTS, d != {}) == (False, True),
    "list": lambda d: list(d) == ["cart", "n"],
    "reversed": lambda d: list(reversed(d)) == ["n", "cart"],
    "len": lambda d: len(d) == 2,
    "bool": bool,
    "in": lambda d: "n" in d and "m" not in d,
    "get": lambda d: (d.get("n"), d.get("m"), d.get("m", 3)) == (1, None, 3),
    "keys": lambda d: list(d.keys()) == ["cart", "n"],
    "values": lambda d: list(d.values()) == [["tea"], 1],
    "items": lambda d: list(d.items()) == list(CONTENTS.items()),
    "isinstance": lambda d: isinstance(d, dict),
    "pop nothing": lambda d: d.pop("m", None) is None and d == CONTENTS,
    "setdefault": lambda d: d.setdefault("n", 2) == 1,
    "match": lambda d: _matched(d) == 1,
}


def _matched(value: object) -> object:
    match value:
        case {"n": n}:
            return n
    return None


@pytest.mark.parametrize("look", LOOKS)
def test_a_look_sees_what_is_stored(dictionary: dict[str, Any], look: str) -> None:
    """Also when it is the first; json's C code takes an empty dict for {} without a call."""
    assert LOOKS[look](dictionary)
    if isinstance(dictionary, Visit):
        assert not dictionary.modified


CHANGES: dict[str, tuple[Any, dict[str, Any]]] = {
    "set": (lambda d: d.__setitem__("m", 2), {**CONTENTS, "m": 2}),
    "delete": (lambda d: d.__delitem__("n"), {"cart": ["tea"]}),
    "pop": (lambda d: d.pop("n"), {"cart": ["tea"]}),
    "popitem": (lambda d: d.popitem(), {"cart": ["tea"]}),
    "clear and set": (lambda d: (d.clear(), d.update(m=1)), {"m": 1}),
    "update": (lambda d: d.update({"m": 2}, o=3), {**CONTENTS, "m": 2, "o": 3}),
    "update with pairs": (lambda d: d.update([("m", 2)]), {**CONTENTS, "m": 2}),
    "setdefault": (lambda d: d.setdefault("m", 2), {**CONTENTS, "m": 2}),
    "ior": (lambda d: d.__ior__({"m": 2}), {**CONTENTS, "m": 2}),
    "nested": (lambda d: d["cart"].append("cup"), {"cart": ["tea", "cup"], "n": 1}),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_is_noticed_and_stored(dictionary: dict[str, Any], store: Store, token: str, change: str) -> None:
    """By whatever method, and nested ones."""
    act, expected = CHANGES[change]
    act(dictionary)
    assert dictionary == expected
    if isinstance(dictionary, Visit):
        assert dictionary.modified
        dictionary.close()
    else:
        store.write(dictionary)  # type: ignore[arg-type]  # a Session
    assert dictionary == expected
    assert store.read(token) == expected


def test_a_missing_key_is_an_error_as_ever(dictionary: dict[str, Any]) -> None:
    """And no change."""
    for act in (lambda: dictionary["m"], lambda: dictionary.pop("m"), lambda: dictionary.__delitem__("m")):
        with pytest.raises(KeyError):
            act()
    dictionary.clear()
    with pytest.raises(KeyError):
        dictionary.popitem()


def test_what_finds_nothing_to_take_out_is_no_look(store: Store, token: str) -> None:
    """Nor is the question whether something was changed, as in Starlette."""
    visit = Visit(store, (token,), Rules())
    assert visit.pop("missing", None) is None
    assert (visit.modified, visit.accessed) == (False, False)
    assert visit["n"] == 1
    assert (visit.modified, visit.accessed) == (False, True)


def test_taking_an_item_out_of_nothing_is_no_logout(store: Store) -> None:
    """``popitem`` raises, and the subject's session stays."""
    token = store.create({}, subject="ada").token
    visit = Visit(store, (token,), Rules())
    with pytest.raises(KeyError):
        visit.popitem()
    visit.close()
    assert store.read(token) is not None
    begun = Visit(store, (), Rules())
    begun.login("eve")
    with pytest.raises(KeyError):
        begun.popitem()
    begun.close()
    assert begun.is_stored


def test_two_visits_are_equal_by_their_contents(store: Store, token: str) -> None:
    """Also where neither was looked at."""
    one, other = (Visit(store, (token,), Rules()) for _ in range(2))
    assert one == other
    assert (one != other) is False


@pytest.mark.parametrize("idle", ["60", 60.5, True])
def test_a_lifetime_that_is_no_whole_number_is_refused(store: Store, idle: Any) -> None:
    """With an error that names it."""
    visit = Visit(store, (), Rules())
    visit["a"] = 1
    visit.idle = idle
    with pytest.raises(InvalidDataError, match="idle"):
        visit.close()


def test_threads_of_a_request_open_its_session_once(store: Store, token: str, backend: CountingBackend) -> None:
    """All of them see what is in it; one is held up in the middle of the look."""
    visit, seen = Visit(store, (token,), Rules()), []
    others: list[threading.Thread] = []

    def look() -> None:
        seen.append(dict(visit))

    def begin_others() -> None:
        others.extend(threading.Thread(target=look) for _ in range(3))
        for thread in others:
            thread.start()

    backend.on_call = lambda: None if others else begin_others()
    with backend.counted() as calls:
        look()
        for thread in others:
            thread.join()
    assert (seen, calls) == ([CONTENTS] * 4, ["load"])


def test_a_pickled_visit_is_its_contents(store: Store) -> None:
    """No token, no store."""
    token = store.create(CONTENTS).token
    visit = Visit(store, (token,), Rules())
    pickled = pickle.dumps(visit)
    assert token[4:].encode() not in pickled
    assert pickle.loads(pickled) == copy.deepcopy(visit) == CONTENTS  # noqa: S301  # our own


def test_what_is_changed_after_the_answer_is_dropped(store: Store, caplog: pytest.LogCaptureFixture) -> None:
    """With a line in the log; a verb that needs an answer raises."""
    token = (session := store.create(CONTENTS)).token
    visit = Visit(store, (token,), Rules())
    assert visit["n"] == 1
    visit.close()
    caplog.clear()
    with caplog.at_level(logging.WARNING):
        visit["late"] = 1
    expected = f"write: session {session.id} refused: after the answer"
    assert [record.getMessage() for record in caplog.records] == [expected]
    assert visit["late"] == 1
    for verb in (visit.logout, visit.rotate, lambda: visit.login("ada")):
        with pytest.raises(InvalidDataError, match="any more"):
            verb()
    assert store.read(token) == CONTENTS


def test_a_visit_can_be_read_again(store: Store, backend: CountingBackend) -> None:
    """In a socket or a long poll: what others changed shows, and what this request changed stays."""
    session = store.create(CONTENTS, subject="ada")
    visit, other = Visit(store, (session.token,), Rules()), Visit(store, (session.token,), Rules())
    assert visit["n"] == 1
    other["n"] = 2
    other.close()
    visit.refresh()
    assert (visit["n"], visit.subject) == (2, "ada")
    visit["mine"] = 1
    visit.refresh()
    assert visit["mine"] == 1
    visit.close()
    store.expire_all(subject="ada")
    visit.refresh()
    assert (dict(visit), visit.subject, visit.is_stored) == ({}, None, False)
    assert backend.records == []
