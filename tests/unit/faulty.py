"""A backend behind a network that loses, repeats and delays. Knows no invariant."""

from collections import defaultdict, deque
from collections.abc import Callable, Sequence
from enum import Enum
from functools import partial
from typing import TypeVar

from sojourn import StoreUnavailableError
from sojourn.backend import Backend, Mark, Match, Page, Position, Record, Refused
from sojourn.backends.memory import MemoryBackend
from sojourn.sweep.backend import Hint, HintPage, Move, Postponement, Removal, SweepBackend

T = TypeVar("T")


class Fault(Enum):
    """What becomes of one request."""

    NONE = "carried out and answered"
    THROTTLED = "refused, surely without effect"
    FORBIDDEN = "refused, and asking again is no use"
    REQUEST_LOST = "never arrives, never answered"
    REPLY_LOST = "carried out, never answered"
    DELAYED = "not answered, carried out later"
    REPEATED = "carried out and answered, and carried out again later"


Chooser = Callable[[str], Fault]


class FaultyBackend:
    """A ``Backend`` and ``SweepBackend``, in memory unless another is given.

    Faults come from ``plan``, and where nothing was planned from ``choose``.
    """

    def __init__(self, choose: Chooser = lambda _name: Fault.NONE, *, inner: Backend | None = None) -> None:
        self.inner: Backend = inner or MemoryBackend()
        self.calls: list[str] = []
        self.on_call: Callable[[], None] = lambda: None
        self.choose = choose
        self._planned: dict[str, deque[tuple[Fault, Callable[[], object]]]] = defaultdict(deque)
        self._delayed: list[Callable[[], object]] = []

    def plan(self, name: str, *faults: Fault, meanwhile: Callable[[], object] = lambda: None) -> None:
        """What becomes of the next calls of ``name``; ``meanwhile`` happens just before each of them."""
        self._planned[name] += [(fault, meanwhile) for fault in faults]

    def deliver(self) -> None:
        """Let everything arrive that was on its way, in the order it was sent."""
        delayed, self._delayed = self._delayed, []
        for effect in delayed:
            effect()

    def _call(self, name: str, effect: Callable[[], T], *, changes: bool = True) -> T:
        self.on_call()
        fault, meanwhile = self._planned[name].popleft() if self._planned[name] else (self.choose(name), None)
        if meanwhile is not None:
            meanwhile()
        self.calls.append(name)
        if fault in (Fault.NONE, Fault.REPEATED):
            answer = effect()
            if fault is Fault.REPEATED and changes:
                self._delayed.append(effect)
            return answer
        if fault is Fault.REPLY_LOST:
            effect()
        if fault is Fault.DELAYED and changes:
            self._delayed.append(effect)
        is_refused = fault in (Fault.THROTTLED, Fault.FORBIDDEN)
        raise StoreUnavailableError(
            fault.value, outcome_unknown=changes and not is_refused, is_transient=fault is not Fault.FORBIDDEN
        )

    @property
    def sweep(self) -> "FaultyBackend":
        """See ``Backend.sweep``."""
        return self

    @property
    def _inner_sweep(self) -> SweepBackend:
        assert self.inner.sweep is not None
        return self.inner.sweep

    def insert(self, record: Record) -> Record | Refused:
        """See ``Backend.insert``."""
        return self._call("insert", partial(self.inner.insert, record))

    def load(self, session_id: str, *, is_consistent: bool = True) -> Record | None:
        """See ``Backend.load``."""
        return self._call("load", partial(self.inner.load, session_id, is_consistent=is_consistent), changes=False)

    def load_with_mark(self, session_id: str, mark: str) -> tuple[Record | None, Mark | None]:
        """See ``Backend.load_with_mark``."""
        return self._call("load_with_mark", partial(self.inner.load_with_mark, session_id, mark), changes=False)

    def document(self, record: Record) -> bytes | None:
        """See ``Backend.document``."""
        return self._call("document", partial(self.inner.document, record), changes=False)

    def replace(self, record: Record, *, seen: Record, now: int) -> Record | Refused:
        """See ``Backend.replace``."""
        return self._call("replace", partial(self.inner.replace, record, seen=seen, now=now))

    def renew(self, record: Record, *, seen: Record, now: int) -> Record | Refused:
        """See ``Backend.renew``."""
        return self._call("renew", partial(self.inner.renew, record, seen=seen, now=now))

    def delete(self, session_id: str, *, match: Match) -> Refused | None:
        """See ``Backend.delete``."""
        return self._call("delete", partial(self.inner.delete, session_id, match=match))

    def of_subject(self, subject: str, *, limit: int, after: Position | None = None) -> Page:
        """See ``Backend.of_subject``."""
        return self._call(
            "of_subject", partial(self.inner.of_subject, subject, limit=limit, after=after), changes=False
        )

    def peek(self, session_ids: Sequence[str]) -> list[Record]:
        """See ``Backend.peek``."""
        return self._call("peek", partial(self.inner.peek, session_ids), changes=False)

    def mark(self, name: str) -> Mark | None:
        """See ``Backend.mark``."""
        return self._call("mark", partial(self.inner.mark, name), changes=False)

    def set_mark(self, name: str, mark: Mark, *, seen: Mark | None, expires_at: int | None) -> Mark | None:
        """See ``Backend.set_mark``."""
        return self._call("set_mark", partial(self.inner.set_mark, name, mark, seen=seen, expires_at=expires_at))

    def due(self, shard: str, *, until: int, limit: int, after: object | None = None) -> HintPage:
        """See ``SweepBackend.due``."""
        return self._call(
            "due", partial(self._inner_sweep.due, shard, until=until, limit=limit, after=after), changes=False
        )

    def scan(self, segment: int, *, segments: int, until: int, after: object | None = None) -> HintPage:
        """See ``SweepBackend.scan``."""
        effect = partial(self._inner_sweep.scan, segment, segments=segments, until=until, after=after)
        return self._call("scan", effect, changes=False)

    def delete_stale(self, hints: Sequence[Hint], *, cutoff: int) -> Removal:
        """See ``SweepBackend.delete_stale``."""
        return self._call("delete_stale", partial(self._inner_sweep.delete_stale, hints, cutoff=cutoff))

    def postpone(self, moves: Sequence[Move]) -> Postponement:
        """See ``SweepBackend.postpone``."""
        return self._call("postpone", partial(self._inner_sweep.postpone, moves))
