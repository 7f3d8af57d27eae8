"""An application in Django, and what lies between a browser and it."""

import re
from collections.abc import Iterator, MutableMapping, Sequence
from contextlib import suppress
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.contrib.auth import alogin, alogout, login, logout
from django.core.handlers.wsgi import WSGIHandler
from django.http import HttpRequest, HttpResponse, JsonResponse, StreamingHttpResponse
from django.template import engines
from django.template.response import SimpleTemplateResponse
from django.test import RequestFactory
from django.urls import path, re_path

from sojourn import Store, StoreUnavailableError
from sojourn.adapters.django import session_of
from tests.adapters.browser import Answer, Page, Wire, page
from tests.adapters.djangos import User

_USER = "_auth_user_id"
_ORDER = ["max-age", "expires", "path", "domain", "secure", "httponly", "samesite"]


class Face(MutableMapping[str, object]):
    """A Django session, with the verbs of the other adapters. Its user is not shown."""

    def __init__(self, session: Any) -> None:
        self._session = session

    def __getitem__(self, key: str) -> object:
        return self._session[_USER if key == "user" else key]

    def __setitem__(self, key: str, value: object) -> None:
        self._session[_USER if key == "user" else key] = value

    def __delitem__(self, key: str) -> None:
        del self._session[_USER if key == "user" else key]

    def __iter__(self) -> Iterator[str]:
        return (key for key in self._session.keys() if key != _USER)  # noqa: SIM118  # it is no mapping

    def __len__(self) -> int:
        return sum(1 for _ in self)

    @property
    def subject(self) -> object:
        """Who is logged in."""
        return self._session.get(_USER)

    def login(self, subject: str, *, label: str | None = None) -> None:
        """As django.contrib.auth does it."""
        self._session.cycle_key()
        self._session[_USER], self._session.label = subject, label
        self._session.begin_anew()  # at Django's signal

    def set_expiry(self, seconds: int) -> None:
        """Django's way to be remembered."""
        self._session.set_expiry(seconds)

    def clear(self) -> None:
        """Of its user, too."""
        self._session.clear()

    def rotate(self) -> None:
        """A new key."""
        self._session.cycle_key()

    def logout(self) -> None:
        """As django.contrib.auth does it."""
        self._session.flush()


def pages(request: HttpRequest) -> HttpResponse:
    """The application."""
    face: Any = Face(request.session)
    try:
        return HttpResponse(page(request.path, face, the_store()))
    except Page as other:
        return HttpResponse(status=other.status)


def log_in(request: HttpRequest, name: str) -> HttpResponse:
    """Django's own login."""
    user, _ = User.objects.get_or_create(username=name)
    login(request, user)
    return HttpResponse(str(user.pk))


def log_in_named(request: HttpRequest, name: str, label: str) -> HttpResponse:
    """The same, with a name for the device."""
    session_of(request).label = label
    return log_in(request, name)


def log_out(request: HttpRequest) -> HttpResponse:
    """Django's own logout."""
    logout(request)
    return HttpResponse()


def who(request: HttpRequest) -> HttpResponse:
    """Who Django thinks it is."""
    return HttpResponse(request.user.get_username())


def fail_after_login(request: HttpRequest) -> HttpResponse:
    """A login that nobody hears of."""
    log_in(request, "ada")
    return HttpResponse(status=500)


def look_at_key(request: HttpRequest) -> HttpResponse:
    """As applications do that keep a list of their own."""
    log_in(request, "ada")
    return HttpResponse(request.session.session_key)


def refresh(request: HttpRequest) -> HttpResponse:
    """The key was looked at, and the session read again."""
    log_in(request, "ada")
    key = request.session.session_key
    session_of(request).refresh()
    return HttpResponse(key)


def fail_after_look(request: HttpRequest) -> HttpResponse:
    """The key was looked at, and the page failed."""
    look_at_key(request)
    return HttpResponse(status=500)


def last(request: HttpRequest, seconds: str) -> HttpResponse:
    """A page that says how long the session lasts."""
    request.session.set_expiry(int(seconds))
    return HttpResponse()


def last_until(request: HttpRequest, seconds: str) -> HttpResponse:
    """A page that says when the session ends."""
    request.session.set_expiry(timedelta(seconds=int(seconds)))
    return HttpResponse()


