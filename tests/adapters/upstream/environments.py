"""A virtual environment for each suite, from our pins. The library is on its path and not installed in it."""

import hashlib
import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

from tests.adapters.upstream.suites import ROOT, Suite

UV = ROOT / ".venv-uv/bin/uv"
PYTHON = "3.13"
_PATH = (ROOT / "layers/client", ROOT / "tests/adapters/upstream/plugins")
_PYTHONS = ("DJANGO_", "FLASK_", "PYTEST_", "PYTHON", "VIRTUAL_ENV")
_RUBYS = ("BUILDKITE", "BUNDLE", "GEM_", "MEMCACHE_", "RACK_", "RAILS_", "RUBY")
_OTHERS = ("AWS_", "SOJOURN_", *_PYTHONS, *_RUBYS)
"""Prefixes of the variables that could change a run."""


def python_of(suite: Suite, cache: Path) -> Path:
    """The interpreter of the suite's environment. Makes the environment anew when its requirements changed."""
    environment = cache / suite.environment
    digest = hashlib.sha256(suite.requirements.read_bytes()).hexdigest()
    stamp = environment / "installed"
    if not stamp.is_file() or stamp.read_text() != digest:
        _uv("venv", "--quiet", "--allow-existing", "--python", PYTHON, str(environment))
        _uv("pip", "sync", "--quiet", "--python", str(environment), "--require-hashes", str(suite.requirements))
        stamp.write_text(digest)
    return environment / "bin/python"


def variables() -> Mapping[str, str]:
    """The environment variables of a run."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(_OTHERS)}
    return {**kept, "PYTHONPATH": os.pathsep.join(map(str, _PATH)), "PYTHONDONTWRITEBYTECODE": "1"}


def _uv(*arguments: str) -> None:
    subprocess.run([str(UV), *arguments], check=True)  # noqa: S603  # a fixed command
