"""What the contracts need of pytest, and the engines' clients."""

from collections.abc import Iterator

import pytest

from devstack.emulator import ACCESS_KEY_ID, SECRET_ACCESS_KEY
from devstack.layout import REGION

# Contracts are plain modules; without this their assertions would fail without saying what they saw.
_CONTRACTS = (
    "contract",
    "endings",
    "indexes",
    "keeping",
    "lifetimes",
    "merging",
    "overflow",
    "rotating",
    "sealing",
    "subjects",
    "sweeping",
)
for _name in _CONTRACTS:
    pytest.register_assert_rewrite(f"tests.contract.{_name}")


@pytest.fixture(scope="session")
def credentials() -> Iterator[None]:
    """What the library's clients find in the environment: good for an emulator, for nothing else."""
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("AWS_ACCESS_KEY_ID", ACCESS_KEY_ID)
        environment.setenv("AWS_SECRET_ACCESS_KEY", SECRET_ACCESS_KEY)
        environment.setenv("AWS_DEFAULT_REGION", REGION)
        yield
