"""Which error becomes which problem."""

import json

import pytest

from sojourn.errors import (
    ConfigurationError,
    ConflictError,
    CorruptSessionError,
    InvalidDataError,
    SessionGoneError,
    SessionTooLargeError,
    StoreUnavailableError,
)
from sojourn_service.problems import pointer_of, problem_of


@pytest.mark.parametrize(
    ("error", "status", "members"),
    [
        (SessionGoneError("x"), 404, {}),
        (ConflictError("x", keys=frozenset("ba")), 409, {"keys": ["a", "b"]}),
        (SessionTooLargeError(11, limit=10), 413, {"size": 11, "limit": 10}),
        (InvalidDataError("is wrong", path=("data", 0)), 422, {"pointer": "/data/0"}),
        (CorruptSessionError("its secret"), 500, {}),
        (ConfigurationError("its secret"), 500, {}),
        (RuntimeError("its secret"), 500, {}),
        (StoreUnavailableError("its secret"), 503, {"outcome_unknown": False}),
        (StoreUnavailableError("its secret", may_have_happened=True), 503, {"outcome_unknown": True}),
    ],
)
def test_an_error_has_its_status_and_what_the_client_can_use(
    error: Exception, status: int, members: dict[str, object]
) -> None:
    """And nothing of our insides."""
    problem = problem_of(error)
    assert problem.status == status
    assert problem.members == members
    assert "secret" not in json.dumps(problem.document(request_id="1"))


def test_a_gone_session_is_told_like_an_unknown_one() -> None:
    """The very same problem."""
    assert problem_of(SessionGoneError("x")) == problem_of(SessionGoneError("y"))


@pytest.mark.parametrize(
    ("path", "pointer"), [((), ""), (("a", 0, "b"), "/a/0/b"), (("a/b", "m~n", "~1"), "/a~1b/m~0n/~01"), (("",), "/")]
)
def test_a_pointer_is_spelt_as_rfc_6901_says(path: tuple[str | int, ...], pointer: str) -> None:
    """Slashes and tildes in a key are escaped."""
    assert pointer_of(path) == pointer
