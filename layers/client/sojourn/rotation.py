"""What a rotation leaves of the tokens before: enough to know a request that was in flight. Calls nothing.

Only what a rotation replaced in the last seconds is kept, three hashes at the most: a login and a second factor follow
each other within one request.
"""

from hmac import compare_digest
from typing import Final

from sojourn.backend import Record

WINDOW_SECONDS: Final = 10
"""How long after a rotation a request that brings the token before it counts as in flight."""

_LONGEST_REQUEST_SECONDS: Final = 900
"""A request that arrived in time may look only now; a Lambda function runs no longer."""

_CLOCK_ERROR_SECONDS: Final = 5
_HASH_BYTES: Final = 32
_MOST: Final = 3


def former_hashes(seen: Record, *, now: int) -> bytes:
    """The hashes that the item keeps once the token of ``seen`` is replaced, the newest first."""
    is_recent = seen.rotated_at is not None and now - seen.rotated_at <= WINDOW_SECONDS
    before = seen.former_hashes if is_recent else None
    return (seen.token_hash + (before or b""))[: _MOST * _HASH_BYTES]


def is_superseded(record: Record, token_hash: bytes, *, arrived_at: int) -> bool:
    """Whether a request that arrived then was in flight when a rotation replaced its token."""
    if record.rotated_at is None or arrived_at > record.rotated_at + WINDOW_SECONDS:
        return False
    return _place(record, token_hash) is not None


def is_settled(record: Record, *, now: int) -> bool:
    """Whether no request can be in flight any more that brings a token replaced by the last rotation."""
    if record.rotated_at is None:
        return False
    return now > record.rotated_at + WINDOW_SECONDS + _LONGEST_REQUEST_SECONDS + _CLOCK_ERROR_SECONDS


def may_log_out(record: Record, token_hash: bytes, *, now: int) -> bool:
    """Whether a logout with a replaced token still ends the session: in flight, and no login came between.

    A login is a rotation at the second of ``began_at``. When an older token than the newest was replaced is not known;
    so for those no login may have come in all the time for which hashes are kept.
    """
    place, at = _place(record, token_hash), record.rotated_at
    if place is None or at is None or not now - WINDOW_SECONDS <= at <= now + _CLOCK_ERROR_SECONDS:
        return False
    earliest = at if place == 0 else at - _MOST * WINDOW_SECONDS
    return record.began_at < earliest


def _place(record: Record, token_hash: bytes) -> int | None:
    former = record.former_hashes or b""
    hashes = [former[start : start + _HASH_BYTES] for start in range(0, len(former), _HASH_BYTES)]
    return next((place for place, one in enumerate(hashes) if compare_digest(one, token_hash)), None)
