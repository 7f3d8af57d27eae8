"""What every adapter promises to a browser. An adapter's own test subclasses it and changes nothing in it."""

import logging
from collections.abc import Callable
from email.utils import formatdate
from urllib.parse import quote

import pytest

from sojourn import Store, StoreUnavailableError
from sojourn.adapters.cookies import Cookie
from sojourn.names import bare
from sojourn.testing import FakeClock
from sojourn.tokens import mint
from tests.adapters.browser import MEANWHILE, Browser, CountingBackend, Wire

Made = Callable[..., Wire]
"""Makes the adapter around the application: a store, and options that all adapters have."""

ATTRIBUTES = "path=/; secure; httponly; samesite=Lax"

EVENTS = "sojourn.events"
"""The logger of what happens to sessions."""

_DAY = 86_400


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
        browser.get("/put/b/2")
        browser.get("/drop/a")
        assert browser.last == []
        assert browser.get("/show").body == "[('b', '2')]"

    def test_an_anonymous_session_ends_with_its_last_key(self, browser: Browser, backend: CountingBackend) -> None:
        """As in Starlette and Flask, whose sessions are what is in them."""
        browser.get("/put/a/1")
        with backend.counted() as calls:
            browser.get("/drop/a")
        assert calls == ["load", "delete"]
        assert (browser.jar, backend.records) == ({}, [])

    def test_a_login_outlives_its_last_key(self, browser: Browser) -> None:
        """Whose it is is no key."""
        browser.get("/login/ada")
        browser.get("/put/a/1")
        browser.get("/drop/a")
        assert browser.last == []
        assert browser.get("/whose").body == "ada"

    def test_an_emptied_session_keeps_what_another_tab_put_in(self, browser: Browser) -> None:
        """A message was shown and taken out here; a cart began there."""
        browser.get("/put/message/hello")
        other = browser.twin()
        MEANWHILE.do(lambda: other.get("/put/cart/tea"))
        browser.get("/opened/drop/message")
        assert browser.last == []
        assert browser.get("/show").body == "[('cart', 'tea')]"

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
        assert calls == ["load", "replace"]
        assert browser.get("/whose").body == "ada"
        assert browser.get("/show").body == "[('a', '1')]"
        assert before.get("/show").body == "[]"
        assert [(found.label, found.id) for found in store.sessions(subject="ada")] == [
            ("a browser", browser.jar["__Host-session"][4:16])
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
        assert went == f"__Host-session=; Max-Age=0; expires=Thu, 01 Jan 1970 00:00:00 GMT; {ATTRIBUTES}"
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

    def test_a_login_as_another_subject_begins_an_empty_session(
        self, browser: Browser, store: Store, backend: CountingBackend
    ) -> None:
        """The former one's session ends, and with it every copy of its cookie."""
        browser.get("/login/ada")
        browser.get("/put/a/1")
        former = browser.twin()
        browser.post("/login/eve")
        assert (browser.get("/whose").body, browser.get("/show").body) == ("eve", "[]")
        assert (list(store.sessions(subject="ada")), len(backend.records)) == ([], 1)
        assert former.get("/whose").body == "None"

    def test_a_login_as_another_subject_sees_nothing_of_it(self, browser: Browser) -> None:
        """Nor of what the very request added to a value that was there."""
        browser.get("/login/ada")
        browser.get("/nest/secret")
        browser.post("/nest-login/eve")
        assert (browser.get("/whose").body, browser.get("/show").body) == ("eve", "[('b', '2')]")

    def test_a_login_as_the_same_subject_is_a_new_beginning(
        self, browser: Browser, backend: CountingBackend, clock: FakeClock
    ) -> None:
        """Of the same session, under a new token."""
        browser.get("/login/ada")
        browser.get("/put/a/1")
        (before,), born, former = backend.records, clock(), browser.twin()
        clock.advance(1_700)
        browser.post("/login/ada")
        (after,) = backend.records
        assert (after.session_id, after.created_at, after.began_at) == (before.session_id, born, clock())
        assert after.absolute_at == clock() + 43_200
        assert (former.get("/show").body, browser.get("/show").body) == ("[]", "[('a', '1')]")

    def test_a_session_that_was_cleared_after_a_login_is_logged_out(
        self, browser: Browser, backend: CountingBackend
    ) -> None:
        """And its cookie goes."""
        browser.get("/login/ada")
        browser.get("/put/a/1")
        before = browser.twin()
        assert browser.post("/clear").cookies[0].startswith("__Host-session=; Max-Age=0; ")
        assert (browser.jar, backend.records) == ({}, [])
        assert before.get("/whose").body == "None"

    def test_what_is_put_in_after_a_session_was_cleared_is_an_anonymous_ones(
        self, browser: Browser, store: Store
    ) -> None:
        """The subject's session ends."""
        browser.get("/login/ada")
        browser.get("/put/a/1")
        before = browser.twin()
        browser.post("/clear-put/b/2")
        assert (browser.get("/whose").body, browser.get("/show").body) == ("None", "[('b', '2')]")
        assert list(store.sessions(subject="ada")) == []
        assert before.get("/show").body == "[]"

    @pytest.mark.parametrize(
        ("label", "shown"),
        [("x" * 274, "x" * 256), ("", None), ("Fire\u202efox", "Firefox"), ("\u202e", None), ("a\tb", "a b")],
        ids=range(5),
    )
    @pytest.mark.parametrize("is_known", [False, True])
    def test_a_label_is_cleaned(
        self, browser: Browser, store: Store, label: str, shown: str, *, is_known: bool
    ) -> None:
        """Browsers send what they like; the login does not fail for it."""
        if is_known:
            browser.get("/put/a/1")
        assert browser.post(f"/login-named/ada/{quote(label)}").status == 200
        assert [found.label for found in store.sessions(subject="ada")] == [shown]

    def test_a_subject_may_be_a_number(self, adapter: Made, store: Store) -> None:
        """As applications keep it."""
        browser = Browser(adapter(store, subject_of="user"))
        browser.post("/number/user/7")
        assert len(list(store.sessions(subject="7"))) == 1

    # ---- lifetimes

    def test_a_login_gets_the_whole_time(self, browser: Browser, backend: CountingBackend, clock: FakeClock) -> None:
        """Also when the visitor has been there for 11 hours and 58 minutes."""
        browser.get("/put/a/1")
        for _ in range(28):
            clock.advance(1_500)
            browser.get("/show")
        clock.advance(1_080)
        browser.post("/login/ada")
        (record,) = backend.records
        assert (record.expires_at, record.absolute_at) == (clock() + 1_800, clock() + 43_200)
        for _ in range(28):
            clock.advance(1_500)
            assert browser.get("/whose").body == "ada"

    @pytest.mark.parametrize("is_known", [False, True])
    def test_a_login_that_is_to_be_remembered_lasts(
        self, adapter: Made, store: Store, backend: CountingBackend, clock: FakeClock, *, is_known: bool
    ) -> None:
        """30 days from the login on, in session and cookie, also for a visitor who has a session."""
        browser = Browser(adapter(store, cookie=Cookie(persistent=True)))
        if is_known:
            browser.get("/put/a/1")
            clock.advance(600)
        browser.post(f"/remember/ada/{30 * _DAY}")
        (record,), until = backend.records, clock() + 30 * _DAY
        assert (record.idle, record.expires_at, record.absolute_at) == (30 * _DAY, until, until)
        assert f"; Max-Age={30 * _DAY}; expires={formatdate(until, usegmt=True)}; " in browser.last[0]
        clock.advance(30 * _DAY - 1)
        assert browser.get("/whose").body == "ada"
        clock.advance(1)
        assert browser.get("/whose").body == "None"

    # ---- requests in flight while the token is replaced

    @pytest.mark.parametrize("change", ["/setdefault/csrf/1", "/nest/tea", "/clear-put/a/1"])
    def test_what_a_safe_request_in_flight_puts_in_is_dropped(
        self, browser: Browser, backend: CountingBackend, caplog: pytest.LogCaptureFixture, change: str
    ) -> None:
        """A login was served first: this answer sets and clears no cookie, and a log line is all that is left."""
        browser.get("/put/a/1")
        other = browser.twin()
        browser.post("/login/ada")
        stored = backend.records
        (session_id,) = (bare(record.session_id) for record in stored)
        caplog.clear()
        with caplog.at_level(logging.INFO), backend.counted() as calls:
            answer = other.get(change)
        assert (answer.status, answer.cookies, calls) == (200, [], ["load"])
        assert backend.records == stored
        assert [record.getMessage().partition(": ")[::2] for record in caplog.records if record.name == EVENTS] == [
            ("read", f"session {session_id} missed: superseded"),
            ("write", f"session {session_id} refused: superseded"),
        ]
        assert browser.get("/whose").body == "ada"

    def test_a_request_in_flight_that_only_looks_is_served(
        self, browser: Browser, caplog: pytest.LogCaptureFixture
    ) -> None:
        """As one without a session, whatever its method; nothing of it is dropped."""
        browser.get("/put/a/1")
        other = browser.twin()
        browser.post("/login/ada")
        caplog.clear()
        with caplog.at_level(logging.INFO):
            for answer in (other.get("/show"), other.post("/show")):
                assert (answer.status, answer.body, answer.cookies, answer.vary) == (200, "[]", [], "Cookie")
        ours = [record.getMessage() for record in caplog.records if record.name == EVENTS]
        assert [message.rpartition(" ")[0].split()[-1] for message in ours] == ["missed:", "missed:"]

    @pytest.mark.parametrize("change", ["/setdefault/csrf/1", "/nest/tea"])
    def test_another_request_in_flight_is_refused_as_a_lost_race_is(
        self, browser: Browser, backend: CountingBackend, change: str
    ) -> None:
        """The login stays; repeated with the new cookie it succeeds."""
        browser.get("/put/a/1")
        other = browser.twin()
        browser.post("/login/ada")
        stored = backend.records
        answer = other.post(change)
        assert (answer.status, answer.cookies, backend.records) == (409, [], stored)
        other.jar.update(browser.jar)
        assert other.post(change).status == 200
        assert other.get("/whose").body == "ada"

    @pytest.mark.parametrize("change", ["setdefault/csrf/1", "drop/a", "put/a/2", "rotate"])
    @pytest.mark.parametrize("method", ["GET", "POST"])
    def test_a_request_that_opened_the_session_before_a_login_is_in_flight_as_well(
        self, browser: Browser, backend: CountingBackend, change: str, method: str
    ) -> None:
        """Its change is not stored in what the login has made of the session."""
        browser.get("/put/a/1")
        other = browser.twin()
        MEANWHILE.do(lambda: browser.post("/login/ada"))
        answer = other.take(other.send(f"/opened/{change}", method=method))
        is_refused = method == "POST" and change != "rotate"
        assert (answer.status, answer.cookies) == (409 if is_refused else 200, [])
        assert len(backend.records) == 1
        assert (browser.get("/whose").body, browser.get("/show").body) == ("ada", "[('a', '1')]")

    def test_a_page_that_fails_in_flight_leaves_the_cookie_alone(self, browser: Browser) -> None:
        """As any other."""
        browser.get("/put/a/1")
        other = browser.twin()
        browser.post("/login/ada")
        for path in ("/fails/2", "/breaks/2", "/login-fails/eve"):
            answer = other.get(path)
            assert (answer.status, list(answer.cookies)) == (500, [])
        assert browser.get("/whose").body == "ada"

    def test_after_ten_seconds_an_old_token_is_a_strangers(
        self, browser: Browser, backend: CountingBackend, clock: FakeClock
    ) -> None:
        """A login whose answer was lost locks no browser out."""
        browser.get("/put/a/1")
        other = browser.twin()
        browser.post("/login/ada")
        clock.advance(10)
        assert other.get("/setdefault/csrf/1").cookies == []
        clock.advance(1)
        assert other.get("/setdefault/csrf/1").cookies[0].startswith("__Host-session=sjn_")
        assert other.get("/show").body == "[('csrf', '1')]"
        assert len(backend.records) == 2

    def test_a_request_is_in_flight_from_its_arrival_on(
        self, browser: Browser, backend: CountingBackend, clock: FakeClock
    ) -> None:
        """However late it looks at its session."""
        browser.get("/put/a/1")

        def log_in() -> None:
            browser.post("/login/ada")
            clock.advance(60)

        for method, status in (("GET", 200), ("POST", 409)):
            other = browser.twin()
            MEANWHILE.do(log_in)
            answer = other.take(other.send("/meanwhile/setdefault/csrf/1", method=method))
            assert (answer.status, answer.cookies, len(backend.records)) == (status, [], 1)

    def test_two_rotations_in_a_row_make_no_stranger(self, browser: Browser, backend: CountingBackend) -> None:
        """A login and a second factor follow each other, while a request is under way."""
        browser.get("/put/a/1")
        other = browser.twin()
        browser.post("/login/ada")
        browser.post("/rotate")
        browser.post("/rotate")
        assert other.get("/setdefault/csrf/1").cookies == []
        assert other.post("/setdefault/csrf/1").status == 409
        assert len(backend.records) == 1
        assert browser.get("/whose").body == "ada"

    # ---- a double click on "log in"

    @pytest.mark.parametrize("is_opened", [False, True])
    @pytest.mark.parametrize("is_last", [False, True])
    @pytest.mark.parametrize("cart", [None, "tea"])
    def test_a_double_click_on_log_in_logs_in(
        self, browser: Browser, store: Store, cart: str | None, *, is_opened: bool, is_last: bool
    ) -> None:
        """Both answers are good, whichever arrives last, and the cart comes along."""
        browser.get("/put/csrf/1")
        if cart is not None:
            browser.get(f"/nest/{cart}")
        answers = []
        if is_opened:
            MEANWHILE.do(lambda: answers.append(browser.send("/login/ada", method="POST")))
            answers.append(browser.send("/opened/login/ada", method="POST"))
        else:
            answers += [browser.send("/login/ada", method="POST") for _ in range(2)]
        assert [answer.status for answer in answers] == [200, 200]
        shown = repr([*([("cart", [cart])] if cart else []), ("csrf", "1")])
        for answer in answers:
            tab = browser.twin()
            tab.take(answer)
            assert (tab.get("/whose").body, tab.get("/show").body) == ("ada", shown)
        for answer in reversed(answers) if is_last else answers:
            browser.take(answer)
        assert (browser.get("/whose").body, browser.get("/show").body) == ("ada", shown)
        assert len(list(store.sessions(subject="ada"))) == 2

    def test_a_double_click_may_be_a_user_put_in(self, adapter: Made, store: Store) -> None:
        """Where what is in the session says whose it is."""
        browser = Browser(adapter(store, subject_of="user"))
        browser.get("/nest/tea")
        answers = [browser.send("/put/user/ada", method="POST") for _ in range(2)]
        assert [answer.status for answer in answers] == [200, 200]
        for answer in answers:
            browser.take(answer)
            assert "('cart', ['tea'])" in browser.get("/show").body
        assert len(list(store.sessions(subject="ada"))) == 2

    def test_a_slow_double_click_keeps_the_cart(self, browser: Browser, clock: FakeClock) -> None:
        """A login page may wait for a directory service for longer than ten seconds."""
        browser.get("/nest/tea")
        other = browser.twin()

        def log_in() -> None:
            browser.post("/login/ada")
            clock.advance(60)

        MEANWHILE.do(log_in)
        assert other.post("/opened/login/ada").status == 200
        assert (other.get("/whose").body, other.get("/show").body) == ("ada", "[('cart', ['tea'])]")

    @pytest.mark.parametrize("is_opened", [False, True])
    def test_a_login_as_another_subject_beside_it_begins_an_empty_session(
        self, browser: Browser, *, is_opened: bool
    ) -> None:
        """What the first one's session holds is not the second one's to see."""
        browser.get("/nest/tea")
        other = browser.twin()
        if is_opened:
            MEANWHILE.do(lambda: browser.post("/login/ada"))
            other.post("/opened/login/eve")
        else:
            browser.post("/login/ada")
            other.post("/login/eve")
        assert (other.get("/whose").body, other.get("/show").body) == ("eve", "[]")
        assert (browser.get("/whose").body, browser.get("/show").body) == ("ada", "[('cart', ['tea'])]")

    # ---- a logout in flight

    @pytest.mark.parametrize("is_opened", [False, True])
    @pytest.mark.parametrize("verb", ["logout", "clear"])
    def test_a_logout_in_flight_holds_across_a_rotation(
        self, browser: Browser, backend: CountingBackend, clock: FakeClock, verb: str, *, is_opened: bool
    ) -> None:
        """It ends the session and takes the cookie."""
        browser.get("/login/ada")
        clock.advance(60)
        other = browser.twin()
        if verb == "clear" and not is_opened:
            return  # it finds nothing to clear
        if is_opened:
            MEANWHILE.do(lambda: browser.post("/rotate"))
            answer = other.post(f"/opened/{verb}")
        else:
            browser.post("/rotate")
            answer = other.post(f"/{verb}")
        assert (answer.status, answer.cookies[0][:26]) == (200, "__Host-session=; Max-Age=0")
        assert (backend.records, browser.get("/whose").body) == ([], "None")

    @pytest.mark.parametrize("is_opened", [False, True])
    @pytest.mark.parametrize("verb", ["logout", "clear"])
    def test_a_logout_in_flight_does_not_undo_a_login(self, browser: Browser, verb: str, *, is_opened: bool) -> None:
        """The stay that it was meant for is over already; the cookie stays as it is."""
        browser.get("/put/a/1")
        other = browser.twin()
        if is_opened:
            MEANWHILE.do(lambda: browser.post("/login/ada"))
            answer = other.post(f"/opened/{verb}")
        else:
            browser.post("/login/ada")
            answer = other.post(f"/{verb}")
        assert (answer.status, answer.cookies) == (200, [])
        assert (browser.get("/whose").body, browser.get("/show").body) == ("ada", "[('a', '1')]")

    @pytest.mark.parametrize(("method", "status"), [("GET", 200), ("POST", 409)])
    def test_what_is_put_in_after_a_logout_in_flight_begins_no_session(
        self, browser: Browser, backend: CountingBackend, method: str, status: int
    ) -> None:
        """It would take the place of the login."""
        browser.get("/put/a/1")
        other = browser.twin()
        browser.post("/login/ada")
        answer = other.take(other.send("/logout-put/said/bye", method=method))
        assert (answer.status, answer.cookies, len(backend.records)) == (status, [], 1)
        assert browser.get("/whose").body == "ada"

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

    def test_a_lost_race_can_be_told(self, adapter: Made, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
        """The same key on both sides: the second is told, and what the first stored stays."""
        browser = Browser(adapter(store, on_conflict="raise"))
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

    def test_a_rotation_that_went_before_a_refusal_is_handed_out(
        self, browser: Browser, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The old token opens nothing any more."""
        browser.get("/put/a/1")
        log_in = Store.login

        def half(mine: Store, *arguments: object, **options: object) -> None:
            log_in(mine, *arguments, **options)  # type: ignore[arg-type]
            raise StoreUnavailableError("unplugged", is_transient=True)

        monkeypatch.setattr(Store, "login", half)
        assert browser.post("/login/ada").status == 503
        assert (browser.get("/whose").body, browser.get("/show").body) == ("ada", "[('a', '1')]")

    def test_a_logout_that_went_before_a_refusal_takes_the_cookie(
        self, browser: Browser, backend: CountingBackend
    ) -> None:
        """It counts."""
        browser.get("/login/ada")
        assert browser.post("/logout-refused").status == 503
        assert (browser.jar, backend.records) == ({}, [])

    def test_a_logout_while_the_store_is_away_is_refused(self, browser: Browser, backend: CountingBackend) -> None:
        """It did not take place, so the cookie stays."""
        browser.get("/login/ada")
        MEANWHILE.do(lambda: setattr(backend, "is_away", True))
        answer = browser.post("/opened/logout")
        assert (answer.status, answer.cookies) == (503, [])
        backend.is_away = False
        assert browser.get("/whose").body == "ada"

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

    def test_a_page_that_may_is_served_without_its_session(
        self, adapter: Made, store: Store, backend: CountingBackend
    ) -> None:
        """While the store is away: what it puts in is dropped, the cookie stays, and no cache keeps the page."""
        browser = Browser(adapter(store, on_unavailable="anonymous"))
        browser.get("/put/a/1")
        backend.is_away = True
        for visitor in (browser, Browser(browser.wire)):
            for path in ("/whose", "/show", "/put/a/2"):
                answer = visitor.get(path)
                assert (answer.status, answer.cookies, answer.vary) == (200, [], "Cookie")
        assert browser.get("/show").body == "[]"
        assert browser.get("/put/a/2").headers["cache-control"] == "no-store"
        backend.is_away = False
        assert browser.get("/show").body == "[('a', '1')]"

    def test_a_page_that_read_its_session_and_may_go_without_drops_a_change(
        self, adapter: Made, store: Store, backend: CountingBackend
    ) -> None:
        """Where the store went away in between."""
        browser = Browser(adapter(store, on_unavailable="anonymous"))
        browser.get("/put/a/1")
        MEANWHILE.do(lambda: setattr(backend, "is_away", True))
        answer = browser.get("/opened/put/a/2")
        assert (answer.status, answer.cookies, answer.headers["cache-control"]) == (200, [], "no-store")
        backend.is_away = False
        assert browser.get("/show").body == "[('a', '1')]"

    @pytest.mark.parametrize("path", ["login/eve", "rotate", "logout", "logout-put/a/2", "clear", "relogin/ada"])
    @pytest.mark.parametrize("prefix", ["", "opened/"], ids=["away before", "away meanwhile"])
    def test_what_is_more_than_a_page_is_refused_while_the_store_is_away(
        self, adapter: Made, store: Store, backend: CountingBackend, path: str, prefix: str
    ) -> None:
        """Nothing is done and nothing is said to be."""
        browser = Browser(adapter(store, on_unavailable="anonymous"))
        browser.get("/login/ada")
        browser.get("/put/a/1")
        if prefix:
            MEANWHILE.do(lambda: setattr(backend, "is_away", True))
        backend.is_away = not prefix
        answer = browser.get(f"/{prefix}{path}")
        assert (answer.status, answer.cookies) == (503, [])
        backend.is_away = False
        assert (browser.get("/whose").body, browser.get("/show").body) == ("ada", "[('a', '1')]")

    @pytest.mark.parametrize("path", ["/put/user/eve", "/opened/put/user/eve", "/opened/drop/user"])
    def test_a_key_that_is_the_subject_is_more_than_a_page(
        self, adapter: Made, store: Store, backend: CountingBackend, path: str
    ) -> None:
        """Putting it in is a login, and taking it out a logout."""
        browser = Browser(adapter(store, subject_of="user", on_unavailable="anonymous"))
        browser.get("/put/user/ada")
        MEANWHILE.do(lambda: setattr(backend, "is_away", True))
        backend.is_away = path == "/put/user/eve"
        assert browser.get(path).status == 503
        backend.is_away = False
        assert browser.get("/whose").body == "ada"

    @pytest.mark.parametrize(("verb", "status"), [("put/a/2", 200), ("login/eve", 503), ("logout", 503)])
    def test_a_page_that_began_without_its_session_ends_without_it(
        self, adapter: Made, store: Store, backend: CountingBackend, verb: str, status: int
    ) -> None:
        """Also where the store is back by then: a second session would take the place of the one that lives."""
        browser = Browser(adapter(store, on_unavailable="anonymous"))
        browser.get("/login/ada")
        browser.get("/put/a/1")
        backend.is_away = True
        MEANWHILE.do(lambda: setattr(backend, "is_away", False))
        answer = browser.get(f"/opened/{verb}")
        assert (answer.status, answer.cookies, len(backend.records)) == (status, [], 1)
        assert (browser.get("/whose").body, browser.get("/show").body) == ("ada", "[('a', '1')]")

    def test_a_form_is_refused_while_the_store_is_away(
        self, adapter: Made, store: Store, backend: CountingBackend
    ) -> None:
        """Also where pages are served."""
        browser = Browser(adapter(store, on_unavailable="anonymous"))
        browser.get("/put/a/1")
        backend.is_away = True
        assert [browser.post(path).status for path in ("/show", "/put/a/2", "/static")] == [503, 503, 200]

    def test_the_path_says_which_pages_go_without(self, adapter: Made, store: Store, backend: CountingBackend) -> None:
        """The others are refused."""
        browser = Browser(adapter(store, on_unavailable=lambda path: "anonymous" if path == "/show" else "refuse"))
        browser.get("/put/a/1")
        backend.is_away = True
        assert [browser.get(path).status for path in ("/show", "/whose")] == [200, 503]

    @pytest.mark.parametrize(
        "forged",
        [
            "junk",
            "",
            mint().reveal(),
            "sjn_" + "A" * 36,
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

    def test_of_two_cookies_of_the_name_the_one_that_opens_counts(self, browser: Browser) -> None:
        """The other one is left over from another path or domain, or was put there by another site."""
        browser.get("/put/a/1")
        (name, token), *_ = browser.jar.items()
        for other in ("junk", mint().reveal(), token):
            assert browser.get("/show", also=f"{name}={other}").body == "[('a', '1')]"
            assert Browser(browser.wire, {name: other}).get("/show", also=f"{name}={token}").body == "[('a', '1')]"
        assert browser.get("/show", also=f"{name}x={mint().reveal()}; x{name}=junk").body == "[('a', '1')]"

    def test_two_cookies_that_open_are_none(self, browser: Browser) -> None:
        """One of them was put there by another site: a session of an attacker's, perhaps."""
        browser.get("/put/a/1")
        attacker = Browser(browser.wire)
        attacker.get("/put/a/666")
        (name, token), *_ = attacker.jar.items()
        assert browser.get("/show", also=f"{name}={token}").body == "[]"
        assert browser.get("/show", also=f"other={token}; {name}x={token}").body == "[('a', '1')]"

    @pytest.mark.parametrize(
        "spelling", ["{token}", "={token}", "\u00a0{name}={token}", "{name}\u2003={token}", "x{name}={token}"]
    )
    def test_nothing_but_the_exact_name_opens(self, browser: Browser, spelling: str) -> None:
        """A sibling domain can set a cookie without a name, or with one that only looks alike."""
        browser.get("/put/a/1")
        (name, token), *_ = browser.jar.items()
        stranger = Browser(browser.wire)
        assert stranger.get("/show", also=spelling.format(name=name, token=token)).body == "[]"

    def test_a_persistent_cookie_lasts_as_long_as_the_session_may(self, adapter: Made, store: Store) -> None:
        """Its idle deadline is the store's to judge."""
        browser = Browser(adapter(store, cookie=Cookie(persistent=True)))
        browser.get("/login/ada")
        (session,) = store.sessions(subject="ada")
        assert browser.last[0].endswith(
            f"; Max-Age=43200; expires={formatdate(session.absolute_at, usegmt=True)}; {ATTRIBUTES}"
        )

    def test_a_cookie_may_have_another_name_and_place(self, adapter: Made, store: Store) -> None:
        """And is deleted there."""
        browser = Browser(adapter(store, cookie=Cookie(name="sid", path="/shop", samesite="Strict")))
        browser.get("/put/a/1")
        assert browser.last[0].endswith("; path=/shop; secure; httponly; samesite=Strict")
        assert browser.get("/show").body == "[('a', '1')]"
        browser.get("/logout")
        assert browser.last[0].endswith("; path=/shop; secure; httponly; samesite=Strict")
        assert browser.jar == {}
