"""Merging, in every order in which the calls of two and three writers can reach the store."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import cast

import pytest

from sojourn import REMOVED, Conflict, ConflictError, Session, SessionGoneError, Settings, Store, StoreUnavailableError
from sojourn.subjects import BulkExpiry
from sojourn.testing import FakeClock, memory_store
from sojourn.writing import OnConflict
from tests.proofs.histories.interleavings import Turns, TurnsBackend, every_order
from tests.support.mutants import Mutant


@dataclass
class Play:
    """One order: writers of one session, and what became of each."""

    turns: Turns
    data: dict[str, object]
    subject: str | None = "u"
    is_strict: bool = False
    lags: bool = False
    age: int = 1
    """Seconds since the session was created."""
    told: dict[str, object] = field(default_factory=dict)
    read: dict[str, dict[str, object]] = field(default_factory=dict)
    """What each of the writers found."""
    held: dict[str, Session] = field(default_factory=dict)
    """The copies, as they are in the end."""

    def __post_init__(self) -> None:
        self.backend = TurnsBackend()
        self.backend.lags = self.lags
        settings = Settings(strict_expire_all=self.is_strict)
        self.clock = FakeClock()
        self.store: Store = memory_store(clock=self.clock, backend=self.backend, settings=settings)
        self.store.not_before()  # read once a minute: not in here
        session = self.store.create(dict(self.data), subject=self.subject)
        self.id, self.token = session.id, session.token
        self.clock.advance(self.age)

    def writer(self, name: str, *, on_conflict: OnConflict = "raise", **values: object) -> Callable[[], None]:
        """Reads, sets ``values`` (``REMOVED`` removes) and writes."""

        def work() -> None:
            session = self.store.read(self.token, touch=False)
            assert session is not None
            self.read[name] = dict(session)
            for key, value in values.items():
                if value is REMOVED:
                    del session[key]
                else:
                    session[key] = value
            try:
                self.store.write(session, on_conflict=on_conflict)
            except ConflictError as error:
                self.told[name] = error.keys
            else:
                self.told[name] = "done"

        return work

    def adder(self, name: str) -> Callable[[], None]:
        """Counts with a function of its own."""

        def work() -> None:
            session = self.store.read(self.token, touch=False)
            assert session is not None
            session["n"] = cast("int", session["n"]) + 1
            self.store.write(session, on_conflict=added)
            self.told[name] = "done"

        return work

    def act(self, name: str, verb: Callable[[Session], object]) -> Callable[[], None]:
        """Reads, and does something else with the session."""

        def work() -> None:
            session = self.store.read(self.token, touch=False)
            self.told[name] = "gone" if session is None else self._outcome(name, verb, session)

        return work

    def _outcome(self, name: str, verb: Callable[[Session], object], session: Session) -> str:
        self.held[name] = session
        try:
            verb(session)
        except SessionGoneError as error:
            return "superseded" if error.is_superseded else "gone"
        return "done"

    def call(self, name: str, verb: Callable[[], object]) -> Callable[[], None]:
        """Something that needs no copy."""

        def work() -> None:
            self.told[name] = verb()

        return work

    def run(self, *works: Callable[[], None]) -> None:
        """All at once."""
        self.backend.turns = self.turns
        self.turns.run(works)
        self.backend.turns = None

    def stored(self, name: str | None = None) -> dict[str, object] | None:
        """The document in the end, by the first token or by the one that a copy holds."""
        session = self.store.read(self.held[name].token if name else self.token, touch=False)
        return None if session is None else dict(session)

    def winner(self, *names: str) -> str:
        """The one of these that was done; the others came too late."""
        done = [name for name in names if self.told[name] == "done"]
        assert len(done) == 1, "several tokens were handed out"
        (won,) = done
        assert {self.told[name] for name in names if name != won} <= {"superseded", "gone"}
        return won


def added(conflict: Conflict) -> object:
    """Both."""
    return cast("int", conflict.mine) + cast("int", conflict.theirs) - cast("int", conflict.base)


def orders(scene: Callable[[Turns], None]) -> int:
    """How many orders there are; each has been played."""
    return sum(1 for _ in every_order(scene))


def different_keys(turns: Turns) -> None:
    """Three writers, three keys, one of them removed."""
    play = Play(turns, {"a": 0, "b": 0, "c": 0})
    play.run(play.writer("one", a=1), play.writer("two", b=2), play.writer("three", c=REMOVED))
    assert play.stored() == {"a": 1, "b": 2}
    assert set(play.told.values()) == {"done"}


def the_same_key(turns: Turns) -> None:
    """Two writers of one key, each with one of its own: a conflict names the one key, or there was none."""
    play = Play(turns, {"a": 0})
    play.run(play.writer("one", a=1, b=1), play.writer("two", a=2, c=2))
    if play.read["one"]["a"] == play.read["two"]["a"]:
        assert set(play.told.values()) == {"done", frozenset("a")}
        assert play.stored() == ({"a": 1, "b": 1} if play.told["one"] == "done" else {"a": 2, "c": 2})
    else:  # one after the other: the later one had read what the first wrote
        assert set(play.told.values()) == {"done"}
        assert play.stored() == {"a": 1 if play.read["one"]["a"] == 2 else 2, "b": 1, "c": 2}


def several_keys(turns: Turns) -> None:
    """A conflict names every key that clashes and none that does not, also not one set to the same value."""
    play = Play(turns, {"a": 0, "b": 0, "same": 0})
    play.run(play.writer("one", a=1, b=1, same=9, x=1), play.writer("two", a=2, b=REMOVED, same=9, y=2))
    for told in play.told.values():
        assert told in ("done", frozenset("ab"))
    stored = play.stored()
    assert stored is not None
    assert stored["same"] == 9


def mine(turns: Turns) -> None:
    """A writer that prefers its own side is never refused, and loses no key of the other."""
    play = Play(turns, {"a": 0})
    play.run(play.writer("one", on_conflict="mine", a=1, b=1), play.writer("two", on_conflict="mine", a=2, c=2))
    assert play.stored() in ({"a": 1, "b": 1, "c": 2}, {"a": 2, "b": 1, "c": 2})
    assert set(play.told.values()) == {"done"}


def theirs(turns: Turns) -> None:
    """A writer that gives way does so where both changed, nowhere else: the first value stays, unless it was read."""
    play = Play(turns, {"a": 0})
    play.run(play.writer("one", on_conflict="theirs", a=1, b=1), play.writer("two", on_conflict="theirs", a=2, c=2))
    assert play.stored() in ({"a": 1, "b": 1, "c": 2}, {"a": 2, "b": 1, "c": 2})
    assert set(play.told.values()) == {"done"}


def counting(turns: Turns) -> None:
    """Three that count count three."""
    play = Play(turns, {"n": 5})
    play.run(play.adder("one"), play.adder("two"), play.adder("three"))
    assert play.stored() == {"n": 8}


def an_end(turns: Turns) -> None:
    """Two writers and an end: dead in the end, whatever they were told."""
    play = Play(turns, {"a": 0})
    play.run(
        play.act("one", lambda session: _written(play.store, session, a=1)),
        play.act("two", lambda session: play.store.touch(session, idle=900)),
        play.act("three", play.store.expire),
    )
    assert play.stored() is None
    assert play.told["three"] == "done"


def a_rotation(turns: Turns) -> None:
    """A writer, a rotation and a rotation: one new token, and it opens what the writer was told is stored."""
    play = Play(turns, {"a": 0})
    play.run(
        play.act("one", lambda session: _written(play.store, session, a=1)),
        play.act("two", play.store.rotate),
        play.act("three", play.store.rotate),
    )
    won = play.winner("two", "three")
    assert play.stored() is None
    assert play.stored(won) == {"a": 1 if play.told["one"] == "done" else 0}
    (listed,) = play.store.sessions(subject="u")
    assert (listed.id, listed.version) == (play.id, 3 if play.told["one"] == "done" else 2)


def a_reload(turns: Turns) -> None:
    """A login puts something in beside a renewal and a second read: what they show is not what the login put there."""
    play = Play(turns, {"a": 0}, subject=None)
    seen: list[dict[str, object] | None] = []

    def again(session: Session) -> None:
        play.store.refresh(session)
        seen.append(dict(session))

    def shown() -> None:
        session = play.store.read(play.token)
        seen.append(None if session is None else dict(session))

    play.run(
        play.act("login", lambda session: _logged_in(play.store, session, secret=1)),
        play.act("refresh", again),
        play.call("read", shown),
    )
    assert play.told["login"] == "done"
    assert all(found in (None, {"a": 0}) for found in seen), "a superseded token was shown what came after"
    assert play.stored("login") == {"a": 0, "secret": 1}
    assert play.stored() is None


def late_changes(turns: Turns) -> None:
    """A login beside a write and a touch with the token before: they came first, or they changed nothing."""
    play = _changed_late(turns, lambda store, session: store.login(session, subject="u"))
    found = play.store.read(play.held["turn"].token, touch=False)
    assert found is not None
    assert (found.began_at, found.created_at) == (play.clock(), play.clock() - 1)


def late_changes_of_a_rotation(turns: Turns) -> None:
    """The same beside a rotation, which leaves the lifetime as it is."""
    _changed_late(turns, Store.rotate, age=0)  # so that the deadline does not tell a late touch either


def _changed_late(turns: Turns, verb: Callable[[Store, Session], object], *, age: int = 1) -> Play:
    play = Play(turns, {"a": 0}, subject=None, age=age)
    play.run(
        play.act("write", lambda session: _written(play.store, session, a=1)),
        play.act("touch", lambda session: play.store.touch(session, idle=60)),
        play.act("turn", lambda session: verb(play.store, session)),
    )
    assert play.told["turn"] == "done"
    assert play.stored("turn") == {"a": 1 if play.told["write"] == "done" else 0}
    found = play.store.read(play.held["turn"].token, touch=False)
    assert found is not None
    assert found.idle == (60 if play.told["touch"] == "done" else 1_800)
    # Each ends with its last call, so this is the order of these.
    late = list(play.told)[list(play.told).index("turn") + 1 :]
    assert all(play.told[name] in ("superseded", "gone") for name in late), "a superseded request changed something"
    return play


def a_shorter_stay(turns: Turns) -> None:
    """A renewal beside a touch that moves the absolute deadline: it does not lead past it."""
    play = Play(turns, {"a": 0}, age=400)
    play.run(
        play.act("touch", play.store.touch),
        play.act("shorter", lambda session: play.store.touch(session, absolute=500)),
    )
    found = play.store.read(play.token, touch=False)
    assert found is not None
    assert set(play.told.values()) == {"done"}
    assert found.absolute_at == found.created_at + 500
    assert found.expires_at <= found.absolute_at, "a late touch passed the absolute deadline"


def a_logout(turns: Turns) -> None:
    """A logout beside a rotation and a writer: it holds, whichever token the session has by then."""
    play = Play(turns, {"a": 0})
    play.run(
        play.act("write", lambda session: _written(play.store, session, a=1)),
        play.act("rotate", play.store.rotate),
        play.call("logout", lambda: play.store.expire(play.token)),
    )
    assert play.told["logout"] is True
    assert play.backend.load(f"default#{play.id}") is None, "a logout was lost"


def a_logout_beside_a_login(turns: Turns) -> None:
    """A login is not undone by the logout of the time before it, but may come too late itself."""
    play = Play(turns, {"a": 0}, subject=None)
    play.run(
        play.act("login", lambda session: play.store.login(session, subject="u")),
        play.call("logout", lambda: play.store.expire(play.token)),
        play.call("again", lambda: play.store.expire(play.token)),
    )
    has_ended = True in (play.told["logout"], play.told["again"])
    assert play.told["login"] == ("gone" if has_ended else "done")
    assert (play.backend.load(f"default#{play.id}") is None) == has_ended, "a login was undone"


def a_thief(turns: Turns) -> None:
    """All sessions are ended while a thief rotates: it does not get away."""
    play = Play(turns, {"a": 0})

    def rotates(session: Session) -> None:
        for _ in range(2):
            play.store.rotate(session)

    play.run(
        play.act("thief", rotates),
        play.call("owner", lambda: play.store.expire_all(subject="u")),
    )
    assert play.told["owner"] == BulkExpiry(1)
    assert play.backend.load(f"default#{play.id}") is None, "the thief got away"


def a_thief_and_a_lagging_index(turns: Turns) -> None:
    """The same in strict mode, where the index does not know of the session yet."""
    _does_not_get_away(turns, Store.rotate)


def a_login_and_a_lagging_index(turns: Turns) -> None:
    """A thief that knows the password too, and logs in as the same subject."""
    _does_not_get_away(turns, lambda store, session: store.login(session, subject="u"))


def _does_not_get_away(turns: Turns, verb: Callable[[Store, Session], object]) -> None:
    play = Play(turns, {"a": 0}, is_strict=True, lags=True)
    play.run(
        play.act("thief", lambda session: verb(play.store, session)),
        play.call("owner", lambda: play.store.expire_all(subject="u")),
    )
    tokens = [play.token, *[session.token for session in play.held.values()]]
    assert [play.store.read(token) for token in tokens] == [None] * len(tokens), "the thief got away"


def another_subject_and_a_lagging_index(turns: Turns) -> None:
    """In strict mode a session becomes another subject's while all of the one before are ended: before, or never."""
    play = Play(turns, {"a": 0}, is_strict=True, lags=True)
    play.run(
        play.act("login", lambda session: play.store.login(session, subject="v")),
        play.call("owner", lambda: play.store.expire_all(subject="u")),
    )
    is_alive = "login" in play.held and play.store.read(play.held["login"].token) is not None
    assert is_alive == (play.told["login"] == "done")
    assert not is_alive or list(play.told) == ["login", "owner"], "a login came after the end of all, and it lives"


