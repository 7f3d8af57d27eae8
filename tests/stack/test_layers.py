"""The layers as `sam build` leaves them: bytecode that Lambda loads as it is, and the same bytes each time."""

import importlib.util
import json
import marshal
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import botocore
import pytest

from devstack import deployment, roots
from devstack.layout import Layout, free_port
from devstack.template import read_template

LAYERS = {"ClientLayer": "sojourn", "ServiceLayer": "sojourn_service"}

RUNTIME = str(Path(botocore.__file__).parents[1])
"""Where boto3 is, which Lambda's runtime brings: behind the layers."""

LOADING = """
import importlib.util, json, pathlib, sys
package, python = sys.argv[1:3]
sys.path[:0] = sys.argv[2:]
loaded = []
for path in sorted(pathlib.Path(python).rglob("*.py")):
    name = ".".join(path.relative_to(python).with_suffix("").parts)
    importlib.util.spec_from_file_location(name, path).loader.get_code(name)
    loaded.append(str(path))
__import__(package)
print(json.dumps(loaded))
"""
"""Loads every module of a layer, whatever frameworks are there, and imports its package."""


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The folders of two builds."""
    layouts = [Layout(local=tmp_path_factory.mktemp("build"), port=free_port()) for _ in range(2)]
    for layout in layouts:
        deployment.build(layout)
    return layouts[0].build, layouts[1].build


def contents(folder: Path) -> dict[str, bytes]:
    """Every file below a folder."""
    return {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


@pytest.mark.parametrize("layer", LAYERS)
def test_a_layer_is_built_the_same_each_time(built: tuple[Path, Path], layer: str) -> None:
    """Or each deployment would make a new version of it, and of every function on it."""
    one, other = (contents(build / layer) for build in built)
    assert one == other
    assert any(name.endswith(".pyc") for name in one)


def test_the_roots_are_where_the_template_says(built: tuple[Path, Path]) -> None:
    """``AWS_CA_BUNDLE`` of a file that is not there would fail every call."""
    variables = read_template()["Globals"]["Function"]["Environment"]["Variables"]
    _, place, _ = variables["AWS_CA_BUNDLE"]["Fn::If"]
    in_the_layer = built[0] / "ClientLayer" / Path(place).relative_to("/opt")
    assert in_the_layer.read_text() == roots.written()


def unpacked(layer: Path, folder: Path) -> Path:
    """The layer as Lambda has it: through a zip that forgets times, and where nothing can be written."""
    packed = folder / "layer.zip"
    with zipfile.ZipFile(packed, "w") as archive:
        for name, content in contents(layer).items():
            archive.writestr(zipfile.ZipInfo(name, date_time=(1980, 1, 1, 0, 0, 0)), content)
    with zipfile.ZipFile(packed) as archive:
        archive.extractall(folder / layer.name)
    for file in (folder / layer.name).rglob("*"):
        os.utime(file, (1, 1))
    return folder / layer.name / "python"


def without_source(python: Path) -> None:
    """Every module that is compiled from its source fails."""
    for file in python.rglob("*.py"):
        file.write_text("this is no Python")
        os.utime(file, (2, 2))


@pytest.mark.parametrize(("layer", "package"), LAYERS.items())
def test_every_module_is_loaded_from_its_bytecode(
    built: tuple[Path, Path], tmp_path: Path, layer: str, package: str
) -> None:
    """Also where times are others than at the build, and nothing is written."""
    places = {name: unpacked(built[0] / name, tmp_path) for name in LAYERS}
    for python in places.values():
        without_source(python)
    before = contents(tmp_path)
    loaded = json.loads(
        subprocess.run(
            [sys.executable, "-S", "-c", LOADING, package, str(places[layer]), *map(str, places.values()), RUNTIME],
            capture_output=True,
            text=True,
            check=True,
        ).stdout
    )
    assert contents(tmp_path) == before
    modules = {str(file) for file in places[layer].rglob("*.py")}
    assert modules
    assert set(loaded) == modules


@pytest.mark.parametrize("layer", LAYERS)
def test_bytecode_names_the_files_of_lambda_and_looks_at_none(built: tuple[Path, Path], layer: str) -> None:
    """PEP 552: a hash in the place of the time, and no look at the source."""
    python = built[0] / layer / "python"
    for file in python.rglob("*.pyc"):
        content = file.read_bytes()
        assert content[:4] == importlib.util.MAGIC_NUMBER
        assert int.from_bytes(content[4:8], "little") == 1
        source = file.parent.parent / f"{file.name.partition('.')[0]}.py"
        assert marshal.loads(content[16:]).co_filename == f"/opt/python/{source.relative_to(python)}"  # noqa: S302  # ours


def test_a_module_without_its_bytecode_is_noticed(built: tuple[Path, Path], tmp_path: Path) -> None:
    """So the test above can fail."""
    python = unpacked(built[0] / "ClientLayer", tmp_path)
    without_source(python)
    shutil.rmtree(python / "sojourn" / "__pycache__")
    run = subprocess.run(
        [sys.executable, "-S", "-c", LOADING, "sojourn", str(python)], capture_output=True, check=False
    )
    assert run.returncode != 0
