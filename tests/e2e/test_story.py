"""What an operator finds in the deployed functions' logs, by a session's id alone."""

import json
from typing import Any

from devstack.clients import Clients
from devstack.signing import call
from devstack.stack import Stack
from devstack.template import read_template
from tests.e2e.conftest import until
from tests.support.insights import rows_of

QUERY: str = read_template()["Resources"]["StoryOfSessionsQuery"]["Properties"]["QueryString"]


def lines(stack: Stack, session_id: str) -> list[dict[str, Any]]:
    """Those of all functions, in the order in which they were written."""
    logs = Clients(stack.endpoint_url).logs
    found = [
        json.loads(event["message"])
        for function in ("read", "write", "expire")
        for event in logs.filter_log_events(
            logGroupName=f"/aws/lambda/{stack.stack_name}-{function}", filterPattern=f'"{session_id}"'
        )["events"]
    ]
    return sorted(found, key=lambda line: str(line["timestamp"]))


def test_a_story_is_found_in_the_deployed_functions_logs(stack: Stack) -> None:
    """Begun, logged in, rotated on another device, read, ended there; each line with what DynamoDB reported of it."""
    begun = call(stack, "POST", "/sessions", body={"data": {"cart": ["teapot"]}}).json()
    tokens = [begun["token"]]
    for route, body in (("login", {"subject": "ann@example.com"}), ("rotate", {})):
        answer = call(stack, "POST", f"/session/{route}", headers={"session-token": tokens[-1]}, body=body)
        tokens.append(answer.json()["token"])
    calls = [("GET", 1), ("GET", 2), ("DELETE", 2), ("GET", 2)]
    statuses = [
        call(stack, method, "/session", headers={"session-token": tokens[number]}).status for method, number in calls
    ]
    assert statuses == [404, 200, 204, 404]
    until(lambda: len(lines(stack, begun["id"])) == 7)
    rows = rows_of(QUERY.replace("SESSION_ID", begun["id"]), lines(stack, begun["id"]))
    assert [(row["verb"], row.get("outcome"), row.get("reason")) for row in rows] == [
        ("create", "created", None),
        ("login", "logged in", None),
        ("rotate", "rotated", None),
        ("read", "missed", "superseded"),
        ("read", None, None),
        ("expire", "ended", "logout"),
        ("read", "missed", "unknown"),
    ]
    assert [row["write_units"] > 0 for row in rows[:3]] == [True] * 3
    assert not any(secret in str(rows) for secret in ("ann@", "teapot", *(token[16:] for token in tokens)))
