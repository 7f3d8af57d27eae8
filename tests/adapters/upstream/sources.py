"""The frameworks' source archives, from the package index that pip is configured with. Changes no line in them.

pip checks each archive against the hashes in our requirements, and each run unpacks it again: what runs is what was
published.
"""

import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

from tests.adapters.upstream.suites import Suite, pinned, pinned_lines


def archive_of(suite: Suite, cache: Path) -> Path:
    """The path of the suite's source archive. Downloads it when ``cache`` does not have it."""
    folder = cache / f"{suite.package}-{pinned(suite.requirements, suite.package)}"
    found = sorted(folder.glob("*.tar.gz"))
    if not found:
        _fetch(suite, folder)
        found = sorted(folder.glob("*.tar.gz"))
    (archive,) = found
    return archive


def unpack(archive: Path, folder: Path) -> Path:
    """Unpack ``archive`` into ``folder``, emptied before, and return the root of what it holds."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    with tarfile.open(archive) as opened:
        opened.extractall(folder, filter="data")
    (root,) = folder.iterdir()
    return root


def _fetch(suite: Suite, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    wanted = folder / "wanted.txt"
    wanted.write_text(pinned_lines(suite.requirements, suite.package))
    command = [sys.executable, "-m", "pip", "download", "-qq", "--disable-pip-version-check", "--require-hashes"]
    options = ["--no-deps", "--no-binary", suite.package, "--dest", str(folder), "--requirement", str(wanted)]
    subprocess.run([*command, *options], check=True)  # noqa: S603  # a fixed command
