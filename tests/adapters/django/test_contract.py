"""What every adapter promises, with our middleware."""

from collections.abc import Callable

import pytest

from sojourn import Store
from sojourn.adapters.cookies import Cookie
from tests.adapters.browser import Wire
from tests.adapters.contract import AdapterContract, Made
from tests.adapters.django.pages import wire


class TestDjango(AdapterContract):
    """The contract, with our middleware."""

    @pytest.fixture
    def adapter(self, configured: Callable[..., None]) -> Made:
        """Options are Django's settings."""

        def make(
            _store: Store, *, cookie: Cookie | None = None, on_conflict: str = "raise", subject_of: str = "user"
        ) -> Wire:
            assert subject_of == "user"
            cookie = cookie or Cookie()
            configured(
                SOJOURN_ON_CONFLICT=on_conflict,
                SESSION_COOKIE_NAME=cookie.name,
                SESSION_COOKIE_PATH=cookie.path,
                SESSION_COOKIE_SAMESITE=cookie.samesite,
                SESSION_EXPIRE_AT_BROWSER_CLOSE=not cookie.persistent,
            )
            return wire()

        return make
