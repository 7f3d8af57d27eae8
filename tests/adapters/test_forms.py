"""What a framework brings, for Lambda functions that have none: messages for the next page, and tokens of forms."""

import base64
import re
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlencode

import pytest

from sojourn import ConfigurationError, Store
from sojourn.adapters.csrf import csrf_token_of
from sojourn.adapters.forms import Session
from sojourn.adapters.lambda_handler import session_of, with_session
from sojourn.tokens import mint
from tests.adapters.browser import MEANWHILE, CountingBackend

Event = dict[str, Any]
Response = dict[str, Any]
FORM = "application/x-www-form-urlencoded"


def event_of(path: str, method: str = "GET", *, cookies: list[str] | None = None, **parts: Any) -> Event:
    """An HTTP API's, payload 2.0."""
    context = {"http": {"method": method, "path": path}, "requestId": "1"}
    return {
        "version": "2.0",
        "rawPath": path,
        "headers": {},
        "cookies": cookies or [],
        "requestContext": context,
        **parts,
    }


class Visitor:
    """A browser in front of one function."""

    def __init__(self, store: Store, page: Callable[[Session], object], **options: Any) -> None:
        @with_session(store=store, **options)
        def handler(_event: Event, _context: object) -> Response:
            return {"statusCode": 200, "body": str(page(session_of()))}

        self._handler = handler
        self.cookies: list[str] = []

    def get(self) -> str:
        """A page's body."""
        return str(self.sent(event_of("/", cookies=self.cookies))["body"])

    def post(
        self, fields: Mapping[str, str], *, is_encoded: bool = False, headers: Mapping[str, str] | None = None
    ) -> Response:
        """A form."""
        body = urlencode(fields)
        body = base64.b64encode(body.encode()).decode() if is_encoded else body
        parts = {"headers": {"content-type": FORM, **(headers or {})}, "body": body, "isBase64Encoded": is_encoded}
        return self.sent(event_of("/", "POST", cookies=self.cookies, **parts))

    def sent(self, event: Event) -> Response:
        """One answer, whose cookie is kept."""
        response: Response = self._handler(event, None)
        for cookie in response.get("cookies", []):
            self.cookies = [cookie.partition(";")[0]]
        return response


# ---- messages


def test_a_message_is_shown_once(store: Store) -> None:
    """By the next page that asks; in the order in which they came."""
    shown: list[list[tuple[str, str]]] = []

    def page(session: Session) -> None:
        session.flash("saved")
        session.flash("no stock", "warning")

    says = Visitor(store, page)
    shows = Visitor(store, lambda session: shown.append(session.flashes()))
    says.get()
    shows.cookies = says.cookies
    shows.get()
    shows.get()
    assert shown == [[("message", "saved"), ("warning", "no stock")], []]


def test_a_page_without_messages_costs_no_more(store: Store, backend: CountingBackend) -> None:
    """Neither a session nor a write."""
    with backend.counted() as calls:
        assert Visitor(store, lambda session: session.flashes()).get() == "[]"
    assert calls == []


def test_messages_of_two_requests_are_both_kept(store: Store) -> None:
    """And one that the other page showed meanwhile is gone; another key that both changed is still a conflict."""

    def page(session: Session) -> None:
        session.flash("mine")
        MEANWHILE.happen()

    def shown_and_said(session: Session) -> None:
        session.flashes()
        session.flash("theirs")

    def shown_elsewhere() -> None:
        other = Visitor(store, shown_and_said)
        other.cookies = mine.cookies
        other.get()

    first = Visitor(store, lambda session: session.flash("old"))
    first.get()
    mine = Visitor(store, page)
    mine.cookies = first.cookies
    MEANWHILE.do(shown_elsewhere)
    assert mine.get() == "None"
    shows = Visitor(store, lambda session: session.flashes())
    shows.cookies = mine.cookies
    assert shows.get() == "[('message', 'theirs'), ('message', 'mine')]"


@pytest.mark.parametrize(("on_conflict", "status", "left"), [("raise", 409, 3), ("mine", 200, 1), ("theirs", 200, 3)])
def test_messages_decide_no_other_key(store: Store, on_conflict: Any, status: int, left: int) -> None:
    """What the application chose does."""

    def page(session: Session) -> None:
        session.flash("mine")
        session["n"] = 1
        MEANWHILE.happen()

    mine = Visitor(store, page, on_conflict=on_conflict)
    other = Visitor(store, lambda session: session.update(n=session.get("n", 1) + 1))
    other.get()
    mine.cookies = other.cookies
    MEANWHILE.do(other.get)
    assert mine.sent(event_of("/", cookies=mine.cookies))["statusCode"] == status
    reads = Visitor(store, lambda session: session["n"])
    reads.cookies = mine.cookies
    assert reads.get() == str(left)


# ---- forms


def form(session: Session) -> str:
    """A page with a form."""
    return session.csrf_token()


def test_a_form_of_the_sessions_own_page_is_taken(store: Store) -> None:
    """In a field, encoded or not, or in a header; each page's token holds."""
    visitor = Visitor(store, form, checks_csrf=True)
    first, second = visitor.get(), visitor.get()
    assert re.fullmatch(r"[A-Za-z0-9_-]{64}", first)
    assert first != second
    for token in (first, second):
        assert visitor.post({"csrf_token": token})["statusCode"] == 200
        assert visitor.post({"csrf_token": token}, is_encoded=True)["statusCode"] == 200
        assert visitor.post({}, headers={"x-csrf-token": token})["statusCode"] == 200


