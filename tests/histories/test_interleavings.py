"""Merging, in every order in which the calls of two and three writers can reach the store."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import cast

import pytest

from sojourn import REMOVED, Conflict, ConflictError, Session, SessionGoneError, Store
from sojourn.testing import FakeClock, memory_store
from sojourn.writing import OnConflict
from tests.histories.interleavings import Turns, TurnsBackend, every_order
from tests.mutants import Mutant


@dataclass
class Play:
    """One order: writers of one session, and what became of each."""

    turns: Turns
    data: dict[str, object]
    told: dict[str, object] = field(default_factory=dict)
    read: dict[str, dict[str, object]] = field(default_factory=dict)
    """What each of the writers found."""

    def __post_init__(self) -> None:
        self.backend = TurnsBackend()
        self.store: Store = memory_store(clock=FakeClock(), backend=self.backend)
        self.token = self.store.create(dict(self.data), subject="u").token

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
            self.told[name] = "gone" if session is None else self._outcome(verb, session)

        return work

    @staticmethod
    def _outcome(verb: Callable[[Session], object], session: Session) -> str:
        try:
            verb(session)
        except SessionGoneError:
            return "gone"
        return "done"

    def run(self, *works: Callable[[], None]) -> None:
        """All at once."""
        self.backend.turns = self.turns
        self.turns.run(works)
        self.backend.turns = None

    def stored(self) -> dict[str, object] | None:
        """The document in the end."""
        session = self.store.read(self.token, touch=False)
        return None if session is None else dict(session)


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
    """Whoever prefers its own side is never refused, and loses no key of the other."""
    play = Play(turns, {"a": 0})
    play.run(play.writer("one", on_conflict="mine", a=1, b=1), play.writer("two", on_conflict="mine", a=2, c=2))
    assert play.stored() in ({"a": 1, "b": 1, "c": 2}, {"a": 2, "b": 1, "c": 2})
    assert set(play.told.values()) == {"done"}


def theirs(turns: Turns) -> None:
    """Whoever gives way gives way where both changed, nowhere else: the first value stays, unless it had been read."""
    play = Play(turns, {"a": 0})
    play.run(play.writer("one", on_conflict="theirs", a=1, b=1), play.writer("two", on_conflict="theirs", a=2, c=2))
    assert play.stored() in ({"a": 1, "b": 1, "c": 2}, {"a": 2, "b": 1, "c": 2})
    assert set(play.told.values()) == {"done"}


def counting(turns: Turns) -> None:
    """Three who count count three."""
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
    """A writer, a rotation and a rotation: one heir, and it holds what the writer was told is stored."""
    play = Play(turns, {"a": 0})
    play.run(
        play.act("one", lambda session: _written(play.store, session, a=1)),
        play.act("two", play.store.rotate),
        play.act("three", play.store.rotate),
    )
    assert play.stored() is None
    assert {play.told["two"], play.told["three"]} == {"done", "gone"}
    (heir,) = play.store.sessions(subject="u")
    assert heir.version == (3 if play.told["one"] == "done" else 2)


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
        Mutant("sojourn.backends.memory:_holds", "current.version == seen.version and", ""),
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
    "two heirs": (
        Mutant("sojourn.backends.memory:_holds", "current.version == seen.version and", ""),
        a_rotation,
    ),
}


@pytest.mark.parametrize("scene", SCENES)
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
    with pytest.raises((AssertionError, KeyError)):
        orders(scene)


def test_the_scheduler_plays_every_order_once() -> None:
    """Three who call twice each, and once before they begin: 9! / (3! 3! 3!) orders."""
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
