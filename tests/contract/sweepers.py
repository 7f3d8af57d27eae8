"""What the processes of the races and kills do: renew, sweep, sweep wrongly, and die. Asserts nothing."""

import os
import random
import signal
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import sojourn.sweep.run
from sojourn import SessionGoneError, Settings, Store
from sojourn.backends.clients import dynamodb_client
from sojourn.backends.dynamodb import DynamoBackend
from sojourn.backends.items import key_of
from sojourn.backends.s3 import ObjectStore
from sojourn.backends.stale import StaleItems
from sojourn.sweep.backend import Fate, Hint, Removal, Verdict
from sojourn.sweep.report import SweepReport
from sojourn.testing import FakeClock
from tests.contract.overflow import OVERFLOW_BYTES
from tests.contract.records import NOW

if TYPE_CHECKING:
    from multiprocessing.queues import Queue
    from multiprocessing.synchronize import Barrier

IDLE = 1_000
ROUND_SECONDS = 100_000
PATIENCE = 60
"""How long a process waits for the others, in seconds."""


class FolderObjects(ObjectStore):
    """An overflow bucket in a folder: it outlives the process, as a bucket does."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def put(self, key: str, body: bytes) -> None:
        """See ``ObjectStore.put``."""
        (self._folder / key.replace("/", "~")).write_bytes(body)

    def get(self, key: str) -> bytes | None:
        """See ``ObjectStore.get``."""
        place = self._folder / key.replace("/", "~")
        return place.read_bytes() if place.exists() else None

    def remove(self, key: str) -> None:
        """See ``ObjectStore.remove``."""
        (self._folder / key.replace("/", "~")).unlink(missing_ok=True)


class Unconditional(StaleItems):
    """The mutant: it removes what the hints name, as BatchWriteItem does."""

    def delete_stale(self, hints: Sequence[Hint], *, cutoff: int) -> Removal:  # noqa: ARG002  # which is what is wrong
        """Without asking whether they are stale."""
        requests = [{"DeleteRequest": {"Key": {"session_id": {"S": hint.session_id}}}} for hint in hints]
        self._table.change("batch_write_item", RequestItems={self._table.name: requests})
        return Removal(tuple(Verdict(Fate.SWEPT, 0) for _ in hints), len(hints))


class LookingFirst(StaleItems):
    """The subtler mutant: it looks, and then removes what was stale when it looked."""

    def delete_stale(self, hints: Sequence[Hint], *, cutoff: int) -> Removal:
        """With a moment between the two."""
        items = self._table.batch_get([hint.session_id for hint in hints])
        found = {item["session_id"]["S"]: int(str(item["expires_at"]["N"])) for item in items}
        verdicts = []
        for hint in hints:
            expires_at = found.get(hint.session_id)
            if expires_at is None:
                verdicts.append(Verdict(Fate.MISSING))
            elif expires_at > cutoff:
                verdicts.append(Verdict(Fate.ALIVE, expires_at))
            else:
                self._table.change("delete_item", TableName=self._table.name, Key=key_of(hint.session_id))
                verdicts.append(Verdict(Fate.SWEPT, expires_at))
        return Removal(tuple(verdicts), len(hints))


@dataclass(frozen=True, slots=True)
class Place:
    """A table that several processes share."""

    endpoint_url: str
    table: str
    objects: Path | None = None

    def backend(self, kind: type[StaleItems] = StaleItems) -> DynamoBackend:
        """A backend with a client of its own, swept by ``kind``."""
        objects = FolderObjects(self.objects) if self.objects else None
        client = dynamodb_client(endpoint_url=self.endpoint_url)
        backend = DynamoBackend(client, table=self.table, objects=objects, overflow_bytes=OVERFLOW_BYTES)
        backend._stale = kind(backend._table, overflow=backend._overflow)
        return backend


SETTINGS = Settings(
    idle_seconds=IDLE,
    absolute_seconds=100 * IDLE,
    sweep_grace_seconds=0,
    sweep_shards=4,
    sweep_write_units=10**6,
)


class Tally(NamedTuple):
    """What a renewing process saw, in sessions."""

    renewed: int
    gone: int
    lost: int
    """Renewed, as the store said, and then not there, or with an earlier deadline."""
    risen: int
    """Gone, as the store said, and then there."""


def renew(
    place: Place, barrier: "Barrier", told: "Queue[Tally | SweepReport]", *, seed: int, rounds: int, sessions: int
) -> None:
    """Create sessions, renew them in their last second while others sweep, and see what became of them."""
    dice = random.Random(seed)  # noqa: S311  # a test's dice
    clock, backend = FakeClock(), place.backend()
    store = Store(backend, SETTINGS, clock=clock)
    total = Tally(0, 0, 0, 0)
    for number in range(rounds):
        clock.now = NOW + number * ROUND_SECONDS
        opened = [store.create({"n": n}) for n in range(sessions)]
        verbs = {session.id: dice.choice(_VERBS) for session in opened}
        clock.advance(IDLE - 1)
        dice.shuffle(opened)
        barrier.wait(PATIENCE)
        outcomes = [(session, verbs[session.id](store, session)) for session in opened]
        barrier.wait(PATIENCE)
        for session, is_renewed in outcomes:
            stored = backend.load(f"default#{session.id}")
            is_there = stored is not None and stored.expires_at >= clock() + IDLE
            one = Tally(is_renewed, not is_renewed, is_renewed and not is_there, not is_renewed and stored is not None)
            total = Tally(*(before + now for before, now in zip(total, one, strict=True)))
    told.put(total)


def sweep_rounds(
    place: Place,
    barrier: "Barrier",
    told: "Queue[Tally | SweepReport]",
    *,
    seed: int,
    rounds: int,
    kind: type[StaleItems],
) -> None:
    """Sweep in the middle of the renewals, by a clock that says the sessions are over."""
    dice = random.Random(seed)  # noqa: S311  # a test's dice
    clock = FakeClock()
    store = Store(place.backend(kind), SETTINGS, clock=clock)
    total = SweepReport()
    for number in range(rounds):
        clock.now = NOW + number * ROUND_SECONDS + IDLE + sojourn.sweep.run.CLOCK_ERROR_SECONDS
        barrier.wait(PATIENCE)
        time.sleep(dice.random() * 0.2)
        total += store.sweep(deadline=clock() + 600)
        barrier.wait(PATIENCE)
    told.put(total)


def _touched(store: Store, session: Any) -> bool:  # noqa: ANN401  # a session, or what a mutant made of it
    try:
        return store.touch(session)
    except SessionGoneError:
        return False


def _written(store: Store, session: Any) -> bool:  # noqa: ANN401
    session["written"] = True
    try:
        store.write(session)
    except SessionGoneError:
        return False
    return True


def _read(store: Store, session: Any) -> bool:  # noqa: ANN401
    return store.read(session.token) is not None


_VERBS: list[Callable[[Store, Any], bool]] = [_touched, _written, _read]


# Runs that are killed.


KILL_CLOCK = NOW
KILL_SETTINGS = Settings(sweep_grace_seconds=0, sweep_shards=2, sweep_write_units=10**6, sweep_interval_seconds=10**8)
"""One turn: each run scans the whole table beside the index."""


def sweep_once(place: Place, *, die_at: int | None = None, seed: int = 0) -> SweepReport:
    """One run, whose process dies at a checkpoint: before and after each request, and before an object's removal."""
    backend = place.backend()
    checkpoints = iter(range(10**9))

    def checkpoint(**_event: object) -> None:
        if next(checkpoints) == die_at:
            os.kill(os.getpid(), signal.SIGKILL)

    events = backend._table._client.meta.events
    events.register("before-send.dynamodb", checkpoint)
    events.register("after-call.dynamodb", checkpoint)
    remove = backend._overflow.remove

    def removed(key: object, *, session_key: str) -> None:
        if isinstance(key, str):
            checkpoint()
        remove(key, session_key=session_key)

    backend._overflow.remove = removed  # type: ignore[method-assign]  # this process's only backend
    clock = FakeClock(KILL_CLOCK)
    store = Store(backend, KILL_SETTINGS, clock=clock)
    random.seed(seed)
    report = SweepReport()
    while report.more or not report.calls:
        report = store.sweep(deadline=clock() + 600)
    count = next(checkpoints)
    _LAST.append(count)
    return report


_LAST: list[int] = []


def checkpoints_of(place: Place) -> int:
    """How many checkpoints an undisturbed run has, after it ran."""
    with _one_thread():
        sweep_once(place)
    return _LAST[-1]


def die_sweeping(place: Place, die_at: int) -> None:
    """The body of a child that kills itself; one thread, so that its requests come in one order."""
    with _one_thread():
        sweep_once(place, die_at=die_at)


class _one_thread:  # noqa: N801  # used as a function
    def __enter__(self) -> None:
        self._threads = sojourn.sweep.run.THREADS
        sojourn.sweep.run.THREADS = 1

    def __exit__(self, *_error: object) -> None:
        sojourn.sweep.run.THREADS = self._threads


def sweep_beside(
    place: Place, barrier: "Barrier", told: "Queue[SweepReport]", *, seed: int, die_at: int | None
) -> None:
    """A run beside others, which may die."""
    barrier.wait(PATIENCE)
    time.sleep(random.Random(seed).random() * 0.03)  # noqa: S311  # a test's dice
    told.put(sweep_once(place, die_at=die_at, seed=seed))