def test_any_other_form_is_refused_before_the_store_is_called(store: Store, backend: CountingBackend) -> None:
    """And before the handler is; the cookie stays."""
    pages: list[str] = []

    def page(session: Session) -> str:
        pages.append("made")
        return session.csrf_token()

    visitor = Visitor(store, page, checks_csrf=True)
    stranger = Visitor(store, form, checks_csrf=True)
    token, theirs = visitor.get(), stranger.get()
    damaged = ("B" if token[0] == "A" else "A") + token[1:]
    with backend.counted() as calls:
        for given in (
            "",
            theirs,
            damaged,
            token[:-4],
            token + "AAAA",
            "\u00e9",
            csrf_token_of(mint().reveal()),
            csrf_token_of(""),
        ):
            answer = visitor.post({"csrf_token": given})
            assert (answer["statusCode"], answer.get("cookies")) == (403, None)
        for answer in (
            visitor.post({}),
            visitor.post({"csrf_token": token}, headers={"content-type": "text/plain"}),
            visitor.post({"csrf_token": token}, headers={"x-csrf-token": theirs}),
            visitor.sent(event_of("/", "DELETE", cookies=visitor.cookies)),
            visitor.sent(
                event_of(
                    "/", "POST", cookies=visitor.cookies, headers={"content-type": FORM}, body="%", isBase64Encoded=True
                )
            ),
            Visitor(store, form, checks_csrf=True).post({"csrf_token": token}),
        ):
            assert answer["statusCode"] == 403
    assert (calls, len(pages)) == ([], 1)


def test_a_visitor_with_a_form_gets_a_session(store: Store, backend: CountingBackend) -> None:
    """One write, when the token is made; with a session it costs nothing."""
    visitor = Visitor(store, form)
    with backend.counted() as began:
        visitor.get()
    with backend.counted() as later:
        visitor.get()
    assert (began, later) == (["insert"], ["load"])


def test_the_page_of_a_login_has_a_token_of_the_new_session(store: Store) -> None:
    """Whatever was done first; and one that was made before the login holds no more."""
    visitor = Visitor(store, form, checks_csrf=True)
    before = visitor.get()

    def page(session: Session) -> str:
        session.login("ada")
        return session.csrf_token()

    login = Visitor(store, page, checks_csrf=True)
    login.cookies = visitor.cookies
    after = login.post({"csrf_token": before})["body"]
    assert [login.post({"csrf_token": token})["statusCode"] for token in (before, after)] == [403, 200]
    assert [found.version for found in store.sessions(subject="ada")] == [3]


def test_a_double_click_on_log_in_is_no_forgery(store: Store) -> None:
    """The second one was in flight, with the token that its form was made for."""
    visitor = Visitor(store, form, checks_csrf=True)
    token = visitor.get()
    first = Visitor(store, lambda session: session.login("ada"), checks_csrf=True)
    second = Visitor(store, lambda session: session.login("ada"), checks_csrf=True)
    first.cookies = second.cookies = visitor.cookies
    assert [each.post({"csrf_token": token})["statusCode"] for each in (first, second)] == [200, 200]


def test_the_cookie_of_another_site_makes_no_form_genuine(store: Store) -> None:
    """Of several cookies the one that opens the session counts, for its forms too."""
    victim, attacker = Visitor(store, form, checks_csrf=True), Visitor(store, form, checks_csrf=True)
    token, theirs = victim.get(), attacker.get()
    dead = attacker.cookies[0]
    store.expire(dead.partition("=")[2])
    victim.cookies = [dead, victim.cookies[0]]
    assert [victim.post({"csrf_token": each})["statusCode"] for each in (theirs, token)] == [403, 200]


def test_of_two_cookies_that_open_a_session_no_form_is_genuine(store: Store) -> None:
    """Neither is known to be the user's own, so the request has no session, and no form of either is let through."""
    victim, attacker = Visitor(store, form, checks_csrf=True), Visitor(store, form, checks_csrf=True)
    tokens = victim.get(), attacker.get()
    for cookies in ([*attacker.cookies, *victim.cookies], [*victim.cookies, *attacker.cookies]):
        for token in tokens:
            both = Visitor(store, form, checks_csrf=True)
            both.cookies = cookies
            assert both.post({"csrf_token": token})["statusCode"] == 403


def test_a_cookie_that_is_no_text_is_refused_like_any_other(store: Store) -> None:
    """A value with the prefix of a token need not have its form."""
    visitor = Visitor(store, form, checks_csrf=True)
    for value in ("sjn_\ud800", "sjn_", "sjn_" + "é" * 36):
        visitor.cookies = [f"__Host-session={value}"]
        assert visitor.post({"csrf_token": csrf_token_of("sjn_")})["statusCode"] == 403


def test_a_form_works_while_the_store_is_away_where_pages_do(store: Store, backend: CountingBackend) -> None:
    """The token is the cookie's: what is loaded then can be sent later."""
    visitor = Visitor(store, form, checks_csrf=True, on_unavailable="anonymous")
    visitor.get()
    backend.is_away = True
    token = visitor.get()
    backend.is_away = False
    assert visitor.post({"csrf_token": token})["statusCode"] == 200


def test_bearer_tokens_need_no_such_check(store: Store) -> None:
    """Asking for one is a mistake."""
    with pytest.raises(ConfigurationError, match="cookies"):
        with_session(store=store, is_bearer=True, checks_csrf=True)
