"""The sample events under events/: each is what its function serves."""

import base64
import json
from pathlib import Path
from typing import Any, Final

import pytest

from devstack.template import read_template
from sojourn.store import Store
from sojourn.testing import FakeClock
from sojourn_service import Sweeping, Telemetry
from tests.service.gateway import FUNCTIONS, FakeContext, Gateway
from tests.service.specification import ROOT

EVENTS: Final = ROOT / "events"
SUBJECT: Final = "user-42"


def event_of(path: Path) -> Any:  # noqa: ANN401  # JSON
    """The event in a file."""
    return json.loads(path.read_text())


def requests() -> list[Path]:
    """Every event of the HTTP API."""
    return sorted(path for function in FUNCTIONS for path in (EVENTS / function).glob("*.json"))


def named(path: Path) -> str:
    """The name of a file in a test's own name."""
    return path.stem


@pytest.mark.parametrize("path", requests(), ids=named)
def test_an_event_is_served_once_its_token_is_one(gateway: Gateway, path: Path) -> None:
    """Nothing in the sample is refused but its token, which opens no session of yours."""
    session = gateway.create({"cart": []}, subject=SUBJECT)
    event = event_of(path)
    assert event["routeKey"] in [route.key for route in FUNCTIONS[path.parent.name]]
    if "session-token" in event["headers"]:
        event["headers"]["session-token"] = session["token"]
    assert gateway.deliver(event["routeKey"], event).status in (200, 201, 204, 304)


@pytest.mark.parametrize("path", requests(), ids=named)
def test_an_event_is_one_of_payload_format_2(path: Path) -> None:
    """Consistent in itself: route, path, query and body say the same in all the places where they are said."""
    event = event_of(path)
    method, template = event["routeKey"].split()
    context = event["requestContext"]
    assert event["version"] == "2.0"
    assert context["routeKey"] == event["routeKey"]
    assert (context["http"]["method"], context["http"]["path"]) == (method, event["rawPath"])
    assert template.format(**event.get("pathParameters", {})) == event["rawPath"]
    joined = "&".join(f"{name}={value}" for name, value in event.get("queryStringParameters", {}).items())
    assert joined == event["rawQueryString"]
    body = event.get("body", "")
    content = base64.b64decode(body, validate=True) if event["isBase64Encoded"] else body.encode()
    assert event["headers"]["content-length"] == str(len(content))
    assert all(name == name.lower() for name in event["headers"])


def test_every_route_has_an_event() -> None:
    """And the write function one whose body is base64-encoded."""
    events = [event_of(path) for path in requests()]
    assert {event["routeKey"] for event in events} == {route.key for routes in FUNCTIONS.values() for route in routes}
    assert any(event["isBase64Encoded"] for event in events)


@pytest.mark.parametrize("path", sorted((EVENTS / "sweep").glob("*.json")), ids=named)
def test_an_event_of_the_sweeper_starts_a_run(store: Store, telemetry: Telemetry, clock: FakeClock, path: Path) -> None:
    """Over the whole table; the dry one says so in its name."""
    store.create(idle=10)
    clock.advance(10 * 86_400)
    report = Sweeping(store, telemetry=telemetry, clock=clock).run(event_of(path), FakeContext(seconds=300))
    is_dry = path.stem == "dry-run"
    assert (report["swept"], report["due"] > 0, report["more"]) == (0 if is_dry else 1, is_dry, False)


def test_the_scheduled_event_is_what_the_schedule_sends() -> None:
    """With one group, as the template's default says."""
    properties = read_template()["Resources"]["SweepFunction"]["Properties"]["Events"]["Group0"]["Properties"]
    sent = json.loads(properties["Input"]["Fn::Sub"].replace("${SweepGroups}", "1"))
    assert event_of(EVENTS / "sweep/scheduled.json") == sent
    assert event_of(EVENTS / "sweep/dry-run.json") == sent | {"dry_run": True}
