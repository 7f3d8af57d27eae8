"""What every adapter promises, with our middleware."""

from collections.abc import Callable

import pytest

from sojourn import Store
from sojourn.adapters.cookies import Cookie
from tests.adapters.browser import Browser, CountingBackend, Wire
from tests.adapters.contract import AdapterContract, Made
from tests.adapters.django.pages import wire


class TestDjango(AdapterContract):
    """The contract, with our middleware."""

    @pytest.fixture
    def adapter(self, configured: Callable[..., None]) -> Made:
        """Options are Django's settings."""

        def make(
            _store: Store,
            *,
            cookie: Cookie | None = None,
            on_conflict: str = "raise",
            on_unavailable: object = "refuse",
            subject_of: str = "user",
        ) -> Wire:
            assert subject_of == "user"
            cookie = cookie or Cookie()
            configured(
                SOJOURN_ON_CONFLICT=on_conflict,
                SOJOURN_ON_UNAVAILABLE=on_unavailable,
                SESSION_COOKIE_NAME=cookie.name or "__Host-session",
                SESSION_COOKIE_PATH=cookie.path,
                SESSION_COOKIE_SAMESITE=cookie.samesite,
                SESSION_EXPIRE_AT_BROWSER_CLOSE=not cookie.persistent,
            )
            return wire()

        return make

    def test_an_anonymous_session_ends_with_its_last_key(self, browser: Browser, backend: CountingBackend) -> None:
        """Not in Django: it stays, as Django's own tests demand, since applications refer to sessions by keys."""
        browser.get("/put/a/1")
        browser.get("/drop/a")
        assert (browser.last, len(backend.records)) == ([], 1)
