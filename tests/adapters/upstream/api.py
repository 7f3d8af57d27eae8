"""Sojourn's API behind an HTTP server: its functions over a store in memory. Judges no signature."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from sojourn.testing import memory_store
from tests.contract.served import silent
from tests.service.gateway import Gateway


@contextmanager
def served() -> Iterator[str]:
    """The URL of an API that has no session yet."""
    gateway = Gateway(memory_store(), silent())

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def handle_call(self) -> None:
            content = self.rfile.read(int(self.headers.get("Content-Length", "0"))).decode()
            headers = {name.lower(): value for name, value in self.headers.items()}
            answer = gateway.send(self.command, self.path, headers=headers, body=content or None)
            self.send_response_only(answer.status)
            for name, value in answer.headers.items():
                self.send_header(name, value)
            if answer.status != 204:
                self.send_header("Content-Length", str(len(answer.body.encode())))
            self.end_headers()
            self.wfile.write(answer.body.encode())

        do_DELETE = do_GET = do_PATCH = do_POST = do_PUT = handle_call  # noqa: N815  # the names that it looks for

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the name it has
            """Nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()
