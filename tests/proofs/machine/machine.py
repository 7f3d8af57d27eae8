"""Every verb by several clients with wrong clocks on a bad network, and all else that can happen to a table.

What is drawn does not depend on what is answered, so that one seed does the same on every engine.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from enum import Enum
from random import Random
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, Protocol, cast

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from sojourn import (
    Absence,
    Conflict,
    ConflictError,
    CorruptSessionError,
    Session,
    SessionGoneError,
    Settings,
    Store,
    StoreUnavailableError,
    subjects,
    tokens,
)
from sojourn.backend import Backend
from sojourn.retry import Retry
from sojourn.revocation import REMEMBERED_SECONDS
from sojourn.sweep.backend import Hint
from sojourn.sweep.run import CLOCK_ERROR_SECONDS
from sojourn.testing import FakeClock
from sojourn.writing import KEEP, OnConflict
from tests.proofs.machine.model import WHATEVER, Deadlines, Edit, Identity, Life, Policy, Turn, World
from tests.unit.faulty import Fault, FaultyBackend

if TYPE_CHECKING:
    from collections import Counter

SKEWS = (0, -3, 2)
"""Seconds by which each client's clock is wrong."""

IDLE, ABSOLUTE = 100, 250
SUBJECTS = ("ada", "eve")

_SHORT_IDLE, _SHORT, _OTHER = 20, 70, 90
"""What other clients ask for in the middle of a call, in seconds."""

_APART = 6
"""So many seconds later every clock shows a later second than any clock did."""

_AT_ONCE = 4
"""Sessions in use; older ones are left to the sweeper and to ``knock``."""

_PHANTOMS = 3
"""Sessions that an unanswered creation may leave behind: one an attempt."""

_SPOILED = (b"", b"\x01\x00{", b"\x63\x00{}", b"\x01\x01garbage")
"""No document, half of one, one of a format to come, one that cannot be unpacked."""


class Event(Enum):
    """What happens just before a call."""

    NOTHING = "nothing"
    ARRIVAL = "all arrives that was under way"
    WRITE = "another client writes"
    COUNT = "another client counts"
    TOUCH = "another client touches"
    SHORTER = "another client shortens the stay"
    ROTATION = "another client rotates"
    LOGIN = "another client logs in"
    END = "another client ends it"


Network = Sequence[tuple[Fault, Event]]
"""What becomes of each call of a verb, and what happens before it."""


class Stay(NamedTuple):
    """Other lifetimes that a verb asks for, in seconds; ``None`` is none."""

    idle: int | None = None
    absolute: int | None = None

    def is_any(self) -> bool:
        """Whether it asks for something."""
        return self != (None, None)


_FAULTS = st.sampled_from([Fault.NONE] * 5 + [fault for fault in Fault if fault is not Fault.NONE])
_EVENTS = st.sampled_from([Event.NOTHING] * 8 + [Event.ARRIVAL] * 5 + list(Event))
NETWORK: st.SearchStrategy[Network] = st.lists(st.tuples(_FAULTS, _EVENTS), max_size=6)
CLIENT = st.integers(0, len(SKEWS) - 1)
WHICH = st.integers(0, 3)
AGE = st.sampled_from([0, 0, 0, 0, 1, 2])
"""How many rotations ago a token was the session's."""

AGO = st.sampled_from([None, None, 0, 5, 9, 12, 40])
"""How many seconds ago a request arrived."""

SUBJECT = st.sampled_from(SUBJECTS)
KEYS = st.sets(st.sampled_from("abc"), min_size=1)
SELDOM = st.sampled_from([False, False, False, True])
_IDLE = st.none() | st.integers(10, IDLE)
_ABSOLUTE = st.none() | st.integers(60, 400)
STAY = st.builds(Stay, _IDLE, _ABSOLUTE)
PLAIN = st.just(Stay())

Dump = Any
"""All that a table holds, as its engine has it."""


class Engine(Protocol):
    """A table that can be looked into."""

    backend: Backend

    def dump(self) -> Dump:
        """Everything in it."""

    def restore(self, dump: Dump) -> None:
        """Everything as it was."""

    def deadlines(self) -> dict[str, int]:
        """When each item ends, by its key."""

    def remove(self, key: str) -> None:
        """Remove an item, whatever is in it."""

    def spoil(self, key: str, document: bytes) -> None:
        """Put other bytes in the place of an item's document, if it is there."""

    def clear(self) -> None:
        """Remove everything."""


