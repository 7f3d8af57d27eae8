"""From a record of the table's stream to the events of a session's life. Reads the record alone and sends nothing.

A record holds a whole item, before and after. Of it only what a list of devices shows is read, and whether the hash of
the token changed; no hash and no document leaves.

https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_streams_Record.html
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

from sojourn.backend import Record
from sojourn.backends.items import record_of
from sojourn.errors import CorruptSessionError
from sojourn.names import Namespace, bare
from sojourn.values import dataclass
from sojourn_service.invocation import Event

SOURCE: Final = "sojourn"
_CLOCK_ERROR_SECONDS: Final = 1
"""How far the clock of the process that removed a session may be ahead of DynamoDB's, which dates the record."""

_TTL: Final = "dynamodb.amazonaws.com"


@dataclass(frozen=True, slots=True)
class Announcement:
    """One event: ``kind`` is EventBridge's detail type, ``at`` (epoch seconds) when the item changed."""

    kind: str
    session_id: str
    at: int
    detail: Mapping[str, object]

    def entry(self, *, bus: str) -> dict[str, Any]:
        """As PutEvents takes it."""
        return {
            "EventBusName": bus,
            "Source": SOURCE,
            "DetailType": self.kind,
            "Detail": json.dumps(self.detail),
            "Time": self.at,
        }


@dataclass(frozen=True, slots=True)
class Change:
    """What happened to one item, ``old`` before and ``new`` after. ``sequence`` is its place in the stream.

    ``is_by_ttl``: DynamoDB removed it because its time to live had passed.
    """

    name: str
    sequence: str
    at: int
    key: str
    old: Mapping[str, Any]
    new: Mapping[str, Any]
    is_by_ttl: bool

    @classmethod
    def of(cls, record: Event) -> "Change":
        """The change in a record as Lambda hands it over. Raises ``KeyError``, ``TypeError`` for what is none."""
        stream: Any = record["dynamodb"]
        by: Any = record.get("userIdentity") or {}
        return cls(
            name=str(record["eventName"]),
            sequence=str(stream["SequenceNumber"]),
            at=int(stream["ApproximateCreationDateTime"]),
            key=str(stream["Keys"]["session_id"]["S"]),
            old=stream.get("OldImage") or {},
            new=stream.get("NewImage") or {},
            is_by_ttl=by.get("principalId") == _TTL,
        )


def announcements(change: Change, namespace: Namespace) -> Iterator[Announcement]:
    """The events of a change, in order: none of most changes, two of a session that is created with a subject.

    None of an item that is no session of ``namespace``. Raises ``CorruptSessionError`` for an item that no session has.
    """
    if not namespace.is_session(change.key):
        return
    match change.name:
        case "INSERT":
            yield _announcement("SessionCreated", change, _session(change.new, namespace))
            if "subject" in change.new:
                yield _announcement("SessionLoggedIn", change, _session(change.new, namespace))
        case "MODIFY" if change.old.get("token_hash") != change.new.get("token_hash"):
            kind = "SessionLoggedIn" if _is_login(change) else "SessionRotated"
            yield _announcement(kind, change, _session(change.new, namespace))
        case "REMOVE":
            session = _session(change.old, namespace)
            yield _announcement("SessionEnded", change, session, _end(change, session))


def _is_login(change: Change) -> bool:
    """A rotation with a new beginning, which only a login has; two within a second may differ in subject and label."""
    return any(change.old.get(name) != change.new.get(name) for name in ("began_at", "subject", "label"))


def _end(change: Change, session: Record) -> dict[str, object]:
    """Why and when a session ended, as far as a removed item shows it: of the removers a record names TTL alone."""
    if session.expires_at > change.at + _CLOCK_ERROR_SECONDS:
        return {"reason": "ended", "removed_by": "request", "ended_at": change.at}
    reason = "absolute" if session.expires_at >= session.absolute_at else "idle"
    removed_by = "ttl" if change.is_by_ttl else "request_or_sweep"
    return {"reason": reason, "removed_by": removed_by, "ended_at": session.expires_at}


def _session(image: Mapping[str, Any], namespace: Namespace) -> Record:
    session = record_of(dict(image), is_listed=True)
    if session.subject is not None and not namespace.owns(session.subject):
        reason = "its attribute subject is no subject of the namespace"
        raise CorruptSessionError(reason, session_id=bare(session.session_id))
    return session


def _announcement(kind: str, change: Change, session: Record, more: Mapping[str, object] | None = None) -> Announcement:
    namespace, _, session_id = session.session_id.partition("#")
    detail = {
        "namespace": namespace,
        "id": session_id,
        "sequence": change.sequence,
        "subject": None if session.subject is None else bare(session.subject),
        "label": session.label,
        "created_at": session.created_at,
        "began_at": session.began_at,
        "expires_at": session.expires_at,
        "absolute_at": session.absolute_at,
        **(more or {}),
    }
    return Announcement(kind, session_id, change.at, detail)
