"""What is done with every store alike: the requests that are measured, and the accidents that are watched."""

import json
import statistics
import threading
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from http.server import BaseHTTPRequestHandler
from typing import Any, ClassVar, Final

from benchmarks.costs import SIZES, document
from benchmarks.peers.browser import Browser, Page
from benchmarks.peers.proxy import Meter
from benchmarks.peers.stores import Server

REPEATS: Final = 5
WARM_UP: Final = 15
PATIENCE_SECONDS: Final = 20.0
_NOTE: Final = "Please ring twice, the bell is hard to hear, and leave it with the neighbours. "


@cache
def cart_of(size: int) -> dict[str, Any]:
    """What a shop knows of a visitor, of ``size`` bytes as JSON, in types that every peer keeps.

    Times are text and prices whole cents: some peers store no other types. It holds no user yet.
    """
    plain = json.loads(json.dumps(_whole(document(size)), default=str))
    cart = {key: value for key, value in plain.items() if not key.startswith("_")}
    cart["b"] = "kept"
    left = size - len(json.dumps(cart | {"note": ""}, separators=(",", ":")))
    return cart | {"note": (_NOTE * (left // len(_NOTE) + 1))[:left]}


def _whole(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _whole(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_whole(each) for each in value]
    return round(value * 100) if isinstance(value, float) else value


def large_cart() -> dict[str, Any]:
    """Half a megabyte of it."""
    return {f"cart {number}": cart_of(SIZES["100 KB"]) for number in range(5)}


class Holds:
    """Pages that wait until they are let go."""

    def __init__(self) -> None:
        self._arrived: dict[str, threading.Event] = {}
        self._released: dict[str, threading.Event] = {}
        self._lock = threading.Lock()

    def _of(self, events: dict[str, threading.Event], name: str) -> threading.Event:
        with self._lock:
            return events.setdefault(name, threading.Event())

    def hold(self, name: str) -> None:
        """Called by the page."""
        self._of(self._arrived, name).set()
        self._of(self._released, name).wait(60)

    def wait_for(self, name: str) -> None:
        """Until the page waits."""
        assert self._of(self._arrived, name).wait(60), name

    def release(self, name: str) -> None:
        """Let it go, and forget it."""
        self._of(self._released, name).set()
        with self._lock:
            self._arrived.pop(name)
            self._released.pop(name)


class HoldHandler(BaseHTTPRequestHandler):
    """How a page in another process waits."""

    holds: ClassVar[Holds]

    def do_GET(self) -> None:
        """Answer when the page may go on."""
        self.holds.hold(self.path.rpartition("/")[2])
        self.send_response(204)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # its name in the library
        """Nothing."""


@dataclass
class Stage:
    """One application on two workers, and the server of its store."""

    urls: tuple[str, str]
    server: Server
    holds: Holds
    chosen: Callable[[str], str]
    begins_with: str

    def visitor(self) -> Browser:
        """Somebody without a cookie."""
        return Browser(self.urls[0])

    def with_cart(self, cart: dict[str, Any]) -> Browser:
        """Somebody with something in the session."""
        browser = self.visitor()
        if self.begins_with:
            browser.post(self.begins_with)
        browser.post("/put", cart)
        return browser

    def member(self, cart: dict[str, Any]) -> Browser:
        """Somebody who has logged in."""
        browser = self.with_cart(cart)
        browser.post("/login?user=ada")
        return browser


def costs(stage: Stage) -> dict[str, Any]:
    """What each request costs at each size, in medians; the status where it is an error."""
    for _ in range(WARM_UP):
        stage.visitor().get("/empty")
        stage.member({"cart": 1}).get("/read")
    return {name: _costs_of(stage, cart_of(size)) for name, size in SIZES.items()}


def _costs_of(stage: Stage, cart: dict[str, Any]) -> dict[str, Any]:
    cases: dict[str, tuple[Callable[[], Browser], Callable[[Browser], Page]]] = {
        "anonymous visit": (stage.visitor, lambda browser: browser.get("/read")),
        "first thing put in": (stage.visitor, lambda browser: browser.post("/put", cart)),
        "login": (lambda: stage.with_cart(cart), lambda browser: browser.post("/login?user=ada")),
        "read": (lambda: stage.member(cart), lambda browser: browser.get("/read")),
        "change": (lambda: stage.member(cart), lambda browser: browser.post("/change?key=a&value=1")),
        "logout": (lambda: stage.member(cart), lambda browser: browser.post("/logout")),
    }
    return {name: _measured(stage, begin, act) for name, (begin, act) in cases.items()}


def _measured(stage: Stage, begin: Callable[[], Browser], act: Callable[[Browser], Page]) -> dict[str, Any]:
    seen, keeps = [], True
    empty = _counters(stage)[0]
    empty = _counters(stage)[0] - empty
    for _ in range(REPEATS):
        browser = begin()
        before, calls = _counters(stage)
        stage.server.take()
        page = act(browser)
        meter = stage.server.take()
        after, more_calls = _counters(stage)
        if page.status != 200:
            return {"status": page.status}
        seen.append((after - before, meter or Meter(more_calls[len(calls) :])))
        keeps = keeps and browser.get("/read").shown.get("b") == "kept"
    # Between two counters lies one page that does nothing, and the measured one. The least is the least disturbed.
    spent = min(seconds for seconds, _ in seen) - empty
    meters = [meter for _, meter in seen]
    found = {"calls": meters[-1].calls, "milliseconds": round(max(spent, 0) * 1_000, 2), "is_kept": keeps}
    for name in ("bytes", "read", "write"):
        found[name] = statistics.median(getattr(meter, name) for meter in meters)
    return found


def _counters(stage: Stage) -> tuple[float, list[str]]:
    shown = stage.visitor().get("/empty").shown
    return shown["cpu"], shown.get("calls", [])


def behaviours(stage: Stage) -> dict[str, Any]:
    """What becomes of a session when something goes wrong, by the name of the accident."""
    return {
        "two tabs": _two_tabs(stage),
        "slow request after logout": _late(stage),
        "forged id": _forged(stage),
        "id before login": _before_login(stage),
        "500 KB cart": _large(stage),
        "float": _float(stage),
        "expired item": _expired(stage),
    }


def _slowly(stage: Stage, browser: Browser, key: str, answers: dict[str, Page]) -> threading.Thread:
    def visit() -> None:
        answers[key] = browser.post(f"/slow?key={key}&value=1")

    thread = threading.Thread(target=visit)
    thread.start()
    stage.holds.wait_for(key)
    return thread


def _two_tabs(stage: Stage) -> dict[str, Any]:
    member, answers = stage.member({"cart": 1}), dict[str, Page]()
    threads = {key: _slowly(stage, member.tab(url), key, answers) for key, url in zip("ab", stage.urls, strict=True)}
    for key, thread in threads.items():
        stage.holds.release(key)
        thread.join()
    shown = member.get("/read").shown
    return {"statuses": [answers[key].status for key in "ab"], "kept": [key for key in "ab" if shown.get(key) == "1"]}


def _late(stage: Stage) -> dict[str, Any]:
    member, answers = stage.member({"cart": 1}), dict[str, Page]()
    kept, slow = member.tab(stage.urls[1]), member.tab(stage.urls[1])
    thread = _slowly(stage, slow, "a", answers)
    member.post("/logout")
    stage.holds.release("a")
    thread.join()
    shown = [browser.get("/read").shown for browser in (kept, slow)]
    return {
        "status": answers["a"].status,
        "user": [each.get("user") for each in shown],
        "a": [each.get("a") for each in shown],
    }


def _forged(stage: Stage) -> dict[str, Any]:
    issued = stage.with_cart({"cart": 1})
    forged = Browser(stage.urls[0], {name: stage.chosen(value) for name, value in issued.jar.items()})
    kept = forged.tab()
    page = forged.post("/change?key=a&value=forged")
    return {"status": page.status, "is_adopted": kept.get("/read").shown.get("a") == "forged"}


def _before_login(stage: Stage) -> dict[str, Any]:
    visitor = stage.with_cart({"cart": 1})
    before = visitor.tab()
    visitor.post("/login?user=ada")
    return {"opens_the_login": before.get("/read").shown.get("user") == "ada"}


def _large(stage: Stage) -> dict[str, Any]:
    browser = stage.with_cart({"a": "small"})
    page = browser.post("/put", large_cart() | {"b": "large"})
    shown = browser.get("/read").shown
    return {"status": page.status, "is_kept": shown.get("b") == "large", "is_alive": shown.get("a") == "small"}


def _float(stage: Stage) -> dict[str, Any]:
    browser = stage.with_cart({"cart": 1})
    page = browser.post("/put", {"a": 9.9})
    return {"status": page.status, "is_kept": browser.get("/read").shown.get("a") == 9.9}


def _expired(stage: Stage) -> dict[str, Any]:
    member = stage.member({"cart": 1})
    if not stage.server.age():
        return {"is_aged": False}
    return {"is_aged": True, "is_readable": member.get("/read").shown.get("user") == "ada"}


def away(stage: Stage, *, is_silent: bool) -> dict[str, Any]:
    """What a page says, and after how long, while the store refuses connections or does not answer them."""
    member = stage.member({"cart": 1})
    if not stage.server.leave(is_silent=is_silent):
        return {"is_away": False}
    page = member.get("/read", timeout=PATIENCE_SECONDS)
    stage.server.come_back()
    looks = page.status == 200 and page.shown.get("user") is None
    return {
        "is_away": True,
        "status": page.status,
        "seconds": round(page.seconds, 1),
        "looks_logged_out": looks,
        "says": page.text.strip().splitlines()[-1][:80] if page.text.strip() else "",
    }
