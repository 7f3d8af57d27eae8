"""Which top-level keys of a document were edited, and how edits of two writers combine.

Works on documents as stored (JSON text); knows neither Python values nor storage.
"""

import json
from collections.abc import Callable
from typing import Literal, NamedTuple, TypeAlias

from sojourn.values import dataclass

Policy = Literal["raise", "mine", "theirs"]
"""What happens to a key that two writers changed differently."""

Parts = dict[str, str]


class Clash(NamedTuple):
    """A key that both writers changed: JSON texts, ``None`` where there is no such key."""

    key: str
    base: str | None
    mine: str | None
    theirs: str | None


Resolver: TypeAlias = Callable[[Clash], str | None]
"""What to store for a key that both writers changed."""


@dataclass(frozen=True, slots=True)
class Edits:
    """What one writer did to a document: JSON texts by top-level key, ``None`` for a removed key."""

    by_key: dict[str, str | None]

    def are_in(self, document: bytes) -> bool:
        """Whether every edit shows in ``document``, by whichever writer."""
        parts = _parts(document)
        return all(parts.get(key) == value for key, value in self.by_key.items())

    def as_in(self, document: bytes) -> "Edits":
        """Edits of the same keys that lead to what they are in ``document``."""
        parts = _parts(document)
        return Edits({key: parts.get(key) for key in self.by_key})


@dataclass(frozen=True, slots=True)
class Merge:
    """The combined document, and the keys both writers changed differently."""

    document: bytes
    conflicts: frozenset[str]


def edits(base: bytes, mine: bytes) -> Edits:
    """What turned ``base`` into ``mine``."""
    before, after = _parts(base), _parts(mine)
    keys = before.keys() | after.keys()
    return Edits({key: after.get(key) for key in keys if before.get(key) != after.get(key)})


def merged(base: bytes, mine: Edits, theirs: bytes, *, on_conflict: Policy | Resolver) -> Merge:
    """``mine`` replayed onto ``theirs``. A key that already holds the value we set is no conflict.

    A resolver is called for that key, too: it may count, and two writers may have counted alike.
    """
    before, combined = _parts(base), _parts(theirs)
    conflicts = set()
    for key, wanted in mine.by_key.items():
        value, clash = wanted, Clash(key, before.get(key), wanted, combined.get(key))
        if clash.theirs != clash.base and callable(on_conflict):
            value = on_conflict(clash)
        elif clash.theirs not in (clash.base, wanted):
            conflicts.add(key)
            value = clash.theirs if on_conflict == "theirs" else wanted
        if value is None:
            combined.pop(key, None)
        else:
            combined[key] = value
    return Merge(_document(combined), frozenset(conflicts))


def _parts(document: bytes) -> Parts:
    values: dict[str, object] = json.loads(document)
    return {key: _compact(value) for key, value in values.items()}


def _document(parts: Parts) -> bytes:
    members = (f"{_compact(key)}:{value}" for key, value in parts.items())
    return ("{" + ",".join(members) + "}").encode()


def _compact(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
