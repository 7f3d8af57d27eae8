"""``django.contrib.auth``, with its users in a database."""

from collections.abc import Callable

import pytest

from sojourn import Store
from sojourn.testing import FakeClock
from tests.adapters.browser import Browser, CountingBackend


@pytest.mark.usefixtures("_database")
class TestAuth:
    """``django.contrib.auth``, with its users in a database."""

    def test_a_login_is_one_write(self, browser: Browser, store: Store, backend: CountingBackend) -> None:
        """With a session before it, and without; afterwards the user's devices are known."""
        with backend.counted() as calls:
            user = browser.get("/auth/login/ada").body
        assert calls == ["insert"]
        other = Browser(browser.wire)
        other.get("/put/cart/tea")
        before = other.twin()
        with backend.counted() as calls:
            other.get("/auth/login/ada")
        assert calls == ["load", "replace"]
        assert before.get("/show").body == "[]"
        assert len(list(store.sessions(subject=user))) == 2
        assert [one.get("/auth/who").body for one in (browser, other, before)] == ["ada", "ada", ""]
        store.expire_all(subject=user)
        assert [one.get("/auth/who").body for one in (browser, other)] == ["", ""]

    def test_a_user_who_logs_in_again_keeps_the_key_and_has_a_full_stay(
        self, browser: Browser, backend: CountingBackend, clock: FakeClock
    ) -> None:
        """As Django's own backends keep it; the stay counts from the second login on."""
        key = browser.get("/auth/key").body
        clock.advance(100)
        with backend.counted() as calls:
            assert browser.get("/auth/key").body == key
        assert calls == ["load", "replace"]
        (record,) = backend.records
        assert (record.expires_at, record.absolute_at) == (clock() + 1_800, clock() + 43_200)

    def test_a_login_again_that_the_maximum_leaves_no_room_for_has_a_new_key(
        self, browser: Browser, backend: CountingBackend, clock: FakeClock, configured: Callable[..., None]
    ) -> None:
        """No stay passes the maximum, and none is shorter than what was asked for."""
        configured(SESSION_COOKIE_AGE=60 * 86_400)
        key = browser.get("/auth/key").body
        clock.advance(40 * 86_400)
        assert browser.get("/auth/key").body != key
        (record,) = backend.records
        assert record.absolute_at == clock() + 60 * 86_400

    def test_a_login_again_that_names_the_device_has_a_new_key(self, browser: Browser, store: Store) -> None:
        """Only a login changes the label."""
        user = browser.get("/auth/login/ada").body
        browser.get("/auth/named/ada/Firefox")
        assert [device.label for device in store.sessions(subject=user)] == ["Firefox"]

    def test_a_key_that_was_looked_at_is_handed_out_also_when_the_page_fails(
        self, browser: Browser, backend: CountingBackend, clock: FakeClock
    ) -> None:
        """The old one opens nothing any more; nor when the store is away afterwards."""
        browser.get("/put/cart/tea")
        assert browser.get("/auth/key-fails").status == 500
        assert browser.get("/auth/who").body == "ada"
        clock.advance(100)
        backend.on_call = lambda: setattr(backend, "is_away", backend.calls[-2:] == ["load", "replace"])
        assert browser.get("/auth/key").status == 503
        backend.on_call, backend.is_away = lambda: None, False
        assert browser.get("/auth/who").body == "ada"

    def test_a_logout_ends_the_session(self, browser: Browser, backend: CountingBackend) -> None:
        """For whoever has the old cookie, too."""
        browser.get("/auth/login/ada")
        before = browser.twin()
        browser.get("/auth/logout")
        assert (browser.jar, backend.records) == ({}, [])
        assert before.get("/auth/who").body == ""

    def test_another_user_gets_another_session(self, browser: Browser, backend: CountingBackend) -> None:
        """Nothing of the first one's is in it."""
        browser.get("/auth/login/ada")
        browser.get("/put/a/1")
        browser.get("/auth/login/eve")
        assert browser.get("/auth/who").body == "eve"
        assert "('a'" not in browser.get("/show").body
        assert len(backend.records) == 1

    def test_a_login_that_nobody_hears_of_costs_nobody_the_session(self, browser: Browser) -> None:
        """The page failed: the old key still works, and is still nobody's."""
        browser.get("/put/cart/tea")
        assert browser.get("/auth/fails").status == 500
        assert browser.get("/show").body == "[('cart', 'tea')]"
        assert browser.get("/auth/who").body == ""

    def test_the_key_can_be_looked_at_after_a_login(self, browser: Browser) -> None:
        """It is the new one, then and later."""
        browser.get("/put/cart/tea")
        shown = browser.get("/auth/key").body
        assert browser.get("/auth/who").body == "ada"
        assert shown.startswith("sjn_")

    def test_users_need_not_be_subjects(self, browser: Browser, store: Store, configured: Callable[..., None]) -> None:
        """Where nobody wants lists."""
        configured(SOJOURN_SUBJECT=False)
        user = browser.get("/auth/login/ada").body
        assert list(store.sessions(subject=user)) == []
        assert browser.get("/auth/who").body == "ada"

    def test_a_key_that_was_renewed_is_handed_out_after_the_session_was_read_again(self, browser: Browser) -> None:
        """``refresh`` in a page that looked at the new key before."""
        browser.get("/put/cart/tea")
        shown = browser.get("/auth/refresh").body
        assert browser.jar["__Host-session"] == shown
        assert browser.get("/auth/who").body == "ada"
