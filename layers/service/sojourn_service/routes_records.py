"""The one route of the records function: a backend's calls, for the library where it has no table.

A caller that may invoke it may do what the client policy allows with the table itself: it is trusted as the library is,
and needs no token. It names sessions by their ids, one call of ``sojourn.backend.Backend`` at a time, and none is
retried here: the library does that.
"""

from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from functools import partial
from typing import Final

from sojourn.backend import Backend, Record, Refused
from sojourn.backends.wire import Json, json_of
from sojourn.errors import InvalidDataError, StoreUnavailableError
from sojourn.store import Store
from sojourn_service.api import Route
from sojourn_service.arguments import Arguments
from sojourn_service.bodies import fields_of
from sojourn_service.requests import Request
from sojourn_service.responses import Answer, json_answer

Call = Callable[[Backend, Arguments], Json]


def _insert(backend: Backend, given: Arguments) -> Json:
    return _outcome(backend.insert(given.record("record")), given)


def _load(backend: Backend, given: Arguments) -> Json:
    session_id = given.session_id("session_id")
    if "mark" in given:
        record, mark = backend.load_with_mark(session_id, given.mark_name("mark"))
        return {"record": _shown(record, given), "mark": mark and asdict(mark)}
    return {"record": _shown(backend.load(session_id, is_consistent=given.flag("is_consistent")), given)}


def _document(backend: Backend, given: Arguments) -> Json:
    record = given.record("record")
    try:
        data = backend.document(record)
    except StoreUnavailableError as error:
        # S3 answers 403 for a missing object to one that may not list the bucket. One that was replaced is missing.
        if error.is_transient or not _is_replaced(backend, record):
            raise
        data = None
    return {"record": None if data is None else json_of(replace(record, data=data))}


def _is_replaced(backend: Backend, record: Record) -> bool:
    current = backend.load(record.session_id)
    return current is None or current.overflow != record.overflow


def _changed(name: str, backend: Backend, given: Arguments) -> Json:
    change: Callable[..., Record | Refused] = getattr(backend, name)
    record, seen = given.record("record"), given.record("seen")
    if record.session_id != seen.session_id:
        raise InvalidDataError("is of another session", path=("seen", "session_id"))
    return _outcome(change(record, seen=seen, now=given.instant("now")), given)


def _delete(backend: Backend, given: Arguments) -> Json:
    refused = backend.delete(given.session_id("session_id"), match=given.match("match"))
    if refused is None:
        return {"deleted": True}
    return {"deleted": False, "current": _shown(refused.current, given)}


def _of_subject(backend: Backend, given: Arguments) -> Json:
    page = backend.of_subject(given.subject("subject"), limit=given.limit("limit"), after=given.position("after"))
    return {"positions": [one for one in page.positions if given.owns(one.session_id)], "after": page.after}


def _peek(backend: Backend, given: Arguments) -> Json:
    return {"records": [json_of(record, is_listed=True) for record in backend.peek(given.session_ids("session_ids"))]}


def _mark(backend: Backend, given: Arguments) -> Json:
    found = backend.mark(given.mark_name("name"))
    return {"mark": found and asdict(found)}


def _set_mark(backend: Backend, given: Arguments) -> Json:
    mark = given.mark("mark")
    if mark is None:
        raise InvalidDataError("is required", path=("mark",))
    expires_at = given.instant("expires_at") if "expires_at" in given else None
    found = backend.set_mark(given.mark_name("name"), mark, seen=given.mark("seen"), expires_at=expires_at)
    return {"mark": found and asdict(found)}


def _outcome(outcome: Record | Refused, given: Arguments) -> Json:
    """What was sent is not sent back, but for where the document went."""
    if isinstance(outcome, Record):
        return {"overflow": outcome.overflow}
    return {"refused": True, "current": _shown(outcome.current, given)}


def _shown(record: Record | None, given: Arguments) -> Json | None:
    return None if record is None else json_of(given.own(record))


CALLS: Final[Mapping[str, tuple[Call, frozenset[str]]]] = {
    "insert": (_insert, frozenset({"record"})),
    "load": (_load, frozenset({"session_id", "is_consistent", "mark"})),
    "document": (_document, frozenset({"record"})),
    **{name: (partial(_changed, name), frozenset({"record", "seen", "now"})) for name in ("replace", "renew")},
    "delete": (_delete, frozenset({"session_id", "match"})),
    "of_subject": (_of_subject, frozenset({"subject", "limit", "after"})),
    "peek": (_peek, frozenset({"session_ids"})),
    "mark": (_mark, frozenset({"name"})),
    "set_mark": (_set_mark, frozenset({"name", "mark", "seen", "expires_at"})),
}


def record(request: Request, store: Store) -> Answer:
    """One call, once."""
    every = {name for _, names in CALLS.values() for name in names}
    fields = fields_of(request, every | {"call"}, max_bytes=store.settings.max_bytes)
    name = fields.pop("call", None)
    if not isinstance(name, str) or name not in CALLS:
        raise InvalidDataError("is no call of a backend", path=("call",))
    call, known = CALLS[name]
    for field in fields:
        if field not in known:
            raise InvalidDataError(f"is no argument of {name}", path=(field,))
    resources = store.resources
    once = replace(resources.retry, attempts=1)  # the deadline alone: the library retries
    return json_answer(once.run(partial(call, resources.backend, Arguments(fields, store.settings.namespace))))


ROUTES: Final = (Route("POST /records", "record", record),)
