"""The shop of examples/shop in a real browser: its own SAM application, beside the deployed stack."""

import os
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from devstack.beside import open_shop
from devstack.layout import ROOT
from tests.proofs.canary.watch import not_watched

if TYPE_CHECKING:
    from devstack.layout import Layout
    from devstack.stack import Stack

CHROMIUM = shutil.which("chromium") or "/usr/bin/chromium"
FIREFOX = "Mozilla/5.0 (Android 15; Mobile; rv:140.0) Gecko/140.0 Firefox/140.0"
PHONE = {"width": 390, "height": 844}
SCREENSHOTS = os.environ.get("SOJOURN_SCREENSHOTS")
"""A folder for them, docs/ when they are to be made anew."""

pytestmark = pytest.mark.skipif(
    not os.environ.get("CI") and not Path(CHROMIUM).exists(), reason="no Chromium on this machine: make browser"
)


@pytest.fixture(scope="module")
def url(stack: "Stack", layout: "Layout") -> str:
    """Of the shop, deployed as ``make demo`` does it."""
    return open_shop(stack, layout)


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """Headless; it asks nobody but the shop."""
    quiet = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-sync"]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=[*quiet, "--disable-component-update"])
        yield browser
        browser.close()


@pytest.fixture
def device(chromium: Browser) -> Iterator[Callable[..., BrowserContext]]:
    """Makes devices: cookies of their own."""
    made: list[BrowserContext] = []

    def make(**options: Any) -> BrowserContext:  # noqa: ANN401  # Playwright's
        made.append(chromium.new_context(**{"viewport": {"width": 1_100, "height": 760}, **options}))
        return made[-1]

    yield make
    for context in made:
        context.close()


def at(context: BrowserContext, url: str) -> Page:
    """A tab with the shop."""
    page = context.new_page()
    page.goto(url)
    return page


def session_cookie(context: BrowserContext) -> Any:  # noqa: ANN401  # Playwright's
    """The one there is, beside that of the last click."""
    (cookie,) = (one for one in context.cookies() if one.get("name") != "__Host-click")
    return cookie


def press(page: Page, name: str) -> None:
    """A button."""
    page.get_by_role("button", name=name, exact=True).click()


def log_in(page: Page, name: str) -> None:
    """Through the form."""
    page.fill("input[name=name]", name)
    press(page, "log in")
    expect(page.locator("#user")).to_have_text(name)


def shown(page: Page, name: str) -> None:
    """Take a picture, when pictures are wanted."""
    if SCREENSHOTS:
        is_whole = page.viewport_size != PHONE
        page.screenshot(path=ROOT / SCREENSHOTS / f"{name}.png", full_page=is_whole)


def said(page: Page, text: str) -> None:
    """A note on top of the page."""
    expect(page.locator(".note").filter(has_text=text)).to_have_count(1)


