"""docs/performance.md shows the committed results."""

import json

from benchmarks import performance
from benchmarks.pages import DOCS, brought_up_to_date

BEFORE, AFTER = (json.loads((performance.RESULTS / f"{name}.json").read_text()) for name in performance.COUNTED)


def test_the_page_shows_what_was_counted() -> None:
    """`python -m benchmarks.performance` changes no table."""
    page = (DOCS / "performance.md").read_text()
    assert brought_up_to_date(page, performance.tables(BEFORE, AFTER)) == page
    assert "(performance.svg)" in page


def test_what_sojourn_adds_is_told_from_the_frameworks_own() -> None:
    """And put beside one call of boto3."""
    found = {"get_item": 4e6, "read": 3e6, "requests": {"Flask": {"empty": 1e6, "sojourn": 6e6}}}
    table = performance.tables(BEFORE, AFTER | {"adapters": found})["adapters"]
    assert "| Flask | 1.00 | 6.00 | 5.00 | 125% |" in table
