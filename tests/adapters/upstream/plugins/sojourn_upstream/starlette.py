"""Our middleware and our session in the place of Starlette's: a pytest plugin.

Calls that block the event loop raise, also under releases whose own tests do not use BlockBuster. It watches asyncio's
loop alone.
"""

import asyncio
from collections.abc import Iterator
from typing import Any, Literal

import pytest
from blockbuster import BlockBuster  # type: ignore[import-not-found]  # in the suite's environment alone
from starlette.middleware import sessions

import sojourn
from sojourn.adapters.asgi import SojournMiddleware

from .stores import the_store

_TWO_WEEKS = 14 * 24 * 60 * 60


class SessionMiddleware(SojournMiddleware):
    """Ours, with Starlette's arguments and Starlette's defaults."""

    def __init__(
        self,
        app: Any,  # an ASGI application
        secret_key: object,  # noqa: ARG002  # nothing is signed
        session_cookie: str = "session",
        max_age: int | None = _TWO_WEEKS,
        path: str = "/",
        same_site: Literal["lax", "strict", "none"] = "lax",
        https_only: bool = False,  # as Starlette has it
        domain: str | None = None,
        partitioned: bool = False,
    ) -> None:
        super().__init__(
            app,
            the_store(),
            session_cookie=session_cookie,
            max_age=max_age,
            path=path,
            same_site=same_site,
            https_only=https_only,
            domain=domain,
            partitioned=partitioned,
            is_development=True,
        )


def session_with(data: dict[str, object] | None = None) -> Any:  # what is in the scope
    """The ``request.session`` of a request whose client has a session with ``data``."""
    found = []

    async def app(scope: Any, _receive: object, _send: object) -> None:  # as ASGI has it
        found.append(scope["session"])

    async def nothing(*_: object) -> Any:  # raises always
        raise AssertionError("it neither receives nor sends")

    token = the_store().create(dict(data or {})).token
    headers = [(b"cookie", f"session={token}".encode())]
    scope = {"type": "http", "method": "GET", "path": "/", "headers": headers}
    asyncio.run(SessionMiddleware(app, secret_key=None)(scope, nothing, nothing))
    return found[0]


@pytest.fixture(autouse=True)
def blockbuster() -> Iterator[None]:
    """Starlette's own fixture of this name takes precedence, where the release has it."""
    watch = BlockBuster([sojourn])
    watch.activate()
    try:
        yield
    finally:
        watch.deactivate()


vars(sessions)["SessionMiddleware"] = SessionMiddleware
vars(sessions)["Session"] = session_with
