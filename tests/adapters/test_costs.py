"""What a request costs under each adapter, as DynamoDB Local reports it; docs/adapters.md has the same table."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from django.test import override_settings

from benchmarks.costs import Bill, scene
from sojourn import Store
from sojourn.adapters.asgi import SojournMiddleware as AsgiMiddleware
from sojourn.adapters.lambda_handler import with_session
from sojourn.adapters.wsgi import SojournMiddleware as WsgiMiddleware
from tests.adapters import test_asgi, test_flask, test_lambda, test_powertools, test_wsgi
from tests.adapters.browser import Browser, Wire
from tests.adapters.django import pages
from tests.adapters.events import FRONTS

PAGE = (Path(__file__).parents[2] / "docs" / "adapters.md").read_text()
COOKIE = "__Host-session"
_HTTP = FRONTS["HTTP API 2.0"]

WIRES: dict[str, Callable[[Store], Wire]] = {
    "Lambda": lambda store: test_lambda.wire_to(with_session(store=store)(test_lambda.handled(_HTTP, store)), _HTTP),
    "Powertools": lambda store: test_powertools.routed("HTTP API 2.0", store),
    "WSGI": lambda store: test_wsgi.wire_to(WsgiMiddleware(test_wsgi.application(store), store)),
    "ASGI, FastAPI": lambda store: test_asgi.wire_to(AsgiMiddleware(test_asgi.plain(store), store)),
    "Flask": test_flask.made,
    "Django": lambda _store: pages.wire(),
}

EXPECTED: dict[str, tuple[list[str], float, float]] = {
    "anonymous visit": ([], 0, 0),
    "first thing put in": (["PutItem"], 0, 2),
    "read": (["GetItem"], 1, 0),
    "change": (["GetItem", "UpdateItem"], 1, 1),
    "login": (["GetItem", "UpdateItem"], 1, 2),
    "logout": (["GetItem", "DeleteItem"], 1, 3),
}
"""Calls, read units, write units with those of indexes, of a session of half a kilobyte."""

FORCED = {("Django", "logout"): (["DeleteItem"], 0, 3)}
"""Django's flush reads nothing before."""


@contextmanager
def measured(dynamodb_local: str, adapter: str) -> Iterator[Callable[[str], Bill]]:
    """Measures one kind of visit."""
    with ExitStack() as stack:
        opened = stack.enter_context(scene(dynamodb_local))
        store = opened.store
        stack.enter_context(override_settings(SOJOURN_STORE=lambda: store))
        wire = WIRES[adapter](store)

        def visit(case: str) -> Bill:
            browser = Browser(wire)
            if case not in ("anonymous visit", "first thing put in"):
                subject = "ada" if case == "logout" else None
                browser.jar[COOKIE] = store.create({"cart": "tea" * 100}, subject=subject).token
            path = {"first thing put in": "put/a/1", "change": "put/a/1", "login": "login/ada", "logout": "logout"}
            return opened.meter.of(lambda: browser.get(f"/{path.get(case, 'show')}"))

        yield visit


@pytest.mark.usefixtures("credentials")
@pytest.mark.parametrize("adapter", WIRES)
def test_a_request_costs_what_the_page_says(dynamodb_local: str, adapter: str) -> None:
    """No call more than it takes, and no write for a visitor who only looks."""
    with measured(dynamodb_local, adapter) as visit:
        for case, expected in EXPECTED.items():
            bill = visit(case)
            calls, read, written = FORCED.get((adapter, case), expected)
            assert (bill.calls, bill.read) == (calls, read), case
            assert bill.written + bill.index_written == written, case


def test_the_page_has_the_table() -> None:
    """As it was measured."""
    for case, (calls, read, written) in EXPECTED.items():
        names = ", ".join(f"`{call}`" for call in calls) or "none"
        assert f"| {case} | {names} | {read:g} | {written:g} |" in PAGE
