"""What can be set of the service besides the store's settings. Its only module that reads the environment."""

import os
import re
from collections.abc import Mapping
from typing import Literal, get_args

from sojourn.errors import ConfigurationError
from sojourn.values import dataclass

Source = Literal["any", "cookie", "bearer", "header"]
"""Where a token for an authorizer counts: the session's cookie, ``Authorization: Bearer``, or ``Session-Token``."""


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


_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)
_TAKEN = frozenset({"id", "subject", "label", "expires_at", "absolute_at"})
_OF_THE_GATEWAY = frozenset({"principalId", "integrationLatency", "claims", "scopes"})


@dataclass(frozen=True, slots=True)
class AuthorizerSettings:
    """``keys`` of the document that the function behind the authorizer receives; the name of the session's cookie.

    ``source`` is where a token counts.
    """

    keys: tuple[str, ...] = ()
    cookie: str | None = None
    source: Source = "any"

    def __post_init__(self) -> None:
        for key in self.keys:
            if not _KEY.fullmatch(key) or key in _TAKEN | _OF_THE_GATEWAY:
                raise ConfigurationError(
                    f"AUTHORIZER_KEYS takes names of letters, digits and '_', without {', '.join(sorted(_TAKEN))}, "
                    f"which are there already, and {', '.join(sorted(_OF_THE_GATEWAY))}, which API Gateway sets; "
                    f"{key!r} is none"
                )

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> "AuthorizerSettings":
        """The settings that ``AUTHORIZER_KEYS``, separated by commas, and ``…_COOKIE`` and ``…_SOURCE`` describe."""
        named = environment.get("AUTHORIZER_KEYS", "").split(",")
        keys = tuple(dict.fromkeys(key.strip() for key in named if key.strip()))
        source = _source(environment.get("AUTHORIZER_SOURCE") or "any")
        return cls(keys, environment.get("AUTHORIZER_COOKIE") or None, source)


def _source(text: str) -> Source:
    for known in get_args(Source):
        if text == known:
            return known  # type: ignore[no-any-return]  # get_args knows no types
    raise ConfigurationError(f"AUTHORIZER_SOURCE is {', '.join(get_args(Source))}, not {text!r}")


@dataclass(frozen=True, slots=True)
class EventsSettings:
    """Where events of sessions are sent."""

    bus: str = "default"

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> "EventsSettings":
        """The settings that ``EVENTS_BUS`` describes: the name of an event bus."""
        return cls(environment.get("EVENTS_BUS") or cls().bus)
