"""What the answers of a backend mean for one session. Retries each call; knows no document and no verb.

The one rule that all of this serves: once one call said that a session is gone, no later call says that it lives.
Clocks differ, and a request may be late; so a session found past its deadline is removed before that is said. And what
a backend returns counts only if it bears the hash of the caller's token: an id alone opens nothing.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from hmac import compare_digest
from typing import Protocol

from sojourn.absence import Absence
from sojourn.backend import Backend, Match, Record, Refused
from sojourn.errors import CorruptSessionError, StoreUnavailableError
from sojourn.expiry import is_dead
from sojourn.names import bare
from sojourn.retry import Retry
from sojourn.revocation import Revocation
from sojourn.rotation import former_hashes, is_settled, is_superseded, may_log_out
from sojourn.values import dataclass, replace

_ROUNDS = 32
"""Each round lost means that another client won one; to lose this many in a row is not bad luck."""


@dataclass(frozen=True, slots=True)
class Bearer:
    """Whose request it is: the session it asks for, the hash of its token, and when it arrived (epoch seconds).

    ``arrived_at`` is ``None`` once the token has opened the session: if it no longer does, a rotation came between.
    """

    key: str
    token_hash: bytes
    arrived_at: int | None = None

    @classmethod
    def of(cls, seen: Record) -> "Bearer":
        """The one that ``seen`` was read for."""
        return cls(seen.session_id, seen.token_hash)


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a conditional write ended: ``is_ours``, or overtaken by the newer version ``found``, or by an end.

    ``outcome_unknown``: overtaken, but an attempt of ours that went unanswered may have come first.
    """

    found: Record | Absence
    is_ours: bool
    outcome_unknown: bool = False


class Conditional(Protocol):
    """A backend's method that stores ``record`` if ``seen`` still holds."""

    def __call__(self, record: Record, *, seen: Record, now: int) -> Record | Refused:
        """One attempt at time ``now``."""


