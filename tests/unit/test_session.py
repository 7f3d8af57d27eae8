"""A session in the hand: a dictionary that notices every change and shows neither token nor document."""

import datetime as dt
from collections.abc import MutableMapping

import pytest

from sojourn import InvalidDataError, Session, Store
from sojourn.testing import FakeClock, memory_store


@pytest.fixture
def store() -> Store:
    """In memory."""
    return memory_store(clock=FakeClock())


def _session(store: Store, document: dict[str, object], subject: str | None = None) -> Session:
    """As somebody reads it."""
    session = store.read(store.create(document, subject=subject).token)
    assert session is not None
    return session


def test_a_session_is_a_mutable_mapping(store: Store) -> None:
    """Whatever takes a dictionary takes a session."""
    session = _session(store, {"a": 1, "b": 2})
    assert isinstance(session, MutableMapping)
    assert session.pop("a") == 1
    session.setdefault("c", 3)
    session.update({"d": 4})
    assert dict(session) == {"b": 2, "c": 3, "d": 4}
    assert (len(session), list(session), "b" in session, session.get("x")) == (3, ["b", "c", "d"], True, None)
    with pytest.raises(KeyError):
        session["x"]


def test_an_empty_session_is_there(store: Store) -> None:
    """``if session`` asks whether there is one."""
    assert _session(store, {})


@pytest.mark.parametrize("change", ["set", "delete", "nested list", "nested dict", "add"])
def test_every_change_is_noticed(store: Store, change: str) -> None:
    """Also deep inside."""
    session = _session(store, {"a": 1, "list": [[1]], "dict": {"x": {"y": 1}}})
    assert not session.is_changed
    inner_list, inner_dict = session["list"], session["dict"]
    assert isinstance(inner_list, list)
    assert isinstance(inner_dict, dict)
    match change:
        case "set":
            session["a"] = 2
        case "delete":
            del session["a"]
        case "nested list":
            inner_list[0].append(2)
        case "nested dict":
            inner_dict["x"]["y"] = 2
        case _:
            session["new"] = None
    assert session.is_changed


def test_a_change_taken_back_is_none(store: Store) -> None:
    """What counts is what would be stored."""
    session = _session(store, {"a": 1})
    session["a"] = 2
    session["a"] = 1
    assert not session.is_changed


def test_what_cannot_be_stored_is_a_change(store: Store) -> None:
    """Asking whether something changed never fails."""
    session = _session(store, {"a": 1})
    session["a"] = object()
    assert session.is_changed
    with pytest.raises(InvalidDataError):
        session.dumped()


def test_the_document_given_and_the_document_held_are_two(store: Store) -> None:
    """A list that the caller keeps changing does not change the session behind its back."""
    cart = ["teapot"]
    session = store.create({"cart": cart})
    cart.append("mug")
    assert session["cart"] == ["teapot"]


def test_values_have_their_types_right_after_creation(store: Store) -> None:
    """Not only after the next read."""
    document: dict[str, object] = {"pair": (1, 2), "when": dt.date(2026, 1, 2), "many": {1, 2}, "raw": b"\x00"}
    session = store.create(document)
    assert dict(session) == document
    assert not session.is_changed


def test_neither_text_form_shows_token_or_document(store: Store) -> None:
    """They end up in logs."""
    session = _session(store, {"password": "hunter2"}, subject="user-42")
    for text in (str(session), repr(session), f"{session}", f"{[session]}", f"{session!r:>99}"):
        assert session.token not in text
        assert session.token.removeprefix("sjn_") not in text
        assert "hunter2" not in text
        assert session.id[:8] in text


@pytest.mark.parametrize("name", ["id", "token", "subject", "label", "version", "expires_at", "absolute_at", "idle"])
def test_what_the_store_says_cannot_be_assigned(store: Store, name: str) -> None:
    """A subject changes by rotation only, a deadline by touch."""
    session = _session(store, {})
    with pytest.raises(AttributeError):
        setattr(session, name, "x")


def test_a_session_takes_no_stray_attributes(store: Store) -> None:
    """``session.user = …`` would be lost in silence."""
    session = _session(store, {})
    with pytest.raises(AttributeError):
        session.user = "u"  # type: ignore[attr-defined]  # that is the point


@pytest.mark.parametrize("subject", ["u", "a#b", "#", "default#u", None])
def test_the_subject_comes_back_without_its_namespace(store: Store, subject: str | None) -> None:
    """And with every sign of its own."""
    assert _session(store, {}, subject=subject).subject == subject
