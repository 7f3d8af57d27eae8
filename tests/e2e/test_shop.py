"""The shop of examples/shop in a real browser: its own SAM application, beside the deployed stack."""

import os
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
        made.append(chromium.new_context(viewport={"width": 1_000, "height": 520}, **options))
        return made[-1]

    yield make
    for context in made:
        context.close()


def at(context: BrowserContext, url: str) -> Page:
    """A tab with the shop."""
    page = context.new_page()
    page.goto(url)
    return page


def log_in(page: Page, name: str) -> None:
    """Through the form."""
    page.fill("input[name=name]", name)
    page.click("text=log in")
    expect(page.locator("#user")).to_have_text(name)


def shown(page: Page, name: str) -> None:
    """Take a picture, when pictures are wanted."""
    if SCREENSHOTS:
        page.screenshot(path=ROOT / SCREENSHOTS / f"{name}.png")


def test_a_day_in_the_shop(url: str, device: Callable[..., BrowserContext]) -> None:
    """A visitor fills a cart, logs in with it on two devices, revokes one, and logs out everywhere."""
    laptop, phone = device(), device(user_agent=FIREFOX)
    page = at(laptop, url)
    expect(page.locator("#cart")).to_have_text("nothing yet")
    assert laptop.cookies() == []
    page.click("button[value=Assam]")
    expect(page.locator("#cart li")).to_have_text(["1 \u00d7 Assam"])
    shown(page, "shop-visitor")
    (cookie,) = laptop.cookies()
    assert (cookie["name"], cookie["path"], cookie["expires"]) == ("__Host-session", "/", -1)
    assert (cookie["secure"], cookie["httpOnly"], cookie["sameSite"]) == (True, True, "Lax")
    assert page.evaluate("document.cookie") == ""

    log_in(page, "ada")
    (after,) = laptop.cookies()
    assert after["value"] != cookie["value"]
    expect(page.locator("#cart li")).to_have_text(["1 \u00d7 Assam"])

    mobile = at(phone, url)
    log_in(mobile, "ada")
    expect(mobile.locator("#cart")).to_have_text("nothing yet")
    page.reload()
    devices = page.locator("#devices li")
    expect(devices).to_have_count(2)
    expect(devices.filter(has_text="this one")).to_contain_text("Chrome on Linux")
    shown(page, "shop")

    devices.filter(has_text="Firefox on Android").get_by_text("revoke").click()
    expect(devices).to_have_count(1)
    mobile.reload()
    expect(mobile.locator("#user")).to_have_count(0)

    log_in(mobile, "ada")
    mobile.click("text=log out everywhere")
    expect(mobile.locator("#user")).to_have_count(0)
    page.reload()
    expect(page.locator("#user")).to_have_count(0)
    expect(page.locator("#cart")).to_have_text("nothing yet")


def test_tabs_fill_one_cart_at_once(url: str, device: Callable[..., BrowserContext]) -> None:
    """Each request counts, though many are under way: with a policy of one side they are fewer."""
    context = device(bypass_csp=True)  # the page itself may send no request but its forms
    first = at(context, url)
    first.click("button[value=Assam]")
    tabs = [first, *(at(context, url) for _ in range(2))]
    for tab in tabs:
        tab.evaluate("""() => {
            const add = () => fetch("cart", {method: "POST", body: new URLSearchParams({tea: "Assam"})})
            window.added = Promise.all(Array.from({length: 10}, add))
        }""")
    statuses = [tab.evaluate("window.added.then(all => all.map(one => one.status))") for tab in tabs]
    assert statuses == [[200] * 10] * 3
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
    page.click("text=log out >> nth=0")
    expect(page.locator("#user")).to_have_count(0)
    assert context.cookies() == []
    page.go_back()
    expect(page.locator("#user")).to_have_count(0)
    expect(at(thief, url).locator("#user")).to_have_count(0)


def test_names_are_text(url: str, device: Callable[..., BrowserContext]) -> None:
    """Whatever they look like."""
    page = at(device(), url)
    with not_watched("botocore"):
        log_in(page, "<b onload=alert(1)>&amp;</b>")
