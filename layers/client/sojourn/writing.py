"""One change of a session, carried through against concurrent writers. Knows documents, not what the change is for."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Final, Literal, TypeAlias

from sojourn.backend import Record
from sojourn.document.codec import decode, encode, from_stored_json, load_document, stored_json
from sojourn.document.merge import Clash, Policy, edits, merged
from sojourn.document.sealing import Sealing
from sojourn.document.tags import compact_json, tag_document
from sojourn.errors import (
    ConflictError,
    CorruptSessionError,
    InvalidDataError,
    SessionGoneError,
    StoreUnavailableError,
)
from sojourn.protocol import Encoding, Outcome, SessionProtocol, doubtful
from sojourn.session import Session

_MAX_MERGES = 32
"""Each merge means that another writer was faster; to lose this many in a row is not bad luck."""


class Removed(Enum):
    """What a key holds that is not there."""

    REMOVED = "removed"


REMOVED: Final = Removed.REMOVED


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

Step = Callable[[Record, Encoding], Outcome]
"""Stores a document on top of a record; ``None`` when the session is gone."""


@dataclass(frozen=True, slots=True)
class Rule:
    """What a writer wants when others were faster: ``merge`` or fail, and which side wins a key both changed.

    ``has_more_to_store``: the step does more than store the document, so it is needed even when the
    document turns out to hold everything already.
    """

    merge: bool
    on_conflict: OnConflict
    has_more_to_store: bool

    def __post_init__(self) -> None:
        if not callable(self.on_conflict) and self.on_conflict not in ("raise", "mine", "theirs"):
            raise InvalidDataError("takes 'raise', 'mine', 'theirs' or a function", path=("on_conflict",))


class Writer:
    """Reads and writes documents through the protocol of one session. Nothing is decoded without its token."""

    def __init__(self, protocol: SessionProtocol, sealing: Sealing, *, max_bytes: int) -> None:
        self._protocol = protocol
        self._sealing = sealing
        self._max_bytes = max_bytes

    def encoding(self, text: bytes, *, token: str) -> Encoding:
        """How ``text`` is stored in a record of the session that ``token`` opens."""
        encoded = encode(text, overhead=self._sealing.overhead)
        return lambda record: self._sealing.sealed(encoded, record, token=token)

    def text(self, record: Record, *, token: str) -> tuple[Record, bytes] | None:
        """A record's document as JSON, with the record it belongs to by now; ``None`` when it is gone."""
        complete = self._protocol.document(record)
        if complete is None:
            return None
        found, stored = complete
        try:
            encoded = self._sealing.opened(stored, found, token=token)
            return found, decode(encoded, max_bytes=self._max_bytes)
        except CorruptSessionError as error:
            raise CorruptSessionError(error.reason, session_id=record.session_id) from error

    def carry(self, session: Session, wanted: bytes, step: Step, rule: Rule, *, token: str) -> None:
        """Take ``step`` until it is done, merging ``wanted`` with what others wrote meanwhile.

        ``token`` opens the session afterwards; until then its own does.
        """
        text, seen, in_doubt = wanted, session._record, False
        for _ in range(_MAX_MERGES):
            outcome = step(seen, self.encoding(text, token=token))
            in_doubt = in_doubt or outcome.in_doubt
            if outcome.record is not None and outcome.is_ours:
                session._stored(outcome.record, text, is_merged=text != wanted)
                return
            with doubtful(in_doubt):
                complete = None if outcome.record is None else self.text(outcome.record, token=session.token)
            if complete is None:
                raise SessionGoneError(session.id, may_have_happened=in_doubt)
            seen, theirs = complete
            _demand_document(theirs, session_id=seen.session_id)
            text = self._merged(session, wanted, text, theirs, rule, in_doubt=in_doubt)
            if text == theirs and not rule.has_more_to_store:
                session._stored(seen, text, is_merged=True)
                return
        raise ConflictError(session.id, keys=frozenset(edits(session._base, wanted).by_key))

    def _merged(
        self, session: Session, wanted: bytes, tried: bytes, theirs: bytes, rule: Rule, *, in_doubt: bool
    ) -> bytes:
        mine = edits(session._base, wanted)
        if in_doubt:
            # Equal values are as good as ours: but not to a function, which may count, nor beside other changes
            # where there were to be none.
            is_content = theirs == wanted if not rule.merge else not callable(rule.on_conflict)
            if is_content and mine.as_in(tried).are_in(theirs):
                return theirs
            # Ours may have been stored and then built upon. To replay it could undo what came after.
            raise StoreUnavailableError("an attempt went unanswered and others wrote since", may_have_happened=True)
        if not rule.merge and theirs != wanted:
            raise ConflictError(session.id, keys=frozenset(mine.by_key))
        merge = merged(session._base, mine, theirs, on_conflict=_judge(rule.on_conflict))
        if merge.conflicts and rule.on_conflict == "raise":
            raise ConflictError(session.id, keys=merge.conflicts)
        # Two documents within the bounds may not be together: refuse to store what nobody could read.
        from_stored_json(stored_json(merge.document), max_bytes=self._max_bytes)
        return merge.document


def _demand_document(text: bytes, *, session_id: str) -> None:
    # Merging takes documents apart without a look at what they are.
    try:
        stored_json(text)
    except CorruptSessionError as error:
        raise CorruptSessionError(error.reason, session_id=session_id) from error


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
