"""Which top-level keys of a document were edited, and how edits of two writers combine.

Works on documents as stored (JSON text); knows neither Python values nor storage.
"""

import json
from dataclasses import dataclass
from typing import Literal

OnConflict = Literal["raise", "mine", "theirs"]
"""What happens to a key that two writers changed differently."""

Parts = dict[str, str]


@dataclass(frozen=True, slots=True)
class Edits:
    """What one writer did to a document: JSON texts by top-level key, ``None`` for a removed key."""

    by_key: dict[str, str | None]

    def are_in(self, document: bytes) -> bool:
        """Whether every edit shows in ``document``, whoever made it."""
        parts = _parts(document)
        return all(parts.get(key) == value for key, value in self.by_key.items())


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


def merged(base: bytes, mine: Edits, theirs: bytes, *, on_conflict: OnConflict) -> Merge:
    """``mine`` replayed onto ``theirs``. A key that already holds the value we set is no conflict."""
    before, combined = _parts(base), _parts(theirs)
    conflicts = set()
    for key, value in mine.by_key.items():
        current = combined.get(key)
        if current not in (before.get(key), value):
            conflicts.add(key)
            if on_conflict == "theirs":
                continue
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
