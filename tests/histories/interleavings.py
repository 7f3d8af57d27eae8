"""Every order in which the calls of a few writers can reach the store, one after the other, in real threads."""

import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from sojourn.backend import Record, Refused
from sojourn.backends.memory import MemoryBackend

_PATIENCE = 30
"""Seconds; whoever waits longer waits for ever."""


@dataclass
class Turns:
    """Who may call the store next. Threads that did not join it are not held up."""

    choices: Sequence[int]
    """Which of those who wait goes on, for the first steps; then the first of them."""
    offered: list[int] = field(default_factory=list)
    """How many waited at each step."""

    def run(self, works: Sequence[Callable[[], None]]) -> None:
        """All of them, in the order that ``choices`` say. The first failure is raised here."""
        self._wake = threading.Condition()
        self._waiting: set[int] = set()
        self._running = set(range(len(works)))
        self._chosen: int | None = None
        self._names: dict[int, int] = {}
        failures: list[BaseException] = []
        threads = [threading.Thread(target=self._work, args=(n, work, failures)) for n, work in enumerate(works)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(_PATIENCE)
        if failures:
            raise failures[0]

    def take(self) -> None:
        """Wait until it is this thread's turn."""
        name = self._names.get(threading.get_ident())
        if name is None:
            return
        with self._wake:
            self._waiting.add(name)
            self._choose()
            assert self._wake.wait_for(lambda: self._chosen == name, _PATIENCE)
            self._waiting.discard(name)
            self._chosen = None

    def _work(self, name: int, work: Callable[[], None], failures: list[BaseException]) -> None:
        self._names[threading.get_ident()] = name
        try:
            self.take()
            work()
        except BaseException as failure:  # noqa: BLE001  # handed to the test's own thread
            failures.append(failure)
        finally:
            with self._wake:
                self._running.discard(name)
                self._choose()

    def _choose(self) -> None:
        # Only when everybody stands still, so that the order is the choices' and nobody else's.
        if self._chosen is not None or not self._waiting or self._waiting != self._running:
            return
        step = len(self.offered)
        self.offered.append(len(self._waiting))
        self._chosen = sorted(self._waiting)[self.choices[step] if step < len(self.choices) else 0]
        self._wake.notify_all()


class TurnsBackend(MemoryBackend):
    """A backend whose calls wait for their turn."""

    turns: Turns | None = None

    def load(self, session_id: str, *, is_consistent: bool = True) -> Record | None:
        """See ``Backend.load``."""
        self._take()
        return super().load(session_id, is_consistent=is_consistent)

    def replace(self, record: Record, *, seen: Record, now: int) -> Record | Refused:
        """See ``Backend.replace``."""
        self._take()
        return super().replace(record, seen=seen, now=now)

    def rotate(self, record: Record, *, seen: Record, now: int) -> Record | Refused:
        """See ``Backend.rotate``."""
        self._take()
        return super().rotate(record, seen=seen, now=now)

    def renew(self, record: Record, *, seen: Record, now: int) -> Record | Refused:
        """See ``Backend.renew``."""
        self._take()
        return super().renew(record, seen=seen, now=now)

    def delete(self, session_id: str, *, expires_at: int | None = None, subject: str | None = None) -> bool:
        """See ``Backend.delete``."""
        self._take()
        return super().delete(session_id, expires_at=expires_at, subject=subject)

    def _take(self) -> None:
        if self.turns is not None:
            self.turns.take()


def every_order(play: Callable[[Turns], None]) -> Iterator[Turns]:
    """Play once for each order there is, the later choices varying first."""
    choices: list[int] = []
    while True:
        turns = Turns(choices)
        play(turns)
        yield turns
        made = [*choices, *[0] * (len(turns.offered) - len(choices))]
        while made and made[-1] + 1 >= turns.offered[len(made) - 1]:
            made.pop()
        if not made:
            return
        made[-1] += 1
        choices = made
