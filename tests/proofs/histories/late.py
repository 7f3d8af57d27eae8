"""A process that reads a session, stops while another process ends it, and then goes on with what it holds."""

import io
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import pytest
from aws_lambda_powertools import Logger

from sojourn import Absence, Session, SessionGoneError, Settings, Store
from sojourn.backend import Mark, Record
from sojourn.backends.clients import dynamodb_client
from sojourn.backends.dynamodb import DynamoBackend
from sojourn.testing import FakeClock
from sojourn_service import Telemetry
from sojourn_service.settings import ServiceSettings
from tests.service.gateway import Gateway
from tests.support.guard import watch_clients
from tests.support.mutants import Mutant

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

READ = "has read"
RENEWAL_SECONDS = 400
"""So much later a read of the default idle time renews."""

Verb = Callable[[Store, str], object]


class StoppingBackend(DynamoBackend):
    """Stops once, when it has read an item."""

    stop: Callable[[], None] | None = None

    def load(self, session_id: str, *, is_consistent: bool = True) -> Record | None:
        """See ``Backend.load``."""
        found = super().load(session_id, is_consistent=is_consistent)
        self._stop()
        return found

    def load_with_mark(self, session_id: str, mark: str) -> tuple[Record | None, Mark | None]:
        """See ``Backend.load_with_mark``."""
        found = super().load_with_mark(session_id, mark)
        self._stop()
        return found

    def _stop(self) -> None:
        stop, self.stop = self.stop, None
        if stop is not None:
            stop()


def go_on(endpoint_url: str, table: str, mutant: Mutant | None, parent: "Connection") -> None:
    """Do one verb after the other, as told. Ends when the parent's end of the pipe is closed."""
    if mutant is None:
        watch_clients()
    else:
        mutant.apply(pytest.MonkeyPatch())
    backend = StoppingBackend(
        dynamodb_client(endpoint_url=endpoint_url), table=table, objects=None, overflow_bytes=1_000_000
    )
    clock = FakeClock()
    clock.advance(RENEWAL_SECONDS)
    store = Store(backend, Settings(), clock=clock)

    def stop() -> None:
        parent.send(READ)
        parent.recv()

    while True:
        try:
            verb, token = parent.recv()
        except EOFError:
            return
        backend.stop = stop
        try:
            parent.send(VERBS[verb](store, token))
        except Exception as error:  # noqa: BLE001  # a broken store may raise anything; the parent judges
            parent.send(repr(error))


@dataclass(frozen=True, slots=True)
class _ByLibrary:
    change: Callable[[Store, Session], object]

    def __call__(self, store: Store, token: str) -> str:
        session = store.read(token, touch=False)
        assert session is not None
        try:
            self.change(store, session)
        except SessionGoneError as error:
            return "superseded" if error.is_superseded else "gone"
        return "done"


@dataclass(frozen=True, slots=True)
class _ByApi:
    method: str
    path: str
    body: object = None

    def __call__(self, store: Store, token: str) -> str:
        log = Logger(service="late", stream=io.StringIO(), location=None)
        gateway = Gateway(store, Telemetry(log, ServiceSettings()))
        headers = {"if-match": "*"} if self.method == "PUT" else {}
        answer = gateway.send(self.method, self.path, token=token, headers=headers, body=self.body)
        if answer.status in (404, 409):
            return "superseded" if "superseded" in answer.problem() else "gone"
        return f"done: {answer.body}"


def _written(store: Store, session: Session, **options: object) -> None:
    session["late"] = True
    store.write(session, **options)  # type: ignore[arg-type]  # as listed below


def _locked(store: Store, session: Session) -> None:
    with store.lock(session):
        pass


def _renewed_by_reading(store: Store, token: str) -> str:
    found = store.find(token)
    if not isinstance(found, Absence):
        return "done"
    return "superseded" if found is Absence.SUPERSEDED else "gone"


VERBS: dict[str, Verb] = {
    "write": _ByLibrary(_written),
    "write, mine": _ByLibrary(partial(_written, on_conflict="mine")),
    "write, no merge": _ByLibrary(partial(_written, merge=False)),
    "write, other idle time": _ByLibrary(partial(_written, idle=900)),
    "touch": _ByLibrary(lambda store, session: store.touch(session)),
    "touch, other idle time": _ByLibrary(lambda store, session: store.touch(session, idle=900)),
    "rotate": _ByLibrary(lambda store, session: store.rotate(session)),
    "login": _ByLibrary(lambda store, session: store.login(session, subject="eve")),
    "write, other absolute time": _ByLibrary(partial(_written, absolute=90_000)),
    "touch, other absolute time": _ByLibrary(lambda store, session: store.touch(session, absolute=90_000)),
    "refresh": _ByLibrary(lambda store, session: store.refresh(session)),
    "lock": _ByLibrary(_locked),
    "read that renews": _renewed_by_reading,
    "GET": _ByApi("GET", "/session"),
    "PUT": _ByApi("PUT", "/session", {"data": {"late": True}}),
    "PATCH": _ByApi("PATCH", "/session", {"data": {"late": True}}),
    "POST touch": _ByApi("POST", "/session/touch", {}),
    "POST rotate": _ByApi("POST", "/session/rotate", {}),
    "POST login": _ByApi("POST", "/session/login", {"subject": "eve"}),
}
"""Each answers ``"gone"`` where the session is over, ``"superseded"`` where it lives under another token;
a request of the API sees the same by the problem it is answered."""
