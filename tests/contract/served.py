"""The records function behind a real HTTP server, without a gateway: signatures are looked at, not judged."""

import io
import json
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from aws_lambda_powertools import Logger

from sojourn import Settings, Store
from sojourn.backend import Backend
from sojourn.backends.records import RecordsBackend
from sojourn.sweep.backend import SweepBackend
from sojourn_service import Api, Telemetry
from sojourn_service.routes_records import ROUTES
from sojourn_service.settings import ServiceSettings
from tests.service.gateway import FakeContext

_NAMESPACE = re.compile(rb'"(?:session_id|subject|name)": ?"([A-Za-z0-9._-]+)#|\["([A-Za-z0-9._-]+)#')
MAX_BYTES = 1_048_576


class Swept(RecordsBackend):
    """The backend under test; the sweeper's calls, which no API has, go straight to what lies behind it at the time."""

    def __init__(self, url: str, behind: Backend) -> None:
        super().__init__(url)
        self.behind = behind

    @property
    def sweep(self) -> SweepBackend | None:  # type: ignore[override]  # which it has only here
        """See ``Backend``."""
        return self.behind.sweep


def silent() -> Telemetry:
    """Powertools' own, whose output goes nowhere."""
    return Telemetry(
        Logger(service="records", stream=io.StringIO(), level="INFO", location=None),
        ServiceSettings(),
    )


@contextmanager
def served(behind: Callable[[], Backend]) -> Iterator[str]:
    """The URL of an API over what is ``behind`` it: for each namespace a function of its own, as deployed."""
    telemetry = silent()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            assert self.path == "/records"
            assert self.headers["Authorization"].startswith("AWS4-HMAC-SHA256 Credential=")
            found = _NAMESPACE.search(body)
            assert found is not None, body
            namespace = (found[1] or found[2]).decode()
            settings = Settings(namespace=namespace, max_bytes=MAX_BYTES)
            event = {
                "routeKey": "POST /records",
                "headers": {name.lower(): value for name, value in self.headers.items()},
                "requestContext": {"requestId": "1", "authorizer": {"iam": {"userArn": "arn:aws:iam::1:user/ada"}}},
                "body": body.decode(),
            }
            answer = Api(Store(behind(), settings), ROUTES, telemetry=telemetry).handle(event, FakeContext())
            content = answer["body"].encode()
            self.send_response_only(answer["statusCode"])
            for name, value in answer["headers"].items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the name it has
            """Nothing."""

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        request_queue_size = 128

    server = Server(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def problem(status: int, kind: str, **members: object) -> tuple[int, bytes]:
    """An answer of the API that is none."""
    return status, json.dumps({"type": f"urn:sojourn:problem:{kind}", "status": status, **members}).encode()
