"""What an answer carries of its session: the cookie, and a refusal in the place of a page. Calls no store."""

import functools
import logging
from http import HTTPStatus
from typing import TYPE_CHECKING

from django.conf import settings
from django.contrib.sessions.backends.base import UpdateError
from django.http import HttpResponse
from django.utils.cache import patch_vary_headers
from django.utils.http import http_date

from sojourn.absence import Absence
from sojourn.adapters.cookies import NOT_SHARED
from sojourn.adapters.django.opening import the_store
from sojourn.adapters.django.requests import former_cookie
from sojourn.adapters.refusals import refusal_of
from sojourn.errors import SessionGoneError

if TYPE_CHECKING:
    from django.http import HttpRequest

    from sojourn.adapters.cookies import CookieUpdate
    from sojourn.adapters.django.sessions import SessionStore


logger: logging.Logger = logging.getLogger(__name__)


def carry_cookies(request: "HttpRequest", answer: HttpResponse, session: "SessionStore") -> None:
    """Also when the page failed, if the old key opens nothing any more."""
    update = session.cookie_update
    if update.token is not None:
        _set_cookie(answer, session, update)
        if settings.SESSION_COOKIE_SECURE and not request.is_secure():
            _warn_of_plain_http()
    elif update.is_ended and settings.SESSION_COOKIE_NAME in request.COOKIES:
        answer.delete_cookie(
            settings.SESSION_COOKIE_NAME,
            domain=settings.SESSION_COOKIE_DOMAIN,
            path=settings.SESSION_COOKIE_PATH,
            samesite=settings.SESSION_COOKIE_SAMESITE,
        )
    if update.is_unavailable:
        answer.headers["Cache-Control"] = "no-store"
    if settings.SESSION_COOKIE_NAME in answer.cookies:
        _complete(answer)
    elif session.accessed:
        patch_vary_headers(answer, ("Cookie",))
    former = former_cookie()
    if former is not None and (update.is_adopted or update.is_ended):
        samesite = settings.SESSION_COOKIE_SAMESITE
        answer.delete_cookie(former.name, path=former.path, domain=former.domain, samesite=samesite)


def _set_cookie(answer: HttpResponse, session: "SessionStore", update: "CookieUpdate") -> None:
    until = None if session.get_expire_at_browser_close() else update.until
    answer.set_cookie(
        settings.SESSION_COOKIE_NAME,
        update.token or "",
        max_age=None if until is None else until - the_store().resources.clock(),
        expires=None if until is None else http_date(until),
        domain=settings.SESSION_COOKIE_DOMAIN,
        path=settings.SESSION_COOKIE_PATH,
        samesite=settings.SESSION_COOKIE_SAMESITE,
    )


@functools.cache
def _warn_of_plain_http() -> None:
    """Once: visitors would have a new session with each visit, and nothing would say why."""
    logger.warning(
        "the session's cookie is Secure and the request came over plain HTTP, where browsers do not send it back; use "
        "HTTPS, or SESSION_COOKIE_SECURE = False while you develop, or SECURE_PROXY_SSL_HEADER behind a proxy"
    )


def _complete(answer: HttpResponse) -> None:
    """The other attributes, the same whether it is set or deleted; and no cache keeps it for anybody else."""
    cookie = answer.cookies[settings.SESSION_COOKIE_NAME]
    cookie["secure"] = settings.SESSION_COOKIE_SECURE or ""
    cookie["httponly"] = settings.SESSION_COOKIE_HTTPONLY or ""
    patch_vary_headers(answer, ("Cookie",))
    answer.headers.setdefault("Cache-Control", NOT_SHARED)


def refused(session: "SessionStore") -> HttpResponse:
    """The answer to what the store refused."""
    error = session.kept.refusal or SessionGoneError("")
    if isinstance(error, UpdateError):
        error = SessionGoneError("", reason=Absence.SUPERSEDED if session.kept.is_superseded else Absence.UNKNOWN)
    status, text = refusal_of(error)
    response = HttpResponse(text, status=status, content_type="text/plain; charset=utf-8")
    response["Cache-Control"] = "no-store"
    if status == HTTPStatus.SERVICE_UNAVAILABLE:
        response["Retry-After"] = "1"
    return response
