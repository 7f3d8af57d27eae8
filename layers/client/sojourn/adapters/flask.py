"""Sessions for Flask: ``Sojourn(app)``.

https://flask.palletsprojects.com/en/stable/api/#session-interface
"""

from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

from flask import session
from flask.sessions import SessionInterface, SessionMixin
from werkzeug.exceptions import Conflict, HTTPException, ServiceUnavailable, Unauthorized

from sojourn.adapters.cookies import Cookie
from sojourn.adapters.refusals import REFUSALS, refusal_of
from sojourn.adapters.rules import SAFE_METHODS, Rules, SubjectOf, checked_lifetime, rules_of
from sojourn.adapters.visit import Visit
from sojourn.factory import open_store
from sojourn.store import Store
from sojourn.writing import OnConflict

if TYPE_CHECKING:
    from flask import Flask, Request, Response

_FLASKS_NAME = "session"
_SERVER_ERROR = 500
_REFUSED = {401: Unauthorized, 409: Conflict}


class Session(Visit, SessionMixin):
    """What ``flask.session`` is: no store is called before it is looked at.

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
        secure = self.get_cookie_secure(app) or not self._is_development
        name = self.get_cookie_name(app)
        if name == _FLASKS_NAME and secure and path == "/" and domain is None:
            name = Cookie().name
        return Cookie(
            name=name,
            path=path,
            domain=domain,
            secure=secure,
            httponly=self.get_cookie_httponly(app),
            samesite=cast("Any", (self.get_cookie_samesite(app) or "Lax").capitalize()),
            partitioned=self.get_cookie_partitioned(app),
            is_development=self._is_development,
            former_names=self._former_names,
        )

    def lifetime_of(self, app: "Flask") -> int | None:
        """The seconds of ``PERMANENT_SESSION_LIFETIME``. Raises ``ConfigurationError``."""
        seconds = app.permanent_session_lifetime.total_seconds()
        return checked_lifetime(seconds, self._store.settings, name="PERMANENT_SESSION_LIFETIME")

    def open_session(self, app: "Flask", request: "Request") -> Session:
        """See Flask. Asks nothing."""
        token = self.cookie_of(app).found_in(request.headers.getlist("Cookie"))
        return Session(self._store, token, self._rules, is_safe=request.method in SAFE_METHODS)

    def save_session(self, app: "Flask", session: SessionMixin, response: "Response") -> None:
        """See Flask."""
        visit = cast("Session", session)
        is_permanent = visit.is_accessed and visit.permanent
        if is_permanent and visit.idle is None:
            visit.idle = self.lifetime_of(app)
        try:
            update = visit.close(is_kept=response.status_code < _SERVER_ERROR)
        except REFUSALS as error:
            # Flask calls no error handler any more at this point.
            refused = _refusal(error).get_response()
            response.status, response.headers, response.response = refused.status, refused.headers, refused.response
            # A rotation, or a logout, that went before the refusal holds all the same.
            update = visit.close()
        cookie = self.cookie_of(app)
        if update.is_accessed:
            response.vary.add("Cookie")
        for header in replace(cookie, persistent=cookie.persistent or is_permanent).updated(update):
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
        rules = rules_of(subject_of, on_conflict)
        self._interface = SojournInterface(
            store or open_store(), rules, cookie=cookie, is_development=is_development, former_names=former_names
        )
        if app is not None:
            self.init_app(app)

    def init_app(self, app: "Flask") -> None:
        """Give ``app`` its sessions. Raises ``ConfigurationError`` for a weak cookie or an impossible lifetime."""
        self._interface.cookie_of(app)
        self._interface.lifetime_of(app)
        app.session_interface = self._interface
        for refusal in REFUSALS:
            app.register_error_handler(refusal, _refuse)


def _refuse(error: Exception) -> HTTPException:
    """An error handler for what the store said while the page was being made."""
    if isinstance(session, Session):
        session.close(is_kept=False)
    return _refusal(error)


def _refusal(error: Exception) -> HTTPException:
    status, text = refusal_of(error)
    kind = _REFUSED.get(status)
    return kind(text) if kind else ServiceUnavailable(text, retry_after=1)
