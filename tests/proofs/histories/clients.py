"""What the processes of a history do, and what they write down. Judges nothing."""

import hashlib
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
    tokens,
)
from sojourn.backends.clients import dynamodb_client
from sojourn.backends.dynamodb import DynamoBackend
from sojourn.retry import Retry
from sojourn.sweep.backend import Hint
from sojourn.testing import FakeClock
from tests.proofs.histories.checker import Document, Ending, Operation, Shown, Verb
from tests.proofs.histories.mutants import MUTANTS

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

AGE = 100
"""Seconds since the sessions were created: a logout of before a login is known by that."""

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
    """The first ones, of one session each."""
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
        clock = FakeClock()
        clock.advance(AGE)
        return Store(self.backend(client), Settings(), clock=clock, retry=retry)

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
    for text in setting.tokens:
        token = tokens.parsed(text)
        assert token is not None
        start.wait(PATIENCE)
        for _ in range(2):
            time.sleep(0.005)
            backend.sweep.delete_stale([Hint(f"default#{token.session_id}", None)], cutoff=FakeClock()() + 10)
    told.put([])


class _Client:
    def __init__(self, store: Store, token: str, number: int, *, seed: int) -> None:
        self._store = store
        self._asked = token
        self._number = number
        self._random = random.Random(seed)  # noqa: S311  # an order of events, not a secret
        self._tokens = [token]
        self._held: Session | None = None
        self._history: list[Operation] = []

    def run(self) -> list[Operation]:
        """Some steps, now from a fresh copy, now from a stale one."""
        for step in range(STEPS):
            if self._held is None or self._random.random() < 0.4:
                self._read()
            if self._held is None:
                if self._history and self._history[-1].ending == "done" and self._asked == self._tokens[-1]:
                    break  # it is dead, and the read said so
                continue
            (act,) = self._random.choices(
                [self._write, self._add, self._touch, self._rotate, self._login, self._expire], [16, 10, 3, 2, 1, 1]
            )
            if self._random.random() < 0.3:
                time.sleep(self._random.random() * 0.005)
            act(self._held, step)
        self._read()
        return self._history

    def _read(self) -> None:
        # With the newest token that it knows, and now and then with one before.
        self._asked = self._tokens[-1] if self._random.random() < 0.9 else self._random.choice(self._tokens)
        self._held = None
        called = time.monotonic()
        try:
            found = self._store.read(self._asked, touch=False)
        except StoreUnavailableError:
            return
        except CorruptSessionError:
            self._note("read", called, "corrupt", token=self._asked)
            return
        self._note("read", called, "done", shown=_shown(found), token=self._asked)
        self._held = found

    def _write(self, held: Session, step: int) -> None:
        value = 1 + self._number + 10 * step
        keys = self._random.sample(["a", "b", f"own{self._number}"], self._random.choice([1, 1, 2]))
        self._change("write", held, lambda: self._store.write(held), dict.fromkeys(keys, value))

    def _add(self, held: Session, _step: int) -> None:
        base = cast("int", held["n"])
        self._change("add", held, lambda: self._store.write(held, on_conflict=_added), {"n": base + 1}, {"n": 1})

    def _rotate(self, held: Session, _step: int) -> None:
        self._change("rotate", held, lambda: self._store.rotate(held), {})

    def _login(self, held: Session, step: int) -> None:
        self._change("login", held, lambda: self._store.login(held, subject=f"user-{step % 2}"), {})

    def _touch(self, held: Session, _step: int) -> None:
        self._change("touch", held, lambda: self._store.touch(held, idle=self._random.randint(1_000, 2_000)), {})

    def _expire(self, _held: Session, _step: int) -> None:
        called, token = time.monotonic(), self._random.choice(self._tokens[-2:])
        try:
            self._store.expire(token)
        except StoreUnavailableError as error:
            if error.outcome_unknown:
                self._note("expire", called, "unknown", token=token)
        else:
            self._note("expire", called, "done", token=token)

    def _change(
        self,
        verb: Verb,
        held: Session,
        change: Callable[[], object],
        values: dict[str, int],
        steps: dict[str, int] | None = None,
    ) -> None:
        base, token = _shown(held) or (), held.token
        held.update(values)
        edits, called = tuple(sorted((steps or values).items())), time.monotonic()
        ending: Ending = "done"
        keys: frozenset[str] = frozenset()
        try:
            change()
        except SessionGoneError as error:
            ending = "superseded" if error.is_superseded else "gone"
            if error.outcome_unknown:
                # It is gone by now, whatever became of the change before.
                self._note("touch", called, ending, token=token)
                ending = "unknown"
        except ConflictError as error:
            ending, keys = "conflict", error.keys
        except CorruptSessionError:
            ending = "corrupt"
        except StoreUnavailableError as error:
            if not error.outcome_unknown:
                self._held = None
                return
            ending = "unknown"
        new_token = held.token if held.token != token else None
        if new_token is not None:
            self._tokens.append(new_token)
            ending = "done"  # it was stored, whatever came after
        self._note(
            verb,
            called,
            ending,
            edits=edits,
            base=base,
            shown=_shown(held),
            keys=keys,
            token=token,
            new_token=new_token,
        )
        if ending == "done" and verb in ("write", "add"):
            self._note("read", called, "done", shown=_shown(held), token=token)
        if ending != "done":
            self._held = None

    def _note(  # an operation has as many
        self,
        verb: Verb,
        called: float,
        ending: Ending,
        *,
        token: str,
        edits: Document = (),
        base: Document = (),
        shown: Shown = None,
        keys: frozenset[str] = frozenset(),
        new_token: str | None = None,
    ) -> None:
        told = time.monotonic()
        self._history.append(
            Operation(
                verb,
                called,
                told,
                ending,
                edits=edits,
                base=base,
                shown=shown,
                keys=keys,
                token=_number(token),
                new_token=None if new_token is None else _number(new_token),
            )
        )


def _number(token: str) -> str:
    """What a history calls a token."""
    return hashlib.sha256(token.encode()).hexdigest()[:8]


def _added(conflict: Conflict) -> object:
    return cast("int", conflict.mine) + cast("int", conflict.theirs) - cast("int", conflict.base)


def _shown(session: Session | None) -> Shown:
    return None if session is None else tuple(sorted(cast("dict[str, int]", dict(session)).items()))
