"""What the processes of a history do, and what they write down. Judges nothing."""

import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

import pytest
from botocore.exceptions import ReadTimeoutError

from sojourn import (
    Conflict,
    ConflictError,
    CorruptSessionError,
    Session,
    SessionGoneError,
    Settings,
    Store,
    StoreUnavailableError,
)
from sojourn.backends.clients import dynamodb_client
from sojourn.backends.dynamodb import DynamoBackend
from sojourn.retry import Retry
from sojourn.sweep.backend import Hint
from sojourn.testing import FakeClock
from tests.histories.checker import Document, Ending, Operation, State, Verb
from tests.histories.mutants import MUTANTS

if TYPE_CHECKING:
    from multiprocessing.queues import Queue
    from multiprocessing.synchronize import Barrier

    from mypy_boto3_dynamodb import DynamoDBClient

CLIENTS = 3
STEPS = 7
LOST = 0.15
"""How many answers never arrive although the request took effect."""

UNHEARD = 0.05
"""How many requests never arrive, which the client cannot tell from a lost answer."""

PATIENCE = 60
"""How long a process waits for the others, in seconds."""

INITIAL: Document = (("a", 0), ("b", 0), ("n", 0))


class LossyClient:
    """A client some of whose requests and answers are lost on the way."""

    def __init__(self, client: "DynamoDBClient", *, seed: int) -> None:
        self._client = client
        self._random = random.Random(seed)  # noqa: S311  # an order of events, not a secret

    def __getattr__(self, name: str) -> Callable[..., object]:
        call = getattr(self._client, name)

        def called(**request: object) -> object:
            drawn = self._random.random()
            if drawn < UNHEARD:
                raise ReadTimeoutError(endpoint_url="the table")
            answer = call(**request)
            if drawn < UNHEARD + LOST:
                raise ReadTimeoutError(endpoint_url="the table")
            return answer

        return called


@dataclass(frozen=True, slots=True)
class Setting:
    """Where a run of histories takes place; each has its own session, and all begin it together."""

    endpoint_url: str
    table: str
    tokens: list[str]
    seed: int
    mutant: str | None

    def client(self) -> "DynamoDBClient":
        """One that loses nothing."""
        return dynamodb_client(endpoint_url=self.endpoint_url)

    def backend(self, client: "DynamoDBClient") -> DynamoBackend:
        """The table, through ``client``."""
        return DynamoBackend(client, table=self.table, objects=None, overflow_bytes=1_000_000)

    def store(self, number: int) -> Store:
        """The store of one process. Every other one asks once only, so that more outcomes stay unknown."""
        client = cast("DynamoDBClient", LossyClient(self.client(), seed=self.seed + number))
        retry = Retry(attempts=1 if number % 2 else 3, base=0.002, cap=0.01)
        return Store(self.backend(client), Settings(), clock=FakeClock(), retry=retry)

    def break_it(self) -> None:
        """Apply the mutant to this process, which ends with the run."""
        if self.mutant is not None:
            MUTANTS[self.mutant](pytest.MonkeyPatch())


def record(setting: Setting, number: int, start: "Barrier", told: "Queue[list[list[Operation]]]") -> None:
    """A client's part of every history."""
    setting.break_it()
    store = setting.store(number)
    histories = []
    for n, token in enumerate(setting.tokens):
        start.wait(PATIENCE)
        histories.append(_Client(store, token, number, seed=setting.seed * 1_000_003 + n * 31 + number).run())
    told.put(histories)


def sweep(setting: Setting, start: "Barrier", told: "Queue[list[list[Operation]]]") -> None:
    """A sweeper whose hints name every session although none is stale; it leaves no trace if it is right."""
    setting.break_it()
    backend = setting.backend(setting.client())
    store = Store(backend, Settings(), clock=FakeClock())
    for token in setting.tokens:
        session = store.read(token, touch=False)
        assert session is not None
        start.wait(PATIENCE)
        for _ in range(2):
            time.sleep(0.005)
            backend.delete_stale([Hint(f"default#{session.id}", None)], cutoff=FakeClock()() + 10)
    told.put([])


