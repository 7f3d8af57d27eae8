"""The verbs of one subject: list its sessions, end one of them, end all. And what an operator does by an id alone.

Knows no token and no document.
"""

from collections.abc import Callable, Iterator, Sequence
from functools import partial

from sojourn.backend import Backend, Match, Position, Record
from sojourn.errors import InvalidDataError, StoreUnavailableError
from sojourn.events import Cause, Outcome, Reporter
from sojourn.names import Namespace, bare, is_session_id
from sojourn.retry import Retry
from sojourn.revocation import Revocation
from sojourn.session import Session, SessionDescription, SessionSummary
from sojourn.values import dataclass

PAGE = 100
"""Sessions of one page of a list, at most."""

_ROUNDS = 32
_THREADS = 16
"""Sessions ended at once: a thread waits for the network most of its time."""


@dataclass(frozen=True, slots=True)
class SessionPage:
    """Some of a subject's live sessions, newest first; ``after`` is ``None`` on the last page."""

    sessions: tuple[SessionSummary, ...]
    after: Position | None


@dataclass(frozen=True, slots=True)
class BulkExpiry:
    """How many sessions were ended; ``more``: time ran out before all were, so call again."""

    expired: int
    more: bool = False


class Subjects:
    """What is done with the sessions of one subject, found by the index."""

    def __init__(
        self, backend: Backend, namespace: Namespace, *, retry: Retry, revocation: Revocation, reporter: Reporter
    ) -> None:
        self._reporter = reporter
        self._backend = backend
        self._namespace = namespace
        self._retry = retry
        self._revocation = revocation

    def page(self, subject: str, *, limit: int, after: Position | None) -> SessionPage:
        """At most ``limit`` of its live sessions."""
        owner = self._namespace.subject(subject)
        if not 1 <= limit <= PAGE:
            raise InvalidDataError(f"takes a whole number from 1 to {PAGE}", path=("limit",))
        with self._reporter.watch("list"):
            page = self._retry.run(partial(self._backend.of_subject, owner, limit=limit, after=after))
            keys = [position.session_id for position in page.positions]
            records = self._retry.run(partial(self._backend.peek, keys))
            living = self._revocation.living(records, subject=owner)
        return SessionPage(tuple(SessionSummary.of(record) for record in living), page.after)

    def expire_one(self, subject: str, session_id: str) -> bool:
        """End one of its sessions; whether there was one."""
        owner = self._namespace.subject(subject)
        with self._reporter.watch("expire_one"):
            was_there = is_session_id(session_id) and self._ended(owner, self._namespace.session(session_id))
        if was_there:
            self._report_ended("expire_one", session_id)
        return was_there

    def expire_all(self, subject: str, *, keep: str | None) -> BulkExpiry:
        """End its sessions but the one with the id ``keep``, in passes over the index until one names nothing new."""
        owner = self._namespace.subject(subject)
        spared = None if keep is None else self._namespace.session(keep)
        with self._reporter.watch("expire_all"):
            return self._expire_all(owner, spared)

    def _expire_all(self, owner: str, spared: str | None) -> BulkExpiry:
        self._revocation.end(owner, keep=spared)
        expired, known, known_before = 0, {spared}, 0
        try:
            while len(known) > known_before:
                known_before = len(known)
                for keys in self._pages(owner):
                    named = [key for key in keys if key not in known]
                    known.update(named)
                    ended, failure = _end_each(partial(self._ended, owner), named)
                    expired += len(ended)
                    for key in ended:
                        self._report_ended("expire_all", bare(key))
                    if failure is not None:
                        raise failure
        except StoreUnavailableError as error:
            if not error.is_transient or expired == 0:
                raise
            self._reporter.report_error("expire_all", error)
            return BulkExpiry(expired, more=True)
        return BulkExpiry(expired)

    def describe(self, session_id: str) -> SessionDescription | None:
        """What is stored under this id, dead or alive; removes nothing."""
        record = self._loaded(session_id)
        return None if record is None else SessionDescription.of(record, absence=self._revocation.absence(record))

    def expire_id(self, session_id: str) -> bool:
        """End the session with this id, of whichever subject; whether there was one."""
        with self._reporter.watch("expire_id"):
            was_there = self._ended_by_id(session_id)
        if was_there:
            self._reporter.report("expire_id", Outcome.ENDED, session_id=session_id, reason=Cause.OPERATOR)
        return was_there

    def _ended_by_id(self, session_id: str) -> bool:
        for _ in range(_ROUNDS):
            record = self._loaded(session_id)
            if record is None:
                return False
            match = Match(token_hash=record.token_hash)
            if self._retry.run(partial(self._backend.delete, record.session_id, match=match)) is None:
                return True
        raise StoreUnavailableError("other clients keep rotating the session's token", is_transient=True)

    def _loaded(self, session_id: str) -> Record | None:
        if not is_session_id(session_id):
            return None
        return self._retry.run(partial(self._backend.load, self._namespace.session(session_id)))

    def _pages(self, owner: str) -> Iterator[list[str]]:
        after: Position | None = None
        while True:
            page = self._retry.run(partial(self._backend.of_subject, owner, limit=PAGE, after=after))
            yield [position.session_id for position in page.positions]
            after = page.after
            if after is None:
                return

    def _report_ended(self, verb: str, session_id: str) -> None:
        self._reporter.report(verb, Outcome.ENDED, session_id=session_id, reason=Cause.OWNER)

    def _ended(self, owner: str, key: str) -> bool:
        return self._retry.run(partial(self._backend.delete, key, match=Match(subject=owner))) is None


def _end_each(end: Callable[[str], bool], keys: Sequence[str]) -> tuple[list[str], BaseException | None]:
    """Those of ``keys`` that were ended, several at once; and the first failure, after which no other is begun."""
    if len(keys) < 2:  # one needs no threads
        return [key for key in keys if end(key)], None
    # Imported here: a process that ends no sessions in bulk, nearly every one, need not load it.
    from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait

    with ThreadPoolExecutor(min(_THREADS, len(keys))) as threads:
        futures = {threads.submit(end, key): key for key in keys}
        wait(futures, return_when=FIRST_EXCEPTION)
        for future in futures:
            future.cancel()
    begun = [future for future in futures if not future.cancelled()]
    failures = [failure for future in begun if (failure := future.exception()) is not None]
    ended = [futures[future] for future in begun if future.exception() is None and future.result()]
    return ended, failures[0] if failures else None


def id_of(kept: Session | str) -> str:
    """The id of a session that is to be spared, given itself or its id."""
    session_id = kept.id if isinstance(kept, Session) else kept
    if not is_session_id(session_id):
        # A token would spare no session, and log out the caller.
        raise InvalidDataError("takes a session or its id, not its token", path=("keep",))
    return session_id
