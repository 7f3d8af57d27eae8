"""What can be set, and its defaults. The only module that reads the environment; opens nothing."""

import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import fields
from typing import Literal, get_args

from sojourn.errors import ConfigurationError
from sojourn.names import checked_namespace
from sojourn.values import dataclass

Encryption = Literal["off", "token", "required"]
"""Documents are stored as they are, sealed with their token's key, or sealed and not read otherwise."""

_PREFIX = "SOJOURN_"
_DAY = 86_400
_FROM_ONE = (
    "idle_seconds",
    "absolute_seconds",
    "max_absolute_seconds",
    "overflow_bytes",
    "max_bytes",
    "sweep_interval_seconds",
    "sweep_period_seconds",
    "sweep_write_units",
)
_EXPECTED: dict[type, str] = {int: "takes a whole number", bool: "takes true or false"}
_MAX_DIGITS = 18
_MOST_SHARDS = 1_024
_LONGEST_SECONDS = 10 * 366 * _DAY
"""Ten years: the bucket keeps objects for so long, and what is above is a typing error."""

_MOST_ITEM_BYTES = 393_216
"""An item holds 400 KB; what it holds besides the document takes at most a few of them."""


@dataclass(frozen=True, slots=True)
class Settings:
    """Every field is the environment variable of its upper-case name, with ``SOJOURN_`` before it.

    Lifetimes are seconds, sizes bytes. Raises ``ConfigurationError`` for what cannot work.
    """

    table: str | None = None
    records_url: str | None = None
    bucket: str | None = None
    namespace: str = "default"
    idle_seconds: int = 1_800
    absolute_seconds: int = 43_200
    max_absolute_seconds: int = 90 * _DAY
    overflow_bytes: int = 65_536
    max_bytes: int = 1_048_576
    sweep_grace_seconds: int = _DAY
    sweep_index: bool = True
    sweep_shards: int = 64
    sweep_interval_seconds: int = 900
    sweep_period_seconds: int = _DAY
    sweep_write_units: int = 1_000
    consistent_read: bool = True
    strict_expire_all: bool = False
    encryption: Encryption = "off"
    endpoint_url: str | None = None

    def __post_init__(self) -> None:
        checked_namespace(self.namespace)
        for field in fields(self):
            if type(field.default) in _EXPECTED:  # object: applications without types bring text and fractions, too
                given: object = getattr(self, field.name)
                _demand(type(given) is type(field.default), field.name, _EXPECTED[type(field.default)])
        for name in _FROM_ONE:
            _demand(getattr(self, name) >= 1, name, "takes a whole number from 1")
        _demand(self.sweep_grace_seconds >= 0, "sweep_grace_seconds", "takes a whole number from 0")
        _demand(
            1 <= self.sweep_shards <= _MOST_SHARDS, "sweep_shards", f"takes a whole number from 1 to {_MOST_SHARDS}"
        )
        _demand(
            self.absolute_seconds <= self.max_absolute_seconds,
            "absolute_seconds",
            f"must not be above {_PREFIX}MAX_ABSOLUTE_SECONDS ({self.max_absolute_seconds})",
        )
        _demand(
            self.max_absolute_seconds <= _LONGEST_SECONDS, "max_absolute_seconds", f"takes at most {_LONGEST_SECONDS}"
        )
        _demand(
            self.idle_seconds <= self.max_absolute_seconds,
            "idle_seconds",
            f"must not be above {_PREFIX}MAX_ABSOLUTE_SECONDS ({self.max_absolute_seconds})",
        )
        _demand(self.overflow_bytes <= _MOST_ITEM_BYTES, "overflow_bytes", f"takes at most {_MOST_ITEM_BYTES}")
        _demand(self.encryption in get_args(Encryption), "encryption", "takes 'off', 'token' or 'required'")

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> "Settings":
        """The settings that ``SOJOURN_*`` variables describe; an empty variable counts as unset.

        Logs a warning for a variable of this prefix that is none, and names the nearest that is one.
        """
        for sentence in unknown_settings(environment):
            _warn(sentence)
        given: dict[str, str | int | bool] = {}
        for field in fields(cls):
            text = environment.get(_PREFIX + field.name.upper(), "")
            if text:
                given[field.name] = _READERS[type(field.default)](field.name, text)
        return cls(**given)  # type: ignore[arg-type]  # each reader answers the type of its field


def unknown_settings(environment: Mapping[str, str]) -> list[str]:
    """A sentence for each variable of the prefix that is no setting, with the nearest one that is."""
    known = {variable_of(field.name) for field in fields(Settings)}
    unknown = sorted(name for name in environment if name.startswith(_PREFIX) and name not in known)
    return [f"{name} is no setting and is ignored{_nearest(name, known)}" for name in unknown]


def variable_of(name: str) -> str:
    """The environment variable of a field."""
    return f"{_PREFIX}{name.upper()}"


def _warn(sentence: str) -> None:
    # Imported here: only a typing error needs it.
    import logging

    logging.getLogger(__name__).warning("%s", sentence)


def _nearest(name: str, known: Iterable[str]) -> str:
    # Imported here: only a typing error needs it.
    from difflib import get_close_matches

    nearest = get_close_matches(name, known, n=1)
    return f"; {nearest[0]} is one" if nearest else ""


def _whole_number(name: str, text: str) -> int:
    # int() alone takes " 1_000 " and other scripts' digits, and refuses very many with an error of its own.
    _demand(text.isascii() and text.isdigit() and len(text) <= _MAX_DIGITS, name, "takes a whole number")
    return int(text)


def _switch(name: str, text: str) -> bool:
    _demand(text.lower() in ("true", "false"), name, "takes 'true' or 'false'")
    return text.lower() == "true"


def _text(_name: str, text: str) -> str:
    return text


_READERS: dict[type, Callable[[str, str], str | int | bool]] = {
    int: _whole_number,
    bool: _switch,
    str: _text,
    type(None): _text,
}


def _demand(holds: object, name: str, rule: str) -> None:
    if not holds:
        raise ConfigurationError(f"{_PREFIX}{name.upper()} {rule}")
