"""Which error becomes which problem."""

import json

import pytest

from sojourn.absence import Absence
from sojourn.errors import (
    ConfigurationError,
    ConflictError,
    CorruptSessionError,
    InvalidDataError,
    SessionGoneError,
    SessionTooLargeError,
    StoreUnavailableError,
)
from sojourn_service.problems import absent, pointer_of, problem_of


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
        (StoreUnavailableError("its secret", outcome_unknown=True), 503, {"outcome_unknown": True}),
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


def test_a_gone_session_looks_like_an_unknown_one() -> None:
    """The very same problem, whichever it was and whatever may have been stored before."""
    assert problem_of(SessionGoneError("x")) == problem_of(SessionGoneError("y", outcome_unknown=True))


def test_a_session_whose_token_was_replaced_is_no_unknown_one() -> None:
    """The client leaves its cookie alone."""
    problem = problem_of(SessionGoneError("x", reason=Absence.SUPERSEDED))
    assert (problem.status, problem.kind) == (404, "token-superseded")


@pytest.mark.parametrize("absence", Absence)
def test_every_reason_but_one_has_the_same_problem(absence: Absence) -> None:
    """The log alone knows which; the error carries it there."""
    error = absent(absence)
    expected = "token-superseded" if absence is Absence.SUPERSEDED else "session-not-found"
    assert problem_of(error).kind == expected
    assert absence is Absence.SUPERSEDED or problem_of(error) == problem_of(SessionGoneError("x"))


@pytest.mark.parametrize(
    ("path", "pointer"), [((), ""), (("a", 0, "b"), "/a/0/b"), (("a/b", "m~n", "~1"), "/a~1b/m~0n/~01"), (("",), "/")]
)
def test_a_pointer_is_spelt_as_rfc_6901_says(path: tuple[str | int, ...], pointer: str) -> None:
    """Slashes and tildes in a key are escaped."""
    assert pointer_of(path) == pointer
