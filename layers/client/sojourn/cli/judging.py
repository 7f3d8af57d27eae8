"""What a token is, told to an operator: the reason that no client learns. Removes and renews nothing."""

from dataclasses import dataclass
from functools import partial
from hmac import compare_digest

from sojourn.absence import Absence
from sojourn.backend import Record
from sojourn.cli.text import moment
from sojourn.names import Namespace
from sojourn.rotation import WINDOW_SECONDS, is_superseded
from sojourn.session import SessionDescription
from sojourn.store import Store
from sojourn.tokens import Token


@dataclass(frozen=True, slots=True)
class Judgement:
    """``absence`` is ``None`` for a token that opens a session. ``session`` is what is stored under its id."""

    session_id: str | None
    absence: Absence | None
    explanation: str
    session: SessionDescription | None = None


def judged(store: Store, token: Token | None, *, now: int) -> Judgement:
    """What can be said of ``token``, brought just now. Costs 2 RRU per 4 KB."""
    if token is None:
        return Judgement(
            None, Absence.MALFORMED, "malformed: no token of Sojourn has this form; it is sjn_ and 36 characters"
        )
    found = store.describe(token.session_id)
    of, namespace = store.resources, Namespace(store.settings.namespace)
    record = of.retry.run(partial(of.backend.load, namespace.session(token.session_id)))
    if found is None or record is None:
        where = f"in namespace {namespace.name}"
        sentence = (
            f"unknown: nothing is stored under its id {where}; it ended and was removed, or is of another namespace"
        )
        return Judgement(token.session_id, Absence.UNKNOWN, sentence)
    absence, sentence = _meaning(record, found, token.hash(namespace=namespace.name), now=now)
    return Judgement(token.session_id, absence, sentence, found)


def _meaning(record: Record, found: SessionDescription, digest: bytes, *, now: int) -> tuple[Absence | None, str]:
    is_current = compare_digest(record.token_hash, digest)
    if is_current and found.absence is None:
        return None, f"live: it opens the session until {moment(found.expires_at)} unless renewed"
    if is_current:
        return found.absence, _ended(found)
    if is_superseded(record, digest, arrived_at=now):
        return Absence.SUPERSEDED, f"superseded: a rotation replaced it at {moment(record.rotated_at)}, seconds ago"
    if record.rotated_at is not None and is_superseded(record, digest, arrived_at=record.rotated_at):
        sentence = (
            f"rotated away: a rotation replaced it at {moment(record.rotated_at)}, more than {WINDOW_SECONDS} s ago"
        )
        return Absence.FOREIGN_KEY, sentence
    return Absence.FOREIGN_KEY, "foreign key: its id is known and its secret is not: replaced by a rotation, or guessed"


def _ended(found: SessionDescription) -> str:
    match found.absence:
        case Absence.IDLE:
            return f"expired: not used for its idle time, {found.idle} s, since {moment(found.expires_at - found.idle)}"
        case Absence.ABSOLUTE:
            return f"expired: its longest life ended at {moment(found.absolute_at)}"
        case Absence.REVOKED_BY_SUBJECT:
            return "revoked: all sessions of its subject were ended"
        case _:
            return "revoked: all sessions of its namespace that began before an instant were ended"