async def asynchronous(request: HttpRequest) -> HttpResponse:
    """Everything that a session can do without waiting for the store."""
    session = request.session
    await session.aset("n", (await session.aget("n", 0)) + 1)
    if request.GET.get("do") == "login":
        await alogin(request, User(pk=7, username="ada"), backend="django.contrib.auth.backends.ModelBackend")
    if request.GET.get("do") == "logout":
        await alogout(request)
    return HttpResponse(str(await session.aget("n")))


async def health(_request: HttpRequest) -> HttpResponse:
    """A page that needs no session."""
    return HttpResponse("well")


def late_stream(request: HttpRequest) -> StreamingHttpResponse:
    """An answer that looks at its session when its headers have gone."""
    return StreamingHttpResponse(request.session["n"] for _ in "a")


def cart(request: HttpRequest) -> JsonResponse:
    """The page that docs/testing.md tests: what is in the cart, one thing more after a POST."""
    if request.method == "POST":
        request.session.setdefault("cart", []).append(request.POST["item"])
    return JsonResponse(request.session.get("cart", []), safe=False)


def cached(request: HttpRequest) -> HttpResponse:
    """A view that tells caches itself."""
    request.session["n"] = 1
    return HttpResponse(headers={"Cache-Control": "max-age=60"})


def template(request: HttpRequest) -> HttpResponse:
    """What looks at the session is rendered after the view."""
    return SimpleTemplateResponse(engines["django"].from_string("{{ session.a }}"), {"session": request.session})


def catches_and_breaks(request: HttpRequest) -> HttpResponse:
    """A view that can do without the session, and has a bug."""
    with suppress(StoreUnavailableError):
        request.session.get("a")
    raise ZeroDivisionError


def stream(request: HttpRequest) -> StreamingHttpResponse:
    """An answer in parts."""
    request.session["n"] = request.session.get("n", 0) + 1
    return StreamingHttpResponse(f"{part} {request.session['n']} " for part in "ab")


urlpatterns = [
    path("stream", stream),
    path("auth/login/<name>", log_in),
    path("auth/named/<name>/<label>", log_in_named),
    path("auth/logout", log_out),
    path("auth/who", who),
    path("auth/fails", fail_after_login),
    path("auth/key", look_at_key),
    path("auth/key-fails", fail_after_look),
    path("auth/refresh", refresh),
    path("last/<seconds>", last),
    path("last-until/<seconds>", last_until),
    path("async", asynchronous),
    path("health", health),
    path("cart", cart),
    path("late-stream", late_stream),
    path("cached", cached),
    path("template", template),
    path("catches-and-breaks", catches_and_breaks),
    re_path(".*", pages),
]


def the_store() -> Store:
    """Of the test that runs."""
    found: Store = settings.SOJOURN_STORE()
    return found


def canonical(header: str) -> str:
    """A Set-Cookie header as the other adapters write it: Django writes the same in another order and case."""
    (pair, *attributes) = re.split("; ", header)
    name, _, value = pair.partition("=")
    value = value.strip('"')
    return "; ".join([f"{name}={value}", *sorted(map(_lowered, attributes), key=_place)])


def _lowered(attribute: str) -> str:
    name, equals, value = attribute.partition("=")
    return f"{name if name == 'Max-Age' else name.lower()}{equals}{value}"


def _place(attribute: str) -> int:
    return _ORDER.index(attribute.partition("=")[0].lower())


def wire() -> Wire:
    """A server."""
    factory = RequestFactory()

    def request(path: str, cookies: Sequence[str], also: str, method: str = "GET") -> Answer:
        line = "; ".join([*cookies, *([also] if also else [])])
        environ = factory._base_environ(PATH_INFO=path, REQUEST_METHOD=method, **{"wsgi.url_scheme": "https"})  # type: ignore[attr-defined]
        environ.pop("HTTP_COOKIE", None)
        if line:
            environ["HTTP_COOKIE"] = line.encode().decode("latin-1")
        told: list[Any] = []
        answer = WSGIHandler()(environ, lambda status, headers, *_: told.extend([status, headers]))  # type: ignore[arg-type]
        body = b"".join(answer).decode()
        status, headers = told
        found = [canonical(value) for name, value in headers if name == "Set-Cookie"]
        named = {name.lower(): value for name, value in headers}
        return Answer(int(status[:3]), body, found, named.get("vary", ""), named)

    return request
