"""What docs/adapters.md shows for Django is typed, with django-stubs and without a plugin."""

import re
from pathlib import Path

import pytest
from mypy import api

ROOT = Path(__file__).parents[3]
BEFORE = """
from django.http import HttpRequest, HttpResponse
INSTALLED_APPS: list[str] = []
request = HttpRequest()
async def news_for(user: object) -> bool: return True
"""


def checked(code: str, file: Path) -> str:
    """What mypy says of ``code``, strictly and with the project's paths."""
    file.write_text(code)
    told, failed, _ = api.run(["--config-file", str(ROOT / "pyproject.toml"), str(file)])
    return told + failed


@pytest.mark.slow
def test_the_lines_for_django_are_clean_under_mypy(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """And a name that is none is seen."""
    monkeypatch.chdir(ROOT)
    page = (ROOT / "docs" / "adapters.md").read_text()
    section = page.partition("\n## Django\n")[2].partition("\n## ")[0]
    blocks = re.findall(r"```python\n(.*?)```", section, re.DOTALL)
    assert len(blocks) == 3
    code = "\n".join([BEFORE, *blocks])
    assert checked(code, tmp_path / "shown.py") == "Success: no issues found in 1 source file\n"
    assert "[attr-defined]" in checked(f"{code}\nsession_of(request).lable", tmp_path / "shown.py")
