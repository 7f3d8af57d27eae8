"""DynamoDB over HTTP, as little of it as a benchmark needs: it remembers what was put, and says yes to everything else.

What is left of a call is the client's own work. Its answers are as large as real ones, and carry the checksum.
"""

import json
import threading
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final

from devstack.layout import LOOPBACK

Json = dict[str, Any]

ITEMS: Final[dict[str, Json]] = {}
"""What was put, by key, as it came over the wire."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        """One request."""
        operation = self.headers["X-Amz-Target"].partition(".")[2]
        request: Json = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        body = json.dumps(self._answer(operation, request), separators=(",", ":")).encode()
        head = (
            "HTTP/1.1 200 OK\r\nServer: Server\r\nDate: Fri, 15 Jan 2027 08:00:00 GMT\r\n"
            "Content-Type: application/x-amz-json-1.0\r\n"
            f"Content-Length: {len(body)}\r\nConnection: keep-alive\r\n"
            "x-amzn-RequestId: VSMRJ5QRBTCVQ8RJ8J5BQGBA4NVV4KQNSO5AEMVJF66Q9ASUAAJG\r\n"
            f"x-amz-crc32: {zlib.crc32(body)}\r\n\r\n"
        )
        self.wfile.write(head.encode() + body)

    def do_GET(self) -> None:
        """That it is well, as the service says."""
        body = b"healthy: dynamodb.us-east-1.amazonaws.com "
        head = f"HTTP/1.1 200 OK\r\nServer: Server\r\nContent-Length: {len(body)}\r\nConnection: keep-alive\r\n\r\n"
        self.wfile.write(head.encode() + body)

    def _answer(self, operation: str, request: Json) -> Json:
        match operation:
            case "PutItem":
                ITEMS[_key(request["Item"])] = request["Item"]
            case "GetItem" if _key(request["Key"]) in ITEMS:
                return {"Item": ITEMS[_key(request["Key"])]}
            case "BatchGetItem":
                ((table, asked),) = request["RequestItems"].items()
                several = [ITEMS[key] for key in map(_key, asked["Keys"]) if key in ITEMS]
                return {"Responses": {table: several}, "UnprocessedKeys": {}}
            case "DeleteItem":
                return {"Attributes": ITEMS[_key(request["Key"])]}
            case "BatchExecuteStatement":
                removed = [ITEMS[each["Parameters"][0]["S"]] for each in request["Statements"]]
                return {
                    "ConsumedCapacity": [{"TableName": "sessions", "CapacityUnits": 2.0 * len(removed)}],
                    "Responses": [{"TableName": "sessions", "Item": item} for item in removed],
                }
            case "DescribeTable":
                return {"Table": {"TableName": request["TableName"], "TableStatus": "ACTIVE"}}
        return {}

    def log_message(self, *_: object) -> None:
        """Nothing."""


def _key(item: Json) -> str:
    """Of a session of ours, or of Flask-Session's."""
    return str((item.get("session_id") or item["id"])["S"])


@contextmanager
def stub() -> Iterator[str]:
    """The endpoint URL of one that is empty."""
    ITEMS.clear()
    server = ThreadingHTTPServer((LOOPBACK, 0), _Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://{LOOPBACK}:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
