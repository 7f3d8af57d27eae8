"""What can be set of the service besides the store's settings. Its only module that reads the environment."""

import os
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ServiceSettings:
    """Powertools' own variables, with defaults that make a function work without them."""

    name: str = "sojourn"
    metrics_namespace: str = "Sojourn"

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> "ServiceSettings":
        """The settings that ``POWERTOOLS_*`` variables describe; an empty variable counts as unset."""
        given = {
            "name": environment.get("POWERTOOLS_SERVICE_NAME", ""),
            "metrics_namespace": environment.get("POWERTOOLS_METRICS_NAMESPACE", ""),
        }
        return cls(**{name: text for name, text in given.items() if text})
