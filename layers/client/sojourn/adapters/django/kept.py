"""The stored side of one request's session: found, begun, written, ended. Knows neither SessionBase nor a request."""

from typing import TYPE_CHECKING, Any, cast

from django.conf import settings
from django.contrib.sessions.backends.base import UpdateError

from sojourn.absence import Absence
from sojourn.adapters.cookies import CookieUpdate
from sojourn.adapters.django.conflicts import rule_for
from sojourn.adapters.django.keys import Key, key_of, text_of
from sojourn.adapters.django.lifetimes import Expiry
from sojourn.adapters.django.opening import the_store
from sojourn.adapters.django.users import AUTH, subject_of
from sojourn.adapters.refusals import ambiguous, report_dropped
from sojourn.errors import SessionGoneError, StoreUnavailableError
from sojourn.migrate.candidate import Candidate
from sojourn.migrate.store import found_in
from sojourn.names import cleaned_label
from sojourn.tokens import PREFIX
from sojourn.values import dataclass
from sojourn.writing import KEEP

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sojourn.migrate.store import MigratingStore
    from sojourn.session import Session


@dataclass(frozen=True, slots=True)
class Wish:
    """What a save does besides the document. ``age`` is the idle seconds of a session without an expiry of its own.

    ``is_renewed``: under a new key; ``is_login``: the user in it logged in just now; ``is_logout``: it was cleared.
    ``is_tentative``: what a request in flight put in waits for another save.
    """

    age: int
    label: str | None = None
    is_renewed: bool = False
    is_login: bool = False
    is_logout: bool = False
    is_tentative: bool = False


