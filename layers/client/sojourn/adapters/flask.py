"""Sessions for Flask: ``Sojourn(app)``.

https://flask.palletsprojects.com/en/stable/api/#session-interface
"""

from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

from flask import session
from flask.sessions import SessionInterface, SessionMixin
from werkzeug.exceptions import Conflict, HTTPException, ServiceUnavailable, Unauthorized

from sojourn.adapters.cookies import Cookie
from sojourn.adapters.visit import REFUSALS, Rules, SubjectOf, Visit, refusal_of, subject_under
from sojourn.factory import open_store
from sojourn.store import Store
from sojourn.writing import OnConflict

if TYPE_CHECKING:
    from flask import Flask, Request, Response

_FLASKS_NAME = "session"
_SERVER_ERROR = 500
_REFUSED = {401: Unauthorized, 409: Conflict}


class Session(Visit, SessionMixin):
    """What ``flask.session`` is: nothing is asked of the store before it is looked at.

    Nested changes are noticed, so ``modified`` need not be set.
    """

    # To be permanent is no reason to be: many applications say it before each request.
    _TRIFLES = frozenset({"_permanent"})

    @property
    def new(self) -> bool:  # type: ignore[override]  # a plain attribute of the mixin
        """Whether nothing is stored yet."""
        return not self.is_stored


class SojournInterface(SessionInterface):
    """Opens and saves sessions; ``Sojourn`` makes it."""

    def __init__(
        self, store: Store, rules: Rules, *, cookie: Cookie | None, is_development: bool, former_names: tuple[str, ...]
    ) -> None:
        self._store = store
        self._rules = rules
        self._cookie = cookie
        self._is_development = is_development
        self._former_names = former_names

    def cookie_of(self, app: "Flask") -> Cookie:
        """The cookie that the application's ``SESSION_COOKIE_*`` describe, no weaker than the default."""
        if self._cookie is not None:
            return self._cookie
        path, domain = self.get_cookie_path(app), self.get_cookie_domain(app)
        is_secure = self.get_cookie_secure(app) or not self._is_development
        name = self.get_cookie_name(app)
        if name == _FLASKS_NAME and is_secure and path == "/" and domain is None:
            name = Cookie().name
        return Cookie(
            name=name,
            path=path,
            domain=domain,
            is_secure=is_secure,
            is_http_only=self.get_cookie_httponly(app),
            same_site=cast("Any", (self.get_cookie_samesite(app) or "Lax").capitalize()),
            is_partitioned=self.get_cookie_partitioned(app),
            is_development=self._is_development,
            former_names=self._former_names,
        )

    def open_session(self, app: "Flask", request: "Request") -> Session:
        """See Flask. Asks nothing."""
        return Session(self._store, self.cookie_of(app).found_in(request.headers.getlist("Cookie")), self._rules)

    def save_session(self, app: "Flask", session: SessionMixin, response: "Response") -> None:
        """See Flask."""
        visit = cast("Session", session)
        is_permanent = visit.is_accessed and visit.permanent
        if is_permanent:
            visit.idle = int(app.permanent_session_lifetime.total_seconds())
        try:
            farewell = visit.closed(is_kept=response.status_code < _SERVER_ERROR)
        except REFUSALS as error:
            # No error handler is asked any more at this point.
            refused = _refusal(error).get_response()
            response.status, response.headers, response.response = refused.status, refused.headers, refused.response
            return
        cookie = self.cookie_of(app)
        if farewell.is_accessed:
            response.vary.add("Cookie")
        for header in replace(cookie, is_persistent=cookie.is_persistent or is_permanent).told(farewell):
            response.headers.add("Set-Cookie", header)

    def regenerate(self, session: SessionMixin) -> None:
        """A new token for the same session when the request is through, as Flask-Session has it."""
        cast("Session", session).rotate()


class Sojourn:
    """``Sojourn(app)``, or ``init_app`` later. Sessions are ``flask.session`` as ever.

    The cookie is what ``SESSION_COOKIE_*`` say, but Secure, SameSite=Lax and, where nothing speaks against it, named
    ``__Host-session``; ``is_development`` lets it be weaker, ``former_names`` is
    ``Cookie``'s. The other arguments are those of
    ``sojourn.adapters.lambda_handler.Sessions``; with Flask-Login ``subject_of="_user_id"``. ``session.permanent``
    gives the session ``PERMANENT_SESSION_LIFETIME`` to be idle and its cookie a date.
    """

    def __init__(
        self,
        app: "Flask | None" = None,
        store: Store | None = None,
        *,
        cookie: Cookie | None = None,
        is_development: bool = False,
        former_names: tuple[str, ...] = (),
        subject_of: SubjectOf | str | None = None,
        on_conflict: OnConflict = "raise",
    ) -> None:
        rules = Rules(subject_under(subject_of) if isinstance(subject_of, str) else subject_of, on_conflict)
        self._interface = SojournInterface(
            store or open_store(), rules, cookie=cookie, is_development=is_development, former_names=former_names
        )
        if app is not None:
            self.init_app(app)

    def init_app(self, app: "Flask") -> None:
        """Give ``app`` its sessions. Raises ``ConfigurationError`` for a cookie that is too weak."""
        self._interface.cookie_of(app)
        app.session_interface = self._interface
        for refusal in REFUSALS:
            app.register_error_handler(refusal, _refuse)


def _refuse(error: Exception) -> HTTPException:
    """An error handler for what the store said while the page was being made."""
    if isinstance(session, Session):
        session.closed(is_kept=False)
    return _refusal(error)


def _refusal(error: Exception) -> HTTPException:
    status, text = refusal_of(error)
    kind = _REFUSED.get(status)
    return kind(text) if kind else ServiceUnavailable(text, retry_after=1)
