"""The text that `make upstream` prints. Decides nothing."""

from collections.abc import Iterator, Mapping, Sequence

from tests.adapters.upstream.verdicts import Verdict

_HEAD = ("suite", "version", "passed", "failed", "left out")


def render_table(verdicts: Sequence[Verdict]) -> Iterator[str]:
    """One line for each suite, below a header."""
    rows = [_HEAD, *(_row(verdict) for verdict in verdicts)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_HEAD))]
    for row in rows:
        texts, numbers = row[:2], row[2:]
        cells = [text.ljust(width) for text, width in zip(texts, widths[:2], strict=True)]
        cells += [number.rjust(width) for number, width in zip(numbers, widths[2:], strict=True)]
        yield "  ".join(cells).rstrip()


def render_details(verdict: Verdict) -> Iterator[str]:
    """The tests that failed, are stale or were left out, grouped by reason."""
    head = f"{verdict.suite.name} {verdict.suite.version}"
    if verdict.broken:
        yield f"{head}: broken off: {verdict.broken}"
    if verdict.skipped:
        yield f"{head}: skipped: {verdict.skipped}"
    for complaint in sorted(verdict.stale):
        yield f"{head}: stale: {complaint}"
    yield from _by_reason(f"{head}: failed", verdict.failed)
    yield from _by_reason(f"{head}: left out", verdict.left_out)


def _by_reason(head: str, tests: Mapping[str, str]) -> Iterator[str]:
    for reason in dict.fromkeys(tests.values()):
        yield f"{head}: {reason}"
        yield from (f"    {test}" for test, given in sorted(tests.items()) if given == reason)


def _row(verdict: Verdict) -> tuple[str, ...]:
    name, version = verdict.suite.name, verdict.suite.version
    if verdict.broken:
        return name, version, "-", "broken off", "-"
    if verdict.skipped:
        return name, version, "-", "skipped", "-"
    failed = len(verdict.failed) + len(verdict.stale)
    return name, version, str(verdict.passed), str(failed), str(len(verdict.left_out))
