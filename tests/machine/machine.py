"""Every verb by several clients with wrong clocks on a bad network, and all else that can happen to a table.

What is drawn does not depend on what is answered, so that one seed does the same on every engine.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from enum import Enum
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, cast

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from sojourn import (
    Conflict,
    ConflictError,
    CorruptSessionError,
    Session,
    SessionGoneError,
    Settings,
    Store,
    StoreUnavailableError,
)
from sojourn.document.codec import load_document
from sojourn.retry import Retry
from sojourn.sweep.backend import Hint, SweepBackend
from sojourn.sweep.run import CLOCK_ERROR_SECONDS
from sojourn.testing import FakeClock
from sojourn.writing import OnConflict
from tests.machine.model import Edit, Life, Policy, World
from tests.unit.faulty import Fault, FaultyBackend

if TYPE_CHECKING:
    from collections import Counter

SKEWS = (0, -3, 2)
"""Seconds by which each client's clock is wrong."""

IDLE, ABSOLUTE = 100, 250
SUBJECTS = ("ada", "eve")

_APART = 6
"""So many seconds later every clock shows a later second than any clock did."""

_AT_ONCE = 4
"""Sessions in use; older ones are left to the sweeper and to ``knock``."""

_PHANTOMS = 3
"""Sessions that an unanswered creation or rotation may leave behind: one an attempt."""

_SPOILED = (b"", b"\x01\x00{", b"\x63\x00{}", b"\x01\x01garbage")
"""No document, half of one, one of a format to come, one that cannot be unpacked."""


class Event(Enum):
    """What happens just before a call."""

    NOTHING = "nothing"
    ARRIVAL = "all arrives that was under way"
    WRITE = "another client writes"
    COUNT = "another client counts"
    TOUCH = "another client touches"
    ROTATION = "another client rotates"
    END = "another client ends it"


Network = Sequence[tuple[Fault, Event]]
"""What becomes of each call of a verb, and what happens before it."""

_FAULTS = st.sampled_from([Fault.NONE] * 5 + [fault for fault in Fault if fault is not Fault.NONE])
_EVENTS = st.sampled_from([Event.NOTHING] * 6 + [Event.ARRIVAL] * 4 + list(Event))
NETWORK: st.SearchStrategy[Network] = st.lists(st.tuples(_FAULTS, _EVENTS), max_size=6)
CLIENT = st.integers(0, len(SKEWS) - 1)
WHICH = st.integers(0, 3)
SUBJECT = st.sampled_from(SUBJECTS)
KEYS = st.sets(st.sampled_from("abc"), min_size=1)
SELDOM = st.sampled_from([False, False, False, True])
SHORT_IDLE = st.integers(10, IDLE)

Dump = Any
"""All that a table holds, as its engine has it."""


class Engine(Protocol):
    """A table that can be looked into."""

    backend: SweepBackend

    def dump(self) -> Dump:
        """Everything in it."""

    def restore(self, dump: Dump) -> None:
        """Everything as it was."""

    def deadlines(self) -> dict[str, int]:
        """When each item ends, by its key."""

    def spoil(self, key: str, document: bytes) -> None:
        """Put other bytes in the place of an item's document, if it is there."""

    def clear(self) -> None:
        """Remove everything."""


