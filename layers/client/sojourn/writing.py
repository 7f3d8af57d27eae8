"""A session's document on its way into the store and out of it: created, opened, and written against others' writes.

What a verb does besides the document arrives as a ``Change``; which verb it is, is not known here.
"""

from collections.abc import Callable
from enum import Enum
from functools import partial
from itertools import count
from typing import Final, Literal, TypeAlias

from sojourn.absence import Absence
from sojourn.backend import Backend, Match, Record, Refused
from sojourn.document.codec import decode, encode, from_stored_json, load_document, stored_json
from sojourn.document.merge import Clash, Policy, edits, merged
from sojourn.document.sealing import Sealing, is_sealed
from sojourn.document.tags import compact_json, tag_document
from sojourn.errors import (
    ConflictError,
    CorruptSessionError,
    InvalidDataError,
    SessionGoneError,
    StoreUnavailableError,
)
from sojourn.expiry import Lifetime
from sojourn.names import Namespace, bare
from sojourn.protocol import SessionProtocol, uncertain
from sojourn.retry import Retry
from sojourn.session import Snapshot
from sojourn.settings import Settings
from sojourn.sweep.index import placed
from sojourn.tokens import Token, mint, new_write_id
from sojourn.values import dataclass, replace

_MAX_MERGES = 128
"""Each merge means that another writer was faster; with the pauses between them this is a minute of bad luck."""

_SETTLED = 4
"""From this merge on the pauses grow no more."""


class Removed(Enum):
    """What a key holds that is not there."""

    REMOVED = "removed"


REMOVED: Final = Removed.REMOVED


class Keep(Enum):
    """The default of an argument that leaves a value as it is, where ``None`` would remove it."""

    KEEP = "keep"


KEEP: Final = Keep.KEEP


@dataclass(frozen=True, slots=True)
class Conflict:
    """A top-level key that two writers changed: what it held before, what we want and what others stored.

    ``REMOVED`` stands for a key that is not there.
    """

    key: str
    base: object | Literal[Removed.REMOVED]
    mine: object | Literal[Removed.REMOVED]
    theirs: object | Literal[Removed.REMOVED]


OnConflict: TypeAlias = Policy | Callable[[Conflict], object]
"""Which side wins a key that two writers changed, or a function that says what to store for it."""


@dataclass(frozen=True, slots=True)
class Login:
    """Whose the session becomes: ``subject`` as its item names it, and ``epoch``; when its new stay begins."""

    subject: str
    label: str | Literal[Keep.KEEP] | None
    epoch: str | None
    began_at: int


@dataclass(frozen=True, slots=True)
class Change:
    """What a verb does besides the document: another lifetime (seconds), another token, another owner."""

    idle: int | None = None
    absolute: int | None = None
    token: Token | None = None
    login: Login | None = None

    def is_nothing_for(self, record: Record) -> bool:
        """Whether ``record`` is already as it asks."""
        return self.token is None and self.lifetime_of(record).has_lifetime_of(record)

    def lifetime_of(self, record: Record) -> Record:
        """``record`` with this lifetime. A login counts it from its own beginning, other verbs from the last one."""
        began_at = record.began_at if self.login is None else self.login.began_at
        absolute = self.absolute or record.absolute_at - record.began_at
        return replace(record, began_at=began_at, idle=self.idle or record.idle, absolute_at=began_at + absolute)


@dataclass(frozen=True, slots=True)
class Rule:
    """What a writer wants when others were faster: ``merge`` or fail, and which side wins a key both changed."""

    merge: bool = True
    on_conflict: OnConflict = "raise"

    def __post_init__(self) -> None:
        if not callable(self.on_conflict) and self.on_conflict not in ("raise", "mine", "theirs"):
            raise InvalidDataError("takes 'raise', 'mine', 'theirs' or a function", path=("on_conflict",))


