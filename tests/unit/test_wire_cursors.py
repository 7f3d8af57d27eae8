"""Where a list goes on, as clients pass it back."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sojourn.backend import Position
from sojourn_service.cursors import cursor_of, position_of

ID = "UNhY4JhezH9g"


def encoded(text: str) -> str:
    """What a client could make up."""
    return base64.urlsafe_b64encode(text.encode()).rstrip(b"=").decode()


@given(created_at=st.integers(0, 10**12 - 1), session_id=st.from_regex(r"[A-Za-z0-9_-]{12}", fullmatch=True))
def test_a_cursor_leads_back_to_its_position(created_at: int, session_id: str) -> None:
    """In the namespace of its reader."""
    position = Position(created_at, f"shop#{session_id}")
    assert position_of(cursor_of(position), namespace="shop") == position


def test_a_cursor_leads_into_no_other_namespace() -> None:
    """Nor can it be made to: it does not say which."""
    cursor = cursor_of(Position(1, f"shop#{ID}"))
    assert position_of(cursor, namespace="bank") == Position(1, f"bank#{ID}")


@pytest.mark.parametrize(
    "cursor",
    [
        encoded(f"01.{ID}"),
        encoded(f"-1.{ID}"),
        encoded(f"1.shop#{ID[5:]}"),
        encoded(f"1.{ID}x"),
        encoded(f"1.{ID}\n"),
        encoded(f"{10**12}.{ID}"),
        encoded(f"٣.{ID}"),
        encoded(f"1.{ID}") + "=",
        encoded(f"1.{ID}")[:-1] + "d",
        " " + encoded(f"1.{ID}"),
        "é",
        "",
    ],
)
def test_what_was_never_given_out_is_none(cursor: str) -> None:
    """One spelling for each position, and none for anything else."""
    assert position_of(cursor, namespace="shop") is None


@given(st.text())
def test_no_text_breaks_the_reader(cursor: str) -> None:
    """Whatever a client sends is a position or none."""
    position_of(cursor, namespace="shop")
