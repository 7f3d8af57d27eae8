"""Django's session middleware with answers in the place of errors, and a cookie as strict as the other adapters'.

Stores nothing itself: see ``sessions``.
"""

import sys
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from asgiref.sync import sync_to_async
from django.conf import settings
from django.contrib.sessions.backends.base import UpdateError
from django.contrib.sessions.middleware import SessionMiddleware
from django.core.signals import got_request_exception
from django.dispatch import receiver
from django.http import HttpResponse
from django.utils.cache import patch_vary_headers
from django.utils.http import http_date

from sojourn.adapters.django.opening import the_store
from sojourn.adapters.django.requests import former_name, key_of_request
from sojourn.adapters.django.sessions import SessionStore
from sojourn.adapters.refusals import REFUSALS, refusal_of
from sojourn.adapters.rules import SAFE_METHODS
from sojourn.errors import SessionGoneError

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.http import HttpRequest
    from django.http.response import HttpResponseBase

_REFUSALS = (*REFUSALS, UpdateError)


class SojournMiddleware(SessionMiddleware):
    """In the place of Django's own: what the store refuses is an answer, 409, 401 or 503, and not a 500.

    Only the exact cookie counts. It is sent when it is another one or lasts otherwise, also with an answer that says
    5xx; it lasts as long as the session may live, unless it ends with the browser, and is deleted with the attributes
    it was set with. Where there is none, ``SOJOURN_FORMER_COOKIE_NAME`` names the one of an older store.

    Under ASGI a request that does not look at its session takes no thread for it.
    """

    def __init__(self, get_response: "Callable[[HttpRequest], HttpResponseBase]") -> None:
        """Open the store. Raises ``ConfigurationError``."""
        super().__init__(get_response)
        the_store()

    async def __acall__(self, request: "HttpRequest") -> "HttpResponseBase":
        """See Django."""
        self.process_request(request)
        response: Any = await self.get_response(request)  # type: ignore[misc]  # a coroutine function, in this mode
        if _may_call_store(request):
            return await sync_to_async(self.process_response, thread_sensitive=True)(request, response)
        return self.process_response(request, response)

    def process_request(self, request: "HttpRequest") -> None:
        """See Django."""
        key = key_of_request(request)
        session = request.session = SessionStore(key)
        session.kept.is_safe = request.method in SAFE_METHODS
        session.kept.arrived_at = the_store().resources.clock() if key else None

    def process_exception(self, request: "HttpRequest", error: Exception) -> HttpResponse | None:
        """See Django."""
        session = getattr(request, "session", None)
        if not isinstance(session, SessionStore) or not isinstance(error, _REFUSALS):
            return None
        session.kept.refusal = error
        return _refused(session)

    def process_response(self, request: "HttpRequest", response: HttpResponse) -> HttpResponse:
        """See Django."""
        session = getattr(request, "session", None)
        if not isinstance(session, SessionStore):
            return super().process_response(request, response)
        if session.kept.refusal is None and response.status_code < HTTPStatus.INTERNAL_SERVER_ERROR:
            _save(session)
        answer = response if session.kept.refusal is None else _refused(session)
        session.kept.is_answered = True
        _carry_cookies(request, answer, session)
        return answer


@receiver(got_request_exception)
def _remember_refusal(*, request: Any = None, **_: object) -> None:
    """Another middleware met it, or a template: Django answers 500 to that, in whose place ours goes out."""
    session, error = getattr(request, "session", None), sys.exc_info()[1]
    if isinstance(session, SessionStore) and isinstance(error, _REFUSALS):
        session.kept.refusal = error


def _may_call_store(request: "HttpRequest") -> bool:
    session = getattr(request, "session", None)
    return not isinstance(session, SessionStore) or session.accessed or _is_wanted(session)


def _is_wanted(session: SessionStore) -> bool:
    return session.modified or settings.SESSION_SAVE_EVERY_REQUEST


def _save(session: SessionStore) -> None:
    try:
        if _is_wanted(session) and (session.keys() or not session.is_empty()) and not _is_left_alone(session):
            session.save()
    except _REFUSALS as error:
        session.kept.refusal = error


def _is_left_alone(session: SessionStore) -> bool:
    """Whether another request replaced the key, and this one put nothing in."""
    return session.kept.is_superseded and not session.keys()


def _carry_cookies(request: "HttpRequest", answer: HttpResponse, session: SessionStore) -> None:
    """Also when the page failed, if the old key opens nothing any more."""
    name, path, domain = settings.SESSION_COOKIE_NAME, settings.SESSION_COOKIE_PATH, settings.SESSION_COOKIE_DOMAIN
    update, samesite = session.cookie_update, settings.SESSION_COOKIE_SAMESITE
    is_sent = update.token is not None or (update.is_ended and name in request.COOKIES)
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
    elif is_sent:
        answer.delete_cookie(name, domain=domain, path=path, samesite=samesite)
    if is_sent:
        answer.cookies[name]["secure"] = settings.SESSION_COOKIE_SECURE
        answer.cookies[name]["httponly"] = settings.SESSION_COOKIE_HTTPONLY
        answer.headers.setdefault("Cache-Control", 'no-cache="Set-Cookie", private')
    if is_sent or session.accessed:
        patch_vary_headers(answer, ("Cookie",))
    if former_name() and (update.is_adopted or update.is_ended):
        answer.delete_cookie(former_name(), path=path, domain=domain)


def _refused(session: SessionStore) -> HttpResponse:
    error = session.kept.refusal or SessionGoneError("")
    if isinstance(error, UpdateError):
        error = SessionGoneError("", is_superseded=session.kept.is_superseded)
    status, text = refusal_of(error)
    response = HttpResponse(text, status=status, content_type="text/plain; charset=utf-8")
    response["Cache-Control"] = "no-store"
    if status == HTTPStatus.SERVICE_UNAVAILABLE:
        response["Retry-After"] = "1"
    return response
