"""Counts instructions and stores the results, from which docs/performance.md is drawn.

    python -m benchmarks.processor               everything; takes about twenty minutes
    python -m benchmarks.processor start calls   only these parts: start, verbs, calls, sweep

Needs valgrind. Then `python -m benchmarks.performance`.
"""

import argparse
import json
import sys
from pathlib import Path
from typing import Any, Final

from benchmarks.processor import measuring

RESULTS: Final = Path(__file__).parent.parent / "results" / "processor.json"


def main() -> None:
    """Measure the parts that were asked for, and leave the other results as they are."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", metavar="part", help=", ".join(measuring.PARTS))
    parser.add_argument("--build", type=Path, help="what `sam build` left; made anew without it")
    parser.add_argument("--results", type=Path, default=RESULTS)
    asked = parser.parse_args()
    results: dict[str, Any] = json.loads(asked.results.read_text()) if asked.results.exists() else {}
    with measuring.scene(asked.build) as scene:
        for part in asked.parts or measuring.PARTS:
            results[part] = measuring.PARTS[part](scene)
            json.dump({part: results[part]}, sys.stdout, indent=1)
            asked.results.write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
