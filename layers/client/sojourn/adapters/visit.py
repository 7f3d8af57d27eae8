"""What one request does with its session: opened when first looked at, stored once at the end. Knows no framework."""

from collections.abc import Callable, Iterator, Mapping, MutableMapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from sojourn.errors import ConflictError, InvalidDataError, SessionGoneError, StoreUnavailableError
from sojourn.store import KEEP, Store
from sojourn.tokens import PREFIX
from sojourn.writing import OnConflict

if TYPE_CHECKING:
    from sojourn.session import Session

REFUSALS = (ConflictError, SessionGoneError, StoreUnavailableError)
"""What a store says that an application need not know of: an adapter answers in its place."""

SubjectOf = Callable[[Mapping[str, object]], str | None]
"""Whose a session is, by what is in it."""


def subject_under(key: str) -> SubjectOf:
    """Whose a session is: what stands under ``key``, as text."""

    def subject_of(data: Mapping[str, object]) -> str | None:
        found = data.get(key)
        return None if found is None or found == "" else str(found)

    return subject_of


class Farewell(NamedTuple):
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


class _Login(NamedTuple):
    subject: str | None


@dataclass(slots=True)
class Rules:
    """What is the same for all visits of an application."""

    subject_of: SubjectOf | None = None
    on_conflict: OnConflict = "raise"


