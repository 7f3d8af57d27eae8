"""With the emulator's IAM on: each role may do what its policy says and nothing else, and no caller enters uninvited.

PartiQL's actions are left out: the emulator asks for others than AWS does. tests/proofs/roles has them.
"""

import json
from collections.abc import Callable
from dataclasses import replace
from itertools import count
from typing import Any, NamedTuple

import boto3
import pytest
from botocore.exceptions import ClientError

from devstack.clients import Clients
from devstack.signing import call
from devstack.stack import Credentials, Stack
from devstack.template import read_template
from tests.proofs.roles.policies import PARTITION, Call, Names, allowed, policy_of
from tests.proofs.roles.recorder import bucket_arn, table_arn

KEY = {"session_id": {"S": "default#nobody"}}
TRUST = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"}],
}


class Operation(NamedTuple):
    """Something to try: what IAM is asked for, and how, with clients of DynamoDB and of S3."""

    action: str
    where: str
    ask: Callable[[Any, Any, Stack], object]

    def call(self, stack: Stack) -> Call:
        """What a policy has to allow."""
        return Call(self.action, self.where.format(table=table_arn(stack.table), bucket=bucket_arn(stack.bucket)))


def _query(index: str | None, key: str) -> Callable[[Any, Any, Stack], object]:
    options = {"KeyConditionExpression": f"{key} = :v", "ExpressionAttributeValues": {":v": {"S": "x"}}}
    where = {} if index is None else {"IndexName": index}
    return lambda d, _, s: d.query(TableName=s.table, **options, **where)


OPERATIONS = [
    Operation("dynamodb:GetItem", "{table}", lambda d, _, s: d.get_item(TableName=s.table, Key=KEY)),
    Operation("dynamodb:PutItem", "{table}", lambda d, _, s: d.put_item(TableName=s.table, Item=KEY)),
    Operation("dynamodb:DeleteItem", "{table}", lambda d, _, s: d.delete_item(TableName=s.table, Key=KEY)),
    Operation(
        "dynamodb:UpdateItem",
        "{table}",
        lambda d, _, s: d.update_item(TableName=s.table, Key=KEY, UpdateExpression="REMOVE a"),
    ),
    Operation("dynamodb:Scan", "{table}", lambda d, _, s: d.scan(TableName=s.table)),
    Operation(
        "dynamodb:BatchGetItem", "{table}", lambda d, _, s: d.batch_get_item(RequestItems={s.table: {"Keys": [KEY]}})
    ),
    Operation(
        "dynamodb:BatchWriteItem",
        "{table}",
        lambda d, _, s: d.batch_write_item(RequestItems={s.table: [{"DeleteRequest": {"Key": KEY}}]}),
    ),
    Operation("dynamodb:DescribeTable", "{table}", lambda d, _, s: d.describe_table(TableName=s.table)),
    Operation(
        "dynamodb:PutItem",
        "{table}",
        lambda d, _, s: d.transact_write_items(TransactItems=[{"Put": {"TableName": s.table, "Item": KEY}}]),
    ),
    Operation("dynamodb:Query", "{table}", _query(None, "session_id")),
    Operation("dynamodb:Query", "{table}/index/subject", _query("subject", "subject")),
    Operation("dynamodb:Query", "{table}/index/sweep", _query("sweep", "sweep_shard")),
    Operation("s3:GetObject", "{bucket}/default/x", lambda _, b, s: b.get_object(Bucket=s.bucket, Key="default/x")),
    Operation(
        "s3:PutObject", "{bucket}/default/x", lambda _, b, s: b.put_object(Bucket=s.bucket, Key="default/x", Body=b"")
    ),
    Operation(
        "s3:DeleteObject", "{bucket}/default/x", lambda _, b, s: b.delete_object(Bucket=s.bucket, Key="default/x")
    ),
    Operation("s3:ListBucket", "{bucket}", lambda _, b, s: b.list_objects_v2(Bucket=s.bucket)),
]

PRINCIPALS = {
    "read": "ReadFunction",
    "write": "WriteFunction",
    "expire": "ExpireFunction",
    "sweep": "SweepFunction",
    "authorizer": "AuthorizerFunction",
    "client": "ClientPolicy",
}


def _is_let_through(operation: Operation, clients: tuple[Any, Any], stack: Stack) -> bool:
    """Whatever came of it."""
    try:
        operation.ask(*clients, stack)
    except ClientError as error:
        return error.response["Error"]["Code"] not in ("AccessDenied", "AccessDeniedException", "403")
    return True


