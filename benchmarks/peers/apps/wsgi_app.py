"""Sojourn's library alone in a WSGI application without a framework: its verbs, and a cookie made by hand."""

import json
from http.cookies import SimpleCookie
from typing import Any

import serve

from sojourn import Session, SessionGoneError, SojournError, open_store

store = open_store()


def _answered(environ: dict[str, Any], held: list[Session | None]) -> dict[str, Any]:
    def opened() -> Any:
        if held[0] is None:
            brought = SimpleCookie(environ.get("HTTP_COOKIE", ""))
            held[0] = store.read(brought["id"].value) if "id" in brought else None
        return {} if held[0] is None else held[0]

    def login(user: str) -> None:
        opened()["user"] = user
        store.login(opened(), subject=user)

    def logout() -> None:
        store.expire(opened())
        held[0] = None

    opens = environ["PATH_INFO"] in ("/put", "/change")
    if opens and opened() == {} and held[0] is None:
        fresh: dict[str, Any] = {}
        shown = serve.page(lambda: fresh, environ, login=login, logout=logout)
        held[0] = store.create(fresh)
        return shown
    shown = serve.page(opened, environ, login=login, logout=logout)
    if environ["PATH_INFO"] in ("/put", "/change", "/slow"):
        store.write(opened())
    return shown


def application(environ: dict[str, Any], start_response: Any) -> list[bytes]:
    """One request."""
    held: list[Session | None] = [None]
    try:
        status, shown = "200 OK", _answered(environ, held)
    except SessionGoneError as error:
        status, shown = "401 Unauthorized", {"error": type(error).__name__}
    except SojournError as error:
        status, shown = "503 Service Unavailable", {"error": type(error).__name__}
    headers = [("Content-Type", "application/json")]
    if held[0] is not None:
        headers.append(("Set-Cookie", f"id={held[0].token}"))
    start_response(status, headers)
    return [json.dumps(shown).encode()]


serve.serve(application)
