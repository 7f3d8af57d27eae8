"""What is measured: starts, verbs, calls of functions, deletes. Each part returns what goes into the results."""

import compileall
import itertools
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import boto3

from benchmarks import costs
from benchmarks.documents import Document
from benchmarks.processor.counting import Place, said, sections
from benchmarks.processor.stub import ITEMS, stub
from devstack import deployment
from devstack.layout import ROOT, Layout, free_port
from sojourn import Settings, Store
from sojourn.factory import dynamo_backend

Results = dict[str, Any]

_MONTH: Final = 30 * 86_400
_CALLS, _ROUNDS = 100, 15
_BARE: Final = {
    "create": "put_item",
    "read": "get_item",
    "read, look": "get_item",
    "read, change, write": "get_item, update_item",
    "touch": "update_item",
    "read, rotate": "get_item, update_item",
    "read, login": "get_item, update_item",
    "expire": "delete_item",
}
"""The least that each verb takes of boto3."""

_RUNTIME: Final = ("boto3", "botocore", "s3transfer", "urllib3", "jmespath", "dateutil", "six.py")
"""The packages that Lambda's runtime brings, each with its bytecode: no awscrt, no cryptography."""


@dataclass(frozen=True, slots=True)
class Stored:
    """A session that is in the stub."""

    token: str
    key: str
    item: Results
    document: Document


@dataclass(frozen=True, slots=True)
class Scene:
    """A build, the runtime's packages, and the stub with a store in front of it."""

    build: Path
    runtime: Path
    endpoint_url: str
    store: Store

    def stored(self, document: Document) -> Stored:
        """A new session that will not be due for a renewal."""
        session = self.store.create(document, idle=_MONTH, absolute=_MONTH)
        key = session.snapshot.record.session_id
        return Stored(session.token, key, ITEMS[key], document)

    def place(self, function: str, **environment: str) -> Place:
        """Where a function runs, or with another name an application on the client layer alone."""
        layers = [self.build / "ClientLayer/python"]
        own = self.build / f"{function}Function"
        if own.exists():
            layers = [own, *layers, self.build / "ServiceLayer/python"]
        return Place(layers, [self.runtime], {**environment_of(self.endpoint_url), **environment})


PACKAGES: Final = Path(boto3.__file__).parent.parent
"""What this environment has."""


