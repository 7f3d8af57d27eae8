"""The engine under Django's own middleware, and requests in flight under ours."""

from collections.abc import Callable

import pytest

from sojourn.adapters.django import the_store
from sojourn.testing import FakeClock
from tests.adapters.browser import MEANWHILE, Browser, CountingBackend
from tests.adapters.djangos import DJANGOS


def test_the_engine_alone_is_enough(
    browser: Browser, configured: Callable[..., None], backend: CountingBackend
) -> None:
    """What is stored, read and ended is the same."""
    configured(MIDDLEWARE=[DJANGOS])
    browser.get("/put/a/1")
    with backend.counted() as calls:
        assert browser.get("/show").body == "[('a', '1')]"
    assert calls == ["load"]
    before = browser.twin()
    browser.get("/login/ada")
    assert before.get("/show").body == "[]"
    assert browser.get("/show").body == "[('a', '1')]"
    assert browser.get("/slow/2").status == 400  # SessionInterrupted
    browser.get("/login/ada")
    browser.get("/logout")
    assert browser.jar == {}
    assert backend.records == []


def test_a_stream_is_stored_before_it_begins(browser: Browser) -> None:
    """And can be read while it runs."""
    assert [browser.get("/stream").body for _ in range(2)] == ["a 1 b 1 ", "a 2 b 2 "]


def test_the_engine_alone_leaves_the_cookie_of_another_login_alone(
    browser: Browser, configured: Callable[..., None], backend: CountingBackend
) -> None:
    """Django's own middleware answers 400 to a request in flight that put something in."""
    configured(MIDDLEWARE=[DJANGOS])
    browser.get("/put/a/1")
    other = browser.twin()
    browser.get("/login/ada")
    for path_, status in (("/show", 200), ("/put/b/2", 400), ("/logout", 400)):
        answer = other.get(path_)
        assert (answer.status, answer.cookies) == (status, [])
    assert len(backend.records) == 1
    other.get("/login/ada")
    assert other.get("/show").body == "[('a', '1')]"


def test_a_session_that_is_saved_with_every_request_leaves_it_alone_as_well(
    browser: Browser, configured: Callable[..., None]
) -> None:
    """SESSION_SAVE_EVERY_REQUEST: there is nothing to save."""
    configured(SESSION_SAVE_EVERY_REQUEST=True)
    browser.get("/put/a/1")
    other = browser.twin()
    browser.get("/login/ada")
    for answer in (other.get("/show"), other.post("/show"), other.get("/put/b/2")):
        assert (answer.status, answer.cookies) == (200, [])


def test_a_late_flush_does_not_take_the_cookie_of_a_login(browser: Browser, clock: FakeClock) -> None:
    """Django's logout loads nothing before; what counts is when the request arrived."""
    browser.get("/put/a/1")
    other = browser.twin()

    def log_in() -> None:
        browser.get("/login/ada")
        clock.advance(60)

    MEANWHILE.do(log_in)
    answer = other.post("/meanwhile/logout")
    assert (answer.status, answer.cookies) == (200, [])
    assert other.get("/logout").cookies[0].startswith("__Host-session=; Max-Age=0")
    assert browser.get("/whose").body == "ada"


def test_a_session_that_is_saved_with_every_request_costs_no_write(
    browser: Browser, configured: Callable[..., None], backend: CountingBackend
) -> None:
    """SESSION_SAVE_EVERY_REQUEST: what is as it was is not written, but read once more before the cookie goes out."""
    configured(SESSION_SAVE_EVERY_REQUEST=True)
    browser.get("/put/a/1")
    with backend.counted() as calls:
        browser.get("/show")
    assert calls == ["load", "load"]


@pytest.mark.parametrize("end", ["login", "expire"])
@pytest.mark.parametrize("page", ["show", "fails/2", "put/a/2"])
def test_a_page_in_flight_does_not_send_the_old_cookie_again(
    browser: Browser, configured: Callable[..., None], end: str, page: str
) -> None:
    """SESSION_SAVE_EVERY_REQUEST: the browser may hold a newer one by then."""
    configured(SESSION_SAVE_EVERY_REQUEST=True)
    browser.get("/put/a/1")
    found = the_store().read(browser.jar["__Host-session"])
    assert found is not None
    MEANWHILE.do(lambda: the_store().login(found, subject="ada") if end == "login" else the_store().expire(found))
    assert browser.get(f"/opened/{page}").cookies == []
