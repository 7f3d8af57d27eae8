"""Keeps web pages out of the emulator. Judges headers that a browser sets and no page can; knows no credentials.

The emulator takes a well-known key for the account's root and lets every origin read its answers. So a page that is
open in the developer's browser could create a function and invoke it, which runs as the developer. A name server that
answers with 127.0.0.1 makes a page's own host this one, so the host is judged as well.
"""

import re
from collections.abc import Awaitable, Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

Application = Callable[[Any, Any, Any], Awaitable[None]]

_OUR_HOSTS = re.compile(r"(127\.0\.0\.1|\[::1\]|([A-Za-z0-9_-]+\.)*localhost)(:[0-9]+)?")

# Where the developer's own pages are: APIs and function URLs, by path or by name. All else is AWS's own API.
_OUR_PAGES = re.compile(r"/_aws/(execute-api|lambda-url)/[^/]")
_OUR_PAGE_HOSTS = re.compile(r"[^.]+\.(execute-api|lambda-url)\.")


def guarded(application: Application) -> Application:
    """``application``, for requests that no foreign page has made."""

    async def judge(scope: Any, receive: Any, send: Any) -> None:
        refusal = None
        if scope["type"] in ("http", "websocket"):
            headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
            refusal = refused(headers, scope["path"])
        if refusal is None:
            await application(scope, receive, send)
        elif scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.close", "code": 1008})
        else:
            body = f"{refusal}\n".encode()
            length = (b"content-length", str(len(body)).encode())
            await send(
                {"type": "http.response.start", "status": 403, "headers": [(b"content-type", b"text/plain"), length]}
            )
            await send({"type": "http.response.body", "body": body})

    return judge


def refused(headers: Mapping[str, str], path: str) -> str | None:
    """Why a request may not enter; ``None`` where it may. ``headers`` are by their names in lower case."""
    host = headers.get("host", "")
    if not _OUR_HOSTS.fullmatch(host):
        return f"refused: {host or 'no host'} is not this machine; a web page may have made this request"
    if _is_of_a_page(headers) and not (_is_a_page_of_ours(host, path) and _is_from_itself(headers, host)):
        return "refused: a web page made this request, and the emulator is for programs alone"
    return None


def _is_of_a_page(headers: Mapping[str, str]) -> bool:
    # "none" is an address that a person typed or chose from the bookmarks.
    return "origin" in headers or headers.get("sec-fetch-site", "none") != "none"


def _is_from_itself(headers: Mapping[str, str], host: str) -> bool:
    if site := headers.get("sec-fetch-site"):
        return site in ("same-origin", "none")
    return urlsplit(headers["origin"]).netloc == host


def _is_a_page_of_ours(host: str, path: str) -> bool:
    return bool(_OUR_PAGES.match(path) or _OUR_PAGE_HOSTS.match(host))
