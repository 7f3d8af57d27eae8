"""``make verify`` against the deployed template, with nothing but AWS's own environment variables."""

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import count

import boto3
import pytest

from devstack.clients import Clients
from devstack.layout import ROOT
from devstack.stack import Stack
from verify.deployment import Deployment, UnreachableError
from verify.functions import report_starts
from verify.report import Report
from verify.requests import Api
from verify.routes import verify_routes
from verify.table import verify_table
from verify.units import PAGE, verify_units

Environment = dict[str, str]


@pytest.fixture(scope="module", autouse=True)
def ttl(stack: Stack) -> Iterator[None]:
    """On, as the template has it; the other tests of this folder have it off."""
    switch_ttl(stack, is_on=True)
    yield
    switch_ttl(stack, is_on=False)


@pytest.fixture
def environment(stack: Stack) -> Environment:
    """The caller's, with the stack's administrator."""
    own = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "SOJOURN_"))}
    return own | {
        "AWS_ENDPOINT_URL": stack.endpoint_url,
        "AWS_ACCESS_KEY_ID": stack.credentials.access_key_id,
        "AWS_SECRET_ACCESS_KEY": stack.credentials.secret_access_key,
        "AWS_CONFIG_FILE": os.devnull,
        "API_URL": stack.api_url,
    }


def verified(environment: Environment, stack: str, region: str = "us-east-1") -> subprocess.CompletedProcess[str]:
    """What the command did."""
    command = (sys.executable, "-m", "verify", "--stack", stack, "--region", region)
    return subprocess.run(  # noqa: S603  # this project's own
        command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )


@pytest.fixture
def deployment(stack: Stack, environment: Environment, monkeypatch: pytest.MonkeyPatch) -> Deployment:
    """The stack as the command sees it."""
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("AWS_DEFAULT_REGION", stack.region)
    return Deployment.of(stack.stack_name)


def left_behind(clients: Clients, table: str) -> tuple[list[str], list[str], list[str]]:
    """Items, functions and roles that the command could have made."""
    items = clients.dynamodb.scan(TableName=table)["Items"]
    functions = clients.functions.list_functions()["Functions"]
    roles = clients.iam.list_roles()["Roles"]
    return (
        sorted(item["session_id"]["S"] for item in items),
        [one["FunctionName"] for one in functions if "verify" in one["FunctionName"]],
        [one["RoleName"] for one in roles if "verify" in one["RoleName"]],
    )


@pytest.mark.slow
def test_a_deployed_stack_is_as_documented_and_left_as_it_was(stack: Stack, environment: Environment) -> None:
    """Every row but those of runtimes that this engine has not, and no item, object, function or role more."""
    clients = Clients(stack.endpoint_url)
    objects = clients.s3.list_objects_v2(Bucket=stack.bucket)["KeyCount"]
    before = left_behind(clients, stack.table)
    ended = verified(environment, stack.stack_name)
    assert (ended.returncode, " 0 different, 3 not tried" in ended.stdout) == (3, True), ended.stdout + ended.stderr
    for line in (
        "ok read with a replaced token 404 token-superseded",
        "ok python3.13: create, read, expire",
        "not tried python3.12 the function was run on Python 3.13.",
        "ok read, the first of a process RRU not reported, 0 + 0 WRU: BatchGetItem",
        "ok removes nothing",
        "ok login, as another 0 RRU, 1 + 2 WRU: UpdateItem",
        "GET /session median",
    ):
        assert line in " ".join(ended.stdout.split())
    after = left_behind(clients, stack.table)
    # What other tests left in the table may be swept meanwhile; this is for what was added.
    assert set(after[0]) <= set(before[0])
    assert after[1:] == before[1:]
    assert clients.s3.list_objects_v2(Bucket=stack.bucket)["KeyCount"] <= objects


def test_a_stack_that_is_not_there_is_named(environment: Environment) -> None:
    """Exit status 2, and what to check."""
    ended = verified(environment, "nowhere")
    assert ended.returncode == 2
    assert "cannot look at the stack nowhere" in ended.stderr
    assert "STACK, REGION and the credentials" in ended.stderr


def test_a_page_that_says_something_else_differs(deployment: Deployment) -> None:
    """One figure changed, one row differs, and the issue has it."""
    report, page = Report(), PAGE.read_text()
    changed = page.replace(
        "| 0.5 KB | rotate | UpdateItem | 0 | 1 | 0 |", "| 0.5 KB | rotate | UpdateItem | 0 | 3 | 0 |"
    )
    assert changed != page
    verify_units(deployment, report, page=changed)
    assert [(row.area, row.name) for row in report.differing] == [("units, 0.5 KB", "rotate")], report.table()
    assert "units, 0.5 KB: rotate: expected 0 RRU, 3 + 0 WRU" in report.issue(versions="")


def switch_ttl(stack: Stack, *, is_on: bool) -> None:
    """DynamoDB's own deletion."""
    Clients(stack.endpoint_url).dynamodb.update_time_to_live(
        TableName=stack.table, TimeToLiveSpecification={"AttributeName": "expires_at", "Enabled": is_on}
    )


def test_a_table_without_ttl_differs(stack: Stack, deployment: Deployment) -> None:
    """As a restored one comes."""
    report = Report()
    switch_ttl(stack, is_on=False)
    try:
        verify_table(deployment, report)
    finally:
        switch_ttl(stack, is_on=True)
    assert [row.name for row in report.differing] == ["TTL"]


