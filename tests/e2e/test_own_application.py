"""An application of somebody's own beside the stack: the guide's, typed as it stands, with its routes in ``Events``."""

import os
import re
import subprocess
from pathlib import Path

import pytest

from devstack import deployment
from devstack.clients import Clients
from devstack.guidance import environment
from devstack.inside.definitions import routes
from devstack.layout import ROOT
from devstack.signing import call
from devstack.stack import Stack
from tests.proofs.canary.watch import not_watched

GUIDE = (ROOT / "docs" / "guide.md").read_text()
SECTION = GUIDE.split("## Your own application on `make up`\n", 1)[1].split("\n## ", 1)[0]


def block(language: str) -> str:
    """The one code block of a language in the section."""
    (found,) = re.findall(rf"^```{language}\n(.*?)^```$", SECTION, re.DOTALL | re.MULTILINE)
    return str(found)


def deploy(stack: Stack, folder: Path) -> subprocess.CompletedProcess[str]:
    """Type the section's commands there."""
    (folder / ".local").mkdir(exist_ok=True)
    (folder / ".local" / "env").write_text(environment(stack))
    surroundings = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "SOJOURN_"))}
    surroundings |= {
        "PATH": f"{deployment.SAM.parent}{os.pathsep}{os.environ['PATH']}",
        "SAM_CLI_TELEMETRY": "0",
        "SAM_CLI_POLL_DELAY": "0.5",
        "__SAM_CLI_APP_DIR": str(folder / "sam"),
    }
    command = ["/bin/bash", "-euc", block("bash")]
    return subprocess.run(command, cwd=folder, env=surroundings, capture_output=True, text=True, check=False)  # noqa: S603


def visit(stack: Stack, path: str = "/", *, cookie: str = "") -> tuple[int, str, str]:
    """Unsigned, in the form that needs no name resolved: a status, what the page says, and the cookie."""
    described = Clients(stack.endpoint_url).cloudformation.describe_stacks(StackName="basket")["Stacks"][0]
    api_id = described["Outputs"][0]["OutputValue"].removeprefix("http://").partition(".")[0]
    there = f"/_aws/execute-api/{api_id}/$default{path}"
    with not_watched("urllib3"):
        answer = call(
            Stack(**{**{name: getattr(stack, name) for name in stack.__slots__}, "api_url": stack.endpoint_url}),
            "GET",
            there,
            headers={"cookie": cookie} if cookie else None,
            is_signed=False,
        )
    kept = answer.headers.get("Set-Cookie", "").partition(";")[0]
    return answer.status, answer.body.decode(), kept


@pytest.mark.slow
def test_the_guides_application_answers(stack: Stack, tmp_path: Path) -> None:
    """With a session of the stack's; and after a second deployment with another route, on both."""
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "basket.py").write_text(block("python"))
    (tmp_path / "template.yaml").write_text(block("yaml"))
    deployed = deploy(stack, tmp_path)
    assert deployed.returncode == 0, deployed.stdout + deployed.stderr
    status, said, cookie = visit(stack)
    assert (status, said) == (200, "visit 1")
    assert visit(stack, cookie=cookie)[:2] == (200, "visit 2")
    assert visit(stack, "/other")[0] == 404

    more = "\n        Other: {Type: HttpApi, Properties: {Path: /other, Method: get}}\n\nOutputs:"
    (tmp_path / "template.yaml").write_text(block("yaml").replace("\n\nOutputs:", more))
    deployed = deploy(stack, tmp_path)
    assert deployed.returncode == 0, deployed.stdout + deployed.stderr
    assert [visit(stack, path, cookie=cookie)[0] for path in ("/", "/other")] == [200, 200]

    guarded = block("yaml").replace("Method: get}", "Method: get, Auth: {Authorizer: Jwt}}")
    authorizer = "{IdentitySource: $request.header.Authorization, JwtConfiguration: {issuer: https://i, audience: [a]}}"
    glob = f"Globals: {{HttpApi: {{Auth: {{Authorizers: {{Jwt: {authorizer}}}}}}}}}\n\nParameters:"
    (tmp_path / "template.yaml").write_text(guarded.replace("Parameters:", glob, 1))
    refused = deploy(stack, tmp_path)
    assert refused.returncode != 0
    # SAM prints it too, in a column of a table.
    events = Clients(stack.endpoint_url).cloudformation.describe_stack_events(StackName="basket")["StackEvents"]
    assert any("has an authorizer that is not IAM" in event.get("ResourceStatusReason", "") for event in events)
    assert visit(stack, "/other")[0] == 200  # rolled back


LAMBDA = (
    "arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/arn:aws:lambda:us-east-1:1:function:f/invocations"
)
PROXY = {"x-amazon-apigateway-integration": {"type": "aws_proxy", "uri": LAMBDA, "payloadFormatVersion": "2.0"}}


@pytest.mark.parametrize(
    ("path", "method", "key"),
    [
        ("/", "get", "GET /"),
        ("/{proxy+}", "x-amazon-apigateway-any-method", "ANY /{proxy+}"),
        ("/$default", "x-amazon-apigateway-any-method", "$default"),
    ],
)
def test_a_definitions_paths_are_routes(path: str, method: str, key: str) -> None:
    """As API Gateway names them; signed where the operation asks for IAM."""
    (route,) = routes({"paths": {path: {method: PROXY}}})
    assert (route.key, route.is_signed, route.function.endswith(":function:f")) == (key, False, True)
    (route,) = routes({"paths": {path: {method: {**PROXY, "security": [{"AWS_IAM": []}]}}}})
    assert route.is_signed


def test_what_cannot_be_carried_over_is_refused() -> None:
    """Another authorizer, and an integration that calls no function."""
    for operation in (
        {**PROXY, "security": [{"Jwt": []}]},
        {"x-amazon-apigateway-integration": {"type": "http_proxy"}},
    ):
        with pytest.raises(ValueError, match=r"devstack: GET / "):
            list(routes({"paths": {"/": {"get": operation}}}))
