"""What can be true of one session to somebody who saw every answer. Calls nothing."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal, NamedTuple

Document = Mapping[str, int]
Parts = frozenset[tuple[str, int]]

Policy = Literal["raise", "mine", "theirs", "add"]
"""What a writer wants of a key that others changed, too; ``add`` is a function that counts in ``n``."""


_WHATEVER = 10**12
"""Later than any deadline."""


class World(NamedTuple):
    """One state that a session may be in: what it holds, and which of our unanswered writes are in it."""

    parts: Parts
    version: int
    landed: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class Edit:
    """What a writer asked for: from ``base`` to ``wanted``, built upon ``version``."""

    base: Document
    wanted: Document
    version: int
    policy: Policy = "raise"
    is_merged: bool = True
    has_more: bool = False
    """There is more to store than the document, so it is stored also when that holds everything already."""
    until: int | None = None
    """The latest version that an attempt of it can have built upon, once it has gone unanswered."""

    def on(self, theirs: Document) -> dict[str, int] | frozenset[str]:
        """The document to store on top of ``theirs``, or the keys that clash."""
        if not self.is_merged and dict(theirs) != dict(self.wanted):
            return self._keys()
        combined, clashes = dict(theirs), set()
        for key in self._keys():
            base, mine, other = (document.get(key) for document in (self.base, self.wanted, theirs))
            value = mine
            if self.policy == "add":
                value = (mine or 0) + (other or 0) - (base or 0) if key == "n" else mine
            elif other not in (base, mine):
                clashes.add(key)
                value = other if self.policy == "theirs" else mine
            combined.pop(key, None)
            if value is not None:
                combined[key] = value
        return frozenset(clashes) if clashes and self.policy == "raise" else combined

    def _keys(self) -> frozenset[str]:
        return frozenset(k for k in {*self.base, *self.wanted} if self.base.get(k) != self.wanted.get(k))


class Deadlines(NamedTuple):
    """What is known of a session's deadline after so many ``answers``."""

    earliest: int
    latest: int
    answers: int


