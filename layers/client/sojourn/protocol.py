"""What the answers of a backend mean for one session. Retries each call; knows no document and no verb.

The one rule that all of this serves: once anybody was told that a session is gone, nobody is told
that it lives. Clocks differ, and a request may be late; so who finds a session past its deadline
removes it before saying so.
"""

import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import Protocol

from sojourn.backend import Backend, Record, Refused
from sojourn.errors import CorruptSessionError, StoreUnavailableError
from sojourn.expiry import Lifetime, is_dead
from sojourn.retry import Retry

_ROUNDS = 32
"""Each round lost means that another client won one; to lose this many in a row is not bad luck."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a conditional write ended: ``is_ours``, or overtaken by the newer version in ``record``, or by an end.

    ``in_doubt``: overtaken, but an attempt of ours that went unanswered may have come first.
    """

    record: Record | None
    is_ours: bool
    in_doubt: bool = False


class Conditional(Protocol):
    """A backend's method that stores ``record`` if ``seen`` still holds."""

    def __call__(self, record: Record, *, seen: Record, now: int) -> Record | Refused:
        """One attempt at time ``now``."""


Encoding = Callable[[Record], bytes]
"""What to store as the document of a record, whose id, version, write id and subject are settled."""

Successor = Callable[[Record, int], Record]
"""What to store next, given the record it builds on and the time of the attempt."""


