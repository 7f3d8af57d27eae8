"""Everywhere that a token could have been left while sessions lived, as bytes to be searched. Judges nothing."""

import copy
import http.client
import io
import json
import logging
import pickle
import secrets
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

import sojourn
from devstack.clients import Clients
from sojourn import SojournError, Store, tokens
from sojourn.testing import FakeClock
from tests.proofs.canary.needles import Needles
from tests.proofs.roles.recorder import Recorder
from tests.proofs.roles.work import LARGE, SMALL, WORK, Place
from tests.service.gateway import Answer, FakeContext, Gateway

_LIBRARY = str(Path(sojourn.__file__).parent)
_MUTATED = "<string>"
"""Where Python says that the code of a mutant is."""

COMMON = bytes.fromhex("c0ffee5e55105ec2e7decafc0ffee1de")
"""What the secret of every token begins with in here, so that one search finds them all."""

ROUTES = {
    "GET /session": None,
    "PUT /session": {"data": SMALL},
    "PATCH /session": {"data": SMALL},
    "POST /session/touch": None,
    "POST /session/rotate": None,
    "POST /session/login": {"subject": "ada"},
    "DELETE /session": None,
}


@dataclass
class Places:
    """By name, what was written there."""

    written: dict[str, list[bytes]] = field(default_factory=dict)

    def add(self, name: str, content: object) -> None:
        """Text as it is, bytes as they are, anything else as its repr."""
        raw = content if isinstance(content, bytes) else str(content).encode(errors="surrogateescape")
        self.written.setdefault(name, []).append(raw)

    def add_with_blobs(self, name: str, content: object) -> None:
        """The same, and every binary attribute in it by itself."""
        self.add(name, content)
        for blob in _blobs(content):
            self.add(name, blob)

    def betrayed(self, needles: Needles) -> dict[str, set[str]]:
        """Where a part of a secret is, and in which encodings."""
        found = {name: set().union(*map(needles.found, written)) for name, written in self.written.items()}
        return {name: encodings for name, encodings in found.items() if encodings}


class Tracer(Recorder):
    """A sink for traces: every argument of every call to AWS and every error that one ends with."""

    def __init__(self, places: Places) -> None:
        super().__init__()
        self._places = places

    def watch(self, client: Any) -> None:  # noqa: ANN401  # a client of any service
        """See ``Recorder.watch``."""
        client.meta.events.register("provide-client-params.*.*", self._traced)
        client.meta.events.register("after-call.*.*", self._answered)

    def _traced(self, params: Mapping[str, Any], **_: object) -> None:
        self._places.add_with_blobs("traces", params)

    def _answered(self, parsed: Mapping[str, Any], **_: object) -> None:
        self._places.add_with_blobs("traces", {name: value for name, value in parsed.items() if name != "Body"})


def _blobs(value: object) -> Iterator[bytes]:
    match value:
        case bytes():
            yield value
        case dict():
            for part in value.values():
                yield from _blobs(part)
        case list() | tuple():
            for part in value:
                yield from _blobs(part)


@contextmanager
def overheard(places: Places, capture: pytest.CaptureFixture[str], patch: pytest.MonkeyPatch) -> Iterator[None]:
    """Every logger at DEBUG, every byte of HTTP as http.client prints it, and all that is printed besides."""
    log, root = io.StringIO(), logging.getLogger()
    handler = logging.StreamHandler(log)
    patch.setattr(http.client.HTTPConnection, "debuglevel", 1)
    root.addHandler(handler)
    capture.readouterr()
    try:
        yield
    finally:
        root.removeHandler(handler)
        places.add("log", log.getvalue())
        printed = capture.readouterr()
        places.add("standard output", printed.out)
        places.add("standard error", printed.err)


def with_something_in_common(patch: pytest.MonkeyPatch) -> None:
    """Every secret minted from now on begins with ``COMMON``."""
    numbers = iter(range(1, 1 << 16))

    def drawn(size: int) -> bytes:
        rest = size - len(COMMON)
        return COMMON + next(numbers).to_bytes(rest, "big") if rest > 0 else secrets.token_bytes(size)

    patch.setattr(tokens.mint, "__defaults__", (drawn,))
    patch.setattr(tokens.reminted, "__defaults__", (drawn,))


