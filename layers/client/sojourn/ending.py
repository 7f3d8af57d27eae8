"""The verbs that end a session, or all before an instant. Those of a subject are in subjects."""

from collections.abc import Callable

from sojourn.absence import Absence
from sojourn.errors import InvalidDataError, SojournError
from sojourn.events import Cause, Outcome, Reason, Reporter
from sojourn.protocol import SessionProtocol
from sojourn.reading import Reader
from sojourn.revocation import Revocation
from sojourn.session import Session
from sojourn.tokens import Token


class Ender:
    """See the verbs of ``Store``. Reports each end, and why there was none."""

    def __init__(
        self,
        protocol: SessionProtocol,
        reader: Reader,
        revocation: Revocation,
        *,
        clock: Callable[[], int],
        reporter: Reporter,
    ) -> None:
        self._protocol = protocol
        self._reader = reader
        self._revocation = revocation
        self._clock = clock
        self._reporter = reporter

    def end(self, token: Token | None, *, reason: Reason) -> Absence | None:
        """The session of ``token``; ``reason`` is why."""
        if token is None:
            self._reporter.report("expire", Outcome.MISSED, reason=Absence.MALFORMED)
            return Absence.MALFORMED
        try:
            absence = self._protocol.expire(self._reader.bearer(token, arrived_at=self._clock()))
        except SojournError as error:
            self._reporter.report_error("expire", error, session_id=token.session_id)
            raise
        outcome = Outcome.ENDED if absence is None else Outcome.MISSED
        self._reporter.report("expire", outcome, session_id=token.session_id, reason=absence or reason)
        return absence

    def end_unchanged(self, session: Session) -> bool:
        """``session``, unless it was written since it was read."""
        with self._reporter.watch("expire", session):
            is_over = self._protocol.expire_unchanged(session.snapshot.record)
        if is_over:
            self._reporter.report("expire", Outcome.ENDED, session_id=session.id, reason=Cause.EMPTIED)
        return is_over

    def end_before(self, instant: int) -> None:
        """All of the namespace that were created before ``instant``."""
        now = self._clock()
        if type(instant) is not int or not 0 <= instant <= now:
            raise InvalidDataError(f"takes a second from 0 to now ({now})", path=("instant",))
        with self._reporter.watch("expire_before"):
            self._revocation.set_not_before(instant)
        self._reporter.report("expire_before", Outcome.ENDED, reason=Absence.REVOKED_BY_INSTANT)
