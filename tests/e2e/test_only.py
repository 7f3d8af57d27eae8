"""layers/only.yaml, deployed as its environment in samconfig.toml does it: the library's table, and its sweep."""

import json

import pytest

from devstack.clients import Clients
from devstack.deployment import run_sam
from devstack.layout import ROOT, Layout
from devstack.stack import Stack
from sojourn import Settings, open_store

NAME = "sojourn-only"


@pytest.mark.slow
def test_an_application_has_sessions_without_an_api(
    stack: Stack, layout: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It reads and writes them in the stack's table, and the deployed sweeper runs on it."""
    built, samconfig = (layout.local / "only-build").resolve(), f"--config-file={ROOT / 'samconfig.toml'}"
    template = f"--template-file={ROOT / 'layers' / 'only.yaml'}"
    run_sam(layout, "build", "--config-env=only", samconfig, template, f"--build-dir={built}")
    overrides = ("--parameter-overrides", "EnforceTls=false", "DeletionProtection=false")
    config = ("--config-env=local", samconfig, f"--stack-name={NAME}", f"--s3-prefix={NAME}")
    run_sam(layout, "deploy", *config, f"--template-file={built / 'template.yaml'}", *overrides)
    clients = Clients(stack.endpoint_url)
    described = clients.cloudformation.describe_stacks(StackName=NAME)["Stacks"][0]
    outputs = {output["OutputKey"]: output["OutputValue"] for output in described["Outputs"]}
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", stack.credentials.access_key_id)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", stack.credentials.secret_access_key)
    monkeypatch.setenv("AWS_DEFAULT_REGION", stack.region)
    store = open_store(
        Settings(table=outputs["TableName"], bucket=outputs["BucketName"], endpoint_url=stack.endpoint_url)
    )
    session = store.create({"cart": ["teapot"]})
    found = store.read(session.token)
    assert found is not None
    assert found["cart"] == ["teapot"]
    resource = clients.cloudformation.describe_stack_resource(StackName=NAME, LogicalResourceId="SweepFunction")
    function = resource["StackResourceDetail"]["PhysicalResourceId"]
    answer = clients.functions.invoke(FunctionName=function, Payload=json.dumps({"dry_run": True}))
    assert json.loads(answer["Payload"].read())["swept"] == 0
