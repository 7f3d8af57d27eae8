"""What one request does with its session: opened when first looked at, stored once at the end. Knows no framework."""

import logging
from collections.abc import Iterator, Mapping, MutableMapping
from typing import TYPE_CHECKING, NamedTuple

from sojourn.absence import Absence
from sojourn.adapters.rules import Rules
from sojourn.errors import InvalidDataError, SessionGoneError
from sojourn.names import cleaned_label
from sojourn.store import Store
from sojourn.tokens import PREFIX, parsed
from sojourn.writing import KEEP

if TYPE_CHECKING:
    from sojourn.session import Session

logger = logging.getLogger(__name__)


class CookieUpdate(NamedTuple):
    """What an answer has to carry.

    ``token`` is new, or its lifetime is, and goes to the client; its session lives ``until`` then (epoch seconds) at
    the most. ``is_ended`` takes the old one from it; ``is_accessed``: the answer depends on the session;
    ``is_adopted``: it came from an older store, whose cookie can go.
    """

    token: str | None = None
    until: int = 0
    is_ended: bool = False
    is_accessed: bool = False
    is_adopted: bool = False


class Visit(MutableMapping[str, object]):
    """The session of one request, as a dictionary.

    The store is not called before it is looked at, and nothing is stored before something is put in. Changes,
    nested ones too, are stored once, when the request has been served; what others changed meanwhile is merged.

    ``idle`` gives the session other idle seconds than the store's, and as long to live if that is more than the
    store's; ``None`` leaves it as it is. ``label`` names the device in lists, from the next login on.

    A request whose token was superseded, before it looked or while it ran, was in flight when another one logged in or
    rotated. It is served without a session and leaves the client's cookie alone: what a safe request puts in is
    dropped, any other that put something in raises ``SessionGoneError``. Only a login of its own begins a session.
    """

    _TRIFLES: frozenset[str] = frozenset()
    """Keys that do not make a session where there is none."""

    def __init__(
        self, store: Store, token: str | None, rules: Rules, *, is_safe: bool = False, is_read_only: bool = False
    ) -> None:
        """``token`` is what the client brought, whatever it is; ``is_safe``: with a method of ``SAFE_METHODS``.

        ``is_read_only``: no new token can be handed out.
        """
        self._store = store
        self._token = token
        self._rules = rules
        self._is_safe = is_safe
        self._is_read_only = is_read_only
        self._arrived_at = store.resources.clock()
        self._is_accessed = False
        self._is_superseded = False
        self._session: Session | None = None
        self._handed_out: tuple[object, ...] = ()
        self._fresh: dict[str, object] = {}
        self._put: set[str] = set()
        self._subject: str | None = None
        self._is_rotated = False
        self.idle: int | None = None
        self.label: str | None = None
        self._is_ended = False
        self._is_cleared = False
        self._is_left = False
        self._is_adopted = False
        self._is_closed = False

    # ---- a dictionary

    def __getitem__(self, key: str) -> object:
        return self._opened()[key]

    def __setitem__(self, key: str, value: object) -> None:
        self._demand_writable()
        self._opened()[key] = value
        self._put.add(key)

    def __delitem__(self, key: str) -> None:
        self._demand_writable()
        del self._opened()[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._opened())

    def __len__(self) -> int:
        return len(self._opened())

    def __repr__(self) -> str:
        return f"<Visit {self._session!r}>" if self._is_accessed else "<Visit not opened>"

    def clear(self) -> None:
        """Take everything out: a logout. What is put in afterwards is another session's, if this was a subject's."""
        self._demand_writable()
        self._opened().clear()
        self._subject, self._is_rotated, self._is_cleared = None, False, True

    # ---- what is known of it

    @property
    def is_accessed(self) -> bool:
        """Whether it has been looked at, so that the answer depends on it."""
        return self._is_accessed

    @property
    def id(self) -> str | None:
        """The session id, which lists of devices show; ``None`` while nothing is stored."""
        self._opened()
        return self._session.id if self._session else None

    @property
    def subject(self) -> str | None:
        """Whose it is since the last login."""
        self._opened()
        return self._subject or (self._session.subject if self._session and not self._is_cleared else None)

    @property
    def is_stored(self) -> bool:
        """Whether there is a session yet."""
        self._opened()
        return self._session is not None

    # ---- what is done with it

    def login(self, subject: str, *, label: str | None = None) -> None:
        """From now on it is ``subject``'s, under a new token, which ends the old one: a new beginning.

        Takes effect when the request has been served. A session that is another subject's ends then, and what this
        request put in begins one of ``subject``'s.
        """
        self._demand_writable()
        self._opened()
        self._subject = subject
        self.label = self.label if label is None else label

    def rotate(self) -> None:
        """A new token once the request has been served, the same session: at every change of privilege."""
        self._demand_writable()
        self._opened()
        self._is_rotated = True

    def logout(self) -> None:
        """End it at once, whatever becomes of the request. What is put in afterwards begins a new one.

        It stays, and so does the client's cookie, where another request's login replaced its token meanwhile.
        """
        self._demand_writable()
        self._opened()
        if self._session is not None:
            self._end(self._session.token)
        elif self._is_superseded and self._token is not None:
            self._end(self._token)
        else:
            self._is_ended = self._is_ended or self._token is not None
        self._session, self._fresh, self._subject, self._is_rotated = None, {}, None, False
        self._put, self._is_cleared, self._is_left = set(), False, True

    # ---- its end

    def close(self, *, is_kept: bool = True) -> CookieUpdate:
        """Store what changed, unless the request failed. It can be read after that, and no more be changed.

        Raises what ``Store.create``, ``write`` and ``login`` raise. Called again, it stores nothing and returns what
        any answer has to carry, also the one in the place of the page's.
        """
        if not self._is_closed:
            self._is_closed = True
            if is_kept and self._is_accessed and not self._is_read_only:
                self._store_changes()
        session, is_ended, is_accessed = self._session, self._is_ended, self._is_accessed
        if session is None or (session.token, *_lifetime_of(session)) == self._handed_out:
            return CookieUpdate(is_ended=is_ended, is_accessed=is_accessed, is_adopted=self._is_adopted)
        return CookieUpdate(session.token, session.absolute_at, is_accessed=True, is_adopted=self._is_adopted)

    def _store_changes(self) -> None:
        session, subject = self._session, self._wanted_subject()
        if session is None:
            if self._is_superseded:
                self._begin_beside(self._fresh, subject, is_change=bool(self._fresh.keys() - self._TRIFLES))
            else:
                self._begin_if_wanted(self._fresh, subject)
            return
        try:
            self._write(session, subject)
        except SessionGoneError as error:
            if not error.is_superseded:
                raise
            self._is_superseded = True
            edits, is_change = self._edits(session)
            self._begin_beside(edits, subject if subject != session.subject else self._subject, is_change=is_change)

    def _write(self, session: "Session", subject: str | None) -> None:
        if self._is_cleared and len(session) == 0 and self._subject is None:
            self._end(session.token)
            self._session = None
        elif session.subject is not None and subject != session.subject:
            self._part(session, subject)
        else:
            self._write_own(session, subject)

    def _part(self, session: "Session", subject: str | None) -> None:
        """Logged out, or in as another subject: nothing of the former one is left to the next."""
        kept = dict(session) if subject is None else {key: session[key] for key in self._put if key in session}
        self._end(session.token)
        self._session = None
        if self._is_superseded:
            self._begin_beside(kept, subject, is_change=True)
        else:
            self._begin_if_wanted(kept, subject)

    def _write_own(self, session: "Session", subject: str | None) -> None:
        (idle, absolute), on_conflict = self._lifetime(session), self._rules.on_conflict
        if subject is not None and (self._subject is not None or session.subject is None):
            label = KEEP if self.label is None else cleaned_label(self.label)
            self._store.login(
                session, subject=subject, label=label, idle=idle, absolute=absolute, on_conflict=on_conflict
            )
        elif self._is_rotated:
            self._store.rotate(session, idle=idle, absolute=absolute, on_conflict=on_conflict)
        else:
            self._store.write(session, idle=idle, absolute=absolute, on_conflict=on_conflict)

    def _begin_if_wanted(self, data: Mapping[str, object], subject: str | None) -> None:
        if subject is not None or data.keys() - self._TRIFLES:
            self._begin(data, subject)

    def _begin(self, data: Mapping[str, object], subject: str | None) -> None:
        idle, absolute = self._lifetime(None)
        label = cleaned_label(self.label)
        self._session = self._store.create(data, subject=subject, label=label, idle=idle, absolute=absolute)

    def _begin_beside(self, edits: Mapping[str, object], subject: str | None, *, is_change: bool) -> None:
        """What becomes of what a request in flight put in, whose token another one replaced."""
        token = self._token if self._session is None else self._session.token
        if subject is not None:
            # A double click: either answer may arrive last, so both sessions begin with the same.
            known = None
            if not self._is_left:
                known = self._store.superseding_document(token, subject=subject, arrived_at=self._arrived_at)
            self._begin({**(known or {}), **edits}, subject)
        elif is_change and not self._is_safe:
            found = parsed(token)
            raise SessionGoneError(found.session_id if found else "", is_superseded=True)
        elif is_change:
            logger.info("what a safe request put into a superseded session is dropped")

    def _edits(self, session: "Session") -> tuple[dict[str, object], bool]:
        """What this request put in or changed; and whether it changed anything that counts, removals included."""
        before = session.stored()
        edits = {
            key: value
            for key, value in session.items()
            if key in self._put or key not in before or before[key] != value
        }
        touched = edits.keys() | (before.keys() - session.keys())
        return edits, session.is_changed and bool(touched - self._TRIFLES)

    def _lifetime(self, session: "Session | None") -> tuple[int | None, int | None]:
        """Idle and absolute seconds to ask for; ``None`` leaves what there is."""
        if self.idle is None:
            return None, None
        absolute = max(self.idle, self._store.settings.absolute_seconds)
        if session is not None and session.absolute_at - session.began_at >= absolute:
            return self.idle, None
        return self.idle, absolute

    def _wanted_subject(self) -> str | None:
        """Whose it is to be: as asked for, or as what is in it says; a request that only reads changes no subject."""
        session = self._session
        before = session.subject if session is not None else None
        if self._subject is not None:
            return self._subject
        if self._rules.subject_of is None:
            return None if self._is_cleared else before
        if session is not None and not session.is_changed:
            return before
        return self._rules.subject_of(self)

    def _opened(self) -> MutableMapping[str, object]:
        if not self._is_accessed:
            found = self._found()
            self._is_accessed = True
            if isinstance(found, Absence):
                self._is_superseded = found is Absence.SUPERSEDED
                logger.debug("no session: %s", found.value)
            else:
                self._session, self._is_adopted = found, found.token != self._token
                self._handed_out = (self._token, *_lifetime_of(found))
        return self._fresh if self._session is None else self._session

    def _found(self) -> "Session | Absence":
        # A session of an older store is not adopted where its new token could not be handed out.
        if not self._token or (self._is_read_only and not self._token.startswith(PREFIX)):
            return Absence.MALFORMED
        return self._store.find(self._token, arrived_at=self._arrived_at)

    def _end(self, token: str) -> None:
        """End the session that ``token`` opens, or opened when the request arrived."""
        # A logout in flight holds for a session that was rotated since, but not for one that was logged in since.
        self._is_superseded = self._store.end(token) in (Absence.SUPERSEDED, Absence.FOREIGN_KEY)
        self._is_ended = self._is_ended or not self._is_superseded

    def _demand_writable(self) -> None:
        if self._is_read_only:
            raise InvalidDataError("cannot be changed here: no answer of this kind can set a cookie", path=("session",))
        if self._is_closed:
            raise InvalidDataError("cannot be changed any more: the answer is on its way", path=("session",))


def _lifetime_of(session: "Session") -> tuple[int, int]:
    return session.idle, session.absolute_at
