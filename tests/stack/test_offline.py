"""Without a way to the package index: one sentence that says so, and no traceback."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from devstack import deployment
from devstack.errors import DevstackError
from devstack.layout import ROOT, Layout, free_port


@pytest.fixture
def nowhere(tmp_path: Path) -> Iterator[dict[str, str]]:
    """An environment in which every index is a port that nothing listens on, and no cache helps."""
    index = f"http://127.0.0.1:{free_port()}/simple"
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith(("PIP_", "UV_"))]:
            patch.delenv(name)
        patch.setenv("PIP_CONFIG_FILE", os.devnull)
        patch.setenv("PIP_INDEX_URL", index)
        patch.setenv("PIP_NO_CACHE_DIR", "1")
        patch.setenv("PIP_RETRIES", "0")
        patch.setenv("UV_DEFAULT_INDEX", index)
        patch.setenv("UV_NO_CONFIG", "1")
        patch.setenv("UV_CACHE_DIR", str(tmp_path / "uv-cache"))
        patch.setenv("UV_HTTP_RETRIES", "0")
        yield dict(os.environ)


def set_up(clone: Path, environment: dict[str, str]) -> str:
    """`make setup` in a clone, which fails; what it says for people."""
    ended = subprocess.run(["make", "setup"], cwd=clone, env=environment, capture_output=True, text=True, check=False)  # noqa: S607
    assert ended.returncode != 0
    said = [line for line in ended.stderr.splitlines() if not line.startswith("make")]
    assert len(said) == 1, ended.stderr
    return said[0]


def test_a_bare_clone_says_that_it_cannot_fetch(tmp_path: Path, nowhere: dict[str, str]) -> None:
    """First uv; and, where uv is there already, the tools."""
    clone = tmp_path / "clone"
    (clone / "devstack").mkdir(parents=True)
    for name in ("Makefile", ".python-version", "devstack/alone.py"):
        shutil.copy(ROOT / name, clone / name)
    shutil.copytree(ROOT / "requirements", clone / "requirements")
    assert set_up(clone, nowhere).startswith("could not fetch uv: is there a way")

    shutil.rmtree(clone / ".venv-uv")
    (clone / ".venv-uv").symlink_to(ROOT / ".venv-uv")
    assert "could not fetch the packages of requirements/tools.txt" in set_up(clone, nowhere)


@pytest.mark.usefixtures("nowhere")
def test_a_build_says_that_it_cannot_fetch(tmp_path: Path) -> None:
    """Not SAM's page of output, which is in a file that the sentence names."""
    layout = Layout(local=tmp_path, port=free_port())
    with pytest.raises(DevstackError, match="is there a way to the package index") as told:
        deployment.build(layout)
    assert len(str(told.value).splitlines()) == 1
    assert "Build Failed" in (tmp_path / "sam-build.log").read_text()