class SessionMachine(RuleBasedStateMachine):
    """A subclass says which engine, and whether all sessions of a subject end strictly."""

    engine: ClassVar[Callable[[], Engine]]
    is_strict: ClassVar[bool] = False
    told: ClassVar["Counter[str]"]
    """How often each verb was answered what."""

    @initialize(subject=SUBJECT)
    def begin(self, subject: str) -> None:
        """One session, so that there is something to do."""
        self.table = type(self).engine()
        self.clock = FakeClock()
        self.backend = FaultyBackend(inner=self.table.backend)
        self.lives: list[Life] = []
        self.phantoms = dict.fromkeys(SUBJECTS, 0)
        self.counter = 0
        self.depth = 0
        self.dump: Dump = None
        self._start_processes()
        self.create(0, [], subject, False)

    def teardown(self) -> None:
        """Leave an empty table."""
        self.table.clear()

    def _start_processes(self) -> None:
        settings = Settings(
            idle_seconds=IDLE,
            absolute_seconds=ABSOLUTE,
            sweep_grace_seconds=0,
            sweep_shards=1,
            strict_expire_all=self.is_strict,
        )
        retry = Retry(sleep=lambda _seconds: None)
        self.stores = [
            Store(self.backend, settings, clock=lambda skew=skew: self.clock() + skew, retry=retry)  # type: ignore[misc]  # a default binds it
            for skew in SKEWS
        ]
        self.copies: list[dict[str, Session]] = [{} for _ in SKEWS]

    # ---- verbs

    @rule(client=CLIENT, network=NETWORK, subject=SUBJECT, is_anonymous=st.booleans())
    def create(self, client: int, network: Network, subject: str, is_anonymous: bool) -> None:
        """A session, or maybe one that nobody will ever know the token of."""
        owner = None if is_anonymous else subject
        data = {"a": 0, "b": 0, "n": 0}
        try:
            with self._on(network):
                session = self.stores[client].create(data, subject=owner)
        except StoreUnavailableError:
            self.told["create unknown"] += 1
            return
        finally:
            if any(fault is not Fault.NONE for fault, _ in network):
                self._may_have_phantom(owner)
        self.told["create done"] += 1
        assert all(session.id != life.id for life in self.lives)
        life = Life(
            token=session.token,
            id=session.id,
            subject=owner,
            worlds={World(frozenset(data.items()), 1)},
            absolute_at=session.absolute_at,
            deadline=session.expires_at,
        )
        assert session.absolute_at == session.created_at + ABSOLUTE
        life.lives(expires_at=session.expires_at, now=self._now(client))
        self.lives.append(life)
        self.copies[client][life.token] = session

    @rule(client=CLIENT, network=NETWORK, which=WHICH, touch=st.booleans())
    def read(self, client: int, network: Network, which: int, touch: bool) -> None:
        """Of the last sessions."""
        self._read(client, network, self._recent(which), touch=touch)

    @rule(client=CLIENT, which=st.integers(0, 1_000))
    def knock(self, client: int, which: int) -> None:
        """With any token there ever was."""
        self._read(client, [], self.lives[which % len(self.lives)], touch=False)

    def _read(self, client: int, network: Network, life: Life, *, touch: bool) -> None:
        before = life.is_used_until(self._now(client) + IDLE) if touch else life.deadlines()
        try:
            with self._on(network):
                session = self.stores[client].read(life.token, touch=touch)
        except StoreUnavailableError:
            self.told["read unknown"] += 1
            return
        except CorruptSessionError:
            self.told["read corrupt"] += 1
            assert not life.is_dead, "a session came back"
            life.is_corrupt()
            return
        self.told["read gone" if session is None else "read done"] += 1
        if session is None:
            life.is_gone(latest_now=self._latest_now())
            self.copies[client].pop(life.token, None)
            return
        life.lives(expires_at=session.expires_at, now=self._now(client), before=before)
        life.shows(_document(session), session.version)
        self.copies[client][life.token] = session

    @rule(
        client=CLIENT,
        network=NETWORK,
        which=WHICH,
        keys=KEYS,
        is_removed=st.booleans(),
        policy=st.sampled_from(["raise", "raise", "mine", "theirs"]),
        merge=st.sampled_from([True, True, True, False]),
    )
    def write(
        self, client: int, network: Network, which: int, keys: set[str], is_removed: bool, policy: Policy, merge: bool
    ) -> None:
        """With the copy it has, however old that is."""
        life = self._recent(which)
        session = self._copy(client, life)
        if session is not None:
            edit = self._edited(session, keys, is_removed=is_removed, policy=policy, merge=merge)
            self._write(client, network, life, session, edit)

    @rule(client=CLIENT, network=NETWORK, which=WHICH)
    def count(self, client: int, network: Network, which: int) -> None:
        """One more, whatever others counted meanwhile."""
        self._count(client, network, self._recent(which))

    def _count(self, client: int, network: Network, life: Life) -> None:
        session = self._copy(client, life)
        if session is not None:
            session["n"] = cast("int", session["n"]) + 1
            edit = Edit(_base(session), _document(session), session.version, "add")
            self._write(client, network, life, session, edit)

    def _write(self, client: int, network: Network, life: Life, session: Session, edit: Edit) -> None:
        if edit.wanted == edit.base:
            return  # taken back before it was stored: no call is made, and nothing said
        before = life.is_used_until(self._now(client) + IDLE)
        number = self._attempted(life, edit)
        store, rule_ = self.stores[client], _rule(edit.policy)
        if self._is_done(
            client, network, life, number, lambda: store.write(session, merge=edit.is_merged, on_conflict=rule_)
        ):
            worlds = life.stored(number, _document(session), session.version)
            life.passed |= life.possible()
            life.worlds = worlds
            if not life.is_dead:  # in the meantime
                life.lives(expires_at=session.expires_at, now=self._now(client), before=before)

    @rule(client=CLIENT, network=NETWORK, which=WHICH, idle=st.none() | SHORT_IDLE)
    def touch(self, client: int, network: Network, which: int, idle: int | None) -> None:
        """Renew, sometimes with another idle time."""
        self._touch(client, network, self._recent(which), idle)

    def _touch(self, client: int, network: Network, life: Life, idle: int | None) -> None:
        session = self._copy(client, life)
        if session is None:
            return
        was_dead, before = life.is_dead, life.is_used_until(self._now(client) + IDLE)
        deadline = self._now(client) + (IDLE if idle is None else idle)
        if idle is not None:
            life.may_die_at(deadline)
        try:
            with self._on(network, beside=(client, life)):
                was_asked = self.stores[client].touch(session, idle=idle)
        except SessionGoneError:
            self.told["touch gone"] += 1
            self._gone(client, life)
        except StoreUnavailableError as error:
            self.told["touch unknown"] += 1
            if idle is not None and error.may_have_happened:
                life.may_still_die_at(deadline)
            else:
                life.does_not_die_at(deadline)
        else:
            self.told["touch done" if was_asked else "touch not needed"] += 1
            assert not was_dead, "a session came back"
            if was_asked and not life.is_dead:
                life.lives(expires_at=session.expires_at, now=self._now(client), before=before)
            life.does_not_die_at(deadline)

    @rule(
        client=CLIENT,
        network=NETWORK,
        which=WHICH,
        keys=st.sets(st.sampled_from("abc")),
        subject=st.none() | SUBJECT,
        policy=st.sampled_from(["raise", "mine", "theirs"]),
    )
    def rotate(
        self, client: int, network: Network, which: int, keys: set[str], subject: str | None, policy: Policy
    ) -> None:
        """With changes or without, to another subject or not."""
        self._rotate(client, network, self._recent(which), keys, subject, policy)

    def _rotate(
        self, client: int, network: Network, life: Life, keys: set[str], subject: str | None, policy: Policy
    ) -> None:
        session = self._copy(client, life)
        if session is None:
            return
        owner = life.subject if subject is None else subject
        edit = self._edited(session, keys, is_removed=False, policy=policy, merge=True)
        edit = replace(edit, has_more=True)
        before = life.is_used_until(self._now(client) + IDLE)
        number = self._attempted(life, edit)
        was_ended, life.may_be_ended = life.may_be_ended, True
        absolute_at = session.absolute_at
        store = self.stores[client]
        options: dict[str, Any] = {} if subject is None else {"subject": subject}
        if not self._is_done(
            client,
            network,
            life,
            number,
            lambda: store.rotate(session, on_conflict=_rule(policy), **options),
            heir_of=[owner],
        ):
            life.may_be_ended = was_ended or self.is_in_doubt
            if session.token != life.token:  # it happened, and whether the heir had been ended could not be asked
                self.copies[client].pop(life.token, None)
            return
        worlds = life.stored(number, _document(session), session.version)
        assert session.token != life.token
        assert session.absolute_at == absolute_at
        life.is_dead = True
        heir = Life(
            token=session.token,
            id=session.id,
            subject=owner,
            worlds=worlds,
            absolute_at=absolute_at,
            deadline=life.deadline,
            later=life.later,
            shorter=life.shorter,
            answers=life.answers,
        )
        heir.lives(expires_at=session.expires_at, now=self._now(client), before=before)
        heir.shorter = []
        self.lives.append(heir)
        self.copies[client].pop(life.token, None)
        self.copies[client][heir.token] = session

    @rule(client=CLIENT, network=NETWORK, which=WHICH, is_wanted=SELDOM)
    def expire(self, client: int, network: Network, which: int, is_wanted: bool) -> None:
        """One, by its token."""
        if is_wanted:
            self._end([self._recent(which)], lambda life: self.stores[client].expire(life.token), network)

    @rule(client=CLIENT, network=NETWORK, which=WHICH, is_wanted=SELDOM)
    def expire_one(self, client: int, network: Network, which: int, is_wanted: bool) -> None:
        """One, by its id in the list of its subject."""
        life = self._recent(which)
        if is_wanted and life.subject is not None:
            subject = life.subject
            self._end([life], lambda life: self.stores[client].expire_one(subject=subject, session_id=life.id), network)

    @rule(client=CLIENT, network=NETWORK, subject=SUBJECT, is_wanted=SELDOM)
    def expire_all(self, client: int, network: Network, subject: str, is_wanted: bool) -> None:
        """All of a subject."""
        mine = [life for life in self.lives if life.subject == subject]
        if is_wanted:
            self._end(mine, lambda _: self.stores[client].expire_all(subject=subject), network, is_one_call=True)

    def _end(
        self, lives: list[Life], verb: Callable[[Life], object], network: Network, *, is_one_call: bool = False
    ) -> None:
        before = [(life, life.may_be_ended) for life in lives]
        for life in lives:
            life.may_be_ended = True
        try:
            with self._on(network):
                for life in lives[:1] if is_one_call else lives:
                    verb(life)
        except StoreUnavailableError as error:
            self.told["end unknown"] += 1
            if not error.may_have_happened and not is_one_call:
                for life, may_be_ended in before:
                    life.may_be_ended = may_be_ended
            return
        self.told["end done"] += 1
        for life in lives:
            life.is_dead = True

    @rule(client=CLIENT, network=NETWORK, subject=SUBJECT)
    def look_at_list(self, client: int, network: Network, subject: str) -> None:
        """It has all that surely live, and none that is known to be dead."""
        try:
            with self._on(network):
                listed = {entry.id: entry for entry in self.stores[client].sessions(subject=subject)}
        except StoreUnavailableError:
            self.told["list unknown"] += 1
            return
        self.told["list done"] += 1
        for life in self.lives:
            entry = listed.pop(life.id, None)
            if entry is not None:
                assert life.subject == subject
                life.lives(expires_at=entry.expires_at, now=self._now(client))
                assert entry.version in {world.version for world in life.possible()}
            elif life.subject == subject and not life.is_dead and not life.may_be_ended:
                assert self._latest_now() >= life.earliest(), "a session is not listed"
        assert len(listed) <= self.phantoms[subject], "a session that nobody made"

    # ---- what else happens

    @rule(seconds=st.sampled_from([1, 1, 3, 3, 10, 10, 15, 30, 30, 60, 100, 300]))
    def wait(self, seconds: int) -> None:
        """Time passes."""
        self.clock.advance(seconds)

    @rule()
    def arrive(self) -> None:
        """All that was under way."""
        self.backend.deliver()

    @rule(client=CLIENT, network=NETWORK)
    def sweep(self, client: int, network: Network) -> None:
        """A run of the sweeper on one of the clocks."""
        with suppress(StoreUnavailableError), self._on(network):
            self.stores[client].sweep(deadline=self._now(client) + 60)

    @rule(network=NETWORK, age=st.integers(0, 1_000))
    def sweep_by_stale_hints(self, network: Network, age: int) -> None:
        """A sweeper that was told of every session that it was due long ago."""
        hints = [Hint(f"default#{life.id}", self.clock() - age) for life in self.lives]
        with suppress(StoreUnavailableError), self._on(network):
            for start in range(0, len(hints), 25):
                self.backend.delete_stale(hints[start : start + 25], cutoff=self.clock() - CLOCK_ERROR_SECONDS)

    @rule(chosen=st.integers(0, 255))
    def remove_by_ttl(self, chosen: int) -> None:
        """Any of the items past their deadline, DynamoDB's own way."""
        dead = sorted(key for key, deadline in self.table.deadlines().items() if deadline <= self.clock())
        for n, key in enumerate(dead):
            if chosen >> n % 8 & 1:
                self.table.backend.delete(key)

    @rule(which=WHICH, document=st.sampled_from(_SPOILED), is_meant=SELDOM)
    def spoil(self, which: int, document: bytes, is_meant: bool) -> None:
        """Someone writes over a document, or a later version of Sojourn wrote it."""
        life = self._recent(which)
        versions = {world.version for world in life.possible()}
        if is_meant and len(versions) == 1:
            (life.damaged_at,) = versions
            self.table.spoil(f"default#{life.id}", document)

    @rule()
    def back_up(self) -> None:
        """The table as it is."""
        self.dump = self.table.dump()

    @rule(is_needed=SELDOM)
    def restore(self, is_needed: bool) -> None:
        """The table as it was, by the book: nothing older lives once the processes start."""
        if self.dump is None or not is_needed:
            return
        self.clock.advance(_APART)
        self.table.restore(self.dump)
        self._start_processes()
        self.stores[0].expire_before(self.clock())
        self.clock.advance(_APART)
        for life in self.lives:
            life.is_dead = True

    # ---- helpers

    def _now(self, client: int) -> int:
        return self.clock() + SKEWS[client]

    def _latest_now(self) -> int:
        return self.clock() + max(SKEWS)

    def _recent(self, which: int) -> Life:
        """One of the last that may be alive; a new one when there is none."""
        if all(life.is_dead for life in self.lives[-_AT_ONCE:]):
            self.create(0, [], SUBJECTS[which % len(SUBJECTS)], False)
        living = [life for life in self.lives[-_AT_ONCE:] if not life.is_dead]
        return living[-1 - which % len(living)]

    def _copy(self, client: int, life: Life) -> Session | None:
        """What the client holds, or what it reads when it holds nothing."""
        if life.token not in self.copies[client]:
            self._read(client, [], life, touch=False)
        return self.copies[client].get(life.token)

    def _edited(self, session: Session, keys: set[str], *, is_removed: bool, policy: Policy, merge: bool) -> Edit:
        for key in sorted(keys):
            self.counter += 1
            if is_removed and key in session:
                del session[key]
            else:
                session[key] = self.counter
        return Edit(_base(session), _document(session), session.version, policy, merge)

    def _attempted(self, life: Life, edit: Edit) -> int:
        self.counter += 1
        life.pending[self.counter] = edit
        return self.counter

    def _gone(self, client: int, life: Life) -> None:
        life.is_gone(latest_now=self._latest_now())
        self.copies[client].pop(life.token, None)

    def _may_have_phantom(self, subject: str | None) -> None:
        if subject is not None:
            self.phantoms[subject] += _PHANTOMS

    @contextmanager
    def _on(self, network: Network, *, beside: tuple[int, Life] | None = None) -> Iterator[None]:
        """The calls of the block meet what ``network`` says, and then nothing more.

        Where a client and a session are named, another client may use that session between two calls.
        """
        left = list(network)
        before = self.backend.on_call, self.backend.choose
        faults = 0

        def arriving() -> None:
            event = left[0][1] if left else Event.NOTHING
            if event is Event.ARRIVAL:
                self.backend.deliver()
            elif event is not Event.NOTHING and beside is not None:
                self._by_another(event, (beside[0] + 1) % len(SKEWS), beside[1])

        def fate(name: str) -> Fault:
            nonlocal faults
            fault = left.pop(0)[0] if left else Fault.NONE
            # A creation is attempted again under another token, so what was answered does not arrive once more.
            fault = Fault.NONE if name == "insert" and fault is Fault.REPEATED else fault
            faults += fault not in (Fault.NONE, Fault.REPEATED)
            return fault

        self.backend.on_call, self.backend.choose = arriving, fate
        try:
            yield
        except StoreUnavailableError:
            assert faults > 0, "the network was sound"
            raise
        finally:
            self.backend.on_call, self.backend.choose = before

    def _by_another(self, event: Event, client: int, life: Life) -> None:
        """What happens to a session in the middle of somebody else's call."""
        session = None if life.is_dead else self._copy(client, life)
        if session is None:
            return
        self.depth += 1
        match event:
            case Event.WRITE:
                edit = self._edited(session, {"a"}, is_removed=False, policy="mine", merge=True)
                self._write(client, [], life, session, edit)
            case Event.COUNT:
                self._count(client, [], life)
            case Event.TOUCH:
                self._touch(client, [], life, None)
            case Event.ROTATION:
                self._rotate(client, [], life, set(), None, "raise")
            case Event.END:
                self._end([life], lambda life: self.stores[client].expire(life.token), [])
        self.depth -= 1

    def _is_done(
        self,
        client: int,
        network: Network,
        life: Life,
        number: int,
        verb: Callable[[], None],
        *,
        heir_of: Sequence[str | None] = (),
    ) -> bool:
        """Whether ``verb`` says that it stored the pending edit ``number``; if it does not, learn from that.

        A rotation names in ``heir_of`` whose the session is then.
        """
        name, self.is_in_doubt, was_dead = "rotate" if heir_of else "write", False, life.is_dead
        if self.depth == 0:
            life.passed = life.possible()
        try:
            with self._on(network, beside=(client, life)):
                verb()
        except SessionGoneError:
            self.told[f"{name} gone"] += 1
            del life.pending[number]
            self._gone(client, life)
        except ConflictError as error:
            self.told[f"{name} conflict"] += 1
            life.clashes(number, error.keys)
            self.copies[client].pop(life.token)
        except CorruptSessionError:
            self.told[f"{name} corrupt"] += 1
            life.is_corrupt()
            life.is_unanswered(number, may_have_happened=True)
            self.copies[client].pop(life.token)
        except StoreUnavailableError as error:
            self.told[f"{name} unknown"] += 1
            life.is_unanswered(number, may_have_happened=error.may_have_happened and not heir_of)
            self.is_in_doubt = error.may_have_happened
            for owner in heir_of:
                self._may_have_phantom(owner)
        else:
            self.told[f"{name} done"] += 1
            assert not was_dead, "a session came back"
            return True
        return False


def _document(session: Session) -> dict[str, int]:
    return cast("dict[str, int]", dict(session))


def _base(session: Session) -> dict[str, int]:
    return cast("dict[str, int]", load_document(session._base))


def _rule(policy: Policy) -> OnConflict:
    return _added if policy == "add" else policy


def _added(conflict: Conflict) -> object:
    if conflict.key != "n":
        return conflict.mine
    return cast("int", conflict.mine) + cast("int", conflict.theirs) - cast("int", conflict.base)
