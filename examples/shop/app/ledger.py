"""What a click cost and did, measured while it is served, for the page that follows it. Renders nothing.

A session is stored after the handler has returned, so a page cannot show what its own click will cost: the redirect
takes it along in a cookie. Lambda serves one request at a time in an environment, so one ledger is enough.
"""

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from orders import FORMS

from sojourn import Absence, Conflict, SessionEvent, Store
from sojourn.backends.dynamodb import DynamoBackend

if TYPE_CHECKING:
    from sojourn.backends.meter import Meter

SINCE, AT_ONCE = "since", "at-once"

_COOKIE = re.compile(
    r"(?P<verb>[a-z-]+):(?P<calls>(?:[A-Za-z]+-\d{1,3}\.)*):(?P<read>\d{1,6}\.\d):(?P<written>\d{1,6}\.\d)"
    rf":(?P<events>(?:[a-z_]+\.)*):(?P<meanwhile>{SINCE}|{AT_ONCE}|)"
)


@dataclass(frozen=True, slots=True)
class Entry:
    """One click: its calls by operation, its read and write units, the outcomes of its events.

    ``meanwhile``: another request changed the cart ``SINCE`` the page was shown, or ``AT_ONCE``.
    """

    verb: str
    calls: Mapping[str, int] = field(default_factory=dict)
    read: float = 0
    written: float = 0
    events: tuple[str, ...] = ()
    meanwhile: str = ""

    def cookie(self) -> str:
        """A header's value. The browser alone holds it; it says nothing but what is measured."""
        calls = "".join(f"{name}-{count}." for name, count in self.calls.items())
        events = "".join(f"{event.replace(' ', '_')}." for event in self.events)
        value = f"{self.verb}:{calls}:{self.read:.1f}:{self.written:.1f}:{events}:{self.meanwhile}"
        return f"__Host-click={value}; Path=/; Secure; HttpOnly; SameSite=Lax"

    @classmethod
    def of(cls, cookies: Iterator[str]) -> "Entry | None":
        """The one that a browser brings; ``None`` where it is none of ours."""
        texts = [text.strip().removeprefix("__Host-click=") for text in cookies if "__Host-click=" in text]
        found = _COOKIE.fullmatch(texts[0]) if len(texts) == 1 else None
        if found is None or found["verb"] not in FORMS:
            return None
        calls = dict(part.split("-") for part in found["calls"].split(".")[:-1])
        return cls(
            found["verb"],
            {name: int(count) for name, count in calls.items()},
            float(found["read"]),
            float(found["written"]),
            tuple(event.replace("_", " ") for event in found["events"].split(".")[:-1]),
            found["meanwhile"],
        )


class Ledger:
    """What is measured of the request that is served."""

    def __init__(self) -> None:
        self._meter: Meter | None = None
        self._events: list[SessionEvent] = []
        self._meanwhile = ""

    def watch(self, store: Store) -> None:
        """Count what its client calls."""
        backend = store.resources.backend
        self._meter = backend.meter() if isinstance(backend, DynamoBackend) else None

    def note(self, event: SessionEvent) -> None:
        """The store's ``on_event``."""
        self._events.append(event)

    def open(self) -> None:
        """A request begins."""
        self._events.clear()
        self._meanwhile = ""
        if self._meter is not None:
            self._meter.taken()
            self._meter.calls_taken()

    def close(self, verb: str) -> Entry:
        """A request ends: this is what it was."""
        read, written = self._meter.taken() if self._meter else (0, 0)
        calls = self._meter.calls_taken() if self._meter else {}
        events = tuple(Counter(event.outcome.value for event in self._events))
        return Entry(verb, calls, read, written, events, self._meanwhile)

    def missed(self) -> tuple[str, Absence] | None:
        """The session that the browser's cookie no longer opens, if it did once, and why: only a demo shows that."""
        for event in self._events:
            reason = event.reason
            if event.session_id and isinstance(reason, Absence) and reason is not Absence.SUPERSEDED:
                return event.session_id, reason
        return None

    def changed_since(self) -> None:
        """Another tab changed the cart after this one showed it."""
        self._meanwhile = SINCE

    def together(self, conflict: Conflict) -> object:
        """Two tabs change the cart at once: what each of them put in is in it. The store's ``on_conflict``."""
        if conflict.key != "cart":
            return conflict.mine
        self._meanwhile = AT_ONCE
        base, mine, theirs = (
            side if isinstance(side, dict) else {} for side in (conflict.base, conflict.mine, conflict.theirs)
        )
        return {tea: mine.get(tea, 0) + theirs.get(tea, 0) - base.get(tea, 0) for tea in {**theirs, **mine}}
