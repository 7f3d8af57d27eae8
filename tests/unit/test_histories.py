"""Random histories of several clients on a faulty network: whatever happens, no answer is untrue."""

import random
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field

import pytest

from sojourn import Absence, ConflictError, Session, SessionGoneError, Settings, Store, StoreUnavailableError
from sojourn.retry import Retry
from sojourn.testing import FakeClock
from tests.unit.faulty import Fault, FaultyBackend

CLIENTS = 3
STEPS = 60
SHORTEST = 30
SKEWS = (0, -3, 2)
"""Seconds by which each client's clock is wrong."""

_FAULTS = [Fault.NONE] * 12 + [fault for fault in Fault if fault is not Fault.FORBIDDEN]


@dataclass
class Known:
    """What is known of one session to an observer of every answer."""

    id: str
    token: str
    absolute_at: int
    began_at: int
    subject: str | None
    deadline: int
    """It cannot have died before this second, unless ``may_be_ended``."""
    version: int = 1
    values: dict[str, int] = field(default_factory=dict)
    """By client's key: the last value that was acknowledged."""
    doubtful: dict[str, set[int]] = field(default_factory=dict)
    """Values that may have been stored, or not."""
    may_be_ended: bool = False
    may_be_rotated: bool = False
    """A rotation went unanswered: then no client holds the token."""
    shortened: dict[int, int] = field(default_factory=dict)
    """Deadlines that an unanswered touch with a new idle time may still set, by the one it would replace."""