class Writer:
    """Creates sessions, opens and writes their documents. Nothing is decoded without its token."""

    def __init__(
        self, backend: Backend, protocol: SessionProtocol, settings: Settings, *, clock: Callable[[], int], retry: Retry
    ) -> None:
        self._backend = backend
        self._protocol = protocol
        self._settings = settings
        self._clock = clock
        self._retry = retry
        self._namespace = Namespace(settings.namespace)
        self._sealing = Sealing(is_on=settings.encryption != "off", is_required=settings.encryption == "required")

    def create(
        self, text: bytes, lifetime: Lifetime, *, subject: str | None, label: str | None, epoch: str | None
    ) -> Snapshot:
        """Store a new session. ``subject`` as its item names it."""
        abandoned: list[tuple[str, Match]] = []

        def attempt() -> Snapshot:
            # Another id and token each time. A request that went unanswered may be carried out after the session
            # was ended; under a token that no caller was given it brings nothing back.
            now, token = self._clock(), mint()
            record = Record(
                session_id=self._namespace.session(token.session_id),
                token_hash=token.hash(namespace=self._namespace.name),
                version=1,
                write_id=new_write_id(),
                created_at=now,
                began_at=now,
                expires_at=lifetime.deadline(began_at=now, now=now),
                absolute_at=now + lifetime.absolute,
                idle=lifetime.idle,
                subject=subject,
                label=label,
                epoch=epoch,
            )
            try:
                outcome = self._backend.insert(placed(self._filled(record, text, token), self._settings))
            except StoreUnavailableError as error:
                if error.outcome_unknown:
                    abandoned.append((record.session_id, Match(token_hash=record.token_hash)))
                raise
            if isinstance(outcome, Refused):
                raise StoreUnavailableError("a new session id was taken already", is_transient=True)
            return Snapshot(outcome, text, token)

        created = self._retry.run(attempt)
        for key, match in abandoned:
            self._forget(key, match)
        return created

    def open(self, record: Record, token: Token) -> Snapshot | Absence:
        """A record with its document's JSON, or with the newer version that has replaced it by now."""
        complete = self._protocol.document(record)
        if isinstance(complete, Absence):
            return complete
        found, stored = complete
        try:
            encoded = self._sealing.opened(stored, found, token=token)
            return Snapshot(found, decode(encoded, max_bytes=self._settings.max_bytes), token)
        except CorruptSessionError as error:
            raise CorruptSessionError(error.reason, session_id=bare(record.session_id)) from error

    def plain(self, record: Record) -> bytes | None:
        """The JSON of a record's document without its token; ``None`` when it is gone, or sealed with the token."""
        complete = self._protocol.document(record)
        if isinstance(complete, Absence) or is_sealed(complete[1]):
            return None
        return decode(complete[1], max_bytes=self._settings.max_bytes)

    def write(self, base: Snapshot, wanted: bytes, change: Change, rule: Rule) -> Snapshot:
        """Store ``wanted`` in the place of what ``base`` holds, and ``change`` with it; what is stored then.

        Merges with what others wrote meanwhile, as often as that takes and time allows.
        """
        seen, text, unknown = base.record, wanted, False
        token = change.token or base.token
        for number in count():
            following = self._next(seen, text, change, token)
            outcome = self._protocol.replace(following, seen=seen, idle=change.idle, absolute=change.absolute)
            unknown = unknown or outcome.outcome_unknown
            if isinstance(outcome.found, Record) and outcome.is_ours:
                return Snapshot(outcome.found, text, token)
            with uncertain(unknown):
                current = outcome.found if isinstance(outcome.found, Absence) else self.open(outcome.found, base.token)
            if isinstance(current, Absence):
                raise gone(seen, current, outcome_unknown=unknown)
            _demand_document(current)
            text = self._merged(base, wanted, text, current.text, rule, outcome_unknown=unknown)
            if text == current.text and change.is_nothing_for(current.record):
                return replace(current, text=text)
            seen = current.record
            self._pause(number)
        raise AssertionError("a pause raises when there were too many")

    def _next(self, seen: Record, text: bytes, change: Change, token: Token) -> Record:
        """The version after ``seen``, complete but for its instants, which are those of each attempt."""
        record = replace(
            change.lifetime_of(seen),
            token_hash=token.hash(namespace=self._namespace.name),
            version=seen.version + 1,
            write_id=new_write_id(),
            rotated_at=seen.rotated_at if change.token is None else None,
        )
        if change.login is not None:
            label = seen.label if change.login.label is KEEP else change.login.label
            record = replace(
                record,
                rotated_at=record.began_at,
                subject=change.login.subject,
                epoch=change.login.epoch,
                label=label,
            )
        return self._filled(record, text, token)

    def _filled(self, record: Record, text: bytes, token: Token) -> Record:
        """``record`` with its document. Sealed once, not for each attempt: a late duplicate brings the same bytes."""
        encoded = encode(text, overhead=self._sealing.overhead)
        return replace(record, data=self._sealing.sealed(encoded, record, token=token), overflow=None)

    def _merged(
        self, base: Snapshot, wanted: bytes, tried: bytes, theirs: bytes, rule: Rule, *, outcome_unknown: bool
    ) -> bytes:
        session_id, mine = bare(base.record.session_id), edits(base.text, wanted)
        if outcome_unknown:
            # Equal values are as good as ours: but not to a function, which may count, nor beside other changes
            # where there were to be none.
            is_content = theirs == wanted if not rule.merge else not callable(rule.on_conflict)
            if is_content and mine.as_in(tried).are_in(theirs):
                return theirs
            # Ours may have been stored and then built upon. To replay it could undo what came after.
            raise StoreUnavailableError("an attempt went unanswered and others wrote since", outcome_unknown=True)
        if not rule.merge and theirs != wanted:
            raise ConflictError(session_id, keys=frozenset(mine.by_key))
        merge = merged(base.text, mine, theirs, on_conflict=_judge(rule.on_conflict))
        if merge.conflicts and rule.on_conflict == "raise":
            raise ConflictError(session_id, keys=merge.conflicts)
        # Two documents within the bounds may not be together: refuse to store what no reader could read.
        from_stored_json(stored_json(merge.document), max_bytes=self._settings.max_bytes)
        return merge.document

    def _pause(self, number: int) -> None:
        """Wait before the next merge, so that many writers of one session do not meet at each."""
        pause = self._retry.pause(min(number, _SETTLED))
        if number + 1 >= _MAX_MERGES or not self._retry.has_time_for(pause):
            raise StoreUnavailableError("other writers of the session were faster each time", is_transient=True)
        self._retry.sleep(pause)

    def _forget(self, key: str, match: Match) -> None:
        """Clear away what no caller will ever read; if that fails, its deadline does it."""
        once = replace(self._retry, attempts=1)  # it keeps to the deadline
        try:
            once.run(partial(self._backend.delete, key, match=match))
        except StoreUnavailableError:
            return


def gone(record: Record, reason: Absence, *, outcome_unknown: bool = False) -> SessionGoneError:
    """The error that says why a session that was open no longer is."""
    return SessionGoneError(bare(record.session_id), reason=reason, outcome_unknown=outcome_unknown)


def _demand_document(snapshot: Snapshot) -> None:
    # Merging takes documents apart without a look at what they are.
    try:
        stored_json(snapshot.text)
    except CorruptSessionError as error:
        raise CorruptSessionError(error.reason, session_id=bare(snapshot.record.session_id)) from error


def _judge(on_conflict: OnConflict) -> Policy | Callable[[Clash], str | None]:
    if not callable(on_conflict):
        return on_conflict

    def resolved(clash: Clash) -> str | None:
        conflict = Conflict(clash.key, _value(clash.base), _value(clash.mine), _value(clash.theirs))
        return _part(clash.key, on_conflict(conflict))

    return resolved


def _part(key: str, value: object) -> str | None:
    """The JSON text of what a function of the application wants to store."""
    if value is REMOVED:
        return None
    return compact_json(tag_document({key: value})[key])


def _value(part: str | None) -> object:
    return REMOVED if part is None else load_document(f'{{"_":{part}}}'.encode())["_"]
