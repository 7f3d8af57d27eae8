"""The same few pages on every Python session store, and a server for them. Runs in the store's own environment.

A page takes the session as a mapping, and what its framework documents for a login and a logout as functions.
"""

import json
import os
import sys
import time
import urllib.request
from collections.abc import Callable, MutableMapping
from typing import Any
from urllib.parse import parse_qs
from wsgiref.simple_server import WSGIRequestHandler, make_server

Session = MutableMapping[str, Any]
counters: dict[str, Any] = {}
"""What an application counts itself, by name."""


def page(
    session: Callable[[], Session],
    environ: dict[str, Any],
    *,
    login: Callable[[str], None],
    logout: Callable[[], None],
) -> dict[str, Any]:
    """What one page shows. ``session`` opens the session, so that a page without one opens none."""
    query = {name: values[0] for name, values in parse_qs(environ.get("QUERY_STRING", "")).items()}
    path = environ["PATH_INFO"]
    if path == "/empty":
        return {"cpu": time.process_time(), **counters}
    if path == "/login":
        login(query["user"])
    elif path == "/logout":
        logout()
    elif path == "/put":
        body = environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]))
        for key, value in json.loads(body).items():
            session()[key] = value
    elif path in ("/change", "/slow"):
        _shown(session(), "user")
        session()[query["key"]] = query["value"]
        if path == "/slow":
            # Until the scenario lets it go on.
            urllib.request.urlopen(f"{os.environ['CONTROL_URL']}/hold/{query['key']}").close()
    else:
        return {name: _shown(session(), name) for name in ("user", "a", "b")}
    return {}


def _shown(session: Session, name: str) -> Any:
    return session[name] if name in session else None  # noqa: SIM401  # not every peer's get() has a default


class _Quiet(WSGIRequestHandler):
    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # its name in the library
        """Nothing."""


def serve(application: Any) -> None:
    """Serve ``application`` on a free port, which is printed, one request at a time."""
    with make_server("127.0.0.1", 0, application, handler_class=_Quiet) as server:
        print(server.server_port, flush=True)
        sys.stdout = sys.stderr
        server.serve_forever()
