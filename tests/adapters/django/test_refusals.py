"""A store that does not answer is a 503, wherever a request meets it; and no page of errors shows a key."""

import pickle
from collections.abc import Callable

import pytest
from django.views.debug import ExceptionReporter

from sojourn import StoreUnavailableError
from sojourn.adapters.django import SessionStore
from tests.adapters.browser import Browser, CountingBackend
from tests.adapters.djangos import AUTH, DJANGOS, OURS

LOGIN_REQUIRED = "django.contrib.auth.middleware.LoginRequiredMiddleware"


@pytest.mark.parametrize("path", ["/show", "/auth/who", "/template", "/logout", "/put/a/2"])
@pytest.mark.parametrize("also", [[], [LOGIN_REQUIRED]], ids=["", "in another middleware"])
def test_a_store_that_is_away_is_503(
    browser: Browser, backend: CountingBackend, configured: Callable[..., None], path: str, also: list[str]
) -> None:
    """In a view, in its template, in middleware before it; and the cookie stays."""
    browser.get("/put/a/1")
    jar = dict(browser.jar)
    configured(MIDDLEWARE=[OURS, AUTH, *also])
    backend.is_away = True
    answer = browser.get(path)
    assert (answer.status, answer.cookies) == (503, [])
    assert (answer.headers["retry-after"], answer.headers["cache-control"]) == ("1", "no-store")
    backend.is_away = False
    configured(MIDDLEWARE=[OURS, AUTH])
    assert browser.get("/show").body == "[('a', '1')]"
    assert browser.jar == jar


def test_a_bug_of_the_application_stays_a_500(browser: Browser, backend: CountingBackend) -> None:
    """Also of one that met the store's absence before, and went on."""
    browser.get("/put/a/1")
    backend.is_away = True
    assert browser.get("/catches-and-breaks").status == 500


def test_djangos_own_middleware_answers_500_and_no_empty_session(
    browser: Browser, backend: CountingBackend, configured: Callable[..., None]
) -> None:
    """It knows no refusals."""
    configured(MIDDLEWARE=[DJANGOS, AUTH])
    browser.get("/put/a/1")
    backend.is_away = True
    assert browser.get("/show").status == 500


def test_a_page_of_errors_shows_no_key(backend: CountingBackend) -> None:
    """Django's prints the local variables of each frame, and trackers of errors do."""
    session = SessionStore()
    session["a"] = 1
    session.save()
    key, backend.is_away = str(session.session_key), True
    verbs: list[Callable[[SessionStore], object]] = [
        lambda session: session.get("a"),
        lambda session: session.flush(),
        lambda session: session.cycle_key(),
        lambda session: session.save(),
    ]
    for verb in verbs:
        again = SessionStore(key)
        with pytest.raises(StoreUnavailableError) as raised:
            verb(again)
        del again
        reporter = ExceptionReporter(None, raised.type, raised.value, raised.tb)
        mine = [frame for frame in reporter.get_traceback_frames() if frame["filename"] != __file__]
        assert len(mine) > 3
        shown = {f"{frame['function']}:{name}": str(value) for frame in mine for name, value in frame["vars"]}
        assert not [name for name, value in shown.items() if key[16:] in value]


def test_a_pickle_of_a_session_shows_no_key() -> None:
    """Of one that was only brought, and of one that is open."""
    session = SessionStore()
    session["a"] = 1
    session.save()
    key = str(session.session_key)
    for each in (session, SessionStore(key)):
        assert key[16:].encode() not in pickle.dumps(each)