class _Client:
    def __init__(self, store: Store, token: str, number: int, *, seed: int) -> None:
        self._store = store
        self._token = token
        self._number = number
        self._random = random.Random(seed)  # noqa: S311  # an order of events, not a secret
        self._held: Session | None = None
        self._history: list[Operation] = []

    def run(self) -> list[Operation]:
        """Some steps, now from a fresh copy, now from a stale one."""
        for step in range(STEPS):
            if self._held is None or self._random.random() < 0.4:
                self._read()
            if self._held is None:
                if self._history and self._history[-1].ending == "done":
                    break  # it is dead, and the read said so
                continue
            (act,) = self._random.choices(
                [self._write, self._add, self._touch, self._rotate, self._expire], [16, 10, 3, 1, 1]
            )
            if self._random.random() < 0.3:
                time.sleep(self._random.random() * 0.005)
            act(self._held, step)
        self._read()
        return self._history

    def _read(self) -> None:
        called = time.monotonic()
        try:
            self._held = self._store.read(self._token, touch=False)
        except StoreUnavailableError:
            self._held = None
            return
        except CorruptSessionError:
            self._note("read", called, "corrupt")
            self._held = None
            return
        self._note("read", called, "done", shown=_shown(self._held))

    def _write(self, held: Session, step: int) -> None:
        value = 1 + self._number + 10 * step
        keys = self._random.sample(["a", "b", f"own{self._number}"], self._random.choice([1, 1, 2]))
        self._change("write", held, lambda: self._store.write(held), dict.fromkeys(keys, value))

    def _add(self, held: Session, _step: int) -> None:
        base = cast("int", held["n"])
        self._change("add", held, lambda: self._store.write(held, on_conflict=_added), {"n": base + 1}, {"n": 1})

    def _rotate(self, held: Session, _step: int) -> None:
        self._change("rotate", held, lambda: self._store.rotate(held), {})
        self._held = None

    def _touch(self, held: Session, _step: int) -> None:
        self._change("touch", held, lambda: self._store.touch(held, idle=self._random.randint(1_000, 2_000)), {})

    def _expire(self, _held: Session, _step: int) -> None:
        called = time.monotonic()
        try:
            self._store.expire(self._token)
        except StoreUnavailableError as error:
            if error.may_have_happened:
                self._note("expire", called, "unknown")
        else:
            self._note("expire", called, "done")

    def _change(
        self,
        verb: Verb,
        held: Session,
        change: Callable[[], object],
        values: dict[str, int],
        steps: dict[str, int] | None = None,
    ) -> None:
        base = _shown(held) or ()
        held.update(values)
        edits, called = tuple(sorted((steps or values).items())), time.monotonic()
        ending: Ending = "done"
        keys: frozenset[str] = frozenset()
        try:
            change()
        except SessionGoneError as error:
            if error.may_have_happened:
                self._note("read", called, "done", shown=None)
            ending = "unknown" if error.may_have_happened else "gone"
        except ConflictError as error:
            ending, keys = "conflict", error.keys
        except CorruptSessionError:
            ending = "corrupt"
        except StoreUnavailableError as error:
            if not error.may_have_happened:
                self._held = None
                return
            ending = "unknown"
        self._note(verb, called, ending, edits=edits, base=base, shown=_shown(held), keys=keys)
        if ending == "done" and verb in ("write", "add"):
            self._note("read", called, "done", shown=_shown(held))
        if ending != "done":
            self._held = None

    def _note(  # an operation has as many
        self,
        verb: Verb,
        called: float,
        ending: Ending,
        *,
        edits: Document = (),
        base: Document = (),
        shown: State = None,
        keys: frozenset[str] = frozenset(),
    ) -> None:
        self._history.append(
            Operation(verb, called, time.monotonic(), ending, edits=edits, base=base, shown=shown, keys=keys)
        )


def _added(conflict: Conflict) -> object:
    return cast("int", conflict.mine) + cast("int", conflict.theirs) - cast("int", conflict.base)


def _shown(session: Session | None) -> State:
    return None if session is None else tuple(sorted(cast("dict[str, int]", dict(session)).items()))
