"""Sessions for Flask: ``Sojourn(app)``.

https://flask.palletsprojects.com/en/stable/api/#session-interface
"""

import functools
from typing import TYPE_CHECKING, Any, cast

from flask import Response, request
from flask import session as flask_session
from flask.sessions import SessionInterface, SessionMixin

from sojourn.adapters.cookies import NOT_SHARED, Cookie, FormerCookie, warn_of_plain_http
from sojourn.adapters.markup import may_hold_markup, may_say_markup, with_markup_in, without_markup_in
from sojourn.adapters.refusals import REFUSALS, refusal_of
from sojourn.adapters.rules import (
    SAFE_METHODS,
    OnUnavailable,
    Rules,
    SubjectOf,
    checked_lifetime,
    merged_messages,
    rules_of,
)
from sojourn.adapters.visit import Visit
from sojourn.factory import open_store
from sojourn.store import Store
from sojourn.values import replace
from sojourn.writing import OnConflict

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flask import Flask, Request

_FLASKS_NAME = "session"
_SERVER_ERROR = 500


class Session(Visit, SessionMixin):
    """What ``flask.session`` is: no store is called before it is looked at.

    Nested changes are noticed, so ``modified`` need not be set. ``Markup`` comes back as that, as with Flask's own.
    """

    # To be permanent is no reason to be: many applications say it before each request.
    trifles: frozenset[str] = frozenset({"_permanent"})

    was_permanent: bool = False
    """Whether it was when this request found it."""

    @property
    def new(self) -> bool:  # type: ignore[override]  # a plain attribute of the mixin
        """Whether nothing is stored yet."""
        return not self.is_stored

    def fill(self, contents: "Mapping[str, Any]") -> None:
        """See ``LazyDictionary``."""
        super().fill(contents)
        self.was_permanent = bool(contents.get("_permanent", False))

    def to_document(self) -> dict[str, Any]:
        """See ``Visit``."""
        contents = self.copy()
        return without_markup_in(contents) if may_hold_markup(contents) else contents

    def from_document(self, document: dict[str, Any]) -> dict[str, Any]:
        """See ``Visit``."""
        return with_markup_in(document) if may_hold_markup(document) else document

    def is_document(self, text: bytes) -> bool:
        """See ``Visit``."""
        return not may_say_markup(text)


session: Session = cast("Session", flask_session)
"""``flask.session``, typed as what it is."""


