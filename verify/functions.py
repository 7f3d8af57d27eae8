"""Functions that are invoked: the layer in one that is thrown away, the sweep's dry run, and how long starts take."""

import base64
import io
import json
import re
import secrets
import statistics
import time
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from botocore.exceptions import ClientError, WaiterError

from verify.deployment import Deployment
from verify.refusals import said, trying
from verify.report import Report

_LAYER: Final = "client layer"
_TRUST: Final = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}],
}
_PROGRAM: Final = """
import platform
import boto3, sojourn

store = sojourn.open_store()


def handler(event, context):
    session = store.create({"cart": ["teapot"]}, subject="verify")
    token = session.token
    read = dict(store.read(token))
    store.expire(session)
    gone = store.read(token) is None
    return {"read": read, "gone": gone, "python": platform.python_version(), "boto3": boto3.__version__}
"""
_PROPAGATION_SECONDS: Final = 60
"""How long a new role takes until Lambda may assume it and its policies count, at the most."""

_INIT: Final = re.compile(r"(?:Init|Restore) Duration: ([\d.]+) ms")
_DAY: Final = 86_400
_PAGES: Final = 5


@dataclass(frozen=True, slots=True)
class Answer:
    """What a function returned, and the end of its log."""

    payload: dict[str, Any]
    error: str | None
    log: str

    @property
    def init(self) -> str | None:
        """How long it took to start, if it had to."""
        found = _INIT.search(self.log)
        return f"{found[1]} ms" if found else None


def invoked(deployment: Deployment, function: str, event: object) -> Answer:
    """The answer to one invocation. Raises ``ClientError``."""
    response = deployment.functions.invoke(FunctionName=function, Payload=json.dumps(event).encode(), LogType="Tail")
    payload = json.loads(response["Payload"].read() or b"null")
    log = base64.b64decode(response.get("LogResult", "")).decode(errors="replace")
    return Answer(payload if isinstance(payload, dict) else {}, response.get("FunctionError"), log)


def verify_layer(deployment: Deployment, report: Report) -> None:
    """Import the layer on every runtime that it is for, with the client policy and nothing else."""
    with trying(report, _LAYER, "a function of its own"):
        version = deployment.functions.get_layer_version_by_arn(Arn=deployment.layer_arn)
        runtimes = version.get("CompatibleRuntimes", [])
        with _role(deployment, report) as role:
            for runtime in runtimes:
                try:
                    _verify_runtime(deployment, report, runtime=runtime, role=role)
                except WaiterError as error:
                    report.skip(_LAYER, runtime, said(error))


def _verify_runtime(deployment: Deployment, report: Report, *, runtime: str, role: str) -> None:
    with _function(deployment, report, runtime=runtime, role=role) as function:
        answer = _patiently(partial(invoked, deployment, function, {}))
    python = str(answer.payload.get("python", ""))
    if not answer.error and not f"python{python}".startswith(f"{runtime}."):
        report.skip(_LAYER, runtime, f"the function was run on Python {python}")
        return
    found = {name: answer.payload.get(name) for name in ("read", "gone")}
    expected = {"read": {"cart": ["teapot"]}, "gone": True}
    if answer.error:
        found = {"error": answer.payload.get("errorType"), "message": answer.payload.get("errorMessage")}
    report.compare(_LAYER, f"{runtime}: create, read, expire", expected=expected, found=found)
    if not answer.error:
        start = f", started in {answer.init}" if answer.init else ""
        report.state(_LAYER, f"{runtime}: runs", f"Python {python}, boto3 {answer.payload.get('boto3')}{start}")


@contextmanager
def _role(deployment: Deployment, report: Report) -> Iterator[str]:
    name = f"{deployment.stack}-verify-{secrets.token_hex(4)}"
    iam = deployment.iam
    arn = iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(_TRUST))["Role"]["Arn"]
    try:
        iam.attach_role_policy(RoleName=name, PolicyArn=deployment.client_policy_arn)
        yield arn
    finally:
        with suppress(ClientError):
            iam.detach_role_policy(RoleName=name, PolicyArn=deployment.client_policy_arn)
        with trying(report, _LAYER, f"remove the role {name}"):
            iam.delete_role(RoleName=name)