def a_first_subject_and_a_lagging_index(turns: Turns) -> None:
    """In strict mode a visitor logs in while all sessions of that subject are ended: what is done last lives."""
    play = Play(turns, {"a": 0}, subject=None, is_strict=True, lags=True)
    play.run(
        play.act("login", lambda session: play.store.login(session, subject="u")),
        play.call("owner", lambda: play.store.expire_all(subject="u")),
    )
    is_done = play.told["login"] == "done"
    is_alive = play.store.read(play.held["login"].token) is not None
    assert is_alive <= is_done
    assert is_alive == is_done or list(play.told) == ["login", "owner"], "a login that was done last is over"


def _logged_in(store: Store, session: Session, **values: object) -> None:
    session.update(values)
    store.login(session, subject="u")


def _written(store: Store, session: Session, **values: object) -> None:
    session.update(values)
    store.write(session)


SCENES: dict[str, tuple[Callable[[Turns], None], int]] = {
    "different keys": (different_keys, 1_000),
    "the same key": (the_same_key, 10),
    "several keys": (several_keys, 10),
    "mine": (mine, 10),
    "theirs": (theirs, 10),
    "counting": (counting, 1_000),
    "an end": (an_end, 100),
    "a rotation": (a_rotation, 100),
    "a reload": (a_reload, 50),
    "late changes": (late_changes, 100),
    "late changes of a rotation": (late_changes_of_a_rotation, 100),
    "a shorter stay": (a_shorter_stay, 5),
    "a logout": (a_logout, 20),
    "a logout beside a login": (a_logout_beside_a_login, 10),
    "a thief": (a_thief, 20),
    "a thief and a lagging index": (a_thief_and_a_lagging_index, 20),
    "a login and a lagging index": (a_login_and_a_lagging_index, 20),
    "another subject and a lagging index": (another_subject_and_a_lagging_index, 20),
    "a first subject and a lagging index": (a_first_subject_and_a_lagging_index, 20),
}

