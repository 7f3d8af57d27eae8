"""Engines that tests share. Each starts when the first test asks for it and ends with the run."""

import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from typing import TYPE_CHECKING

import hypothesis
import pytest

from devstack import dynamodb_local as local_engine
from devstack.emulator import ACCESS_KEY_ID, SECRET_ACCESS_KEY, emulator
from devstack.errors import DevstackError
from devstack.layout import REGION, Layout, free_port
from tests.proofs.canary.watch import watching
from tests.support.guard import watch_clients

if TYPE_CHECKING:
    from tests.support.sharing import Sharing

# Wherever the library makes a client, also in a process that a test starts and that loads this file.
watch_clients()

# The same examples in every run, and no verdict that depends on how busy the machine is.
hypothesis.settings.register_profile(
    "sojourn", derandomize=True, deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("sojourn")


@pytest.fixture(scope="session")
def ministack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The endpoint URL of a bare emulator: nothing deployed, nobody's permissions judged."""
    layout = Layout(local=tmp_path_factory.mktemp("ministack"), port=free_port())
    with _or_skip(emulator(layout)) as endpoint_url:
        yield endpoint_url


@pytest.fixture(scope="session")
def dynamodb_local(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The endpoint URL of DynamoDB Local, AWS's own engine."""
    with _or_skip(local_engine.dynamodb_local(tmp_path_factory.mktemp("dynamodb-local"))) as endpoint_url:
        yield endpoint_url


@pytest.fixture(scope="session")
def credentials() -> Iterator[None]:
    """What the library's clients find in the environment: good for an emulator, for nothing else."""
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("AWS_ACCESS_KEY_ID", ACCESS_KEY_ID)
        environment.setenv("AWS_SECRET_ACCESS_KEY", SECRET_ACCESS_KEY)
        environment.setenv("AWS_DEFAULT_REGION", REGION)
        yield


@contextmanager
def _or_skip(engine: AbstractContextManager[str]) -> Iterator[str]:
    """``engine``; where it is not to be had, a reason to skip, or in CI to fail."""
    with ExitStack() as opened:
        try:
            endpoint_url = opened.enter_context(engine)
        except DevstackError as absence:
            if os.environ.get("CI") == "true":
                raise
            pytest.skip(str(absence))
        yield endpoint_url


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> "Sharing":
    """Several processes: see ``Sharing``."""
    from tests.support.sharing import Sharing  # noqa: PLC0415  # the environments of `make boto3` have no xdist

    return Sharing(config, log)


@pytest.hookimpl(wrapper=True, trylast=True)
def pytest_runtest_call() -> Iterator[None]:
    """Inside of pytest's own hooks, which set the level of the root logger."""
    with watching():
        return (yield)