@contextmanager
def _function(deployment: Deployment, report: Report, *, runtime: Any, role: str) -> Iterator[str]:  # noqa: ANN401  # a literal of the stubs
    name = f"{deployment.stack}-verify-{secrets.token_hex(4)}"
    functions = deployment.functions
    variables = {
        "SOJOURN_TABLE": deployment.table,
        "SOJOURN_BUCKET": deployment.bucket,
        "SOJOURN_NAMESPACE": f"verify-{secrets.token_hex(8)}",
        "SOJOURN_ABSOLUTE_SECONDS": "600",
        "SOJOURN_IDLE_SECONDS": "600",
    }

    def create() -> object:
        return functions.create_function(
            FunctionName=name,
            Runtime=runtime,
            Role=role,
            Handler="index.handler",
            Code={"ZipFile": _archive()},
            Layers=[deployment.layer_arn],
            Timeout=30,
            MemorySize=512,
            Environment={"Variables": variables},
        )

    _until_assumable(create)
    try:
        functions.get_waiter("function_active_v2").wait(FunctionName=name)
        yield name
    finally:
        with trying(report, _LAYER, f"remove the function {name}"):
            functions.delete_function(FunctionName=name)


def _until_assumable(create: Callable[[], object]) -> None:
    """A role that was just made cannot be assumed yet; Lambda says so as an invalid parameter."""
    until = time.monotonic() + _PROPAGATION_SECONDS
    while True:
        try:
            create()
        except ClientError as error:
            is_early = "cannot be assumed" in str(error)
            if not is_early or time.monotonic() > until:
                raise
            time.sleep(2)
        else:
            return


def _patiently(invoke: Callable[[], Answer]) -> Answer:
    """The first answer that does not come from a policy that is not known everywhere yet."""
    until = time.monotonic() + _PROPAGATION_SECONDS
    while True:
        answer = invoke()
        is_early = "AccessDenied" in str(answer.payload.get("errorMessage", ""))
        if not is_early or time.monotonic() > until:
            return answer
        time.sleep(2)


def _archive() -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr(zipfile.ZipInfo("index.py"), _PROGRAM)
    return content.getvalue()


def verify_sweep(deployment: Deployment, report: Report) -> None:
    """What a sweep would do now. It counts and removes nothing."""
    area = "sweep, dry run"
    with trying(report, area, "dry run"):
        answer = invoked(deployment, f"{deployment.stack}-sweep", {"group": 0, "groups": 1, "dry_run": True})
        _report_run(answer, report, area=area)


def _report_run(answer: Answer, report: Report, *, area: str) -> None:
    if not report.compare(area, "the function's error", expected="none", found=answer.error or "none"):
        report.state(area, "it says", answer.payload.get("errorMessage"))
        return
    removed = {name: answer.payload.get(name) for name in ("swept", "moved", "left")}
    report.compare(area, "removes nothing", expected={"swept": 0, "moved": 0, "left": 0}, found=removed)
    for name in ("due", "calls", "read_units", "write_units", "more"):
        report.state(area, name, answer.payload.get(name))


def report_starts(deployment: Deployment, report: Report) -> None:
    """How long the stack's functions took to start in the last day, from Lambda's own log lines."""
    for verb in ("read", "write", "expire", "sweep"):
        with trying(report, "cold starts", verb):
            found = sorted(_starts(deployment, f"/aws/lambda/{deployment.stack}-{verb}"))
            report.state("cold starts", verb, _figures(found))


def _figures(found: list[float]) -> str:
    if not found:
        return "no log line of the last day has one"
    return f"{len(found)} in the last day, median {statistics.median(found):.0f} ms, longest {found[-1]:.0f} ms"


def _starts(deployment: Deployment, group: str) -> Iterator[float]:
    pages = deployment.logs.get_paginator("filter_log_events").paginate(
        logGroupName=group, filterPattern="REPORT", startTime=int((time.time() - _DAY) * 1000)
    )
    for number, page in enumerate(pages):
        for event in page["events"]:
            found = _INIT.search(event["message"])
            if found:
                yield float(found[1])
        if number >= _PAGES:
            return
