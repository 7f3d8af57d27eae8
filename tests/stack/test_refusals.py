"""The emulator refuses what CloudFormation refuses, so that no deployment works on this machine alone."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import WaiterError

from devstack.clients import Clients


def exporting(value: str, *, name: str = "made-Arn") -> dict[str, Any]:
    """A template whose one output is exported."""
    return {
        "Resources": {"Kept": {"Type": "AWS::SSM::Parameter", "Properties": {"Type": "String", "Value": value}}},
        "Outputs": {"Arn": {"Value": {"Fn::GetAtt": ["Kept", "Value"]}, "Export": {"Name": name}}},
    }


IMPORTING = {
    "Resources": {
        "Taken": {
            "Type": "AWS::SSM::Parameter",
            "Properties": {"Type": "String", "Value": {"Fn::ImportValue": "made-Arn"}},
        }
    }
}


def table(*indexes: str) -> dict[str, Any]:
    """A template with a table that has these indexes."""
    keys = ["id", *indexes]
    properties: dict[str, Any] = {
        "BillingMode": "PAY_PER_REQUEST",
        "AttributeDefinitions": [{"AttributeName": key, "AttributeType": "S"} for key in keys],
        "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
    }
    if indexes:
        properties["GlobalSecondaryIndexes"] = [
            {
                "IndexName": key,
                "KeySchema": [{"AttributeName": key, "KeyType": "HASH"}],
                "Projection": {"ProjectionType": "KEYS_ONLY"},
            }
            for key in indexes
        ]
    return {"Resources": {"Table": {"Type": "AWS::DynamoDB::Table", "Properties": properties}}}


class Stacks:
    """Stacks of one emulator, deployed and, when the test is over, deleted."""

    def __init__(self, endpoint_url: str) -> None:
        self._client = Clients(endpoint_url).cloudformation
        self._names: list[str] = []

    def create(self, name: str, template: dict[str, Any]) -> None:
        """Wait until it is there."""
        self._client.create_stack(StackName=name, TemplateBody=json.dumps(template))
        self._names.append(name)
        self._client.get_waiter("stack_create_complete").wait(StackName=name, WaiterConfig={"Delay": 1})

    def update(self, name: str, template: dict[str, Any]) -> str:
        """Wait until it has ended; answers why it was refused, nothing where it was not."""
        self._client.update_stack(StackName=name, TemplateBody=json.dumps(template))
        try:
            self._client.get_waiter("stack_update_complete").wait(StackName=name, WaiterConfig={"Delay": 1})
        except WaiterError:
            events = self._client.describe_stack_events(StackName=name)["StackEvents"]
            return next(event["ResourceStatusReason"] for event in events if event["ResourceStatus"] == "UPDATE_FAILED")
        return ""

    def close(self) -> None:
        """Those that import first."""
        for name in reversed(self._names):
            self._client.delete_stack(StackName=name)
            self._client.get_waiter("stack_delete_complete").wait(StackName=name, WaiterConfig={"Delay": 1})


@pytest.fixture
def stacks(ministack: str) -> Iterator[Stacks]:
    """None yet."""
    made = Stacks(ministack)
    yield made
    made.close()


def test_an_export_that_is_imported_cannot_change(stacks: Stacks) -> None:
    """Neither its value nor its name; the same value with another template is fine."""
    stacks.create("maker", exporting("1"))
    stacks.create("taker", IMPORTING)
    assert "made-Arn cannot be updated as it is in use by taker" in stacks.update("maker", exporting("2"))
    assert "made-Arn cannot be deleted as it is in use by taker" in stacks.update("maker", exporting("1", name="other"))
    assert stacks.update("maker", {**exporting("1"), "Description": "of the second version"}) == ""


def test_an_export_that_nobody_imports_may_change(stacks: Stacks) -> None:
    """As on AWS."""
    stacks.create("alone", exporting("1"))
    assert stacks.update("alone", exporting("2")) == ""


def test_an_update_makes_one_index(stacks: Stacks) -> None:
    """A second one in the same update is refused, and two removed at once as well."""
    stacks.create("indexed", table())
    assert "more than one GSI" in stacks.update("indexed", table("a", "b"))
    assert stacks.update("indexed", table("a")) == ""
    assert stacks.update("indexed", table("a", "b")) == ""
    assert "more than one GSI" in stacks.update("indexed", table())


def test_an_index_keeps_its_keys(stacks: Stacks) -> None:
    """Another key takes another name."""
    stacks.create("keyed", table("a", "b"))
    other = table("a", "b")
    index = other["Resources"]["Table"]["Properties"]["GlobalSecondaryIndexes"][1]
    index["KeySchema"][0]["AttributeName"] = "a"
    assert "of the GSI b" in stacks.update("keyed", other)
