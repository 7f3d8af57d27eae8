"""A network between a client and its engine that does what it is told to each request. Knows no session."""

import json
import socket
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from enum import Enum
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple
from urllib.parse import urlsplit

_DRIP_SECONDS = 0.05
"""Between two bytes: far below every timeout."""

_RESET = struct.pack("ii", 1, 0)
"""SO_LINGER: close with a reset."""


class Effect(Enum):
    """What a request did, and what its client can know of that."""

    NONE = "surely none"
    UNKNOWN = "none, and nobody can know"
    DONE = "it took effect, and nobody can know"


class Fault(Enum):
    """What becomes of a request: whether the engine sees it, and what is answered."""

    BLACK_HOLE = "nobody answers"
    BLACK_HOLE_AFTER = "it takes effect, nobody answers"
    DRIP = "it takes effect, the answer comes byte by byte"
    RESET_BEFORE = "the connection is reset"
    RESET_AFTER = "it takes effect, the connection is reset"
    CLOSED_AFTER = "it takes effect, the connection is closed"
    HALF = "it takes effect, half of the answer comes"
    HTML = "it takes effect, a page comes"
    EMPTY = "it takes effect, nothing is in the answer"
    NO_TEXT = "it takes effect, bytes come that are no text"
    WRONG_SUM = "it takes effect, the answer does not fit its checksum"
    ERROR_500 = "the engine fails"
    ERROR_503 = "the engine is away"
    ERROR_AFTER = "it takes effect, the engine fails"
    THROTTLED = "too many requests"
    CONFLICT = "a transaction is in the way"
    FORBIDDEN = "not allowed"


EFFECTS = {
    Fault.BLACK_HOLE: Effect.UNKNOWN,
    Fault.RESET_BEFORE: Effect.UNKNOWN,
    Fault.ERROR_500: Effect.UNKNOWN,
    Fault.ERROR_503: Effect.UNKNOWN,
    Fault.THROTTLED: Effect.NONE,
    Fault.CONFLICT: Effect.NONE,
    Fault.FORBIDDEN: Effect.NONE,
}
"""The others take effect."""


def effect(fault: Fault) -> Effect:
    """What a request did that met ``fault``."""
    return EFFECTS.get(fault, Effect.DONE)


_ERRORS = {
    Fault.ERROR_500: (500, "InternalServerError"),
    Fault.ERROR_503: (503, "ServiceUnavailable"),
    Fault.ERROR_AFTER: (500, "InternalServerError"),
    Fault.THROTTLED: (400, "ProvisionedThroughputExceededException"),
    Fault.CONFLICT: (400, "TransactionConflictException"),
    Fault.FORBIDDEN: (400, "AccessDeniedException"),
}


class Reply(NamedTuple):
    """An answer on its way."""

    status: int
    headers: dict[str, str]
    body: bytes