class History:
    """One run: draws operations and checks every answer against what is known."""

    def __init__(self, seed: int, backend: FaultyBackend | None = None) -> None:
        self.random = random.Random(seed)  # noqa: S311  # a history, not a secret
        self.clock = FakeClock()
        self.backend = backend or FaultyBackend()
        self.backend.choose = self._fault
        self.backend.on_call = self._network
        settings = Settings(sweep_grace_seconds=0, sweep_shards=1)
        retry = Retry(sleep=lambda _seconds: None)
        self.stores = [Store(self.backend, settings, clock=self._wrong_by(skew), retry=retry) for skew in SKEWS]
        self.copies: list[Session | None] = [None] * CLIENTS
        self.dead: set[str] = set()
        self.counter = 0
        self.begin()

    def run(self) -> None:
        """Some steps, each by one of the clients."""
        steps = [self.read, self.read, self.write, self.write, self.write, self.touch, self.touch_idle]
        steps += [self.rotate, self.login]
        for _ in range(STEPS):
            client = self.random.randrange(CLIENTS)
            rare = self.random.random()
            step = self.expire if rare < 0.02 else self.wait if rare < 0.25 else self.random.choice(steps)
            with suppress(StoreUnavailableError):
                step(client)

    def begin(self) -> None:
        """A new session, now that the old one is of no use."""
        while True:
            with suppress(StoreUnavailableError):
                session = self.stores[0].create({f"k{client}": 0 for client in range(CLIENTS)})
                break
        self.known = Known(session.id, session.token, session.absolute_at, session.began_at, None, session.expires_at)
        self.known.values = {f"k{client}": 0 for client in range(CLIENTS)}
        self.known.doubtful = {f"k{client}": set() for client in range(CLIENTS)}

    def wait(self, _client: int) -> None:
        """Time passes; sometimes a sweeper comes by."""
        self.clock.advance(self.random.choice([1, 5, 30, 100, 700]))
        if self.random.random() < 0.3:
            self.stores[0].sweep(deadline=self.clock() + 60)

    def read(self, client: int) -> None:
        """Answers the newest state, or None and then for ever."""
        token = self.known.token
        found = self.stores[client].find(token, touch=self.random.random() < 0.5)
        if isinstance(found, Absence):
            self.ended(token, is_superseded=found in (Absence.SUPERSEDED, Absence.FOREIGN_KEY))
            return
        self.lives(token, client, found)
        self.copies[client] = found
        for key, value in self.known.values.items():
            assert found[key] == value or found[key] in self.known.doubtful[key], "an acknowledged write is gone"

    def write(self, client: int) -> None:
        """Each client edits its own key, so there is no conflict to be told of."""
        session = self.copies[client] or self.fetched(client)
        if session is None:
            return
        key = f"k{client}"
        self.counter += 1
        session[key] = self.counter
        self.attempt(client, session, lambda: self.stores[client].write(session))

    def rotate(self, client: int) -> None:
        """With or without pending edits."""
        self.turned(client, self.stores[client].rotate)

    def login(self, client: int) -> None:
        """A new beginning, for one subject or another."""
        subject = self.random.choice(["ada", "eve"])

        def verb(session: Session) -> None:
            self.stores[client].login(session, subject=subject, absolute=self.random.choice([None, 20_000, 60_000]))

        # By a clock that is behind and a shorter idle time, it may end sooner than it would have.
        self.known.deadline = min(self.known.deadline, self.clock() + min(SKEWS) + SHORTEST)
        session = self.turned(client, verb)
        if session is not None:
            assert session.subject == subject
            assert session.began_at == self.clock() + SKEWS[client]
            self.known.began_at, self.known.absolute_at = session.began_at, session.absolute_at

    def turned(self, client: int, verb: Callable[[Session], None]) -> Session | None:
        """Rotate or log in; the session, when that was done."""
        session = self.copies[client]
        if session is None or self.random.random() < 0.5:
            return None
        old = session.token
        if not self.attempt(client, session, lambda: verb(session), may_rotate=True):
            return None
        assert session.id == self.known.id, "it is another session"
        self.dead.add(old)
        self.known.token = session.token
        self.known.may_be_rotated = False
        # A deadline that an unanswered touch asked for is that of a former token.
        self.known.shortened, self.known.deadline = {}, session.expires_at
        return session

    def attempt(self, client: int, session: Session, verb: Callable[[], None], *, may_rotate: bool = False) -> bool:
        """Write or rotate, and judge the answer; whether it was done."""
        token, key = session.token, f"k{client}"
        value = session[key]
        assert isinstance(value, int)
        try:
            verb()
        except SessionGoneError as error:
            self.ended(token, is_superseded=error.is_superseded)
            self.copies[client] = None
            return False
        except ConflictError:
            # Only with ourselves: with an earlier value of which we were told that it may have been stored.
            assert self.known.doubtful[key], "a conflict without a cause"
            self.copies[client] = None
            return False
        except StoreUnavailableError as error:
            if error.outcome_unknown:
                self.known.doubtful[key].add(value)
                self.known.may_be_rotated |= may_rotate
            if session.token != token:  # it was stored; whether it had been ended with others could not be asked
                self.dead.add(token)
                self.copies[client] = None
                self.begin()
                raise
            # Kept or dropped, both must work.
            self.copies[client] = session if self.random.random() < 0.5 else None
            raise
        assert (
            session.version > self.known.version
            or (value == self.known.values[key] and not may_rotate)
            or (value in self.known.doubtful[key] and not may_rotate)
        ), "two writes have the same version"
        self.known.version = max(self.known.version, session.version)
        stored = session[key]
        assert stored == value or stored in self.known.doubtful[key], "another client's value in our key"
        assert isinstance(stored, int)
        self.known.values[key] = stored
        self.known.doubtful[key] = set()
        self.lives(token, client, session)
        return True

    def touch(self, client: int) -> None:
        """Only renews."""
        self.touched(client, None)

    def touch_idle(self, client: int) -> None:
        """May bring the deadline forward."""
        if self.random.random() < 0.5:
            # Hardly ever the same twice: a late request could not tell a deadline that was changed and changed back.
            self.touched(client, self.random.randrange(SHORTEST, 2_000))

    def touched(self, client: int, idle: int | None) -> None:
        """Touch and judge the answer."""
        session = self.copies[client]
        if session is None:
            return
        try:
            was_asked = self.stores[client].touch(session, idle=idle)
        except SessionGoneError as error:
            self.ended(session.token, is_superseded=error.is_superseded)
            self.copies[client] = None
            return
        except StoreUnavailableError:
            if idle is not None and session.token == self.known.token:
                shorter = self.clock() + SKEWS[client] + idle
                self.known.shortened[self.stored_deadline()] = shorter
                self.known.deadline = min(self.known.deadline, shorter)
            raise
        if was_asked:
            if idle is not None:
                self.known.deadline = session.expires_at
            self.lives(session.token, client, session)

    def expire(self, client: int) -> None:
        """Ended for everybody."""
        self.known.may_be_ended = True
        self.stores[client].expire(self.known.token)
        self.known.may_be_rotated = True  # and then it may not have been ended
        self.ended(self.known.token)

    def fetched(self, client: int) -> Session | None:
        """A fresh copy for a client that has none."""
        self.read(client)
        return self.copies[client]

    def lives(self, token: str, client: int, session: Session) -> None:
        """An answer said that ``token`` opened a session which ends when ``session`` says."""
        assert token not in self.dead, "a session came back"
        assert session.expires_at <= session.absolute_at
        assert session.expires_at > self.clock() + SKEWS[client], "a dead session was served"
        if token == self.known.token:
            shorter = self.known.shortened
            assert session.expires_at >= min([self.known.deadline, *shorter.values()]), "a deadline was brought forward"
            self.known.deadline = min(session.expires_at, shorter.get(self.stored_deadline(), session.expires_at))

    def stored_deadline(self) -> int:
        """What no client can know for sure."""
        stored = self.backend.inner.load(f"default#{self.known.id}")
        return stored.expires_at if stored else 0

    def ended(self, token: str, *, is_superseded: bool = False) -> None:
        """An answer said that ``token`` opens nothing, and maybe that another one does."""
        self.dead.add(token)
        if token == self.known.token:
            is_due = self.clock() + max(SKEWS) >= self.known.deadline
            if is_superseded:
                assert self.known.may_be_rotated, "no rotation replaced the token"
            else:
                assert is_due or self.known.may_be_ended, "a session died early"
            self.begin()

    def _wrong_by(self, seconds: int) -> Callable[[], int]:
        return lambda: self.clock() + seconds

    def _fault(self, name: str) -> Fault:
        fault = self.random.choice(_FAULTS)
        # An attempt sends one request, and a creation is attempted again under another token: so what was answered
        # does not arrive a second time. The clients' setting total_max_attempts=1 is what makes this true.
        return Fault.NONE if name == "insert" and fault is Fault.REPEATED else fault

    def _network(self) -> None:
        if self.random.random() < 0.15:
            self.backend.deliver()


@pytest.mark.parametrize("seed", range(300))
def test_whatever_happens_no_answer_is_untrue(seed: int) -> None:
    """No session comes back, dies early or outlives its deadline; no acknowledged write is lost or doubled."""
    History(seed).run()