@dataclass(slots=True)
class Life:
    """A session by one token. Every method checks an answer against what is known, and learns from it."""

    token: str
    id: str
    subject: str | None
    worlds: set[World]
    absolute_at: int
    deadline: int
    """The last one that an answer gave."""
    is_dead: bool = False
    """Somebody was told so."""
    may_be_ended: bool = False
    damaged_at: int | None = None
    """The version whose document was spoiled."""
    passed: set[World] = field(default_factory=set)
    """The worlds that were possible since the call began that is under way."""
    pending: dict[int, Edit] = field(default_factory=dict)
    """Writes that went unanswered and may still take effect."""
    answers: int = 0
    """How many have told of the deadline."""
    later: list[int] = field(default_factory=list)
    """Deadlines that uses of it may have set, or may still set."""
    shorter: list[tuple[int, int]] = field(default_factory=list)
    """Deadlines that unanswered changes of the idle time may still set, and the latest one each may have seen."""

    def possible(self) -> set[World]:
        """Its worlds, with whatever is under way having arrived or not."""
        found, fresh = set(self.worlds), set(self.worlds)
        while fresh:
            fresh = {after for world in fresh for after in self._next(world)} - found
            found |= fresh
        return found

    def _next(self, world: World) -> Iterator[World]:
        for number, edit in self.pending.items():
            is_late = edit.until is not None and world.version > edit.until
            if number in world.landed or world.version < edit.version or is_late:
                continue
            stored = edit.on(dict(world.parts)) if world.version > edit.version else dict(edit.wanted)
            if isinstance(stored, dict) and (edit.has_more or frozenset(stored.items()) != world.parts):
                yield World(frozenset(stored.items()), world.version + 1, world.landed | {number})

    # ---- answers

    def lives(self, *, expires_at: int, now: int, before: "Deadlines | None" = None) -> None:
        """An answer said so to a client whose time is ``now``, and ``before`` was known when it asked."""
        before = before or self.deadlines()
        is_newest = before.answers == self.answers
        assert not self.is_dead, "a session came back"
        assert now < before.latest or not is_newest, "a session past its deadline was served"
        assert now < expires_at, "a session was served that is past its deadline"
        assert expires_at <= self.absolute_at, "the absolute deadline was passed"
        assert expires_at <= self.latest(), "a deadline that nobody asked for"
        assert expires_at >= min(before.earliest, self.earliest()), "a deadline was brought forward"
        self.answers += 1
        if not is_newest:  # somebody asked later and was answered before: who knows which came first
            self.later.append(max(self.deadline, expires_at))
            self.deadline = min(self.deadline, expires_at)
            return
        self.deadline = expires_at
        self.later = [deadline for deadline in self.later if deadline > expires_at]
        self.shorter = [(deadline, seen) for deadline, seen in self.shorter if seen >= expires_at]

    def earliest(self) -> int:
        """It cannot have died before this second, unless it ``may_be_ended``."""
        return min([self.deadline, *(deadline for deadline, _ in self.shorter)])

    def latest(self) -> int:
        """Its deadline is not later than this."""
        return max([self.deadline, *self.later])

    def deadlines(self) -> "Deadlines":
        """What is known by now."""
        return Deadlines(self.earliest(), self.latest(), self.answers)

    def is_used_until(self, deadline: int) -> "Deadlines":
        """It is about to be renewed to ``deadline`` at the most; answers what was known before."""
        before = self.deadlines()
        self.later.append(deadline)
        return before

    def shows(self, document: Document, version: int) -> None:
        """An answer gave this document."""
        seen = {w for w in self.possible() if w.parts == frozenset(document.items()) and w.version == version}
        assert seen, f"{dict(document)} at version {version} is none of {self.possible()}"
        assert self.damaged_at is None or version > self.damaged_at, "what was spoiled is shown"
        self.passed |= self.possible()
        self.worlds = seen

    def is_corrupt(self) -> None:
        """An answer said so."""
        assert self.damaged_at is not None, "a sound session is called corrupt"

    def is_gone(self, *, latest_now: int) -> None:
        """An answer said that the token opens nothing; ``latest_now`` is the time by the clock most ahead."""
        may_have_died = self.may_be_ended or latest_now >= self.earliest()
        assert self.is_dead or may_have_died, "a session died early"
        self.is_dead = True

    def stored(self, number: int, document: Document, version: int) -> set[World]:
        """An answer said that the pending edit ``number`` was stored, as ``document``; what that leaves possible."""
        edit, now = self.pending[number], self.possible()
        fitting = {
            world
            for world in now | self.passed
            if world.parts == frozenset(document.items())
            and world.version == version
            and (number in world.landed or (not edit.has_more and edit.on(dict(world.parts)) == dict(world.parts)))
        }
        assert fitting, f"{dict(document)} at version {version} cannot come of {edit} on {self.worlds}"
        # Others may have built upon it before the answer came: then it is in what they built, if it had to be stored.
        is_stored = all(number in world.landed for world in fitting)
        worlds = fitting & now or {world for world in now if number in world.landed or not is_stored}
        assert worlds, f"{edit} was lost"
        del self.pending[number]
        return worlds

    def clashes(self, number: int, keys: frozenset[str]) -> None:
        """An answer said that the pending edit ``number`` clashed and was not stored."""
        edit = self.pending.pop(number)
        now = self.possible()
        fitting = {
            world
            for world in now | self.passed
            if world.version > edit.version and number not in world.landed and edit.on(dict(world.parts)) == keys
        }
        assert fitting, f"a conflict over {set(keys)} of {edit} with none of {now}"
        self.worlds = fitting & now or {world for world in now if number not in world.landed}
        assert self.worlds, f"a conflict is told of {edit}, which was stored"

    def is_unanswered(self, number: int, *, may_have_happened: bool) -> None:
        """Nobody knows what became of the pending edit ``number``, unless it surely did not happen."""
        edit = self.pending.pop(number)
        if may_have_happened:
            self.pending[number] = replace(edit, until=max(world.version for world in self.possible()))

    def may_die_at(self, deadline: int) -> None:
        """Its idle time is about to be changed."""
        self.shorter.append((deadline, _WHATEVER))

    def does_not_die_at(self, deadline: int) -> None:
        """That change was answered, one way or the other."""
        self.shorter = [(other, seen) for other, seen in self.shorter if (other, seen) != (deadline, _WHATEVER)]

    def may_still_die_at(self, deadline: int) -> None:
        """That change went unanswered; it may still be made as long as nobody else moves the deadline."""
        self.does_not_die_at(deadline)
        self.shorter.append((deadline, self.latest()))