class SojournInterface(SessionInterface):
    """Opens and saves sessions; ``Sojourn`` makes it."""

    def __init__(
        self,
        store: Store,
        rules: Rules,
        *,
        cookie: Cookie | None,
        is_development: bool,
        former_names: tuple[str | FormerCookie, ...],
    ) -> None:
        self._store = store
        self._rules = rules
        self._cookie = cookie and cookie.in_namespace(store.settings.namespace)
        self._is_development = is_development
        self._former_names = tuple(former_names)
        self._has_permanent = False

    def cookie_of(self, app: "Flask") -> Cookie:
        """The cookie that the application's ``SESSION_COOKIE_*`` describe, no weaker than the default."""
        return self._cookie or self._configured(app)

    def _configured(self, app: "Flask") -> Cookie:
        path, domain = self.get_cookie_path(app), self.get_cookie_domain(app)
        secure = self.get_cookie_secure(app) or not self._is_development
        name: str | None = self.get_cookie_name(app)
        samesite = self.get_cookie_samesite(app) or (None if self._is_development else "Lax")
        if name == _FLASKS_NAME and secure and path == "/" and domain is None:
            name = None
        return _cookie(
            self._store.settings.namespace,
            name=name,
            path=path,
            domain=domain and domain.lstrip("."),  # RFC 6265, section 5.2.3, as Werkzeug has it
            secure=secure,
            httponly=self.get_cookie_httponly(app),
            samesite=samesite and samesite.capitalize(),
            # Flask 3.1 and later
            partitioned=bool(app.config.get("SESSION_COOKIE_PARTITIONED", False)),
            is_development=self._is_development,
            former_names=self._former_names,
        )

    def lifetime_of(self, app: "Flask") -> int | None:
        """The seconds of ``PERMANENT_SESSION_LIFETIME``. Raises ``ConfigurationError``."""
        seconds = app.permanent_session_lifetime.total_seconds()
        return checked_lifetime(seconds, self._store.settings, name="PERMANENT_SESSION_LIFETIME")

    def open_session(self, app: "Flask", request: "Request") -> Session:
        """See Flask. Asks nothing."""
        tokens = self.cookie_of(app).tokens_in(request.headers.getlist("Cookie"))
        return Session(
            self._store,
            tokens,
            self._rules,
            is_safe=request.method in SAFE_METHODS,
            may_go_without=self._rules.may_go_without(request.method, request.path),
        )

    def save_session(self, app: "Flask", session: SessionMixin, response: Response) -> None:
        """See Flask."""
        visit = cast("Session", session)
        is_permanent = self._is_permanent(app, visit)
        if is_permanent and visit.idle is None:
            visit.idle = self.lifetime_of(app)
        try:
            update = visit.close(is_kept=response.status_code < _SERVER_ERROR)
        except REFUSALS as error:
            # Flask calls no error handler any more at this point.
            refused = _refusal(error)
            response.status, response.headers, response.response = refused.status, refused.headers, refused.response
            # A rotation, or a logout, that went before the refusal holds all the same.
            update = visit.close(is_kept=False)
        if update.is_accessed:
            response.vary.add("Cookie")
        written = []
        if update.is_for_client:
            cookie = self.cookie_of(app)
            if update.token is not None and cookie.secure and not request.is_secure:
                warn_of_plain_http()
            written = replace(cookie, persistent=cookie.persistent or is_permanent).updated(update)
        for header in written:
            response.headers.add("Set-Cookie", header)
        if update.is_unavailable:
            response.headers["Cache-Control"] = "no-store"
        elif written and "Cache-Control" not in response.headers:
            response.headers["Cache-Control"] = NOT_SHARED

    def _is_permanent(self, app: "Flask", visit: Session) -> bool:
        """Whether its cookie outlives the window; it is sent again when that changes, and with each answer.

        The latter as ``SESSION_REFRESH_EACH_REQUEST`` has it. Then a page that does not look at its session looks here,
        in applications that have such sessions at all.
        """
        is_refreshed = app.config["SESSION_REFRESH_EACH_REQUEST"]
        if not visit.is_opened and not (is_refreshed and self._has_permanent):
            return False
        try:
            is_permanent = visit.permanent
        except REFUSALS:
            return False  # the page did not need it, or was refused
        self._has_permanent = self._has_permanent or is_permanent
        was_permanent = visit.was_permanent
        visit.is_resent = (is_permanent and is_refreshed) or is_permanent != was_permanent
        return is_permanent

    def regenerate(self, session: SessionMixin) -> None:
        """A new token for the same session when the request is through, as Flask-Session has it."""
        cast("Session", session).rotate()


@functools.lru_cache
def _cookie(namespace: str, **attributes: Any) -> Cookie:
    """Made and judged once, not for each request."""
    return Cookie(**attributes).in_namespace(namespace)


class Sojourn:
    """``Sojourn(app)``, or ``init_app`` later. Sessions are ``flask.session`` as ever.

    The cookie is what ``SESSION_COOKIE_*`` say, but Secure, SameSite=Lax and, where nothing speaks against it, named
    ``__Host-session``; ``is_development`` lets it be weaker, ``former_names`` is ``Cookie``'s. ``store``,
    ``subject_of`` and ``on_unavailable`` are those of ``sojourn.adapters.lambda_handler.Sessions``; with Flask-Login
    ``subject_of="_user_id"``. Where two requests change the same key, the last one counts, and flashed messages of both
    are kept; ``on_conflict`` is what ``Store.write`` takes. ``session.permanent`` gives the session
    ``PERMANENT_SESSION_LIFETIME`` to be idle and its cookie a date.
    """

    def __init__(
        self,
        app: "Flask | None" = None,
        store: Store | None = None,
        *,
        cookie: Cookie | None = None,
        is_development: bool = False,
        former_names: tuple[str | FormerCookie, ...] = (),
        subject_of: SubjectOf | str | None = None,
        on_conflict: OnConflict | None = None,
        on_unavailable: OnUnavailable = "refuse",
    ) -> None:
        rules = rules_of(subject_of, on_conflict or merged_messages("_flashes"), on_unavailable)
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


def _refuse(error: Exception) -> Response:
    """An error handler for what the store said while the page was being made."""
    if isinstance(flask_session, Session):
        flask_session.close(is_kept=False)
    return _refusal(error)


def _refusal(error: Exception) -> Response:
    refusal = refusal_of(error)
    return Response(refusal.text, refusal.status, dict(refusal.headers))
