"""The pictures of docs/sweep.md show the committed results."""

import pytest

from benchmarks import plots
from benchmarks.pages import DOCS, read_results

DRAWN = plots.plots(read_results())


@pytest.mark.parametrize("name", DRAWN)
def test_a_picture_of_the_sweep_shows_what_was_measured(name: str) -> None:
    """`python -m benchmarks.plots` changes nothing."""
    assert (DOCS / name).read_text() == DRAWN[name]
    assert f"({name})" in (DOCS / "sweep.md").read_text()
