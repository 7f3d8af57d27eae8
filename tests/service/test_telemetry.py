"""What operators see: one line a request, counts, and never a secret."""

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from sojourn.backend import Page, Position
from sojourn.backends.memory import MemoryBackend
from sojourn.settings import Settings
from sojourn.store import Store
from sojourn.testing import FakeClock, memory_store
from sojourn.tokens import mint, reminted
from sojourn_service import Telemetry
from tests.service.conftest import Log
from tests.service.gateway import Gateway
from tests.service.test_tokens import BODIES, knock


def counts(output: str) -> dict[str, float]:
    """The metrics in what a function printed, each with its reason."""
    found: dict[str, float] = {}
    for line in output.splitlines():
        document: dict[str, Any] = json.loads(line)
        (directive,) = document["_aws"]["CloudWatchMetrics"]
        assert directive["Namespace"] == "Sojourn"
        dimensions = {"service", "reason"} & document.keys()
        assert [set(names) for names in directive["Dimensions"]] == [dimensions]
        for metric in directive["Metrics"]:
            name = " ".join([metric["Name"], *([document["reason"]] if "reason" in document else [])])
            found[name] = document[metric["Name"]]
    return found


def test_each_request_is_one_line(gateway: Gateway, log: Log) -> None:
    """Verb, route, status, time, the session's whole id, the caller and two ids to find it by."""
    session = gateway.create()
    gateway.send("GET", "/session", token=session["token"])
    created, read = log()
    assert created["verb"] == "create"
    for line in (created, read):
        assert line["session"] == session["id"]
        assert "reason" not in line
    shown = ("message", "verb", "route", "status", "caller", "request_id", "level")
    assert [read[name] for name in shown] == [
        "request",
        "read",
        "GET /session",
        200,
        "arn:aws:iam::123456789012:user/storefront",
        "JKJaXmPLvHcESHA=",
        "INFO",
    ]
    assert read["function_request_id"]
    assert read["duration_ms"] >= 0


def test_a_refusal_is_a_line_too(gateway: Gateway, log: Log) -> None:
    """With the kind of its problem."""
    gateway.send("GET", "/session", token="junk")
    (line,) = log()
    assert (line["status"], line["problem"], line["reason"]) == (404, "session-not-found", "malformed")
    assert "session" not in line


def idle(gateway: Gateway, clock: FakeClock, _store: Store) -> tuple[str, str]:
    """A token, and why it opens nothing."""
    token = gateway.create(idle=60)["token"]
    clock.advance(60)
    return token, "idle"


def absolute(gateway: Gateway, clock: FakeClock, _store: Store) -> tuple[str, str]:
    """See ``idle``."""
    token = gateway.create(absolute=60)["token"]
    clock.advance(60)
    return token, "absolute"


def unknown(_gateway: Gateway, _clock: FakeClock, _store: Store) -> tuple[str, str]:
    """See ``idle``."""
    return mint().reveal(), "unknown"


def foreign_key(gateway: Gateway, _clock: FakeClock, _store: Store) -> tuple[str, str]:
    """See ``idle``."""
    return reminted(gateway.create()["id"]).reveal(), "foreign key"


def superseded(gateway: Gateway, _clock: FakeClock, _store: Store) -> tuple[str, str]:
    """See ``idle``."""
    token = gateway.create()["token"]
    assert gateway.send("POST", "/session/rotate", token=token).status == 200
    return token, "superseded"


def revoked_by_instant(gateway: Gateway, clock: FakeClock, store: Store) -> tuple[str, str]:
    """See ``idle``."""
    token = gateway.create()["token"]
    clock.advance(1)
    store.expire_before(clock())
    return token, "revoked by instant"


ABSENCES = [idle, absolute, unknown, foreign_key, superseded, revoked_by_instant]


@pytest.mark.parametrize("absent", ABSENCES)
@pytest.mark.parametrize("route", BODIES)
def test_the_log_says_why_a_token_opened_nothing(
    gateway: Gateway,
    clock: FakeClock,
    store: Store,
    log: Log,
    route: str,
    absent: Callable[[Gateway, FakeClock, Store], tuple[str, str]],
) -> None:
    """And of which session: what no client learns. Never the token."""
    token, reason = absent(gateway, clock, store)
    knock(gateway, route, token)
    line = log()[-1]
    assert (line["status"], line["reason"], line["session"]) == (404, reason, token[4:16])
    assert token[16:] not in str(log())


def test_the_log_says_that_a_session_was_revoked_with_all_of_its_subject(
    clock: FakeClock, telemetry: Telemetry, log: Log
) -> None:
    """Where all of them end at once, the token of one finds that out before its item is removed."""

    class KeepingBackend(MemoryBackend):
        """Its index names none of the sessions, as one that lags."""

        def of_subject(self, subject: str, *, limit: int, after: Position | None = None) -> Page:  # noqa: ARG002
            """None."""
            return Page((), None)

    store = memory_store(clock=clock, backend=KeepingBackend(), settings=Settings(strict_expire_all=True))
    gateway = Gateway(store, telemetry)
    token = gateway.create(subject="ann")["token"]
    assert gateway.send("DELETE", "/sessions?subject=ann").json() == {"expired": 0, "more": False}
    assert gateway.send("GET", "/session", token=token).problem() == "session-not-found"
    assert log()[-1]["reason"] == "revoked by subject"


