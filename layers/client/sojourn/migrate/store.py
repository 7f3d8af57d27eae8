"""A store that adopts the sessions of an older one. Knows no older store: see the modules beside it."""

import logging
import threading
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial

from sojourn.absence import Absence
from sojourn.backend import Match, Record
from sojourn.document.codec import decode, load_document
from sojourn.document.sealing import is_sealed
from sojourn.errors import SessionGoneError, SojournError, StoreUnavailableError
from sojourn.events import Cause, Outcome, Reason
from sojourn.expiry import is_dead
from sojourn.migrate.candidate import Candidate, OlderStore, SubjectOf
from sojourn.migrate.marks import Marks, Moved
from sojourn.migrate.source import Source, UnreadableError
from sojourn.names import Namespace
from sojourn.resources import Resources
from sojourn.session import Session
from sojourn.store import Store
from sojourn.subjects import BulkExpiry
from sojourn.tokens import PREFIX, Token

_log = logging.getLogger(__name__)

_MAX_KEY_CHARACTERS = 8_192
"""More than a browser's cookie holds; whatever is longer is no key."""


@dataclass(frozen=True, slots=True)
class Report:
    """How many keys were looked up, by what became of them.

    ``adopted`` live on under Sojourn's tokens. ``spent`` had moved in, or were ended, before. ``missing`` opened
    nothing in the older store either. ``unreadable`` were there and could not be read safely, or not be kept.
    ``revoked`` were ended with all others of their subject or namespace. ``left`` were adopted and could not be ended
    in the older store.
    """

    adopted: int = 0
    spent: int = 0
    missing: int = 0
    unreadable: int = 0
    revoked: int = 0
    left: int = 0