MUTANTS = {
    "a merge takes the whole document": (
        Mutant("sojourn.writing:Writer._merged", "return merge.document", "return wanted"),
        different_keys,
    ),
    "a merge gives up": (
        Mutant("sojourn.writing:Writer._merged", "return merge.document", "return theirs"),
        different_keys,
    ),
    "conflicts pass": (Mutant("sojourn.writing:Writer._merged", 'rule.on_conflict == "raise"', "False"), the_same_key),
    "a conflict names every key": (
        Mutant("sojourn.writing:Writer._merged", "keys=merge.conflicts", "keys=frozenset(mine.by_key)"),
        several_keys,
    ),
    "a conflict names one key": (
        Mutant("sojourn.writing:Writer._merged", "keys=merge.conflicts", "keys=frozenset(sorted(merge.conflicts)[:1])"),
        several_keys,
    ),
    "no version is compared": (
        Mutant("sojourn.backends.memory:MemoryBackend.replace", "current.version != seen.version or", ""),
        different_keys,
    ),
    "counted by the first guess": (
        Mutant("sojourn.writing:Writer._merged", "on_conflict=_judge(rule.on_conflict)", 'on_conflict="mine"'),
        counting,
    ),
    "the dead are written to": (
        Mutant("sojourn.backends.memory:MemoryBackend.delete", "del self._records[session_id]", "pass"),
        an_end,
    ),
    "two tokens": (
        Mutant(
            "sojourn.backends.memory:MemoryBackend.replace",
            "current.version != seen.version or not _is_mine(seen, current, now)",
            "current.expires_at <= now",
        ),
        a_rotation,
    ),
    "a rotation is no rotation": (
        Mutant(
            "sojourn.writing:Writer._next",
            "token_hash=token.hash(namespace=self._namespace.name)",
            "token_hash=seen.token_hash",
        ),
        a_rotation,
    ),
    "a late touch is done": (
        Mutant(
            "sojourn.backends.memory:_is_mine",
            "seen.token_hash, seen.absolute_at",
            "current.token_hash, seen.absolute_at",
        ),
        late_changes_of_a_rotation,
    ),
    "a late touch passes the absolute deadline": (
        Mutant(
            "sojourn.backends.memory:_is_mine",
            "current.token_hash, current.absolute_at",
            "current.token_hash, seen.absolute_at",
        ),
        a_shorter_stay,
    ),
    "what is stored under an id is the bearer's": (
        Mutant(
            "sojourn.protocol:SessionProtocol._judged",
            "if not compare_digest(record.token_hash, bearer.token_hash):",
            "if False:",
        ),
        a_reload,
    ),
    "what was refused is merged with": (
        Mutant(
            "sojourn.protocol:SessionProtocol._judged",
            "if not compare_digest(record.token_hash, bearer.token_hash):",
            "if False:",
        ),
        late_changes,
    ),
    "a login keeps the beginning": (
        Mutant("sojourn.protocol:SessionProtocol._timed", "began_at=now", "began_at=record.began_at - 1"),
        late_changes,
    ),
    "a login is created anew": (
        Mutant(
            "sojourn.writing:Writer._next",
            "epoch=change.login.epoch,",
            "epoch=change.login.epoch, created_at=change.login.began_at,",
        ),
        late_changes,
    ),
    "a logout in flight is lost": (
        Mutant("sojourn.protocol:SessionProtocol.expire", "if not may_log_out(", "if True or not may_log_out("),
        a_logout,
    ),
    "a logout in flight undoes a login": (
        Mutant(
            "sojourn.protocol:SessionProtocol.expire",
            "may_log_out(current, bearer.token_hash, now=self._clock())",
            "is_superseded(current, bearer.token_hash, arrived_at=self._clock())",
        ),
        a_logout_beside_a_login,
    ),
    "a logout asks for no token": (
        Mutant(
            "sojourn.protocol:SessionProtocol.expire",
            "match = Match(token_hash=bearer.token_hash)",
            "match = Match(token_hash=(self._loaded(bearer.key, is_consistent=True) or bearer).token_hash)",
        ),
        a_logout_beside_a_login,
    ),
    "a rotating thief gets away": (
        Mutant(
            "sojourn.subjects:Subjects._ended",
            "match=Match(subject=owner)",
            "match=Match(token_hash=(self._backend.load(key) or _none()).token_hash)",
        ),
        a_thief,
    ),
    "no look at the epoch before a login": (
        Mutant("sojourn.changing:Changer._login", "self._demand_current(before)\n", "pass\n"),
        a_login_and_a_lagging_index,
    ),
    "the new epoch is read after that": (
        Mutant(
            "sojourn.changing:Changer._login",
            "Login(owner, name, epoch, ",
            "Login(owner, name, self._epoch_name(owner), ",
        ),
        a_login_and_a_lagging_index,
    ),
    "no second look at the epoch before": (
        Mutant("sojourn.changing:Changer._login", "if before.record.subject not in (None, owner):", "if False:"),
        another_subject_and_a_lagging_index,
    ),
    "no look at the epoch after": (
        Mutant("sojourn.changing:Changer._write", "self._demand_current(snapshot, outcome_unknown=True)", "pass"),
        a_first_subject_and_a_lagging_index,
    ),
}


