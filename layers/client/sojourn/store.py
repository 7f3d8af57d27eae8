"""The verbs: what becomes of a session, in terms of a backend. Knows no service and no wire format."""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Literal

from sojourn import tokens
from sojourn.absence import Absence
from sojourn.backend import Backend, Position
from sojourn.changing import Changer
from sojourn.document.codec import load_document
from sojourn.ending import Ender
from sojourn.events import Cause, OnEvent, Reason, Reporter
from sojourn.names import Namespace
from sojourn.protocol import SessionProtocol
from sojourn.reading import Reader
from sojourn.resources import Resources
from sojourn.retry import Retry
from sojourn.revocation import Memory, Revocation
from sojourn.session import Session, SessionDescription, SessionSummary, Snapshot
from sojourn.settings import Settings
from sojourn.subjects import PAGE, BulkExpiry, SessionPage, Subjects, id_of
from sojourn.sweep.report import WHOLE, Share, SweepReport
from sojourn.tokens import Token
from sojourn.values import replace
from sojourn.writing import KEEP, Keep, OnConflict, Rule, Writer, gone


class Store:
    """Creates, reads, writes and ends sessions. Safe to share between threads; hold one per process.

    Costs are DynamoDB units as the ``dynamodb`` backend pays them: RRU and WRU, read and write request
    units. Every verb raises ``StoreUnavailableError`` when the store does not answer. A lifetime that is given is
    kept, or refused with ``InvalidDataError``: ``idle`` and ``absolute`` are seconds, ``MAX_ABSOLUTE_SECONDS`` at most.
    """

    def __init__(
        self,
        backend: Backend,
        settings: Settings,
        *,
        clock: Callable[[], int] = lambda: int(time.time()),
        retry: Retry | None = None,
        memory: Memory | None = None,
        on_event: OnEvent | Reporter | None = None,
    ) -> None:
        """``clock`` returns epoch seconds; ``memory`` is shared by the stores of one process.

        ``on_event`` gets a ``SessionEvent`` for each session that is created, logged in, rotated, ended, missed or
        refused, in the thread that met it; what it raises is logged and ends no request.
        """
        retry, memory = retry or Retry(), memory or Memory()
        reporter = on_event if isinstance(on_event, Reporter) else Reporter(settings.namespace, on_event)
        self._reporter, self._settings = reporter, settings
        self._resources = Resources(backend, settings, clock, retry, memory, reporter)
        self._revocation = revocation = Revocation(backend, settings, clock=clock, retry=retry, memory=memory)
        protocol = SessionProtocol(
            backend, clock=clock, retry=retry, revocation=revocation, sweep_grace=settings.sweep_grace_seconds
        )
        writer = Writer(backend, protocol, settings, clock=clock, retry=retry)
        self._reader = Reader(protocol, writer, settings, clock=clock, reporter=reporter)
        self._changer = Changer(writer, protocol, revocation, settings, clock=clock, reporter=reporter)
        self._ender = Ender(protocol, self._reader, revocation, clock=clock, reporter=reporter)
        namespace = Namespace(settings.namespace)
        self._subjects = Subjects(backend, namespace, retry=retry, revocation=revocation, reporter=reporter)

    @property
    def settings(self) -> Settings:
        """What this store was opened with."""
        return self._settings

    @property
    def resources(self) -> Resources:
        """What this store is made of."""
        return self._resources

    def within(self, seconds: float) -> "Store":
        """This store, with each call answered or given up in ``seconds`` from now.

        In a Lambda: ``store.within(context.get_remaining_time_in_millis() / 1000 - 0.5)``.
        """
        return self.over(replace(self._resources, retry=self._resources.retry.within(seconds)))

    def over(self, of: Resources) -> "Store":
        """This store, made of other resources."""
        return Store(of.backend, of.settings, clock=of.clock, retry=of.retry, memory=of.memory, on_event=of.reporter)

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

        ``idle`` and ``absolute`` default to the settings. Raises ``InvalidDataError``, ``SessionTooLargeError``; then
        nothing has been stored.
        """
        data = {} if data is None else data
        snapshot = self._changer.create(data, subject=subject, label=label, idle=idle, absolute=absolute)
        return self._session(snapshot, is_new=True)

    def read(self, token: str | Token | None, *, touch: bool = True) -> Session | None:
        """The session of ``token``, or ``None``: unknown, expired, malformed and superseded look alike.

        Renews the idle deadline when a tenth of the idle time has passed, unless ``touch`` is false.
        Costs 1 RRU per 4 KB (half of it without consistent reads), and 1 WRU per KB when it renews; once a minute
        another RRU for the namespace's mark, in the same call.
        Raises ``CorruptSessionError`` for what is no session of ours, never returns an empty one instead.
        """
        token = tokens.parsed(token)  # the text is in no frame from here on, where a traceback would show it
        found = self.find(token, touch=touch)
        return None if isinstance(found, Absence) else found

    def find(
        self, token: str | Token | None, *, touch: bool = True, arrived_at: int | None = None
    ) -> Session | Absence:
        """``read``, with the reason where there is no session: for logs, not for clients.

        ``arrived_at`` (epoch seconds) is when the request that brought the token arrived, if not just now: it decides
        what counts as superseded.
        """
        token = tokens.parsed(token)
        found = self._reader.find(token, touch=touch, arrived_at=arrived_at)
        return found if isinstance(found, Absence) else self._session(found)

    def find_text(self, token: str | Token | None, *, touch: bool = True) -> Snapshot | Absence:
        """``find``, for a caller that shows the document's JSON and needs no value of it."""
        token = tokens.parsed(token)
        return self._reader.find_text(token, touch=touch)

    def write(
        self,
        session: Session,
        *,
        idle: int | None = None,
        absolute: int | None = None,
        merge: bool = True,
        on_conflict: OnConflict = "raise",
    ) -> None:
        """Store what was changed, and renew; no call when nothing was. ``idle`` and ``absolute`` as in ``touch``.

        Changes that others made to other top-level keys meanwhile are merged; the session then holds
        them too. A key changed on both sides to different values raises ``ConflictError`` unless
        ``on_conflict`` prefers ``"mine"`` or ``"theirs"``. A function in its place gets a ``Conflict`` for
        each key that both changed, to the same value too, and returns what to store; it may be called
        more than once. ``merge=False`` raises it for any concurrent change. Costs 1 WRU per KB of the
        larger of old and new item. Raises ``SessionGoneError``, ``InvalidDataError``,
        ``SessionTooLargeError``; the session keeps its changes then.
        """
        rule = Rule(merge=merge, on_conflict=on_conflict)
        self._changer.write(session, idle=idle, absolute=absolute, rule=rule)

    def touch(self, session: Session, *, idle: int | None = None, absolute: int | None = None) -> bool:
        """Renew the idle deadline. Returns whether the store was called at all.

        ``idle`` gives new idle seconds, ``absolute`` new seconds since the stay began. ``False``: no tenth of the idle
        time has passed since the last renewal, so no call was made and nothing is known of whether the session still
        lives. Costs 1 WRU per KB, and 2 where a shorter lifetime moves its place in the sweep index. Raises
        ``SessionGoneError``.
        """
        return self._changer.touch(session, idle=idle, absolute=absolute)

    def rotate(
        self,
        session: Session,
        *,
        idle: int | None = None,
        absolute: int | None = None,
        on_conflict: OnConflict = "raise",
    ) -> None:
        """Give the session a new token and end the old one, in one write; pending changes go with it.

        Call it at every change of privilege (OWASP Session Management Cheat Sheet, "Renew the session ID"); at a login
        call ``login``. Id, subject and beginning stay; lifetimes as in ``touch``. Costs 1 WRU per KB. Raises like
        ``write``.
        """
        self._changer.rotate(session, idle=idle, absolute=absolute, rule=Rule(on_conflict=on_conflict))

    def login(
        self,
        session: Session,
        *,
        subject: str,
        label: str | Literal[Keep.KEEP] | None = KEEP,
        idle: int | None = None,
        absolute: int | None = None,
        on_conflict: OnConflict = "raise",
    ) -> None:
        """Make the session ``subject``'s: a rotation, and a new beginning. The only way a subject changes.

        Both lifetimes count from now; what is not given is as long as before. Costs 1 WRU per KB, and for the index 1
        when the session had no subject, 2 when it had another; in strict mode 1 RRU before and 1 after for each
        subject. Raises like ``write``.
        """
        rule = Rule(on_conflict=on_conflict)
        self._changer.login(session, subject=subject, label=label, idle=idle, absolute=absolute, rule=rule)

    def superseding_document(
        self, token: str | Token | None, *, subject: str, arrived_at: int | None = None
    ) -> dict[str, object] | None:
        """What the session holds whose rotation superseded ``token``, if it is ``subject``'s, and not encrypted.

        For a second login of ``subject`` that was under way beside the first, a double click: it begins with what the
        first one stored. The caller has authenticated ``subject``. Costs 1 RRU per 4 KB.
        """
        token = tokens.parsed(token)
        text = self._reader.superseding_text(token, subject=subject, arrived_at=arrived_at)
        return None if text is None else load_document(text)

    def expire(self, session: Session | str | Token | None) -> bool:
        """End a session now, given itself or its token; whether there was one. Costs 1 WRU per KB.

        Also with a token that a rotation, and no login, replaced in the last 10 seconds: such a logout was in flight.
        """
        session = session.snapshot.token if isinstance(session, Session) else tokens.parsed(session)
        return self.end(session) is None

    def end(self, token: str | Token | None, *, reason: Reason = Cause.LOGOUT) -> Absence | None:
        """``expire``, with the reason where nothing was ended: for logs, and for what a client does next.

        ``SUPERSEDED``: a login replaced the token while the logout was on its way. The session lives on. ``reason`` is
        what the event of the end says.
        """
        return self._ender.end(tokens.parsed(token), reason=reason)

    def expire_unchanged(self, session: Session) -> bool:
        """End ``session`` unless it was written since this copy was read; whether it is over. Costs 1 WRU per KB."""
        return self._ender.end_unchanged(session)

    @contextmanager
    def lock(self, session: Session, *, lease: float = 5, wait: float = 10) -> Iterator[int]:
        """Have ``session`` to yourself among the callers that lock it: ``with store.lock(session) as fence:``.

        For work that no merge can undo, a payment say; writes need no lock. It holds off only callers that ask for it.
        ``lease`` and ``wait`` are seconds. A session without changes is read again first; one
        with changes is merged when it is written. If the holder dies the lock gets free when a caller has
        waited for the whole lease. ``fence`` grows from holder to holder, so whatever else is changed can
        refuse a smaller one that comes late. A rotation inside keeps the lock.

        Costs 2 RRU and 2 WRU, and 1 RRU for each look while another has it: five or so in the first half
        second, then two a second. Raises ``SessionLockedError`` when others have it all the time,
        ``LockLostError`` when the work outlasted the lease and another caller may have had it,
        ``SessionGoneError``.
        """
        # Imported here, as what sweeps: most processes do neither, and each start pays for what it loads.
        from sojourn.locking import Lock

        self._changer.demand_own(session)
        of = self._resources
        lock = Lock(of.backend, session.snapshot.record, lease=lease, clock=of.clock, retry=of.retry)
        with self._reporter.watch("lock", session), lock.held(wait=wait) as fence:
            self.refresh(session)
            yield fence

    def refresh(self, session: Session) -> None:
        """Read the session again: a document without changes becomes what is stored now. Costs as ``read``.

        Raises ``SessionGoneError``.
        """
        with self._reporter.watch("refresh", session):
            self._changer.demand_own(session)
            before = session.snapshot
            found = self._reader.again(before)
            if isinstance(found, Absence):
                raise gone(before.record, found)
        if not session.is_changed:
            session.settle(found, is_merged=found.text != before.text)

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

    def session_page(self, *, subject: str, limit: int = PAGE, after: Position | None = None) -> SessionPage:
        """At most ``limit`` (1 to 100) of the sessions of ``subject``; costs as in ``sessions``."""
        return self._subjects.page(subject, limit=limit, after=after)

    def expire_one(self, *, subject: str, session_id: str) -> bool:
        """End one session of ``subject`` by its id, as a list of devices does; whether there was one."""
        return self._subjects.expire_one(subject, session_id)

    def describe(self, session_id: str) -> SessionDescription | None:
        """What is stored of the session with this id, live or dead, for an operator. Costs 1 RRU per 4 KB."""
        return self._subjects.describe(session_id)

    def expire_id(self, session_id: str) -> bool:
        """End a session by its id alone, as an operator does; whether there was one. Costs 1 RRU and 1 WRU per KB."""
        return self._subjects.expire_id(session_id)

    def expire_all(self, *, subject: str, keep: Session | str | None = None) -> BulkExpiry:
        """End every session of ``subject`` but ``keep`` (a session or its id), many at once.

        Passes over the index are repeated until one names nothing new. The index lags behind by moments:
        a session created just before the call may be missed, unless ``strict_expire_all`` is set. Then
        all of them are dead at once, for 1 WRU and 1 RRU more, and sessions with a subject cost 1 RRU
        more to create, read, touch, write and rotate. Costs 1 WRU per KB and session, and its index
        entries. Stops in time: ``more`` in what it returns says that some are left, so call again.
        """
        return self._subjects.expire_all(subject, keep=None if keep is None else id_of(keep))

    def expire_before(self, instant: int) -> None:
        """End every session of the namespace that was created before ``instant`` (epoch seconds).

        For good: a later call with an earlier ``instant`` changes nothing. Call it on a table restored
        from a backup before any process reads it: what was ended since the backup stays ended. A process
        that is already running may take a minute to notice. Costs 1 RRU and 1 WRU, whatever the number
        of sessions; the sweeper removes them at their own deadlines.
        """
        self._ender.end_before(instant)

    def not_before(self) -> int:
        """The second before which no session was created that lives, as far as this process knows; 0 if there is none.

        Costs 1 RRU, at most once a minute.
        """
        return self._revocation.not_before()

    def sweep(self, *, deadline: int, share: Share = WHOLE, dry_run: bool = False) -> SweepReport:
        """Remove stale sessions until ``deadline`` (epoch seconds).

        ``share`` is the part of several runs beside each other. A dry run removes nothing: it counts the
        hints in ``due``, and in ``write_units`` what removing them all would cost at 1 KB each. Costs 1
        WRU per KB and swept session, and 1 for its place in the index. Raises ``ConfigurationError`` where the backend
        cannot be swept from.
        """
        from sojourn.sweep.run import Sweeper

        of = self._resources
        sweeper = Sweeper(of.backend.sweep, of.settings, clock=of.clock, retry=of.retry)
        with self._reporter.watch("sweep"):
            return sweeper.run(deadline=deadline, share=share, is_dry=dry_run)

    def _session(self, snapshot: Snapshot, *, is_new: bool = False) -> Session:
        most = self._settings.max_bytes
        return self._reader.opened(snapshot, lambda: Session(snapshot, max_bytes=most, is_new=is_new))
