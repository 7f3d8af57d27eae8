"""docs/comparison.md shows the committed results, of every store that is compared."""

from benchmarks.pages import DOCS, brought_up_to_date
from benchmarks.peers import comparison
from benchmarks.peers.workers import PEERS, REQUIREMENTS

RESULTS = comparison.read_results()


def test_the_page_shows_what_was_measured() -> None:
    """`python -m benchmarks.peers --page` changes no table, and the picture is there."""
    page = comparison.PAGE.read_text()
    assert brought_up_to_date(page, comparison.tables(RESULTS)) == page
    assert "(comparison.svg)" in page
    assert "Sojourn, the library alone" in (DOCS / "comparison.svg").read_text()


def test_every_store_was_measured_in_its_pinned_version() -> None:
    """A lock file that was compiled again asks for results that were measured again."""
    assert list(RESULTS) == [peer.name for peer in PEERS]
    for peer in PEERS:
        if not peer.is_ours and peer.environment != "express":
            name, version = RESULTS[peer.name]["version"].split()
            assert f"\n{name}=={version} " in (REQUIREMENTS / f"{peer.environment}.txt").read_text()