class SessionProtocol:
    """The calls for one session, in the order and under the conditions that keep it linearizable."""

    def __init__(
        self,
        backend: Backend,
        *,
        clock: Callable[[], int],
        retry: Retry,
        revocation: Revocation,
        sweep_grace: int,
    ) -> None:
        """``clock`` returns epoch seconds; ``sweep_grace`` is seconds."""
        self._backend = backend
        self._clock = clock
        self._retry = retry
        self._revocation = revocation
        self._sweep_grace = sweep_grace

    def load(self, bearer: Bearer, *, is_consistent: bool = True) -> Record | Absence:
        """The session if it lives and its token is the bearer's. What is found dead is removed first.

        One call. A miss or another hash from a replica, which may lag, is read again, strongly, before it counts.
        """
        mark = self._revocation.mark_due()
        if mark is not None:
            record, found = self._retry.run(partial(self._backend.load_with_mark, bearer.key, mark))
            self._revocation.remember(found)
        else:
            record = self._loaded(bearer.key, is_consistent=is_consistent)
            if not is_consistent and not (record and compare_digest(record.token_hash, bearer.token_hash)):
                record = self._loaded(bearer.key, is_consistent=True)
        return self._judged(record, bearer)

    def superseding(self, bearer: Bearer) -> Record | None:
        """The living session whose rotation superseded the bearer's token. It is not the bearer's to see: see Store."""
        record = self._loaded(bearer.key, is_consistent=True)
        if record is None or compare_digest(record.token_hash, bearer.token_hash):
            return None
        is_alive = self._stranger(record, bearer) is Absence.SUPERSEDED and self._revocation.reason(record) is None
        return record if is_alive else None

    def document(self, record: Record) -> tuple[Record, bytes] | Absence:
        """The encoded document, with the record it belongs to, which may have been replaced meanwhile."""
        found: Record | Absence = record
        for _ in range(_ROUNDS):
            if isinstance(found, Absence):
                return found
            seen, forbidden = found, None
            try:
                encoded = self._retry.run(partial(self._backend.document, seen))
                if encoded is not None:
                    return seen, encoded
            except StoreUnavailableError as error:
                if error.is_transient:
                    raise
                # S3 says 403 of a missing object to a caller that may not list the bucket.
                forbidden = error
            found = self._judged(self._loaded(record.session_id, is_consistent=True), Bearer.of(record))
            if isinstance(found, Record) and found.overflow == seen.overflow:
                if forbidden is not None:
                    raise forbidden
                break  # it was not replaced: the object is really missing
        raise CorruptSessionError("its overflow object is missing", session_id=bare(record.session_id))

    def expire(self, bearer: Bearer) -> Absence | None:
        """End the session that the bearer's token opens, dead or alive; why there was none, ``None`` when it ended.

        Also when a rotation replaced the token a moment ago: a logout that was in flight holds. Not across a login.
        """
        match = Match(token_hash=bearer.token_hash)
        for _ in range(_ROUNDS):
            refused = self._deleted(bearer.key, match)
            if refused is None:
                return None
            current = refused.current
            if current is None:
                return Absence.UNKNOWN
            if not may_log_out(current, bearer.token_hash, now=self._clock()):
                return self._stranger(current, bearer)
            match = Match(token_hash=current.token_hash, rotated_at=current.rotated_at)
        raise _too_busy()

    def expire_unchanged(self, seen: Record) -> bool:
        """End the session if its token and its version are those of ``seen``; whether it is over."""
        match = Match(token_hash=seen.token_hash, version=seen.version)
        refused = self._deleted(seen.session_id, match)
        # Nothing stored: an earlier attempt went unanswered and took effect, or another request ended it.
        return refused is None or refused.current is None

    def remove(self, key: str, match: Match) -> bool:
        """End a session that still holds ``match``, dead or alive; whether there was one."""
        return self._deleted(key, match) is None

    def renew(
        self, record: Record, *, seen: Record, idle: int | None = None, absolute: int | None = None
    ) -> Record | Absence:
        """Move the deadline, and the lifetime where ``record`` has another than ``seen``; the record as it is then.

        ``idle`` and ``absolute`` are the seconds that the caller asked for; ``None`` leaves what other requests make of
        them meanwhile.
        """
        bearer = Bearer.of(seen)
        for _ in range(_ROUNDS):
            wanted = self._timed(record, seen, now=self._clock())
            outcome, unanswered = self._tried(self._backend.renew, record, seen)
            if isinstance(outcome, Record):
                return outcome
            with uncertain(unanswered):
                current = self._judged(outcome.current, bearer)
            if isinstance(current, Absence):
                return current
            if current.has_lifetime_of(wanted) and current.expires_at >= wanted.expires_at:
                return current  # another request renewed it at least as far
            record, seen = _followed(record, seen, current, idle=idle, absolute=absolute)
        raise _too_busy()

    def replace(self, record: Record, *, seen: Record, idle: int | None = None, absolute: int | None = None) -> Outcome:
        """Store ``record``, complete but for its instants, as the version after ``seen``.

        ``idle`` and ``absolute`` as for ``renew``.
        """
        bearer = Bearer.of(seen)
        unknown = False
        for _ in range(_ROUNDS):
            outcome, unanswered = self._tried(self._backend.replace, record, seen)
            unknown = unknown or unanswered
            if isinstance(outcome, Record):
                return Outcome(outcome, is_ours=True)
            current = outcome.current
            if current is not None and _is_write_of(record, current):
                return Outcome(current, is_ours=True)
            with uncertain(unknown):
                found = self._judged(current, bearer)
            if isinstance(found, Absence):
                return Outcome(found, is_ours=False, outcome_unknown=unknown)
            if found.version != seen.version:
                # A version is taken once. The writer that took the next one shows that ours was not stored, and
                # never will be; any later one may have built on it.
                return Outcome(found, is_ours=False, outcome_unknown=unknown and found.version > seen.version + 1)
            record, seen = _followed(record, seen, found, idle=idle, absolute=absolute)
        raise _too_busy(outcome_unknown=unknown)

    def _tried(self, call: Conditional, record: Record, seen: Record) -> tuple[Record | Refused, bool]:
        """What the backend returned at last, and whether an earlier attempt went unanswered."""
        unanswered = False

        def attempt() -> Record | Refused:
            nonlocal unanswered
            now = self._clock()
            try:
                return call(self._timed(record, seen, now=now), seen=seen, now=now)
            except StoreUnavailableError as error:
                unanswered = unanswered or error.outcome_unknown
                raise

        return self._retry.run(attempt), unanswered

    def _timed(self, record: Record, seen: Record, *, now: int) -> Record:
        """``record`` as stored ``now``. Only another lifetime may bring a deadline forward."""
        is_rotation = record.token_hash != seen.token_hash
        if is_rotation and record.rotated_at is not None:
            # A login: its stay begins when its token is replaced, by which a logout from before is known.
            record = replace(record, began_at=now, absolute_at=record.absolute_at + now - record.began_at)
        expires_at = min(now + record.idle, record.absolute_at)
        if record.has_lifetime_of(seen):
            expires_at = max(expires_at, seen.expires_at)
        timed = replace(record, expires_at=expires_at)
        if is_rotation:
            timed = replace(timed, rotated_at=now, former_hashes=former_hashes(seen, now=now))
        elif is_settled(record, now=now):
            # No request in flight needs them any more, and 125 bytes can be a write unit at each use.
            timed = replace(timed, rotated_at=None, former_hashes=None)
        if record.sweep_at is not None and expires_at + self._sweep_grace < record.sweep_at:
            timed = replace(timed, sweep_at=expires_at + self._sweep_grace)
        return timed

    def _judged(self, record: Record | None, bearer: Bearer) -> Record | Absence:
        while record is not None:
            if not compare_digest(record.token_hash, bearer.token_hash):
                return self._stranger(record, bearer)
            expired = self._expired(record)
            revoked = None if expired else self._revocation.reason(record)
            reason = expired or revoked
            if reason is None:
                return record
            match = Match(expires_at=record.expires_at, version=record.version if revoked else None)
            refused = self._deleted(record.session_id, match)
            if refused is None:
                return reason
            record = refused.current
        return Absence.UNKNOWN

    def _stranger(self, record: Record, bearer: Bearer) -> Absence:
        """Why another token than the record's opens nothing. It removes nothing and shows nothing."""
        if is_dead(expires_at=record.expires_at, now=self._clock()):
            return Absence.UNKNOWN
        was_current = bearer.arrived_at is None or is_superseded(
            record, bearer.token_hash, arrived_at=bearer.arrived_at
        )
        return Absence.SUPERSEDED if was_current else Absence.FOREIGN_KEY

    def _expired(self, record: Record) -> Absence | None:
        if not is_dead(expires_at=record.expires_at, now=self._clock()):
            return None
        return Absence.ABSOLUTE if record.expires_at >= record.absolute_at else Absence.IDLE

    def _loaded(self, key: str, *, is_consistent: bool) -> Record | None:
        return self._retry.run(partial(self._backend.load, key, is_consistent=is_consistent))

    def _deleted(self, key: str, match: Match) -> Refused | None:
        return self._retry.run(partial(self._backend.delete, key, match=match))


