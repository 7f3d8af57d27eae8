"""Events as a rule of EventBridge delivers them to a queue: from the table's stream, by the deployed function."""

import json
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from jsonschema import Draft202012Validator

from devstack.layout import ROOT
from devstack.signing import call
from devstack.stack import Stack
from tests.e2e.conftest import until

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

SCHEMA = Draft202012Validator(json.loads((ROOT / "docs/events.schema.json").read_text()))

Life = Callable[[str], list[dict[str, Any]]]


@pytest.fixture(scope="module")
def life(stack: Stack) -> Iterator[Life]:
    """What was delivered so far of a session, by its id, in the order of arrival."""
    session = boto3.Session(
        stack.credentials.access_key_id, stack.credentials.secret_access_key, region_name=stack.region
    )
    events = session.client("events", endpoint_url=stack.endpoint_url)
    queues: SQSClient = session.client("sqs", endpoint_url=stack.endpoint_url)
    queue = queues.create_queue(QueueName="lives")["QueueUrl"]
    arn = queues.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    events.put_rule(Name="lives", EventPattern=json.dumps({"source": ["sojourn"]}))
    events.put_targets(Rule="lives", Targets=[{"Id": "queue", "Arn": arn}])
    delivered: list[dict[str, Any]] = []

    def seen(session_id: str) -> list[dict[str, Any]]:
        for message in queues.receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages", []):
            queues.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
            delivered.append(json.loads(message["Body"]))
        return [event for event in delivered if event["detail"]["id"] == session_id]

    yield seen
    events.remove_targets(Rule="lives", Ids=["queue"])
    events.delete_rule(Name="lives")
    queues.delete_queue(QueueUrl=queue)


def ended(life: Life, session_id: str, *, seconds: float = 60) -> list[dict[str, Any]]:
    """A whole life, once its end was delivered. At least once is promised: what came twice counts once."""
    until(lambda: any(event["detail-type"] == "SessionEnded" for event in life(session_id)), seconds=seconds)
    once = {(event["detail-type"], event["detail"]["sequence"]): event for event in life(session_id)}
    assert [list(SCHEMA.iter_errors(event)) for event in once.values()] == [[] for _ in once]
    return sorted(once.values(), key=lambda event: int(event["detail"]["sequence"]))


def test_a_whole_life_is_delivered(stack: Stack, life: Life) -> None:
    """Created, logged in, rotated and logged out over the HTTP API, and no more than these."""
    created = call(stack, "POST", "/sessions", body={"data": {"cart": ["teapot"]}, "label": "Firefox"}).json()
    body = {"subject": "ada"}
    token = call(stack, "POST", "/session/login", headers={"session-token": created["token"]}, body=body).json()[
        "token"
    ]
    call(stack, "PATCH", "/session", headers={"session-token": token}, body={"cart": []})
    token = call(stack, "POST", "/session/rotate", headers={"session-token": token}).json()["token"]
    assert call(stack, "DELETE", "/session", headers={"session-token": token}).status == 204
    events = ended(life, created["id"])
    kinds = ["SessionCreated", "SessionLoggedIn", "SessionRotated", "SessionEnded"]
    assert [event["detail-type"] for event in events] == kinds
    assert [event["detail"]["subject"] for event in events] == [None, "ada", "ada", "ada"]
    assert events[-1]["detail"]["reason"] == "ended"
    assert token[16:] not in json.dumps(events)
    assert "teapot" not in json.dumps(events)


def test_an_idle_death_by_the_sweep_is_delivered(stack: Stack, life: Life) -> None:
    """No reader came: the sweeper's statement removed it, and the record is made of that."""
    created = call(stack, "POST", "/sessions", body={"data": {}, "idle": 1}).json()
    session = boto3.Session(
        stack.credentials.access_key_id, stack.credentials.secret_access_key, region_name=stack.region
    )
    functions = session.client("lambda", endpoint_url=stack.endpoint_url)

    def is_over() -> bool:
        functions.invoke(FunctionName=f"{stack.stack_name}-sweep", Payload=b"{}")
        return len(life(created["id"])) > 1

    until(is_over, seconds=60)
    detail = ended(life, created["id"])[-1]["detail"]
    assert (detail["reason"], detail["removed_by"]) == ("idle", "request_or_sweep")
    assert detail["ended_at"] == created["expires_at"]