class Visit(MutableMapping[str, object]):
    """The session of one request, as a dictionary.

    Nothing is asked of the store before it is looked at, and nothing is stored before something is put in. Changes,
    nested ones too, are stored once, when the request has been served; what others changed meanwhile is merged.

    ``idle`` gives the session other idle seconds than the store's, and as long to live if that is more than the
    store's; ``None`` leaves it as it is. ``label`` names the device in lists, from the next login on.
    """

    _TRIFLES: frozenset[str] = frozenset()
    """Keys that do not make a session where there is none."""

    def __init__(self, store: Store, token: str | None, rules: Rules, *, is_read_only: bool = False) -> None:
        """``token`` is what the client brought, whatever it is. ``is_read_only``: no new token can be handed out."""
        self._store = store
        self._token = token
        self._rules = rules
        self._is_read_only = is_read_only
        self._is_accessed = False
        self._session: Session | None = None
        self._fresh: dict[str, object] = {}
        self._login: _Login | None = None
        self.idle: int | None = None
        self.label: str | None = None
        self._is_ended = False
        self._is_cleared = False
        self._is_adopted = False
        self._farewell: Farewell | None = None

    # ---- a dictionary

    def __getitem__(self, key: str) -> object:
        return self._opened()[key]

    def __setitem__(self, key: str, value: object) -> None:
        self._demand_writable()
        self._opened()[key] = value

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
        """Take everything out. If it is nobody's, and still empty when the request has been served, it ends then."""
        self._demand_writable()
        self._opened().clear()
        self._is_cleared = True

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
        if self._login is not None:
            return self._login.subject
        return self._session.subject if self._session else None

    @property
    def is_stored(self) -> bool:
        """Whether there is a session yet."""
        self._opened()
        return self._session is not None

    # ---- what is done with it

    def login(self, subject: str, *, label: str | None = None) -> None:
        """From now on it is ``subject``'s, under a new token: whoever knew the old one is out.

        Takes effect when the request has been served.
        """
        self._demand_writable()
        self._opened()
        self._login = _Login(subject)
        self.label = label or self.label

    def rotate(self) -> None:
        """A new token once the request has been served, the same session: at every change of privilege."""
        self._demand_writable()
        self._opened()
        self._login = self._login or _Login(self._session.subject if self._session else None)

    def logout(self) -> None:
        """End it at once, whatever becomes of the request. What is put in afterwards begins a new one."""
        self._demand_writable()
        self._opened()
        if self._session is not None:
            self._end(self._session)
        self._session, self._fresh, self._login = None, {}, None
        self._is_ended = self._is_ended or self._token is not None

    # ---- its end

    def closed(self, *, is_kept: bool = True) -> Farewell:
        """Store what changed, unless the request failed. It can be read after that, and no more be changed.

        Raises what ``Store.create``, ``write`` and ``rotate`` raise. Asked again, it says the same and does nothing.
        """
        if self._farewell is None:
            self._farewell = Farewell(is_ended=self._is_ended, is_accessed=self._is_accessed)
            farewell = self._stored(is_kept=is_kept)._replace(is_adopted=self._is_adopted)
            session = self._session
            if self._is_adopted and session is not None and not farewell.is_ended:
                # Whatever became of the page: the key it came with opens nothing any more.
                farewell = farewell._replace(token=session.token, until=session.absolute_at)
            self._farewell = farewell
        return self._farewell

    def _stored(self, *, is_kept: bool) -> Farewell:
        if not is_kept or self._is_read_only or not self._is_accessed:
            return Farewell(is_ended=self._is_ended, is_accessed=self._is_accessed)
        session, login = self._session, self._wanted_login()
        subject = login.subject if login is not None else session.subject if session is not None else None
        if session is None:
            if self._fresh.keys() <= self._TRIFLES and login is None:
                return Farewell(is_ended=self._is_ended, is_accessed=True)
            session = self._created(subject)
        elif self._is_cleared and len(session) == 0 and subject is None:
            self._store.expire(session)
            return Farewell(is_ended=True, is_accessed=True)
        elif login is not None:
            label = KEEP if self.label is None else self.label
            self._store.rotate(session, subject=subject, label=label, on_conflict=self._rules.on_conflict)
            if self._idle() not in (None, session.idle):
                self._store.touch(session, idle=self._idle())
        else:
            before = session.idle
            self._store.write(session, idle=self._idle(), on_conflict=self._rules.on_conflict)
            if session.idle == before:
                return Farewell(is_accessed=True)
        return Farewell(session.token, session.absolute_at, is_accessed=True)

    def _created(self, subject: str | None) -> "Session":
        idle = self._idle()
        absolute = None if idle is None else max(idle, self._store.settings.absolute_seconds)
        return self._store.create(self._fresh, subject=subject, label=self.label, idle=idle, absolute=absolute)

    def _idle(self) -> int | None:
        return None if self.idle is None else min(self.idle, self._store.settings.max_absolute_seconds)

    def _wanted_login(self) -> _Login | None:
        """A login that was asked for, or that what is in it tells of."""
        if self._login is not None or self._rules.subject_of is None:
            return self._login
        if self._session is not None and not self._session.is_changed:
            return None  # who only looks becomes nobody else
        subject = self._rules.subject_of(self)
        is_so = subject == (self._session.subject if self._session else None)
        return None if is_so else _Login(subject)

    def _opened(self) -> MutableMapping[str, object]:
        if not self._is_accessed:
            self._session = self._found()
            self._is_accessed = True
            self._is_adopted = self._session is not None and self._session.token != self._token
        return self._fresh if self._session is None else self._session

    def _found(self) -> "Session | None":
        # A session of an older store is not adopted where its new token could not be handed out.
        is_ours = self._token is not None and self._token.startswith(PREFIX)
        return self._store.read(self._token) if self._token and (is_ours or not self._is_read_only) else None

    def _end(self, session: "Session") -> None:
        self._store.expire(session)

    def _demand_writable(self) -> None:
        if self._is_read_only:
            raise InvalidDataError("cannot be changed here: no answer of this kind can set a cookie", path=("session",))
        if self._farewell is not None:
            raise InvalidDataError("cannot be changed any more: the answer is on its way", path=("session",))


def refusal_of(error: Exception) -> tuple[int, str]:
    """The status and the text of the answer when the session could not be read or stored."""
    match error:
        case ConflictError():
            return 409, "Another request changed the same. Try again."
        case SessionGoneError():
            return 401, "The session ended meanwhile."
    return 503, "The session store does not answer. Try again."
