"""Our sessions in every Flask application, unless its class or the test sets others: a pytest plugin."""

from typing import Any

from flask import Flask

from sojourn.adapters.flask import Sojourn

from .stores import the_store

_init = Flask.__init__
_theirs = Flask.session_interface


def _with_our_sessions(app: Flask, *arguments: Any, **options: Any) -> None:  # as Flask has it
    _init(app, *arguments, **options)
    if app.session_interface is _theirs:
        # The tests' clients use plain HTTP.
        Sojourn(app, the_store(), is_development=True)


Flask.__init__ = _with_our_sessions  # type: ignore[method-assign, assignment]  # the line that names the session
