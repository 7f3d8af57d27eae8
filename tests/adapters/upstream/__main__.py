"""``make upstream``: the frameworks' own session tests on our sessions; the exit status says whether all passed."""

import argparse
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.adapters.upstream.debian import UnreachableError
from tests.adapters.upstream.reports import BrokenOffError, Result
from tests.adapters.upstream.runs import run
from tests.adapters.upstream.suites import SUITES, Suite
from tests.adapters.upstream.table import render_details, render_table
from tests.adapters.upstream.verdicts import Verdict, find_unknown, judge, judge_unreachable, load_exemptions


def main(arguments: Sequence[str]) -> int:
    """1 when an unlisted test failed, a listed one passed or a suite broke off; 0 otherwise."""
    parser = argparse.ArgumentParser(prog="python -m tests.adapters.upstream", description=__doc__)
    parser.add_argument("suites", nargs="*", metavar="SUITE", help="such as flask or flask-oldest; all by default")
    parser.add_argument(
        "--cache", type=Path, default=Path(".local/upstream"), help="the folder of archives, environments and reports"
    )
    parser.add_argument("--theirs", action="store_true", help="run on the frameworks' own sessions, to compare")
    options = parser.parse_args(arguments)
    names = {name for suite in SUITES for name in suite.names}
    if not names.issuperset(options.suites):
        parser.error(f"no such suite; there are {', '.join(sorted(names))}")
    chosen = [suite for suite in SUITES if not options.suites or suite.names & {*options.suites}]
    listed = [] if options.theirs else load_exemptions()
    verdicts, results = [], dict[Suite, Mapping[str, Result]]()
    for suite in chosen:
        _print(f"· {suite.name} {suite.version}")
        try:
            results[suite] = run(suite, options.cache.absolute(), is_theirs=options.theirs)
        except BrokenOffError as error:
            verdicts.append(Verdict(suite, broken=str(error)))
        except UnreachableError as error:
            verdicts.append(judge_unreachable(suite, str(error), is_ci=bool(os.environ.get("CI"))))
        else:
            verdicts.append(judge(suite, results[suite], listed))
    complaints = find_unknown(listed, results)
    for line in (
        *(line for each in verdicts for line in render_details(each)),
        *complaints,
        "",
        *render_table(verdicts),
    ):
        _print(line)
    return int(bool(complaints) or not all(each.is_passed for each in verdicts))


def _print(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
