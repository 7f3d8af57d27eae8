"""What becomes of a request's session: found, ended, and stored as the request left it. Knows no dictionary of it."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, cast

from sojourn.absence import Absence
from sojourn.adapters.opener import Opener
from sojourn.adapters.refusals import report_dropped
from sojourn.adapters.rules import Rules
from sojourn.errors import InvalidDataError, SessionGoneError
from sojourn.migrate.candidate import Candidate
from sojourn.names import cleaned_label
from sojourn.store import Store
from sojourn.tokens import PREFIX, parsed
from sojourn.values import dataclass
from sojourn.writing import KEEP

if TYPE_CHECKING:
    from sojourn.migrate.store import MigratingStore
    from sojourn.session import Session


@dataclass(frozen=True, slots=True)
class Wishes:
    """What a request asked of its session beside its contents.

    ``subject`` is whose it is to be by a login. ``put`` are the keys that it set. ``is_cleared``: everything was taken
    out once; ``is_left``: it was logged out.
    """

    subject: str | None = None
    label: str | None = None
    idle: int | None = None
    is_rotated: bool = False
    is_cleared: bool = False
    is_left: bool = False
    put: frozenset[str] = frozenset()

    @property
    def is_mere_change(self) -> bool:
        """Whether it is neither a login nor a rotation nor a logout."""
        return self.subject is None and not (self.is_rotated or self.is_cleared or self.is_left)


class Holder:
    """The session of one request, ``None`` where there is none (any more).

    ``candidate`` is one of an older store that did not move in yet. ``is_ended``: the client's token opens nothing any
    more. ``is_superseded``: another request replaced it while this one was in flight. ``is_adopted``: it came from an
    older store, where it is over. ``rules`` are the application's; a request may have others in their place.
    """

    def __init__(
        self,
        store: Store,
        opener: Opener,
        rules: Rules,
        *,
        arrived_at: int,
        is_safe: bool,
        trifles: frozenset[str],
        may_call: Callable[[], bool],
    ) -> None:
        """``trifles`` are keys that make no session where there is none; ``may_call``: whether ``end`` takes effect."""
        self._store = store
        self._opener = opener
        self.rules = rules
        self._arrived_at = arrived_at
        self._is_safe = is_safe
        self._trifles = trifles
        self._may_call = may_call
        self._ending: list[str] = []
        self.session: Session | None = None
        self.candidate: Candidate | None = None
        self.is_ended: bool = False
        self.is_superseded: bool = False
        self.is_adopted: bool = False

    def find(self) -> None:
        """Look for the session."""
        self._take(self._opener.find())

    def _take(self, found: "Session | Candidate | Absence") -> None:
        self.session = self.candidate = None
        if isinstance(found, Absence):
            self.is_superseded = found is Absence.SUPERSEDED
        elif isinstance(found, Candidate):
            self.candidate = found
        else:
            self.session = found

    @property
    def subject(self) -> str | None:
        """Whose the session is, in whichever store."""
        found = self.session or self.candidate  # a session is always true
        return None if found is None else found.subject

    def stored(self) -> dict[str, Any]:
        """What is stored, in whichever store, as far as this request knows."""
        found = self.session or self.candidate
        return {} if found is None else found.stored()

    @property
    def is_ending(self) -> bool:
        """Whether there are sessions that ``settle`` has yet to end."""
        return bool(self._ending)

    def end(self) -> None:
        """End the session, or the one that the client's token opened when the request arrived."""
        token = self._opener.token if self.session is None else self.session.token
        # What an older store holds and cannot be read here is ended as well.
        is_former = token is not None and not token.startswith(PREFIX)
        if token is not None and (self.session is not None or self.is_superseded or is_former):
            self._ending.append(token)
            self.session = self.candidate = None
            if self._may_call():
                self.settle()
        else:
            self.is_ended = self.is_ended or token is not None

    def settle(self) -> None:
        """Carry out what ``end`` could not."""
        while self._ending:
            # A logout in flight holds for a session that was rotated since, but not for one that was logged in since.
            reason = self._store.end(self._ending[0])
            self.is_superseded = reason in (Absence.SUPERSEDED, Absence.FOREIGN_KEY)
            self.is_ended = self.is_ended or not self.is_superseded
            self.is_adopted = self.is_adopted or (reason is None and not self._ending[0].startswith(PREFIX))
            del self._ending[0]

    def within(self, seconds: float) -> None:
        """Give each call that is to come ``seconds`` from now at the most."""
        self._store = self._store.within(seconds)

    def refresh(self, *, is_changed: bool | None = None) -> None:
        """Read it again. A session that is gone leaves none, or raises ``SessionGoneError`` where it was changed.

        ``is_changed``, where that is known.
        """
        if self.candidate is not None:
            self._take(self._opener.again())
        if self.session is None:
            return
        is_changed = self.session.is_changed if is_changed is None else is_changed
        try:
            self._store.refresh(self.session)
        except SessionGoneError as error:
            if is_changed:
                raise
            self.session, self.is_superseded = None, error.is_superseded

    def store(self, contents: Mapping[str, Any], wishes: Wishes, *, is_certain: bool = False) -> None:
        """Store ``contents`` as ``wishes`` have it; raises what ``Store.create``, ``write`` and ``login`` raise.

        ``is_certain``: an unchanged session is read again, so that its token is known to open it still.
        """
        session, candidate = self.session, self.candidate
        self._fill(contents)
        subject = self._wanted_subject(contents, wishes)
        if candidate is not None:
            self._move_in(candidate, contents, subject, wishes)
        elif session is not None:
            version = session.version
            self._store_in_flight(session, subject, wishes)
            if is_certain and session.version == version:
                self.refresh()
        elif self.is_superseded:
            self._begin_beside(contents, subject, wishes, is_change=bool(contents.keys() - self._trifles))
        else:
            self._begin_if_wanted(contents, subject, wishes)

    def confirm(self, contents: Mapping[str, Any]) -> None:
        """Read a session again that holds ``contents`` as it was found, so that its token is known to open it still."""
        self._fill(contents)
        self.refresh(is_changed=False)

    def is_mere_change(self, contents: Mapping[str, Any], wishes: Wishes) -> bool:
        """Whether a request only put in or took out: it is neither a login nor a rotation nor a logout."""
        self._fill(contents)
        return wishes.is_mere_change and self._wanted_subject(contents, wishes) == self.subject

    def is_nothing(self, wishes: Wishes) -> bool:
        """Whether ``store`` does nothing for contents that are as found, and refuses nothing."""
        session, idle = self.session, wishes.idle
        if session is None or not wishes.is_mere_change:
            return False
        is_same = type(idle) is int and idle == session.idle <= self._store.settings.max_absolute_seconds
        return idle is None or (is_same and self._lifetime(session, idle) == (idle, None))

    def _fill(self, contents: Mapping[str, Any]) -> None:
        if self.session is not None:
            self.session.clear()
            self.session.update(contents)

    def _store_in_flight(self, session: "Session", subject: str | None, wishes: Wishes) -> None:
        try:
            self._write(session, subject, wishes)
        except SessionGoneError as error:
            if not error.is_superseded:
                raise
            self.is_superseded = True
            edits, touched = self._edits(session, session.stored(), wishes)
            subject = subject if subject != session.subject else wishes.subject
            self._begin_beside(edits, subject, wishes, is_change=session.is_changed and touched)

    def _write(self, session: "Session", subject: str | None, wishes: Wishes) -> None:
        if wishes.is_cleared and len(session) == 0 and wishes.subject is None:
            self.end()
        elif session.subject is not None and subject != session.subject:
            self._part(session, subject, wishes)
        elif subject is not None or len(session) > 0 or not self._end_emptied(session):
            self._write_own(session, subject, wishes)

    def _end_emptied(self, session: "Session") -> bool:
        """End a session from which everything was taken, unless another request wrote it meanwhile."""
        if not session.is_changed or not self._store.expire_unchanged(session):
            return False
        self.session, self.is_ended = None, True
        return True

    def _part(self, contents: Mapping[str, Any], subject: str | None, wishes: Wishes) -> None:
        """Logged out, or in as another subject: nothing of the former one is left to the next."""
        kept = dict(contents) if subject is None else {key: contents[key] for key in wishes.put if key in contents}
        self.end()
        if self.is_superseded:
            self._begin_beside(kept, subject, wishes, is_change=True)
        else:
            self._begin_if_wanted(kept, subject, wishes)

    def _move_in(self, candidate: Candidate, contents: Mapping[str, Any], subject: str | None, wishes: Wishes) -> None:
        """Adopt it, as the request left it: one that was emptied, or became another subject's, ends instead."""
        is_change = candidate.is_changed_by(contents)
        if candidate.subject is not None and subject != candidate.subject:
            self._part(contents, subject, wishes)
        elif subject is None and not contents:
            if is_change:
                self.end()
        else:
            try:
                self._adopt(candidate, contents, subject, wishes)
            except SessionGoneError as error:
                self._lose(candidate, contents, subject, wishes, error, is_change=is_change)

    def _adopt(self, candidate: Candidate, contents: Mapping[str, Any], subject: str | None, wishes: Wishes) -> None:
        idle, absolute = self._lifetime(None, wishes.idle)
        store = cast("MigratingStore", self._store)  # no other has candidates
        self.session = store.adopt(
            candidate,
            contents,
            subject=subject,
            label=cleaned_label(wishes.label),
            idle=idle,
            absolute=absolute,
            is_login=wishes.subject is not None,
        )
        self.candidate, self.is_adopted = None, True

    def _lose(
        self,
        candidate: Candidate,
        contents: Mapping[str, Any],
        subject: str | None,
        wishes: Wishes,
        error: SessionGoneError,
        *,
        is_change: bool,
    ) -> None:
        """Another request adopted or ended it meanwhile."""
        self.candidate, self.is_superseded = None, error.is_superseded
        edits, touched = self._edits(contents, candidate.stored(), wishes)
        if error.is_superseded:
            subject = subject if subject != candidate.subject else wishes.subject
            self._begin_beside(edits, subject, wishes, is_change=is_change and touched)
        elif is_change and touched:
            raise error

    def _write_own(self, session: "Session", subject: str | None, wishes: Wishes) -> None:
        (idle, absolute), on_conflict = self._lifetime(session, wishes.idle), self.rules.on_conflict
        if subject is not None and (wishes.subject is not None or session.subject is None):
            label = KEEP if wishes.label is None else cleaned_label(wishes.label)
            self._store.login(
                session, subject=subject, label=label, idle=idle, absolute=absolute, on_conflict=on_conflict
            )
        elif wishes.is_rotated:
            self._store.rotate(session, idle=idle, absolute=absolute, on_conflict=on_conflict)
        else:
            self._store.write(session, idle=idle, absolute=absolute, on_conflict=on_conflict)

    def _begin_if_wanted(self, contents: Mapping[str, Any], subject: str | None, wishes: Wishes) -> None:
        if subject is not None or contents.keys() - self._trifles:
            self._begin(contents, subject, wishes)

    def _begin(self, contents: Mapping[str, Any], subject: str | None, wishes: Wishes) -> None:
        idle, absolute = self._lifetime(None, wishes.idle)
        label = cleaned_label(wishes.label)
        self.session = self._store.create(contents, subject=subject, label=label, idle=idle, absolute=absolute)

    def _begin_beside(self, edits: Mapping[str, Any], subject: str | None, wishes: Wishes, *, is_change: bool) -> None:
        """What becomes of what a request in flight put in, whose token another one replaced."""
        token = self._opener.token if self.session is None else self.session.token
        if subject is not None:
            # A double click: either answer may arrive last, so both sessions begin with the same.
            known = None
            if not wishes.is_left:
                known = self._store.superseding_document(token, subject=subject, arrived_at=self._arrived_at)
            self._begin({**(known or {}), **edits}, subject, wishes)
        elif is_change and not self._is_safe:
            found = parsed(token)
            raise SessionGoneError(found.session_id if found else "", reason=Absence.SUPERSEDED)
        elif is_change:
            report_dropped(self._store, token, Absence.SUPERSEDED)

    def _edits(
        self, contents: Mapping[str, Any], before: Mapping[str, Any], wishes: Wishes
    ) -> tuple[dict[str, Any], bool]:
        """What the request put in or changed; and whether it touched anything that counts, removals included."""
        edits = {
            key: value
            for key, value in contents.items()
            if key in wishes.put or key not in before or before[key] != value
        }
        touched = edits.keys() | (before.keys() - contents.keys())
        return edits, bool(touched - self._trifles)

    def _lifetime(self, session: "Session | None", idle: int | None) -> tuple[int | None, int | None]:
        """Idle and absolute seconds to ask for; ``None`` leaves what there is."""
        if idle is None:
            return None, None
        if type(idle) is not int:
            raise InvalidDataError("takes whole seconds", path=("idle",))
        absolute = max(idle, self._store.settings.absolute_seconds)
        if session is not None and session.absolute_at - session.began_at >= absolute:
            return idle, None
        return idle, absolute

    def _wanted_subject(self, contents: Mapping[str, Any], wishes: Wishes) -> str | None:
        """Whose it is to be: as asked for, or as what is in it says; a request that only reads changes no subject."""
        session, candidate = self.session, self.candidate
        if wishes.subject is not None:
            return wishes.subject
        if self.rules.subject_of is None:
            return None if wishes.is_cleared else self.subject
        if session is not None and not session.is_changed:
            return session.subject
        if candidate is not None and not candidate.is_changed_by(contents):
            return candidate.subject
        return self.rules.subject_of(contents)
