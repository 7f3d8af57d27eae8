"""Django's session middleware with answers in the place of errors, and a cookie as strict as the other adapters'.

Stores nothing itself: see ``sessions``.
"""

from http import HTTPStatus
from typing import TYPE_CHECKING

from django.conf import settings
from django.contrib.sessions.backends.base import UpdateError
from django.contrib.sessions.exceptions import SessionInterrupted
from django.contrib.sessions.middleware import SessionMiddleware
from django.http import HttpResponse
from django.utils.cache import patch_vary_headers
from django.utils.http import http_date

from sojourn.adapters.cookies import Cookie
from sojourn.adapters.django.opening import the_store
from sojourn.adapters.django.sessions import SessionStore
from sojourn.adapters.refusals import REFUSALS, refusal_of
from sojourn.adapters.rules import SAFE_METHODS
from sojourn.errors import SessionGoneError

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.http import HttpRequest
    from django.http.response import HttpResponseBase


class SojournMiddleware(SessionMiddleware):
    """In the place of Django's own: what the store refuses is an answer, 409, 401 or 503, and not a 500.

    Two cookies of the name with different values are none. The cookie is sent when it is another one or lasts
    otherwise, also with an answer that says 5xx; it lasts as long as the session may live, unless it ends with the
    browser, and is deleted with the attributes it was set with. Where there is none, ``SOJOURN_FORMER_COOKIE_NAME``
    names the one of an older store.
    """

    def __init__(self, get_response: "Callable[[HttpRequest], HttpResponseBase]") -> None:
        """Open the store. Raises ``ConfigurationError``."""
        super().__init__(get_response)
        the_store()

    def process_request(self, request: "HttpRequest") -> None:
        """See Django."""
        name = settings.SESSION_COOKIE_NAME
        keys = Cookie(name=name, secure=name.startswith("__"), is_development=True).tokens_in(
            [request.META.get("HTTP_COOKIE", "")]
        )
        key = keys[0] if len(keys) == 1 else None
        if key is None:
            request.COOKIES.pop(name, None)
            key = request.COOKIES.get(_former_name())
        session = request.session = SessionStore(key)
        session.is_safe = request.method in SAFE_METHODS
        session.arrived_at = the_store().resources.clock() if key else None

    def process_exception(self, request: "HttpRequest", error: Exception) -> HttpResponse | None:
        """See Django."""
        session = getattr(request, "session", None)
        if not isinstance(session, SessionStore) or not isinstance(error, (*REFUSALS, UpdateError)):
            return None
        session.is_refused = True
        return _refused(_gone(session) if isinstance(error, UpdateError) else error)

    def process_response(self, request: "HttpRequest", response: HttpResponse) -> HttpResponse:
        """See Django."""
        session = getattr(request, "session", None)
        if not isinstance(session, SessionStore):
            return super().process_response(request, response)
        answer = response if session.is_refused else self._stored(request, response, session)
        self._carry_cookies(request, answer, session)
        return answer

    def _stored(self, request: "HttpRequest", response: HttpResponse, session: SessionStore) -> HttpResponse:
        if session.is_empty() and not session.is_ended:
            # Its session is gone, but by now the browser may hold a newer one under the same name.
            request.COOKIES.pop(settings.SESSION_COOKIE_NAME, None)
        if session.is_superseded and not session.keys():
            patch_vary_headers(response, ("Cookie",))  # nothing was put in
            return response
        try:
            return super().process_response(request, response)
        except SessionInterrupted:
            return _refused(_gone(session))
        except REFUSALS as error:
            return _refused(error)

    def _carry_cookies(self, request: "HttpRequest", answer: HttpResponse, session: SessionStore) -> None:
        """Ours in the place of Django's; also when the page failed, if the old key opens nothing any more."""
        name, path, domain = settings.SESSION_COOKIE_NAME, settings.SESSION_COOKIE_PATH, settings.SESSION_COOKIE_DOMAIN
        answer.cookies.pop(name, None)
        update, samesite = session.cookie_update, settings.SESSION_COOKIE_SAMESITE
        if update.token is not None:
            until = None if session.get_expire_at_browser_close() else update.until
            answer.set_cookie(
                name,
                update.token,
                max_age=None if until is None else until - the_store().resources.clock(),
                expires=None if until is None else http_date(until),
                domain=domain,
                path=path,
                samesite=samesite,
            )
        elif update.is_ended and name in request.COOKIES:
            answer.delete_cookie(name, domain=domain, path=path, samesite=samesite)
        if name in answer.cookies:
            answer.cookies[name]["secure"] = settings.SESSION_COOKIE_SECURE
            answer.cookies[name]["httponly"] = settings.SESSION_COOKIE_HTTPONLY
            patch_vary_headers(answer, ("Cookie",))
        if _former_name() and (update.is_adopted or update.is_ended):
            answer.delete_cookie(_former_name(), path=path, domain=domain)


def _former_name() -> str:
    return getattr(settings, "SOJOURN_FORMER_COOKIE_NAME", "")


def _gone(session: SessionStore) -> SessionGoneError:
    return SessionGoneError("", is_superseded=session.is_superseded)


def _refused(error: Exception) -> HttpResponse:
    status, text = refusal_of(error)
    response = HttpResponse(text, status=status, content_type="text/plain; charset=utf-8")
    response["Cache-Control"] = "no-store"
    if status == HTTPStatus.SERVICE_UNAVAILABLE:
        response["Retry-After"] = "1"
    return response