class Kept:
    """What is known of the stored session, and of what the browser holds.

    ``key`` is what opens it, or is to be looked up; ``None`` where there is none yet, or none any more. ``others`` are
    further values of the cookie: the one that opens a session counts, if it is the only one. ``is_safe`` and
    ``arrived_at`` (epoch seconds) are the request's, ``None`` where they are unknown. ``is_answered``: no cookie can be
    sent any more; ``refusal`` is what an answer says in the page's place. ``may_go_without``: the page can do without
    its session while the store does not answer; ``outage`` is what it said then. ``candidate`` is a session of an
    older store that did not move in yet: it does when it is saved.
    """

    def __init__(self, brought: str | None) -> None:
        """``brought`` is the key that the client sent, whatever it is."""
        self.key = self._brought = key_of(brought)
        self.others: tuple[str, ...] = ()
        self.is_safe: bool | None = None
        self.arrived_at: int | None = None
        self.is_answered = False
        self.refusal: Exception | None = None
        self.may_go_without = False
        self.outage: StoreUnavailableError | None = None
        self.session: Session | None = None
        self.candidate: Candidate | None = None
        self.is_superseded: bool = False
        self.is_ended: bool = False
        self.is_adopted: bool = False
        self._is_left = False
        self._is_current = False
        self._expiry = Expiry()
        self._handed_out: tuple[Key | None, tuple[object, ...]] = (self._brought, ())

    def cookie_update(self, *, is_accessed: bool) -> CookieUpdate:
        """What an answer has to carry, whatever became of the page."""
        held = self.session
        if held is None or self.is_superseded or not self._is_to_be_sent(held):
            is_ended = self.is_ended and held is None
            is_unavailable = self.outage is not None
            return CookieUpdate(
                is_ended=is_ended,
                is_accessed=is_accessed,
                is_adopted=self.is_adopted,
                is_unavailable=is_unavailable,
            )
        return CookieUpdate(held.token, self._expiry.cookie_until(held), is_accessed=True, is_adopted=self.is_adopted)

    def _is_to_be_sent(self, held: "Session") -> bool:
        key, lasting = self._handed_out
        is_other = held.token != text_of(key) or _lasting(held, self._expiry) != lasting
        return is_other or (settings.SESSION_SAVE_EVERY_REQUEST and self._is_current)

    # ---- found

    def find_or_go_without(self) -> bool:
        """``find``; where the page can do without, a store that does not answer is an ``outage``."""
        try:
            return self.find()
        except StoreUnavailableError as error:
            if not self.may_go_without:
                raise
            self.outage = error
            return False

    def demand_store(self) -> None:
        """Raise the ``outage``, if there is one: its session may live, and is neither begun anew nor ended."""
        if self.outage is not None:
            raise self.outage

    def find(self, *, touch: bool = True) -> bool:
        """Whether the key opens a session, which is held from now on. One whose date has come is ended."""
        found = self._choose(touch=touch) if self.others else self._found(self.key, touch=touch)
        self.session, self.candidate, self.is_superseded = None, None, found is Absence.SUPERSEDED
        if isinstance(found, Absence):
            return False
        if isinstance(found, Candidate):
            self.candidate = None if Expiry.of(found.stored()).is_past else found
            return self.candidate is not None
        expiry = Expiry.of(found)
        if expiry.is_past:
            the_store().end(found.snapshot.token, reason=Absence.ABSOLUTE)
            return False
        if text_of(self.key) == text_of(self._brought):  # not one that was made since
            self._handed_out = (self.key, _lasting(found, expiry))
        self._hold(found, expiry)
        return True

    def _choose(self, *, touch: bool) -> "Session | Candidate | Absence":
        """What the only value of the cookie opens that opens anything; two that do are none."""
        found = [(key, self._found(key_of(key), touch=False)) for key in (self.key, *self.others)]
        self.others = ()
        open_ones = [key for key, each in found if not isinstance(each, Absence)]
        chosen = open_ones or [key for key, each in found if each is Absence.SUPERSEDED]
        if len(chosen) != 1:
            self.key = None
            return ambiguous(the_store()) if chosen else Absence.UNKNOWN
        self.key = self._brought = key_of(chosen[0])
        return self._found(self.key, touch=touch)

    def _found(self, key: Key | None, *, touch: bool) -> "Session | Candidate | Absence":
        # A session of an older store is not adopted where its new key could not be handed out.
        if key is None or (self.is_answered and isinstance(key, str) and not key.startswith(PREFIX)):
            return Absence.MALFORMED
        return found_in(the_store(), key, arrived_at=self.arrived_at, touch=touch, subject_of=subject_of)

    def stored(self) -> dict[str, Any]:
        """What is in the session, in whichever store."""
        found = self.session or self.candidate  # a session is always true
        return {} if found is None else found.stored()

    def is_same_user(self, data: "Mapping[str, Any]") -> bool:
        """Whether ``data`` names the user whose session it is."""
        found = self.session or self.candidate
        return subject_of(data) == (None if found is None else found.subject)

    def _hold(self, session: "Session", expiry: Expiry) -> None:
        self.candidate = None
        self.session, self._expiry, self.key = session, expiry, session.snapshot.token

    # ---- stored

    def begin(self, data: dict[str, Any], wish: Wish) -> None:
        """A new session with ``data`` in it."""
        idle, absolute = self._lifetime(data, None, wish)
        label, subject = cleaned_label(wish.label), subject_of(data)
        session = the_store().create(data, subject=subject, label=label, idle=idle, absolute=absolute)
        self._hold(session, Expiry.of(data))
        self.is_superseded = False

    def change(self, data: dict[str, Any], wish: Wish) -> None:
        """Make ``data`` what is in the session. Raises ``UpdateError`` when it ended meanwhile."""
        if self.session is None and self.candidate is None:  # cleared before it was loaded
            self.find(touch=False)
        held, subject = self.session, subject_of(data)
        if self.is_superseded:
            self.begin_beside(data, wish)
        elif self.candidate is not None:
            self._move_in(self.candidate, data, wish)
        elif held is None:
            raise UpdateError
        elif held.subject not in (None, subject):
            self._part(held.stored(), data, wish)
        else:
            self._write(held, data, wish)

    def _move_in(self, candidate: Candidate, data: dict[str, Any], wish: Wish) -> None:
        """Adopt it with ``data`` in it: one that was emptied, or became another user's, ends instead."""
        before, subject = candidate.stored(), subject_of(data)
        is_login = subject is not None and candidate.subject not in (None, subject)
        if is_login or subject_of(before) not in (None, subject):
            self._part(before, data, wish)
        elif data:
            self._adopt(candidate, data, wish)
        elif before:
            self.end(self.key)

    def _adopt(self, candidate: Candidate, data: dict[str, Any], wish: Wish) -> None:
        idle, absolute = self._lifetime(data, None, wish)
        label, subject = cleaned_label(wish.label), subject_of(data)
        store = cast("MigratingStore", the_store())  # no other has candidates
        try:
            session = store.adopt(
                candidate, data, subject=subject, label=label, idle=idle, absolute=absolute, is_login=wish.is_login
            )
        except SessionGoneError as error:
            self.is_superseded = error.is_superseded
            if error.is_superseded:
                self.begin_beside(data, wish)
            elif candidate.is_changed_by(data):
                raise UpdateError from error
            self.candidate = None
        else:
            self._hold(session, Expiry.of(data))
            self.is_adopted = True

    def is_changed_by(self, data: dict[str, Any]) -> bool:
        """Whether ``data`` is other than what is stored, nested values included."""
        if self.candidate is not None:
            return self.candidate.is_changed_by(data)
        if self.session is None:
            return False
        _fill(self.session, data)
        return self.session.is_changed

    def begin_beside(self, data: dict[str, Any], wish: Wish) -> None:
        """What becomes of what a request in flight put in, whose key another one replaced.

        A login begins a session of its own. What a safe request put in is dropped; for any other ``UpdateError``.
        """
        held, subject = self.session or self.candidate, subject_of(data)
        if subject is not None and (held is None or subject != held.subject or wish.is_login):
            self.begin({**self._superseding(subject), **self._edits(data)}, wish)
            return
        if wish.is_tentative:
            return
        is_logout = wish.is_logout and not data
        is_change = bool(data) if held is None else self.is_changed_by(data) and not is_logout
        if self.is_safe is None or (is_change and not self.is_safe):
            raise UpdateError
        if is_change:
            report_dropped(the_store(), self.session or self._brought, Absence.SUPERSEDED)
        self.session = self.candidate = self.key = None

    def _superseding(self, subject: str) -> dict[str, object]:
        """A double click: either answer may arrive last, so both sessions begin with the same."""
        if self._is_left:
            return {}
        token = self.session.snapshot.token if self.session is not None else self._brought
        return the_store().superseding_document(token, subject=subject, arrived_at=self.arrived_at) or {}

    def _edits(self, data: dict[str, Any]) -> dict[str, Any]:
        before = self.stored()
        return {key: data[key] for key in data if key in AUTH or key not in before or before[key] != data[key]}

    def _part(self, before: "Mapping[str, Any]", data: dict[str, Any], wish: Wish) -> None:
        """Logged out, or in as another user, without flush(): nothing of the former one is left to the next."""
        kept = data
        if subject_of(data) is not None:
            kept = {key: data[key] for key in data if key in AUTH or key not in before}
        self.end(self.key)
        self.key = None
        if self.is_superseded and kept:
            self.begin_beside(kept, wish)
        elif kept or self.is_safe is None:  # Django's own middleware sets a cookie whatever becomes of the session
            self.begin(kept, wish)

    def _write(self, held: "Session", data: dict[str, Any], wish: Wish) -> None:
        _fill(held, data)
        try:
            self._call_store(held, data, wish)
        except SessionGoneError as error:
            if not error.is_superseded:
                raise UpdateError from error
            self.is_superseded = True
            self.begin_beside(data, wish)
        else:
            self._hold(held, Expiry.of(held))
            self._is_current = True

    def _call_store(self, held: "Session", data: dict[str, Any], wish: Wish) -> None:
        (idle, absolute), on_conflict, store = self._lifetime(data, held, wish), rule_for(held), the_store()
        subject = subject_of(data)
        if subject is not None and (held.subject is None or (wish.is_login and not self._keeps_key(absolute, wish))):
            label = KEEP if wish.label is None else cleaned_label(wish.label)
            idle, absolute = self._lifetime(data, None, wish)
            store.login(held, subject=subject, label=label, idle=idle, absolute=absolute, on_conflict=on_conflict)
            return
        longer = absolute if absolute > held.absolute_at - held.began_at else None
        write, version = store.rotate if wish.is_renewed else store.write, held.version
        write(held, idle=idle, absolute=longer, on_conflict=on_conflict)
        if settings.SESSION_SAVE_EVERY_REQUEST and held.version == version:
            store.refresh(held)  # its cookie goes out once more, which must not undo a login

    def _keeps_key(self, absolute: int, wish: Wish) -> bool:
        """Whether a second login of the same user can go on under the same key, as Django has it."""
        has_room = absolute < the_store().settings.max_absolute_seconds
        return has_room and not wish.is_renewed and wish.label is None

    # ---- ended

    def end(self, key: Key | None) -> None:
        """End the session of ``key``, which is this one's, unless another request's login replaced that meanwhile."""
        reason: object = Absence.MALFORMED if key is None else the_store().end(key)
        if reason is Absence.FOREIGN_KEY and self.session is None:
            # It was not loaded before: what counts is when the request arrived.
            reason = self._found(key, touch=False)
        was_open = self.session is not None or self.is_superseded
        self.is_superseded = reason is Absence.SUPERSEDED or (was_open and reason is Absence.FOREIGN_KEY)
        self.is_ended = not self.is_superseded
        self.is_adopted = self.is_adopted or (reason is None and isinstance(key, str))
        self.session, self.candidate, self._is_left = None, None, True

    def own_key(self) -> Key | None:
        """The key of this session; while it is superseded, the one that the client sent.

        Also one that opens nothing here, and is no token: what an older store holds may be unreadable.
        """
        if self.others:
            self.find(touch=False)
        return self.key or (self._brought if self.is_superseded or isinstance(self._brought, str) else None)

    def is_own(self, key: Key) -> bool:
        """Whether ``key`` is this session's, or the one that the client sent."""
        return text_of(key) in (text_of(self.key), text_of(self._brought))

    # ---- lifetimes

    def _lifetime(self, data: dict[str, Any], held: "Session | None", wish: Wish) -> tuple[int, int]:
        """Idle and absolute seconds to ask for; the store refuses too many. ``held`` is a stay that goes on."""
        expiry, store = Expiry.of(data), the_store()
        idle, since = expiry.idle(wish.age), 0
        if held is not None and (wish.is_login or expiry.date is not None or expiry != self._expiry):
            since = store.resources.clock() - held.began_at  # a new lifetime counts from now
        return idle, expiry.absolute(idle, store.settings, since=since, is_login=wish.is_login)


def _lasting(held: "Session", expiry: Expiry) -> tuple[object, ...]:
    """What a browser's cookie depends on beside the key."""
    return held.idle, held.absolute_at, expiry


def _fill(held: "Session", data: dict[str, Any]) -> None:
    for key in [key for key in held if key not in data]:
        del held[key]
    held.update(data)
