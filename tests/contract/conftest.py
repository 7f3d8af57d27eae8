"""What the contracts need of pytest."""

import pytest

# Contracts are plain modules; without this their assertions would fail without saying what they saw.
_CONTRACTS = (
    "boundaries",
    "contract",
    "endings",
    "indexes",
    "keeping",
    "lifetimes",
    "locking",
    "logging_in",
    "marks",
    "merging",
    "overflow",
    "rotating",
    "sealing",
    "subjects",
    "superseding",
    "sweeping",
)
for _name in _CONTRACTS:
    pytest.register_assert_rewrite(f"tests.contract.{_name}")