def has_no_sideways_scroll(page: Page) -> bool:
    """Nothing on the page is wider than the window."""
    return bool(page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth"))


def test_a_day_in_the_shop(url: str, device: Callable[..., BrowserContext]) -> None:
    """A visitor fills a cart, logs in with it on two devices, revokes one, and logs out everywhere."""
    laptop, phone = device(), device(user_agent=FIREFOX)
    page = at(laptop, url)
    expect(page.locator("#cart")).to_have_text("nothing yet")
    page.click("button[value=Assam]")
    expect(page.locator("#cart li")).to_have_text(["1 \u00d7 Assam"])
    shown(page, "shop-visitor")
    cookie = session_cookie(laptop)
    assert (cookie["name"], cookie["path"], cookie["expires"]) == ("__Host-session", "/", -1)
    assert (cookie["secure"], cookie["httpOnly"], cookie["sameSite"]) == (True, True, "Lax")
    assert page.evaluate("document.cookie") == ""
    session_id = page.locator("#session").text_content()

    log_in(page, "ada")
    assert session_cookie(laptop)["value"] != cookie["value"]
    said(page, "a new token, and the same cart")
    expect(page.locator("#session")).to_have_text(session_id or "")
    expect(page.locator("#cart li")).to_have_text(["1 \u00d7 Assam"])

    mobile = at(phone, url)
    log_in(mobile, "ada")
    expect(mobile.locator("#cart")).to_have_text("nothing yet")
    page.reload()
    devices = page.locator("#devices li")
    expect(devices).to_have_count(2)
    expect(devices.filter(has_text="this one")).to_contain_text("Chrome on Linux")
    shown(page, "shop")

    devices.filter(has_text="Firefox on Android").get_by_role("button", name="revoke").click()
    expect(devices).to_have_count(1)
    said(page, "That device is logged out")
    mobile.reload()
    expect(mobile.locator("#user")).to_have_count(0)
    said(mobile, "is gone: nothing is stored under its id any more")

    log_in(mobile, "ada")
    press(mobile, "log out everywhere")
    expect(mobile.locator("#user")).to_have_count(0)
    page.reload()
    expect(page.locator("#user")).to_have_count(0)
    expect(page.locator("#cart")).to_have_text("nothing yet")
    said(page, "is gone")


def test_the_page_shows_what_becomes_of_its_session(url: str, device: Callable[..., BrowserContext]) -> None:
    """What a click cost, the deadlines, the version, and another tab's change."""
    context = device()
    page = at(context, url)
    other = at(context, url)
    page.click("button[value=Assam]")
    expect(page.locator("#version")).to_have_text("2")
    expect(page.locator("#idle")).to_have_text(re.compile(r"^\d\d:\d\d:\d\d UTC, in (30 min 0|29 min \d\d) s$"))
    expect(page.locator("#absolute")).to_have_text(re.compile(r"^\d\d:\d\d:\d\d UTC, in (12 h 0|11 h 59) min$"))
    # The namespace's mark comes along once a minute, in one call of another name.
    add = re.compile("^(GetItem, UpdateItem: 1 read unit, |BatchGetItem, UpdateItem: (2 read units, )?)1 write unit$")
    expect(page.locator("#click")).to_have_text(add)
    look = re.compile("^(GetItem: 1 read unit|BatchGetItem: (2 read units|no unit))$")
    expect(page.locator("#page")).to_have_text(look)
    expect(page.locator(".note")).to_have_count(0)

    other.click("button[value=Pu-Erh]")
    expect(other.locator("#cart li")).to_have_text(["1 \u00d7 Assam", "1 \u00d7 Pu-Erh"])
    said(other, "Another tab changed the cart")


def test_a_session_expires_before_the_eyes_of_its_visitor(url: str, device: Callable[..., BrowserContext]) -> None:
    """The page comes again by itself and says why; nothing comes back."""
    context = device()
    page = at(context, url)
    page.click("button[value=Assam]")
    expect(page.locator("#cart li")).to_have_count(1)
    cookie, session_id = session_cookie(context), page.locator("#session").text_content()
    press(page, "let it expire")
    expect(page.locator(".note")).to_have_text(
        re.compile(f"^Session {session_id} is gone: it was not used for its idle time."), timeout=30_000
    )
    shown(page, "shop-expired")
    expect(page.locator("#cart")).to_have_text("nothing yet")
    expect(page.locator("#session")).not_to_have_text(session_id or "")
    assert session_cookie(context)["value"] != cookie["value"]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_shop_is_tidy_on_a_phone(url: str, device: Callable[..., BrowserContext], scheme: str) -> None:
    """Nothing is cut off, whatever is on the page; its colours are those that the phone asks for."""
    page = at(device(user_agent=FIREFOX, color_scheme=scheme, viewport=PHONE), url)
    page.click("button[value='Lapsang Souchong']")
    if scheme == "dark":
        shown(page, "shop-phone-dark")
    log_in(page, "W" * 64)
    background = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (sum(int(part) for part in re.findall(r"\d+", background)[:3]) > 384) == (scheme == "light")
    assert has_no_sideways_scroll(page)
    page.goto(f"{url}nothing")
    expect(page.locator("#refusal")).to_have_text("There is no such page in this shop.")
    assert has_no_sideways_scroll(page)
    page.click("text=Back to the shop")
    expect(page.locator("#cart li")).to_have_text(["1 \u00d7 Lapsang Souchong"])


def test_a_form_from_before_a_login_gets_a_page(url: str, device: Callable[..., BrowserContext]) -> None:
    """And a way back to the shop."""
    context = device()
    page = at(context, url)
    other = at(context, url)
    log_in(page, "kim")
    other.click("button[value=Assam]")
    expect(other.locator("#refusal")).to_contain_text("This page is out of date")
    other.click("text=Back to the shop")
    expect(other.locator("#user")).to_have_text("kim")


def test_tabs_fill_one_cart_at_once(url: str, device: Callable[..., BrowserContext]) -> None:
    """Each request counts, though many are under way: with a policy of one side they are fewer."""
    context = device(bypass_csp=True)  # the page itself may send no request but its forms
    first = at(context, url)
    first.click("button[value=Assam]")
    tabs = [first, *(at(context, url) for _ in range(2))]
    for tab in tabs:
        tab.evaluate("""() => {
            const csrf_token = document.querySelector("[name=csrf_token]").value
            const body = () => new URLSearchParams({tea: "Assam", csrf_token})
            const add = () => fetch("cart", {method: "POST", body: body()}).then(one => one.status)
            window.added = Promise.all(Array.from({length: 10}, add))
        }""")
    assert [tab.evaluate("window.added") for tab in tabs] == [[200] * 10] * 3
    first.reload()
    expect(first.locator("#cart li")).to_have_text(["31 \u00d7 Assam"])


def test_a_logout_is_one_for_every_copy_of_the_cookie(url: str, device: Callable[..., BrowserContext]) -> None:
    """And going back shows no page of before."""
    context = device()
    page = at(context, url)
    log_in(page, "eve")
    thief = device()
    thief.add_cookies(context.cookies())  # type: ignore[arg-type]  # what one answers the other takes
    assert at(thief, url).locator("#user").text_content() == "eve"
    before = session_cookie(context)["value"]
    press(page, "log out")
    expect(page.locator("#user")).to_have_count(0)
    assert session_cookie(context)["value"][:16] != before[:16]
    page.go_back()
    expect(page.locator("#user")).to_have_count(0)
    expect(at(thief, url).locator("#user")).to_have_count(0)


def test_names_are_text(url: str, device: Callable[..., BrowserContext]) -> None:
    """Whatever they look like."""
    page = at(device(), url)
    with not_watched("botocore"):
        log_in(page, "<b onload=alert(1)>&amp;</b>")
