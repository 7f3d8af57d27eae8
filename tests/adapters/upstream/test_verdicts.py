"""The verdict on a suite: what fails the command, and what the list of exemptions may say."""

import json
from pathlib import Path

import pytest

from tests.adapters.upstream.debian import UnreachableError, fetch, find_site
from tests.adapters.upstream.reports import BrokenOffError, Result, read
from tests.adapters.upstream.suites import SUITES, Suite, pinned_lines
from tests.adapters.upstream.table import render_details, render_table
from tests.adapters.upstream.verdicts import Exemption, Verdict, find_unknown, judge, judge_unreachable, load_exemptions

FLASK = next(suite for suite in SUITES if suite.environment == "flask-newest")
OLDER = next(suite for suite in SUITES if suite.environment == "flask-oldest")
PYTHONS = [suite for suite in SUITES if suite.runner != "rails"]
PASSED, FAILED, SKIPPED = Result("passed"), Result("failed", "ValueError: no"), Result("skipped", "no Redis")


def exempt(*tests: str, environments: tuple[str, ...] = ()) -> list[Exemption]:
    """A list with one entry."""
    return [Exemption("flask", "signed", tests, environments)]


def report(path: Path, *lines: object) -> Path:
    """A report with these lines."""
    path.write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    return path


def test_a_failure_that_is_not_listed_fails() -> None:
    """Whatever the others do."""
    verdict = judge(FLASK, {"a": PASSED, "b": FAILED}, exempt("c"))
    assert (verdict.passed, verdict.failed, verdict.is_passed) == (1, {"b": "ValueError: no"}, False)


def test_a_failure_that_is_listed_is_left_out_with_its_reason() -> None:
    """It is neither passed nor failed."""
    verdict = judge(FLASK, {"a": PASSED, "b": FAILED}, exempt("b"))
    assert (verdict.passed, verdict.left_out, verdict.is_passed) == (1, {"b": "signed"}, True)


def test_a_listed_test_that_passes_is_stale() -> None:
    """The list must not outlive its reasons."""
    verdict = judge(FLASK, {"a": PASSED, "b": PASSED}, exempt("b"))
    assert (verdict.passed, len(verdict.stale), verdict.is_passed) == (1, 1, False)


def test_a_skipped_test_fails_unless_it_is_listed() -> None:
    """A suite cannot pass by not running."""
    assert judge(FLASK, {"a": SKIPPED}, []).failed == {"a": "skipped, and not listed: no Redis"}
    assert judge(FLASK, {"a": SKIPPED}, exempt("a")).is_passed


def test_a_name_stands_for_all_parameters_and_for_no_longer_name() -> None:
    """``test_a`` lists ``test_a[trio]``, and not ``test_ab``."""
    verdict = judge(FLASK, {"a[trio]": FAILED, "ab": FAILED}, exempt("a"))
    assert (set(verdict.left_out), set(verdict.failed)) == ({"a[trio]"}, {"ab"})


def test_an_exemption_holds_in_its_environments_alone() -> None:
    """The other releases must pass."""
    listed = exempt("a", environments=("flask-oldest",))
    assert judge(OLDER, {"a": FAILED}, listed).is_passed
    assert not judge(FLASK, {"a": FAILED}, listed).is_passed


def test_a_name_that_no_suite_has_is_stale() -> None:
    """It may be one release's test; it is unknown when all releases ran without it."""
    assert find_unknown(exempt("a"), {FLASK: {"b": PASSED}, OLDER: {"a": FAILED}}) == []
    assert find_unknown(exempt("a"), {FLASK: {"b": PASSED}}) == []
    assert len(find_unknown(exempt("a"), {FLASK: {"b": PASSED}, OLDER: {"b": PASSED}})) == 1


def test_an_exemption_needs_a_reason() -> None:
    """And at least one test."""
    with pytest.raises(ValueError, match="no reason"):
        Exemption("flask", " ", ("a",))
    with pytest.raises(ValueError, match="no reason"):
        Exemption("flask", "signed", ())


