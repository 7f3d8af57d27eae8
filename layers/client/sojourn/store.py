"""The verbs: what becomes of a session, in terms of a backend. Knows no service and no wire format."""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from enum import Enum
from functools import partial
from typing import TYPE_CHECKING, Final, Literal, cast

from sojourn import tokens
from sojourn.backend import Backend, Position, Record, Refused
from sojourn.document.codec import dump_document
from sojourn.document.sealing import Sealing
from sojourn.errors import (
    CorruptSessionError,
    InvalidDataError,
    LockLostError,
    SessionGoneError,
    SessionLockedError,
    StoreUnavailableError,
)
from sojourn.expiry import Lifetime, is_dead, renewal_is_due
from sojourn.locking import Lock
from sojourn.protocol import Encoding, Outcome, SessionProtocol, doubtful, new_write_id
from sojourn.retry import Retry
from sojourn.revocation import Boundaries, Epoch, Memory
from sojourn.session import Session, SessionSummary, summary
from sojourn.settings import Settings
from sojourn.sweep.index import placed
from sojourn.sweep.report import WHOLE, Share, SweepReport
from sojourn.sweep.run import Sweeper
from sojourn.writing import OnConflict, Rule, Writer

if TYPE_CHECKING:
    from sojourn.sweep.backend import SweepBackend

_PAGE = 100
_LONGEST_LEASE = 900
"""Seconds; a Lambda function runs no longer."""


class Keep(Enum):
    """The default of an argument that leaves a value as it is, where ``None`` would remove it."""

    KEEP = "keep"


KEEP: Final = Keep.KEEP


@dataclass(frozen=True, slots=True)
class SessionPage:
    """Some of a subject's live sessions, newest first; ``after`` is ``None`` on the last page."""

    sessions: tuple[SessionSummary, ...]
    after: Position | None


