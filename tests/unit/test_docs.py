"""What the documentation shows is what happens."""

import doctest
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[2] / "docs"
OPTIONS = doctest.ELLIPSIS


@pytest.mark.parametrize("page", ["guide.md", "testing.md"])
def test_every_example_of_a_page_prints_what_the_page_says(page: str) -> None:
    """A reader who types an example sees what the page shows."""
    outcome = doctest.testfile(str(DOCS / page), module_relative=False, optionflags=OPTIONS)
    assert outcome.attempted > 0
    assert outcome.failed == 0
