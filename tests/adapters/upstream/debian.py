"""Rails as Debian has it: its packages with the Ruby below them, and its source archive.

They come from the mirror that apt is configured with, whichever release the machine has, and apt checks their
signatures. Nothing is installed: the packages are unpacked into a folder of ours.
"""

import hashlib
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

PACKAGES = (
    "puma",
    "ruby-actionpack",
    "ruby-activemodel",
    "ruby-aws-sigv4",
    "ruby-capybara",
    "ruby-mocha",
    "ruby-msgpack",
    "ruby-railties",
    "ruby-selenium-webdriver",
)
"""What our client and Rails' own tests load."""

KEYS = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
_FORMAT = "$(REPO_URI) $(RELEASE) $(COMPONENT)"


class UnreachableError(Exception):
    """This machine cannot get Debian's packages."""


@dataclass(frozen=True, slots=True)
class Release:
    """The packages and the source archive of a release of Debian, in a folder."""

    folder: Path

    @property
    def system(self) -> Path:
        """The root below which the packages are unpacked."""
        return self.folder / "system"

    @property
    def archive(self) -> Path:
        """The source archive of Rails."""
        (found,) = (self.folder / "source").glob("rails_*.orig.tar.*")
        return found


def fetch(release: str, folder: Path) -> Release:
    """Fetch what ``folder`` does not have. Raises ``UnreachableError``."""
    fetched, stamp = Release(folder), folder / "fetched"
    digest = hashlib.sha256(repr((release, PACKAGES)).encode()).hexdigest()
    if not stamp.is_file() or stamp.read_text() != digest:
        site = find_site(_targets())
        shutil.rmtree(folder, ignore_errors=True)
        apt = _configure(site, release, folder)
        _get(folder, *apt, "update")
        _get(folder, *apt, "install", "--yes", "--no-install-recommends", "--download-only", *PACKAGES)
        _get(folder, *apt, "source", "--download-only", "--tar-only", "rails")
        _unpack(folder)
        stamp.write_text(digest)
    return fetched


def find_site(targets: str) -> str:
    """The address of Debian's archive among the lines of ``apt-get indextargets``. Raises ``UnreachableError``."""
    for line in targets.splitlines():
        address, release, component = line.split(" ")
        if address.endswith("/debian/") and component == "main" and "-" not in release:
            return address
    raise UnreachableError("apt is not configured with an archive of Debian")


def _targets() -> str:
    if not all(map(shutil.which, ("apt-get", "dpkg-deb"))) or not KEYS.is_file():
        raise UnreachableError("this is not a Debian with apt-get")
    command = ["apt-get", "indextargets", "--format", _FORMAT, "Created-By: Packages"]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout  # noqa: S603  # a fixed command


def _configure(site: str, release: str, folder: Path) -> Sequence[str]:
    """The options that make apt work in ``folder`` and leave the machine's own alone."""
    for path in ("state/lists/partial", "cache/archives/partial", "source"):
        (folder / path).mkdir(parents=True)
    (folder / "status").touch()
    sources = folder / "sources.list"
    sources.write_text("".join(f"{kind} [signed-by={KEYS}] {site} {release} main\n" for kind in ("deb", "deb-src")))
    options = {
        "APT::Sandbox::User": "root",
        "Dir::Cache": folder / "cache",
        "Dir::Etc::preferencesparts": "/dev/null",
        "Dir::Etc::sourcelist": sources,
        "Dir::Etc::sourceparts": "/dev/null",
        "Dir::State": folder / "state",
        "Dir::State::status": folder / "status",
    }
    return [part for name, value in options.items() for part in ("-o", f"{name}={value}")]


def _get(folder: Path, *arguments: str) -> None:
    log = folder / "apt.log"
    with log.open("a") as output:
        command = ["apt-get", "-qq", "-o", "APT::Update::Error-Mode=any", *arguments]
        done = subprocess.run(  # noqa: S603  # a fixed command
            command,
            cwd=folder / "source",
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            check=False,
        )
    if done.returncode:
        raise UnreachableError(f"apt could not fetch Debian's packages; see {log}")


def _unpack(folder: Path) -> None:
    for package in sorted((folder / "cache/archives").glob("*.deb")):
        subprocess.run(["dpkg-deb", "--extract", str(package), str(folder / "system")], check=True)  # noqa: S603, S607
