"""Histories of several processes on one session of DynamoDB Local, with a sweeper and a network that loses things."""

import multiprocessing
from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

import pytest

from devstack.clients import Clients
from sojourn import Settings, Store
from sojourn.backends.clients import dynamodb_client
from sojourn.backends.dynamodb import DynamoBackend
from sojourn.testing import FakeClock
from tests.contract.tables import sessions_table
from tests.proofs.histories import clients
from tests.proofs.histories.checker import Operation, is_linearizable
from tests.proofs.histories.clients import CLIENTS, INITIAL, Setting
from tests.proofs.histories.mutants import MUTANTS

if TYPE_CHECKING:
    from multiprocessing.queues import Queue

_FEW, _MANY, _BATCH = 40, 1_500, 12
"""Histories: in every run, in a slow one, and how many of a mutant are looked at at a time."""

_BATCHES = 30
"""The mutant that is hardest to see shows in one batch of three."""

_ALWAYS = ("the last writer wins", "an own write is not recognised", "a superseded token reads")
"""The mutants that every run tries; the others wait for the slow ones."""


class Table(NamedTuple):
    """An empty one."""

    endpoint_url: str
    name: str


@pytest.fixture
def table(dynamodb_local: str, credentials: None) -> Iterator[Table]:  # noqa: ARG001  # the clients read them
    """One table a test."""
    with sessions_table(Clients(dynamodb_local).dynamodb) as name:
        yield Table(dynamodb_local, name)


def histories(table: Table, *, seed: int, number: int, mutant: str | None = None) -> list[list[Operation]]:
    """What all clients saw of each session."""
    backend = DynamoBackend(
        dynamodb_client(endpoint_url=table.endpoint_url), table=table.name, objects=None, overflow_bytes=1_000_000
    )
    store = Store(backend, Settings(), clock=FakeClock())
    tokens = [store.create(dict(INITIAL)).token for _ in range(number)]
    setting = Setting(table.endpoint_url, table.name, tokens, seed, mutant)
    processes = multiprocessing.get_context("forkserver")
    processes.set_forkserver_preload(["tests.proofs.histories.clients"])
    start = processes.Barrier(CLIENTS + 1)
    told: Queue[list[list[Operation]]] = processes.Queue()
    children = [processes.Process(target=clients.record, args=(setting, n, start, told)) for n in range(CLIENTS)]
    children.append(processes.Process(target=clients.sweep, args=(setting, start, told)))
    for child in children:
        child.start()
    try:
        parts = [told.get(timeout=60 + number) for _ in children]
    finally:
        for child in children:
            child.join(10)
            child.kill()
    return [[op for part in parts if part for op in part[n]] for n in range(number)]


def first_token(history: list[Operation]) -> str:
    """The one that all clients begin with."""
    made = {operation.new_token for operation in history}
    earliest = sorted(history, key=lambda operation: operation.called)
    return next((operation.token for operation in earliest if operation.token not in made), "")


_ENDINGS = (
    "write done",
    "write conflict",
    "write unknown",
    "write superseded",
    "add done",
    "rotate done",
    "login done",
    "expire done",
)
"""What has to happen for histories to mean something."""


def judge(found: list[list[Operation]]) -> bool:
    """Each has an order; whether enough happened in them."""
    endings = Counter(f"{op.verb} {op.ending}" for history in found for op in history)
    print(f"{len(found)} histories, {sum(endings.values())} operations: {dict(endings)}")  # noqa: T201  # -rP shows it
    for history in found:
        assert is_linearizable(history, initial=INITIAL, token=first_token(history)), "\n".join(
            map(str, sorted(history, key=lambda op: op.called))
        )
    return all(endings[ending] >= len(found) // 30 for ending in _ENDINGS)


def test_every_history_has_an_order(table: Table) -> None:
    """Although one answer in five is missing. What happens is up to the machine, so it is repeated until all did."""
    assert any(judge(histories(table, seed=seed, number=_FEW)) for seed in range(100, 1_000, 100))


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_every_history_has_an_order_however_many_there_are(table: Table) -> None:
    """The same with another seed, often."""
    assert judge(histories(table, seed=2, number=_MANY))


@pytest.mark.parametrize(
    "mutant", [name if name in _ALWAYS else pytest.param(name, marks=pytest.mark.slow) for name in MUTANTS]
)
def test_a_history_without_an_order_is_noticed(table: Table, mutant: str) -> None:
    """Each of these stores breaks one promise, and the histories show it before long."""
    batches = (histories(table, seed=3 + n, number=_BATCH, mutant=mutant) for n in range(_BATCHES))
    assert any(
        not is_linearizable(history, initial=INITIAL, token=first_token(history))
        for found in batches
        for history in found
    )