def copied(names: Iterable[str], folder: Path, *, packages: Path = PACKAGES) -> Path:
    """``folder``, newly made, with some of ``packages`` and their bytecode: what stands behind the standard library."""
    folder.mkdir()
    for found in itertools.chain.from_iterable(map(packages.glob, names)):
        if found.is_dir():
            shutil.copytree(found, folder / found.name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(found, folder)
    compileall.compile_dir(folder, quiet=2)
    return folder


def environment_of(endpoint_url: str) -> dict[str, str]:
    """Of a function whose table is in the stub."""
    return {
        "AWS_ACCESS_KEY_ID": "local",
        "AWS_SECRET_ACCESS_KEY": "local",
        "AWS_SESSION_TOKEN": "local",
        "AWS_REGION": "us-east-1",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_LAMBDA_FUNCTION_NAME": "sojourn-read",
        "SOJOURN_TABLE": "sessions",
        "SOJOURN_BUCKET": "overflow",
        "SOJOURN_NAMESPACE": "default",
        "SOJOURN_MAX_ABSOLUTE_SECONDS": "7776000",
        "SOJOURN_ENDPOINT_URL": endpoint_url,
        "POWERTOOLS_SERVICE_NAME": "sojourn",
        "POWERTOOLS_METRICS_NAMESPACE": "Sojourn",
        "POWERTOOLS_LOG_LEVEL": "INFO",
    }


@contextmanager
def scene(build: Path | None) -> Iterator[Scene]:
    """Everything that is measured with."""
    with tempfile.TemporaryDirectory() as name, stub() as endpoint_url:
        os.environ |= environment_of(endpoint_url)
        folder = Path(name)
        runtime = copied(_RUNTIME, folder / "runtime")
        yield Scene(build or _built(folder), runtime, endpoint_url, store_in(endpoint_url))


def _built(folder: Path) -> Path:
    layout = Layout(local=folder, port=free_port())
    deployment.build(layout)
    return layout.build


def store_in(endpoint_url: str) -> Store:
    """A store in the stub."""
    settings = Settings(table="sessions", endpoint_url=endpoint_url)
    return Store(dynamo_backend(settings, table="sessions"), settings)


def plain(size: int) -> Document:
    """A document of what JSON has words for, ``size`` bytes of text."""
    document: Document = json.loads(json.dumps(costs.document(size), default=str))
    nonce = str(document["nonce"])
    missing = size - costs.text_bytes(document)
    return document | {"nonce": nonce + "x" * missing if missing >= 0 else nonce[:missing]}


def start(at: Scene) -> Results:
    """The instructions from the first of the process to where a function waits for its first event."""
    alone = at.place("", SOJOURN_ENDPOINT_URL="")
    return {
        "python": sections("start", alone, module=None)["start"],
        "import sojourn": sections("start", alone, module="sojourn")["start"],
        "boto3 and one client": sections("bare_start", alone)["start"],
        "Expire function": sections("start", at.place("Expire", SOJOURN_ENDPOINT_URL=""), module="handler")["start"],
        "Sweep function": sections("start", at.place("Sweep", SOJOURN_ENDPOINT_URL=""), module="handler")["start"],
    }


def calls(at: Scene) -> Results:
    """What the read and the write function take: to start, for the first request after that, and for a later one."""
    session = at.stored(plain(costs.SIZES["3 KB"]))
    reading, patching = _event("read/read.json", session), _event("write/patch-base64.json", session)
    patching |= {"body": '{"data": {"visits": 7}}', "isBase64Encoded": False}
    return {
        "Read function": _served(at.place("Read"), reading),
        "Write function": _served(at.place("Write"), patching),
    }


def _event(name: str, session: Stored) -> Results:
    event: Results = json.loads((ROOT / "events" / name).read_text())
    event["headers"]["session-token"] = session.token
    return event


def _served(place: Place, event: Results) -> Results:
    found = sections("serve", place, event=event)
    return {name: found[name] for name in ("start", "first", "later")}


def verbs(at: Scene) -> Results:
    """Each verb at each size, beside the least that boto3 takes for it."""
    stored = [(size, at.stored(document)) for size, document in _documents().items()]
    found = sections(
        "verbs",
        at.place("", SOJOURN_ENDPOINT_URL=""),
        sessions=[(size, one.token, one.key, one.item, one.document) for size, one in stored],
    )
    return {
        size: {
            name: {"sojourn": found[f"{size}/sojourn/{name}"], "boto3": found[f"{size}/boto3/{least}"]}
            for name, least in _BARE.items()
        }
        for size, _ in stored
    }


def _documents() -> Mapping[str, Document]:
    return {name: plain(size) for name, size in costs.SIZES.items()}


def sweep(at: Scene) -> Results:
    """One conditional delete of 25 in a call, beside boto3's: its instructions, and how many a second of the processor.

    A second is one of the client's process. The stub is in another.
    """
    keys = [at.stored(plain(costs.SIZES["0.5 KB"])).key] * 25
    ours, theirs = (sections(name, at.place("Sweep"), keys=keys)["25 deletes"] for name in ("sweep", "deletes"))
    (rates,) = said("rates", at.place("Sweep"), keys=keys, calls=_CALLS, rounds=_ROUNDS)
    return {"delete": ours // 25, "boto3": theirs // 25, "deletes a second": rates}


PARTS: Final[dict[str, Callable[[Scene], Results]]] = {
    "start": start,
    "calls": calls,
    "verbs": verbs,
    "sweep": sweep,
}
