"""Death is final: one process has read a session, another ends it, and the first goes on with what it holds."""

import multiprocessing
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from devstack.clients import Clients
from sojourn import Settings, Store
from sojourn.backends.clients import dynamodb_client
from sojourn.backends.dynamodb import DynamoBackend
from sojourn.subjects import BulkExpiry
from sojourn.testing import FakeClock
from tests.contract.tables import sessions_table
from tests.proofs.histories.late import READ, VERBS, go_on
from tests.support.mutants import Mutant

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

    from mypy_boto3_dynamodb import DynamoDBClient

PATIENCE = 60
"""How long the other process may take for anything, in seconds."""

_MUCH_LATER = 60 * 86_400
_DOCUMENT = {"a": 1}


@dataclass(frozen=True, slots=True)
class Place:
    """A table, seen by the process that ends sessions."""

    endpoint_url: str
    table: str
    client: "DynamoDBClient"
    """The library's own."""
    engine: "DynamoDBClient"
    """One that looks at items as they are."""

    def store(self, *, later: int = 0, settings: Settings | None = None) -> Store:
        """A store whose clock is ``later`` seconds ahead."""
        clock = FakeClock()
        clock.advance(later)
        backend = DynamoBackend(self.client, table=self.table, objects=None, overflow_bytes=1_000_000)
        return Store(backend, settings or Settings(), clock=clock)

    def holds(self, session_id: str) -> bool:
        """Whether there is an item of that id, whatever is in it."""
        key = {"session_id": {"S": f"default#{session_id}"}}
        return "Item" in self.engine.get_item(TableName=self.table, Key=key)


class Late:
    """The process that goes on too late."""

    def __init__(self, pipe: "Connection") -> None:
        self._pipe = pipe

    def do(self, verb: str, token: str, *, meanwhile: Callable[[], object]) -> object:
        """What ``verb`` came to, ``meanwhile`` being done after its read and before all else."""
        self._pipe.send((verb, token))
        assert self._told() == READ
        meanwhile()
        self._pipe.send("go on")
        return self._told()

    def _told(self) -> object:
        assert self._pipe.poll(PATIENCE), "the other process does not answer"
        return self._pipe.recv()


@contextmanager
def a_late_process(place: Place, mutant: Mutant | None = None) -> Iterator[Late]:
    """Another process on the same table, as long as the ``with`` block."""
    processes = multiprocessing.get_context("spawn")
    ours, theirs = processes.Pipe()
    child = processes.Process(target=go_on, args=(place.endpoint_url, place.table, mutant, theirs))
    child.start()
    theirs.close()
    try:
        yield Late(ours)
    finally:
        ours.close()
        child.join(10)
        child.kill()


@pytest.fixture(scope="module")
def place(dynamodb_local: str, credentials: None) -> Iterator[Place]:  # noqa: ARG001  # the clients read them
    """One table for all; every test has a subject of its own."""
    engine = Clients(dynamodb_local).dynamodb
    with sessions_table(engine) as name:
        yield Place(dynamodb_local, name, dynamodb_client(endpoint_url=dynamodb_local), engine)


@pytest.fixture(scope="module")
def late(place: Place) -> Iterator[Late]:
    """One process for all."""
    with a_late_process(place) as process:
        yield process


def _expired(place: Place, token: str, _subject: str) -> None:
    place.store().expire(token)


def _rotated(place: Place, token: str, _subject: str) -> None:
    session = place.store().read(token, touch=False)
    assert session is not None
    place.store().rotate(session)


def _rotated_twice(place: Place, token: str, _subject: str) -> None:
    session = place.store().read(token, touch=False)
    assert session is not None
    place.store().rotate(session)
    place.store().rotate(session)


def _all_expired(place: Place, _token: str, subject: str) -> None:
    assert place.store().expire_all(subject=subject) == BulkExpiry(1)


def _logged_in(place: Place, token: str, subject: str) -> None:
    session = place.store().read(token, touch=False)
    assert session is not None
    session["secret"] = 1
    place.store().login(session, subject=subject)


def _logged_in_and_out(place: Place, token: str, subject: str) -> None:
    session = place.store().read(token, touch=False)
    assert session is not None
    place.store().login(session, subject=subject)
    place.store().expire(session)


def _all_expired_strictly(place: Place, _token: str, subject: str) -> None:
    assert place.store(settings=Settings(strict_expire_all=True)).expire_all(subject=subject) == BulkExpiry(1)


def _one_expired(place: Place, token: str, subject: str) -> None:
    session = place.store().read(token, touch=False)
    assert session is not None
    assert place.store().expire_one(subject=subject, session_id=session.id)


def _swept(place: Place, _token: str, _subject: str) -> None:
    store = place.store(later=_MUCH_LATER)
    assert store.sweep(deadline=FakeClock()() + _MUCH_LATER + 60).swept >= 1


