"""Records for the backend contract. Knows no backend."""

import hashlib
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
    token_hash: bytes
    former_hashes: bytes
    rotated_at: int
    version: int
    write_id: str
    created_at: int
    began_at: int
    expires_at: int
    absolute_at: int
    idle: int
    data: bytes
    subject: str
    label: str
    epoch: str
    sweep_shard: str
    sweep_at: int


def key(name: str = "one") -> str:
    """The key of a session; its id begins with ``name``."""
    return f"app#{name.ljust(12, '_')}"


def a_hash(name: str) -> bytes:
    """The hash of a token; another one for each name."""
    return hashlib.sha256(name.encode()).digest()


def a_write_id(name: str) -> str:
    """The mark of a write."""
    return name.ljust(16, "-")


def a_record(name: str = "one", **changes: Unpack[Changes]) -> Record:
    """A session created ``NOW``, alive for half an hour."""
    record = Record(
        session_id=key(name),
        token_hash=a_hash(name),
        version=1,
        write_id=a_write_id("first"),
        created_at=NOW,
        began_at=NOW,
        expires_at=NOW + IDLE,
        absolute_at=NOW + 24 * IDLE,
        idle=IDLE,
        data=b"\x01\x00{}",
    )
    return replace(record, **changes)


def written(seen: Record, **changes: Unpack[Changes]) -> Record:
    """The next version of ``seen``."""
    following = replace(
        seen, version=seen.version + 1, write_id=a_write_id("second"), data=b"\x01\x00{1}", overflow=None
    )
    return replace(following, **changes)


def rotated(seen: Record, **changes: Unpack[Changes]) -> Record:
    """The next version of ``seen`` under another token."""
    former = (seen.token_hash + (seen.former_hashes or b""))[:96]
    following = replace(written(seen), token_hash=a_hash("new"), former_hashes=former, rotated_at=NOW + 5)
    return replace(following, **changes)


def logged_in(seen: Record, **changes: Unpack[Changes]) -> Record:
    """The next version of ``seen`` under another token and as another subject's, with a new beginning."""
    now = NOW + 5
    following = replace(
        rotated(seen),
        subject="app#v",
        label="phone",
        epoch="an-epoch",
        began_at=now,
        expires_at=now + 600,
        absolute_at=now + 7_200,
        idle=600,
    )
    return replace(following, **changes)
