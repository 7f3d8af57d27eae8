"""Whether this machine has Node with what the Express client needs, and the application of this folder."""

import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote

import pytest

from devstack.layout import ROOT
from tests.support.rails.browser import Browser, application

NODE = shutil.which("node") or "node"
CLIENT = ROOT / "clients" / "express"
PACKAGES = CLIENT / "node_modules"
SUPPORT = ROOT / "tests" / "support" / "express"

needs_express = pytest.mark.skipif(
    not os.environ.get("CI") and not (shutil.which("node") and (PACKAGES / "express").is_dir()),
    reason="no Express on this machine: make express",
)


@dataclass
class Visitor(Browser):
    """A browser that knows what express-session's cookies are."""

    @property
    def token(self) -> str:
        """The part before the signature."""
        return unquote(super().token).removeprefix("s:").rpartition(".")[0]


@contextmanager
def express(others: Mapping[str, str]) -> Iterator[Visitor]:
    """The application, with no settings of AWS or Sojourn but ``others`` in its environment."""
    settings = {"NODE_PATH": str(PACKAGES), "NODE_ENV": "test", **others}
    with application(settings, command=(NODE, str(SUPPORT / "app.js"))) as browser:
        yield Visitor(browser.port)


def install(folder: Path) -> Path:
    """A folder in which ``connect-sojourn`` and what it needs are installed, as in an application's."""
    modules = folder / "node_modules"
    modules.mkdir(parents=True)
    for package in PACKAGES.iterdir():
        if not package.name.startswith("."):
            (modules / package.name).symlink_to(package)
    (modules / "connect-sojourn").symlink_to(CLIENT)
    return folder
