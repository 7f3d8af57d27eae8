"""The function of examples/shop on AWS's own engine, without a gateway: what it measures, and what bad input gets.

Its pages in a browser are tests/e2e/test_shop.py's.
"""

import importlib
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any
from urllib.parse import urlencode

import pytest

from devstack.clients import Clients
from devstack.layout import ROOT
from sojourn import Absence, factory
from sojourn.adapters.csrf import csrf_token_of
from sojourn.tokens import mint
from tests.contract.tables import sessions_table

APP = ROOT / "examples/shop/app"
FORM = "application/x-www-form-urlencoded"
NOWHERE = "http://127.0.0.1:9"
"""Nothing listens there."""

Response = dict[str, Any]


@contextmanager
def loaded(*, table: str, endpoint_url: str) -> Iterator[ModuleType]:
    """The module that Lambda loads, with its settings and a store of its own."""
    names = [file.stem for file in APP.glob("*.py")]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SOJOURN_TABLE", table)
        patch.setenv("SOJOURN_ENDPOINT_URL", endpoint_url)
        patch.syspath_prepend(APP)
        for name in names:
            patch.delitem(sys.modules, name, raising=False)
        factory._from_environment.cache_clear()
        try:
            yield importlib.import_module("shop")
        finally:
            factory._from_environment.cache_clear()
            for name in names:
                sys.modules.pop(name, None)


@pytest.fixture(scope="module")
def shop(dynamodb_local: str, credentials: None) -> Iterator[ModuleType]:  # noqa: ARG001
    """The shop with a table of its own."""
    with (
        sessions_table(Clients(dynamodb_local).dynamodb) as table,
        loaded(table=table, endpoint_url=dynamodb_local) as module,
    ):
        yield module


class Visitor:
    """A browser: keeps cookies, and sends the forms of the page that it showed last."""

    def __init__(self, shop: ModuleType) -> None:
        self._shop = shop
        self.jar: dict[str, str] = {}
        self.page = ""

    def get(self, path: str = "/", method: str = "GET", **parts: Any) -> Response:
        """Any request."""
        event = {
            "version": "2.0",
            "rawPath": path,
            "headers": {"user-agent": "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Firefox/140.0"},
            "cookies": [f"{name}={value}" for name, value in self.jar.items()],
            "requestContext": {"http": {"method": method, "path": path}},
            **parts,
        }
        answer: Response = self._shop.handler(event, None)
        for cookie in answer.get("cookies", ()):
            name, _, value = cookie.partition(";")[0].partition("=")
            self.jar[name] = value
        if answer["statusCode"] == 200:
            self.page = answer["body"]
        return answer

    def post(self, verb: str, **fields: str) -> Response:
        """A form of the page."""
        token = re.search('name="csrf_token" value="([^"]+)"', self.page)
        assert token is not None
        return self.send(verb, urlencode({"csrf_token": token[1], **fields}))

    def send(self, verb: str, body: str, **parts: Any) -> Response:
        """Any form."""
        return self.get(f"/{verb}", "POST", headers={"content-type": FORM}, body=body, **parts)

    def click(self, verb: str, **fields: str) -> str:
        """A form, and the page that follows."""
        answer = self.post(verb, **fields)
        assert (answer["statusCode"], answer["headers"]["Location"]) == (303, "./"), answer["body"]
        self.get()
        return self.page

    def shown(self, name: str) -> str:
        """The text of an element."""
        found = re.search(f'id="{name}">(.*?)</', self.page)
        assert found is not None, self.page
        return found[1]


def test_a_page_shows_what_each_click_cost(shop: ModuleType) -> None:
    """As docs/adapters.md has it under "What a request costs"; the page after it reads."""
    ada = Visitor(shop)
    ada.get()
    assert ada.shown("page") == "PutItem: 2 write units"
    assert ada.shown("version") == "1"
    ada.click("cart", tea="Assam")  # brings the namespace's mark along, once a minute
    ada.click("cart", tea="Assam")
    assert ada.shown("click") == "GetItem, UpdateItem: 1 read unit, 1 write unit"
    assert ada.shown("page") == "GetItem: 1 read unit"
    assert ada.shown("version") == "3"
    ada.click("login", name="ada")
    assert ada.shown("click") == "GetItem, UpdateItem: 1 read unit, 2 write units"
    assert "under a new token" in ada.page
    ada.click("logout")
    assert ada.shown("click") == "GetItem, DeleteItem: 1 read unit, 3 write units"


