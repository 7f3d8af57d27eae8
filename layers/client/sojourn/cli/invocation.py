"""One run of the command: its options, and the settings, store and AWS that they lead to. Decides nothing.

The environment is read here, as an application's own entry point would, and nowhere else in the command.
"""

import functools
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Concatenate, ParamSpec

import boto3
import click

from sojourn.cli.aws import Aws, RefusedError
from sojourn.cli.outcome import Outcome
from sojourn.cli.sources import Sources, resolved
from sojourn.cli.terminal import Terminal
from sojourn.errors import ConfigurationError
from sojourn.factory import open_store
from sojourn.settings import Settings
from sojourn.store import Store

P = ParamSpec("P")

_PUBLISHED = {"table": "table", "bucket": "bucket", "max_absolute_seconds": "max-absolute-seconds"}
"""Settings that a stack publishes, and the name of the SSM parameter."""

_BESIDE = ("layer-arn", "client-policy-arn")


@dataclass(frozen=True, slots=True)
class Machine:
    """What the command runs on. ``clock`` returns epoch seconds."""

    environment: Mapping[str, str] = field(default_factory=lambda: os.environ)
    clock: Callable[[], int] = lambda: int(time.time())


@dataclass(frozen=True, slots=True)
class Options:
    """What every command takes."""

    stack: str | None
    table: str | None
    namespace: str | None
    region: str | None
    profile: str | None
    is_json: bool
    assume_yes: bool


class Invocation:
    """What a command works with; each thing is made when it is first asked for."""

    def __init__(self, options: Options, machine: Machine) -> None:
        self.options = options
        self.machine = machine
        self.terminal: Terminal = Terminal(is_json=options.is_json, assume_yes=options.assume_yes)

    @property
    def now(self) -> int:
        """Epoch seconds."""
        return self.machine.clock()

    @property
    def settings(self) -> Settings:
        """The settings in force."""
        return self.sources.settings

    @cached_property
    def sources(self) -> Sources:
        """The settings, and where each comes from. Raises ``ConfigurationError``, ``RefusedError``."""
        given: dict[str, tuple[str, str]] = {}
        for name, variable in _PUBLISHED.items():
            if variable in self.published:
                given[name] = (self.published[variable], f"stack {self.options.stack}")
        for name in ("table", "namespace"):
            value = getattr(self.options, name)
            if value is not None:
                given[name] = (value, f"--{name}")
        return resolved(self.machine.environment, given)

    @cached_property
    def published(self) -> Mapping[str, str]:
        """What the stack publishes, by the last part of its name; empty where no stack is given."""
        stack = self.options.stack
        if stack is None:
            return {}
        names = [f"/{stack}/{name}" for name in (*_PUBLISHED.values(), *_BESIDE)]
        answer = self._aws(None).call("ssm", "get_parameters", place=f"SSM parameters /{stack}/…", Names=names)
        found = {one["Name"].rpartition("/")[2]: one["Value"] for one in answer["Parameters"]}
        if "table" not in found:
            region = self._aws(None).region
            raise RefusedError("", f"there is no stack {stack} in {region}: it has no SSM parameter /{stack}/table")
        return found

    @cached_property
    def aws(self) -> Aws:
        """AWS beside the store."""
        return self._aws(self.settings.endpoint_url)

    @cached_property
    def store(self) -> Store:
        """The store. Raises ``ConfigurationError``."""
        if self.settings.records_url is None:
            self.demand_table("this")
        for sentence in self.sources.unknown:
            self.terminal.say(sentence, style="yellow")
        return self.opened(self.settings)

    def opened(self, settings: Settings) -> Store:
        """A store for other settings, by the same credentials. Raises ``ConfigurationError``."""
        # The library's clients are of boto3's default session, as they are in an application.
        boto3.setup_default_session(region_name=self.options.region, profile_name=self.options.profile)
        return open_store(settings)

    def demand_table(self, what: str) -> str:
        """The table's name. Raises ``ConfigurationError`` over RECORDS_URL, where ``what`` cannot be done."""
        if self.settings.records_url is not None:
            raise ConfigurationError(
                f"{what} cannot be done over SOJOURN_RECORDS_URL: it needs the table; say --stack or --table"
            )
        if self.settings.table is None:
            raise ConfigurationError("there is no table: say --stack or --table, or set SOJOURN_TABLE")
        return self.settings.table

    def _aws(self, endpoint_url: str | None) -> Aws:
        of = self.options
        return Aws(region=of.region, profile=of.profile, endpoint_url=endpoint_url, clock=self.machine.clock)


def surrounded(function: Callable[Concatenate[Invocation, P], Outcome]) -> Callable[..., None]:
    """A command with the options that all of them take; ``function`` gets them as an ``Invocation``."""

    @click.option("--stack", metavar="NAME", help="Take table and bucket from what this stack publishes.")
    @click.option("--table", metavar="NAME", help="The sessions table, in the place of SOJOURN_TABLE.")
    @click.option("--namespace", metavar="NAME", help="The namespace, in the place of SOJOURN_NAMESPACE.")
    @click.option("--region", metavar="NAME", help="The AWS region; otherwise that of the environment.")
    @click.option("--profile", metavar="NAME", help="The profile of AWS credentials.")
    @click.option("--json", "is_json", is_flag=True, help="One JSON object on stdout, errors too.")
    @click.option("--yes", "assume_yes", is_flag=True, help="Do not ask.")
    @click.pass_context
    @functools.wraps(function)
    def invoked(context: click.Context, /, **given: Any) -> None:
        options = Options(**{name: given.pop(name) for name in Options.__dataclass_fields__})
        invocation = Invocation(options, context.find_object(Machine) or Machine())
        with invocation.terminal.warnings():
            outcome = function(invocation, **given)  # type: ignore[call-arg]  # click brings the function's own options
        invocation.terminal.show(context.command_path.partition(" ")[2], outcome)
        context.exit(outcome.status)

    return invoked
