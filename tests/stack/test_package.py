"""The package as an index would carry it: a wheel and a source distribution, made by the build backend itself."""

import email
import json
import os
import subprocess
import sys
import tarfile
import zipfile
from email.message import Message
from pathlib import Path

import pytest
from trove_classifiers import classifiers

from devstack.layout import ROOT
from devstack.template import read_template

CLIENT = ROOT / "layers" / "client"

OF_OTHERS = ("sojourn.cli.", "sojourn.adapters.django.")
"""Made of click's, rich's and Django's classes, of which the checker resolves a varying part."""

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with both."""
    target = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "hatchling", "build", "--directory", str(target)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)  # noqa: S603  # our own build
    return target


@pytest.fixture(scope="module")
def wheel(built: Path) -> zipfile.ZipFile:
    """What pip installs."""
    (found,) = built.glob("*.whl")
    return zipfile.ZipFile(found)


@pytest.fixture(scope="module")
def metadata(wheel: zipfile.ZipFile) -> Message:
    """What an index shows."""
    (name,) = (name for name in wheel.namelist() if name.endswith(".dist-info/METADATA"))
    return email.message_from_bytes(wheel.read(name))


def test_a_wheel_holds_the_client_and_nothing_else(wheel: zipfile.ZipFile) -> None:
    """Every module of the layer, the mark that it is typed, the roots of AWS's endpoints, and the licence."""
    tracked = subprocess.run(  # our own repository
        ["git", "ls-files", "layers/client/sojourn"],  # noqa: S607
        cwd=ROOT, check=True, capture_output=True, text=True,
    ).stdout.splitlines()  # fmt: skip
    expected = {str(Path(name).relative_to("layers/client")) for name in tracked}
    held = set(wheel.namelist())
    assert {name for name in held if not name.startswith("sojourn-")} == expected
    assert {"sojourn/py.typed", "sojourn/amazon-roots.pem"} <= held
    assert any(name.endswith("/licenses/LICENSE") for name in held)


def test_a_source_distribution_makes_the_same_package(built: Path) -> None:
    """The client, and what a reader and the backend need."""
    (found,) = built.glob("*.tar.gz")
    with tarfile.open(found) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert "layers/client/sojourn/amazon-roots.pem" in names
    others = {name for name in names if not name.startswith("layers/client/sojourn/")}
    assert others == {"README.md", "LICENSE", "CHANGELOG.md", "pyproject.toml", "PKG-INFO", ".gitignore"}


def test_an_index_can_show_what_it_is(metadata: Message) -> None:
    """Known classifiers, the README, an extra for each adapter, and no dependency but boto3."""
    assert set(metadata.get_all("Classifier", [])) <= classifiers
    assert metadata["Description-Content-Type"] == "text/markdown"
    assert metadata.get_payload(decode=True) == (ROOT / "README.md").read_bytes()
    assert {"asgi", "django", "encryption", "flask"} <= set(metadata.get_all("Provides-Extra", []))
    assert [name for name in metadata.get_all("Requires-Dist", []) if "extra ==" not in name] == ["boto3>=1.35.20"]


def test_the_serverless_repository_has_the_same_version(metadata: Message) -> None:
    """`sam publish` and the package index name one release; its files are there."""
    application = read_template()["Metadata"]["AWS::ServerlessRepo::Application"]
    assert (application["SemanticVersion"], application["Name"]) == (metadata["Version"], metadata["Name"])
    assert all((ROOT / application[name]).is_file() for name in ("LicenseUrl", "ReadmeUrl"))
    assert len(application["Description"]) <= 256


def test_a_type_checker_knows_what_is_public(wheel: zipfile.ZipFile, tmp_path: Path) -> None:
    """As it would find it installed: above 98 in a hundred names have a type that is written down."""
    wheel.extractall(tmp_path)  # noqa: S202  # our own
    checker = [sys.executable, "-m", "basedpyright", "--pythonpath", sys.executable, "--ignoreexternal", "--outputjson"]
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    ended = subprocess.run(  # noqa: S603  # a tool of ours
        [*checker, "--verifytypes", "sojourn"], cwd=tmp_path, env=environment, capture_output=True, check=False
    )
    completeness = json.loads(ended.stdout)["typeCompleteness"]
    names = [one for one in completeness["symbols"] if one["isExported"]]
    own = [one for one in names if not one["name"].startswith(OF_OTHERS)]
    known = [one for one in own if one["isTypeKnown"] and not one["isTypeAmbiguous"]]
    assert len(known) > 1_000
    assert len(known) / len(own) > 0.99
    assert completeness["completenessScore"] > 0.97
