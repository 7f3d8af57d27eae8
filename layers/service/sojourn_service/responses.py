"""The responses to requests, and how a session looks on the wire. Decides nothing."""

import json
from collections.abc import Mapping
from dataclasses import asdict, field
from typing import TypedDict

from sojourn.names import bare
from sojourn.session import Session, SessionSummary, Snapshot
from sojourn.subjects import BulkExpiry, SessionPage
from sojourn.values import dataclass
from sojourn_service.cursors import cursor_of
from sojourn_service.preconditions import entity_tag
from sojourn_service.problems import Problem


class Response(TypedDict):
    """What a function returns to an HTTP API, payload format 2.0."""

    statusCode: int
    headers: dict[str, str]
    body: str
    isBase64Encoded: bool


@dataclass(frozen=True, slots=True)
class Answer:
    """A response, with what the log and the metrics say about it.

    ``counts`` of what is no event, by metric, and the session's id.
    """

    status: int
    body: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    counts: Mapping[str, int] = field(default_factory=dict)
    session_id: str | None = None

    def response(self) -> Response:
        """The answer as the gateway takes it. No cache may keep it: a session that died is dead for every reader."""
        headers = {"Cache-Control": "no-store", **self.headers}
        return {"statusCode": self.status, "headers": headers, "body": self.body, "isBase64Encoded": False}


def json_answer(document: object, *, counts: Mapping[str, int] | None = None, session_id: str | None = None) -> Answer:
    """200 with a JSON document."""
    headers = {"Content-Type": "application/json"}
    return Answer(200, json.dumps(document), headers, counts=counts or {}, session_id=session_id)


def problem_answer(problem: Problem, *, request_id: str) -> Answer:
    """The problem as RFC 9457 has it."""
    headers = {"Content-Type": "application/problem+json", **problem.headers}
    return Answer(problem.status, json.dumps(problem.document(request_id=request_id)), headers)


def session_answer(
    snapshot: Snapshot, *, counts: Mapping[str, int] | None = None, status: int = 200, shows_token: bool = False
) -> Answer:
    """The whole session; with its token only where that is new."""
    record, session_id = snapshot.record, snapshot.token.session_id
    token = {"token": json.dumps(snapshot.token.reveal())} if shows_token else {}
    # The document is JSON already, and may be a megabyte of it: it was read, and is not written again.
    members = token | {
        "id": json.dumps(session_id),
        "data": snapshot.text.decode(),
        "version": str(record.version),
        "created_at": str(record.created_at),
        "expires_at": str(record.expires_at),
        "absolute_at": str(record.absolute_at),
        "subject": json.dumps(None if record.subject is None else bare(record.subject)),
        "label": json.dumps(record.label),
    }
    body = ",".join(f'"{name}":{text}' for name, text in members.items())
    headers = {"Content-Type": "application/json", "ETag": entity_tag(record.version)}
    return Answer(status, "{" + body + "}", headers, counts=counts or {}, session_id=session_id)


def deadlines_answer(session: Session, *, counts: Mapping[str, int]) -> Answer:
    """When the session ends, and nothing else about it."""
    deadlines = {
        "id": session.id,
        "idle": session.idle,
        "expires_at": session.expires_at,
        "absolute_at": session.absolute_at,
    }
    return json_answer(deadlines, counts=counts, session_id=session.id)


def page_answer(page: SessionPage) -> Answer:
    """Some of a subject's sessions, and the cursor of the next page or ``null``."""
    after = cursor_of(page.after) if page.after else None
    return json_answer({"sessions": [_entry(one) for one in page.sessions], "next": after})


def expired_answer(expiry: BulkExpiry) -> Answer:
    """How many of a subject's sessions ended, and whether time ran out before all had."""
    return json_answer(asdict(expiry))


def _entry(summary: SessionSummary) -> dict[str, object]:
    return asdict(summary)
