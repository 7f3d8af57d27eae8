"""Flask with Flask-Session, as its documentation sets it up, or with Sojourn."""

import sys
from typing import Any

import flask
import serve

app = flask.Flask(__name__)


def _with_dynamodb() -> None:
    import boto3
    from flask_session import Session

    app.config.update(SESSION_TYPE="dynamodb", SESSION_DYNAMODB=boto3.resource("dynamodb"))
    Session(app)


def _with_redis() -> None:
    import os

    from flask_session import Session
    from redis import Redis

    app.config.update(SESSION_TYPE="redis", SESSION_REDIS=Redis.from_url(os.environ["REDIS_URL"]))
    Session(app)


def _with_sojourn() -> None:
    from sojourn import open_store
    from sojourn.adapters.flask import Sojourn

    Sojourn(app, open_store(), subject_of="user")


def _login(user: str) -> None:
    flask.session["user"] = user
    if sys.argv[1] != "sojourn":
        # Sojourn's subject_of does this.
        app.session_interface.regenerate(flask.session)


def _logout() -> None:
    flask.session.clear()


@app.route("/<path:_path>", methods=["GET", "POST"])
def _page(_path: str) -> Any:
    return serve.page(lambda: flask.session, flask.request.environ, login=_login, logout=_logout)


{"dynamodb": _with_dynamodb, "redis": _with_redis, "sojourn": _with_sojourn}[sys.argv[1]]()
serve.serve(app)