def _assumed(stack: Stack, principal: str) -> tuple[Any, Any]:
    """Clients with the policies of one principal as deployed, and no others."""
    root = Clients(stack.endpoint_url)
    name = f"{stack.stack_name}-probe-{principal}"
    root.iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(TRUST))
    if principal == "client":
        root.iam.attach_role_policy(RoleName=name, PolicyArn=stack.client_policy_arn)
    else:
        for policy, document in _policies_of(stack, principal).items():
            root.iam.put_role_policy(RoleName=name, PolicyName=policy, PolicyDocument=json.dumps(document))
    arn = root.iam.get_role(RoleName=name)["Role"]["Arn"]
    session = boto3.Session(
        stack.credentials.access_key_id, stack.credentials.secret_access_key, region_name=stack.region
    )
    given = session.client("sts", endpoint_url=stack.endpoint_url).assume_role(RoleArn=arn, RoleSessionName="probe")
    keys = given["Credentials"]
    own = boto3.Session(keys["AccessKeyId"], keys["SecretAccessKey"], keys["SessionToken"], region_name=stack.region)
    return (
        own.client("dynamodb", endpoint_url=stack.endpoint_url),
        own.client("s3", endpoint_url=stack.endpoint_url),
    )


def _policies_of(stack: Stack, function: str) -> dict[str, Any]:
    """The inline policies of the role that a deployed function has."""
    session = boto3.Session(
        stack.credentials.access_key_id, stack.credentials.secret_access_key, region_name=stack.region
    )
    functions = session.client("lambda", endpoint_url=stack.endpoint_url)
    role = functions.get_function_configuration(FunctionName=f"{stack.stack_name}-{function}")["Role"]
    iam, name = Clients(stack.endpoint_url).iam, role.rpartition("/")[2]
    return {
        policy: iam.get_role_policy(RoleName=name, PolicyName=policy)["PolicyDocument"]
        for policy in iam.list_role_policies(RoleName=name)["PolicyNames"]
    }


@pytest.mark.parametrize("principal", PRINCIPALS)
def test_a_role_may_do_what_its_policy_says_and_nothing_else(stack: Stack, principal: str) -> None:
    """Every operation there is reason to fear, each as the template's policy says."""
    names = Names(
        {
            **PARTITION,
            "TableArnParameter.Value": table_arn(stack.table),
            "BucketArnParameter.Value": bucket_arn(stack.bucket),
        },
        {"HasKmsKey": False, "EndsAllAtOnce": False},
    )
    grants = names.grants(policy_of(read_template(), PRINCIPALS[principal]))
    clients = _assumed(stack, principal)
    said = [allowed(grants, operation.call(stack)) for operation in OPERATIONS]
    done = [_is_let_through(operation, clients, stack) for operation in OPERATIONS]
    assert done == said
    assert set(said) == {True, False}


ROUTES = [
    "POST /sessions",
    "GET /session",
    "PUT /session",
    "PATCH /session",
    "DELETE /session",
    "POST /session/touch",
    "POST /session/rotate",
    "POST /session/login",
    "GET /sessions?subject=ada",
    "DELETE /sessions?subject=ada",
    "DELETE /sessions/x?subject=ada",
    "POST /records",
]


@pytest.fixture(scope="module")
def caller(stack: Stack) -> Callable[[list[str]], Stack]:
    """The stack as a user sees it who may invoke the given resources."""
    iam = Clients(stack.endpoint_url).iam
    numbers = count()

    def made(resources: list[str]) -> Stack:
        name = f"caller-{next(numbers)}"
        iam.create_user(UserName=name)
        if resources:
            allow = {"Effect": "Allow", "Action": "execute-api:Invoke", "Resource": resources}
            policy = json.dumps({"Version": "2012-10-17", "Statement": [allow]})
            iam.put_user_policy(UserName=name, PolicyName="invoke", PolicyDocument=policy)
        key = iam.create_access_key(UserName=name)["AccessKey"]
        return replace(stack, credentials=Credentials(key["AccessKeyId"], key["SecretAccessKey"]))

    return made


def _refused(stack: Stack) -> list[str]:
    return [route for route in ROUTES if call(stack, *route.split()).status == 403]


def test_a_caller_without_a_permission_is_refused_by_every_route(caller: Callable[[list[str]], Stack]) -> None:
    """Signed as it is."""
    assert _refused(caller([])) == ROUTES


def test_a_caller_enters_where_it_is_permitted_and_nowhere_else(
    stack: Stack, caller: Callable[[list[str]], Stack]
) -> None:
    """One route, and whoever may enter all of them."""
    api = stack.api_url.split("/execute-api/")[1].split("/")[0]
    region, account = stack.region, PARTITION["AWS::AccountId"]
    reader = caller([f"arn:aws:execute-api:{region}:{account}:{api}/$default/GET/session"])
    assert _refused(reader) == [route for route in ROUTES if route != "GET /session"]
    assert _refused(caller([f"arn:aws:execute-api:{region}:{account}:{api}/*"])) == []


def test_a_signature_with_a_wrong_secret_is_refused(caller: Callable[[list[str]], Stack]) -> None:
    """Though the key may enter."""
    known = caller(["*"])
    assert _refused(replace(known, credentials=replace(known.credentials, secret_access_key="x" * 40))) == ROUTES
