"""The clients of the soak: each a process of its own, with its own seed, writing down what it is told."""

import os
import random
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from devstack.emulator import ACCESS_KEY_ID, SECRET_ACCESS_KEY
from devstack.signing import Answer, call
from devstack.stack import Stack
from sojourn import ConflictError, Session, SessionGoneError, Settings, Store, StoreUnavailableError, open_store
from tests.proofs.soak.ledger import Counter, Ledger

if TYPE_CHECKING:
    from multiprocessing.queues import Queue

T = TypeVar("T")

IDLE_SECONDS = 20
"""What a passing session survives, so that one whose creation went unanswered is soon stale."""

_OVERFLOWING = 90_000
_KEPT = 8


class NoAnswerError(Exception):
    """Nobody knows what became of the request."""


class Client:
    """One process's load. A subclass speaks to the store in its own way."""

    def __init__(self, name: str, *, seed: int, shared: list[str]) -> None:
        self.random = random.Random(seed)  # noqa: S311  # an order of events, not a secret
        self.ledger = Ledger(name, counters={token: Counter() for token in shared})
        self.own: list[str] = []

    def run(self, *, seconds: float) -> None:
        """One step after the other, as they come."""
        steps: list[tuple[int, str, Callable[[], None]]] = [
            (8, "write", self._count),
            (6, "read", self._look),
            (4, "create", self._create),
            (3, "rotate", self._rotate),
            (2, "expire", self._expire),
            (2, "expire all", self._expire_all),
            (4, "dead", self._knock),
        ]
        weights = [weight for weight, _, _ in steps]
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            _, verb, step = self.random.choices(steps, weights)[0]
            try:
                step()
            except NoAnswerError:
                self.ledger.unanswered[verb] = self.ledger.unanswered.get(verb, 0) + 1
            else:
                self.ledger.answered[verb] = self.ledger.answered.get(verb, 0) + 1

    # How a client speaks to the store. ``None`` and ``False`` say that the session is gone.

    def create(self, data: dict[str, object], *, subject: str) -> str:
        """A token."""
        raise NotImplementedError

    def read(self, token: str) -> dict[str, object] | None:
        """A document."""
        raise NotImplementedError

    def set(self, token: str, key: str, value: object) -> bool:
        """Write one key and leave the others."""
        raise NotImplementedError

    def rotate(self, token: str) -> str | None:
        """The new token."""
        raise NotImplementedError

    def expire(self, token: str) -> None:
        """End one."""
        raise NotImplementedError

    def expire_all(self, subject: str) -> None:
        """End all of a subject."""
        raise NotImplementedError

    # What it does with it.

    def _count(self) -> None:
        token = self.random.choice(list(self.ledger.counters))
        counter = self.ledger.counters[token]
        counter.tried += 1
        if self.set(token, self.ledger.name, counter.tried):
            counter.acknowledged = counter.tried
        else:
            self.ledger.broken.append("a living session is said to be gone on writing")

    def _look(self) -> None:
        token = self.random.choice(list(self.ledger.counters))
        document = self.read(token)
        counter = self.ledger.counters[token]
        if document is None:
            self.ledger.broken.append("a living session is said to be gone on reading")
        elif not counter.admits(document.get(self.ledger.name, 0)):
            self.ledger.broken.append(f"read {document.get(self.ledger.name)}, where {counter} was")

    def _create(self) -> None:
        blob = self.random.randbytes(_OVERFLOWING // 2).hex() if self.random.random() < 0.1 else "x"
        self.own.append(self.create({"blob": blob}, subject=self.ledger.name))
        if len(self.own) > _KEPT:
            self.own.pop(0)  # left to its deadline and the sweeper

    def _rotate(self) -> None:
        if self.own:
            old = self.own.pop()  # if no answer comes nobody knows which of the two lives
            if new := self.rotate(old):
                self.ledger.dead.append(old)
                self.own.append(new)

    def _expire(self) -> None:
        if self.own:
            token = self.own.pop()
            self.expire(token)
            self.ledger.dead.append(token)

    def _expire_all(self) -> None:
        ending, self.own = self.own, []
        self.expire_all(self.ledger.name)
        self.ledger.dead += ending

    def _knock(self) -> None:
        if self.ledger.dead and self.read(self.random.choice(self.ledger.dead)) is not None:
            self.ledger.broken.append("a dead session answers")


class ApiClient(Client):
    """Signed HTTP to the deployed functions, which are killed and replaced meanwhile."""

    def __init__(self, stack: Stack, name: str, *, seed: int, shared: list[str]) -> None:
        super().__init__(name, seed=seed, shared=shared)
        self._stack = stack

    def create(self, data: dict[str, object], *, subject: str) -> str:
        """See ``Client``."""
        answer = self._call("POST", "/sessions", body={"data": data, "subject": subject, "idle": IDLE_SECONDS})
        return str(answer.json()["token"])

    def read(self, token: str) -> dict[str, object] | None:
        """See ``Client``."""
        answer = self._call("GET", "/session", token=token)
        return None if answer.status == 404 else answer.json()["data"]

    def set(self, token: str, key: str, value: object) -> bool:
        """See ``Client``."""
        kind = {"content-type": "application/merge-patch+json"}
        while True:
            answer = self._call("PATCH", "/session", token=token, headers=kind, body={"data": {key: value}})
            if answer.status != 409:  # lost against the others five times in a row; nothing was stored
                return answer.status != 404

    def rotate(self, token: str) -> str | None:
        """See ``Client``."""
        answer = self._call("POST", "/session/rotate", token=token)
        return None if answer.status == 404 else answer.json()["token"]

    def expire(self, token: str) -> None:
        """See ``Client``."""
        self._call("DELETE", "/session", token=token)

    def expire_all(self, subject: str) -> None:
        """See ``Client``."""
        self._call("DELETE", f"/sessions?subject={subject}")

    def _call(
        self, method: str, path: str, *, token: str = "", headers: dict[str, str] | None = None, body: object = None
    ) -> Answer:
        held = {"session-token": token} if token else {}
        try:
            answer = call(self._stack, method, path, headers=held | (headers or {}), body=body, timeout=60)
        except OSError as error:
            raise NoAnswerError from error
        if answer.status >= 500:
            raise NoAnswerError
        if answer.status not in (200, 201, 204, 404, 409):
            self.ledger.broken.append(f"{method} {path} was answered {answer.status}: {answer.body[:200]!r}")
            raise NoAnswerError
        return answer


class LibraryClient(Client):
    """The client layer on the table itself, as another Lambda function uses it."""

    def __init__(self, stack: Stack, name: str, *, seed: int, shared: list[str]) -> None:
        super().__init__(name, seed=seed, shared=shared)
        settings = Settings(
            table=stack.table, bucket=stack.bucket, endpoint_url=stack.endpoint_url, sweep_grace_seconds=0
        )
        self._store: Store = open_store(settings)

    def create(self, data: dict[str, object], *, subject: str) -> str:
        """See ``Client``."""
        return self._told(lambda: self._store.create(data, subject=subject, idle=IDLE_SECONDS).token)

    def read(self, token: str) -> dict[str, object] | None:
        """See ``Client``."""
        session = self._told(lambda: self._store.read(token))
        return None if session is None else dict(session)

    def set(self, token: str, key: str, value: object) -> bool:
        """See ``Client``."""
        session = self._told(lambda: self._store.read(token))
        if session is None:
            return False
        session[key] = value
        return self._told(lambda: self._written(session))

    def rotate(self, token: str) -> str | None:
        """See ``Client``."""
        session = self._told(lambda: self._store.read(token))
        return None if session is None else self._told(lambda: self._rotated(session))

    def expire(self, token: str) -> None:
        """See ``Client``."""
        self._told(lambda: self._store.expire(token))

    def expire_all(self, subject: str) -> None:
        """See ``Client``."""
        self._told(lambda: self._store.expire_all(subject=subject))

    def _written(self, session: Session) -> bool:
        try:
            self._store.write(session)
        except SessionGoneError:
            return False
        except ConflictError as error:
            self.ledger.broken.append(f"a conflict over {sorted(error.keys)}, which nobody else writes")
        return True

    def _rotated(self, session: Session) -> str | None:
        try:
            self._store.rotate(session)
        except SessionGoneError:
            return None
        return session.token

    def _told(self, act: Callable[[], T]) -> T:
        try:
            return act()
        except StoreUnavailableError as error:
            raise NoAnswerError from error


KINDS: dict[str, type[ApiClient | LibraryClient]] = {"api": ApiClient, "library": LibraryClient}


def work(told: "Queue[Ledger]", stack: Stack, kind: str, *, seed: int, shared: list[str], seconds: float) -> None:
    """A process of the soak, from beginning to end."""
    os.environ |= {
        "AWS_ACCESS_KEY_ID": ACCESS_KEY_ID,
        "AWS_SECRET_ACCESS_KEY": SECRET_ACCESS_KEY,
        "AWS_DEFAULT_REGION": stack.region,
    }
    client = KINDS[kind](stack, f"{kind}-{seed}", seed=seed, shared=shared)
    client.run(seconds=seconds)
    told.put(client.ledger)
