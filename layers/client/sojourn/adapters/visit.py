"""The session of one request as its application sees it. Calls no store itself and knows no framework."""

import threading
from collections.abc import Callable

from sojourn.adapters.cookies import CookieUpdate
from sojourn.adapters.dictionary import LazyDictionary
from sojourn.adapters.holder import Holder, Wishes
from sojourn.adapters.opener import Opener, TokenOpener
from sojourn.adapters.refusals import REFUSALS, report_dropped
from sojourn.adapters.rules import Rules
from sojourn.errors import InvalidDataError, StoreUnavailableError
from sojourn.events import Cause
from sojourn.session import Session, SessionSummary
from sojourn.store import Store


class Visit(LazyDictionary):
    """The session of one request, as a dictionary.

    The store is not called before it is looked at, and nothing is stored before something is put in. Changes,
    nested ones too, are stored once, when the request has been served; what others changed meanwhile is merged. What is
    changed after that is dropped, with a line in the log.

    ``idle`` gives the session other idle seconds than the store's, and as long to live if that is more than the
    store's; ``None`` leaves it as it is. ``label`` names the device in lists, from the next login on. ``accessed``: it
    was looked at or changed, so the answer varies by cookie. ``is_resent``: the cookie goes out once more, though the
    client has it, unless another request replaced its token; that costs a read where nothing was changed.

    A request whose token was superseded, before it looked or while it ran, was in flight when another one logged in or
    rotated. It is served without a session and leaves the client's cookie alone: what a safe request puts in is
    dropped, any other that put something in raises ``SessionGoneError``. Only a login of its own begins a session.

    An anonymous session from which everything is taken out ends, unless another request wrote it meanwhile.

    Where the adapter's ``on_unavailable`` allows it, a safe request is served as one without a session while the store
    does not answer: ``is_unavailable``. What it puts in is dropped; a login, a rotation or a logout is refused still.
    """

    trifles: frozenset[str] = frozenset()
    """Keys that make no session where there is none."""

    def __init__(
        self,
        store: Store,
        tokens: tuple[str, ...],
        rules: Rules,
        *,
        is_safe: bool = False,
        is_read_only: bool = False,
        may_go_without: bool = False,
        opener: Opener | None = None,
        may_call: Callable[[], bool] = lambda: True,
    ) -> None:
        """``tokens`` are what the client sent under the cookie's name; ``is_safe``: with a method of ``SAFE_METHODS``.

        ``is_read_only``: no new token can be handed out. ``may_go_without``: the page can do without its session while
        the store does not answer. ``opener`` finds the session otherwise than by the tokens. A logout while the store
        may not be called (``may_call``) takes effect in ``close``.
        """
        super().__init__()
        self._store = store
        self._arrived_at = store.resources.clock()
        self._opener = opener = opener or TokenOpener(store, tokens, subject_of=rules.subject_of)
        self.has_several_tokens: bool = len(tokens) > 1
        self._holder = Holder(
            store,
            opener,
            rules,
            arrived_at=self._arrived_at,
            is_safe=is_safe,
            trifles=self.trifles,
            may_call=may_call,
        )
        self._is_read_only = is_read_only
        self._may_go_without = may_go_without
        self._outage: StoreUnavailableError | None = None
        self._opening = threading.Lock()
        self._is_opened = False
        self._is_closed = False
        self._is_current = False
        self._is_modified = False
        self._handed_out: tuple[object, ...] = ()
        self._put: set[str] = set()
        self._subject: str | None = None
        self._is_rotated = False
        self._is_cleared = False
        self._is_left = False
        self.idle: int | None = None
        self.label: str | None = None
        self.accessed: bool = False
        self.is_resent = False
        self.failure: Exception | None = None
        """What the store said when it was looked at, if it refused."""

    def __repr__(self) -> str:
        return f"<Visit {self._holder.session!r}>" if self._is_opened else "<Visit not opened>"

    # ---- what is known of it

    @property
    def id(self) -> str | None:
        """The session id, which lists of devices show; ``None`` while nothing is stored, or in an older store."""
        self.before_look()
        return self._holder.session.id if self._holder.session else None

    @property
    def subject(self) -> str | None:
        """Whose it is since the last login."""
        self.before_look()
        return self._subject or (None if self._is_cleared else self._holder.subject)

    @property
    def summary(self) -> SessionSummary | None:
        """Its version, label and deadlines, as last read or stored; ``None`` where there is no ``id``."""
        self.before_look()
        session = self._holder.session
        return None if session is None else SessionSummary.of(session.snapshot.record)

    @property
    def is_stored(self) -> bool:
        """Whether there is a session yet, or one of an older store."""
        self.before_look()
        return self._holder.session is not None or self._holder.candidate is not None

    @property
    def is_unavailable(self) -> bool:
        """Whether the page is made without its session, since the store does not answer."""
        self.before_look()
        return self._outage is not None

    @property
    def is_opened(self) -> bool:
        """Whether it was looked at: then the store was called, if the client sent a token."""
        return self._is_opened

    @property
    def is_ending(self) -> bool:
        """Whether there was a logout that takes effect in ``close``."""
        return self._holder.is_ending

    @property
    def may_need_store(self) -> bool:
        """Whether ``close`` may call the store."""
        holder = self._holder
        is_found = holder.session is not None or holder.candidate is not None
        is_begun = self._is_opened and self._outage is None and (is_found or bool(self) or self._subject is not None)
        return holder.is_ending or (is_begun and not self._is_closed)

    @property
    def is_unchanged(self) -> bool:
        """Whether there is nothing to store: no value was changed since it was read, and nothing else was asked for."""
        return self._holder.is_nothing(self._wishes()) and self.is_as_found()

    @property
    def modified(self) -> bool:
        """Whether it was changed, nested values included. It need not be set: changes are noticed."""
        return self._is_modified or (self._is_opened and not self.is_as_found() and self._differs())

    @modified.setter
    def modified(self, value: bool) -> None:
        self._is_modified = value

    # ---- what is done with it

    def login(self, subject: str, *, label: str | None = None, idle: int | None = None) -> None:
        """From now on it is ``subject``'s, under a new token, which ends the old one: a new beginning.

        Takes effect when the request has been served. A session that is another subject's ends then, and what this
        request put in begins one of ``subject``'s. ``label`` and ``idle`` as the attributes.
        """
        self._demand_session()
        self._subject = subject
        self.label = self.label if label is None else label
        self.idle = self.idle if idle is None else idle

    def rotate(self) -> None:
        """A new token once the request has been served, the same session: at every change of privilege."""
        self._demand_session()
        self._is_rotated = True

    def logout(self) -> None:
        """End it at once, whatever becomes of the request. What is put in afterwards begins a new one.

        It stays, and so does the client's cookie, where another request's login replaced its token meanwhile.
        """
        self._demand_session()
        self._holder.end()
        self.fill({})
        self._put, self._subject, self._is_rotated, self._is_cleared, self._is_left = set(), None, False, False, True

    def refresh(self) -> None:
        """Read it again, in a long request: what others changed shows, and one that ended meanwhile is empty.

        One that this request changed keeps its contents; raises ``SessionGoneError`` when such a one ended.
        """
        self.before_look()
        session = self._holder.session
        if session is not None:
            session.clear()
            session.update(self.to_document())
        elif self._holder.candidate is None or self._differs():
            return
        self._holder.refresh()
        self.fill(self.from_document(dict(self._holder.session or self._holder.stored())))

    def within(self, seconds: float) -> None:
        """Give each call of the store that is to come ``seconds`` from now at the most."""
        self._holder.within(seconds)

    def store_pending(self) -> None:
        """Store now what waits for the end of the request, where that replaces the token: it is known then."""
        if self._is_rotated or self._subject is not None or self._holder.session is None:
            self._store_or_drop()
            self._put, self._subject, self._is_rotated, self._is_cleared = set(), None, False, False

    # ---- its end

    def close(self, *, is_kept: bool = True) -> CookieUpdate:
        """Store what changed, unless the request failed. It can be read after that, and no more be changed.

        Raises what ``Store.create``, ``write`` and ``login`` raise. Called again, it stores nothing and returns what
        any answer has to carry, also the one in the place of the page's.
        """
        try:
            self._holder.settle()
        except REFUSALS:
            if is_kept:
                raise
        if not self._is_closed:
            self._is_closed = True
            if is_kept and self._is_opened and not self._is_read_only:
                self._store_or_drop()
        return self._update()

    def _store_or_drop(self) -> None:
        wishes, before = self._wishes(), self._stored_as()
        is_unchanged = self.is_unchanged
        if is_unchanged and not self.is_resent:
            return
        contents = self.to_document()
        is_needed = not (self._may_go_without and (is_unchanged or self._holder.is_mere_change(contents, wishes)))
        self.lose_track()
        try:
            if self._outage is not None:
                raise self._outage
            if is_unchanged:
                self._holder.confirm(contents)
            else:
                self._holder.store(contents, wishes, is_certain=self.is_resent)
        except StoreUnavailableError as error:
            if is_needed:
                raise
            if self.modified and self._outage is not None:  # else the store has told it
                report_dropped(self._store, self._holder.session, Cause.UNAVAILABLE)
            self._outage = error
        else:
            session = self._holder.session
            if session is not None and self._stored_as() != before and contents != session:
                self.fill(self.from_document(session))
            self._is_current = not self._holder.is_superseded

    def _stored_as(self) -> tuple[str, int] | None:
        """Id and version of what is stored: other requests had a share in it only where this one wrote."""
        session = self._holder.session
        return None if session is None else (session.id, session.version)

    def _update(self) -> CookieUpdate:
        holder, is_accessed = self._holder, self.accessed or self._is_opened
        session = holder.session
        is_resent = self.is_resent and self._is_current
        if session is None or (_lasting(session) == self._handed_out and not is_resent):
            return CookieUpdate(
                is_ended=holder.is_ended,
                is_accessed=is_accessed,
                is_adopted=holder.is_adopted,
                is_unavailable=self._outage is not None,
            )
        # A session that begins with this answer has its whole lifetime left, to the second.
        since = session.began_at if session.began_at >= self._arrived_at else self._store.resources.clock()
        left = max(0, session.absolute_at - since)
        return CookieUpdate(session.token, session.absolute_at, left, is_accessed=True, is_adopted=holder.is_adopted)

    def _wishes(self) -> Wishes:
        put = frozenset(self._put)
        return Wishes(self._subject, self.label, self.idle, self._is_rotated, self._is_cleared, self._is_left, put)

    # ---- the dictionary's

    def before_look(self) -> None:
        """Ask for the session, once. Raises what ``Store.find`` raises."""
        self.accessed = True
        self.open_quietly()

    def open_quietly(self) -> None:
        """See ``LazyDictionary``."""
        if self._is_opened:
            return
        with self._opening:  # a handler may hand its session to threads
            if not self._is_opened:
                self._find()
                self._is_opened = True

    def _find(self) -> None:
        self._outage = None
        try:
            self._holder.find()
        except REFUSALS as error:
            if not (self._may_go_without and isinstance(error, StoreUnavailableError)):
                self.failure = error
                raise
            self._outage = error
        session = self._holder.session
        if session is None:
            self.fill(self.from_document(self._holder.stored()))
        else:
            self.take(dict(session), session.snapshot.text)
            self._handed_out = _lasting(session)

    def before_change(self, key: str | None) -> None:
        """See ``LazyDictionary``. Raises ``InvalidDataError`` where no answer can set a cookie."""
        if self._is_read_only:
            raise InvalidDataError("cannot be changed here: no answer of this kind can set a cookie", path=("session",))
        if self._is_closed:
            report_dropped(self._store, self._holder.session, Cause.ANSWERED)
        self._is_modified = True
        if key is not None:
            self._put.add(key)
        else:
            self._subject, self._is_rotated, self._is_cleared = None, False, True

    def _differs(self) -> bool:
        # Asking is no look: ``accessed`` stays as it is.
        return dict.__ne__(self, self.from_document(self._holder.stored()))

    def _demand_session(self) -> None:
        """What is done with it takes an answer that can carry a cookie, and a store."""
        if self._is_read_only or self._is_closed:
            raise InvalidDataError("cannot be changed here: no answer can set a cookie any more", path=("session",))
        self.before_look()
        if self._outage is not None:
            raise self._outage


def _lasting(session: Session) -> tuple[object, ...]:
    return session.token, session.idle, session.absolute_at
