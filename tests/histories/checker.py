"""Whether a recorded history of one session is linearizable: some order of its operations, each between its call and
its answer, in which a session that knows no concurrency would have given the same answers.

The search is Wing and Gong's (1993), with Lowe's memory (2017) of what was tried. An operation whose outcome nobody
knows may take effect at any time after its call, or never.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

Document: TypeAlias = tuple[tuple[str, int], ...]
"""Sorted keys and values."""

State: TypeAlias = Document | None
"""What the token opens; ``None`` once it opens nothing."""

Verb: TypeAlias = Literal["read", "write", "add", "touch", "rotate", "expire"]
Ending: TypeAlias = Literal["done", "gone", "conflict", "unknown", "corrupt"]


@dataclass(frozen=True, slots=True)
class Operation:
    """One call. ``called`` and ``answered`` are seconds on one clock of all processes.

    ``edits`` are the keys that it sets, ``base`` the document that its copy was read as, ``keys`` those that a conflict
    named. ``shown`` is what a read answers and what an heir holds. A write shows a document as well, but one that may
    be newer than the write: that counts as a read at the same time.
    """

    verb: Verb
    called: float
    answered: float
    ending: Ending
    edits: Document = ()
    base: Document = ()
    shown: State = None
    keys: frozenset[str] = frozenset()

    def outcomes(self, state: State) -> Iterator[State]:
        """The states it may leave behind if it takes effect now; none when its answer cannot be explained."""
        match self.verb, self.ending:
            case ("read", "done") if state == self.shown:
                yield state
            case ("expire", "done" | "unknown"):
                yield None
            case (_, "gone") if state is None:
                yield None
            case (_, "conflict") if state is not None and self.keys == self._clashing(state):
                yield state
            case ("touch" | "write" | "add" | "rotate", "done" | "unknown") if state is not None:
                yield from self._changed(state)

    def _changed(self, state: Document) -> Iterator[State]:
        if self.verb == "write" and self._clashing(state):
            return
        if self.verb == "rotate":
            if self.ending == "unknown" or self.shown == state:
                yield None
            return
        after = dict(state) | (_added(state, self.edits) if self.verb == "add" else dict(self.edits))
        yield tuple(sorted(after.items()))

    def _clashing(self, state: Document) -> frozenset[str]:
        """The keys that others have set since the copy was read, to something else."""
        now, then = dict(state), dict(self.base)
        return frozenset(key for key, mine in self.edits if now.get(key) != then.get(key) and now.get(key) != mine)


def _added(state: Document, steps: Document) -> dict[str, int]:
    now = dict(state)
    return {key: now.get(key, 0) + step for key, step in steps}


def is_linearizable(history: Sequence[Operation], *, initial: Document) -> bool:
    """Whether there is such an order, beginning with a session that holds ``initial``."""
    operations = sorted(history, key=lambda operation: operation.called)
    known = sum(1 << n for n, operation in enumerate(operations) if operation.ending != "unknown")
    tried: set[tuple[int, State]] = set()
    stack: list[tuple[int, State]] = [(0, initial)]
    while stack:
        done, state = stack.pop()
        if done & known == known:
            return True
        if (done, state) in tried:
            continue
        tried.add((done, state))
        # Whoever was answered first bounds who may come next: nobody who was called after that.
        bound = min(o.answered for n, o in enumerate(operations) if not done >> n & 1 and o.ending != "unknown")
        for n, operation in enumerate(operations):
            if operation.called > bound:
                break
            if not done >> n & 1:
                stack += [(done | 1 << n, after) for after in operation.outcomes(state)]
    return False
