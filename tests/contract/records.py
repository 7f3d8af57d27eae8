"""Records for the backend contract. Knows no backend."""

import random
from dataclasses import replace
from typing import TypedDict, Unpack

from sojourn.backend import Record

NOW = 1_700_000_000
IDLE = 1_800
LARGE = random.Random(100).randbytes(100_000)  # noqa: S311  # noise, not a secret
"""A document that no compression makes small enough for an item."""


class Changes(TypedDict, total=False):
    """What a test wants to be different about a record."""

    session_id: str
    version: int
    write_id: str
    created_at: int
    expires_at: int
    idle: int
    data: bytes
    subject: str
    label: str
    sweep_shard: str
    sweep_at: int


def a_record(name: str = "one", **changes: Unpack[Changes]) -> Record:
    """A session created ``NOW``, alive for half an hour."""
    record = Record(
        session_id=f"app#{name}",
        version=1,
        write_id="first",
        created_at=NOW,
        expires_at=NOW + IDLE,
        absolute_at=NOW + 24 * IDLE,
        idle=IDLE,
        data=b"\x01\x00{}",
    )
    return replace(record, **changes)


def written(seen: Record, **changes: Unpack[Changes]) -> Record:
    """The next version of ``seen``."""
    following = replace(seen, version=seen.version + 1, write_id="second", data=b"\x01\x00{1}", overflow=None)
    return replace(following, **changes)


def rotated(seen: Record, **changes: Unpack[Changes]) -> Record:
    """The next version of ``seen`` under a new id."""
    return replace(written(seen, session_id="app#new"), **changes)
