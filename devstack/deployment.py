"""The real ``sam build`` and ``sam deploy`` of template.yaml, pointed at an emulator."""

import hashlib
import os
import re
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Mapping
from pathlib import Path

from devstack.clients import Clients
from devstack.emulator import ACCESS_KEY_ID, SECRET_ACCESS_KEY, client_environment
from devstack.errors import DevstackError
from devstack.layout import REGION, ROOT, Layout
from devstack.stack import Credentials, Stack

STACK_NAME = "sojourn"
ARTIFACTS = "sojourn-artifacts"  # as in the `local` environment of samconfig.toml

SAM = Path(sys.executable).with_name("sam")
# What pip says in the middle of a page when it found no way to the pinned packages.
_UNREACHED = re.compile(r"Could not find a version that satisfies the requirement .* \(from versions: none\)")
_SOURCES = ("template.yaml", "samconfig.toml", "functions", "layers", "devstack")


def build(layout: Layout) -> None:
    """Build functions and layers into this stack's own folder, so that stacks do not fight over ``.aws-sam``."""
    run_sam(
        layout,
        "build",
        "--config-env=local",
        f"--config-file={ROOT / 'samconfig.toml'}",
        f"--template-file={ROOT / 'template.yaml'}",
        f"--build-dir={layout.build.resolve()}",
        "--cached",
        f"--cache-dir={(layout.local / 'build-cache').resolve()}",
    )


def deploy(layout: Layout, *, overrides: Mapping[str, str]) -> None:
    """Deploy what was built. ``overrides`` are template parameters on top of samconfig.toml's ``local`` ones."""
    # Creating a bucket that is there already is a success in us-east-1, on AWS as here.
    Clients(layout.endpoint_url).s3.create_bucket(Bucket=ARTIFACTS)
    run_sam(
        layout,
        "deploy",
        "--config-env=local",
        f"--config-file={ROOT / 'samconfig.toml'}",
        f"--template-file={(layout.build / 'template.yaml').resolve()}",
        *_overriding(overrides),
    )


def describe(layout: Layout) -> Stack:
    """Where everything of the deployed stack is."""
    stacks = Clients(layout.endpoint_url).cloudformation.describe_stacks(StackName=STACK_NAME)["Stacks"]
    outputs = {output["OutputKey"]: output["OutputValue"] for output in stacks[0]["Outputs"]}
    api_id = outputs["ApiUrl"].removeprefix("http://").partition(".")[0]
    return Stack(
        api_url=f"{layout.endpoint_url}/_aws/execute-api/{api_id}/$default",
        endpoint_url=layout.endpoint_url,
        region=REGION,
        table=outputs["TableName"],
        bucket=outputs["BucketName"],
        layer_arn=outputs["ClientLayerArn"],
        client_policy_arn=outputs["ClientPolicyArn"],
        stack_name=STACK_NAME,
        credentials=Credentials(ACCESS_KEY_ID, SECRET_ACCESS_KEY),
    )


def fingerprint(overrides: Mapping[str, str]) -> str:
    """Changes when anything does that ends up in the stack, so that an unchanged one is not deployed again."""
    digest = hashlib.sha256(repr(sorted(overrides.items())).encode())
    for file in sorted(_files()):
        digest.update(f"{file.relative_to(ROOT)}\0".encode())
        digest.update(hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()


def _files() -> list[Path]:
    found: list[Path] = []
    for source in (ROOT / name for name in _SOURCES):
        found += [source] if source.is_file() else [file for file in source.rglob("*") if file.is_file()]
    return [file for file in found if "__pycache__" not in file.parts]


def _overriding(overrides: Mapping[str, str]) -> list[str]:
    if not overrides:
        return []
    # The option replaces samconfig.toml's list instead of adding to it.
    merged = _local_overrides() | dict(overrides)
    return ["--parameter-overrides", *(f"{name}={shlex.quote(value)}" for name, value in merged.items())]


def _local_overrides() -> dict[str, str]:
    config = tomllib.loads((ROOT / "samconfig.toml").read_text())
    pairs: str = config["local"]["deploy"]["parameters"]["parameter_overrides"]
    return dict(pair.split("=", 1) for pair in shlex.split(pairs))


def run_sam(layout: Layout, *arguments: str) -> None:
    """Run the SAM CLI of this environment; on failure show what it printed."""
    if not SAM.exists():
        raise DevstackError(f"the SAM CLI is not installed beside {sys.executable}: make setup")
    run = subprocess.run(
        [str(SAM), *arguments],
        # SAM keeps what it downloads in .aws-sam of the working folder, whatever the options say.
        cwd=layout.local,
        env=_environment(layout),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    (layout.local / f"sam-{arguments[0]}.log").write_text(run.stdout + run.stderr)
    if run.returncode == 0:
        return
    if _UNREACHED.search(run.stdout + run.stderr):
        raise DevstackError(
            f"sam {arguments[0]} could not fetch what the layers are made of: is there a way to the package index? "
            f"What was tried is in {layout.local / f'sam-{arguments[0]}.log'}"
        )
    raise DevstackError(f"sam {arguments[0]} failed:\n{run.stdout}{run.stderr}")


def _environment(layout: Layout) -> dict[str, str]:
    environment = client_environment(layout)
    return environment | {
        # `sam build` wants the functions' own Python by that name, and this environment's is it.
        "PATH": f"{SAM.parent}{os.pathsep}{environment.get('PATH', os.defpath)}",
        "SAM_CLI_TELEMETRY": "0",
        "SAM_CLI_POLL_DELAY": "0.5",
        "__SAM_CLI_APP_DIR": str((layout.local / "sam").resolve()),
    }