class Proxy:
    """Listens on ``url``. The next request meets ``faults[0]``, and so on; then ``always``, where that is set."""

    def __init__(self, url: str, engine: str) -> None:
        self.url = url
        self.requests: list[str] = []
        """The operations asked for, in their order."""
        self.met: list[Fault] = []
        self.faults: list[Fault] = []
        self.always: Fault | None = None
        self.is_closed = threading.Event()
        self._engine = urlsplit(engine).netloc
        self._lock = threading.Lock()

    def heal(self) -> None:
        """No fault more; the counts begin anew."""
        with self._lock:
            self.requests, self.met, self.faults, self.always = [], [], [], None

    def next_fault(self, operation: str) -> Fault | None:
        """Note the request; what becomes of it."""
        with self._lock:
            self.requests.append(operation)
            fault = self.faults.pop(0) if self.faults else self.always
            if fault is not None:
                self.met.append(fault)
            return fault

    def ask_engine(self, method: str, path: str, headers: dict[str, str], body: bytes) -> Reply:
        """The engine's own answer."""
        connection = HTTPConnection(self._engine, timeout=30)
        try:
            connection.request(method, path, body=body, headers=headers)
            answer = connection.getresponse()
            content = answer.read()
            kept = {k: v for k, v in answer.getheaders() if k.lower() not in ("transfer-encoding", "content-length")}
            return Reply(answer.status, kept, content)
        finally:
            connection.close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    proxy: Proxy

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length", "0")))
        operation = self.headers.get("x-amz-target", "").rpartition(".")[2]
        fault = self.proxy.next_fault(operation)
        if fault is None or effect(fault) is Effect.DONE:
            reply = self.proxy.ask_engine("POST", self.path, dict(self.headers), body)
        else:
            reply = Reply(200, {}, b"")
        if fault in _ERRORS:
            status, code = _ERRORS[fault]
            error = {"__type": f"com.amazonaws.dynamodb.v20120810#{code}", "message": "a test"}
            reply = Reply(status, {"content-type": "application/x-amz-json-1.0"}, json.dumps(error).encode())
        self._answer(fault, reply)

    def _answer(self, fault: Fault | None, reply: Reply) -> None:
        match fault:
            case Fault.BLACK_HOLE | Fault.BLACK_HOLE_AFTER:
                self.close_connection = True
                self._wait_for_the_end()
            case Fault.RESET_BEFORE | Fault.RESET_AFTER:
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
                self._end()
            case Fault.CLOSED_AFTER:
                self._end()
            case Fault.DRIP:
                self.close_connection = True
                self._drip(reply)
            case Fault.HALF:
                self._send(reply, length=len(reply.body) + 7, body=reply.body[: len(reply.body) // 2])
                self._end()
            case Fault.HTML:
                self._send(Reply(200, {"content-type": "text/html"}, b"<html><h1>It works!</h1></html>"))
            case Fault.EMPTY:
                self._send(Reply(200, {}, b""))
            case Fault.NO_TEXT:
                self._send(Reply(200, {}, b'{"Item": "\xff\xfe\x00"}'))
            case Fault.WRONG_SUM:
                self._send(Reply(reply.status, {**reply.headers, "x-amz-crc32": "1"}, reply.body))
            case _:
                self._send(reply)

    def _send(self, reply: Reply, *, length: int | None = None, body: bytes | None = None) -> None:
        self.send_response_only(reply.status)
        for name, value in reply.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(reply.body) if length is None else length))
        self.end_headers()
        self.wfile.write(reply.body if body is None else body)

    def _drip(self, reply: Reply) -> None:
        head = f"HTTP/1.1 {reply.status} OK\r\nContent-Length: {len(reply.body)}\r\n\r\n".encode()
        for byte in head + reply.body:
            if self.proxy.is_closed.is_set():
                return
            try:
                self.connection.sendall(bytes((byte,)))
            except OSError:
                return
            time.sleep(_DRIP_SECONDS)

    def _wait_for_the_end(self) -> None:
        # Until the client gives up and closes.
        self.connection.settimeout(0.1)
        while not self.proxy.is_closed.is_set():
            try:
                if not self.connection.recv(1):
                    return
            except TimeoutError:
                continue
            except OSError:
                return

    def _end(self) -> None:
        self.close_connection = True
        self.wfile.flush()
        self.connection.close()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the name it has
        """Nothing."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128
    """The five there would be are too few for many clients at once: their kernels would wait a second to ask again."""

    def handle_error(self, request: object, client_address: object) -> None:
        """Clients that give up are what this is for."""


@contextmanager
def proxied(engine: str) -> Iterator[Proxy]:
    """A network in front of the engine at this URL."""

    class Handler(_Handler):
        pass

    server = _Server(("127.0.0.1", 0), Handler)
    proxy = Handler.proxy = Proxy(f"http://127.0.0.1:{server.server_address[1]}", engine)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield proxy
    finally:
        proxy.is_closed.set()
        server.shutdown()
        thread.join()
        server.server_close()