class MigratingStore(Store):
    """``store``, and ``source`` behind it: a client with a key of the older store goes on with a new token.

    Under an adapter a session moves in when a page looked at it and its answer can carry the new cookie. ``find`` and
    ``read`` have no answer to wait for: they adopt at once, and return a session under another token. Each key is
    adopted once. What moved in lives as long without a visit as it would have in the older store, within what the
    settings allow. From ``until`` (epoch seconds) on the older store is not called any more. A token of Sojourn's is
    never looked for there. ``known_not_before`` is what ``not_before()`` returned before the first session moved: a
    session whose age the older store does not know is adopted as long as that has not changed.

    To look an older key up costs 1 RRU for its mark, and 1 where it has a subject; to adopt it, a creation, 1 WRU for
    the mark, and 1 RRU where it has a subject.
    """

    def __init__(
        self,
        store: Store,
        source: Source,
        *,
        until: int | None = None,
        known_not_before: int = 0,
        _counts: "_Counts | None" = None,
    ) -> None:
        of = store.resources
        super().__init__(
            of.backend, of.settings, clock=of.clock, retry=of.retry, memory=of.memory, on_event=of.reporter
        )
        self._source = source
        self._until = until
        self._known_not_before = known_not_before
        self._older = OlderStore(source)
        self._marks = Marks(of, until=until, known_not_before=known_not_before)
        self._namespace = Namespace(of.settings.namespace)
        self._counts = _counts or _Counts()

    @property
    def report(self) -> Report:
        """What became of the keys that this process has seen."""
        return self._counts.report

    def over(self, of: Resources) -> "MigratingStore":
        """See ``Store.over``. The older store keeps its own time."""
        return MigratingStore(
            super().over(of),
            self._source,
            until=self._until,
            known_not_before=self._known_not_before,
            _counts=self._counts,
        )

    def is_former(self, token: object) -> bool:
        """Whether it can be a key of the older store, and that is still asked."""
        is_over = self._until is not None and self.resources.clock() >= self._until
        is_key = isinstance(token, str) and 1 <= len(token) <= _MAX_KEY_CHARACTERS and not token.startswith(PREFIX)
        return is_key and not is_over

    # ---- a key of the older store

    def look(
        self, key: str, *, arrived_at: int | None = None, subject_of: SubjectOf | None = None
    ) -> Candidate | Absence:
        """What the older store holds under ``key``; nothing is created, ended or renewed.

        ``subject_of`` says whose it is where the older store does not know. Raises ``StoreUnavailableError`` when that
        does not answer: it logs no user out.
        """
        found = self._found(key, subject_of)
        moved = self._marks.moved(key)  # read last: what moves in is marked before it is ended in the older store
        if moved is not None:
            self._counts.add(spent=1)
            absence = moved.absence(arrived_at=self.resources.clock() if arrived_at is None else arrived_at)
            return self._missed(absence, moved.session_id)
        if isinstance(found, StoreUnavailableError):
            self.resources.reporter.report_error("read", found)
            raise found
        if isinstance(found, UnreadableError):
            self._counts.add(unreadable=1)
            _log.warning("a session of the older store was not adopted: it %s", found.reason)
            return self._missed(Absence.UNKNOWN)
        if found is None:
            self._counts.add(missing=1)
            return self._missed(Absence.UNKNOWN)
        revoked = self._marks.revoked(found)
        if revoked is not None:
            self._counts.add(revoked=1)
            return self._missed(revoked)
        return found

    def _missed(self, absence: Absence, session_id: str | None = None) -> Absence:
        self.resources.reporter.report("read", Outcome.MISSED, session_id=session_id, reason=absence)
        return absence

    def adopt(
        self,
        candidate: Candidate,
        contents: Mapping[str, object],
        *,
        subject: str | None,
        label: str | None = None,
        idle: int | None = None,
        absolute: int | None = None,
        is_login: bool = False,
    ) -> Session:
        """A session with ``contents``, which are what became of those of ``candidate``; its key opens nothing after.

        ``is_login``: its user logs in just now, so both lifetimes are a new session's. Raises ``SessionGoneError`` when
        another request was faster, and what ``create`` raises; then the older session is as it was.
        """
        if idle is None and not is_login:
            idle, absolute = candidate.lifetime(self.settings, now=self.resources.clock())
        session = self.create(contents, subject=subject, label=label, idle=idle, absolute=absolute)
        try:
            self._claim(candidate, session, is_login=is_login)
        except SojournError as error:
            self._discard(session)
            self.resources.reporter.report_error("adopt", error)
            raise
        try:
            self._older.end(candidate.key)
        except StoreUnavailableError as error:
            self._counts.add(left=1)
            _log.warning("an adopted session could not be ended in the older store: %s", error.reason)
        self._counts.add(adopted=1)
        return session

    def _found(
        self, key: str, subject_of: SubjectOf | None
    ) -> Candidate | UnreadableError | StoreUnavailableError | None:
        try:
            return self._older.find(key, self.settings, subject_of=subject_of, now=self.resources.clock())
        except (UnreadableError, StoreUnavailableError) as error:
            return error

    def _claim(self, candidate: Candidate, session: Session, *, is_login: bool) -> None:
        """Be the one that adopts it. Nothing is called after the mark, lest a failure cost a session that moved in."""
        # It may have been ended with all others after it was looked at and before the session was in their list.
        if self._marks.revoked(candidate) is not None:
            self._counts.add(revoked=1)
            raise SessionGoneError(session.id)
        mine = Moved(session.id, self.resources.clock(), is_login)
        moved = self._marks.move(candidate.key, mine, lives_until=candidate.until)
        if moved != mine:
            self._counts.add(spent=1)
            raise SessionGoneError(
                session.id, reason=Absence.UNKNOWN if moved.session_id is None else Absence.SUPERSEDED
            )

    def _discard(self, session: Session) -> None:
        try:
            super().end(session.snapshot.token, reason=Cause.DISCARDED)
        except StoreUnavailableError:
            _log.warning("a session that no client has is left to its deadline: %s", session.id)

    # ---- the verbs

    def find(
        self, token: str | Token | None, *, touch: bool = True, arrived_at: int | None = None
    ) -> Session | Absence:
        """See ``Store.find``, and above for a key of the older store, which raises what ``look`` and ``adopt`` do."""
        if not isinstance(token, str) or not self.is_former(token):
            return super().find(token, touch=touch, arrived_at=arrived_at)
        found = self.look(token, arrived_at=arrived_at)
        if isinstance(found, Absence):
            return found
        try:
            return self.adopt(found, found.stored(), subject=found.subject)
        except SessionGoneError as error:
            return Absence.SUPERSEDED if error.is_superseded else Absence.UNKNOWN

    def read(self, token: str | Token | None, *, touch: bool = True) -> Session | None:
        """See ``Store.read`` and ``find``."""
        found = self.find(token, touch=touch)
        return None if isinstance(found, Absence) else found

    def expire(self, session: Session | str | Token | None) -> bool:
        """See ``Store.expire`` and ``end``."""
        if isinstance(session, str) and self.is_former(session):
            return self.end(session) is None
        return super().expire(session)

    def end(self, token: str | Token | None, *, reason: Reason = Cause.LOGOUT) -> Absence | None:
        """See ``Store.end``. A key of the older store is marked and then ended there, also where it is unreadable.

        The session that it was adopted as ends with it if that was a moment ago and no login came since: such a logout
        was in flight. Raises ``StoreUnavailableError`` when the older store does not answer.
        """
        if not isinstance(token, str) or not self.is_former(token):
            return super().end(token, reason=reason)
        reporter = self.resources.reporter
        with reporter.watch("expire"):
            moved = self._ended_moved(token)
            absence = Absence.UNKNOWN if moved is None else self._end_successor(moved)
        outcome, session_id = Outcome.MISSED if absence else Outcome.ENDED, None if moved is None else moved.session_id
        reporter.report("expire", outcome, session_id=session_id, reason=absence or reason)
        return absence

    def _ended_moved(self, key: str) -> Moved | None:
        """End what the older store holds under ``key``; what was known of it, ``None`` when there is nothing."""
        moved = self._marks.moved(key)
        if moved is None:
            found = self._found(key, None)
            if isinstance(found, StoreUnavailableError):
                raise found
            if found is None:
                return None
            lives_until = found.until if isinstance(found, Candidate) else None
            moved = self._marks.move(key, Moved(None, self.resources.clock()), lives_until=lives_until)
        self._older.end(key)
        return moved

    def _end_successor(self, moved: Moved) -> Absence | None:
        """End what was adopted by a request that this one, a logout, was under way beside."""
        record = self._successor(moved, arrived_at=self.resources.clock())
        if record is None:
            return None
        is_login = record.rotated_at is not None and record.began_at >= record.rotated_at
        if moved.is_login or is_login:
            return Absence.SUPERSEDED
        of, match = self.resources, Match(token_hash=record.token_hash)
        refused = of.retry.run(partial(of.backend.delete, record.session_id, match=match))
        return None if refused is None or refused.current is None else Absence.SUPERSEDED

    def _successor(self, moved: Moved, *, arrived_at: int) -> Record | None:
        if moved.session_id is None or moved.absence(arrived_at=arrived_at) is not Absence.SUPERSEDED:
            return None
        of, key = self.resources, self._namespace.session(moved.session_id)
        record = of.retry.run(partial(of.backend.load, key))
        return None if record is None or is_dead(expires_at=record.expires_at, now=of.clock()) else record

    def superseding_document(
        self, token: str | Token | None, *, subject: str, arrived_at: int | None = None
    ) -> dict[str, object] | None:
        """See ``Store.superseding_document``; for an older key, what it was adopted as, unless that overflowed."""
        if not isinstance(token, str) or not self.is_former(token):
            return super().superseding_document(token, subject=subject, arrived_at=arrived_at)
        moved = self._marks.moved(token)
        arrived_at = self.resources.clock() if arrived_at is None else arrived_at
        record = None if moved is None else self._successor(moved, arrived_at=arrived_at)
        if record is None or record.subject != self._namespace.subject(subject):
            return None
        if record.data is None or is_sealed(record.data):
            return None
        return load_document(decode(record.data, max_bytes=self.settings.max_bytes))

    def expire_all(self, *, subject: str, keep: Session | str | None = None) -> BulkExpiry:
        """See ``Store.expire_all``. What is subject's in the older store does not move in any more, either.

        Costs 1 RRU and 1 WRU more, none in strict mode.
        """
        self._marks.expire_all(self._namespace.subject(subject))
        return super().expire_all(subject=subject, keep=keep)


def found_in(
    store: Store,
    token: str | Token | None,
    *,
    arrived_at: int | None = None,
    touch: bool = True,
    subject_of: SubjectOf | None = None,
) -> Session | Candidate | Absence:
    """What a client's ``token`` opens, for an adapter: a session of an older store is looked at and not yet adopted."""
    if isinstance(store, MigratingStore) and isinstance(token, str) and store.is_former(token):
        return store.look(token, arrived_at=arrived_at, subject_of=subject_of)
    return store.find(token, arrived_at=arrived_at, touch=touch)


class _Counts:
    """What has become of all keys, in all threads."""

    def __init__(self) -> None:
        self.report: Report = Report()
        self._lock = threading.Lock()

    def add(self, **more: int) -> None:
        with self._lock:
            counted = {name: getattr(self.report, name) + number for name, number in more.items()}
            self.report = replace(self.report, **counted)
