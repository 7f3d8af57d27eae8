"""Sessions behind Sojourn's own HTTP API, for the library where it may not reach the table.

Each call is one signed request to the records function, see docs/records.md. Signature Version 4 by botocore.
"""

import json
import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, replace
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import boto3
from botocore import exceptions as boto
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.httpsession import URLLib3Session

from sojourn.backend import Mark, Match, Page, Position, Record, Refused
from sojourn.backends.clients import CONNECT_SECONDS
from sojourn.backends.timed import hurry
from sojourn.backends.wire import Json, json_of, mark_of, match_json, position_of, record_of
from sojourn.errors import ConfigurationError, CorruptSessionError, InvalidDataError, StoreUnavailableError
from sojourn.retry import seconds_left

if TYPE_CHECKING:
    from botocore.credentials import Credentials

_READ_SECONDS = 6
"""A function that starts takes its time."""

_CONNECTIONS = 32
_SOCKET_OPTIONS: Any = [  # the stubs know text
    # Head and body are two packets: Nagle's algorithm would hold the second back until the first is acknowledged.
    (socket.IPPROTO_TCP, socket.TCP_NODELAY, 1),
    (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
]
_CORRUPT = "urn:sojourn:problem:corrupt-session"
_UNAVAILABLE = "urn:sojourn:problem:store-unavailable"
_NOT_SENT = (boto.ConnectTimeoutError, boto.EndpointConnectionError, boto.ProxyConnectionError)


class RecordsBackend:
    """See ``sojourn.backend.Backend``. Credentials and region are the environment's, as for any AWS client."""

    def __init__(self, url: str) -> None:
        """``url`` is the API's."""
        session = boto3.Session()
        credentials: Credentials | None = session.get_credentials()
        if credentials is None or session.region_name is None:
            raise ConfigurationError("SOJOURN_RECORDS_URL needs AWS credentials and a region, as any AWS client does")
        self._url = f"{url.rstrip('/')}/records"
        self._credentials = credentials
        self._region = session.region_name
        timeout: Any = (CONNECT_SECONDS, _READ_SECONDS)  # the stubs know one number
        self._http = URLLib3Session(timeout=timeout, max_pool_connections=_CONNECTIONS, socket_options=_SOCKET_OPTIONS)
        hurry(self._http)

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
            return Page(tuple(one for one in positions if one), position_of(answer["after"], path="after"))

    def peek(self, session_ids: Sequence[str]) -> list[Record]:
        """See ``Backend``."""
        if not session_ids:
            return []
        answer = self._asked("peek", session_ids=list(session_ids))
        with _reading():
            return [record_of(found, path="records", is_listed=True) for found in answer["records"]]

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
        if seconds_left() < CONNECT_SECONDS:
            raise StoreUnavailableError("no time is left to ask it", is_transient=True)
        given = {name: value for name, value in arguments.items() if value is not None}
        body = json.dumps({"call": call, **given}).encode()
        request = AWSRequest("POST", self._url, data=body, headers={"Content-Type": "application/json"})
        SigV4Auth(self._credentials.get_frozen_credentials(), "execute-api", self._region).add_auth(request)
        try:
            response = self._http.send(request.prepare())
            status, content = response.status_code, response.content
        except _NOT_SENT as error:
            raise StoreUnavailableError(type(error).__name__, is_transient=True) from error
        except (boto.HTTPClientError, boto.IncompleteReadError) as error:
            raise StoreUnavailableError(type(error).__name__, outcome_unknown=changes, is_transient=True) from error
        answer = _parsed(content)
        if status == HTTPStatus.OK and answer is not None:
            return answer
        raise _error(status, answer or {}, changes=changes)


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
    return sent if overflow is None else replace(sent, data=None, overflow=str(overflow))


def _record(found: object, session_id: str) -> Record | None:
    record = None if found is None else record_of(found, path="record")
    if record is not None and record.session_id != session_id:
        raise InvalidDataError("is of another session", path=("record",))
    return record


def _parsed(content: bytes) -> Json | None:
    try:
        answer = json.loads(content)
    except (ValueError, RecursionError):
        return None
    return answer if isinstance(answer, dict) else None


def _error(status: int, problem: Json, *, changes: bool) -> Exception:
    kind = str(problem.get("type", ""))
    if kind == _CORRUPT:
        return CorruptSessionError("the API cannot read it")
    if kind == _UNAVAILABLE:
        unknown = changes and problem.get("outcome_unknown") is not False
        return StoreUnavailableError("the API's own store", outcome_unknown=unknown, is_transient=True)
    if status in (HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.REQUEST_TIMEOUT):
        return StoreUnavailableError(f"the API answers {status}", is_transient=True)
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR or status == HTTPStatus.OK:
        return StoreUnavailableError(f"the API answers {status}", outcome_unknown=changes, is_transient=True)
    reason = kind.rpartition(":")[2] or "check SOJOURN_RECORDS_URL and the permission to invoke POST /records"
    return StoreUnavailableError(f"the API answers {status}: {reason}")
