"""The verbs that make and change a session: what each does besides the document, and what it checks."""

from collections.abc import Callable, Mapping
from typing import Literal

from sojourn import tokens
from sojourn.absence import Absence
from sojourn.backend import Match
from sojourn.document.codec import dump_document
from sojourn.errors import InvalidDataError, SessionGoneError
from sojourn.events import Outcome, Reporter
from sojourn.expiry import Lifetime
from sojourn.names import Namespace, checked_label
from sojourn.protocol import SessionProtocol, uncertain
from sojourn.reading import is_renewal_due
from sojourn.revocation import Revocation
from sojourn.session import Session, Snapshot
from sojourn.settings import Settings
from sojourn.values import replace
from sojourn.writing import KEEP, Change, Keep, Login, Rule, Writer, gone


class Changer:
    """See the verbs of ``Store``, which have the same names."""

    def __init__(
        self,
        writer: Writer,
        protocol: SessionProtocol,
        revocation: Revocation,
        settings: Settings,
        *,
        clock: Callable[[], int],
        reporter: Reporter,
    ) -> None:
        self._reporter = reporter
        self._writer = writer
        self._protocol = protocol
        self._revocation = revocation
        self._settings = settings
        self._clock = clock
        self._namespace = Namespace(settings.namespace)

    def create(
        self,
        data: Mapping[str, object],
        *,
        subject: str | None,
        label: str | None,
        idle: int | None,
        absolute: int | None,
    ) -> Snapshot:
        """A new session."""
        settings, owner = self._settings, None if subject is None else self._namespace.subject(subject)
        lifetime = Lifetime(
            idle=self._checked_seconds("idle", idle) or settings.idle_seconds,
            absolute=self._checked_seconds("absolute", absolute) or settings.absolute_seconds,
        )
        name = None if label is None else checked_label(label)
        with self._reporter.watch("create"):
            text, epoch = dump_document(data, max_bytes=settings.max_bytes), self._epoch_name(owner)
            snapshot = self._writer.create(text, lifetime, subject=owner, label=name, epoch=epoch)
        self._reporter.report("create", Outcome.CREATED, session_id=snapshot.token.session_id)
        return snapshot

    def write(self, session: Session, *, idle: int | None, absolute: int | None, rule: Rule) -> None:
        """Its document, if that or its lifetime changed."""
        with self._reporter.watch("write", session):
            self.demand_own(session)
            change, text = self._lifetime(session, idle, absolute), session.dumped()
            if text != session.snapshot.text or not change.is_nothing_for(session.snapshot.record):
                self._write(session, text, change, rule)

    def touch(self, session: Session, *, idle: int | None, absolute: int | None) -> bool:
        """Its deadline alone, if that is due or its lifetime changed."""
        with self._reporter.watch("touch", session):
            self.demand_own(session)
            seen, change = session.snapshot.record, self._lifetime(session, idle, absolute)
            if change.is_nothing_for(seen) and not is_renewal_due(seen, now=self._clock()):
                return False
            wanted = change.lifetime_of(seen)
            renewed = self._protocol.renew(wanted, seen=seen, idle=change.idle, absolute=change.absolute)
            if isinstance(renewed, Absence):
                raise gone(seen, renewed)
            session.renew(renewed)
            self._demand_current(session.snapshot, outcome_unknown=True)
            return True

    def rotate(self, session: Session, *, idle: int | None, absolute: int | None, rule: Rule) -> None:
        """Its token, and with it what was changed."""
        with self._reporter.watch("rotate", session):
            self.demand_own(session)
            change = replace(self._lifetime(session, idle, absolute), token=tokens.reminted(session.id))
            self._write(session, session.dumped(), change, rule)
        self._reporter.report("rotate", Outcome.ROTATED, session_id=session.id)

    def login(
        self,
        session: Session,
        *,
        subject: str,
        label: str | Literal[Keep.KEEP] | None,
        idle: int | None,
        absolute: int | None,
        rule: Rule,
    ) -> None:
        """Its token, its subject and its beginning."""
        with self._reporter.watch("login", session):
            self._login(session, subject, label, rule, idle=idle, absolute=absolute)
        self._reporter.report("login", Outcome.LOGGED_IN, session_id=session.id)

    def _login(
        self,
        session: Session,
        subject: str,
        label: str | Literal[Keep.KEEP] | None,
        rule: Rule,
        *,
        idle: int | None,
        absolute: int | None,
    ) -> None:
        self.demand_own(session)
        before, owner = session.snapshot, self._namespace.subject(subject)
        name = label if label is KEEP or label is None else checked_label(label)
        # In this order: a session that was ended with all others must not live on in an epoch that came after.
        epoch = self._epoch_name(owner)
        self._demand_current(before)
        change = Change(
            idle=self._checked_seconds("idle", idle),
            absolute=self._checked_seconds("absolute", absolute),
            token=tokens.reminted(session.id),
            login=Login(owner, name, epoch, began_at=self._clock()),
        )
        self._write(session, session.dumped(), change, rule)
        if before.record.subject not in (None, owner):
            self._demand_current(before, outcome_unknown=True, by_now=session.snapshot)

    def demand_own(self, session: Session) -> None:
        """That it is a session, and of this namespace."""
        # object: applications without types bring tokens here, too.
        if not isinstance(session, Session):
            raise InvalidDataError(f"takes a session, not {type(session).__name__}", path=("session",))
        # A session of another namespace, brought here by its application: for this store there is none.
        if not self._namespace.owns(session.snapshot.record.session_id):
            raise SessionGoneError(session.id)

    def _write(self, session: Session, text: bytes, change: Change, rule: Rule) -> None:
        snapshot = self._writer.write(session.snapshot, text, change, rule)
        session.settle(snapshot, is_merged=snapshot.text != text)
        self._demand_current(snapshot, outcome_unknown=True)

    def _demand_current(
        self, snapshot: Snapshot, *, outcome_unknown: bool = False, by_now: Snapshot | None = None
    ) -> None:
        """That it did not end with many others; called after a change, too, since that may come between.

        ``by_now``: what it has become since.
        """
        record = (by_now or snapshot).record
        with uncertain(outcome_unknown):
            reason = self._revocation.reason(snapshot.record)
            if reason is None:
                return
            self._protocol.remove(record.session_id, Match(token_hash=record.token_hash))
        raise gone(record, reason, outcome_unknown=outcome_unknown)

    def _epoch_name(self, owner: str | None) -> str | None:
        epoch = self._revocation.epoch(owner)
        return None if epoch is None else epoch.name

    def _lifetime(self, session: Session, idle: int | None, absolute: int | None) -> Change:
        change = Change(idle=self._checked_seconds("idle", idle), absolute=self._checked_seconds("absolute", absolute))
        if absolute is not None and change.lifetime_of(session.snapshot.record).absolute_at <= self._clock():
            raise InvalidDataError("has passed since the session began; expire it instead", path=("absolute",))
        return change

    def _checked_seconds(self, name: str, seconds: int | None) -> int | None:
        limit = self._settings.max_absolute_seconds
        if seconds is not None and (type(seconds) is not int or not 1 <= seconds <= limit):
            raise InvalidDataError(
                f"takes a whole number of seconds from 1 to {limit} (SOJOURN_MAX_ABSOLUTE_SECONDS)", path=(name,)
            )
        return seconds