def test_another_tab_is_told_of(shop: ModuleType) -> None:
    """Both teas are in the cart, and only the tab that did not know says so."""
    ada = Visitor(shop)
    ada.get()
    ada.click("cart", tea="Assam", seen="0")
    assert "Another tab" not in ada.page
    ada.click("cart", tea="Pu-Erh", seen="0")
    assert "Another tab changed the cart since" in ada.page
    assert re.findall(r"<li>(\d) &times; ([\w-]+)", ada.page) == [("1", "Assam"), ("1", "Pu-Erh")]


def test_a_merge_is_told_of(shop: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another function adds a tea after this one has read the cart and before it stores it."""
    ada = Visitor(shop)
    ada.get()
    ada.click("cart", tea="Assam")
    add = shop._add

    def add_and_be_overtaken(*given: Any, **named: Any) -> None:
        add(*given, **named)
        session = shop.store.read(ada.jar["__Host-session"])
        session["cart"]["Assam"] += 1
        shop.store.write(session)

    monkeypatch.setattr(shop, "_add", add_and_be_overtaken)
    ada.click("cart", tea="Assam")
    assert "3 &times; Assam" in ada.page
    assert "both were merged, nothing is lost" in ada.page
    assert "3 UpdateItem" in ada.shown("click")  # the other's, the refused one, the merged one


def test_a_login_in_another_tab_outdates_its_forms(shop: ModuleType) -> None:
    """403; and 409 for one whose request was in flight."""
    ada = Visitor(shop)
    ada.get()
    ada.click("cart", tea="Assam")
    before = Visitor(shop)
    before.jar, before.page, other = dict(ada.jar), ada.page, ada.page
    ada.click("login", name="ada")
    _is_page(before.post("cart", tea="Assam"), 409, "Another request changed the same")
    now, ada.page = ada.page, other
    _is_page(ada.post("cart", tea="Assam"), 403, "This page is out of date")
    ada.page = now
    assert "1 &times; Assam" in ada.click("login", name="ada")


def test_a_session_that_ended_is_told_of(shop: ModuleType) -> None:
    """On the browser that did not log out, whether it looks or clicks first."""
    ada, phone, third = Visitor(shop), Visitor(shop), Visitor(shop)
    for visitor in (ada, phone, third):
        visitor.get()
        visitor.click("login", name="ada")
    name = phone.shown("session")
    ada.click("logout-everywhere")
    assert "is gone:" not in ada.page
    phone.get()
    assert f"Session {name} is gone: nothing is stored under its id any more" in phone.page
    assert "is gone:" in third.click("cart", tea="Assam")
    assert "1 &times; Assam" in third.page
    third.get()
    assert "is gone:" not in third.page


def test_a_page_comes_again_when_its_session_has_ended(shop: ModuleType) -> None:
    """A second after the deadline that it shows; any other page stays as it is."""
    ada = Visitor(shop)
    ada.get()
    assert "refresh" not in ada.page
    ada.click("expire")
    deadline = re.search(r"in (\d) s$", ada.shown("idle"))
    assert deadline is not None
    assert f'<meta http-equiv="refresh" content="{int(deadline[1]) + 1}">' in ada.page


def test_every_reason_has_its_words(shop: ModuleType) -> None:  # noqa: ARG001  # loads the modules
    """But those which a cookie of the shop's cannot have."""
    pages = sys.modules["pages"]
    assert {*Absence} - {*pages.REASONS} == {Absence.MALFORMED, Absence.AMBIGUOUS, Absence.SUPERSEDED}


@pytest.mark.parametrize(
    ("ask", "status", "text"),
    [
        (lambda one: one.get("/nothing"), 404, "no such page"),
        (lambda one: one.get("/a/b"), 404, 'href="../"'),
        (lambda one: one.get("/", "POST"), 405, "GET and HEAD only"),
        (lambda one: one.get("/cart"), 405, "POST only"),
        (lambda one: one.post("cart"), 400, "no such tea"),
        (lambda one: one.post("cart", tea="<script>"), 400, "no such tea"),
        (lambda one: one.post("login"), 400, "1 to 64 letters"),
        (lambda one: one.post("login", name="  "), 400, "1 to 64 letters"),
        (lambda one: one.post("login", name="a" * 65), 400, "1 to 64 letters"),
        (lambda one: one.post("login", name="a\x00\u202eb"), 400, "1 to 64 letters"),
        (lambda one: one.post("login", name="\U0001d160" * 64), 400, "cannot hold that"),
        (lambda one: one.post("revoke"), 400, "which device"),
        (lambda one: one.send("cart", "garbage"), 400, "no form"),
        (lambda one: one.send("cart", "tea=%ff"), 400, "no form"),
        (lambda one: one.send("cart", "&".join("a=b" for _ in range(99))), 400, "no form"),
        (lambda one: one.send("cart", "%%%", isBase64Encoded=True), 400, "no form"),
        (lambda one: one.send("cart", "", isBase64Encoded=True), 400, "no such tea"),
        (lambda one: one.send("cart", "tea=Assam"), 403, "out of date"),
        (lambda one: one.send("cart", "tea=Assam&csrf_token=x"), 403, "out of date"),
    ],
)
def test_bad_input_gets_a_page(shop: ModuleType, ask: Callable[[Visitor], Response], status: int, text: str) -> None:
    """It changes nothing."""
    ada = Visitor(shop)
    ada.get()
    _is_page(ask(ada), status, text)
    ada.get()
    assert ada.shown("version") == "1"


@pytest.mark.parametrize("click", ["garbage", "cart:<b>:1.0:1.0::", "none::1.0:1.0::", "cart::1.0:1.0::never"])
def test_a_forged_click_is_not_shown(shop: ModuleType, click: str) -> None:
    """Nor does it fail."""
    ada = Visitor(shop)
    ada.jar["__Host-click"] = click
    assert ada.get()["statusCode"] == 200
    assert "your click" not in ada.page


def test_a_foreign_device_is_nobodys_to_revoke(shop: ModuleType) -> None:
    """Nor is a garbled one."""
    ada, eve = Visitor(shop), Visitor(shop)
    for visitor, name in ((ada, "ada"), (eve, "eve")):
        visitor.get()
        visitor.click("login", name=name)
    for device in (ada.shown("session"), "x' OR 1", "\u202e"):
        eve.click("revoke", id=device)
        assert "logged out" not in eve.page
    ada.get()
    assert ada.shown("user") == "ada"


def test_the_teas_are_shown_without_a_store(credentials: None) -> None:  # noqa: ARG001
    """The page says why there is no cart, and the cookie stays; a form is refused with a page."""
    with loaded(table="sessions", endpoint_url=NOWHERE) as shop:
        ada, token = Visitor(shop), mint().reveal()
        ada.jar["__Host-session"] = token
        answer = ada.get()
        assert "The session store does not answer" in answer["body"]
        assert "Genmaicha" in answer["body"]
        assert "cookies" not in answer
        refused = ada.send("cart", urlencode({"tea": "Assam", "csrf_token": csrf_token_of(token)}))
        _is_page(refused, 503, "The session store does not answer")
        assert refused["headers"]["Retry-After"] == "1"


def _is_page(answer: Response, status: int, text: str) -> None:
    assert answer["statusCode"] == status
    assert text in answer["body"]
    assert answer["body"].startswith("<!doctype html>")
    assert answer["headers"]["Content-Type"] == "text/html; charset=utf-8"
    assert "default-src 'none'" in answer["headers"]["Content-Security-Policy"]
