"""How long a session lives, and its cookie with it."""

from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from django.core.handlers.wsgi import WSGIHandler
from django.utils import timezone
from django.utils.http import http_date

from sojourn import ConfigurationError, InvalidDataError
from sojourn.adapters.django import SessionStore
from sojourn.testing import FakeClock
from tests.adapters.browser import Browser, CountingBackend

DAY = 86_400


@pytest.mark.parametrize("is_one_request", [False, True])
def test_an_expiry_of_its_own_is_kept(
    browser: Browser,
    configured: Callable[..., None],
    clock: FakeClock,
    backend: CountingBackend,
    *,
    is_one_request: bool,
) -> None:
    """``SESSION_COOKIE_AGE = 3600``, a login, ``set_expiry`` of 14 days: in session and cookie alike."""
    configured(SESSION_COOKIE_AGE=3_600, SESSION_EXPIRE_AT_BROWSER_CLOSE=False)
    browser.get("/put/a/1")
    clock.advance(600)
    if is_one_request:
        browser.post(f"/remember/ada/{14 * DAY}")
    else:
        browser.post("/login/ada")
        browser.post(f"/last/{14 * DAY}")
    (record,), until = backend.records, clock() + 14 * DAY
    assert (record.idle, record.expires_at, record.absolute_at) == (14 * DAY, until, until)
    assert f"; Max-Age={14 * DAY}; expires={http_date(until)}; " in browser.last[0]
    browser.post("/last/0")
    assert "expires" not in browser.last[0]
    browser.post("/put/a/2")
    assert browser.last == []


def test_a_date_is_kept_in_session_and_cookie(
    browser: Browser, clock: FakeClock, backend: CountingBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However long before the session began."""
    monkeypatch.setattr(timezone, "now", lambda: datetime.fromtimestamp(clock(), UTC))
    browser.get("/put/a/1")
    clock.advance(1_000)
    for seconds in (20 * DAY, 3_600):
        browser.post(f"/last-until/{seconds}")
        assert f"; Max-Age={seconds}; expires={http_date(clock() + seconds)}; " in browser.last[0]
    browser.post(f"/last-until/{20 * DAY}")
    (record,) = backend.records
    assert record.expires_at == record.absolute_at == clock() + 20 * DAY


def test_seconds_that_are_set_later_count_from_then(
    browser: Browser, configured: Callable[..., None], clock: FakeClock, backend: CountingBackend
) -> None:
    """Not from the login on; and a page that says the same again with each visit moves nothing."""
    configured(SESSION_COOKIE_AGE=3_600, SESSION_EXPIRE_AT_BROWSER_CLOSE=False)
    browser.post("/login/ada")
    clock.advance(3_000)
    browser.post(f"/last/{14 * DAY}")
    until = clock() + 14 * DAY
    clock.advance(5 * DAY)
    with backend.counted() as calls:
        browser.post(f"/last/{14 * DAY}")
    assert (calls, browser.last) == (["load"], [])
    (record,) = backend.records
    assert (record.idle, record.absolute_at) == (14 * DAY, until)


def test_no_seconds_pass_the_maximum_and_none_are_an_error_because_of_it(
    browser: Browser, clock: FakeClock, backend: CountingBackend, configured: Callable[..., None]
) -> None:
    """A stay that is eighty days old ends after ninety, whatever the page says with each visit."""
    configured(SESSION_COOKIE_AGE=60 * DAY, SESSION_EXPIRE_AT_BROWSER_CLOSE=False)
    browser.post("/login/ada")
    began_at = clock()
    for _ in range(2):
        clock.advance(40 * DAY)
        browser.post("/last/0")
        assert browser.post(f"/last/{60 * DAY}").status == 200
    (record,) = backend.records
    assert record.absolute_at == began_at + 90 * DAY
    assert f"; Max-Age={10 * DAY}; " in browser.last[0]


def test_a_date_that_no_session_can_reach_is_an_error(
    browser: Browser, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A promise is kept or refused, never cut."""
    monkeypatch.setattr(timezone, "now", lambda: datetime.fromtimestamp(clock(), UTC))
    browser.get("/put/a/1")
    clock.advance(1_000)
    assert browser.post(f"/last-until/{90 * DAY}").status == 500
    assert browser.post(f"/last-until/{89 * DAY}").status == 200


@pytest.mark.parametrize("is_subject", [True, False])
def test_a_login_begins_a_full_stay(
    browser: Browser, configured: Callable[..., None], clock: FakeClock, backend: CountingBackend, *, is_subject: bool
) -> None:
    """At 11 h 58 of an anonymous session with twelve hours; whether users are subjects or not."""
    configured(SOJOURN_SUBJECT=is_subject, SESSION_COOKIE_AGE=43_200, SESSION_EXPIRE_AT_BROWSER_CLOSE=False)
    browser.get("/put/a/1")
    clock.advance(43_080)
    browser.post("/login/ada")
    (record,) = backend.records
    assert (record.expires_at, record.absolute_at) == (clock() + 43_200, clock() + 43_200)
    assert "; Max-Age=43200; " in browser.last[0]


def test_a_cookie_without_a_lifetime_of_its_own_ends_with_the_window(
    browser: Browser, configured: Callable[..., None], clock: FakeClock
) -> None:
    """SESSION_EXPIRE_AT_BROWSER_CLOSE, also where it changes while sessions live; set_expiry goes before it."""
    configured(SESSION_EXPIRE_AT_BROWSER_CLOSE=True)
    browser.get("/put/a/1")
    assert "Max-Age" not in browser.last[0]
    browser.post("/last/600")
    assert f"; Max-Age=43200; expires={http_date(clock() + 43_200)}; " in browser.last[0]


def test_an_engine_of_the_application_can_give_another_age(backend: CountingBackend, clock: FakeClock) -> None:
    """``get_session_cookie_age``, as Django documents it."""

    class Longer(SessionStore):
        def get_session_cookie_age(self) -> int:
            return 5 * DAY

    session = Longer()
    session["a"] = 1
    session.save()
    (record,) = backend.records
    assert (record.idle, record.absolute_at) == (5 * DAY, clock() + 5 * DAY)


def test_sixty_days_are_sixty_days(
    browser: Browser, configured: Callable[..., None], clock: FakeClock, backend: CountingBackend
) -> None:
    """SESSION_COOKIE_AGE, for a session and its cookie."""
    configured(SESSION_COOKIE_AGE=60 * DAY, SESSION_EXPIRE_AT_BROWSER_CLOSE=False)
    browser.get("/put/a/1")
    (record,) = backend.records
    assert (record.idle, record.absolute_at) == (60 * DAY, clock() + 60 * DAY)
    assert f"; Max-Age={60 * DAY}; " in browser.last[0]
    clock.advance(60 * DAY - 1)
    assert browser.get("/show").body == "[('a', '1')]"


@pytest.mark.parametrize("age", [0, 91 * DAY])
def test_an_age_that_no_session_can_have_is_refused_at_start(configured: Callable[..., None], age: int) -> None:
    """When the handler is made, not at the first request; and never cut."""
    configured(SESSION_COOKIE_AGE=age)
    with pytest.raises(ConfigurationError, match="SESSION_COOKIE_AGE"):
        WSGIHandler()


def test_an_expiry_that_no_session_can_have_is_an_error(backend: CountingBackend) -> None:
    """Nothing is stored."""
    session = SessionStore()
    session.set_expiry(91 * DAY)
    session["a"] = 1
    with pytest.raises(InvalidDataError, match="SOJOURN_MAX_ABSOLUTE_SECONDS"):
        session.save()
    assert backend.records == []
