"""What the emulator's CloudFormation drops or its IAM gets wrong, put right after a deployment.

The values come from template.yaml itself. On AWS nothing here is needed; that the template says the right thing is
the business of tests/stack.
"""

import json
from typing import TYPE_CHECKING, Any

from devstack.clients import Clients
from devstack.stack import Stack
from devstack.template import Template, read_template

if TYPE_CHECKING:
    from mypy_boto3_s3.type_defs import LifecycleRuleUnionTypeDef


def repair(stack: Stack) -> None:
    """Apply every repair. Harmless when they are all in place."""
    clients = Clients(stack.endpoint_url)
    template = read_template()
    _repair_table(clients, stack, _properties(template, "SessionsTable"))
    _repair_bucket(clients, stack, template)
    _allow_partiql(clients, stack)


def _repair_table(clients: Clients, stack: Stack, table: dict[str, Any]) -> None:
    ttl = table["TimeToLiveSpecification"]
    clients.dynamodb.update_time_to_live(
        TableName=stack.table,
        TimeToLiveSpecification={"AttributeName": ttl["AttributeName"], "Enabled": ttl["Enabled"]},
    )
    clients.dynamodb.update_continuous_backups(
        TableName=stack.table,
        PointInTimeRecoverySpecification={
            "PointInTimeRecoveryEnabled": table["PointInTimeRecoverySpecification"]["PointInTimeRecoveryEnabled"]
        },
    )
    clients.dynamodb.update_table(
        TableName=stack.table,
        SSESpecification={
            "Enabled": table["SSESpecification"]["SSEEnabled"],
            "SSEType": table["SSESpecification"]["SSEType"],
        },
    )


def _repair_bucket(clients: Clients, stack: Stack, template: Template) -> None:
    clients.s3.put_bucket_encryption(
        Bucket=stack.bucket,
        ServerSideEncryptionConfiguration={
            "Rules": [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}]
        },
    )
    days = template["Mappings"]["Retention"][str(template["Parameters"]["MaxAbsoluteSeconds"]["Default"])]["Days"]
    rules = _properties(template, "OverflowBucket")["LifecycleConfiguration"]["Rules"]
    clients.s3.put_bucket_lifecycle_configuration(
        Bucket=stack.bucket, LifecycleConfiguration={"Rules": [_lifecycle_rule(rule, days) for rule in rules]}
    )


def _lifecycle_rule(rule: dict[str, Any], days: int) -> "LifecycleRuleUnionTypeDef":
    """A rule as CloudFormation writes it, as S3 takes it."""
    if "ExpirationInDays" in rule:
        return {"ID": rule["Id"], "Status": rule["Status"], "Filter": {"Prefix": ""}, "Expiration": {"Days": days}}
    return {
        "ID": rule["Id"],
        "Status": rule["Status"],
        "Filter": {"Prefix": ""},
        "AbortIncompleteMultipartUpload": rule["AbortIncompleteMultipartUpload"],
    }


def _allow_partiql(clients: Clients, stack: Stack) -> None:
    # AWS asks for dynamodb:PartiQLDelete and PartiQLUpdate on the table, as the template grants; the emulator for
    # this, on "*".
    clients.iam.put_role_policy(
        RoleName=_role_of(clients, stack, "SweepFunction"),
        PolicyName="emulator-partiql",
        PolicyDocument=json.dumps(
            {
                "Version": "2012-10-17",
                "Statement": [
                    {
                        "Effect": "Allow",
                        "Action": ["dynamodb:ExecuteStatement", "dynamodb:BatchExecuteStatement"],
                        "Resource": "*",
                    }
                ],
            }
        ),
    )


def _role_of(clients: Clients, stack: Stack, function: str) -> str:
    detail = clients.cloudformation.describe_stack_resource(
        StackName=stack.stack_name, LogicalResourceId=f"{function}Role"
    )["StackResourceDetail"]
    return detail["PhysicalResourceId"]


def _properties(template: Template, resource: str) -> dict[str, Any]:
    properties: dict[str, Any] = template["Resources"][resource]["Properties"]
    return properties
