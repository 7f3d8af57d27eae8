"""What a session can hold: all that Django's serializer takes, as that gives it back, and more."""

import enum
import json
from collections import Counter, OrderedDict, defaultdict, namedtuple
from datetime import UTC, date, datetime
from decimal import Decimal
from uuid import UUID

import pytest
from django.contrib.sessions.serializers import JSONSerializer
from django.db import models
from django.http import QueryDict
from django.utils import translation
from django.utils.functional import SimpleLazyObject
from django.utils.safestring import mark_safe
from django.utils.translation import gettext_lazy

from sojourn import InvalidDataError
from sojourn.adapters.django import SessionStore
from tests.adapters.browser import CountingBackend


class Size(models.TextChoices):
    """As in a model."""

    SMALL = "s", "Small"


class Stars(models.IntegerChoices):
    """The same with numbers."""

    FIVE = 5, "Five"


class Ratio(float, enum.Enum):
    """No choices of Django's, but a number."""

    HALF = 0.5


class Rows(list[object]):
    """A list that holds more than its items, as a serializer's result does."""

    def __init__(self, *rows: object) -> None:
        super().__init__(rows)
        self.serializer = object()


Point = namedtuple("Point", "x y")  # noqa: PYI024  # an old one, as applications have

TAKEN: dict[str, object] = {
    "choices": [Size.SMALL, Stars.FIVE, Ratio.HALF],
    "a choice as a key": {Size.SMALL: 1, Stars.FIVE: 2},
    "a cart by product ids": {17: 2, 18: {19: 1}},
    "other keys": {True: 1, False: 2, None: 3, 1.5: 4, Ratio.HALF: 5},
    "keys that become one": {1: "first", "1": "second"},
    "tuples": ((1, 2), Point(1, 2), [(3,)]),
    "safe text": [mark_safe("<b>"), {mark_safe("k"): 1}],  # it is no input
    "mappings": [defaultdict(list, a=[1]), OrderedDict(b=2), Counter("aab")],
    "a list with attributes": Rows(1, (2,)),
    "plain": [None, True, 0, -1, 2**70, 0.1, "é", "", [], {}],
    "what looks like a tag": {"$tuple": [1]},
}


def read_again(session: SessionStore) -> SessionStore:
    """The session of the next request."""
    session.save()
    return SessionStore(session.session_key)


@pytest.mark.parametrize("value", TAKEN.values(), ids=TAKEN)
def test_what_djangos_serializer_takes_comes_back_as_it_gives_it_back(value: object) -> None:
    """In the request that put it in it stays what it was, as with Django's own backends."""
    serializer, session = JSONSerializer(), SessionStore()
    session["a"] = value
    again = read_again(session)
    assert json.dumps(again["a"]) == json.dumps(serializer.loads(serializer.dumps(value)))
    assert session["a"] is value
    assert not again.modified


def test_keys_of_a_session_become_text() -> None:
    """At its top, too: ``request.session[product.id] = 2``."""
    session = SessionStore()
    session[17] = 2  # type: ignore[index]  # Django takes it
    assert session[17] == 2  # type: ignore[index]
    assert dict(read_again(session).items()) == {"17": 2}


def test_what_was_put_in_can_still_change_after_a_save() -> None:
    """A nested change of what became something else in the store is a change."""
    session, cart = SessionStore(), {17: [1]}
    session["cart"] = cart
    session.save()
    cart[17].append(2)
    assert read_again(session)["cart"] == {"17": [1, 2]}


def test_a_lazy_text_is_the_text_in_the_language_of_the_request() -> None:
    """Django's own serializer refuses it."""
    session = SessionStore()
    session["title"] = [gettext_lazy("Monday")]
    with translation.override("de"):
        again = read_again(session)
    assert again["title"] == ["Montag"]


def test_values_that_json_does_not_know_come_back_as_they_went() -> None:
    """SESSION_SERIALIZER has no effect."""
    values = [datetime.now(UTC), date(2026, 1, 2), Decimal("1.10"), UUID(int=7), b"\x00", {1, 2}]
    session = SessionStore()
    session["values"] = values
    assert read_again(session)["values"] == values


LOOP: list[object] = []
LOOP.append(LOOP)


@pytest.mark.parametrize(
    ("value", "path"),
    [
        ({"f": QueryDict("tag=a&tag=b")}, "a.f"),
        ([SimpleLazyObject(lambda: "lazy")], r"a\[0\]"),
        ({"o": object()}, "a.o"),
        ({"k": {(1, 2): 3}}, "a.k"),
        (LOOP, "nested deeper"),
        (float("nan"), "not a finite number"),
    ],
    ids=["QueryDict", "lazy object", "object", "key", "cycle", "NaN"],
)
def test_anything_else_is_refused_with_its_path(value: object, path: str, backend: CountingBackend) -> None:
    """Nothing is cut silently, and nothing is stored."""
    session = SessionStore()
    session["a"] = value
    assert session.modified
    with pytest.raises(InvalidDataError, match=path):
        session.save()
    assert backend.records == []
