"""Whether a recorded history of one session is linearizable: some order of its operations, each between its call and
its answer, in which a session that knows no concurrency would have given the same answers.

The search is Wing and Gong's (1993), with Lowe's memory (2017) of what was tried. An operation whose outcome is
unknown may take effect at any time after its call, or never.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Literal, NamedTuple, TypeAlias

_MOST_FORMER: Final = 3

Document: TypeAlias = tuple[tuple[str, int], ...]
"""Sorted keys and values."""

Shown: TypeAlias = Document | None
"""What a read answers; ``None`` where the token opens nothing."""


class State(NamedTuple):
    """A living session: what it holds, its token, the tokens before the newest first, and whether the newest of these
    was replaced by a login.
    """

    document: Document
    token: str
    former: tuple[str, ...] = ()
    is_login: bool = False


Verb: TypeAlias = Literal["read", "write", "add", "touch", "rotate", "login", "expire"]
Ending: TypeAlias = Literal["done", "gone", "superseded", "conflict", "unknown", "corrupt"]


@dataclass(frozen=True, slots=True)
class Operation:
    """One call. ``called`` and ``answered`` are seconds on one clock of all processes.

    ``edits`` are the keys that it sets, ``base`` the document that its copy was read as, ``keys`` those that a conflict
    named. ``token`` is the one that it was called with, ``new_token`` the one that a rotation or a login handed out.
    ``shown`` is what a read answers and what is stored after a rotation. A write shows a document as well, but one that
    may be newer than the write: that counts as a read at the same time.
    """

    verb: Verb
    called: float
    answered: float
    ending: Ending
    edits: Document = ()
    base: Document = ()
    shown: Shown = None
    keys: frozenset[str] = frozenset()
    token: str = ""
    new_token: str | None = None

    def outcomes(self, state: State | None) -> Iterator[State | None]:
        """The states it may leave behind if it takes effect now; none when its answer cannot be explained.

        ``None`` is the state of a session that has ended.
        """
        is_mine = state is not None and state.token == self.token
        match self.verb, self.ending:
            case ("read", "done") if self.shown == (state.document if state is not None and is_mine else None):
                yield state
            case ("expire", "done" | "unknown"):
                yield None if state is None or self._logs_out(state) else state
            case (_, "gone") if state is None:
                yield None
            case (_, "superseded") if state is not None and not is_mine:
                yield state
            case (_, "conflict") if state is not None and is_mine and self.keys == self._clashing(state.document):
                yield state
            case ("touch" | "write" | "add" | "rotate" | "login", "done" | "unknown") if state is not None and is_mine:
                yield from self._changed(state)

    def _logs_out(self, state: State) -> bool:
        """By its own token, or by one before it unless a login came between: all of a history is within seconds."""
        return state.token == self.token or (self.token in state.former and not state.is_login)

    def _changed(self, state: State) -> Iterator[State]:
        if self.verb == "write" and self._clashing(state.document):
            return
        if self.verb in ("rotate", "login"):
            if self.ending == "unknown" or self.shown == state.document:
                former = (state.token, *state.former)[:_MOST_FORMER]
                is_login = state.is_login or self.verb == "login"
                yield State(state.document, self.new_token or _lost(self), former, is_login)
            return
        document = state.document
        after = dict(document) | (_added(document, self.edits) if self.verb == "add" else dict(self.edits))
        yield state._replace(document=tuple(sorted(after.items())))

    def _clashing(self, state: Document) -> frozenset[str]:
        """The keys that others have set since the copy was read, to something else."""
        now, then = dict(state), dict(self.base)
        return frozenset(key for key, mine in self.edits if now.get(key) != then.get(key) and now.get(key) != mine)


def _lost(operation: Operation) -> str:
    """A token that an unanswered rotation may have made, and that no client holds."""
    return f"lost by {operation.token} at {operation.called}"


def _added(state: Document, steps: Document) -> dict[str, int]:
    now = dict(state)
    return {key: now.get(key, 0) + step for key, step in steps}


def is_linearizable(history: Sequence[Operation], *, initial: Document, token: str = "") -> bool:
    """Whether there is such an order, beginning with a session that holds ``initial`` and is opened by ``token``."""
    operations = sorted(history, key=lambda operation: operation.called)
    known = sum(1 << n for n, operation in enumerate(operations) if operation.ending != "unknown")
    tried: set[tuple[int, State | None]] = set()
    stack: list[tuple[int, State | None]] = [(0, State(initial, token))]
    while stack:
        done, state = stack.pop()
        if done & known == known:
            return True
        if (done, state) in tried:
            continue
        tried.add((done, state))
        # The first answer bounds what may come next: nothing that was called after it.
        bound = min(o.answered for n, o in enumerate(operations) if not done >> n & 1 and o.ending != "unknown")
        for n, operation in enumerate(operations):
            if operation.called > bound:
                break
            if not done >> n & 1:
                stack += [(done | 1 << n, after) for after in operation.outcomes(state)]
    return False
