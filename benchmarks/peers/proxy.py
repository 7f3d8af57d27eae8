"""Stands between every client and DynamoDB Local and counts what passes: calls, units and bytes of bodies.

Asks for the consumed capacity where the client did not, and takes it out of the answer again: all are metered alike.
Keeps objects of S3 in memory, for the one store that has a bucket. Knows no session.
"""

import json
import threading
import urllib.error
import urllib.request
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar

_METERED = {"GetItem", "PutItem", "UpdateItem", "DeleteItem", "Query", "Scan", "BatchGetItem", "BatchWriteItem"}
_READS = {"GetItem", "Query", "Scan", "BatchGetItem"}


@dataclass
class Meter:
    """What has passed since ``take``."""

    calls: list[str] = field(default_factory=list)
    read: float = 0
    write: float = 0
    bytes: int = 0

    def note(self, call: str, request: dict[str, Any], answer: dict[str, Any], *, is_refused: bool) -> None:
        """Count one call. The engine reports nothing where AWS bills the least, and nothing for refused writes."""
        self.calls.append(call)
        consumed = answer.get("ConsumedCapacity", [])
        entries = consumed if isinstance(consumed, list) else [consumed]
        units = sum(entry["CapacityUnits"] for entry in entries)
        if call in _READS:
            self.read += units or (1 if request.get("ConsistentRead") else 0.5)
        elif call in _METERED:
            self.write += units or (1 if is_refused else 0)


class Meters:
    """The meter that counts now, and what becomes of calls: they pass, are refused, or get no answer."""

    def __init__(self, engine_url: str) -> None:
        self.engine_url = engine_url
        self.mode = "pass"
        self.never = threading.Event()
        self.objects: dict[str, bytes] = {}
        self.lock = threading.Lock()
        self._meter = Meter()

    @property
    def meter(self) -> Meter:
        """The one that counts."""
        return self._meter

    def take(self) -> Meter:
        """What was counted since the last time."""
        with self.lock:
            taken, self._meter = self._meter, Meter()
        return taken


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # headers and body in one packet
    meters: ClassVar[Meters]

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if not self._is_let_through():
            return
        call = self.headers["X-Amz-Target"].rpartition(".")[2]
        request = json.loads(body)
        asked = request.get("ReturnConsumedCapacity", "NONE") != "NONE"
        if call in _METERED and not asked:
            request["ReturnConsumedCapacity"] = "TOTAL"
        if call == "UpdateTimeToLive":
            # Dead items stay, as on AWS for days; the engine would remove them at once.
            self._answer(200, json.dumps({"TimeToLiveSpecification": request["TimeToLiveSpecification"]}).encode())
            return
        status, content = self._engine(request)
        answer = json.loads(content)
        with self.meters.lock:
            self.meters.meter.note(call, request, answer, is_refused=status == 400)
            if call in _METERED and not asked and answer.pop("ConsumedCapacity", None) is not None:
                content = json.dumps(answer).encode()
            self.meters.meter.bytes += len(body) + len(content)
        self._answer(status, content)

    def _engine(self, request: dict[str, Any]) -> tuple[int, bytes]:
        kept = {name: value for name, value in self.headers.items() if name.lower().startswith(("x-amz", "auth"))}
        kept |= {"Content-Type": "application/x-amz-json-1.0", "Accept-Encoding": "identity"}
        wanted = urllib.request.Request(self.meters.engine_url, json.dumps(request).encode(), kept)
        try:
            with urllib.request.urlopen(wanted) as answer:
                return answer.status, answer.read()
        except urllib.error.HTTPError as refusal:
            with refusal:
                return refusal.code, refusal.read()

    def _is_let_through(self) -> bool:
        if self.meters.mode == "silent":
            self.meters.never.wait()
            return self._hang_up()
        return self.meters.mode == "pass" or self._hang_up()

    def _hang_up(self) -> bool:
        self.close_connection = True
        return False

    def _object(self, call: str) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.headers.get("x-amz-decoded-content-length"):
            body = body.split(b"\r\n", 2)[1]
        if not self._is_let_through():
            return
        objects, key = self.meters.objects, self.path.partition("?")[0]
        found = objects.get(key, b"") if call == "GetObject" else b""
        with self.meters.lock:
            self.meters.meter.calls.append(call)
            self.meters.meter.bytes += len(body) + len(found)
        if call == "PutObject":
            objects[key] = body
        elif call == "DeleteObject":
            objects.pop(key, None)
        self._answer(204 if call == "DeleteObject" else 200, found)

    def do_GET(self) -> None:
        self._object("GetObject")

    def do_PUT(self) -> None:
        self._object("PutObject")

    def do_DELETE(self) -> None:
        self._object("DeleteObject")

    def _answer(self, status: int, content: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/x-amz-json-1.0")
        self.send_header("x-amz-crc32", str(zlib.crc32(content)))
        if status != 204:
            self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # its name in the library
        """Nothing."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that goes away in the middle is no error: workers are ended while they wait."""


@contextmanager
def served(handler: type[BaseHTTPRequestHandler], **attributes: object) -> Iterator[str]:
    """A server in a thread, as its URL, for the length of a ``with`` block."""
    server = _Server(("127.0.0.1", 0), type("Handler", (handler,), attributes))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


@contextmanager
def proxy(engine_url: str) -> Iterator[tuple[str, Meters]]:
    """The proxy's URL and its meters."""
    meters = Meters(engine_url)
    with served(_Handler, meters=meters) as url:
        yield url, meters
