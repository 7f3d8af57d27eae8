"""From a token to the session that it opens, with its document; renewed where that is due. Writes no document."""

from collections.abc import Callable
from typing import TypeVar

from sojourn.absence import Absence
from sojourn.backend import Record
from sojourn.document.codec import stored_json
from sojourn.errors import CorruptSessionError, SojournError
from sojourn.events import Outcome, Reporter
from sojourn.expiry import Lifetime, renewal_is_due
from sojourn.names import Namespace
from sojourn.protocol import Bearer, SessionProtocol
from sojourn.session import Snapshot
from sojourn.settings import Settings
from sojourn.tokens import Token
from sojourn.values import replace
from sojourn.writing import Writer

Opened = TypeVar("Opened")


class Reader:
    """Opens sessions."""

    def __init__(
        self,
        protocol: SessionProtocol,
        writer: Writer,
        settings: Settings,
        *,
        clock: Callable[[], int],
        reporter: Reporter,
    ) -> None:
        self._reporter = reporter
        self._protocol = protocol
        self._writer = writer
        self._clock = clock
        self._is_consistent = settings.consistent_read
        self._namespace = Namespace(settings.namespace)

    def bearer(self, token: Token, *, arrived_at: int | None = None) -> Bearer:
        """Whose request it is that brings ``token``."""
        key, name = self._namespace.session(token.session_id), self._namespace.name
        return Bearer(key, token.hash(namespace=name), arrived_at)

    def find(self, token: Token | None, *, touch: bool, arrived_at: int | None) -> Snapshot | Absence:
        """The session of ``token``, renewed when that is due and ``touch`` is true. Reports why there is none."""
        if token is None:
            return self._missed(None, Absence.MALFORMED)
        try:
            bearer = self.bearer(token, arrived_at=self._clock() if arrived_at is None else arrived_at)
            found = self._protocol.load(bearer, is_consistent=self._is_consistent)
            snapshot = found if isinstance(found, Absence) else self._writer.open(found, token)
            if isinstance(snapshot, Absence):
                return self._missed(token, snapshot)
            if not touch or not is_renewal_due(snapshot.record, now=self._clock()):
                return snapshot
            renewed = self._protocol.renew(snapshot.record, seen=snapshot.record)
        except SojournError as error:
            self._reporter.report_error("read", error, session_id=token.session_id)
            raise
        if isinstance(renewed, Absence):
            return self._missed(token, renewed)
        return replace(snapshot, record=snapshot.record.with_deadline_of(renewed))

    def find_text(self, token: Token | None, *, touch: bool) -> Snapshot | Absence:
        """``find``, for a caller that shows the document's JSON. Checks that it is JSON, and reads no value of it."""
        found = self.find(token, touch=touch, arrived_at=None)
        if not isinstance(found, Absence):
            self.opened(found, lambda: stored_json(found.text))
        return found

    def opened(self, snapshot: Snapshot, read: Callable[[], Opened]) -> Opened:
        """What ``read`` returns of the document of ``snapshot``. Where that is damaged, the error names the session."""
        with self._reporter.watch("read"):
            try:
                return read()
            except CorruptSessionError as error:
                raise CorruptSessionError(error.reason, session_id=snapshot.token.session_id) from error

    def _missed(self, token: Token | None, absence: Absence) -> Absence:
        session_id = None if token is None else token.session_id
        self._reporter.report("read", Outcome.MISSED, session_id=session_id, reason=absence)
        return absence

    def again(self, snapshot: Snapshot) -> Snapshot | Absence:
        """What is stored by now of a session that was open, strongly consistent."""
        found = self._protocol.load(Bearer.of(snapshot.record))
        return found if isinstance(found, Absence) else self._writer.open(found, snapshot.token)

    def superseding_text(self, token: Token | None, *, subject: str, arrived_at: int | None) -> bytes | None:
        """The JSON of the session whose rotation superseded ``token``, if it is ``subject``'s and not sealed."""
        if token is None:
            return None
        bearer = self.bearer(token, arrived_at=self._clock() if arrived_at is None else arrived_at)
        record = self._protocol.superseding(bearer)
        is_theirs = record is not None and record.subject == self._namespace.subject(subject)
        return self._writer.plain(record) if record is not None and is_theirs else None


def is_renewal_due(record: Record, *, now: int) -> bool:
    """Whether a renewal now gains a tenth of the idle time."""
    lifetime = Lifetime(idle=record.idle, absolute=record.absolute_at - record.began_at)
    renewed_to = lifetime.deadline(began_at=record.began_at, now=now)
    return renewal_is_due(expires_at=record.expires_at, renewed_to=renewed_to, idle=record.idle)
