"""One run of a suite in its environment. Does not decide whether the results are good."""

import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from tests.adapters.upstream import rails
from tests.adapters.upstream.environments import python_of, variables
from tests.adapters.upstream.launch import Launch
from tests.adapters.upstream.reports import BrokenOffError, Result, read
from tests.adapters.upstream.sources import archive_of, unpack
from tests.adapters.upstream.suites import Suite

_SECONDS = 900
_RECORD = "sojourn_upstream.record"


def run(suite: Suite, cache: Path, *, is_theirs: bool = False) -> Mapping[str, Result]:
    """Run ``suite`` and return the result of each test; with ``is_theirs`` on the framework's own sessions."""
    folder = cache / "reports"
    folder.mkdir(parents=True, exist_ok=True)
    report, log = (folder / f"{suite.name}-on-{suite.environment}{end}" for end in (".jsonl", ".log"))
    report.unlink(missing_ok=True)
    launched = rails.launched if suite.runner == "rails" else _launched
    with launched(suite, cache, is_theirs=is_theirs) as launch, log.open("w") as output:
        try:
            subprocess.run(  # noqa: S603  # a fixed command; the report has the failures
                launch.command,
                cwd=launch.where,
                env={**launch.environment, "UPSTREAM_REPORT": str(report)},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                timeout=_SECONDS,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise BrokenOffError(f"still running after {_SECONDS} seconds; see {log}") from error
    try:
        return read(report)
    except BrokenOffError as error:
        raise BrokenOffError(f"{error}; see {log}") from error


@contextmanager
def _launched(suite: Suite, cache: Path, *, is_theirs: bool) -> Iterator[Launch]:
    python = python_of(suite, cache / "environments")
    root = unpack(archive_of(suite, cache / "archives"), cache / "sources" / suite.environment)
    where, command = _command(suite, root, is_theirs=is_theirs)
    yield Launch([str(python), *command], where, variables())


def _command(suite: Suite, root: Path, *, is_theirs: bool) -> tuple[Path, list[str]]:
    """The working directory, and the arguments of the interpreter."""
    if suite.runner == "django":
        settings = "sojourn_upstream.django_theirs" if is_theirs else suite.plugin
        return root / "tests", ["runtests.py", f"--settings={settings}", "--noinput", "--parallel=1", *suite.paths]
    plugins = ["-p", _RECORD, *([] if is_theirs else ["-p", suite.plugin]), "-p", "no:cacheprovider"]
    ignored = [part for warning in suite.ignored for part in ("-W", f"ignore:{warning}")]
    return root, ["-P", "-m", "pytest", *plugins, *ignored, "--tb=short", *suite.paths]
