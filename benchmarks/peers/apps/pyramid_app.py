"""Pyramid with pyramid-dynamodb-sessions, as its README sets it up."""

from typing import Any

import serve
from pyramid.config import Configurator
from pyramid_dynamodb_sessions import DynamoDBSessionFactory


def _login(request: Any, user: str) -> None:
    # Pyramid's documentation has a session invalidated at a login; what the visitor had is put in again.
    kept = dict(request.session.items())
    request.session.invalidate()
    request.session.update(kept | {"user": user})


def _page(request: Any) -> Any:
    return serve.page(
        lambda: request.session,
        request.environ,
        login=lambda user: _login(request, user),
        logout=lambda: request.session.invalidate(),  # noqa: PLW0108  # opens the session
    )


config = Configurator(session_factory=DynamoDBSessionFactory("pyramid-sessions"))
config.add_route("all", "/*path")
config.add_view(_page, route_name="all", renderer="json")
serve.serve(config.make_wsgi_app())
