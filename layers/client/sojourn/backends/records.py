"""Sessions behind Sojourn's own HTTP API, for the library where it may not reach the table.

Each call is one signed request to the records function, see docs/records.md. Signature Version 4 by botocore.
"""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from http import HTTPStatus
from typing import Any

from sojourn.backend import Mark, Match, Page, Position, Record, Refused
from sojourn.backends.signed import MOST_BYTES, SignedUrl
from sojourn.backends.wire import Json, json_of, mark_of, match_json, position_of, record_of
from sojourn.errors import CorruptSessionError, InvalidDataError, StoreUnavailableError
from sojourn.names import bare, is_object_of, namespace_of
from sojourn.values import replace

_CORRUPT = "urn:sojourn:problem:corrupt-session"
_UNAVAILABLE = "urn:sojourn:problem:store-unavailable"


class RecordsBackend:
    """See ``sojourn.backend.Backend``. Credentials are the environment's; the region is, where the host names none."""

    def __init__(self, url: str) -> None:
        """``url`` is the API's."""
        self._api = SignedUrl(f"{url.rstrip('/')}/records", setting="SOJOURN_RECORDS_URL")

    @property
    def sweep(self) -> None:
        """See ``Backend``: the stack's own function sweeps."""

    def insert(self, record: Record) -> Record | Refused:
        """See ``Backend``."""
        answer = self._asked("insert", changes=True, record=json_of(record))
        with _reading(changes=True):
            return _outcome(answer, record)

    def load(self, session_id: str, *, is_consistent: bool = True) -> Record | None:
        """See ``Backend``."""
        answer = self._asked("load", session_id=session_id, is_consistent=is_consistent)
        with _reading():
            return _record(answer["record"], session_id)

    def load_with_mark(self, session_id: str, mark: str) -> tuple[Record | None, Mark | None]:
        """See ``Backend``."""
        answer = self._asked("load", session_id=session_id, mark=mark)
        with _reading():
            return _record(answer["record"], session_id), mark_of(answer["mark"], path="mark")

    def document(self, record: Record) -> bytes | None:
        """See ``Backend``."""
        if record.data is not None:
            return record.data
        answer = self._asked("document", record=json_of(record))
        with _reading():
            found = _record(answer["record"], record.session_id)
        return None if found is None else found.data

    def replace(self, record: Record, *, seen: Record, now: int) -> Record | Refused:
        """See ``Backend``."""
        return self._changed("replace", record, seen=seen, now=now)

    def renew(self, record: Record, *, seen: Record, now: int) -> Record | Refused:
        """See ``Backend``."""
        return self._changed("renew", record, seen=seen, now=now)

    def delete(self, session_id: str, *, match: Match) -> Refused | None:
        """See ``Backend``."""
        answer = self._asked("delete", changes=True, session_id=session_id, match=match_json(match))
        with _reading(changes=True):
            return None if answer["deleted"] is True else Refused(_record(answer["current"], session_id))

    def of_subject(self, subject: str, *, limit: int, after: Position | None = None) -> Page:
        """See ``Backend``."""
        answer = self._asked("of_subject", subject=subject, limit=limit, after=after)
        with _reading():
            positions = [position_of(found, path="positions") for found in answer["positions"]]
            own = (one for one in positions if one and namespace_of(subject).owns(one.session_id))
            return Page(tuple(own), position_of(answer["after"], path="after"))

    def peek(self, session_ids: Sequence[str]) -> list[Record]:
        """See ``Backend``."""
        if not session_ids:
            return []
        answer = self._asked("peek", session_ids=list(session_ids))
        with _reading():
            found = [record_of(one, path="records", is_listed=True) for one in answer["records"]]
            if not {record.session_id for record in found} <= set(session_ids):
                raise InvalidDataError("is of another session", path=("records",))
            return [_bound(record) for record in found]

    def mark(self, name: str) -> Mark | None:
        """See ``Backend``."""
        answer = self._asked("mark", name=name)
        with _reading():
            return mark_of(answer["mark"], path="mark")

    def set_mark(self, name: str, mark: Mark, *, seen: Mark | None, expires_at: int | None) -> Mark | None:
        """See ``Backend``."""
        known = None if seen is None else asdict(seen)
        answer = self._asked("set_mark", changes=True, name=name, mark=asdict(mark), seen=known, expires_at=expires_at)
        with _reading(changes=True):
            return mark_of(answer["mark"], path="mark")

    def _changed(self, call: str, record: Record, *, seen: Record, now: int) -> Record | Refused:
        known = json_of(seen, has_data=False)
        answer = self._asked(call, changes=True, record=json_of(record), seen=known, now=now)
        with _reading(changes=True):
            return _outcome(answer, record)

    def _asked(self, call: str, *, changes: bool = False, **arguments: Any) -> Json:
        given = {name: value for name, value in arguments.items() if value is not None}
        status, content = self._api.post(json.dumps({"call": call, **given}).encode(), changes=changes)
        if len(content) > MOST_BYTES:
            reason = f"{self._api.url} answers with more than {MOST_BYTES} bytes"
            raise StoreUnavailableError(reason, outcome_unknown=changes)
        answer = _parsed(content)
        if status == HTTPStatus.OK and answer is not None:
            return answer
        raise _error(status, answer or {}, url=self._api.url, changes=changes)