def answers_noted(places: Places, patch: pytest.MonkeyPatch) -> None:
    """All that the API answers, but for a new token, and for a parameter's name, repeated to whoever gave it."""
    deliver = Gateway.deliver

    def noted(gateway: Gateway, key: str, event: Mapping[str, object], context: FakeContext | None = None) -> Answer:
        answer = deliver(gateway, key, event, context)
        document = json.loads(answer.body or "{}")
        if (key, answer.status) in {
            ("POST /sessions", 201),
            ("POST /session/rotate", 200),
            ("POST /session/login", 200),
        }:
            del document["token"]
        document = {name: value for name, value in document.items() if name != "parameter"}
        places.add("answers", json.dumps(document) + json.dumps(dict(answer.headers)))
        return answer

    patch.setattr(Gateway, "deliver", noted)


def lived(place: Place, places: Places, capture: pytest.CaptureFixture[str], patch: pytest.MonkeyPatch) -> Places:
    """Everything that functions and library do, and everything that goes wrong, and what it leaves behind."""
    with_something_in_common(patch)
    answers_noted(places, patch)
    tracer = Tracer(places)
    with overheard(places, capture, patch):
        for work in WORK.values():
            work(place, place.store(tracer))
        shown(place.store(tracer), places)
        misused(place, place.store(tracer), places)
        gone_wrong(place, place.store(tracer), places)
    places.add("log", place.log.getvalue())
    dumped(place.endpoint_url, place.table, place.bucket, places)
    return places


def shown(store: Store, places: Places) -> None:
    """What a debugger, an error page or a careless line of logging shows of our objects."""
    session = store.create(LARGE, subject="ada", label="a phone")
    again = store.read(session.token)
    with store.lock(session) as fence:
        snapshot = session.snapshot
    shown_ones: list[object] = [
        session,
        again,
        fence,
        store,
        store.settings,
        store.sessions(subject="ada"),
        store.resources,
    ]
    shown_ones += [snapshot, snapshot.token, snapshot.record, {"session": session}, [snapshot.token]]
    for thing in shown_ones:
        places.add("shown", repr(thing))
        places.add("shown", f"{thing} {thing!s:>10}")
    kept: list[object] = [session, snapshot, snapshot.token]
    for thing in kept:
        for protocol in range(2, pickle.HIGHEST_PROTOCOL + 1):  # those before know no slots
            places.add("pickles", pickle.dumps(thing, protocol))
        for copied in (copy.copy(thing), copy.deepcopy(thing)):
            places.add("shown", repr(copied))
            places.add("pickles", pickle.dumps(copied))
            places.add("pickles", repr(copied.__reduce_ex__(4)))
    places.add("shown", dict(session))


def misused(place: Place, store: Store, places: Places) -> None:
    """Tokens where none belongs, and tokens that are wrong."""
    api = Gateway(store, place.telemetry())
    session = store.create(SMALL, subject="ada")
    ended = store.create()
    store.expire(ended.token)
    alive, dead = session.token, ended.token
    wrong = [dead, alive[:-1], alive + "=", alive.upper(), f"{alive},{alive}", f" {alive}", f"Bearer {alive}"]
    for route, body in ROUTES.items():
        method, path = route.split()
        for token in wrong:
            api.send(method, path, token=token, body=body, headers={"if-match": "*"})
            api.send(method, path, headers={"authorization": token, "cookie": f"sid={token}"}, body=body)
            api.send(method, f"{path}?token={token}&{token}=1", token=token, body=body)
            api.send(method, path, token=alive, headers={"if-match": token}, body=body)
            api.send(method, path, token=alive, body=f'{{"token": "{token}", ')
            api.send(method, path, token=alive, body={"token": token})
            api.send(method, path, token=alive, headers={"content-type": token}, body=token)
    for token in (dead, alive):
        api.send("DELETE", f"/sessions/{token}?subject=ada")
        api.send("GET", f"/sessions?subject=ada&after={token}")
        api.send("DELETE", f"/sessions?subject=ada&keep={token}")
        api.send("POST", "/sessions", body={"data": {}, "token": token})
        key, event = api.event("GET", "/session", headers={"session-token": token})
        api.deliver(key, {**event, "requestContext": {}, "version": token})
        api.deliver(key, {**event, "body": 42, "headers": {"session-token": [token]}, "cookies": [token]})
    misplaced: list[Callable[[], object]] = [
        lambda: store.write(session, on_conflict=alive),  # type: ignore[arg-type]
        lambda: store.rotate(session, on_conflict=alive),  # type: ignore[arg-type]
        lambda: store.touch(dead),  # type: ignore[arg-type]
        lambda: store.expire_one(subject="ada", session_id=alive),
        lambda: store.expire_all(subject="ada", keep=alive),
        lambda: store.superseding_document(alive, subject=""),
    ]
    for attempt in misplaced:
        _told(attempt, places, has_frames=False)  # an argument that should be another is in the frames of the call
    attempts: list[Callable[[], object]] = [
        lambda: store.create(SMALL, subject=""),
        lambda: store.touch(session, idle=-1),
        lambda: store.touch(ended, idle=99),
        lambda: store.rotate(ended),
        lambda: store.write(ended, idle=99),
        lambda: store.login(ended, subject="eve"),
        lambda: store.login(session, subject=""),
        lambda: store.login(session, subject="eve", label="\x00"),
        lambda: store.login(session, subject="eve", absolute=0),
        lambda: store.refresh(ended),
        lambda: store.read(42),  # type: ignore[arg-type]
        lambda: store.create({"blob": LARGE["blob"] * 40}),
        lambda: store.create({"bad": object()}),
        lambda: pickle.loads(pickle.dumps(session)).token,  # noqa: S301  # our own
    ]
    for attempt in attempts:
        _told(attempt, places)


