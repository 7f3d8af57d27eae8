"""What a type checker says of the lines that users copy."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from devstack.layout import ROOT

_BIN = Path(sys.executable).parent
_CLIENT = ROOT / "layers" / "client"


def _checked(command: list[str], folder: Path) -> str:
    ended = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)  # noqa: S603  # our own
    return "" if ended.returncode == 0 else ended.stdout + ended.stderr


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    """A folder with the README's programs and the examples, as in a project of a user's."""
    programs = re.findall(r"^```python\n(.*?)^```$", (ROOT / "README.md").read_text(), re.DOTALL | re.MULTILINE)
    assert len(programs) == 2
    for number, program in enumerate(programs):
        (tmp_path / f"readme_{number}.py").write_text(program)
    for framework in ("flask", "fastapi", "powertools"):
        shutil.copy(ROOT / "examples" / framework / "app.py", tmp_path / f"{framework}_app.py")
    settings = f'{{"typeCheckingMode": "strict", "extraPaths": ["{_CLIENT}"], "failOnWarnings": true}}'
    (tmp_path / "pyrightconfig.json").write_text(settings)
    return tmp_path


def test_mypy_is_content(copied: Path) -> None:
    """In its strictest mode."""
    files = sorted(path.name for path in copied.glob("*.py"))
    options = ["--strict", "--no-incremental", f"--cache-dir={copied / 'cache'}"]
    assert _checked([str(_BIN / "mypy"), *options, *files], copied) == ""


def test_pyright_is_content(copied: Path) -> None:
    """In strict mode. It runs in a Node.js of its package's own."""
    command = [str(_BIN / "basedpyright"), "--pythonpath", sys.executable]
    assert _checked([*command, *sorted(path.name for path in copied.glob("*.py"))], copied) == ""


def test_a_mistake_is_found(copied: Path) -> None:
    """By both: neither is content with everything."""
    (copied / "wrong.py").write_text("from sojourn.adapters.flask import session\n\nsession.loggout()\n")
    assert "loggout" in _checked([str(_BIN / "mypy"), "--strict", "wrong.py"], copied)
    assert "loggout" in _checked([str(_BIN / "basedpyright"), "--pythonpath", sys.executable, "wrong.py"], copied)
