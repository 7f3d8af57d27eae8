"""What operators see: one line a request, counts, and never a secret."""

import json
from dataclasses import replace
from typing import Any

import pytest

from sojourn.backends.memory import MemoryBackend
from tests.integration.conftest import Log
from tests.integration.gateway import Gateway


def counts(output: str) -> dict[str, float]:
    """The metrics in what a function printed."""
    found: dict[str, float] = {}
    for line in output.splitlines():
        document: dict[str, Any] = json.loads(line)
        (directive,) = document["_aws"]["CloudWatchMetrics"]
        assert directive["Namespace"] == "Sojourn"
        assert directive["Dimensions"] == [["service"]]
        for metric in directive["Metrics"]:
            found[metric["Name"]] = sum(document[metric["Name"]])
    return found


def test_each_request_is_one_line(gateway: Gateway, log: Log) -> None:
    """Verb, route, status, time, the session's first characters, the caller and two ids to find it by."""
    session = gateway.create()
    gateway.send("GET", "/session", token=session["token"])
    created, read = log()
    assert created["verb"] == "create"
    for line in (created, read):
        assert line["session"] == session["id"][:8] + "…"
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
    assert (line["status"], line["problem"]) == (404, "session-not-found")
    assert "session" not in line


def test_no_line_and_no_metric_holds_what_a_client_sent(
    gateway: Gateway, log: Log, capsys: pytest.CaptureFixture[str]
) -> None:
    """No token, cookie, document, label, subject or header."""
    old = gateway.create({"card": "4111-1111"}, subject="ann@example.com", label="Ann's phone")
    headers = {"cookie": "sid=biscuit", "authorization": "AWS4-HMAC-SHA256 Signature=cafe"}
    new = gateway.send("POST", "/session/rotate", token=old["token"], headers=headers).json()
    gateway.send("GET", "/session", token=new["token"], headers=headers)
    gateway.send("PATCH", "/session", token=new["token"], body={"data": {"card": {"$date": "4111-1111"}}})
    gateway.send("GET", "/subjects/ann%40example.com/sessions")
    gateway.send("DELETE", f"/subjects/ann%40example.com/sessions/{new['id']}")
    told = json.dumps(log()) + capsys.readouterr().out
    for secret in (old["token"], new["token"], "sjn_", "4111", "ann", "Ann", "biscuit", "cafe", "card"):
        assert secret not in told


@pytest.mark.parametrize(
    ("route", "body", "counted"),
    [
        ("GET /session", None, {"SessionsRead": 1}),
        ("PUT /session", {"data": {}}, {"SessionsWritten": 1}),
        ("PATCH /session", {"data": {}}, {"SessionsWritten": 1}),
        ("POST /session/touch", None, {"SessionsTouched": 1}),
        ("POST /session/rotate", None, {"SessionsRotated": 1}),
        ("DELETE /session", None, {"SessionsExpired": 1}),
        ("DELETE /subjects/ann/sessions", None, {"SessionsExpired": 2}),
        ("GET /subjects/ann/sessions", None, {}),
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
    assert counts(capsys.readouterr().out) == {"SessionsMissed": 1}
    gateway.send("PUT", "/session", token=token, headers={"if-match": '"9"'}, body={"data": {}})
    assert counts(capsys.readouterr().out) == {"Conflicts": 1}
    (record,) = backend._records.values()
    backend._records[record.session_id] = replace(record, data=b"\x80junk")
    gateway.send("GET", "/session", token=token)
    assert counts(capsys.readouterr().out) == {"CorruptSessions": 1}
