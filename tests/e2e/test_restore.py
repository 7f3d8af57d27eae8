"""The runbook of docs/operations.md, from a backup to a stack on the restored table."""

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from devstack import deployment
from devstack.clients import Clients
from devstack.layout import Layout, free_port
from devstack.lifecycle import temporary_stack
from devstack.signing import call
from devstack.stack import Stack
from tests.e2e.runbook import blocks, carry_out
from tests.proofs.canary.watch import not_watched

CONSUMER = (Path(__file__).parent / "consumer.yaml").read_text()


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    """Of a stack of this test's own, since it ends every session there is."""
    local = tmp_path / "local"
    local.mkdir()
    return Layout(local=local, port=free_port())


@pytest.fixture
def stack(layout: Layout) -> Iterator[Stack]:
    """As `make up` deploys it."""
    with temporary_stack(layout) as deployed:
        yield deployed


def created(stack: Stack) -> str:
    """The token of a new session."""
    return str(call(stack, "POST", "/sessions", body={"data": {"user": "ada"}, "subject": "ada"}).json()["token"])


def status(stack: Stack, token: str) -> int:
    """What reading it is answered with."""
    return call(stack, "GET", "/session", headers={"session-token": token}).status


def deploy_consumer(stack: Stack, *, anew: bool) -> str:
    """The consumer of the other tests; answers its function. Again, it is unchanged but for what it looks up."""
    client = Clients(stack.endpoint_url).cloudformation
    ask = client.create_stack if anew else client.update_stack
    ask(StackName="basket", TemplateBody=CONSUMER, Capabilities=["CAPABILITY_IAM"])
    waiter = client.get_waiter("stack_create_complete" if anew else "stack_update_complete")
    waiter.wait(StackName="basket", WaiterConfig={"Delay": 1})
    return client.describe_stacks(StackName="basket")["Stacks"][0]["Outputs"][0]["OutputValue"]


def is_found(stack: Stack, function: str, token: str) -> bool:
    """By the consumer."""
    payload = json.dumps({"token": token}).encode()
    with not_watched("botocore"):  # the token is in the event, and botocore logs whatever it sends
        answer = Clients(stack.endpoint_url).functions.invoke(FunctionName=function, Payload=payload)
    return bool(json.loads(answer["Payload"].read())["found"])


def expire_everything(stack: Stack, command: str) -> str:
    """The page's program, in a shell that has the stack's credentials."""
    surroundings = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "SOJOURN_"))}
    surroundings |= {
        "AWS_ACCESS_KEY_ID": stack.credentials.access_key_id,
        "AWS_SECRET_ACCESS_KEY": stack.credentials.secret_access_key,
        "AWS_DEFAULT_REGION": stack.region,
        "AWS_ENDPOINT_URL": stack.endpoint_url,
        "PATH": f"{deployment.SAM.parent}{os.pathsep}{os.environ['PATH']}",
    }
    run = subprocess.run(  # noqa: S603  # what the page shows
        ["/bin/bash", "-euc", command], env=surroundings, capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stderr
    return run.stdout


@pytest.mark.slow
def test_a_restored_table_brings_nobody_back(stack: Stack, layout: Layout) -> None:
    """Neither who logged out since the backup nor anybody from before; who logs in now stays, at a consumer too."""
    dynamodb = Clients(stack.endpoint_url).dynamodb
    kept, ended = created(stack), created(stack)
    consumer = deploy_consumer(stack, anew=True)
    assert is_found(stack, consumer, kept)
    made = dynamodb.create_backup(TableName=stack.table, BackupName="before")
    assert call(stack, "DELETE", "/session", headers={"session-token": ended}).status == 204

    _, from_backup, settings, expiry, pointing = blocks("Backup and restore", "bash")
    carry_out(dynamodb, from_backup, BACKUP=made["BackupDetails"]["BackupArn"])
    carry_out(dynamodb, settings)
    assert "no session lives" in expire_everything(stack, expiry)
    (override,) = [word for word in pointing.split() if word.startswith("Existing")]
    deployment.deploy(layout, overrides=dict([override.split("=")]))

    restored = deployment.describe(layout)
    assert restored.table == "sessions-restored"
    assert dynamodb.describe_time_to_live(TableName=restored.table)["TimeToLiveDescription"] == {
        "TimeToLiveStatus": "ENABLED",
        "AttributeName": "expires_at",
    }
    assert dynamodb.describe_table(TableName=restored.table)["Table"]["DeletionProtectionEnabled"]
    assert dynamodb.describe_table(TableName=stack.table)["Table"]["ItemCount"] >= 0  # it was retained
    assert [status(restored, token) for token in (kept, ended)] == [404, 404]
    new = created(restored)
    assert status(restored, new) == 200

    assert deploy_consumer(restored, anew=False) == consumer
    assert [is_found(restored, consumer, token) for token in (kept, ended, new)] == [False, False, True]