_LONG = ("different keys", "counting", "late changes", "late changes of a rotation")
"""What waits for the slow suite."""


@pytest.mark.parametrize(
    "scene", [pytest.param(name, marks=pytest.mark.slow) if name in _LONG else name for name in SCENES]
)
def test_every_order_of_calls_gives_what_was_promised(scene: str) -> None:
    """There are as many as one thinks: the scheduler left none out."""
    play, at_least = SCENES[scene]
    played = orders(play)
    print(f"{scene}: {played} orders")  # noqa: T201  # `pytest -rP` shows the figures
    assert played >= at_least


@pytest.mark.parametrize("mutant", MUTANTS)
def test_some_order_finds_the_mistake(mutant: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each of these is wrong in some of the orders."""
    mistake, scene = MUTANTS[mutant]
    mistake.apply(monkeypatch)
    with pytest.raises((AssertionError, KeyError, StoreUnavailableError)):
        orders(scene)


def test_the_scheduler_plays_every_order_once() -> None:
    """Three that call twice each, and once before they begin: 9! / (3! 3! 3!) orders."""
    seen = []

    def scene(turns: Turns) -> None:
        calls: list[int] = []

        def work(name: int) -> Callable[[], None]:
            def twice() -> None:
                calls.append(name)
                for _ in range(2):
                    turns.take()
                    calls.append(name)

            return twice

        turns.run([work(name) for name in range(3)])
        seen.append(tuple(calls))

    assert orders(scene) == 1_680
    assert len(set(seen)) == 1_680
