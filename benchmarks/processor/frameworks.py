"""A request through each framework, with a session that is only read, and with none. Counts no instructions itself.

Loaded by programs.py, in the process that is measured. A request is what a server hands over; no server is in it. The
calls to the table go over HTTP.
"""

from __future__ import annotations

import itertools
import os

TYPE_CHECKING = False  # typing is not imported before it must
if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable
    from typing import Any

    Ask = Callable[[], object]
    AsyncAsk = Callable[[], Awaitable[object]]

COOKIE = "__Host-session"
_CALLS, _WARM = 40, 10
_HELLO = "hello, teapot"


class _Wsgi:
    """A request to a WSGI application (PEP 3333)."""

    def __init__(self, app: Any, cookie: str, path: str = "/look", method: str = "GET") -> None:
        self._app = app
        self._environ = {
            "REQUEST_METHOD": method,
            "SCRIPT_NAME": "",
            "PATH_INFO": path,
            "QUERY_STRING": "",
            "SERVER_NAME": "shop.example",
            "SERVER_PORT": "443",
            "SERVER_PROTOCOL": "HTTP/1.1",
            "CONTENT_LENGTH": "0",
            "HTTP_HOST": "shop.example",
            "HTTP_ACCEPT": "*/*",
            "HTTP_USER_AGENT": "curl/8.14.1",
            "HTTP_COOKIE": cookie,
            "REMOTE_ADDR": "127.0.0.1",
            "wsgi.version": (1, 0),
            "wsgi.url_scheme": "https",
            "wsgi.multithread": False,
            "wsgi.multiprocess": False,
            "wsgi.run_once": False,
        }

    def __call__(self) -> None:
        import io

        answer = self._app({**self._environ, "wsgi.input": io.BytesIO(), "wsgi.errors": io.StringIO()}, self._start)
        body = b"".join(answer)
        if hasattr(answer, "close"):
            answer.close()
        assert body == _HELLO.encode(), body

    def _start(self, status: str, _headers: object, _error: object = None) -> None:
        assert status == "200 OK", status


class _Asgi:
    """A request to an ASGI application."""

    def __init__(self, app: Any, cookie: str) -> None:
        self._app = app
        headers = {"host": "shop.example", "accept": "*/*", "user-agent": "curl/8.14.1", "cookie": cookie}
        self._scope = {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.3"},
            "http_version": "1.1",
            "method": "GET",
            "scheme": "https",
            "path": "/look",
            "raw_path": b"/look",
            "query_string": b"",
            "root_path": "",
            "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
            "client": ("127.0.0.1", 50_000),
            "server": ("shop.example", 443),
        }

    async def __call__(self) -> None:
        sent: list[Any] = []

        async def receive() -> Any:
            return {"type": "http.request", "body": b"", "more_body": False}

        async def send(message: Any) -> None:
            sent.append(message)

        await self._app({**self._scope, "state": {}}, receive, send)
        assert sent[0]["status"] == 200, sent
        assert b"".join(message.get("body", b"") for message in sent[1:]) == _HELLO.encode(), sent


def _greeting(session: Any) -> str:
    """The page: of a session, or of none."""
    assert session is None or session["nonce"]
    return _HELLO


def _wsgi(cookie: str, *, has_session: bool) -> Ask:
    from sojourn.adapters.wsgi import SojournMiddleware

    def page(environ: Any, start_response: Any) -> Iterable[bytes]:
        body = _greeting(environ.get("sojourn.session")).encode()
        start_response("200 OK", [("Content-Type", "text/plain; charset=utf-8"), ("Content-Length", str(len(body)))])
        return [body]

    return _Wsgi(SojournMiddleware(page) if has_session else page, cookie)


def _flask(cookie: str, *, has_session: bool) -> Ask:
    import flask

    from sojourn.adapters.flask import Sojourn

    app = flask.Flask(__name__)
    if has_session:
        Sojourn(app)
    app.add_url_rule("/look", view_func=lambda: _greeting(flask.session if has_session else None))
    return _Wsgi(app, cookie)


def _django(cookie: str, *, has_session: bool) -> Ask:
    from django.conf import settings
    from django.core.handlers.wsgi import WSGIHandler
    from django.http import HttpResponse
    from django.urls import path

    def page(request: Any) -> Any:
        return HttpResponse(_greeting(getattr(request, "session", None)))

    if not settings.configured:
        settings.configure(
            SECRET_KEY="no session is signed with it",  # noqa: S106
            ROOT_URLCONF=(path("look", page),),
            ALLOWED_HOSTS=["shop.example"],
            SESSION_ENGINE="sojourn.adapters.django",
            SESSION_COOKIE_NAME=COOKIE,
            SESSION_COOKIE_SECURE=True,
        )
    settings.MIDDLEWARE = ["sojourn.adapters.django.SojournMiddleware"] if has_session else []
    return _Wsgi(WSGIHandler(), cookie)


def _starlette(cookie: str, *, has_session: bool) -> AsyncAsk:
    from starlette.applications import Starlette
    from starlette.responses import PlainTextResponse
    from starlette.routing import Route

    async def page(request: Any) -> Any:
        return PlainTextResponse(_greeting(request.session if has_session else None))

    return _Asgi(_with_middleware(Starlette(routes=[Route("/look", page)]), has_session=has_session), cookie)