@contextmanager
def uncertain(outcome_unknown: bool) -> Iterator[None]:
    """What fails in here leaves open what an earlier attempt of ours did, if that is unknown."""
    try:
        yield
    except StoreUnavailableError as error:
        unknown = outcome_unknown or error.outcome_unknown
        raise StoreUnavailableError(error.reason, outcome_unknown=unknown, is_transient=error.is_transient) from error


def _is_write_of(record: Record, current: Record) -> bool:
    """Whether ``current`` is what an unanswered attempt to store ``record`` has stored."""
    return current.write_id == record.write_id and compare_digest(current.token_hash, record.token_hash)


def _absolute(record: Record) -> int:
    """Its longest stay, in seconds: two of different beginnings are compared by that, not by the second of the end."""
    return record.absolute_at - record.began_at


def _followed(
    record: Record, seen: Record, current: Record, *, idle: int | None, absolute: int | None
) -> tuple[Record, Record]:
    """Both where other requests moved the deadline: what was not asked for is as they left it."""
    return (
        replace(
            record,
            idle=current.idle if idle is None else idle,
            absolute_at=record.began_at + (_absolute(current) if absolute is None else absolute),
            sweep_at=current.sweep_at,
        ),
        seen.with_deadline_of(current),
    )


def _too_busy(*, outcome_unknown: bool = False) -> StoreUnavailableError:
    reason = "other clients keep changing the session's deadline"
    return StoreUnavailableError(reason, outcome_unknown=outcome_unknown, is_transient=True)