def one_by_one(end: Callable[[str], bool], keys: Sequence[str]) -> tuple[list[str], BaseException | None]:
    """As ``sojourn.subjects`` ends many sessions, without threads."""
    ended: list[str] = []
    for key in keys:
        try:
            ended += [key] if end(key) else []
        except StoreUnavailableError as failure:
            return ended, failure
    return ended, None


@contextmanager
def reproducible() -> Iterator[None]:
    """Sessions are ended one after the other, and ids and secrets are the same in every run."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(subjects, "_end_each", one_by_one)
        patch.setattr(tokens.mint, "__defaults__", (_drawn,))
        patch.setattr(tokens.reminted, "__defaults__", (_drawn,))
        yield


_dice = Random()  # noqa: S311  # tokens of a table that ends with the run


def _drawn(size: int) -> bytes:
    return _dice.randbytes(size)


class SessionMachine(RuleBasedStateMachine):
    """A subclass says which engine, and whether all sessions of a subject end strictly."""

    engine: ClassVar[Callable[[], Engine]]
    is_strict: ClassVar[bool] = False
    told: ClassVar["Counter[str]"]
    """How often each verb was answered what."""

    @initialize(subject=SUBJECT)
    def begin(self, subject: str) -> None:
        """One session, so that there is something to do."""
        _dice.seed(1)
        self.table = type(self).engine()
        self.clock = FakeClock()
        self.backend = FaultyBackend(inner=self.table.backend)
        self.lives: list[Life] = []
        self.phantoms = dict.fromkeys(SUBJECTS, 0)
        self.restless: set[str] = set()
        self.not_before = 0
        self.counter = 0
        self.depth = 0
        self.dump: Dump = None
        self._start_processes()
        self.create(0, [], subject, False, Stay())

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

    @rule(client=CLIENT, network=NETWORK, subject=SUBJECT, is_anonymous=st.booleans(), stay=PLAIN | STAY)
    def create(self, client: int, network: Network, subject: str, is_anonymous: bool, stay: Stay) -> None:
        """A session, or maybe one whose token reaches no client."""
        owner = None if is_anonymous else subject
        data = {"a": 0, "b": 0, "n": 0}
        try:
            with self._on(network):
                session = self.stores[client].create(
                    data, subject=owner, label="first", idle=stay.idle, absolute=stay.absolute
                )
        except StoreUnavailableError:
            self.told["create unknown"] += 1
            return
        finally:
            if any(fault is not Fault.NONE for fault, _ in network):
                self._may_have_phantom(owner)
        self.told["create done"] += 1
        assert all(session.id != life.id for life in self.lives)
        now = self._now(client)
        identity = Identity(subject=owner, label="first", began_at=now)
        life = Life(
            id=session.id,
            tokens={0: session.token},
            worlds={World(frozenset(data.items()), 1, identity)},
            created_at=now,
            absolutes={now + (stay.absolute or ABSOLUTE)},
            deadline=session.expires_at,
            least_idle=session.idle,
        )
        assert (session.created_at, session.began_at) == (now, now)
        assert session.expires_at == now + min(stay.idle or IDLE, stay.absolute or ABSOLUTE)
        if now < self.not_before:
            life.may_end(lambda _: True, is_lasting=True)
        self._may_be_restless(life, owner)
        life.lives(expires_at=session.expires_at, absolute_at=session.absolute_at, now=now)
        self.lives.append(life)
        self.copies[client][life.id] = session

    @rule(client=CLIENT, network=NETWORK, which=WHICH, age=AGE, touch=st.booleans(), ago=AGO)
    def read(self, client: int, network: Network, which: int, age: int, touch: bool, ago: int | None) -> None:
        """Of the last sessions, by its token or one before."""
        life = self._recent(which)
        numbers = sorted(life.tokens)
        number = numbers[max(0, len(numbers) - 1 - age)]
        self._read(client, network, life, number, touch=touch, ago=ago)

    @rule(client=CLIENT, which=st.integers(0, 1_000), age=st.integers(0, 3))
    def knock(self, client: int, which: int, age: int) -> None:
        """With any token there ever was."""
        life = self.lives[which % len(self.lives)]
        numbers = sorted(life.tokens)
        self._read(client, [], life, numbers[-1 - age % len(numbers)], touch=False)

    def _read(
        self, client: int, network: Network, life: Life, number: int, *, touch: bool, ago: int | None = None
    ) -> None:
        before = life.is_used_until(self._now(client) + IDLE) if touch else life.deadlines()
        arrived_at = self._now(client) - (ago or 0)
        given = None if ago is None else arrived_at
        try:
            with self._on(network):
                session = self.stores[client].find(life.tokens[number], touch=touch, arrived_at=given)
        except StoreUnavailableError:
            self.told["read unknown"] += 1
            return
        except CorruptSessionError:
            self.told["read corrupt"] += 1
            assert not life.is_dead, "a session came back"
            life.is_corrupt()
            return
        if isinstance(session, Absence):
            self.told["read no more" if session is Absence.UNKNOWN else f"read {session.value}"] += 1
            self._absent(client, life, number, session, arrived_at)
            return
        self.told["read done"] += 1
        self._lives(client, life, session, before)
        life.shows(_document(session), session.version, token=number)
        self.copies[client][life.id] = session

    def _absent(self, client: int, life: Life, number: int, reason: Absence, arrived_at: int) -> None:
        """The reason is one that there can be."""
        match reason:
            case _ if life.is_restored:
                assert life.is_dead
            case Absence.UNKNOWN:
                life.is_absent(number, may_be_past=self._may_be_past(life))
            case Absence.SUPERSEDED:
                life.is_superseded(number, arrived_at=arrived_at)
            case Absence.FOREIGN_KEY:
                life.is_foreign(number, arrived_at=arrived_at)
            case Absence.IDLE | Absence.ABSOLUTE:
                life.is_over(may_be=self._now(client) >= life.earliest())
            case Absence.REVOKED_BY_INSTANT:
                assert life.created_at < self.not_before
                life.is_over(may_be=True)
            case Absence.REVOKED_BY_SUBJECT:
                assert self.is_strict
                life.is_over(may_be=False)
            case _:
                raise AssertionError(reason)
        self._let_go(client, life, number)

    @rule(client=CLIENT, network=NETWORK, which=WHICH)
    def refresh(self, client: int, network: Network, which: int) -> None:
        """Read a copy again."""
        life = self._recent(which)
        session = self._copy(client, life)
        if session is None:
            return
        was_changed, number, before = session.is_changed, life.number_of(session.token), life.deadlines()
        try:
            with self._on(network):
                self.stores[client].refresh(session)
        except SessionGoneError as error:
            self.told["refresh gone"] += 1
            self._gone(client, life, session, error)
        except StoreUnavailableError:
            self.told["refresh unknown"] += 1
        except CorruptSessionError:
            self.told["refresh corrupt"] += 1
            life.is_corrupt()
        else:
            self.told["refresh done"] += 1
            if not was_changed:
                self._lives(client, life, session, before)
                life.shows(_document(session), session.version, token=number)

    @rule(client=CLIENT, network=NETWORK, which=WHICH, age=st.integers(0, 2), subject=SUBJECT, ago=AGO)
    def look_behind(self, client: int, network: Network, which: int, age: int, subject: str, ago: int | None) -> None:
        """What a login that was under way beside another begins with."""
        life = self._recent(which)
        numbers = sorted(life.tokens)
        number = numbers[max(0, len(numbers) - 1 - age)]
        arrived_at = self._now(client) - (ago or 0)
        given = None if ago is None else arrived_at
        was_sure = not life.may_be_ended
        try:
            with self._on(network):
                found = self.stores[client].superseding_document(life.tokens[number], subject=subject, arrived_at=given)
        except StoreUnavailableError:
            self.told["look behind unknown"] += 1
            return
        except CorruptSessionError:
            self.told["look behind corrupt"] += 1
            life.is_corrupt()
            return
        possible = life.possible()
        fitting = {
            world
            for world in possible
            if world.identity.absence(number, arrived_at=arrived_at) is Absence.SUPERSEDED
            and world.identity.subject == subject
        }
        if found is None:
            self.told["look behind none"] += 1
            assert fitting != possible or not was_sure or self._may_be_past(life) or not possible, "a cart was lost"
            return
        self.told["look behind done"] += 1
        life.worlds = {world for world in fitting if world.parts == frozenset(found.items())}
        assert life.worlds, f"{found} was shown to a request that was not in flight, or to another subject"
        life.is_proven()

    @rule(
        client=CLIENT,
        network=NETWORK,
        which=WHICH,
        keys=KEYS,
        is_removed=st.booleans(),
        policy=st.sampled_from(["raise", "raise", "mine", "theirs"]),
        merge=st.sampled_from([True, True, True, False]),
        stay=PLAIN | PLAIN | STAY,
    )
    def write(
        self,
        client: int,
        network: Network,
        which: int,
        keys: set[str],
        is_removed: bool,
        policy: Policy,
        merge: bool,
        stay: Stay,
    ) -> None:
        """With the copy it has, however old that is."""
        life = self._recent(which)
        session = self._copy(client, life)
        if session is not None:
            edit = self._edited(life, session, keys, is_removed=is_removed, policy=policy, merge=merge, stay=stay)
            self._write(client, network, life, session, edit, stay)

    @rule(client=CLIENT, network=NETWORK, which=WHICH)
    def count(self, client: int, network: Network, which: int) -> None:
        """One more, whatever others counted meanwhile."""
        self._count(client, network, self._recent(which))

    def _count(self, client: int, network: Network, life: Life) -> None:
        session = self._copy(client, life)
        if session is not None:
            session["n"] = cast("int", session["n"]) + 1
            edit = Edit(_base(session), _document(session), session.version, life.number_of(session.token), "add")
            self._write(client, network, life, session, edit, Stay())

    def _write(self, client: int, network: Network, life: Life, session: Session, edit: Edit, stay: Stay) -> None:
        if (edit.wanted == edit.base and not stay.is_any()) or self._has_passed(client, session, stay):
            return  # no call is made, and nothing said
        before = life.is_used_until(self._now(client) + IDLE)
        number = self._attempted(life, edit)
        store, rule_ = self.stores[client], _rule(edit.policy)
        options: dict[str, Any] = {"merge": edit.is_merged, "on_conflict": rule_}

        def verb() -> None:
            store.write(session, idle=stay.idle, absolute=stay.absolute, **options)

        with self._shortening(client, life, session, stay) as least:
            before = before._replace(least=least)
            if self._is_done("write", client, network, life, number, session, verb):
                worlds = life.stored(number, _document(session), session.version)
                life.passed |= life.possible()
                life.worlds = worlds
                if not life.is_dead:  # in the meantime
                    self._lives(client, life, session, before)

    @rule(client=CLIENT, network=NETWORK, which=WHICH, stay=PLAIN | STAY)
    def touch(self, client: int, network: Network, which: int, stay: Stay) -> None:
        """Renew, sometimes with another lifetime."""
        self._touch(client, network, self._recent(which), stay)

    def _touch(self, client: int, network: Network, life: Life, stay: Stay) -> None:
        session = self._copy(client, life)
        if session is None or self._has_passed(client, session, stay):
            return
        was_closed = life.number_of(session.token) in life.closed
        before = life.is_used_until(self._now(client) + IDLE)
        with self._shortening(client, life, session, stay) as least:
            before = before._replace(least=least)
            try:
                with self._on(network, beside=(client, life)):
                    was_asked = self.stores[client].touch(session, idle=stay.idle, absolute=stay.absolute)
            except SessionGoneError as error:
                self.told["touch gone"] += 1
                self._gone(client, life, session, error)
            except StoreUnavailableError as error:
                self.told["touch unknown"] += 1
                self.is_unknown = error.outcome_unknown
            else:
                self.told["touch done" if was_asked else "touch not needed"] += 1
                assert not (was_asked and was_closed), "a session came back"
                if was_asked and not life.is_dead:
                    self._lives(client, life, session, before)

    @rule(
        client=CLIENT,
        network=NETWORK,
        which=WHICH,
        keys=st.sets(st.sampled_from("abc")),
        policy=st.sampled_from(["raise", "mine", "theirs"]),
        stay=PLAIN | PLAIN | STAY,
    )
    def rotate(self, client: int, network: Network, which: int, keys: set[str], policy: Policy, stay: Stay) -> None:
        """With changes or without."""
        self._rotate(client, network, self._recent(which), keys, policy, stay)

    def _rotate(self, client: int, network: Network, life: Life, keys: set[str], policy: Policy, stay: Stay) -> None:
        session = self._copy(client, life)
        if session is None or self._has_passed(client, session, stay):
            return
        turn = Turn(self._now(client))
        edit = self._edited(life, session, keys, policy=policy, stay=stay, turn=turn)
        store = self.stores[client]

        def verb() -> None:
            store.rotate(session, idle=stay.idle, absolute=stay.absolute, on_conflict=_rule(policy))

        was_begun_at = session.began_at
        if self._is_turned("rotate", client, network, life, session, edit, stay, verb):
            assert session.began_at == was_begun_at, "a rotation is no new beginning"

    @rule(
        client=CLIENT,
        network=NETWORK,
        which=WHICH,
        keys=st.sets(st.sampled_from("abc")),
        subject=SUBJECT,
        label=st.sampled_from(["kept", None, "second", "third"]),
        policy=st.sampled_from(["raise", "mine", "theirs"]),
        stay=STAY,
    )
    def login(
        self,
        client: int,
        network: Network,
        which: int,
        keys: set[str],
        subject: str,
        label: str | None,
        policy: Policy,
        stay: Stay,
    ) -> None:
        """For a first subject, the same one or another."""
        self._login(client, network, self._recent(which), keys, subject, label, policy, stay)

    def _login(
        self,
        client: int,
        network: Network,
        life: Life,
        keys: set[str],
        subject: str,
        label: str | None,
        policy: Policy,
        stay: Stay,
    ) -> None:
        session = self._copy(client, life)
        if session is None:
            return
        now = self._now(client)
        turn = Turn(now, is_login=True, subject=subject, label=label, keeps_label=label == "kept")
        edit = self._edited(life, session, keys, policy=policy, stay=stay, turn=turn)
        self._may_be_restless(life, subject)
        lengths = {at - world.identity.began_at for at in life.absolutes for world in life.possible()}
        # Beside it another client may have asked for another one, and what is not given is as it is.
        known = {now + length for length in ({stay.absolute} if stay.absolute else lengths | {_SHORT, _OTHER})}
        life.absolutes |= known
        life.unsettled += known
        store = self.stores[client]

        def verb() -> None:
            store.login(
                session,
                subject=subject,
                label=KEEP if turn.keeps_label else label,
                idle=stay.idle,
                absolute=stay.absolute,
                on_conflict=_rule(policy),
            )

        if self._is_turned("login", client, network, life, session, edit, stay, verb):
            assert session.began_at == now, "a login is a new beginning"
            assert session.absolute_at in known, "an asked lifetime was not kept"
            assert session.subject == subject
            assert turn.keeps_label or session.label == label

    def _is_turned(
        self,
        name: str,
        client: int,
        network: Network,
        life: Life,
        session: Session,
        edit: Edit,
        stay: Stay,
        verb: Callable[[], None],
    ) -> bool:
        """Whether a rotation or a login was stored, which a new token shows."""
        before = life.is_used_until(self._now(client) + IDLE)
        number, old = self._attempted(life, edit), session.token
        with self._shortening(client, life, session, stay, is_login=name == "login") as least:
            before = before._replace(least=least)
            is_done = self._is_done(name, client, network, life, number, session, verb)
            if session.token == old:
                assert not is_done, "the token is the one before"
                return False
            assert session.id == life.id
            assert session.created_at == life.created_at, "a session began to exist anew"
            # Stored it is in either case; whether the session had been ended with others could not always be asked.
            worlds = life.stored(number, _document(session), session.version)
            life.tokens[number] = session.token
            life.closed.add(edit.token)
            life.worlds = {world for world in worlds if world.identity.token == number}
            if life.is_dead:  # in the meantime
                life.ends_for_all()
            elif is_done:
                self._lives(client, life, session, before, is_last=True)
            life.is_rotated_at(session.expires_at)
            life.absolutes, life.unsettled = {session.absolute_at}, []
            self.copies[client][life.id] = session
        return is_done

    @rule(client=CLIENT, network=NETWORK, which=WHICH, age=AGE, is_wanted=SELDOM)
    def expire(self, client: int, network: Network, which: int, age: int, is_wanted: bool) -> None:
        """One, by its token or one before."""
        if is_wanted:
            self._expire(client, network, self._recent(which), age)

    def _expire(self, client: int, network: Network, life: Life, age: int) -> None:
        numbers = sorted(life.tokens)
        number = numbers[max(0, len(numbers) - 1 - age)]
        now = self._now(client)
        hit = {world.identity.token for world in life.possible() if world.identity.is_logged_out_by(number, now=now)}
        self._end_one(
            life,
            lambda identity: identity.token in hit or identity.token == number,
            lambda: self.stores[client].expire(life.tokens[number]),
            network,
        )
        if not self.is_unknown:
            life.closed.add(number)
            life.worlds = {world for world in life.possible() if world.identity.token != number}

    @rule(
        client=CLIENT,
        network=NETWORK,
        which=WHICH,
        subject=st.none() | SUBJECT,
        seconds=st.sampled_from([0, 1, 9, 12]),
        is_wanted=SELDOM,
    )
    def log_out_late(
        self, client: int, network: Network, which: int, subject: str | None, seconds: int, is_wanted: bool
    ) -> None:
        """With the token before a rotation or a login, by another client."""
        if not is_wanted:
            return
        life = self._recent(which)
        if subject is None:
            self._rotate(client, [], life, set(), "raise", Stay())
        else:
            self._login(client, [], life, set(), subject, None, "raise", Stay())
        self.clock.advance(seconds)
        if max(life.tokens) not in life.closed:
            self._expire((client + 1) % len(SKEWS), network, life, 1)

    @rule(client=CLIENT, network=NETWORK, which=WHICH, subject=SUBJECT, is_wanted=SELDOM)
    def expire_one(self, client: int, network: Network, which: int, subject: str, is_wanted: bool) -> None:
        """One, by its id in the list of a subject, whether or not it is this subject's."""
        life = self.lives[-1 - which % len(self.lives)]
        if is_wanted and not life.is_dead:
            self._end_one(
                life,
                lambda identity: identity.subject == subject,
                lambda: self.stores[client].expire_one(subject=subject, session_id=life.id),
                network,
                is_lasting=True,
            )

    def _end_one(
        self,
        life: Life,
        hits: Callable[[Identity], bool],
        verb: Callable[[], bool],
        network: Network,
        *,
        is_lasting: bool = False,
    ) -> None:
        self.is_unknown = False
        try:
            with self._on(network):
                was_there = verb()
        except StoreUnavailableError as error:
            self.told["end unknown"] += 1
            self.is_unknown = True
            if error.outcome_unknown:
                life.may_end(hits, is_lasting=is_lasting)
            return
        self.told["end done" if was_there else "end of none"] += 1
        possible = life.possible()
        if was_there:
            assert any(hits(world.identity) for world in possible) or life.is_dead, "another session was ended"
            life.ends_for_all()
            return
        is_sure = bool(possible) and all(hits(world.identity) for world in possible) and not life.may_be_ended
        assert not is_sure or network or self._may_be_past(life), "a session that lives was not ended"
        life.is_ended(hits)
        if network:  # an attempt that went unanswered may come yet
            life.may_end(hits, is_lasting=is_lasting)

    @rule(client=CLIENT, network=NETWORK, subject=SUBJECT, which=WHICH, has_kept=st.booleans(), is_wanted=SELDOM)
    def expire_all(
        self, client: int, network: Network, subject: str, which: int, has_kept: bool, is_wanted: bool
    ) -> None:
        """All of a subject, but one or none."""
        if not is_wanted:
            return
        kept = self._recent(which) if has_kept else None

        def is_of_it(identity: Identity) -> bool:
            return identity.subject == subject

        self._doom_logins(subject, kept)
        is_done = False
        try:
            with self._on(network):
                ended = self.stores[client].expire_all(subject=subject, keep=kept.id if kept else None)
            self.told["end of some" if ended.more else "end of all"] += 1
            is_done = not ended.more
        except StoreUnavailableError:
            self.told["end unknown"] += 1
        if is_done:
            self.restless.discard(subject)
        elif self.is_strict:
            self.restless.add(subject)
        for life in self.lives:
            if is_done and life is not kept:
                life.is_ended(is_of_it)
            if network and not (life is kept and not self.is_strict):
                life.may_end(is_of_it, is_lasting=True)

    def _doom_logins(self, subject: str, kept: Life | None) -> None:
        """In strict mode a login that is under way bears an epoch that will be over: if it arrives, it is an end."""
        for life in self.lives if self.is_strict else []:
            for number, edit in list(life.pending.items()):
                if edit.turn is not None and edit.turn.is_login and edit.turn.subject == subject:
                    life.is_doomed(number, is_kept=life is kept)

    @rule(client=CLIENT, network=NETWORK, ago=st.integers(0, 30), is_wanted=SELDOM, is_meant=SELDOM)
    def expire_before(self, client: int, network: Network, ago: int, is_wanted: bool, is_meant: bool) -> None:
        """All that began to exist before a second."""
        if not (is_wanted and is_meant):
            return
        instant = self._now(client) - ago
        concerned = [life for life in self.lives if life.created_at < instant]
        self.not_before = max(self.not_before, instant)
        for life in concerned:
            life.may_end(lambda _: True, is_lasting=True)
        try:
            with self._on(network):
                self.stores[client].expire_before(instant)
        except StoreUnavailableError:
            self.told["end unknown"] += 1
            return
        self.told["end before"] += 1
        for life in concerned:
            for other in range(len(SKEWS)):
                since = self.clock() + (0 if other == client else REMEMBERED_SECONDS)
                life.barred[other] = min(since, life.barred.get(other, since))

    @rule(client=CLIENT, network=NETWORK, subject=SUBJECT)
    def look_at_list(self, client: int, network: Network, subject: str) -> None:
        """It has all that surely live, and none that is known to be dead."""
        sure = {
            life.id
            for life in self.lives
            if life.worlds and not life.may_be_ended and all(w.identity.subject == subject for w in life.possible())
        }
        try:
            with self._on(network):
                listed = {entry.id: entry for entry in self.stores[client].sessions(subject=subject)}
        except StoreUnavailableError:
            self.told["list unknown"] += 1
            return
        self.told["list done"] += 1
        for life in self.lives:
            entry = listed.pop(life.id, None)
            if entry is None:
                assert life.id not in sure or self._may_be_past(life), "a session is not listed"
                continue
            life.worlds = {
                world
                for world in life.possible()
                if (world.identity.subject, world.identity.label) == (subject, entry.label)
                and world.version == entry.version
            }
            assert entry.created_at == life.created_at
            assert life.worlds, f"{entry} is listed"
            assert not self._is_barred(client, life), "a session came back"
            life.lives(expires_at=entry.expires_at, absolute_at=entry.absolute_at, now=self._now(client))
        assert len(listed) <= self.phantoms[subject], "a session that was never created"

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
                self.table.remove(key)

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
        self.not_before = self.clock()
        self.stores[0].expire_before(self.clock())
        self.clock.advance(_APART)
        for life in self.lives:
            life.is_restored = True
            life.ends_for_all()

    # ---- helpers

    def _now(self, client: int) -> int:
        return self.clock() + SKEWS[client]

    def _latest_now(self) -> int:
        return self.clock() + max(SKEWS)

    def _may_be_past(self, life: Life) -> bool:
        """Whether some clock has reached its deadline."""
        return self.clock() + max(SKEWS) >= life.earliest()

    def _is_barred(self, client: int, life: Life) -> bool:
        return self.clock() >= life.barred.get(client, self.clock() + 1)

    def _recent(self, which: int) -> Life:
        """One of the last that may be open; a new one when there is none."""
        open_ones = self._open()
        if not open_ones:
            self.create(0, [], SUBJECTS[which % len(SUBJECTS)], False, Stay())
            open_ones = self._open()
        return open_ones[-1 - which % len(open_ones)]

    def _open(self) -> list[Life]:
        return [life for life in self.lives[-_AT_ONCE:] if max(life.tokens) not in life.closed]

    def _copy(self, client: int, life: Life) -> Session | None:
        """What the client holds, or what it reads when it holds nothing."""
        if life.id not in self.copies[client]:
            self._read(client, [], life, max(life.tokens), touch=False)
        return self.copies[client].get(life.id)

    def _edited(
        self,
        life: Life,
        session: Session,
        keys: set[str],
        *,
        stay: Stay,
        is_removed: bool = False,
        policy: Policy = "mine",
        merge: bool = True,
        turn: Turn | None = None,
    ) -> Edit:
        for key in sorted(keys):
            self.counter += 1
            if is_removed and key in session:
                del session[key]
            else:
                session[key] = self.counter
        number = life.number_of(session.token)
        return Edit(
            _base(session), _document(session), session.version, number, policy, merge, turn, has_lifetime=stay.is_any()
        )

    def _attempted(self, life: Life, edit: Edit) -> int:
        self.counter += 1
        life.pending[self.counter] = edit
        return self.counter

    def _lives(self, client: int, life: Life, session: Session, before: Deadlines, *, is_last: bool = False) -> None:
        """An answer holds ``session``, which its store says lives."""
        assert not self._is_barred(client, life), "a session came back"
        life.lives(
            expires_at=session.expires_at,
            absolute_at=session.absolute_at,
            now=self._now(client),
            before=before,
            is_last=is_last,
        )

    def _gone(self, client: int, life: Life, session: Session, error: SessionGoneError) -> None:
        """What was held opens nothing any more."""
        number = life.number_of(session.token)
        if error.is_superseded:
            life.is_superseded(number)
        else:
            life.is_absent(number, may_be_past=self._may_be_past(life))
        self._let_go(client, life, number)

    @staticmethod
    def _demand_another(life: Life, number: int, error: SessionGoneError) -> None:
        """That the rotation which superseded the token was not the pending one itself, whose answer was lost."""
        is_anothers = any(world.identity.token != number for world in life.worlds)
        assert is_anothers or not error.is_superseded, "its own rotation is taken for another's"

    def _let_go(self, client: int, life: Life, number: int) -> None:
        copy = self.copies[client].get(life.id)
        if copy is not None and copy.token == life.tokens[number]:
            del self.copies[client][life.id]

    def _has_passed(self, client: int, session: Session, stay: Stay) -> bool:
        """Whether the absolute deadline that is asked for is over, which is refused."""
        return stay.absolute is not None and session.began_at + stay.absolute <= self._now(client)

    @contextmanager
    def _shortening(
        self, client: int, life: Life, session: Session, stay: Stay, *, is_login: bool = False
    ) -> Iterator[int]:
        """The lifetimes of ``stay`` are asked for in the block; the earliest deadline that may come of it."""
        self.is_unknown = False
        now, absolutes = self._now(client), []
        began_at = now if is_login else session.began_at
        if stay.absolute is not None:
            absolutes.append(began_at + stay.absolute)
        deadline = min([now + (stay.idle or min(life.least_idle, _SHORT_IDLE)), *absolutes])
        if is_login:
            deadline = min([deadline, now + session.absolute_at - session.began_at])
        if not (stay.is_any() or is_login):
            yield WHATEVER
            return
        life.absolutes.update(absolutes)
        life.unsettled += absolutes
        life.may_die_at(deadline)
        life.least_idle = min(life.least_idle, stay.idle or IDLE)
        yield deadline
        if self.is_unknown:
            life.may_still_die_at(deadline)
            return
        life.does_not_die_at(deadline)
        for at in absolutes:
            with suppress(ValueError):
                life.unsettled.remove(at)

    def _may_have_phantom(self, subject: str | None) -> None:
        if subject is not None:
            self.phantoms[subject] += _PHANTOMS

    def _may_be_restless(self, life: Life, subject: str | None) -> None:
        """An end of all its sessions may be under way, and come later than the session becomes one of them."""
        if subject in self.restless:
            life.may_end(lambda identity: identity.subject == subject, is_lasting=True)

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
        """What happens to a session in the middle of another client's call."""
        session = None if life.is_dead else self._copy(client, life)
        if session is None:
            return
        self.depth += 1
        was_unknown = self.is_unknown
        match event:
            case Event.WRITE:
                edit = self._edited(life, session, {"a"}, stay=Stay())
                self._write(client, [], life, session, edit, Stay())
            case Event.COUNT:
                self._count(client, [], life)
            case Event.TOUCH:
                self._touch(client, [], life, Stay())
            case Event.SHORTER:
                self._touch(client, [], life, Stay(_SHORT_IDLE, _SHORT))
            case Event.ROTATION:
                self._rotate(client, [], life, set(), "raise", Stay())
            case Event.LOGIN:
                self._login(client, [], life, set(), SUBJECTS[client % 2], "other", "raise", Stay(absolute=_OTHER))
            case Event.END:
                self._expire(client, [], life, 0)
        self.is_unknown = was_unknown
        self.depth -= 1

    def _is_done(
        self,
        name: str,
        client: int,
        network: Network,
        life: Life,
        number: int,
        session: Session,
        verb: Callable[[], None],
    ) -> bool:
        """Whether ``verb`` says that it stored the pending edit ``number``; if it does not, learn from that."""
        self.is_unknown = False
        token = session.token
        was_closed = life.number_of(token) in life.closed
        if self.depth == 0:
            life.passed = life.possible()
        try:
            with self._on(network, beside=(client, life)):
                verb()
        except SessionGoneError as error:
            self.told[f"{name} gone"] += 1
            self.is_unknown = error.outcome_unknown
            if session.token == token:
                life.is_unanswered(number, outcome_unknown=error.outcome_unknown)
                self._gone(client, life, session, error)
                self._demand_another(life, number, error)
            else:  # it was stored, and had been ended with others
                life.tokens[number] = session.token
                life.is_ended(lambda identity: identity.token == number)
                life.closed.add(number)
                self.copies[client].pop(life.id, None)
        except ConflictError as error:
            self.told[f"{name} conflict"] += 1
            life.clashes(number, error.keys)
            self.copies[client].pop(life.id, None)
        except CorruptSessionError:
            self.told[f"{name} corrupt"] += 1
            life.is_corrupt()
            self.is_unknown = True
            life.is_unanswered(number, outcome_unknown=True)
            self.copies[client].pop(life.id, None)
        except StoreUnavailableError as error:
            self.told[f"{name} unknown"] += 1
            self.is_unknown = error.outcome_unknown
            if session.token == token:
                life.is_unanswered(number, outcome_unknown=error.outcome_unknown)
        else:
            self.told[f"{name} done"] += 1
            assert not was_closed, "a session came back"
            return True
        return False


def _document(session: Session) -> dict[str, int]:
    return cast("dict[str, int]", dict(session))


def _base(session: Session) -> dict[str, int]:
    return cast("dict[str, int]", session.stored())


def _rule(policy: Policy) -> OnConflict:
    return _added if policy == "add" else policy


def _added(conflict: Conflict) -> object:
    if conflict.key != "n":
        return conflict.mine
    return cast("int", conflict.mine) + cast("int", conflict.theirs) - cast("int", conflict.base)
