"""What can be true of one session to an observer of every answer. Calls nothing."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal, NamedTuple

from sojourn import Absence

Document = Mapping[str, int]
Parts = frozenset[tuple[str, int]]

Policy = Literal["raise", "mine", "theirs", "add"]
"""What a writer wants of a key that others changed, too; ``add`` is a function that counts in ``n``."""

WINDOW = 10
"""For so many seconds after a rotation its former token is that of a request in flight."""

_MOST_FORMER = 3
_CLOCK_ERROR = 5
WHATEVER = 10**12
"""Later than any deadline."""


class Identity(NamedTuple):
    """Which token opens a session, whose the session is, and since when. Tokens are numbers; 0 is the first."""

    token: int = 0
    former: tuple[int, ...] = ()
    rotated_at: int | None = None
    subject: str | None = None
    label: str | None = None
    began_at: int = 0

    def after(self, turn: "Turn", token: int) -> "Identity":
        """What a rotation or a login makes of it."""
        is_recent = self.rotated_at is not None and turn.at - self.rotated_at <= WINDOW
        former = (self.token, *(self.former if is_recent else ()))[:_MOST_FORMER]
        rotated = self._replace(token=token, former=former, rotated_at=turn.at)
        if not turn.is_login:
            return rotated
        label = self.label if turn.keeps_label else turn.label
        return rotated._replace(subject=turn.subject, label=label, began_at=turn.at)

    def absence(self, token: int, *, arrived_at: int) -> Absence | None:
        """Why a request with this token finds no session here; ``None`` when it finds it."""
        if token == self.token:
            return None
        is_recent = self.rotated_at is not None and arrived_at <= self.rotated_at + WINDOW
        return Absence.SUPERSEDED if is_recent and token in self.former else Absence.FOREIGN_KEY

    def is_logged_out_by(self, token: int, *, now: int) -> bool:
        """Whether a logout with this token ends the session: its own, or one that was in flight and no login since."""
        if token == self.token:
            return True
        if self.rotated_at is None or token not in self.former:
            return False
        if not now - WINDOW <= self.rotated_at <= now + _CLOCK_ERROR:
            return False
        is_newest = token == self.former[0]
        return self.began_at < (self.rotated_at if is_newest else self.rotated_at - _MOST_FORMER * WINDOW)


@dataclass(frozen=True, slots=True)
class Turn:
    """A rotation at a second, and the subject of it where it is a login."""

    at: int
    is_login: bool = False
    subject: str | None = None
    label: str | None = None
    keeps_label: bool = True


class World(NamedTuple):
    """One state that a living session may be in: its document, its identity, and which unanswered writes are in it."""

    parts: Parts
    version: int
    identity: Identity
    landed: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class Edit:
    """What a writer asked for: from ``base`` to ``wanted``, built upon ``version``, with the token ``token``."""

    base: Document
    wanted: Document
    version: int
    token: int = 0
    policy: Policy = "raise"
    is_merged: bool = True
    turn: Turn | None = None
    """With a rotation there is more to store than the document: it is stored also when nothing else is new."""
    has_lifetime: bool = False
    """With another lifetime there may be more to store than the document."""
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

    def is_stored_over(self, parts: Parts, stored: Document) -> bool:
        """Whether it may be a new version where ``parts`` are stored."""
        return self.turn is not None or self.has_lifetime or frozenset(stored.items()) != parts


@dataclass(frozen=True, slots=True)
class End:
    """An end that went unanswered, and may still come to any session for which ``hits`` holds."""

    hits: Callable[[Identity], bool]
    is_lasting: bool = False
    """It may hit what comes to be so later."""


class Deadlines(NamedTuple):
    """What is known of a session's deadline after so many ``answers``."""

    earliest: int
    latest: int
    answers: int
    asked: int = 0
    """The latest deadline that the call itself asks for."""
    least: int = WHATEVER
    """The earliest one."""