def test_a_logout_that_found_nothing_is_logged_with_the_reason(
    gateway: Gateway, log: Log, capsys: pytest.CaptureFixture[str]
) -> None:
    """The client gets 204 all the same; and nothing is counted as ended."""
    gateway.send("DELETE", "/session", token=mint().reveal())
    assert (log()[-1]["status"], log()[-1]["reason"]) == (204, "unknown")
    assert counts(capsys.readouterr().out) == {"SessionsMissed unknown": 1}


def test_no_line_and_no_metric_holds_what_a_client_sent(
    gateway: Gateway, log: Log, capsys: pytest.CaptureFixture[str]
) -> None:
    """No token, cookie, document, label, subject or header."""
    old = gateway.create({"card": "4111-1111"}, subject="ann@example.com", label="Ann's phone")
    headers = {"cookie": "sid=biscuit", "authorization": "AWS4-HMAC-SHA256 Signature=cafe"}
    new = gateway.send("POST", "/session/rotate", token=old["token"], headers=headers).json()
    gateway.send("GET", "/session", token=new["token"], headers=headers)
    gateway.send("PATCH", "/session", token=new["token"], body={"data": {"card": {"$date": "4111-1111"}}})
    gateway.send("POST", "/session/login", token=new["token"], body={"subject": "ann@example.com", "label": 1})
    gateway.send("GET", "/session", token=old["token"])
    gateway.send("GET", "/sessions?subject=ann%40example.com")
    gateway.send("GET", "/sessions?subject=ann%40example.com&ann=1")
    gateway.send("DELETE", f"/sessions/{new['token']}?subject=ann%40example.com")
    gateway.send("DELETE", f"/sessions/{new['id']}?subject=ann%40example.com")
    written = json.dumps(log()) + capsys.readouterr().out
    secrets = (old["token"][16:], new["token"][16:], "sjn_", "4111", "ann", "Ann", "biscuit", "cafe", "card")
    for secret in secrets:
        assert secret not in written


@pytest.mark.parametrize(
    ("route", "body", "counted"),
    [
        ("GET /session", None, {"SessionsRead": 1}),
        ("PUT /session", {"data": {}}, {"SessionsWritten": 1}),
        ("PATCH /session", {"data": {}}, {"SessionsWritten": 1}),
        ("POST /session/touch", None, {"SessionsTouched": 1}),
        ("POST /session/rotate", None, {"SessionsRotated": 1}),
        ("POST /session/login", {"subject": "ben"}, {"SessionsLoggedIn": 1}),
        ("DELETE /session", None, {"SessionsEnded logout": 1}),
        ("DELETE /sessions?subject=ann", None, {"SessionsEnded owner": 2}),
        ("GET /sessions?subject=ann", None, {}),
    ],
)
def test_verbs_are_counted(
    gateway: Gateway, capsys: pytest.CaptureFixture[str], route: str, body: object, counted: dict[str, float]
) -> None:
    """By the sessions they concern."""
    gateway.create(subject="ann")
    assert counts(capsys.readouterr().out) == {"SessionsCreated": 1}
    token = gateway.create(subject="ann")["token"]
    capsys.readouterr()
    method, url = route.split()
    gateway.send(method, url, token=token, body=body, headers={"if-match": "*"})
    assert counts(capsys.readouterr().out) == counted


def test_misses_and_conflicts_and_corrupt_sessions_are_counted(
    gateway: Gateway, backend: MemoryBackend, capsys: pytest.CaptureFixture[str]
) -> None:
    """What an alarm may be set on."""
    token = gateway.create({"a": 1})["token"]
    capsys.readouterr()
    gateway.send("GET", "/session", token="junk")
    assert counts(capsys.readouterr().out) == {"SessionsMissed malformed": 1}
    gateway.send("POST", "/session/rotate", token=token)
    capsys.readouterr()
    gateway.send("POST", "/session/rotate", token=token)
    assert counts(capsys.readouterr().out) == {"SessionsMissed superseded": 1}
    token = gateway.create({"a": 1})["token"]
    capsys.readouterr()
    gateway.send("PUT", "/session", token=token, headers={"if-match": '"9"'}, body={"data": {}})
    assert counts(capsys.readouterr().out) == {"SessionsRefused conflict": 1}
    record = backend._records[f"default#{token[4:16]}"]
    backend._records[record.session_id] = replace(record, data=b"\x80junk")
    gateway.send("GET", "/session", token=token)
    assert counts(capsys.readouterr().out) == {"SessionsRefused corrupt": 1}
