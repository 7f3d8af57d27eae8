"""Counts instructions and stores the results, from which docs/performance.md is drawn.

    python -m benchmarks.processor               everything; takes about half an hour
    python -m benchmarks.processor start calls   only these parts: start, calls, verbs, sweep, adapters, flask-session

Needs valgrind, and flask-session fetches its packages as `make peers` does. Then `python -m benchmarks.performance`.
"""

import argparse
import json
import sys
from pathlib import Path
from typing import Any, Final

from benchmarks.processor import adapters, measuring

RESULTS: Final = Path(__file__).parent.parent / "results" / "processor.json"
PARTS: Final = measuring.PARTS | adapters.PARTS


def main() -> None:
    """Measure the parts that were asked for, and leave the other results as they are."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", metavar="part", help=", ".join(PARTS))
    parser.add_argument("--build", type=Path, help="what `sam build` left; made anew without it")
    parser.add_argument("--results", type=Path, default=RESULTS)
    asked = parser.parse_args()
    results: dict[str, Any] = json.loads(asked.results.read_text()) if asked.results.exists() else {}
    with measuring.scene(asked.build) as scene:
        for part in asked.parts or PARTS:
            results[part] = PARTS[part](scene)
            json.dump({part: results[part]}, sys.stdout, indent=1)
            asked.results.write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
