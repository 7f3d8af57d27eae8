"""How many instructions a Python process executes, by its sections. Knows nothing of what it executes.

Time on a machine that others share says little; instructions, with one hash seed and without address randomisation,
repeat to a thousandth.
"""

import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

_PROGRAMS: Final = Path(__file__).with_name("programs.py")
_BOUNDARY: Final = "getloadavg"
_TOTAL: Final = re.compile(r"^(?:summary|totals): (\d+)", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a program finds modules, and its environment: ``before`` the standard library, and ``after`` it.

    As in Lambda: the function and the layers come before, the boto3 of the runtime comes after.
    """

    before: Sequence[Path]
    after: Sequence[Path]
    environment: Mapping[str, str] = field(default_factory=dict)


def sections(program: str, place: Place, *, profiles: Path | None = None, **options: Any) -> dict[str, int]:
    """The instructions of a call in each section of ``program`` of programs.py, run with ``options``.

    ``profiles`` is a folder for what callgrind writes of each: callgrind_annotate shows it.
    """
    with tempfile.TemporaryDirectory() as folder:
        output = (profiles or Path(folder)) / "callgrind"
        counter = ("setarch", "-R", "valgrind", "--tool=callgrind", f"--dump-before={_BOUNDARY}")
        ended = said(program, place, counter=(*counter, f"--callgrind-out-file={output}"), **options)
        return dict(_counted(ended, output))


def said(program: str, place: Place, *, counter: Sequence[str] = (), **options: Any) -> list[Any]:
    """What ``program`` wrote in lines that begin with ``@``; it is run by the command ``counter``, or alone."""
    run = subprocess.run(
        [*counter, sys.executable, "-S", str(_PROGRAMS), program],
        env=_environment(place),
        input=json.dumps(
            {
                "before": [str(path) for path in place.before],
                "after": [str(path) for path in place.after],
                "options": options,
            }
        ),
        capture_output=True,
        text=True,
        check=False,
    )
    if run.returncode:
        raise SystemExit(f"{program} failed:\n{run.stdout}{run.stderr}")
    return [json.loads(line[1:]) for line in run.stderr.splitlines() if line.startswith("@")]


def _counted(ended: Iterable[Any], output: Path) -> "list[tuple[str, int]]":
    """What the program said at the end of each section, with what callgrind wrote down at its boundaries."""
    found = []
    for name, calls, number in ended:
        total = _TOTAL.search(Path(f"{output}.{number}").read_text())
        assert total is not None, name
        found.append((name, round(int(total[1]) / calls)))
    return found


def _environment(place: Place) -> dict[str, str]:
    return {
        "PATH": os.environ["PATH"],
        "PYTHONHASHSEED": "0",
        "PYTHONDONTWRITEBYTECODE": "1",  # /opt is read-only
        **place.environment,
    }
