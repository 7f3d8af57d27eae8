"""What is measured of the adapters: requests through each framework, and a large session beside Flask-Session's."""

import secrets
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Final

import boto3
import msgspec

from benchmarks import costs
from benchmarks.documents import Document
from benchmarks.peers.workers import PEERS, prepared, version
from benchmarks.processor.counting import Place, sections
from benchmarks.processor.frameworks import COOKIE, FRAMEWORKS, SESSIONS
from benchmarks.processor.measuring import Results, Scene, copied, plain
from devstack.layout import ROOT

_PEERS: Final = ROOT / ".local" / "peers"
_PEER: Final = next(peer for peer in PEERS if peer.name == "Flask-Session, DynamoDB")
_FLASK: Final = ("blinker", "click", "flask", "itsdangerous", "jinja2", "markupsafe", "werkzeug")
_DJANGO: Final = ("asgiref", "django", "sqlparse")
_FASTAPI: Final = (
    *("annotated_doc", "annotated_types", "anyio", "fastapi", "idna", "pydantic", "pydantic_core", "sniffio"),
    *("starlette", "typing_extensions.py", "typing_inspection"),
    "opentelemetry*",  # finds its own parts by their metadata
)
_FLASK_SESSION: Final = (*_FLASK, "cachelib", "flask_session", "msgspec", "mypy_boto3_dynamodb")


def adapters(at: Scene) -> Results:
    """A request that only reads a session of 3 KB, beside the same without any, and beside one ``get_item``."""
    session = at.stored(plain(costs.SIZES["3 KB"]))
    with tempfile.TemporaryDirectory() as folder:
        packages = copied((*_FLASK, *_DJANGO, *_FASTAPI), Path(folder) / "frameworks")
        place = _beside(at, packages)
        alone = sections("library", place, token=session.token, key=session.key)
        requests = {name: sections("framework", place, name=name, token=session.token) for name in FRAMEWORKS}
    return {
        "get_item": alone["boto3"],
        "read": alone["sojourn"],
        "requests": {name: {kind: found[kind] for kind in ("empty", "sojourn")} for name, found in requests.items()},
    }


def flask_session(at: Scene) -> Results:
    """Two requests to a Flask application with a session of 100 KB, kept by Sojourn and by Flask-Session."""
    document = plain(costs.SIZES["100 KB"])
    cookies = dict.fromkeys(SESSIONS, f"session={_stored_by_flask_session(at, document)}")
    cookies["Sojourn"] = f"{COOKIE}={at.stored(document).token}"
    with tempfile.TemporaryDirectory() as folder:
        packages = copied(_FLASK_SESSION, Path(folder) / "flask-session", packages=_fetched())
        place = _beside(at, packages)
        counted = {kind: sections("large_session", place, kind=kind, cookie=cookie) for kind, cookie in cookies.items()}
    return {
        "version": version(_PEER, _PEERS),
        "requests": {
            kind: {name: found[name] for name in ("read", "read, change, write")} for kind, found in counted.items()
        },
    }


def _beside(at: Scene, packages: Path) -> Place:
    """An application on the client layer, with more packages than the runtime's; the programs import their own."""
    place = at.place("")
    return replace(place, after=[*place.after, packages, ROOT])


def _fetched() -> Path:
    """The packages of Flask-Session, pinned and fetched as for docs/comparison.md."""
    _PEERS.mkdir(parents=True, exist_ok=True)
    prepared(_PEER, _PEERS)
    (packages,) = (_PEERS / _PEER.environment / "lib").glob("python*/site-packages")
    return packages


def _stored_by_flask_session(at: Scene, document: Document) -> str:
    """The id of a session in the stub, in Flask-Session's format of 0.8."""
    name = secrets.token_urlsafe(32)
    value = msgspec.msgpack.encode({"_permanent": True, **document})
    item: Results = {"id": f"session:{name}", "val": value, "expiration": int(time.time()) + 86_400}
    boto3.resource("dynamodb", endpoint_url=at.endpoint_url).Table("Sessions").put_item(Item=item)
    return name


PARTS: Final[dict[str, Callable[[Scene], Results]]] = {"adapters": adapters, "flask-session": flask_session}
