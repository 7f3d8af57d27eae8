"""A running stack as others see it: where everything is and who may speak. Starts nothing."""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path

from devstack.errors import DevstackError


@dataclass(frozen=True, slots=True)
class Credentials:
    """An AWS access key."""

    access_key_id: str
    secret_access_key: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Stack:
    """The contents of ``stack.json``. ``api_url`` is in the path form, which needs no name resolution."""

    api_url: str
    endpoint_url: str
    region: str
    table: str
    bucket: str
    layer_arn: str
    client_policy_arn: str
    stack_name: str
    credentials: Credentials

    @classmethod
    def load(cls, file: Path) -> "Stack":
        """The stack that ``make up`` described in ``file``."""
        try:
            content = json.loads(file.read_text())
        except FileNotFoundError as absence:
            raise DevstackError(f"there is no {file}: make up") from absence
        return cls(**content | {"credentials": Credentials(**content["credentials"])})

    def save(self, file: Path) -> None:
        """Write the file that ``load`` reads."""
        file.write_text(json.dumps(asdict(self), indent=2) + "\n")
