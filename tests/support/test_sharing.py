"""What of the tests stays together when several processes run them."""

import pytest

from tests.support.sharing import shared_by


@pytest.mark.parametrize(
    ("test", "together"),
    [
        ("tests/contract/test_http.py::TestStore::test_a", "tests/contract/test_http.py::TestStore"),
        ("tests/unit/test_a.py::test_b[x::y]", "tests/unit/test_a.py"),
        ("tests/e2e/test_api.py::test_a", "tests/e2e"),
        ("tests/e2e/test_roles.py::test_b[read]", "tests/e2e"),
    ],
)
def test_what_shares_fixtures_stays_together(test: str, together: str) -> None:
    """A class, a module, and all that is deployed, lest there be two stacks."""
    assert shared_by(test) == together
