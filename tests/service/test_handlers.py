"""The entry points: thin, each its own routes, and ready without calling anything."""

import json
import os
import subprocess
import sys
from functools import cache
from typing import Any

import pytest

from tests.service.gateway import FUNCTIONS
from tests.service.specification import ROOT

PROGRAM = """
import importlib.util, json, sys
specification = importlib.util.spec_from_file_location("handler", sys.argv[1])
module = importlib.util.module_from_spec(specification)
specification.loader.exec_module(module)
print(json.dumps({
    "answer": module.handler({}, type("Context", (), {
        "aws_request_id": "1", "get_remaining_time_in_millis": lambda self: 10_000})()),
    "routes": list(module.api._routes),
    "modules": sorted(sys.modules),
}))
"""


@cache
def run(function: str) -> Any:  # noqa: ANN401  # JSON
    """A function's module in a process of its own, as Lambda starts it, without network or credentials."""
    paths = os.pathsep.join(str(ROOT / layer) for layer in ("layers/client", "layers/service"))
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": paths,
        "SOJOURN_TABLE": "sessions",
        "AWS_DEFAULT_REGION": "eu-central-1",
    }
    done = subprocess.run(  # noqa: S603  # our own program
        [sys.executable, "-c", PROGRAM, str(ROOT / "functions" / function / "handler.py")],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_function_serves_its_own_routes_and_refuses_strangers(function: str) -> None:
    """With nothing but its environment."""
    outcome = run(function)
    assert outcome["routes"] == [route.key for route in FUNCTIONS[function]]
    assert outcome["answer"]["statusCode"] == 401


@pytest.mark.parametrize("package", ["pydantic", "aws_xray_sdk", "aws_lambda_powertools.event_handler"])
def test_a_cold_start_imports_nothing_that_it_does_not_need(package: str) -> None:
    """Each of these costs 100 ms and more. docs/decisions says why we do without."""
    assert package not in run("read")["modules"]


@pytest.mark.parametrize("function", [*FUNCTIONS, "sweep", "authorizer", "events"])
def test_a_handler_is_thin(function: str) -> None:
    """What it does is elsewhere, where it can be tested."""
    assert len((ROOT / "functions" / function / "handler.py").read_text().splitlines()) < 50