def _fastapi(cookie: str, *, has_session: bool) -> AsyncAsk:
    from fastapi import FastAPI, Request
    from fastapi.responses import PlainTextResponse

    app = FastAPI()

    async def page(request: Any) -> Any:
        return _greeting(request.session if has_session else None)

    page.__annotations__ = {"request": Request}
    app.get("/look", response_class=PlainTextResponse, response_model=None)(page)
    return _Asgi(_with_middleware(app, has_session=has_session), cookie)


def _with_middleware(app: Any, *, has_session: bool) -> Any:
    from sojourn import open_store
    from sojourn.adapters.asgi import SojournMiddleware

    if has_session:
        app.add_middleware(SojournMiddleware, open_store())
    return app


def _lambda(cookie: str, *, has_session: bool) -> Ask:
    from sojourn.adapters.lambda_handler import session_of, with_session

    event = {
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": "/look",
        "rawQueryString": "",
        "cookies": [cookie],
        "headers": {"host": "shop.example", "accept": "*/*", "user-agent": "curl/8.14.1"},
        "requestContext": {
            "http": {"method": "GET", "path": "/look", "protocol": "HTTP/1.1", "sourceIp": "127.0.0.1"},
            "stage": "$default",
            "requestId": "JKJaXmPLvHcESHA=",
        },
        "isBase64Encoded": False,
    }

    def handler(event: Any, _context: object) -> Any:
        return {"statusCode": 200, "body": _greeting(session_of(event) if has_session else None)}

    served: Any = with_session(handler) if has_session else handler

    def ask() -> None:
        response = served(event, None)
        assert (response["statusCode"], response["body"]) == (200, _HELLO), response

    return ask


_WAITING: dict[str, Callable[..., Ask]] = {"Lambda": _lambda, "WSGI": _wsgi, "Flask": _flask, "Django": _django}
_IN_A_LOOP: dict[str, Callable[..., AsyncAsk]] = {"Starlette": _starlette, "FastAPI": _fastapi}
FRAMEWORKS = (*_WAITING, *_IN_A_LOOP)


def request(ended: Callable[..., None], framework: str, token: str) -> None:
    """Sections ``empty`` and ``sojourn``: a request to an application without sessions, and to one with ours."""
    cookie = f"{COOKIE}={token}"
    for name, has_session in (("empty", False), ("sojourn", True)):
        if framework in _IN_A_LOOP:
            import asyncio

            asyncio.run(_count_in_a_loop(ended, name, _IN_A_LOOP[framework](cookie, has_session=has_session)))
        else:
            _count(ended, name, _WAITING[framework](cookie, has_session=has_session))


def library(ended: Callable[..., None], token: str, key: str) -> None:
    """Sections ``sojourn``, a read without a framework, and ``boto3``, the ``get_item`` of its defaults."""
    import boto3

    from sojourn import open_store

    store, client = open_store(), boto3.client("dynamodb", endpoint_url=os.environ["SOJOURN_ENDPOINT_URL"])
    of: Any = {"TableName": "sessions", "Key": {"session_id": {"S": key}}}
    _count(ended, "sojourn", lambda: _greeting(store.read(token)))
    _count(ended, "boto3", lambda: client.get_item(**of, ConsistentRead=True)["Item"])


def large_session(ended: Callable[..., None], kind: str, cookie: str) -> None:
    """Sections ``read`` and ``read, change, write`` of a Flask application, with one of ``_SESSIONS``."""
    import flask

    app, numbers = flask.Flask(__name__), itertools.count()
    _SESSIONS[kind](app)

    def change() -> str:
        flask.session["visits"] = next(numbers)
        return _HELLO

    app.add_url_rule("/look", view_func=lambda: _greeting(flask.session))
    app.add_url_rule("/change", view_func=change, methods=["POST"])
    _count(ended, "read", _Wsgi(app, cookie), calls=8)
    _count(ended, "read, change, write", _Wsgi(app, cookie, "/change", "POST"), calls=8)


def _ours(app: Any) -> None:
    from sojourn.adapters.flask import Sojourn

    Sojourn(app)


def _flask_session(app: Any, **settings: object) -> None:
    import boto3
    from flask_session import Session  # type: ignore[import-not-found]  # in an environment of its own

    resource = boto3.resource("dynamodb", endpoint_url=os.environ["SOJOURN_ENDPOINT_URL"])
    app.config.update(SESSION_TYPE="dynamodb", SESSION_DYNAMODB=resource, **settings)
    Session(app)


_SESSIONS: dict[str, Callable[[Any], None]] = {
    "Sojourn": _ours,
    "Flask-Session": _flask_session,
    "Flask-Session, not refreshed": lambda app: _flask_session(app, SESSION_REFRESH_EACH_REQUEST=False),
}
SESSIONS = tuple(_SESSIONS)


def _count(ended: Callable[..., None], name: str, ask: Ask, *, calls: int = _CALLS) -> None:
    for _ in range(_WARM):
        ask()
    ended(f"{name}, before")
    for _ in range(calls):
        ask()
    ended(name, calls=calls)


async def _count_in_a_loop(ended: Callable[..., None], name: str, ask: AsyncAsk) -> None:
    """In one task, as under a server: anyio ends its threads with the task."""
    for _ in range(_WARM):
        await ask()
    ended(f"{name}, before")
    for _ in range(_CALLS):
        await ask()
    ended(name, calls=_CALLS)
