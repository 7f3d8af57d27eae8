"""The settings, and where each comes from: an option, the stack, the environment, or the default. Opens nothing."""

from collections.abc import Mapping
from dataclasses import dataclass, fields

from sojourn.settings import Settings, unknown_settings, variable_of


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting. ``source`` names the option, the stack's parameter or the variable, or is ``default``."""

    name: str
    value: str | int | bool | None
    source: str


@dataclass(frozen=True, slots=True)
class Sources:
    """Settings with their sources, and a sentence for each variable that looks like a setting and is none."""

    settings: Settings
    listed: tuple[Setting, ...]
    unknown: tuple[str, ...]


def resolved(environment: Mapping[str, str], given: Mapping[str, tuple[str, str]]) -> Sources:
    """The settings of the environment, with those that are ``given``, as value and source, in their place.

    Raises ``ConfigurationError``.
    """
    known = {variable_of(field.name): environment.get(variable_of(field.name), "") for field in fields(Settings)}
    if "table" in given:
        known[variable_of("records_url")] = ""  # the table was asked for
    known |= {variable_of(name): value for name, (value, _) in given.items()}
    settings = Settings.from_environment(known)
    listed = tuple(
        Setting(field.name, getattr(settings, field.name), _source(field.name, known, given))
        for field in fields(Settings)
    )
    return Sources(settings, listed, tuple(unknown_settings(environment)))


def _source(name: str, known: Mapping[str, str], given: Mapping[str, tuple[str, str]]) -> str:
    if name in given:
        return given[name][1]
    return variable_of(name) if known[variable_of(name)] else "default"