ENDS: dict[str, Callable[[Place, str, str], None]] = {
    "expired": _expired,
    "rotated": _rotated,
    "rotated twice": _rotated_twice,
    "logged in": _logged_in,
    "logged in and out": _logged_in_and_out,
    "all expired": _all_expired,
    "all expired, strictly": _all_expired_strictly,
    "one expired": _one_expired,
    "swept": _swept,
}


_VERSIONS = {"rotated": 2, "rotated twice": 3, "logged in": 2}
"""Of the session that lives on, under another token."""


def what_came_of_it(place: Place, late: Late, *, verb: str, end: str) -> list[str]:
    """Everything that is wrong after ``verb`` went on with a session that had met its ``end``."""
    store, subject = place.store(), f"{verb} {end}"
    session = store.create(_DOCUMENT, subject=subject)
    told = late.do(verb, session.token, meanwhile=lambda: ENDS[end](place, session.token, subject))
    wrong = []
    if told != ("superseded" if end in _VERSIONS else "gone"):
        wrong.append(f"it was told {told}")
    if place.holds(session.id) != (end in _VERSIONS):
        wrong.append("the item is back, or it is not there any more")
    found = [(summary.id, summary.version) for name in (subject, "eve") for summary in store.sessions(subject=name)]
    if found != ([(session.id, _VERSIONS[end])] if end in _VERSIONS else []):
        wrong.append(f"the versions {found} live")
    return wrong


_PAIRS = [
    pytest.param(end, verb, marks=[] if (row + column) % 3 == 0 else pytest.mark.slow)
    for row, end in enumerate(ENDS)
    for column, verb in enumerate(VERBS)
]
"""Each end and each verb in every run, all pairs in the slow one."""


@pytest.mark.parametrize(("end", "verb"), _PAIRS)
def test_what_comes_too_late_changes_nothing(place: Place, late: Late, end: str, verb: str) -> None:
    """It learns that the session is over, or lives under another token, and has brought nothing back."""
    assert what_came_of_it(place, late, verb=verb, end=end) == []


_CHANGES = ("write", "write, mine", "write, no merge", "rotate", "login", "PUT", "PATCH", "POST rotate", "POST login")
_RESURRECTING = {
    "a write brings back": (
        Mutant(
            "sojourn.backends.dynamodb:DynamoBackend.replace",
            'f"{_IS_SEEN_VERSION} AND {_IS_MINE} AND {_with_place(deadline, record, seen)}"',
            'f"({_IS_SEEN_VERSION} AND {_IS_MINE} AND {_with_place(deadline, record, seen)}) OR {_IS_NEW}"',
        ),
        "expired",
        (*_CHANGES, "write, other idle time", "write, other absolute time"),
    ),
    "a touch brings back": (
        Mutant(
            "sojourn.backends.dynamodb:DynamoBackend.renew",
            'f"{_IS_MINE} AND {_with_place(deadline, record, seen)}"',
            'f"({_IS_MINE} AND {_with_place(deadline, record, seen)}) OR {_IS_NEW}"',
        ),
        "expired",
        ("touch", "read that renews", "GET", "POST touch", "touch, other idle time", "touch, other absolute time"),
    ),
    "a superseded token writes": (
        Mutant(
            "sojourn.backends.dynamodb:DynamoBackend.replace",
            "{_IS_SEEN_VERSION} AND {_IS_MINE}",
            "expires_at > :now AND absolute_at = :seen_absolute_at AND token_hash <> :seen_token_hash",
        ),
        "rotated",
        ("write", "rotate", "login", "PUT", "PATCH"),
    ),
    "a superseded token touches": (
        Mutant(
            "sojourn.backends.dynamodb:DynamoBackend.renew",
            "{_IS_MINE}",
            "expires_at > :now AND absolute_at = :seen_absolute_at AND token_hash <> :seen_token_hash",
        ),
        "rotated",
        ("touch", "read that renews", "GET", "POST touch", "touch, other idle time", "touch, other absolute time"),
    ),
    "a superseded token is told that all is well": (
        Mutant(
            "sojourn.protocol:SessionProtocol._judged",
            "not compare_digest(record.token_hash, bearer.token_hash)",
            "False",
        ),
        "logged in",
        ("touch", "refresh", "lock"),
    ),
    "a lock does not look": (
        Mutant("sojourn.store:Store.refresh", "raise gone(before.record, found)", "return"),
        "expired",
        ("lock", "refresh"),
    ),
}

_SOON = list(_RESURRECTING)[-3:]
"""What every run tries."""


@pytest.mark.parametrize(
    "mistake", [name if name in _SOON else pytest.param(name, marks=pytest.mark.slow) for name in _RESURRECTING]
)
def test_a_store_that_brings_back_is_noticed(place: Place, mistake: str) -> None:
    """By every verb that goes through the mistake."""
    mutant, end, verbs = _RESURRECTING[mistake]
    with a_late_process(place, mutant) as broken:
        for verb in verbs:
            assert what_came_of_it(place, broken, verb=verb, end=end) != [], verb
