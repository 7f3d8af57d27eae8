"""The sweeper: started by its schedule, and by hand as `sam remote invoke --event-file` does."""

import json
from typing import Any

import boto3
import pytest

from devstack.clients import Clients
from devstack.layout import ROOT
from devstack.signing import call
from devstack.stack import Stack
from tests.e2e.conftest import until


def create(stack: Stack, *, idle: int) -> str:
    """The stored name of a new session."""
    return f"default#{call(stack, 'POST', '/sessions', body={'data': {}, 'idle': idle}).json()['id']}"


def is_stored(stack: Stack, name: str) -> bool:
    """Whether the item is in the table, dead or alive."""
    key = {"session_id": {"S": name}}
    return "Item" in Clients(stack.endpoint_url).dynamodb.get_item(TableName=stack.table, Key=key)


def invoked(stack: Stack, payload: bytes) -> Any:  # noqa: ANN401  # JSON is whatever it is
    """What the deployed sweep function returns for an event, invoked with the deployer's credentials."""
    session = boto3.Session(
        stack.credentials.access_key_id, stack.credentials.secret_access_key, region_name=stack.region
    )
    functions = session.client("lambda", endpoint_url=stack.endpoint_url)
    answer = functions.invoke(FunctionName=f"{stack.stack_name}-sweep", Payload=payload)
    return json.loads(answer["Payload"].read())


def event(name: str) -> bytes:
    """One of the sample events."""
    return (ROOT / f"events/sweep/{name}.json").read_bytes()


def test_a_dry_run_by_hand_counts_and_removes_nothing(stack: Stack) -> None:
    """The report says what is due; every session that a schedule has not swept meanwhile is still there."""
    names = [create(stack, idle=1) for _ in range(3)]
    young = create(stack, idle=1_000)

    def is_due() -> bool:
        report = invoked(stack, event("dry-run"))
        assert (report["swept"], report["moved"], report["more"]) == (0, 0, False)
        return bool(report["due"] >= sum(is_stored(stack, name) for name in names))

    until(is_due, seconds=60)
    assert is_stored(stack, young)


def test_a_run_by_hand_sweeps_what_is_stale(stack: Stack) -> None:
    """And leaves what lives; its answer is the report."""
    names, young = [create(stack, idle=1) for _ in range(30)], create(stack, idle=1_000)

    def is_swept() -> bool:
        report = invoked(stack, event("scheduled"))
        assert (report["left"], report["foreign"], report["more"]) == (0, 0, False)
        return not any(is_stored(stack, name) for name in names)

    until(is_swept, seconds=60)
    assert is_stored(stack, young)
    assert invoked(stack, event("dry-run"))["due"] == 0


@pytest.mark.parametrize("wrong", [{"group": 5, "groups": 2}, {"group": "0"}, {"dry_run": "true"}])
def test_a_wrong_event_fails_loudly(stack: Stack, wrong: dict[str, object]) -> None:
    """For an operator at a terminal, and for Lambda, which keeps it for the dead-letter queue."""
    assert "errorMessage" in invoked(stack, json.dumps(wrong).encode())


def test_a_session_that_a_login_cut_short_is_swept_in_time(stack: Stack) -> None:
    """Its place in the sweep index moved with its deadline: 30 days were promised before, a second is now."""
    visitor = call(stack, "POST", "/sessions", body={"data": {}, "idle": 2_592_000, "absolute": 2_592_000}).json()
    body = {"subject": "brief", "idle": 1, "absolute": 1}
    answer = call(stack, "POST", "/session/login", headers={"session-token": visitor["token"]}, body=body)
    assert answer.status == 200
    name = f"default#{visitor['id']}"

    def is_swept() -> bool:
        invoked(stack, event("scheduled"))
        return not is_stored(stack, name)

    until(is_swept, seconds=60)


@pytest.mark.slow
def test_the_schedule_sweeps_what_went_stale(stack: Stack) -> None:
    """A session that is never read again disappears from the table, with TTL switched off."""
    name = create(stack, idle=1)
    assert is_stored(stack, name)
    until(lambda: not is_stored(stack, name), seconds=150)
