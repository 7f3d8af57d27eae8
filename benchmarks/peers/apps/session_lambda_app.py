"""A Lambda handler with session-lambda, as its README has it; a cookie stands for its header."""

import json
from http.cookies import SimpleCookie
from typing import Any

import serve
from session_lambda import get_session_data, session, set_session_data


@session(update=True)
def handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Serve one page."""
    data = dict(get_session_data() or {})

    def login(user: str) -> None:
        data["user"] = user

    shown = serve.page(lambda: data, event["environ"], login=login, logout=data.clear)
    set_session_data(data)
    return {"headers": {}, "body": json.dumps(shown)}


def application(environ: dict[str, Any], start_response: Any) -> list[bytes]:
    """What API Gateway does for a function."""
    if environ["PATH_INFO"] == "/empty":
        shown = serve.page(dict, environ, login=lambda _user: None, logout=lambda: None)
        start_response("200 OK", [("Content-Type", "application/json")])
        return [json.dumps(shown).encode()]
    brought = SimpleCookie(environ.get("HTTP_COOKIE", ""))
    headers = {"session-id": brought["session-id"].value} if "session-id" in brought else {}
    answer = handler({"headers": headers, "environ": environ}, {})
    cookie = f"session-id={answer['headers']['session-id']}"
    start_response("200 OK", [("Content-Type", "application/json"), ("Set-Cookie", cookie)])
    return [answer["body"].encode()]


serve.serve(application)
