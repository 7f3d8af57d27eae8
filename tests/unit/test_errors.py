"""What Sojourn raises: one tree, messages that say what to do, and never a token or a document."""

import pytest

import sojourn
from sojourn import (
    Absence,
    ConflictError,
    CorruptSessionError,
    InvalidDataError,
    SessionGoneError,
    SessionTooLargeError,
    SojournError,
    StoreUnavailableError,
)
from sojourn.errors import rendered

ID = "A1b2C3d4xxxx"


def test_every_error_is_a_sojourn_error() -> None:
    """One except clause catches them all."""
    errors = [getattr(sojourn, name) for name in sojourn.__all__ if name.endswith("Error")]
    assert len(errors) == 10
    assert all(issubclass(error, SojournError) for error in errors)
    assert all(error.__bases__ == (SojournError,) for error in errors if error is not SojournError)


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (SessionGoneError(ID), "session A1b2C3d4xxxx is gone; create a new one"),
        (SessionGoneError(ID, reason=Absence.SUPERSEDED), "session A1b2C3d4xxxx was rotated after you read it"),
        (
            ConflictError(ID, keys=frozenset({"b", "a"})),
            "session A1b2C3d4xxxx changed under you: a, b; read it again and reapply",
        ),
        (
            ConflictError(ID, keys=frozenset()),
            "session A1b2C3d4xxxx changed under you: the document; read it again and reapply",
        ),
        (
            SessionTooLargeError(11, limit=10),
            "the document takes 11 bytes, the limit is 10; store less, or raise SOJOURN_MAX_BYTES",
        ),
        (InvalidDataError("is bad", path=("cart", 3, "price")), "cart[3].price: is bad"),
        (InvalidDataError("is bad"), "document: is bad"),
        (
            CorruptSessionError("it is damaged", session_id=ID),
            "session A1b2C3d4xxxx cannot be read: it is damaged; expire it, or read it with the version that wrote it",
        ),
        (
            SessionTooLargeError(11, limit=10, setting="SOJOURN_BUCKET"),
            "the document takes 11 bytes, the limit is 10; store less, or set SOJOURN_BUCKET",
        ),
        (StoreUnavailableError("busy"), "the session store is unavailable: busy"),
        (
            StoreUnavailableError("busy", outcome_unknown=True),
            "the session store is unavailable: busy; whether the change took effect is unknown: read the session again",
        ),
    ],
)
def test_a_message_says_what_happened_and_what_to_do(error: SojournError, message: str) -> None:
    """With the whole id, which opens nothing."""
    assert str(error) == message


def test_an_error_carries_what_a_handler_needs() -> None:
    """As attributes, not in its text."""
    conflict = ConflictError(ID, keys=frozenset({"a"}))
    assert (conflict.session_id, conflict.keys) == (ID, frozenset({"a"}))
    too_large = SessionTooLargeError(11, limit=10)
    assert (too_large.size, too_large.limit) == (11, 10)
    invalid = InvalidDataError("is bad", path=("a", 0))
    assert (invalid.reason, invalid.path) == ("is bad", ("a", 0))
    away = StoreUnavailableError("busy", is_transient=True)
    assert (away.reason, away.is_transient, away.outcome_unknown) == ("busy", True, False)
    gone = SessionGoneError(ID, reason=Absence.SUPERSEDED, outcome_unknown=True)
    assert (gone.session_id, gone.is_superseded, gone.outcome_unknown) == (ID, True, True)
    corrupt = CorruptSessionError("it is damaged", session_id=ID)
    assert (corrupt.reason, corrupt.session_id) == ("it is damaged", ID)


@pytest.mark.parametrize(
    ("path", "text"), [((), "document"), (("a",), "a"), (("a", 0, 1, "b"), "a[0][1].b"), ((0,), "[0]")]
)
def test_a_path_is_written_as_a_person_writes_it(path: tuple[str | int, ...], text: str) -> None:
    """From the document's root."""
    assert rendered(path) == text
