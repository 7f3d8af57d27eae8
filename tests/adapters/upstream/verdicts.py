"""Verdicts: whether a suite passed, by its results and the list of tests that cannot pass. Runs nothing."""

import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.adapters.upstream.reports import Result
from tests.adapters.upstream.suites import SUITES, Suite

LEFT_OUT = Path(__file__).parent / "left_out.toml"


@dataclass(frozen=True, slots=True)
class Exemption:
    """Tests of one suite that cannot pass, and why. ``environments`` are those where it holds; none means all.

    A name without brackets stands for all parameters of the test.
    """

    suite: str
    reason: str
    tests: tuple[str, ...]
    environments: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Refuse an entry without a reason."""
        if not self.reason.strip() or not self.tests:
            raise ValueError(f"an exemption of {self.suite} has no reason or no tests")

    def is_of(self, suite: Suite) -> bool:
        """Whether it holds for ``suite`` in its environment."""
        return self.suite in suite.names and (not self.environments or suite.environment in self.environments)


@dataclass(frozen=True, slots=True)
class Verdict:
    """The verdict on one suite. What is in ``failed``, ``stale`` or ``broken`` fails the command.

    ``skipped`` is the reason why the suite did not run.
    """

    suite: Suite
    passed: int = 0
    failed: Mapping[str, str] = field(default_factory=dict)
    left_out: Mapping[str, str] = field(default_factory=dict)
    stale: Sequence[str] = ()
    broken: str = ""
    skipped: str = ""

    @property
    def is_passed(self) -> bool:
        """Whether the suite passed."""
        return not (self.failed or self.stale or self.broken)


def load_exemptions(path: Path = LEFT_OUT) -> list[Exemption]:
    """Read the list of tests that cannot pass."""
    with path.open("rb") as opened:
        entries = tomllib.load(opened)["left_out"]
    return [
        Exemption(entry["suite"], entry["reason"], tuple(entry["tests"]), tuple(entry.get("environments", ())))
        for entry in entries
    ]


def judge(suite: Suite, results: Mapping[str, Result], listed: Iterable[Exemption]) -> Verdict:
    """The verdict on ``suite``. A test that is skipped must be listed like one that fails."""
    reasons = {name: exemption.reason for exemption in listed if exemption.is_of(suite) for name in exemption.tests}
    failed, left_out, stale = {}, {}, []
    for test, result in results.items():
        reason = next((reason for name, reason in reasons.items() if covers(name, test)), None)
        if result.outcome == "passed":
            if reason is not None:
                stale.append(f"{test} passes, and left_out.toml says that it cannot")
        elif reason is None:
            failed[test] = result.why if result.outcome == "failed" else f"skipped, and not listed: {result.why}"
        else:
            left_out[test] = reason
    passed = sum(result.outcome == "passed" for result in results.values()) - len(stale)
    return Verdict(suite, passed, failed, left_out, stale)


def judge_unreachable(suite: Suite, why: str, *, is_ci: bool) -> Verdict:
    """The verdict on a suite that cannot be fetched. In CI it must run: ``make rails`` has been at the same mirror."""
    return Verdict(suite, broken=why) if is_ci else Verdict(suite, skipped=why)


def find_unknown(listed: Iterable[Exemption], results: Mapping[Suite, Mapping[str, Result]]) -> list[str]:
    """Names in the list that no suite has a test for, where all suites ran for which the entry holds."""
    complaints = []
    for exemption in listed:
        meant = [suite for suite in SUITES if exemption.is_of(suite)]
        tests = [test for suite in meant for test in results.get(suite, ())]
        if all(suite in results for suite in meant):
            complaints += [
                f"{exemption.suite}: stale: there is no {name}, and left_out.toml lists it"
                for name in exemption.tests
                if not any(covers(name, test) for test in tests)
            ]
    return complaints


def covers(name: str, test: str) -> bool:
    """Whether the ``name`` in the list stands for ``test``."""
    return test == name or test.startswith(f"{name}[")
