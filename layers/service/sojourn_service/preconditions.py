"""Entity tags and the conditions that requests make of them (RFC 9110, sections 8.8.3 and 13.1). Reads no event."""

import re
from typing import Final

from sojourn.values import dataclass

_TAG: Final = r'(?:W/)?"[\x21\x23-\x7e\x80-\xff]*"'
_LIST: Final = re.compile(rf"{_TAG}(?:[ \t]*,[ \t]*{_TAG})*")
_EACH: Final = re.compile(_TAG)


def entity_tag(version: int) -> str:
    """The strong entity tag of a session: its version says byte for byte what its document is."""
    return f'"{version}"'


@dataclass(frozen=True, slots=True)
class EntityTags:
    """What an ``If-Match`` or ``If-None-Match`` header names; ``is_any`` is its ``*``."""

    tags: frozenset[str]
    is_any: bool = False

    @classmethod
    def parsed(cls, header: str) -> "EntityTags | None":
        """``None`` when ``header`` is neither ``*`` nor a list of entity tags."""
        text = header.strip(" \t")
        if text == "*":
            return cls(frozenset(), is_any=True)
        return cls(frozenset(_EACH.findall(text))) if _LIST.fullmatch(text) else None

    def hold_strongly(self, version: int) -> bool:
        """For ``If-Match``: a weak tag matches nothing, since a write needs the very version."""
        return self.is_any or entity_tag(version) in self.tags

    def hold_weakly(self, version: int) -> bool:
        """For ``If-None-Match``: a weak tag is as good as a strong one, since only a download is spared."""
        return self.hold_strongly(version) or f"W/{entity_tag(version)}" in self.tags
