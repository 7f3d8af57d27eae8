"""A table over HTTP that says yes to everything: every conditional delete succeeds. Stores nothing.

What is left of a call is the client's own work. The answers are as large as real ones: the item that was removed
comes back with each statement.
"""

import base64
import json
import os
import re
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import get_context
from random import Random
from typing import Any, Final

from benchmarks.sweep.tables import NOW, item_on_the_wire
from devstack.layout import LOOPBACK

_LENGTH: Final = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)
_CHUNK: Final = 1 << 18


@contextmanager
def stub(*, core: set[int], statements: int = 25) -> Iterator[str]:
    """The endpoint URL of the stub, a process of its own on the given cores, for one client."""
    listener = socket.create_server((LOOPBACK, 0))
    process = get_context("fork").Process(target=_serve, args=(listener, core, _answer(statements)), daemon=True)
    process.start()
    try:
        yield f"http://{LOOPBACK}:{listener.getsockname()[1]}"
    finally:
        process.terminate()
        process.join()
        listener.close()


def _serve(listener: socket.socket, core: set[int], answer: bytes) -> None:
    os.sched_setaffinity(0, core)
    while True:
        connection, _ = listener.accept()
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with connection:
            while _heard(connection):
                connection.sendall(answer)


def _heard(connection: socket.socket) -> bool:
    """Whether another request came in, read to its end."""
    heard = b""
    while b"\r\n\r\n" not in heard:
        chunk = connection.recv(_CHUNK)
        if not chunk:
            return False
        heard += chunk
    head, _, body = heard.partition(b"\r\n\r\n")
    length = _LENGTH.search(head)
    missing = int(length[1]) - len(body) if length else 0
    if b"100-continue" in head:
        connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
    while missing > 0:
        missing -= len(connection.recv(_CHUNK))
    return True


def _answer(statements: int) -> bytes:
    removed: list[dict[str, Any]] = [
        {"TableName": "sessions", "Item": item_on_the_wire(number, Random(NOW))} for number in range(statements)
    ]
    body = json.dumps(
        {
            "ConsumedCapacity": [{"TableName": "sessions", "CapacityUnits": 2.0 * statements}],
            "Responses": removed,
        },
        separators=(",", ":"),
    ).encode()
    head = (
        "HTTP/1.1 200 OK\r\nServer: Server\r\nContent-Type: application/x-amz-json-1.0\r\n"
        f"x-amzn-RequestId: {base64.b32encode(bytes(32)).decode().rstrip('=')}\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body