@dataclass(slots=True)
class Life:
    """A session. Every method checks an answer against what is known, and learns from it."""

    id: str
    tokens: dict[int, str]
    """Those that a client holds or held, by their number: that of the rotation that made them."""
    worlds: set[World]
    """The states that it may be in, if it lives."""
    created_at: int
    absolutes: set[int]
    """The absolute deadlines that it may have."""
    deadline: int
    """The last one that an answer gave."""
    least_idle: int
    """The shortest idle time that it had or that was asked for."""
    unsettled: list[int] = field(default_factory=list)
    """Absolute deadlines that are being asked for, or that unanswered changes may still set."""
    is_restored: bool = False
    """Its item may be there again, with another token; it is dead."""
    may_be_dead: bool = False
    """Something that went unanswered may have ended it before now."""
    ends: list[End] = field(default_factory=list)
    barred: dict[int, int] = field(default_factory=dict)
    """By client: the second of the true clock since which that client takes it for ended with many others."""
    closed: set[int] = field(default_factory=set)
    """The tokens of which an answer said that they open nothing."""
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
    """Deadlines that unanswered changes of the lifetime may still set, and the latest one each may have seen."""

    @property
    def is_dead(self) -> bool:
        """Whether it cannot be alive."""
        return not self.worlds

    @property
    def may_be_ended(self) -> bool:
        """Whether it can have died before its deadline."""
        return self.may_be_dead or any(end.hits(world.identity) for world in self.possible() for end in self.ends)

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
            if edit.token != world.identity.token:
                continue  # nothing is done in the name of a token that was rotated away
            stored = edit.on(dict(world.parts)) if world.version > edit.version else dict(edit.wanted)
            if isinstance(stored, dict) and edit.is_stored_over(world.parts, stored):
                identity = world.identity if edit.turn is None else world.identity.after(edit.turn, number)
                yield World(frozenset(stored.items()), world.version + 1, identity, world.landed | {number})

    def number_of(self, token: str) -> int:
        """The number of one of its tokens."""
        (found,) = (number for number, text in self.tokens.items() if text == token)
        return found

    def current(self) -> str:
        """The newest token that was handed out."""
        return self.tokens[max(self.tokens)]

    # ---- answers

    def lives(
        self,
        *,
        expires_at: int,
        absolute_at: int,
        now: int,
        before: "Deadlines | None" = None,
        is_last: bool = False,
    ) -> None:
        """An answer said so to a client whose time is ``now``, and ``before`` was known when it asked.

        ``is_last``: what others were answered meanwhile came before this.
        """
        before = before or self.deadlines()
        is_newest = is_last or before.answers == self.answers
        assert not self.is_dead, "a session came back"
        assert now < before.latest or not is_newest, "a session past its deadline was served"
        assert now < expires_at, "a session was served that is past its deadline"
        assert expires_at <= absolute_at, "the absolute deadline was passed"
        assert absolute_at in self.absolutes or not is_newest, f"{absolute_at} is none of {self.absolutes}"
        assert expires_at <= max(self.latest(), before.latest, before.asked), "a deadline that was not asked for"
        assert expires_at >= min(before.earliest, self.earliest(), before.least), "a deadline was brought forward"
        self.answers += 1
        self.is_proven()
        if not is_newest:  # another client asked later and was answered before: either may have come first
            self.later.append(max(self.deadline, expires_at))
            self.deadline = min(self.deadline, expires_at)
            return
        self.deadline = expires_at
        self.absolutes = {absolute_at, *self.unsettled}
        self.later = [deadline for deadline in self.later if deadline > expires_at]
        self.shorter = [(deadline, seen) for deadline, seen in self.shorter if seen >= expires_at]

    def is_proven(self) -> None:
        """It lives, so nothing has ended it so far; what was under way may, if it still fits."""
        possible = self.possible()
        self.may_be_dead = False
        self.ends = [end for end in self.ends if end.is_lasting or any(end.hits(world.identity) for world in possible)]

    def is_rotated_at(self, expires_at: int) -> None:
        """No request with a former token moves the deadline from now on."""
        self.deadline, self.later, self.shorter = expires_at, [], []

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
        return before._replace(asked=deadline)

    def shows(self, document: Document, version: int, *, token: int) -> None:
        """An answer gave this document to a request with this token."""
        assert token not in self.closed, "a token that opened nothing opens a session"
        seen = {
            world
            for world in self.possible()
            if world.parts == frozenset(document.items()) and world.version == version and world.identity.token == token
        }
        assert seen, f"{dict(document)} at version {version} for token {token} is none of {self.possible()}"
        assert self.damaged_at is None or version > self.damaged_at, "what was spoiled is shown"
        self.passed |= self.possible()
        self.worlds = seen

    def is_corrupt(self) -> None:
        """An answer said so."""
        assert self.damaged_at is not None, "a sound session is called corrupt"

    def is_absent(self, token: int, *, may_be_past: bool) -> None:
        """An answer said that the token opens nothing; ``may_be_past``: some clock has reached the deadline.

        Either the session is over, or another token has come.
        """
        is_over = self.is_dead or self.may_be_ended or may_be_past
        self.worlds = {world for world in self.possible() if world.identity.token != token}
        assert self.worlds or is_over, "a session died early"
        self.may_be_dead = self.may_be_dead or is_over
        self.closed.add(token)

    def is_superseded(self, token: int, *, arrived_at: int | None = None) -> None:
        """An answer said so: the session lives, under another token. ``None``: that token had opened it before."""
        living = {
            world
            for world in self.possible()
            if (world.identity.token != token if arrived_at is None else self._is_in_flight(world, token, arrived_at))
        }
        assert living, "no rotation superseded the token"
        self.worlds = living
        self.closed.add(token)

    @staticmethod
    def _is_in_flight(world: World, token: int, arrived_at: int) -> bool:
        return world.identity.absence(token, arrived_at=arrived_at) is Absence.SUPERSEDED

    def is_foreign(self, token: int, *, arrived_at: int) -> None:
        """An answer said that the session lives under another token, and that this one is a stranger's."""
        living = {
            world
            for world in self.possible()
            if world.identity.absence(token, arrived_at=arrived_at) is Absence.FOREIGN_KEY
        }
        assert living, "a request that was in flight is called a stranger's"
        self.worlds = living
        self.closed.add(token)

    def is_over(self, *, may_be: bool) -> None:
        """An answer said that it has ended for all; ``may_be``: by its deadline, or with many others."""
        assert self.is_dead or self.may_be_ended or may_be, "a session died early"
        self.ends_for_all()

    def ends_for_all(self) -> None:
        """It is dead."""
        self.passed |= self.possible()
        self.closed |= self.tokens.keys()
        self.worlds = set()

    def is_ended(self, hits: Callable[[Identity], bool]) -> None:
        """An end was acknowledged: whichever state it ``hits`` is not that of a living session any more."""
        possible = self.possible()
        self.passed |= possible
        self.may_be_dead |= any(hits(world.identity) for world in possible)
        self.worlds = {world for world in possible if not hits(world.identity)}
        if self.is_dead:
            self.ends_for_all()

    def may_end(self, hits: Callable[[Identity], bool], *, is_lasting: bool = False) -> None:
        """An end went unanswered, or is about to."""
        self.ends.append(End(hits, is_lasting))

    def is_doomed(self, number: int, *, is_kept: bool) -> None:
        """The pending login ``number`` ends the session if it arrives, unless the session ``is_kept``."""
        edit = self.pending[number]
        self.may_end(lambda identity: identity.token == edit.token)
        if not is_kept:
            self.worlds = {world for world in self.possible() if number not in world.landed} or self.possible()
            del self.pending[number]

    def stored(self, number: int, document: Document, version: int, *, is_pending: bool = False) -> set[World]:
        """An answer said that the pending edit ``number`` was stored, as ``document``; what that leaves possible."""
        edit, now = self.pending[number], self.possible()
        fitting = {
            world
            for world in now | self.passed
            if world.parts == frozenset(document.items())
            and world.version == version
            and (number in world.landed or _is_nothing(edit, world))
        }
        assert fitting, f"{dict(document)} at version {version} cannot come of {edit} on {self.worlds}"
        # Others may have built upon it before the answer came: then it is in what they built, if it had to be stored.
        is_stored = all(number in world.landed for world in fitting)
        worlds = fitting & now or {world for world in now if number in world.landed or not is_stored}
        assert worlds or self.is_dead, f"{edit} was lost"
        if not is_pending:
            del self.pending[number]
        return worlds

    def clashes(self, number: int, keys: frozenset[str]) -> None:
        """An answer said that the pending edit ``number`` clashed and was not stored."""
        edit, now = self.pending[number], self.possible()
        fitting = {
            world
            for world in now | self.passed
            if world.version > edit.version and number not in world.landed and edit.on(dict(world.parts)) == keys
        }
        assert fitting, f"a conflict over {set(keys)} of {edit} with none of {now}"
        del self.pending[number]
        self.worlds = fitting & now or {world for world in now if number not in world.landed}
        assert self.worlds or self.is_dead, f"a conflict is told of {edit}, which was stored"

    def is_unanswered(self, number: int, *, outcome_unknown: bool) -> None:
        """What became of the pending edit ``number`` is unknown, unless it surely was not stored."""
        edit = self.pending[number]
        possible = self.possible()
        if outcome_unknown:
            until = max((world.version for world in possible), default=0)
            self.pending[number] = replace(edit, until=until)
            return
        del self.pending[number]
        was_dead = self.is_dead
        self.worlds = {world for world in possible if number not in world.landed}
        assert self.worlds or was_dead or self.may_be_dead, f"{edit} is said not to be stored, and it was"

    def may_die_at(self, deadline: int) -> None:
        """Its lifetime is about to be changed."""
        self.shorter.append((deadline, WHATEVER))

    def does_not_die_at(self, deadline: int) -> None:
        """That change was answered, one way or the other."""
        self.shorter = [(other, seen) for other, seen in self.shorter if (other, seen) != (deadline, WHATEVER)]

    def may_still_die_at(self, deadline: int) -> None:
        """That change went unanswered; it may still be made as long as no other request moves the deadline."""
        self.does_not_die_at(deadline)
        self.shorter.append((deadline, self.latest()))


def _is_nothing(edit: Edit, world: World) -> bool:
    """Whether all that the edit wants may be there already."""
    return edit.turn is None and edit.token == world.identity.token and edit.on(dict(world.parts)) == dict(world.parts)
