"""The one route of the records function: a backend's calls, for the library where it has no table.

Whoever may call it may do what the client policy allows with the table itself: it is trusted as the library is, and
needs no token. It names sessions by their ids, one call of ``sojourn.backend.Backend`` at a time, and never asks twice:
the library does.
"""

from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from functools import partial
from typing import Any, Final

from sojourn.backend import Backend, Page, Record, Refused
from sojourn.backends.wire import Json, json_of, mark_of, position_of, record_of
from sojourn.errors import InvalidDataError
from sojourn.store import Store
from sojourn_service.api import Route
from sojourn_service.bodies import Fields, fields_of
from sojourn_service.requests import Request
from sojourn_service.responses import Answer, json_answer

Call = Callable[[Backend, "Arguments"], Json]

_MOST_IDS: Final = 100


class Arguments:
    """The fields of a call, each of the type that it has to be, and all of one namespace."""

    def __init__(self, fields: Fields, namespace: str) -> None:
        self._fields = fields
        self._prefix = f"{namespace}#"

    def record(self, name: str) -> Record:
        """A record of the namespace."""
        found = record_of(self._fields.get(name), path=name)
        for value in (found.session_id, found.subject):
            if value is not None:
                self._demand_own(value, path=(name,))
        return found

    def text(self, name: str, *, is_own: bool = True) -> str:
        """A name in the namespace."""
        value = self._fields.get(name)
        if not isinstance(value, str):
            raise InvalidDataError("is not a JSON string", path=(name,))
        if is_own:
            self._demand_own(value, path=(name,))
        return value

    def texts(self, name: str) -> list[str]:
        """Names in the namespace."""
        values = self._fields.get(name)
        if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
            raise InvalidDataError("is not a list of JSON strings", path=(name,))
        if len(values) > _MOST_IDS:
            raise InvalidDataError(f"takes at most {_MOST_IDS}", path=(name,))
        for value in values:
            self._demand_own(value, path=(name,))
        return values

    def number(self, name: str) -> int:
        """A whole number."""
        value = self._fields.get(name)
        if type(value) is not int:
            raise InvalidDataError("is not a whole number", path=(name,))
        return value

    def optional(self, name: str, taken: Callable[[str], Any]) -> Any:  # noqa: ANN401  # what ``taken`` answers
        """What may be left out."""
        return None if self._fields.get(name) is None else taken(name)

    def raw(self, name: str) -> object:
        """Whatever there is."""
        return self._fields.get(name)

    def _demand_own(self, value: str, *, path: tuple[str, ...]) -> None:
        if not value.startswith(self._prefix):
            raise InvalidDataError("is of another namespace", path=path)


def _kept(outcome: Record | Refused) -> Json:
    if isinstance(outcome, Record):
        return {"record": json_of(outcome, has_data=False)}
    return {"refused": True, "current": outcome.current and json_of(outcome.current)}


def _insert(backend: Backend, given: Arguments) -> Json:
    return _kept(backend.insert(given.record("record")))


def _load(backend: Backend, given: Arguments) -> Json:
    found = backend.load(given.text("session_id"), is_consistent=given.raw("is_consistent") is not False)
    return {"record": found and json_of(found)}


def _document(backend: Backend, given: Arguments) -> Json:
    record = given.record("record")
    data = backend.document(record)
    return {"record": None if data is None else json_of(replace(record, data=data))}


def _changed(name: str, backend: Backend, given: Arguments) -> Json:
    change: Callable[..., Record | Refused] = getattr(backend, name)
    return _kept(change(given.record("record"), seen=given.record("seen"), now=given.number("now")))


def _delete(backend: Backend, given: Arguments) -> Json:
    expires_at = given.optional("expires_at", given.number)
    subject = given.optional("subject", given.text)
    return {"deleted": backend.delete(given.text("session_id"), expires_at=expires_at, subject=subject)}


def _of_subject(backend: Backend, given: Arguments) -> Json:
    after = position_of(given.raw("after"), path="after")
    limit = min(max(given.number("limit"), 1), _MOST_IDS)
    page: Page = backend.of_subject(given.text("subject"), limit=limit, after=after)
    return {"positions": page.positions, "after": page.after}


def _peek(backend: Backend, given: Arguments) -> Json:
    return {"records": [json_of(record) for record in backend.peek(given.texts("session_ids"))]}


def _mark(backend: Backend, given: Arguments) -> Json:
    found = backend.mark(given.text("name"))
    return {"mark": found and asdict(found)}


def _set_mark(backend: Backend, given: Arguments) -> Json:
    mark = mark_of(given.raw("mark"), path="mark")
    if mark is None:
        raise InvalidDataError("is required", path=("mark",))
    seen, expires_at = mark_of(given.raw("seen"), path="seen"), given.optional("expires_at", given.number)
    found = backend.set_mark(given.text("name"), mark, seen=seen, expires_at=expires_at)
    return {"mark": found and asdict(found)}


CALLS: Final[Mapping[str, tuple[Call, frozenset[str]]]] = {
    "insert": (_insert, frozenset({"record"})),
    "load": (_load, frozenset({"session_id", "is_consistent"})),
    "document": (_document, frozenset({"record"})),
    **{
        name: (partial(_changed, name), frozenset({"record", "seen", "now"})) for name in ("replace", "renew", "rotate")
    },
    "delete": (_delete, frozenset({"session_id", "expires_at", "subject"})),
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
    once = replace(store._retry, attempts=1)  # noqa: SLF001  # the deadline, and nobody asks twice
    given = Arguments(fields, store.settings.namespace)
    return json_answer(once.run(partial(call, store._backend, given)))  # noqa: SLF001  # what it serves


ROUTES: Final = (Route("POST /records", "record", record),)
