"""Known vulnerabilities of what Sojourn ships and is built with: ``make advisories``.

pip-audit passes what it could not look up, so that it finds nothing wrong where there is no way to its database. Here
a package that was not looked up fails like one that is vulnerable.

The answer changes with the day and needs the Internet, so no other command runs this.
"""

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
ENVIRONMENTS = [*sorted(ROOT.glob("requirements/*.txt")), *sorted(ROOT.glob("layers/*/requirements.txt"))]


def complaints(report: Mapping[str, Any]) -> Iterator[str]:
    """What is wrong with a report of ``pip-audit --format json``, one line each; nothing where all is well."""
    if not report["dependencies"]:
        yield "no package was audited"
    for package in report["dependencies"]:
        if "skip_reason" in package:
            yield f"{package['name']}: not audited: {package['skip_reason']}"
        for advisory in package.get("vulns", ()):
            fixed = ", ".join(advisory["fix_versions"]) or "no version"
            yield f"{package['name']} {package['version']}: {advisory['id']}, fixed in {fixed}"


def report_on(requirements: Path) -> Mapping[str, Any]:
    """What pip-audit says of the pinned packages of one file."""
    command = [sys.executable, "-m", "pip_audit", "--progress-spinner", "off", "--format", "json"]
    run = subprocess.run(  # noqa: S603  # a fixed command
        [*command, "--disable-pip", "--require-hashes", "--requirement", str(requirements)],
        capture_output=True,
        text=True,
        check=False,
    )
    if not run.stdout:
        raise SystemExit(f"{requirements}: pip-audit said nothing:\n{run.stderr.strip().splitlines()[-1]}")
    report: Mapping[str, Any] = json.loads(run.stdout)
    return report


def main() -> int:
    """How many files have something wrong."""
    failed = 0
    for requirements in ENVIRONMENTS:
        report = report_on(requirements)
        wrong = list(complaints(report))
        failed += bool(wrong)
        sys.stdout.write(
            f"{requirements.relative_to(ROOT)}: {len(report['dependencies'])} packages, {len(wrong)} wrong\n"
        )
        sys.stdout.writelines(f"  {line}\n" for line in wrong)
    return failed


if __name__ == "__main__":
    sys.exit(main())
