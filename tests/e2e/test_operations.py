"""The programs of docs/operations.md, run as they stand against the deployed stack."""

import json
import os
import subprocess
import sys

import boto3
import pytest

from devstack.clients import Clients
from devstack.stack import Stack
from sojourn import Settings, StoreUnavailableError, open_store
from tests.e2e.runbook import blocks

TRUST = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"}],
}


def temporary_credentials(stack: Stack) -> dict[str, str]:
    """Of a role that may invoke the API and nothing else, as a process has them in its environment."""
    iam = Clients(stack.endpoint_url).iam
    arn = iam.create_role(RoleName="passing", AssumeRolePolicyDocument=json.dumps(TRUST))["Role"]["Arn"]
    allow = {"Effect": "Allow", "Action": "execute-api:Invoke", "Resource": "*"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [allow]})
    iam.put_role_policy(RoleName="passing", PolicyName="invoke", PolicyDocument=policy)
    session = boto3.Session(
        stack.credentials.access_key_id, stack.credentials.secret_access_key, region_name=stack.region
    )
    client = session.client("sts", endpoint_url=stack.endpoint_url)
    given = client.assume_role(RoleArn=arn, RoleSessionName="passing")["Credentials"]
    return {
        "AWS_ACCESS_KEY_ID": given["AccessKeyId"],
        "AWS_SECRET_ACCESS_KEY": given["SecretAccessKey"],
        "AWS_SESSION_TOKEN": given["SessionToken"],
    }


def test_a_missing_permission_is_named_by_the_library(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    """The action and the table or the bucket, as IAM judges them here; what is allowed goes on."""
    iam = Clients(stack.endpoint_url).iam
    iam.create_user(UserName="reader")
    allow = {"Effect": "Allow", "Action": ["dynamodb:GetItem", "dynamodb:BatchGetItem"], "Resource": "*"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [allow]})
    iam.put_user_policy(UserName="reader", PolicyName="read", PolicyDocument=policy)
    key = iam.create_access_key(UserName="reader")["AccessKey"]
    for name, value in (
        ("AWS_ACCESS_KEY_ID", key["AccessKeyId"]),
        ("AWS_SECRET_ACCESS_KEY", key["SecretAccessKey"]),
        ("AWS_DEFAULT_REGION", stack.region),
    ):
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("boto3.DEFAULT_SESSION", None)  # made by an earlier test, with credentials of its own
    store = open_store(Settings(table=stack.table, bucket=stack.bucket, endpoint_url=stack.endpoint_url))
    assert store.read("sjn_" + "A" * 36) is None
    with pytest.raises(
        StoreUnavailableError, match=f"dynamodb:PutItem is not allowed on table {stack.table} in us-east-1"
    ):
        store.create({})
    with pytest.raises(StoreUnavailableError, match=f"dynamodb:Query is not allowed on table {stack.table}"):
        list(store.sessions(subject="ada"))
    with pytest.raises(StoreUnavailableError, match=f"s3:PutObject is not allowed on bucket {stack.bucket}"):
        store.create({"blob": os.urandom(100_000)})


def test_a_signed_call_with_temporary_credentials(stack: Stack) -> None:
    """With botocore and with curl, as the page has them; without the session token the key is nobody's."""
    surroundings = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")} | {
        "AWS_REGION": stack.region,
        "AWS_DEFAULT_REGION": stack.region,
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "API_URL": stack.api_url,
        **temporary_credentials(stack),
    }
    (program,) = blocks("Call it", "python")
    (command,) = blocks("Call it", "bash")

    def run(*line: str, **changes: str) -> str:
        ended = subprocess.run(  # noqa: S603  # what the page shows
            line, env=surroundings | changes, capture_output=True, text=True, check=False
        )
        return ended.stdout + ended.stderr[-500:]

    assert run(sys.executable, "-c", program) == "{'cart': ['teapot']}\n"
    # By name, as on AWS: this curl does not encode the `$default` of the path form, as a signature demands.
    api_id = stack.api_url.split("/execute-api/")[1].partition("/")[0]
    by_name = stack.endpoint_url.replace("127.0.0.1", f"{api_id}.execute-api.localhost")
    curl = ("bash", "-c", f"{command.strip()} -s")
    assert json.loads(run(*curl, API_URL=by_name))["token"]
    assert "token" not in json.loads(run(*curl, API_URL=by_name, AWS_SESSION_TOKEN=""))