def gone_wrong(place: Place, store: Store, places: Places) -> None:
    """Items that are none, an engine that is away, and a bug."""
    session = store.create(SMALL, subject="ada")
    api = Gateway(store, place.telemetry())
    table = Clients(place.endpoint_url).dynamodb
    key = {"session_id": {"S": f"{place.settings.namespace}#{session.id}"}}
    table.update_item(
        TableName=place.table,
        Key=key,
        UpdateExpression="SET #d = :junk",
        ExpressionAttributeNames={"#d": "data"},
        ExpressionAttributeValues={":junk": {"B": b"\x01\x00junk"}},
    )
    _told(lambda: store.read(session.token), places)
    for route, body in ROUTES.items():
        api.send(*route.split(), token=session.token, body=body, headers={"if-match": "*"})
    away = Place(place.table, place.bucket, "http://127.0.0.1:9", place.settings, clock=place.clock, log=place.log)
    for broken in (away.store(), _Broken(away.store().resources.backend, place.settings, clock=FakeClock())):
        api = Gateway(broken, place.telemetry())
        for route, body in ROUTES.items():
            key_, event = api.event(*route.split(), headers={"session-token": session.token, "if-match": "*"})
            content = {} if body is None else {"body": json.dumps(body)}
            api.deliver(key_, {**event, **content}, FakeContext(seconds=3.2))
        _told(lambda broken=broken: broken.within(0.2).read(session.token), places)  # type: ignore[misc]
        _told(lambda broken=broken: broken.within(0.2).touch(session), places)  # type: ignore[misc]


class _Broken(Store):
    """A bug, with a token in its message."""

    def within(self, seconds: float) -> Store:  # noqa: ARG002  # it is the last to be called
        """See ``Store.within``."""
        raise RuntimeError(tokens.mint().reveal())


def _told(attempt: Callable[[], object], places: Places, *, has_frames: bool = True) -> None:
    with suppress(RuntimeError):
        try:
            attempt()
        except (SojournError, AttributeError, TypeError, ValueError) as error:
            places.add("errors", "".join(traceback.format_exception(error)))
            places.add("errors", repr(error))
            places.add("errors", vars(error))
            if has_frames:
                places.add("frames", list(_frames(error)))


def _frames(error: BaseException) -> Iterator[object]:
    """What an error page shows of the library's frames; those above are the caller's."""
    for frame in traceback.TracebackException.from_exception(error, capture_locals=True).stack:
        if _LIBRARY in frame.filename or frame.filename == _MUTATED:
            yield frame.locals


def dumped(endpoint_url: str, table: str, bucket: str, places: Places) -> None:
    """The table, its indexes and the bucket."""
    engine = Clients(endpoint_url)
    for index in (None, "subject", "sweep"):
        which = {} if index is None else {"IndexName": index}
        for page in engine.dynamodb.get_paginator("scan").paginate(TableName=table, **which):  # type: ignore[arg-type]
            places.add_with_blobs(f"table {index}", page["Items"])
    for listed in engine.s3.get_paginator("list_objects_v2").paginate(Bucket=bucket):
        for entry in listed.get("Contents", ()):
            found = dict(engine.s3.get_object(Bucket=bucket, Key=entry["Key"]))
            places.add("bucket", entry["Key"])
            places.add("bucket", found.pop("Body").read())  # type: ignore[attr-defined]
            places.add("bucket", found)
