"""The command as a test runs it: by click's own runner, in an environment of the test's making."""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import boto3
from click.testing import CliRunner

from devstack.emulator import ACCESS_KEY_ID, SECRET_ACCESS_KEY
from devstack.layout import REGION
from sojourn.cli.app import app
from sojourn.cli.invocation import Machine

CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": ACCESS_KEY_ID,
    "AWS_SECRET_ACCESS_KEY": SECRET_ACCESS_KEY,
    "AWS_REGION": REGION,
    "AWS_DEFAULT_REGION": REGION,
}


@dataclass(frozen=True)
class Ran:
    """What one run left."""

    status: int
    out: str
    err: str

    @property
    def answer(self) -> Any:  # noqa: ANN401  # JSON
        """The one JSON object on stdout."""
        return json.loads(self.out)

    @property
    def result(self) -> Any:  # noqa: ANN401  # JSON
        """What a machine is told."""
        return self.answer["result"]


class Command:
    """The command in one environment; what a run is given comes on top of it."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        others = [name for name in os.environ if name.startswith(("AWS_", "SOJOURN_"))]
        self.given = CREDENTIALS | dict(environment)
        self._environment: dict[str, str | None] = dict.fromkeys(others) | self.given

    def run(
        self, *words: str, typed: str = "", environment: Mapping[str, str] | None = None, machine: Machine | None = None
    ) -> Ran:
        """Run it to its end."""
        runner = CliRunner(mix_stderr=False, env=self._environment | dict(environment or {}))
        try:
            ended = runner.invoke(app, words, input=typed, obj=machine, catch_exceptions=False)
        finally:
            boto3.setup_default_session()  # the command's own is not for the tests after it
        return Ran(ended.exit_code, ended.stdout, ended.stderr)
