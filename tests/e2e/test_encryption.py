"""Encryption switched on in a running stack, with the layer that is built for it."""

import io
import os
import platform
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import boto3
import pytest

from devstack import deployment
from devstack.clients import Clients
from devstack.layout import ROOT, Layout
from devstack.signing import call
from devstack.stack import Stack
from tests.e2e.conftest import OVERRIDES

pytestmark = pytest.mark.slow

LAYERS: Final = {"aarch64": "ArmLayer", "x86_64": "IntelLayer"}
CANARY: Final = "hunter2-canary"

ROUND_TRIP: Final = """
import cryptography, sys
from sojourn import Settings
from sojourn.testing import memory_store
store = memory_store(settings=Settings(encryption="required"))
assert store.read(store.create({"a": 1}).token)["a"] == 1
print(cryptography.__file__)
"""


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `sam build --config-env encryption` makes: a folder for each layer."""
    folder = tmp_path_factory.mktemp("encryption")
    subprocess.run(  # noqa: S603  # the SAM CLI of this environment
        [
            *(deployment.SAM, "build", "--config-env=encryption", f"--config-file={ROOT / 'samconfig.toml'}"),
            *(f"--template-file={ROOT / 'layers/encryption.yaml'}", f"--build-dir={folder / 'build'}"),
        ],
        cwd=folder,
        env=os.environ
        | {
            "PATH": f"{deployment.SAM.parent}{os.pathsep}{os.environ['PATH']}",
            "AWS_DEFAULT_REGION": "us-east-1",
            "SAM_CLI_TELEMETRY": "0",
            "__SAM_CLI_APP_DIR": str(folder / "sam"),
        },
        check=True,
        capture_output=True,
    )
    return folder / "build"


@pytest.fixture(scope="module")
def layer(built: Path) -> Path:
    """The one for this machine."""
    return built / LAYERS[platform.machine()]


def round_trip(layer: Path) -> subprocess.CompletedProcess[str]:
    """With nothing of this environment on the path, lest a package count that happens to be installed here."""
    path = [str(ROOT / "layers/client"), str(layer / "python")]
    program = f"import sys; sys.path += {path!r}\n{ROUND_TRIP}"
    command = [sys.executable, "-I", "-S", "-c", program]
    return subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603  # this very interpreter


def test_the_layer_is_all_that_a_bare_python_needs(layer: Path) -> None:
    """Beside the client layer."""
    assert round_trip(layer).stdout.startswith(str(layer))


def test_the_layer_of_another_architecture_is_a_wrong_setting(built: Path, layer: Path) -> None:
    """Said when the function starts, not when it has a session to read."""
    (other,) = {built / name for name in LAYERS.values()} - {layer}
    assert "sojourn.errors.ConfigurationError: SOJOURN_ENCRYPTION" in round_trip(other).stderr


def test_both_architectures_are_built(built: Path) -> None:
    """Whatever the machine that builds."""
    for machine, name in LAYERS.items():
        (code,) = (built / name / "python").glob("_cffi_backend*.so")
        assert machine in code.name


def test_a_running_stack_begins_to_encrypt_and_ends_no_session(stack: Stack, layout: Layout, layer: Path) -> None:
    """What was stored as it is is read, and encrypted when it is next written; what is new from the start."""
    old = call(stack, "POST", "/sessions", body={"data": {"secret": CANARY}}).json()
    assert CANARY.encode() in stored(stack, old["id"])
    functions = boto3.Session(
        stack.credentials.access_key_id, stack.credentials.secret_access_key, region_name=stack.region
    ).client("lambda", endpoint_url=stack.endpoint_url)
    arn = functions.publish_layer_version(LayerName="encryption", Content={"ZipFile": packed(layer)})["LayerVersionArn"]
    with deployed(layout, {"Encryption": "token", "EncryptionLayerArn": arn}):
        live = functions.get_function_configuration(FunctionName=f"{stack.stack_name}-write", Qualifier="live")
        assert arn in [attached["Arn"] for attached in live["Layers"]]
        new = call(stack, "POST", "/sessions", body={"data": {"secret": CANARY}}).json()
        assert CANARY.encode() not in stored(stack, new["id"])
        for session in (old, new):
            token = {"session-token": session["token"]}
            assert call(stack, "GET", "/session", headers=token).json()["data"] == {"secret": CANARY}
            patch = token | {"content-type": "application/merge-patch+json"}
            assert call(stack, "PATCH", "/session", headers=patch, body={"data": {"more": 1}}).status == 200
            assert CANARY.encode() not in stored(stack, session["id"])
            rotated = call(stack, "POST", "/session/rotate", headers=token, body={}).json()
            assert rotated["id"] == session["id"]
            assert CANARY.encode() not in stored(stack, session["id"])
            read = call(stack, "GET", "/session", headers={"session-token": rotated["token"]}).json()
            assert read["data"] == {"secret": CANARY, "more": 1}


@contextmanager
def deployed(layout: Layout, overrides: dict[str, str]) -> Iterator[None]:
    """The same stack with other parameters, as long as the ``with`` block."""
    try:
        deployment.deploy(layout, overrides=OVERRIDES | overrides)
        yield
    finally:
        deployment.deploy(layout, overrides=OVERRIDES | {"Encryption": "off", "EncryptionLayerArn": ""})


def packed(layer: Path) -> bytes:
    """The layer as Lambda takes it."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for file in layer.rglob("*"):
            archive.write(file, file.relative_to(layer))
    return content.getvalue()


def stored(stack: Stack, session_id: str) -> bytes:
    """What lies in the table as a session's document."""
    key = {"session_id": {"S": f"default#{session_id}"}}
    return Clients(stack.endpoint_url).dynamodb.get_item(TableName=stack.table, Key=key)["Item"]["data"]["B"]
