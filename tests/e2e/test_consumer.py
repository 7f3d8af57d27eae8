"""Another application's function with the layer and the client policy shares sessions with the API."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest

from devstack.signing import call
from devstack.stack import Stack
from tests.proofs.canary.watch import not_watched

Basket = Callable[[dict[str, object]], dict[str, Any]]


@pytest.fixture(scope="module")
def basket(stack: Stack) -> Iterator[Basket]:
    """The consumer, deployed beside the stack through its SSM parameters alone."""
    session = boto3.Session(
        stack.credentials.access_key_id, stack.credentials.secret_access_key, region_name=stack.region
    )
    cloudformation = session.client("cloudformation", endpoint_url=stack.endpoint_url)
    functions = session.client("lambda", endpoint_url=stack.endpoint_url)
    cloudformation.create_stack(
        StackName="basket",
        TemplateBody=(Path(__file__).parent / "consumer.yaml").read_text(),
        Capabilities=["CAPABILITY_IAM"],
    )
    cloudformation.get_waiter("stack_create_complete").wait(StackName="basket", WaiterConfig={"Delay": 1})
    outputs = cloudformation.describe_stacks(StackName="basket")["Stacks"][0]["Outputs"]

    def invoke(event: dict[str, object]) -> dict[str, Any]:
        # The token is in the event, and at DEBUG botocore logs whatever it sends.
        with not_watched("botocore"):
            answer = functions.invoke(FunctionName=outputs[0]["OutputValue"], Payload=json.dumps(event).encode())
        result: dict[str, Any] = json.loads(answer["Payload"].read())
        assert "errorMessage" not in result, result
        return result

    yield invoke
    cloudformation.delete_stack(StackName="basket")


@pytest.fixture
def token(stack: Stack) -> str:
    """A session made through the API."""
    return str(call(stack, "POST", "/sessions", body={"data": {"user": "ada"}}).json()["token"])


def test_a_consumer_reads_and_writes_the_session_that_the_api_made(stack: Stack, basket: Basket, token: str) -> None:
    """The layer and the policy are all it takes, and both sides see one session."""
    assert basket({"token": token, "put": {"cart": ["teapot"]}})["data"] == {"user": "ada", "cart": ["teapot"]}
    read = call(stack, "GET", "/session", headers={"session-token": token})
    assert read.json()["data"] == {"user": "ada", "cart": ["teapot"]}
    assert read.json()["version"] == 2


def test_a_consumer_is_not_served_a_session_that_the_api_ended(stack: Stack, basket: Basket, token: str) -> None:
    """Logged out through the API is logged out everywhere."""
    assert basket({"token": token})["found"]
    call(stack, "DELETE", "/session", headers={"session-token": token})
    assert basket({"token": token}) == {"found": False}


def test_the_client_policy_does_not_let_a_consumer_enumerate_sessions(basket: Basket) -> None:
    """A function with the layer reaches sessions whose token it has, not the whole table."""
    assert basket({"scan": True})["refused"] == "AccessDeniedException"
