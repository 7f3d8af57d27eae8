"""What is remembered of the keys and subjects of an older store: control items beside the sessions. Opens no session.

Each is named by a hash, so no key of the older store, which opened a session there, stands in the table.
"""

import base64
import hashlib
from dataclasses import dataclass
from functools import partial

from sojourn.absence import Absence
from sojourn.backend import Mark
from sojourn.errors import StoreUnavailableError
from sojourn.migrate.candidate import Candidate
from sojourn.names import Namespace, is_session_id
from sojourn.resources import Resources
from sojourn.revocation import Revocation
from sojourn.rotation import WINDOW_SECONDS
from sojourn.tokens import delimited

_ROUNDS = 32
_DAY = 86_400
_LOGIN = "login"


@dataclass(frozen=True, slots=True)
class Moved:
    """What became of an older store's key, and when: the session that it was adopted as, ``None`` when it was ended.

    ``is_login``: the request that adopted it logged its user in.
    """

    session_id: str | None
    at: int
    is_login: bool = False

    @classmethod
    def of(cls, mark: Mark | None) -> "Moved | None":
        """As a mark holds it."""
        if mark is None:
            return None
        session_id, _, kind = mark.value.partition(" ")
        return cls(session_id if is_session_id(session_id) else None, mark.number, kind == _LOGIN)

    def mark(self) -> Mark:
        """What is stored."""
        return Mark(" ".join([self.session_id or "", *([_LOGIN] if self.is_login else [])]), number=self.at)

    def absence(self, *, arrived_at: int) -> Absence:
        """What a request that brings the key finds: it was in flight if it arrived soon after the adoption."""
        is_recent = self.session_id is not None and arrived_at <= self.at + WINDOW_SECONDS
        return Absence.SUPERSEDED if is_recent else Absence.UNKNOWN


class Marks:
    """Reads and sets them. Each read is 1 RRU, each mark that is set 1 WRU."""

    def __init__(self, resources: Resources, *, until: int | None, known_not_before: int) -> None:
        """``until`` and ``known_not_before`` as in ``MigratingStore``."""
        self._of = resources
        self._namespace = Namespace(resources.settings.namespace)
        self._until = until
        self._known_not_before = known_not_before
        self._revocation = Revocation(
            resources.backend, resources.settings, clock=resources.clock, retry=resources.retry, memory=resources.memory
        )

    def moved(self, key: str) -> Moved | None:
        """What became of ``key``, ``None`` while it did not move in."""
        return Moved.of(self._read(self._name(b"key", key)))

    def move(self, key: str, moved: Moved, *, lives_until: int | None = None) -> Moved:
        """Say what became of ``key``, unless that is said already; what holds then."""
        found = Moved.of(self._set(self._name(b"key", key), moved.mark(), seen=None, lives_until=lives_until))
        return moved if found is None else found

    def expire_all(self, owner: str) -> None:
        """Let no session of a subject move in that is there now; in strict mode the subject's epoch does it."""
        if self._of.settings.strict_expire_all:
            return
        name, now = self._name(b"subject", owner), self._of.clock()
        for _ in range(_ROUNDS):
            seen, mark = self._read(name), Mark("", number=now)
            if seen is not None and seen.number >= now:
                return
            if self._set(name, mark, seen=seen, lives_until=None) == mark:
                return
        raise StoreUnavailableError("other callers keep ending the sessions of this subject", is_transient=True)

    def revoked(self, candidate: Candidate) -> Absence | None:
        """Why it was ended with many others, before it moved in. Costs 1 RRU where it has a subject.

        A session of unknown age is older than any of these marks.
        """
        not_before, created_at = self._revocation.not_before(), candidate.created_at
        if not_before > self._known_not_before and (created_at is None or created_at < not_before):
            return Absence.REVOKED_BY_INSTANT
        if candidate.subject is not None and self._ended_with_subject(candidate.subject, created_at):
            return Absence.REVOKED_BY_SUBJECT
        return None

    def _ended_with_subject(self, subject: str, created_at: int | None) -> bool:
        owner = self._namespace.subject(subject)
        if self._of.settings.strict_expire_all:
            # An epoch has no instant: what has not moved in was there before it.
            return self._revocation.epoch(owner) is not None
        mark = self._read(self._name(b"subject", owner))
        return mark is not None and (created_at is None or created_at <= mark.number)

    def _name(self, kind: bytes, name: str) -> str:
        text = name.encode(errors="surrogatepass")
        digest = hashlib.sha256(delimited(b"sojourn-older", kind, self._namespace.name.encode(), text)).digest()
        return self._namespace.adopted(base64.urlsafe_b64encode(digest).decode().rstrip("="))

    def _read(self, name: str) -> Mark | None:
        return self._of.retry.run(partial(self._of.backend.mark, name))

    def _set(self, name: str, mark: Mark, *, seen: Mark | None, lives_until: int | None) -> Mark | None:
        """Stored for as long as an older session could come; a day is for clocks and for requests under way."""
        last = self._of.clock() + self._of.settings.max_absolute_seconds
        expires_at = (self._until or max(last, lives_until or 0)) + _DAY
        call = partial(self._of.backend.set_mark, name, mark, seen=seen, expires_at=expires_at)
        return self._of.retry.run(call)
