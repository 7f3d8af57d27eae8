"""Every order in which the calls of a few writers can reach the store, one after the other, in real threads."""

import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from sojourn.backend import Mark, Match, Page, Position, Record, Refused
from sojourn.backends.memory import MemoryBackend

_PATIENCE = 30
"""Seconds; a longer wait would never end."""


@dataclass
class Turns:
    """Which thread may call the store next. Threads that did not join are not held up."""

    choices: Sequence[int]
    """Which of the waiting threads goes on, for the first steps; then the first of them."""
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
        # Only when all stand still, so that the order is that of the choices.
        if self._chosen is not None or not self._waiting or self._waiting != self._running:
            return
        step = len(self.offered)
        self.offered.append(len(self._waiting))
        self._chosen = sorted(self._waiting)[self.choices[step] if step < len(self.choices) else 0]
        self._wake.notify_all()


class TurnsBackend(MemoryBackend):
    """A backend whose calls wait for their turn."""

    turns: Turns | None = None
    lags: bool = False
    """Whether the index knows nothing yet of what was stored."""

    def load(self, session_id: str, *, is_consistent: bool = True) -> Record | None:
        """See ``Backend.load``."""
        self._take()
        return super().load(session_id, is_consistent=is_consistent)

    def replace(self, record: Record, *, seen: Record, now: int) -> Record | Refused:
        """See ``Backend.replace``."""
        self._take()
        return super().replace(record, seen=seen, now=now)

    def renew(self, record: Record, *, seen: Record, now: int) -> Record | Refused:
        """See ``Backend.renew``."""
        self._take()
        return super().renew(record, seen=seen, now=now)

    def delete(self, session_id: str, *, match: Match) -> Refused | None:
        """See ``Backend.delete``."""
        self._take()
        return super().delete(session_id, match=match)

    def of_subject(self, subject: str, *, limit: int, after: Position | None = None) -> Page:
        """See ``Backend.of_subject``."""
        self._take()
        return Page((), None) if self.lags else super().of_subject(subject, limit=limit, after=after)

    def load_with_mark(self, session_id: str, mark: str) -> tuple[Record | None, Mark | None]:
        """See ``Backend.load_with_mark``."""
        self._take()
        return super().load_with_mark(session_id, mark)

    def mark(self, name: str) -> Mark | None:
        """See ``Backend.mark``."""
        self._take()
        return super().mark(name)

    def set_mark(self, name: str, mark: Mark, *, seen: Mark | None, expires_at: int | None) -> Mark | None:
        """See ``Backend.set_mark``."""
        self._take()
        return super().set_mark(name, mark, seen=seen, expires_at=expires_at)

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