class SessionProtocol:
    """The calls for one session, in the order and under the conditions that keep it linearizable."""

    def __init__(
        self,
        backend: Backend,
        *,
        clock: Callable[[], int],
        retry: Retry,
        is_over: Callable[[Record], bool] = lambda _record: False,
    ) -> None:
        """``is_over`` tells of a session within its deadline whether it ended with many others."""
        self._backend = backend
        self._clock = clock
        self._retry = retry
        self._is_over = is_over

    def load(self, session_id: str, *, is_consistent: bool = True) -> Record | None:
        """The session if it lives. What is found dead is removed first."""
        return self._living(self._loaded(session_id, is_consistent=is_consistent))

    def document(self, record: Record) -> tuple[Record, bytes] | None:
        """The encoded document, with the record it belongs to: it may have been replaced; ``None`` when gone."""
        found: Record | None = record
        for _ in range(_ROUNDS):
            if found is None:
                return None
            seen, forbidden = found, None
            try:
                encoded = self._retry.run(partial(self._backend.document, seen))
                if encoded is not None:
                    return seen, encoded
            except StoreUnavailableError as error:
                if error.is_transient:
                    raise
                # To one who may not list a bucket S3 says of a missing object that it is forbidden.
                forbidden = error
            found = self.load(record.session_id)
            if found is not None and found.overflow == seen.overflow:
                if forbidden is not None:
                    raise forbidden
                break  # nobody replaced it: the object is really missing
        raise CorruptSessionError("its overflow object is missing", session_id=record.session_id)

    def delete(self, session_id: str, *, subject: str | None = None) -> bool:
        """End a session, dead or alive; whether there was one."""
        return self._retry.run(partial(self._backend.delete, session_id, subject=subject))

    def renew(self, seen: Record, *, idle: int | None = None) -> Record | None:
        """Move the deadline; the record as it is then, or ``None`` when it is gone."""
        for _ in range(_ROUNDS):
            base = seen
            wanted = _renewed(base, idle=idle, now=self._clock())
            outcome, in_doubt = self._tried(self._backend.renew, base, lambda r, now: _renewed(r, idle=idle, now=now))
            if isinstance(outcome, Record):
                return outcome
            with doubtful(in_doubt):
                current = self._living(outcome.current)
            if current is None:
                return None
            if current.idle == wanted.idle and current.expires_at >= wanted.expires_at:
                return current  # somebody else renewed it at least as far
            seen = _with_deadline_of(current, base)
        raise _too_busy()

    def replace(self, seen: Record, encoding: Encoding, *, idle: int | None = None) -> Outcome:
        """Store the next version of the document."""
        return self._advanced(self._backend.replace, seen, encoding, idle=idle, heir=lambda record: record)

    def rotate(self, seen: Record, encoding: Encoding, *, heir: Callable[[Record], Record]) -> Outcome:
        """Move the session to the id that ``heir`` gives its record."""
        return self._advanced(self._backend.rotate, seen, encoding, idle=None, heir=heir)

    def _advanced(
        self,
        call: Conditional,
        seen: Record,
        encoding: Encoding,
        *,
        idle: int | None,
        heir: Callable[[Record], Record],
    ) -> Outcome:
        write_id = new_write_id()

        def successor(base: Record, now: int) -> Record:
            renewed = _renewed(base, idle=idle, now=now)
            return heir(replace(renewed, version=base.version + 1, write_id=write_id, data=None, overflow=None))

        following = successor(seen, 0)
        # Once, not for each attempt: a late duplicate brings the same bytes.
        data = encoding(following)
        in_doubt = False
        for _ in range(_ROUNDS):
            outcome, unanswered = self._tried(call, seen, lambda base, now: replace(successor(base, now), data=data))
            in_doubt = in_doubt or unanswered
            if isinstance(outcome, Record):
                return Outcome(outcome, is_ours=True)
            with doubtful(in_doubt):
                landed = self._landed(outcome.current, following.session_id) if in_doubt else None
                if landed is not None and landed.write_id == write_id:
                    return Outcome(landed, is_ours=True)
                current = self._living(outcome.current)
            if current is None:
                return Outcome(None, is_ours=False, in_doubt=in_doubt)
            if current.version != seen.version:
                # A version is taken once. Whoever took the next one shows that ours was not stored, and
                # never will be; anyone later may have built on it.
                return Outcome(current, is_ours=False, in_doubt=in_doubt and current.version > seen.version + 1)
            seen = _with_deadline_of(current, seen)
        raise _too_busy()

    def _tried(self, call: Conditional, seen: Record, successor: Successor) -> tuple[Record | Refused, bool]:
        """What the store answered at last, and whether an earlier attempt went unanswered."""
        unanswered = False

        def attempt() -> Record | Refused:
            nonlocal unanswered
            now = self._clock()
            try:
                return call(successor(seen, now), seen=seen, now=now)
            except StoreUnavailableError as error:
                unanswered = unanswered or error.may_have_happened
                raise

        return self._retry.run(attempt), unanswered

    def _landed(self, current: Record | None, session_id: str) -> Record | None:
        """What is stored where an attempt of ours would show if it took effect."""
        if current is not None and current.session_id == session_id:
            return current
        return self.load(session_id)

    def _living(self, record: Record | None) -> Record | None:
        while record is not None and self._is_dead(record):
            remove = partial(self._backend.delete, record.session_id, expires_at=record.expires_at)
            if self._retry.run(remove):
                return None
            record = self._loaded(record.session_id)
        return record

    def _is_dead(self, record: Record) -> bool:
        return is_dead(expires_at=record.expires_at, now=self._clock()) or self._is_over(record)

    def _loaded(self, session_id: str, *, is_consistent: bool = True) -> Record | None:
        return self._retry.run(partial(self._backend.load, session_id, is_consistent=is_consistent))


@contextmanager
def doubtful(in_doubt: bool) -> Iterator[None]:
    """What fails in here leaves open what an earlier attempt of ours did, if that was ``in_doubt``."""
    try:
        yield
    except StoreUnavailableError as error:
        doubt = in_doubt or error.may_have_happened
        raise StoreUnavailableError(error.reason, may_have_happened=doubt, is_transient=error.is_transient) from error


def new_write_id() -> str:
    """Marks one write among all others: 96 random bits, 16 characters."""
    return secrets.token_urlsafe(12)


def _renewed(record: Record, *, idle: int | None, now: int) -> Record:
    """``record`` as used ``now``. Only a new idle time may bring its deadline forward."""
    lifetime = Lifetime(idle=idle or record.idle, absolute=record.absolute_at - record.created_at)
    deadline = lifetime.deadline(created_at=record.created_at, now=now)
    if lifetime.idle == record.idle:
        deadline = max(deadline, record.expires_at)
    return replace(record, idle=lifetime.idle, expires_at=deadline)


def _with_deadline_of(current: Record, record: Record) -> Record:
    return replace(record, idle=current.idle, expires_at=current.expires_at)


def _too_busy() -> StoreUnavailableError:
    return StoreUnavailableError("other clients keep changing the session's deadline", is_transient=True)
