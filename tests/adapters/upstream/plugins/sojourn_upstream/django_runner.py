"""Django's test runner, which records the result of each test."""

import unittest
from typing import Any

from django.test.runner import DiscoverRunner

from .record import write_end, write_result


class _Result(unittest.TextTestResult):
    """unittest's, with a line of the report for each test."""

    def addSuccess(self, test: Any) -> None:  # noqa: N802  # unittest's name; subtests and sets of tests too
        super().addSuccess(test)
        write_result(test.id(), "passed")

    def addFailure(self, test: Any, err: Any) -> None:  # noqa: N802
        super().addFailure(test, err)
        write_result(test.id(), "failed", _why(err))

    def addError(self, test: Any, err: Any) -> None:  # noqa: N802
        super().addError(test, err)
        write_result(test.id(), "failed", _why(err))

    def addSkip(self, test: Any, reason: str) -> None:  # noqa: N802
        super().addSkip(test, reason)
        write_result(test.id(), "skipped", reason)

    def addExpectedFailure(self, test: Any, err: Any) -> None:  # noqa: N802
        super().addExpectedFailure(test, err)
        write_result(test.id(), "passed")

    def addUnexpectedSuccess(self, test: Any) -> None:  # noqa: N802
        super().addUnexpectedSuccess(test)
        write_result(test.id(), "failed", "passes, and is marked as an expected failure")

    def addSubTest(self, test: Any, subtest: Any, err: Any) -> None:  # noqa: N802
        super().addSubTest(test, subtest, err)
        if err is not None:
            write_result(test.id(), "failed", _why(err))


class Runner(DiscoverRunner):
    """``TEST_RUNNER``."""

    def get_resultclass(self) -> type[unittest.TextTestResult]:
        """See Django."""
        return _Result

    def run_tests(self, *arguments: Any, **options: Any) -> int:  # as Django has it
        """See Django."""
        failures: int = super().run_tests(*arguments, **options)
        write_end()
        return failures


def _why(error: Any) -> str:  # as sys.exc_info has it
    kind, value, _ = error
    text = str(value).strip()
    return f"{kind.__name__}: {text.splitlines()[0] if text else ''}"
