"""The session key that a request brought: that of the exact cookie, and nothing that only looks like it."""

import functools
from typing import TYPE_CHECKING

from django.conf import settings
from django.http import parse_cookie

from sojourn.adapters.cookies import Cookie, FormerCookie
from sojourn.tokens import PREFIX

if TYPE_CHECKING:
    from django.http import HttpRequest


def former_cookie() -> FormerCookie | None:
    """The cookie of an older store; one that is given by its name alone had the session's path and domain."""
    former: str | FormerCookie = getattr(settings, "SOJOURN_FORMER_COOKIE", "")
    if isinstance(former, FormerCookie) or not former:
        return former or None
    return FormerCookie(former, path=settings.SESSION_COOKIE_PATH, domain=settings.SESSION_COOKIE_DOMAIN)


def keys_of_request(request: "HttpRequest") -> tuple[str, ...]:
    """The values of the session's cookie, or of an older store's where there is none of ours.

    A token of ours is taken from our own cookie alone.
    """
    name, former = settings.SESSION_COOKIE_NAME, former_cookie()
    if former is not None and name not in request.COOKIES:
        return tuple(key for key in _values(request, former.name) if not key.startswith(PREFIX))
    return _values(request, name)


def _values(request: "HttpRequest", name: str) -> tuple[str, ...]:
    """What middleware before ours put into ``request.COOKIES``, or what the header says; Django reads more into it."""
    header: str = request.META.get("HTTP_COOKIE", "")
    given = request.COOKIES.get(name)
    # WSGI servers hand UTF-8 over as Latin-1.
    readings = (header, header.encode("latin-1", "replace").decode(errors="replace"))
    if given is not None and all(parse_cookie(reading).get(name) != given for reading in readings):
        return (given,)
    return _cookie(name).tokens_in([header])


@functools.cache
def _cookie(name: str) -> Cookie:
    return Cookie(name=name, secure=name.startswith("__"), is_development=True)
