"""What a login does to the session of a Rails application, and to the requests that were on their way."""

import json
import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.rails.browser import Browser, meanwhile

Devices = Callable[[str], list[str]]
"""The ids of the sessions of a subject."""


def devices_of(api: str) -> Devices:
    """Asks an API that judges no signatures."""

    def found(subject: str) -> list[str]:
        with urllib.request.urlopen(f"{api}/sessions?subject={subject}") as answer:  # noqa: S310  # our own
            return [session["id"] for session in json.load(answer)["sessions"]]

    return found


class Logins:
    """Subclass, provide ``browser`` and ``devices``, change nothing."""

    def test_to_become_somebody_is_a_login(self, browser: Browser, devices: Devices) -> None:
        """For applications that do not reset the session at login: the same session with a new token."""
        browser.get("/put/a/1")
        before = browser.twin()
        browser.get("/put/user/rail-eve")
        assert browser.token != before.token
        assert browser.token[4:16] == before.token[4:16]
        assert (browser.shows(), before.shows()) == ({"a": "1", "user": "rail-eve"}, {})
        assert devices("rail-eve") == [browser.token[4:16]]

    def test_to_become_somebody_else_is_another_session(self, browser: Browser, devices: Devices) -> None:
        """With what the first one had in it; the first one has ended."""
        browser.get("/put/user/rail-first")
        browser.get("/put/a/1")
        before = browser.twin()
        browser.get("/put/user/rail-second")
        assert browser.token[4:16] != before.token[4:16]
        assert (browser.shows(), before.shows()) == ({"a": "1", "user": "rail-second"}, {})
        assert (devices("rail-first"), devices("rail-second")) == ([], [browser.token[4:16]])

    def test_to_become_nobody_is_another_session(self, browser: Browser, devices: Devices) -> None:
        """Of nobody, with what is left."""
        browser.get("/put/user/rail-gone")
        browser.get("/put/a/1")
        before = browser.twin()
        browser.get("/drop/user")
        assert browser.token[4:16] != before.token[4:16]
        assert (browser.shows(), before.shows(), devices("rail-gone")) == ({"a": "1"}, {}, [])

    def test_a_login_keeps_what_others_stored_meanwhile(self, browser: Browser, tmp_path: Path) -> None:
        """Its own rotation must not hide that the document has changed since it was read."""
        browser.get("/put/a/1")
        told = meanwhile(browser, tmp_path, lambda tab: tab.get("/put/b/2"), page="/slow_login/rail-merged")
        assert told[0] == 200
        assert browser.shows() == {"a": "1", "b": "2", "user": "rail-merged"}

    def test_a_renewal_keeps_what_others_stored_meanwhile(self, browser: Browser, tmp_path: Path) -> None:
        """The same, where the application asks for the rotation."""
        browser.get("/put/a/1")
        told = meanwhile(browser, tmp_path, lambda tab: tab.get("/put/b/2"), page="/slow_renew/me")
        assert told[0] == 200
        assert browser.shows() == {"a": "1", "b": "2", "late": "me"}

    def test_a_superseded_token_is_served_as_none(self, browser: Browser) -> None:
        """And takes nothing from the request that was faster: no cookie is set or taken away."""
        browser.get("/put/a/1")
        slower = browser.twin()
        browser.get("/put/user/rail-fast")
        for path in ("/show", "/put/b/2", "/token", "/flash_it", "/logout", "/renew"):
            assert slower.get(path)[0] == 200
            assert slower.last == []
        assert browser.shows() == {"a": "1", "user": "rail-fast"}

    @pytest.mark.parametrize("path", ["/put/b/2", "/logout"])
    def test_a_change_under_a_superseded_token_is_refused(self, browser: Browser, path: str) -> None:
        """As a lost race, and it succeeds when it is repeated with the new cookie."""
        browser.get("/put/a/1")
        slower = browser.twin()
        browser.get("/put/user/rail-fast")
        assert (slower.post(path), slower.last) == (409, [])
        assert slower.post("/show") == 200
        assert browser.shows() == {"a": "1", "user": "rail-fast"}
        assert browser.post(path) == 200

    @pytest.mark.parametrize("path", ["/login/rail-late", "/put/user/rail-late"])
    def test_a_login_under_a_superseded_token_begins_a_session(
        self, browser: Browser, devices: Devices, path: str
    ) -> None:
        """Of its own; the faster one lives on."""
        browser.get("/put/a/1")
        slower = browser.twin()
        browser.get("/put/user/rail-fast")
        assert slower.post(path) == 200
        assert slower.shows() == {"user": "rail-late"}
        assert browser.shows() == {"a": "1", "user": "rail-fast"}
        assert slower.token[4:16] in devices("rail-late")

    @pytest.mark.parametrize(("method", "status"), [("GET", 200), ("HEAD", 200), ("POST", 409)])
    def test_a_token_superseded_while_a_page_is_served_is_the_same(
        self, browser: Browser, tmp_path: Path, method: str, status: int
    ) -> None:
        """What the page put in is dropped or refused, and its answer changes no cookie."""
        browser.get("/put/a/1")
        tabs: list[Browser] = []

        def login(tab: Browser) -> None:
            tab.get("/put/user/rail-fast")
            tabs.append(tab)

        assert meanwhile(browser, tmp_path, login, method=method)[0] == status
        assert browser.last == []
        assert tabs[0].shows() == {"a": "1", "user": "rail-fast"}

    def test_two_logins_at_once_are_two_sessions(self, browser: Browser, tmp_path: Path, devices: Devices) -> None:
        """The slower one cannot log in where the faster one did: it goes on in a session of its own."""
        browser.get("/put/a/1")
        tabs: list[Browser] = []

        def login(tab: Browser) -> None:
            tab.get("/put/user/rail-quick")
            tabs.append(tab)

        assert meanwhile(browser, tmp_path, login, page="/slow_login/rail-slow", method="POST")[0] == 200
        assert browser.shows() == {"a": "1", "user": "rail-slow"}
        assert tabs[0].shows() == {"a": "1", "user": "rail-quick"}
        assert (len(devices("rail-quick")), len(devices("rail-slow"))) == (1, 1)
