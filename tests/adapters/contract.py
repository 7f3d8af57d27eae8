"""What every adapter promises to a browser. An adapter's own test subclasses it and changes nothing in it."""

from collections.abc import Callable
from email.utils import formatdate

import pytest

from sojourn import Store
from sojourn.adapters.cookies import Cookie
from sojourn.testing import FakeClock
from sojourn.tokens import mint, session_id
from tests.adapters.browser import Browser, CountingBackend, Wire

Made = Callable[..., Wire]
"""Makes the adapter around the application: a store, and options that all adapters have."""

ATTRIBUTES = "Path=/; Secure; HttpOnly; SameSite=Lax"


class AdapterContract:
    """A browser's story."""

    @pytest.fixture
    def adapter(self) -> Made:
        """To be overridden."""
        raise NotImplementedError

    @pytest.fixture
    def browser(self, adapter: Made, store: Store) -> Browser:
        """With an empty jar."""
        return Browser(adapter(store))

    # ---- visits

    def test_a_page_that_needs_no_session_asks_nothing(self, browser: Browser, backend: CountingBackend) -> None:
        """With a cookie and without; and says that it depends on none."""
        browser.get("/put/a/1")
        with backend.counted() as calls:
            for visitor in (browser, Browser(browser.wire)):
                answer = visitor.get("/static")
                assert (answer.status, answer.body, answer.cookies, answer.vary) == (200, "no session needed", [], "")
        assert calls == []

    def test_who_only_looks_leaves_nothing(self, browser: Browser, backend: CountingBackend) -> None:
        """No session is created before something is put in."""
        with backend.counted() as calls:
            answer = browser.get("/show")
        assert (answer.body, answer.cookies, answer.vary) == ("[]", [], "Cookie")
        assert calls == []

    def test_what_is_put_in_is_there_the_next_time(self, browser: Browser, backend: CountingBackend) -> None:
        """Under a cookie that no script and no other host can read."""
        with backend.counted() as created:
            answer = browser.get("/put/a/1")
        (cookie,) = answer.cookies
        name, _, rest = cookie.partition("=")
        assert (name, rest.partition("; ")[2]) == ("__Host-session", ATTRIBUTES)
        assert answer.vary == "Cookie"
        with backend.counted() as read:
            assert browser.get("/show").body == "[('a', '1')]"
        assert browser.last == []
        assert [created, read] == [["insert"], ["load"]]

    def test_a_change_costs_one_write_and_no_cookie(self, browser: Browser, backend: CountingBackend) -> None:
        """Nested ones too; what is put in again as it was is no change."""
        browser.get("/nest/teapot")
        with backend.counted() as changed:
            browser.get("/nest/cup")
        assert browser.last == []
        browser.get("/put/a/1")
        with backend.counted() as unchanged:
            browser.get("/put/a/1")
        assert browser.get("/show").body == "[('a', '1'), ('cart', ['teapot', 'cup'])]"
        assert [changed, unchanged] == [["load", "replace"], ["load"]]

    def test_a_key_can_be_dropped(self, browser: Browser) -> None:
        """And the session stays."""
        browser.get("/put/a/1")
        browser.get("/drop/a")
        assert browser.get("/show").body == "[]"
        assert browser.last == []

    def test_a_visit_renews_the_session(self, browser: Browser, clock: FakeClock) -> None:
        """Reading is use."""
        browser.get("/put/a/1")
        for _ in range(4):
            clock.advance(1_000)
            assert browser.get("/show").body == "[('a', '1')]"

    def test_a_session_ends_with_its_deadline(self, browser: Browser, clock: FakeClock) -> None:
        """The next one has another token, and nothing of it."""
        browser.get("/put/a/1")
        old = dict(browser.jar)
        clock.advance(1_800)
        assert browser.get("/show").body == "[]"
        browser.get("/put/b/2")
        assert browser.jar.keys() == old.keys()
        assert browser.jar != old
        assert browser.get("/show").body == "[('b', '2')]"

    # ---- login and logout

    def test_a_login_changes_the_token_and_keeps_the_cart(
        self, browser: Browser, backend: CountingBackend, store: Store
    ) -> None:
        """Whoever knew the old token is out."""
        browser.get("/put/a/1")
        before = browser.twin()
        with backend.counted() as calls:
            browser.get("/login/ada")
        assert calls == ["load", "rotate"]
        assert browser.get("/whose").body == "ada"
        assert browser.get("/show").body == "[('a', '1')]"
        assert before.get("/show").body == "[]"
        assert [(found.label, found.id) for found in store.sessions(subject="ada")] == [
            ("a browser", session_id(browser.jar["__Host-session"], namespace="default"))
        ]

    def test_a_login_needs_no_session_before(self, browser: Browser, backend: CountingBackend) -> None:
        """Nor anything put in."""
        with backend.counted() as calls:
            browser.get("/login/ada")
        assert calls == ["insert"]
        assert browser.get("/whose").body == "ada"

    def test_a_rotation_keeps_whose_it_is(self, browser: Browser) -> None:
        """And changes the token."""
        browser.get("/login/ada")
        before = browser.twin()
        browser.get("/rotate")
        assert before.get("/whose").body == "None"
        assert browser.get("/whose").body == "ada"

    def test_a_logout_ends_the_session_and_the_cookie(self, browser: Browser, backend: CountingBackend) -> None:
        """The cookie goes with the attributes it came with, or browsers keep it."""
        browser.get("/login/ada")
        before = browser.twin()
        (came,) = browser.last
        browser.get("/logout")
        (went,) = browser.last
        assert went == f"__Host-session=; Max-Age=0; Expires=Thu, 01 Jan 1970 00:00:00 GMT; {ATTRIBUTES}"
        assert came.endswith(ATTRIBUTES)
        assert browser.jar == {}
        assert backend.records == []
        assert before.get("/whose").body == "None"

    def test_a_login_on_a_page_that_failed_is_none(self, browser: Browser, backend: CountingBackend) -> None:
        """Nobody heard of it: the session is as it was, and so is its cookie."""
        browser.get("/put/a/1")
        assert browser.get("/login-fails/ada").status == 500
        assert (browser.get("/whose").body, browser.get("/show").body) == ("None", "[('a', '1')]")
        stranger = Browser(browser.wire)
        stranger.get("/login-fails/ada")
        assert (stranger.jar, len(backend.records)) == ({}, 1)

    def test_a_logout_counts_also_when_the_page_fails(self, browser: Browser, backend: CountingBackend) -> None:
        """Nobody who was told of an error may still be logged in without knowing."""
        browser.get("/login/ada")
        assert browser.get("/logout-fails").status == 500
        assert backend.records == []
        assert browser.jar == {}

    def test_another_login_is_another_session(self, browser: Browser) -> None:
        """With nothing of the one before."""
        browser.get("/put/a/1")
        browser.get("/relogin/eve")
        assert browser.get("/whose").body == "eve"
        assert browser.get("/show").body == "[]"

    def test_the_subject_may_be_what_the_application_keeps(self, adapter: Made, store: Store) -> None:
        """Frameworks put their user into the session: that is a login, and taking it out is none any more."""
        browser = Browser(adapter(store, subject_of="user"))
        browser.get("/put/a/1")
        anonymous = browser.twin()
        browser.get("/put/user/ada")
        assert anonymous.get("/show").body == "[]"
        assert len(list(store.sessions(subject="ada"))) == 1
        browser.get("/put/a/2")
        assert browser.last == []
        logged_in = browser.twin()
        browser.get("/drop/user")
        assert list(store.sessions(subject="ada")) == []
        assert logged_in.get("/show").body == "[]"
        assert browser.get("/show").body == "[('a', '2')]"

    # ---- others at the same time

    def test_two_tabs_lose_nothing(self, browser: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
        """Each changes a key of its own, one while the other is being served."""
        browser.get("/put/a/1")
        other, write = browser.twin(), Store.write

        def overtaken(mine: Store, *arguments: object, **options: object) -> None:
            monkeypatch.setattr(Store, "write", write)
            other.get("/put/b/2")
            write(mine, *arguments, **options)  # type: ignore[arg-type]

        monkeypatch.setattr(Store, "write", overtaken)
        assert browser.get("/put/c/3").status == 200
        assert browser.get("/show").body == "[('a', '1'), ('b', '2'), ('c', '3')]"

    def test_a_lost_race_is_told(self, browser: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
        """The same key on both sides: the second is told, and what the first stored stays."""
        browser.get("/put/a/1")
        other, write = browser.twin(), Store.write

        def overtaken(mine: Store, *arguments: object, **options: object) -> None:
            monkeypatch.setattr(Store, "write", write)
            other.get("/put/a/2")
            write(mine, *arguments, **options)  # type: ignore[arg-type]

        monkeypatch.setattr(Store, "write", overtaken)
        assert browser.get("/put/a/3").status == 409
        assert browser.get("/show").body == "[('a', '2')]"

    def test_who_wins_a_race_can_be_chosen(self, adapter: Made, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
        """As the last request has it, where that is right."""
        browser = Browser(adapter(store, on_conflict="mine"))
        browser.get("/put/a/1")
        other, write = browser.twin(), Store.write

        def overtaken(mine: Store, *arguments: object, **options: object) -> None:
            monkeypatch.setattr(Store, "write", write)
            other.get("/put/a/2")
            write(mine, *arguments, **options)  # type: ignore[arg-type]

        monkeypatch.setattr(Store, "write", overtaken)
        assert browser.get("/put/a/3").status == 200
        assert browser.get("/show").body == "[('a', '3')]"

    def test_a_slow_request_brings_nobody_back(self, browser: Browser, backend: CountingBackend) -> None:
        """Its session ended meanwhile: it is told so, and takes no cookie from whoever logged in since."""
        browser.get("/login/ada")
        answer = browser.get("/slow/1")
        assert (answer.status, answer.cookies) == (401, [])
        assert backend.records == []

    # ---- what goes wrong

    @pytest.mark.parametrize("path", ["/fails/2", "/breaks/2"])
    def test_a_page_that_failed_stores_nothing(self, browser: Browser, backend: CountingBackend, path: str) -> None:
        """Neither a change nor a new session."""
        browser.get("/put/a/1")
        assert browser.get(path).status == 500
        assert browser.get("/show").body == "[('a', '1')]"
        stranger = Browser(browser.wire)
        stranger.get(path)
        assert stranger.jar == {}
        assert len(backend.records) == 1

    def test_a_page_that_is_not_found_stores_what_was_changed(self, browser: Browser) -> None:
        """The client's mistakes are no failures: a form that is shown again keeps its flash message."""
        assert browser.get("/refuses/2").status == 404
        assert browser.get("/show").body == "[('a', '2')]"

    def test_a_store_that_is_away_is_no_empty_session(self, browser: Browser, backend: CountingBackend) -> None:
        """Whoever looks is told to come back, and keeps the cookie; whoever does not look is served."""
        browser.get("/put/a/1")
        backend.is_away = True
        answer = browser.get("/show")
        assert (answer.status, answer.cookies) == (503, [])
        assert browser.get("/put/a/2").status == 503
        assert Browser(browser.wire).get("/put/a/2").status == 503
        assert browser.get("/static").status == 200
        backend.is_away = False
        assert browser.get("/show").body == "[('a', '1')]"

    @pytest.mark.parametrize(
        "forged",
        [
            "junk",
            "",
            mint(),
            "sjn_" + "A" * 43,
            "A" * 43,
            "x" * 5_000,
            "x" * 50_000,
            '"quoted"',
            "a=b=c",
            "\u00e9\u20ac",
            "%73%6a%6e",
        ],
        ids=range(11),
    )
    def test_a_cookie_that_we_did_not_give_opens_nothing_and_is_not_adopted(
        self, browser: Browser, backend: CountingBackend, forged: str
    ) -> None:
        """What is begun then has a token of its own."""
        browser.jar["__Host-session"] = forged
        assert browser.get("/show").body == "[]"
        assert browser.last == []
        browser.get("/put/a/1")
        assert browser.jar["__Host-session"] != forged
        assert browser.get("/show").body == "[('a', '1')]"
        assert len(backend.records) == 1

    def test_two_cookies_of_the_name_are_none(self, browser: Browser) -> None:
        """One of them was put there by somebody else: a session of the attacker's, perhaps."""
        browser.get("/put/a/1")
        attacker = Browser(browser.wire)
        attacker.get("/put/a/666")
        (name, token), *_ = attacker.jar.items()
        assert browser.get("/show", also=f"{name}={token}").body == "[]"
        assert browser.get("/show", also=f"{name}={browser.jar[name]}").body == "[('a', '1')]"
        assert browser.get("/show", also=f"other={token}; {name}x={token}").body == "[('a', '1')]"

    def test_a_persistent_cookie_lasts_as_long_as_the_session_may(self, adapter: Made, store: Store) -> None:
        """Its idle deadline is the store's to judge."""
        browser = Browser(adapter(store, cookie=Cookie(is_persistent=True)))
        browser.get("/login/ada")
        (session,) = store.sessions(subject="ada")
        assert browser.last[0].endswith(f"; Expires={formatdate(session.absolute_at, usegmt=True)}; {ATTRIBUTES}")

    def test_a_cookie_may_have_another_name_and_place(self, adapter: Made, store: Store) -> None:
        """And is deleted there."""
        browser = Browser(adapter(store, cookie=Cookie(name="sid", path="/shop", same_site="Strict")))
        browser.get("/put/a/1")
        assert browser.last[0].endswith("; Path=/shop; Secure; HttpOnly; SameSite=Strict")
        assert browser.get("/show").body == "[('a', '1')]"
        browser.get("/logout")
        assert browser.last[0].endswith("; Path=/shop; Secure; HttpOnly; SameSite=Strict")
        assert browser.jar == {}
