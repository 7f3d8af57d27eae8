"""Sessions in this process's memory: for tests, and the plainest statement of what a backend promises."""

import threading
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any
from zlib import crc32

from sojourn.backend import Mark, Match, Page, Position, Record, Refused
from sojourn.names import namespace_of
from sojourn.sweep.backend import Fate, Hint, HintPage, Move, Postponement, Removal, Verdict
from sojourn.values import replace


class MemoryBackend:
    """See ``sojourn.backend.Backend`` and ``SweepBackend``. A dictionary; one lock makes every method atomic."""

    def __init__(self) -> None:
        self._records: dict[str, Record] = {}
        self._marks: dict[str, Mark] = {}
        self._lock = threading.Lock()

    @property
    def sweep(self) -> "MemoryBackend":
        """See ``Backend``."""
        return self

    def insert(self, record: Record) -> Record | Refused:
        """See ``Backend``."""
        with self._lock:
            current = self._records.get(record.session_id)
            if current is not None:
                return Refused(current)
            self._records[record.session_id] = record
            return record

    def load(self, session_id: str, *, is_consistent: bool = True) -> Record | None:  # noqa: ARG002  # never lags
        """See ``Backend``."""
        with self._lock:
            return self._records.get(session_id)

    def load_with_mark(self, session_id: str, mark: str) -> tuple[Record | None, Mark | None]:
        """See ``Backend``."""
        with self._lock:
            return self._records.get(session_id), self._marks.get(mark)

    def document(self, record: Record) -> bytes | None:
        """See ``Backend``."""
        return record.data

    def replace(self, record: Record, *, seen: Record, now: int) -> Record | Refused:
        """See ``Backend``."""

        def replaced(current: Record) -> Record | None:
            if current.version != seen.version or not _is_mine(seen, current, now):
                return None
            if not _keeps_deadline(record, seen, current):
                return None
            changes: dict[str, Any] = record.changes_from(seen)
            return replace(current, **changes, data=record.data, overflow=None)

        return self._changed(seen.session_id, replaced)

    def renew(self, record: Record, *, seen: Record, now: int) -> Record | Refused:
        """See ``Backend``."""

        def renewed(current: Record) -> Record | None:
            gains_nothing = record.has_lifetime_of(current) and current.expires_at == record.expires_at
            if gains_nothing or not _is_mine(seen, current, now) or not _keeps_deadline(record, seen, current):
                return None
            changes: dict[str, Any] = record.changes_from(seen)
            return replace(current, **changes)

        return self._changed(seen.session_id, renewed)

    def delete(self, session_id: str, *, match: Match) -> Refused | None:
        """See ``Backend``."""
        with self._lock:
            current = self._records.get(session_id)
            if current is None or not match.holds_for(current):
                return Refused(current)
            del self._records[session_id]
            return None

    def of_subject(self, subject: str, *, limit: int, after: Position | None = None) -> Page:
        """See ``Backend.of_subject``."""
        with self._lock:
            own = namespace_of(subject).owns
            records = [record for record in self._records.values() if record.subject == subject]
            found = [_position(record) for record in records if own(record.session_id)]
        rest = [position for position in sorted(found, reverse=True) if after is None or position < after]
        return Page(tuple(rest[:limit]), rest[limit - 1] if len(rest) > limit else None)

    def peek(self, session_ids: Sequence[str]) -> list[Record]:
        """See ``Backend.peek``."""
        with self._lock:
            found = [self._records.get(session_id) for session_id in session_ids]
        return [
            replace(record, data=None, token_hash=b"", former_hashes=None) for record in found if record is not None
        ]

    def mark(self, name: str) -> Mark | None:
        """See ``Backend.mark``."""
        with self._lock:
            return self._marks.get(name)

    def set_mark(self, name: str, mark: Mark, *, seen: Mark | None, expires_at: int | None) -> Mark | None:  # noqa: ARG002  # kept for ever
        """See ``Backend.set_mark``."""
        with self._lock:
            if self._marks.get(name) == seen:
                self._marks[name] = mark
            return self._marks.get(name)

    def due(self, shard: str, *, until: int, limit: int, after: object | None = None) -> HintPage:
        """See ``SweepBackend.due``."""
        with self._lock:
            found = sorted(
                (record.sweep_at, record.session_id)
                for record in self._records.values()
                if record.sweep_shard == shard and record.sweep_at is not None and record.sweep_at <= until
            )
        rest = [entry for entry in found if after is None or entry > after]  # type: ignore[operator]  # our own cursor
        shown = rest[:limit]
        hints = tuple(Hint(session_id, sweep_at) for sweep_at, session_id in shown)
        return HintPage(hints, shown[-1] if len(rest) > limit else None)

    def scan(self, segment: int, *, segments: int, until: int, after: object | None = None) -> HintPage:  # noqa: ARG002
        """See ``SweepBackend.scan``; a segment is one page."""
        with self._lock:
            found = sorted(record.session_id for record in self._records.values() if record.expires_at <= until)
        return HintPage(tuple(Hint(name, None) for name in found if crc32(name.encode()) % segments == segment), None)

    def delete_stale(self, hints: Sequence[Hint], *, cutoff: int) -> Removal:
        """See ``SweepBackend.delete_stale``; a unit each."""
        return Removal(tuple(self._delete_if_stale(hint.session_id, cutoff) for hint in hints), len(hints))

    def postpone(self, moves: Sequence[Move]) -> Postponement:
        """See ``SweepBackend.postpone``; a unit each."""

        def postponed(move: Move, current: Record) -> Record | None:
            is_earlier = move.expires_at is not None and current.expires_at < move.expires_at
            is_seen = current.sweep_at == move.hint.sweep_at and not is_earlier
            return replace(current, sweep_at=move.sweep_at) if is_seen else None

        changes = [self._changed(move.hint.session_id, partial(postponed, move)) for move in moves]
        return Postponement(sum(isinstance(change, Record) for change in changes), len(moves))

    def _changed(self, session_id: str, change: Callable[[Record], Record | None]) -> Record | Refused:
        with self._lock:
            current = self._records.get(session_id)
            changed = change(current) if current else None
            if changed is None:
                return Refused(current)
            self._records[session_id] = changed
            return changed

    def _delete_if_stale(self, session_id: str, cutoff: int) -> Verdict:
        with self._lock:
            current = self._records.get(session_id)
            if current is None:
                return Verdict(Fate.MISSING)
            if current.expires_at > cutoff:
                return Verdict(Fate.ALIVE, current.expires_at)
            del self._records[session_id]
            return Verdict(Fate.SWEPT, current.expires_at)


def _is_mine(seen: Record, current: Record, now: int) -> bool:
    is_same = (current.token_hash, current.absolute_at) == (seen.token_hash, seen.absolute_at)
    return is_same and current.expires_at > now


def _keeps_deadline(record: Record, seen: Record, current: Record) -> bool:
    if record.has_lifetime_of(seen):
        return current.idle == seen.idle and current.expires_at <= record.expires_at
    is_seen_place = seen.sweep_at is None or current.sweep_at == seen.sweep_at
    return is_seen_place and (current.idle, current.expires_at) == (seen.idle, seen.expires_at)


def _position(record: Record) -> Position:
    return Position(record.created_at, record.session_id)