@contextmanager
def _reading(*, changes: bool = False) -> Iterator[None]:
    """An answer that is none of ours says nothing of a session."""
    try:
        yield
    except (InvalidDataError, KeyError, TypeError) as error:
        reason = "the API's answer is not of this form"
        raise StoreUnavailableError(reason, outcome_unknown=changes, is_transient=True) from error


def _outcome(answer: Json, sent: Record) -> Record | Refused:
    if answer.get("refused"):
        return Refused(_record(answer["current"], sent.session_id))
    # What was sent is not sent back, but for where the document went.
    overflow = answer["overflow"]
    if overflow is None:
        return sent
    if not isinstance(overflow, str):
        raise InvalidDataError("is of the wrong type", path=("overflow",))
    return _bound(replace(sent, data=None, overflow=overflow))


def _record(found: object, session_id: str) -> Record | None:
    if found is None:
        return None
    record = record_of(found, path="record")
    if record.session_id != session_id:
        raise InvalidDataError("is of another session", path=("record",))
    return _bound(record)


def _bound(record: Record) -> Record:
    """``record``, when its object and its subject are its own. Raises ``CorruptSessionError``."""
    if record.overflow is not None and not is_object_of(record.overflow, record.session_id):
        raise CorruptSessionError("its document is said to lie elsewhere", session_id=bare(record.session_id))
    if record.subject is not None and not namespace_of(record.session_id).owns(record.subject):
        raise CorruptSessionError("its subject is of another namespace", session_id=bare(record.session_id))
    return record


def _parsed(content: bytes) -> Json | None:
    try:
        answer = json.loads(content)
    except (ValueError, RecursionError):
        return None
    return answer if isinstance(answer, dict) else None


def _error(status: int, problem: Json, *, url: str, changes: bool) -> Exception:
    kind = str(problem.get("type", ""))
    if kind == _CORRUPT:
        return CorruptSessionError("the API cannot read it")
    if kind == _UNAVAILABLE:
        unknown = changes and problem.get("outcome_unknown") is not False
        return StoreUnavailableError("the API's own store", outcome_unknown=unknown, is_transient=True)
    if status in (HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.REQUEST_TIMEOUT):
        return StoreUnavailableError(f"{url} answers {status}", is_transient=True)
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR or status == HTTPStatus.OK:
        return StoreUnavailableError(f"{url} answers {status}", outcome_unknown=changes, is_transient=True)
    reason = (
        kind.rpartition(":")[2] or "check SOJOURN_RECORDS_URL and the permission execute-api:Invoke on POST /records"
    )
    return StoreUnavailableError(f"{url} answers {status}: {reason}")