def test_starts_are_read_from_lambdas_own_lines(stack: Stack, deployment: Deployment) -> None:
    """As AWS writes them, cold and from a snapshot; the emulator's own have no such figure."""
    logs, group = Clients(stack.endpoint_url).logs, f"/aws/lambda/{stack.stack_name}-read"
    common = (
        "REPORT RequestId: 7f1c Duration: 31.20 ms\tBilled Duration: 32 ms\tMemory Size: 512 MB\tMax Memory Used: 98 MB"
    )
    lines = [
        common,
        f"{common}\tInit Duration: 412.34 ms",
        f"{common}\tRestore Duration: 250.00 ms\tBilled Restore Duration: 2 ms",
    ]
    logs.create_log_stream(logGroupName=group, logStreamName="verify")
    now = int(time.time() * 1_000)
    events = [{"timestamp": now + number, "message": line} for number, line in enumerate(lines)]
    logs.put_log_events(logGroupName=group, logStreamName="verify", logEvents=events)  # type: ignore[arg-type]  # dicts
    report = Report()
    report_starts(deployment, report)
    (row,) = [row for row in report.rows if row.name == "read"]
    assert row.found == "2 in the last day, median 331 ms, longest 412 ms"


@pytest.fixture(scope="module")
def caller(stack: Stack) -> Callable[..., dict[str, str]]:
    """Credentials of a user that may look at stacks, and do what it is given."""
    iam, numbers = Clients(stack.endpoint_url).iam, count()

    def made(*statements: dict[str, object]) -> dict[str, str]:
        name = f"onlooker-{next(numbers)}"
        look = {"Effect": "Allow", "Action": "cloudformation:DescribeStacks", "Resource": "*"}
        policy = json.dumps({"Version": "2012-10-17", "Statement": [look, *statements]})
        iam.create_user(UserName=name)
        iam.put_user_policy(UserName=name, PolicyName="own", PolicyDocument=policy)
        key = iam.create_access_key(UserName=name)["AccessKey"]
        return {"AWS_ACCESS_KEY_ID": key["AccessKeyId"], "AWS_SECRET_ACCESS_KEY": key["SecretAccessKey"]}

    return made


def rows(table: str) -> dict[str, str]:
    """What each row says, by its name."""
    found = {}
    for line in table.splitlines():
        if line.startswith("  "):
            name, _, said = line[13:].partition("  ")
            found[name] = f"{line[2:11].strip()}: {said.strip()}"
    return found


def test_what_the_caller_may_not_do_is_not_tried(
    stack: Stack, environment: Environment, caller: Callable[..., dict[str, str]]
) -> None:
    """Neither passed nor failed: said, with the permission that is missing, and with an exit status of its own."""
    ended = verified(environment | caller(), stack.stack_name)
    assert ended.returncode == 3, ended.stdout + ended.stderr
    said = rows(ended.stdout)
    assert said["create"] == "not tried: execute-api:Invoke is not allowed on POST /sessions"
    assert said["keys and indexes"] == "not tried: dynamodb:DescribeTable is not allowed"
    assert re.fullmatch(r"not tried: lambda:\w+ is not allowed", said["a function of its own"])
    assert "dynamodb:GetItem is not allowed" in said["every verb"]
    assert "What was not tried is not proved" in ended.stdout
    assert {name for name, one in said.items() if one.startswith("ok")} == {"unsigned"}
    assert "latency" not in ended.stdout  # of a refusal says nothing of the stack


def test_nothing_that_follows_on_a_refusal_is_judged(
    stack: Stack, deployment: Deployment, caller: Callable[..., dict[str, str]]
) -> None:
    """Callers that may enter every route but one: no row differs."""
    api = stack.api_url.split("/execute-api/")[1].split("/")[0]
    arn = f"arn:aws:execute-api:{stack.region}:*:{api}/$default"
    for route in ("GET /session", "DELETE /session"):
        method, path = route.split()
        denied = {
            "Effect": "Deny",
            "Action": "execute-api:Invoke",
            "Resource": f"{arn}/{method}{path.replace('{id}', '*')}",
        }
        allowed = {"Effect": "Allow", "Action": "execute-api:Invoke", "Resource": "*"}
        key = caller(allowed, denied)
        session = boto3.Session(key["AWS_ACCESS_KEY_ID"], key["AWS_SECRET_ACCESS_KEY"], region_name=stack.region)
        report, theirs = Report(), replace(deployment, session=session)
        verify_routes(theirs, Api(theirs), report)
        assert report.differing == [], (route, report.table())
        missing = {row.found for row in report.untried if row.found.startswith("execute-api")}
        assert {f"execute-api:Invoke is not allowed on {route}"} <= missing, (route, report.table())


@pytest.mark.usefixtures("deployment")
def test_another_stack_is_not_taken_for_sojourn(stack: Stack) -> None:
    """The message says what it lacks."""
    cloudformation = Clients(stack.endpoint_url).cloudformation
    body = '{"Resources": {"Queue": {"Type": "AWS::SQS::Queue"}}}'
    cloudformation.create_stack(StackName="other", TemplateBody=body)
    with pytest.raises(UnreachableError, match="the stack other is not Sojourn's"):
        Deployment.of("other")
