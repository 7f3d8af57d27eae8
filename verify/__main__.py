"""The command behind ``make verify``."""

import argparse
import math
import os
import platform
import statistics
import sys
from collections.abc import Callable, Sequence

import boto3
import botocore
from botocore.exceptions import BotoCoreError, ClientError

from verify.deployment import Deployment, UnreachableError
from verify.functions import report_starts, verify_layer, verify_sweep
from verify.refusals import said
from verify.report import Report
from verify.requests import Api
from verify.routes import verify_routes
from verify.table import verify_table
from verify.units import verify_units
from verify.walk import Walk

_LEAST_SAMPLE = 20


def main(arguments: Sequence[str] | None = None) -> int:
    """0 when everything is as documented, 1 when something differs, 2 when the stack could not be looked at.

    3 when nothing differs and something could not be tried: nothing is proved of that.
    """
    options = _options(arguments)
    report = Report()
    if options.region:
        os.environ["AWS_DEFAULT_REGION"] = options.region  # where the library's own clients look
    try:
        deployment = Deployment.of(options.stack)
        _verify(deployment, report)
    except (UnreachableError, BotoCoreError, ClientError) as error:
        print("\n\n".join(filter(None, (report.table(), said(error)))), file=sys.stderr)
        return 2
    print(report.table())
    print(f"\n{report.summary()}")
    if report.untried:
        print("What was not tried is not proved; each of those rows says why, or which permission is missing.")
    if not report.differing:
        return 3 if report.untried else 0
    versions = f"Python {platform.python_version()}, boto3 {boto3.__version__}, botocore {botocore.__version__}"
    print("\nSend this to the issue tracker; it holds no token, no account and no subject:\n")
    print(report.issue(versions=f"{versions}, {deployment.region}"))
    return 1


def _verify(deployment: Deployment, report: Report) -> None:
    api = Api(deployment)
    _shown("the table", lambda: verify_table(deployment, report))
    _shown("routes and statuses", lambda: verify_routes(deployment, api, report))
    _shown("units of the library's verbs", lambda: verify_units(deployment, report))
    _shown("the client layer, on each of its runtimes", lambda: verify_layer(deployment, report))
    _shown("the sweep", lambda: verify_sweep(deployment, report))
    _shown("latencies", lambda: _latencies(api, report))
    _shown("cold starts", lambda: report_starts(deployment, report))


def _shown(name: str, action: Callable[[], None]) -> None:
    print(f"· {name}", file=sys.stderr, flush=True)
    action()


def _latencies(api: Api, report: Report) -> None:
    """Reported only: they are of this machine and its way to the region as much as of the stack."""
    token = Walk(api, report).create().token
    for _ in range(_LEAST_SAMPLE if token else 0):
        api.call("GET /session", query="?touch=false", token=token)
    if token:
        api.call("DELETE /session", token=token)
    for route, seconds in sorted(api.seconds.items()):
        ordered = sorted(seconds)
        last = ordered[math.ceil(0.95 * len(ordered)) - 1]
        text = f"median {statistics.median(ordered) * 1000:.0f} ms, 95th percentile {last * 1000:.0f} ms"
        report.state("latency from here", route, f"{text}, of {len(ordered)}")


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m verify", description=__doc__)
    parser.add_argument("--stack", default="sojourn", help="the stack's name")
    parser.add_argument("--region", default="", help="its region; otherwise that of the environment")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
