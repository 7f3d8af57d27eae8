"""Two requests at once: the last one counts, and messages of both are shown."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest
from django.contrib.messages import constants
from django.contrib.messages.storage.session import SessionStorage
from django.test import RequestFactory

from sojourn import ConflictError, InvalidDataError
from sojourn.adapters.django import SessionStore
from tests.adapters.browser import MEANWHILE, Browser
from tests.adapters.djangos import DJANGOS, OURS

if TYPE_CHECKING:
    from django.contrib.messages.storage.base import Message

    from sojourn.writing import Conflict


@pytest.mark.parametrize("middleware", [OURS, DJANGOS])
def test_the_last_of_two_requests_counts(browser: Browser, configured: Callable[..., None], middleware: str) -> None:
    """``last_activity`` in each request: neither is refused, as with Django's own backends."""
    configured(MIDDLEWARE=[middleware])
    browser.get("/number/last_activity/1")
    other = browser.twin()
    MEANWHILE.do(lambda: other.get("/number/last_activity/3"))
    assert browser.get("/opened/number/last_activity/2").status == 200
    assert browser.get("/show").body == "[('last_activity', 2)]"


def visit(key: str | None, *texts: str, is_shown: bool = False) -> SessionStore:
    """A session in which a request has put messages, and shown those of before; not saved."""
    request = RequestFactory().get("/")
    session = request.session = SessionStore(key)
    storage = SessionStorage(request)
    if is_shown:
        list(storage)
    for text in texts:
        storage.add(constants.INFO, text)
    storage.update(None)  # type: ignore[arg-type]  # it sets no cookie
    return session


def shown(key: str | None) -> list[str]:
    """The messages that the next page shows."""
    request = RequestFactory().get("/")
    request.session = SessionStore(key)
    found: list[Message] = list(SessionStorage(request))
    return [str(message.message) for message in found]


@pytest.fixture
def key() -> str | None:
    """Of a session that holds a message."""
    session = visit(None, "before")
    session.save()
    return session.session_key


@pytest.mark.parametrize("choice", ["mine", "theirs", "raise", lambda conflict: conflict.theirs])
def test_messages_of_two_requests_are_both_shown(
    key: str | None, configured: Callable[..., None], choice: object
) -> None:
    """Whatever the application chose for other keys."""
    configured(SOJOURN_ON_CONFLICT=choice)
    first, second = visit(key, "one", "é"), visit(key, "two")
    first.save()
    second.save()
    assert shown(key) == ["before", "one", "é", "two"]


def test_equal_messages_of_two_requests_are_both_shown(key: str | None) -> None:
    """Each belongs to something that was done."""
    first, second = visit(key, "saved", "saved"), visit(key, "saved")
    first.save()
    second.save()
    assert shown(key) == ["before", "saved", "saved", "saved"]


def test_a_message_that_was_shown_is_not_shown_again(key: str | None) -> None:
    """Because another request added one meanwhile, or showed it too."""
    shows, adds, shows_too = visit(key, is_shown=True), visit(key, "new"), visit(key, "newer", is_shown=True)
    for session in (adds, shows, shows_too):
        session.save()
    assert shown(key) == ["new", "newer"]
    visit(key, is_shown=True).save()
    assert shown(key) == []
    assert "_messages" not in SessionStore(key)


@pytest.mark.parametrize(
    ("choice", "n"), [("mine", 2), ("theirs", 1), (lambda conflict: conflict.mine + conflict.theirs, 3)]
)
def test_other_keys_beside_messages_are_decided_as_the_application_chose(
    key: str | None, configured: Callable[..., None], choice: object, n: int
) -> None:
    """In the same write."""
    configured(SOJOURN_ON_CONFLICT=choice)
    first, second = visit(key, "one"), visit(key, "two")
    first["n"], second["n"] = 1, 2
    first.save()
    second.save()
    assert SessionStore(key)["n"] == n
    assert shown(key) == ["before", "one", "two"]


def test_a_refusal_names_the_other_keys_and_not_the_messages(key: str | None, configured: Callable[..., None]) -> None:
    """And a key that both set to the same is none of them."""
    configured(SOJOURN_ON_CONFLICT="raise")
    first, second = visit(key, "one"), visit(key, "two")
    first["n"], second["n"] = 1, 2
    first["same"] = second["same"] = 3
    first.save()
    with pytest.raises(ConflictError) as told:
        second.save()
    assert told.value.keys == {"n"}


def test_messages_of_another_form_are_a_key_like_any_other(key: str | None) -> None:
    """Of another storage, which keeps a list say: the last one counts."""
    first, second = SessionStore(key), SessionStore(key)
    first["_messages"], second["_messages"] = ["a"], ["b"]
    first.save()
    second.save()
    assert SessionStore(key)["_messages"] == ["b"]


def test_a_choice_that_is_none_is_an_error(key: str | None, configured: Callable[..., None]) -> None:
    """With messages and without."""
    configured(SOJOURN_ON_CONFLICT="last")
    for session in (visit(key, "one"), SessionStore(key)):
        session["n"] = 1
        with pytest.raises(InvalidDataError, match="on_conflict"):
            session.save()


def test_a_function_is_given_both_sides(key: str | None, configured: Callable[..., None]) -> None:
    """As ``Store.write`` gives them."""
    told: list[Conflict] = []

    def decide(conflict: "Conflict") -> str:
        told.append(conflict)
        return "decided"

    configured(SOJOURN_ON_CONFLICT=decide)
    first, second = SessionStore(key), SessionStore(key)
    first["n"], second["n"] = 1, 2
    first.save()
    second.save()
    assert [(each.key, each.mine, each.theirs) for each in told] == [("n", 2, 1)]
    assert second["n"] == "decided"