class Store:
    """Creates, reads, writes and ends sessions. Safe to share between threads; hold one per process.

    Costs are DynamoDB units as the ``dynamodb`` backend pays them: RRU and WRU, read and write request
    units. Every verb raises ``StoreUnavailableError`` when the store does not answer.
    """

    def __init__(
        self,
        backend: Backend,
        settings: Settings,
        *,
        clock: Callable[[], int] = lambda: int(time.time()),
        retry: Retry | None = None,
        memory: Memory | None = None,
    ) -> None:
        """``clock`` answers epoch seconds; ``memory`` is shared by the stores of one process."""
        self._backend = backend
        self._settings = settings
        self._clock = clock
        self._retry = retry or Retry()
        self._memory = memory or Memory()
        self._boundaries = Boundaries(backend, settings, clock=clock, retry=self._retry, memory=self._memory)
        self._protocol = SessionProtocol(backend, clock=clock, retry=self._retry, is_over=self._boundaries.have_passed)
        sealing = Sealing(is_on=settings.encryption != "off", is_required=settings.encryption == "required")
        self._writer = Writer(self._protocol, sealing, max_bytes=settings.max_bytes)

    @property
    def settings(self) -> Settings:
        """What this store was opened with."""
        return self._settings

    def within(self, seconds: float) -> "Store":
        """This store, with all that is asked of it answered or given up in ``seconds`` from now.

        In a Lambda: ``store.within(context.get_remaining_time_in_millis() / 1000 - 0.5)``.
        """
        retry = self._retry.within(seconds)
        return Store(self._backend, self._settings, clock=self._clock, retry=retry, memory=self._memory)

    def create(
        self,
        data: Mapping[str, object] | None = None,
        *,
        subject: str | None = None,
        label: str | None = None,
        idle: int | None = None,
        absolute: int | None = None,
    ) -> Session:
        """A new session under a new token. Costs 1 WRU per KB, 1 for the sweep index, 1 for a subject.

        ``idle`` and ``absolute`` are seconds and default to the settings. Raises ``InvalidDataError``,
        ``SessionTooLargeError``; then nothing has been stored.
        """
        text = dump_document(data or {}, max_bytes=self._settings.max_bytes)
        lifetime = Lifetime(
            idle=self._checked_seconds("idle", idle) or self._settings.idle_seconds,
            absolute=self._checked_seconds("absolute", absolute) or self._settings.absolute_seconds,
        )
        owner = self._owner(subject)
        draft = Record(
            session_id="",
            version=1,
            write_id=new_write_id(),
            created_at=0,
            expires_at=0,
            absolute_at=0,
            idle=lifetime.idle,
            subject=owner,
            label=None if label is None else tokens.checked_label(label),
            epoch=_name_of(self._boundaries.epoch(owner)),
        )
        token, record = self._inserted(draft, text, lifetime)
        return Session(record, text, token=token, max_bytes=self._settings.max_bytes, is_new=True)

    def read(self, token: str, *, touch: bool = True) -> Session | None:
        """The session of ``token``, or ``None``: unknown, expired, malformed and foreign look alike.

        Renews the idle deadline when a tenth of the idle time has passed, unless ``touch`` is false.
        Costs 1 RRU per 4 KB (half of it without consistent reads), and 1 WRU per KB when it renews.
        Raises ``CorruptSessionError`` for what is no session of ours, never answers an empty one instead.
        """
        session_id = tokens.session_id(token, namespace=self._settings.namespace)
        if session_id is None:
            return None
        found = self._protocol.load(self._namespaced(session_id), is_consistent=self._settings.consistent_read)
        complete = self._writer.text(found, token=token) if found else None
        if complete is None:
            return None
        record, text = complete
        if touch and self._renewal_is_due(record):
            renewed = self._protocol.renew(record)
            if renewed is None:
                return None
            record = replace(record, expires_at=renewed.expires_at, idle=renewed.idle)
        try:
            return Session(record, text, token=token, max_bytes=self._settings.max_bytes)
        except CorruptSessionError as error:
            raise CorruptSessionError(error.reason, session_id=record.session_id) from error

    def write(
        self,
        session: Session,
        *,
        idle: int | None = None,
        merge: bool = True,
        on_conflict: OnConflict = "raise",
    ) -> None:
        """Store what was changed, and renew; no call when nothing was. ``idle`` gives new idle seconds.

        Changes that others made to other top-level keys meanwhile are merged; the session then holds
        them too. A key changed on both sides to different values raises ``ConflictError`` unless
        ``on_conflict`` prefers ``"mine"`` or ``"theirs"``. A function in its place gets a ``Conflict`` for
        each key that both changed, to the same value too, and answers what to store; it may be asked
        more than once. ``merge=False`` raises it for any concurrent change. Costs 1 WRU per KB of the
        larger of old and new item. Raises ``SessionGoneError``, ``InvalidDataError``,
        ``SessionTooLargeError``; the session keeps its changes then.
        """
        self._demand_own(session)
        text = session.dumped()
        idle = self._checked_seconds("idle", idle)
        rule = Rule(merge=merge, on_conflict=on_conflict, has_more_to_store=idle is not None)
        if text == session._base and idle in (None, session.idle):
            return

        def write_onto(seen: Record, encoding: Encoding) -> Outcome:
            return self._protocol.replace(seen, encoding, idle=idle)

        self._writer.carry(session, text, write_onto, rule, token=session.token)
        self._demand_current(session, may_have_happened=True)

    def touch(self, session: Session, *, idle: int | None = None) -> bool:
        """Renew the idle deadline; ``idle`` gives new idle seconds. Whether the store was asked at all.

        ``False``: no tenth of the idle time has passed since the last renewal, so nothing was asked and
        nothing is said about whether the session still lives. Costs 1 WRU per KB. Raises
        ``SessionGoneError``.
        """
        self._demand_own(session)
        idle = self._checked_seconds("idle", idle)
        if idle in (None, session.idle) and not self._renewal_is_due(session._record):
            return False
        renewed = self._protocol.renew(session._record, idle=idle)
        if renewed is None:
            raise SessionGoneError(session.id)
        session._renewed(expires_at=renewed.expires_at, idle=renewed.idle)
        self._demand_current(session, may_have_happened=True)
        return True

    def rotate(
        self,
        session: Session,
        *,
        subject: str | Literal[Keep.KEEP] | None = KEEP,
        label: str | Literal[Keep.KEEP] | None = KEEP,
        on_conflict: OnConflict = "raise",
    ) -> None:
        """Give the session a new token and end the old one, both or neither; pending changes go with it.

        Call it at login and at every change of privilege (OWASP Session Management Cheat Sheet, "Renew
        the session ID"). The only way its subject changes; ``None`` removes it. The absolute deadline
        stays. Costs 2 WRU per KB of the old and of the new item, and their index entries. Raises like
        ``write``.
        """
        self._demand_own(session)
        rule = Rule(merge=True, on_conflict=on_conflict, has_more_to_store=True)
        token = tokens.mint()
        key = self._key(token)
        owner = session._record.subject if subject is KEEP else self._owner(subject)
        name = label if label is KEEP or label is None else tokens.checked_label(label)
        # Whoever was ended with all others gets no heir in an epoch that came after.
        self._demand_current(session)
        epoch = self._boundaries.epoch(owner)

        def heir(record: Record) -> Record:
            moved = replace(
                record,
                session_id=key,
                subject=owner,
                label=record.label if name is KEEP else name,
                epoch=_name_of(epoch),
            )
            return placed(moved, self._settings)

        def rotate_onto(seen: Record, encoding: Encoding) -> Outcome:
            return self._protocol.rotate(seen, encoding, heir=heir)

        self._writer.carry(session, session.dumped(), rotate_onto, rule, token=token)
        session._rotated(token)
        self._demand_current(session, may_have_happened=True)

    def expire(self, session: Session | str) -> None:
        """End a session now, given itself or its token. Costs 1 WRU per KB. No error when there is none."""
        token = session.token if isinstance(session, Session) else session
        session_id = tokens.session_id(token, namespace=self._settings.namespace)
        if session_id is not None:
            self._protocol.delete(self._namespaced(session_id))

    @contextmanager
    def lock(self, session: Session, *, lease: float = 5, wait: float = 10) -> Iterator[int]:
        """Have ``session`` to yourself among those who lock it: ``with store.lock(session) as fence:``.

        For work that no merge can undo, a payment say; writes need no lock. It binds nobody who does not
        ask for it. ``lease`` and ``wait`` are seconds. A session without changes is read again first; one
        with changes is merged when it is written. If the holder dies the lock gets free when somebody has
        waited for the whole lease. ``fence`` grows from holder to holder, so whatever else is changed can
        refuse a smaller one that comes late. A rotation inside leaves the lock with the old session.

        Costs 2 RRU and 2 WRU, and 1 RRU for each look while another has it: five or so in the first half
        second, then two a second. Raises ``SessionLockedError`` when others have it all the time,
        ``LockLostError`` when the work outlasted the lease and someone else may have had it,
        ``SessionGoneError``.
        """
        self._demand_own(session)
        lease = _checked_duration("lease", lease, least=0.1)
        wait = _checked_duration("wait", wait, least=0)
        lock = Lock(self._backend, session._record, lease=lease, clock=self._clock, retry=self._retry)
        fence = lock.acquire(wait=wait)
        if fence is None:
            raise SessionLockedError(session.id, waited=wait)
        try:
            self._refresh(session)
            yield fence
        except BaseException:
            lock.release()
            raise
        if not lock.release():
            raise LockLostError(session.id)

    def sessions(self, *, subject: str) -> Iterator[SessionSummary]:
        """The live sessions of ``subject``, newest first. May miss one created a moment ago.

        Costs half an RRU per 4 KB of index and 1 RRU per 4 KB of each session.
        """
        after: Position | None = None
        while True:
            page = self.session_page(subject=subject, after=after)
            yield from page.sessions
            after = page.after
            if after is None:
                return

    def session_page(self, *, subject: str, limit: int = _PAGE, after: Position | None = None) -> SessionPage:
        """At most ``limit`` (1 to 100) of the sessions of ``subject``; costs as in ``sessions``."""
        owner = self._required_owner(subject)
        if not 1 <= limit <= _PAGE:
            raise InvalidDataError(f"takes a whole number from 1 to {_PAGE}", path=("limit",))
        page = self._retry.run(lambda: self._backend.of_subject(owner, limit=limit, after=after))
        records = self._retry.run(lambda: self._backend.peek([position.session_id for position in page.positions]))
        epoch, not_before, now = self._boundaries.epoch(owner), self._boundaries.not_before(), self._clock()
        living = (
            record
            for record in records
            if not is_dead(expires_at=record.expires_at, now=now)
            and record.created_at >= not_before
            and (epoch is None or epoch.includes(record))
        )
        return SessionPage(tuple(summary(record) for record in living), page.after)

    def expire_one(self, *, subject: str, session_id: str) -> bool:
        """End one session of ``subject`` by its id, as a list of devices does; whether there was one."""
        if not tokens.is_session_id(session_id):
            return False
        return self._protocol.delete(self._namespaced(session_id), subject=self._required_owner(subject))

    def expire_all(self, *, subject: str, keep: Session | str | None = None) -> int:
        """End every session of ``subject`` but ``keep`` (a session or its id); how many were removed.

        Passes over the index are repeated until one names nothing new. The index lags behind by moments:
        a session created just before the call may be missed, unless ``strict_expire_all`` is set. Then
        all of them are dead at once, for 1 WRU and 1 RRU more, and sessions with a subject cost 1 RRU
        more to create, read, touch, write and rotate. Costs 1 WRU per KB and session, and its index
        entries.
        """
        owner = self._required_owner(subject)
        spared = None if keep is None else self._namespaced(_id_of(keep))
        self._boundaries.end(owner, keep=spared)
        ended, known, known_before = 0, {spared}, 0
        # Until nothing new is named, not until nothing is ended: what was missing may have been rotated away.
        while len(known) > known_before:
            known_before = len(known)
            for session_id in self._ids_of(owner):
                if session_id not in known:
                    known.add(session_id)
                    ended += self._protocol.delete(session_id, subject=owner)
        return ended

    def expire_before(self, instant: int) -> None:
        """End every session of the namespace that was created before ``instant`` (epoch seconds).

        For good: a later call with an earlier ``instant`` changes nothing. Call it on a table restored
        from a backup before anybody reads it: what was ended since the backup stays ended. A process
        that is already running may take a minute to notice. Costs 1 RRU and 1 WRU, whatever the number
        of sessions; the sweeper removes them at their own deadlines.
        """
        now = self._clock()
        if type(instant) is not int or not 0 <= instant <= now:
            raise InvalidDataError(f"takes a second from 0 to now ({now})", path=("instant",))
        self._boundaries.set_not_before(instant)

    def not_before(self) -> int:
        """The second before which no session began that lives, as far as this process knows; 0 when there is none.

        Costs 1 RRU, at most once a minute.
        """
        return self._boundaries.not_before()

    def sweep(self, *, deadline: int, share: Share = WHOLE, dry_run: bool = False) -> SweepReport:
        """Remove stale sessions until ``deadline`` (epoch seconds). Needs a backend that can be swept.

        ``share`` is the part of several runs beside each other. A dry run removes nothing: it counts the
        hints in ``due``, and in ``write_units`` what removing them all would cost at 1 KB each. Costs 1
        WRU per KB and swept session, and 1 for its place in the index.
        """
        sweeper = Sweeper(cast("SweepBackend", self._backend), self._settings, clock=self._clock, retry=self._retry)
        return sweeper.run(deadline=deadline, share=share, is_dry=dry_run)

    def _inserted(self, draft: Record, text: bytes, lifetime: Lifetime) -> tuple[str, Record]:
        abandoned: list[str] = []

        def attempt() -> tuple[str, Record | Refused]:
            # A fresh token each time. A request that went unanswered may be carried out after the session
            # was ended; under a token that nobody was given it brings nothing back.
            now, token = self._clock(), tokens.mint()
            record = replace(
                draft,
                session_id=self._key(token),
                created_at=now,
                expires_at=lifetime.deadline(created_at=now, now=now),
                absolute_at=now + lifetime.absolute,
            )
            record = replace(record, data=self._writer.encoding(text, token=token)(record))
            try:
                return token, self._backend.insert(placed(record, self._settings))
            except StoreUnavailableError as error:
                if error.may_have_happened:
                    abandoned.append(record.session_id)
                raise

        token, outcome = self._retry.run(attempt)
        for session_id in abandoned:
            self._forget(session_id)
        if isinstance(outcome, Refused):
            raise StoreUnavailableError("a new session id was taken already; the random source repeats itself")
        return token, outcome

    def _forget(self, session_id: str) -> None:
        """Clear away what nobody will ever read; if that fails, its deadline does it."""
        once = replace(self._retry, attempts=1)  # it keeps to the deadline
        try:
            once.run(partial(self._backend.delete, session_id))
        except StoreUnavailableError:
            return

    def _refresh(self, session: Session) -> None:
        found = self._protocol.load(session._record.session_id)
        complete = self._writer.text(found, token=session.token) if found else None
        if complete is None:
            raise SessionGoneError(session.id)
        record, text = complete
        if not session.is_changed:
            session._stored(record, text, is_merged=text != session._base)

    def _ids_of(self, owner: str) -> Iterator[str]:
        after: Position | None = None
        while True:
            page = self._retry.run(partial(self._backend.of_subject, owner, limit=_PAGE, after=after))
            yield from (position.session_id for position in page.positions)
            after = page.after
            if after is None:
                return

    def _demand_own(self, session: Session) -> None:
        # A session of another namespace, brought here by its application: for this store there is none.
        if session._record.session_id != self._namespaced(session.id):
            raise SessionGoneError(session.id)

    def _demand_current(self, session: Session, *, may_have_happened: bool = False) -> None:
        """That it did not end with many others; asked after a change, too, since that may come between."""
        with doubtful(may_have_happened):
            if not self._boundaries.have_passed(session._record):
                return
            self._protocol.delete(session._record.session_id)
        raise SessionGoneError(session.id, may_have_happened=may_have_happened)

    def _renewal_is_due(self, record: Record) -> bool:
        lifetime = Lifetime(idle=record.idle, absolute=record.absolute_at - record.created_at)
        deadline = lifetime.deadline(created_at=record.created_at, now=self._clock())
        return renewal_is_due(expires_at=record.expires_at, renewed_to=deadline, idle=record.idle)

    def _checked_seconds(self, name: str, seconds: int | None) -> int | None:
        limit = self._settings.max_absolute_seconds
        if seconds is not None and (type(seconds) is not int or not 1 <= seconds <= limit):
            raise InvalidDataError(f"takes a whole number of seconds from 1 to {limit}", path=(name,))
        return seconds

    def _owner(self, subject: str | None) -> str | None:
        return None if subject is None else self._required_owner(subject)

    def _required_owner(self, subject: str) -> str:
        return self._namespaced(tokens.checked_subject(subject))

    def _key(self, token: str) -> str:
        # A token we minted is canonical, so it has an id.
        return self._namespaced(cast("str", tokens.session_id(token, namespace=self._settings.namespace)))

    def _namespaced(self, name: str) -> str:
        return f"{self._settings.namespace}#{name}"


def _name_of(epoch: Epoch | None) -> str | None:
    return None if epoch is None else epoch.name


def _checked_duration(name: str, seconds: float, *, least: float) -> float:
    if type(seconds) not in (int, float) or not least <= seconds <= _LONGEST_LEASE:
        raise InvalidDataError(f"takes seconds from {least:g} to {_LONGEST_LEASE}", path=(name,))
    return seconds


def _id_of(keep: Session | str) -> str:
    session_id = keep.id if isinstance(keep, Session) else keep
    if not tokens.is_session_id(session_id):
        # A token would spare nobody, and log out the one who asked.
        raise InvalidDataError("takes a session or its id, not its token", path=("keep",))
    return session_id
