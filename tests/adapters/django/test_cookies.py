"""The session's cookie: which one counts, and what else an answer says with it."""

from collections.abc import Callable
from functools import partial

import pytest
from django.http import HttpRequest, HttpResponse
from django.test import RequestFactory

from sojourn.adapters.django import SessionStore, SojournMiddleware, answers, session_of
from tests.adapters.browser import Answer, Browser, CountingBackend


@pytest.fixture
def key() -> str:
    """Of a session that holds something."""
    session = SessionStore()
    session["a"] = "1"
    session.save()
    return str(session.session_key)


@pytest.mark.parametrize(
    "line",
    [
        "{key}",
        "={key}",
        " = {key}",
        "__host-session={key}",
        "__Host-session2={key}",
        "other=__Host-session={key}",
        "__Host-session=a{key}",
        "former={key}",
    ],
)
def test_only_the_exact_cookie_opens_a_session(
    browser: Browser, backend: CountingBackend, key: str, configured: Callable[..., None], line: str
) -> None:
    """None without a name, which any sibling host can set; none of another name, the older store's included."""
    configured(SOJOURN_FORMER_COOKIE="former")
    assert browser.get("/show", also=line.format(key=key)).body == "[]"
    configured(SOJOURN_FORMER_COOKIE="")
    assert browser.get("/show", also=line.format(key=key)).body == "[]"
    assert browser.get("/show", also=f"__Host-session={key}").body == "[('a', '1')]"
    assert len(backend.records) == 1


def test_what_middleware_put_into_the_cookies_counts(key: str) -> None:
    """For clients that send their key in a header say: ``request.COOKIES`` is Django's place for it."""
    told: list[object] = []

    def page(request: HttpRequest) -> HttpResponse:
        told.append(session_of(request).get("a"))
        return HttpResponse()

    request = RequestFactory().get("/", headers={"Cookie": "__Host-session=other"})
    request.COOKIES["__Host-session"] = key
    SojournMiddleware(page)(request)
    assert told == ["1"]


def cache_headers(answer: Answer) -> tuple[str | None, str | None]:
    """What caches are told."""
    return answer.headers.get("cache-control"), answer.headers.get("vary")


def test_no_cache_keeps_an_answer_with_the_cookie(browser: Browser) -> None:
    """Set or deleted; an answer without it is the application's business."""
    kept_out = 'no-cache="Set-Cookie", private'
    assert cache_headers(browser.get("/put/a/1")) == (kept_out, "Cookie")
    assert cache_headers(browser.get("/show")) == (None, "Cookie")
    assert cache_headers(browser.get("/logout")) == (kept_out, "Cookie")
    assert cache_headers(browser.get("/static")) == (None, None)


def test_what_the_application_says_to_caches_stands(browser: Browser) -> None:
    """A view's own header, or a decorator's."""
    answer = browser.get("/cached")
    assert answer.cookies
    assert cache_headers(answer) == ("max-age=60", "Cookie")


def test_the_cookie_is_sent_when_it_is_another_one(browser: Browser, configured: Callable[..., None]) -> None:
    """Or every time, where the application says so."""
    browser.get("/put/a/1")
    first = dict(browser.jar)
    browser.get("/put/a/2")
    assert browser.last == []
    configured(SESSION_SAVE_EVERY_REQUEST=True)
    assert len(browser.get("/show").cookies) == 1
    assert browser.jar == first


def test_two_cookies_of_the_name_are_taken_back_by_a_logout(browser: Browser, key: str) -> None:
    """Whichever of them was another host's."""
    answer = browser.get("/logout", also=f"__Host-session={key}; __Host-session=other")
    assert answer.cookies[0].startswith("__Host-session=; Max-Age=0; ")


def test_the_value_that_opens_a_session_counts_among_several(key: str, backend: CountingBackend) -> None:
    """If it is the only one that does: two that do may be somebody else's."""
    second = SessionStore()
    second["a"] = "2"
    second.save()
    dead, another = "sjn_" + "A" * 36, str(second.session_key)
    for keys, found in (((key, dead), "1"), ((dead, key), "1"), ((key, another), None), ((dead, "x"), None)):
        session = SessionStore(keys[0])
        session.kept.others = keys[1:]
        assert session.get("a") == found
        assert session.session_key == (key if found else None)
    session = SessionStore(dead)
    session.kept.others = (key,)
    session.flush()
    assert len(backend.records) == 1


@pytest.fixture
def _no_warning_yet() -> None:
    answers._warn_of_plain_http.cache_clear()


@pytest.mark.usefixtures("_no_warning_yet")
def test_a_secure_cookie_over_plain_http_is_warned_of_once(
    caplog: pytest.LogCaptureFixture, configured: Callable[..., None]
) -> None:
    """Where each visit would be the first, and nothing said why."""

    def page(request: HttpRequest) -> HttpResponse:
        request.session["a"] = 1
        return HttpResponse()

    def visit(*, secure: bool) -> None:
        SojournMiddleware(page)(RequestFactory().get("/", secure=secure))

    visit(secure=True)
    configured(SESSION_COOKIE_NAME="s", SESSION_COOKIE_SECURE=False)
    visit(secure=False)
    warned = partial(filter, lambda message: "plain HTTP" in message)
    assert list(warned(caplog.messages)) == []
    configured(SESSION_COOKIE_SECURE=True)
    for _ in range(2):
        visit(secure=False)
    assert len(list(warned(caplog.messages))) == 1
