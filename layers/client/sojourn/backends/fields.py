"""What a stored record consists of: its fields, their kinds and bounds. One table for items and for JSON.

Whatever is read may have been written by another application that may write into the table: what no session of ours
can hold is refused here, before it is computed with.
"""

from collections.abc import Callable, Mapping
from typing import Final

from sojourn.backend import Record
from sojourn.errors import CorruptSessionError
from sojourn.names import bare
from sojourn.values import dataclass

MAX_INSTANT: Final = 253_402_300_799
"""The last second of the year 9999."""

_HASH_BYTES: Final = 32
_FORMER_BYTES: Final = (32, 64, 96)
_MAX_NUMBER: Final = 2**53 - 1


@dataclass(frozen=True, slots=True)
class Field:
    """``kind`` is DynamoDB's: S text, N whole number, B bytes. ``is_secret``: no list shows it."""

    name: str
    kind: str
    is_required: bool = True
    is_secret: bool = False
    most: int = _MAX_NUMBER
    sizes: tuple[int, ...] = ()

    def holds(self, value: str | int | bytes) -> bool:
        """Whether a session of ours can hold this value."""
        if isinstance(value, int):
            return 0 <= value <= self.most
        return not self.sizes or len(value) in self.sizes


FIELDS: Final = (
    Field("session_id", "S"),
    Field("token_hash", "B", is_secret=True, sizes=(_HASH_BYTES,)),
    Field("version", "N"),
    Field("write_id", "S"),
    Field("created_at", "N", most=MAX_INSTANT),
    Field("began_at", "N", is_required=False, most=MAX_INSTANT),
    Field("expires_at", "N", most=MAX_INSTANT),
    Field("absolute_at", "N", most=MAX_INSTANT),
    Field("idle", "N", most=MAX_INSTANT),
    Field("data", "B", is_required=False, is_secret=True),
    Field("overflow", "S", is_required=False),
    Field("former_hashes", "B", is_required=False, is_secret=True, sizes=_FORMER_BYTES),
    Field("rotated_at", "N", is_required=False, most=MAX_INSTANT),
    Field("subject", "S", is_required=False),
    Field("label", "S", is_required=False),
    Field("epoch", "S", is_required=False),
    Field("sweep_shard", "S", is_required=False),
    Field("sweep_at", "N", is_required=False, most=MAX_INSTANT),
)

LISTED: Final = tuple(field for field in FIELDS if not field.is_secret)
"""What a list shows of a session."""

BY_NAME: Final[Mapping[str, Field]] = {field.name: field for field in FIELDS}


def record_from(value_of: Callable[[Field], str | int | bytes | None], *, key: str, is_listed: bool = False) -> Record:
    """The record whose fields ``value_of`` returns, ``None`` for what is not there or of another kind.

    Raises ``CorruptSessionError``. Of what ``is_listed`` the hash is empty, which no token has.
    """
    values: dict[str, str | int | bytes] = {"token_hash": b""} if is_listed else {}
    for field in LISTED if is_listed else FIELDS:
        value = value_of(field)
        if value is None and not field.is_required:
            continue
        if value is None or not field.holds(value):
            reason = f"its attribute {field.name} is missing, not of type {field.kind} or out of bounds"
            raise CorruptSessionError(reason, session_id=bare(key))
        values[field.name] = value
    # A stay that began with the session's creation, as every one does before a login, is not stored.
    values.setdefault("began_at", values["created_at"])
    return Record(**values)  # type: ignore[arg-type]  # each field has the kind of its name