def test_the_list_names_suites_and_environments_that_exist() -> None:
    """A typing error would exempt nothing."""
    for exemption in load_exemptions():
        known = {suite.environment for suite in SUITES if suite.name == exemption.suite}
        assert known
        assert set(exemption.environments) <= known


def test_the_worst_phase_of_a_test_counts(tmp_path: Path) -> None:
    """A test that passes and whose tear-down fails has failed."""
    lines = [{"test": "a", "outcome": outcome, "why": outcome} for outcome in ("passed", "failed", "skipped")]
    assert read(report(tmp_path / "report", *lines, {"is_complete": True})) == {"a": Result("failed", "failed")}


def test_a_report_without_its_end_counts_for_nothing(tmp_path: Path) -> None:
    """A crash must not pass for a short suite, nor an empty one for a good one."""
    passed = {"test": "a", "outcome": "passed", "why": ""}
    for lines in ([passed], [], [{"is_complete": True}]):
        with pytest.raises(BrokenOffError):
            read(report(tmp_path / "report", *lines))
    with pytest.raises(BrokenOffError):
        read(tmp_path / "missing")


def test_a_suite_that_cannot_be_fetched_is_skipped_and_says_so() -> None:
    """But not in CI, where it would go unnoticed."""
    skipped, broken = (judge_unreachable(FLASK, "no apt", is_ci=is_ci) for is_ci in (False, True))
    assert (skipped.is_passed, broken.is_passed) == (True, False)
    assert list(render_details(skipped)) == [f"flask {FLASK.version}: skipped: no apt"]
    assert list(render_table([skipped]))[1].split()[2:] == ["-", "skipped", "-"]


def test_debians_archive_is_found_among_those_of_apt() -> None:
    """Its security updates and other vendors' archives have no Rails of another release."""
    vendors = "https://v.example/linux/debian/ bookworm stable\nhttps://d.example/debian-security/ a-security main\n"
    assert find_site(f"{vendors}https://d.example/debian/ bookworm main\n") == "https://d.example/debian/"
    with pytest.raises(UnreachableError):
        find_site(vendors)


def test_a_machine_without_apt_cannot_fetch(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """And is not asked for anything."""
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UnreachableError, match="not a Debian"):
        fetch("trixie", tmp_path / "trixie")


def test_the_table_has_a_line_for_each_suite() -> None:
    """A suite that broke off has no numbers."""
    verdicts = [judge(FLASK, {"a": PASSED, "b": FAILED}, []), Verdict(OLDER, broken="no end")]
    head, first, second = render_table(verdicts)
    assert head.split() == ["suite", "version", "passed", "failed", "left", "out"]
    assert first.split() == ["flask", FLASK.version, "1", "1", "0"]
    assert second.split()[2:] == ["-", "broken", "off", "-"]
    assert list(render_details(verdicts[0])) == [f"flask {FLASK.version}: failed: ValueError: no", "    b"]


@pytest.mark.parametrize("suite", PYTHONS, ids=lambda suite: suite.environment)
def test_every_archive_is_pinned_by_its_hashes(suite: Suite) -> None:
    """Pip refuses any other file."""
    assert "--hash=sha256:" in pinned_lines(suite.requirements, suite.package)


def test_the_pinned_lines_of_a_package_end_with_its_last_hash(tmp_path: Path) -> None:
    """Pip gets no other package's."""
    requirements = tmp_path / "requirements.txt"
    requirements.write_text(
        "a==1 \\\n    --hash=sha256:aa\nb==2 \\\n    --hash=sha256:bb \\\n    --hash=sha256:cc\nbc==3\n"
    )
    assert pinned_lines(requirements, "b") == "b==2 \\\n    --hash=sha256:bb \\\n    --hash=sha256:cc\n"
    with pytest.raises(LookupError):
        pinned_lines(requirements, "c")
