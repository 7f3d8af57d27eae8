"""Measures the sweep on DynamoDB Local and stores the results, from which docs/sweep.md is drawn.

    python -m benchmarks.sweep                  everything; takes about half an hour
    python -m benchmarks.sweep lives client     only these parts: sizes, lives, client

Then `python -m benchmarks.plots`.
"""

import argparse
import json
import os
from pathlib import Path
from typing import Any, Final

from benchmarks.sweep import client_cost, lives, sizes
from benchmarks.sweep.engine import engine, patient_client

RESULTS: Final = Path(__file__).parent.parent / "results" / "sweep.json"
_PARTS: Final = ("lives", "client", "sizes")


def main() -> None:
    """Measure the parts that were asked for, and leave the other results as they are."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", metavar="part", help=", ".join(_PARTS))
    parts = parser.parse_args().parts or _PARTS
    os.environ |= {"AWS_ACCESS_KEY_ID": "local", "AWS_SECRET_ACCESS_KEY": "local", "AWS_DEFAULT_REGION": "us-east-1"}
    results: dict[str, Any] = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    with engine() as endpoint_url:
        if "lives" in parts:
            results["lives"] = lives.measured(patient_client(endpoint_url))
        if "client" in parts:
            results["client"] = client_cost.results(endpoint_url)
        if "sizes" in parts:
            results["sizes"] = list(sizes.measured(patient_client(endpoint_url), endpoint_url))
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
