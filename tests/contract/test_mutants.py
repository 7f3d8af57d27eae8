"""The contract notices: each mutant breaks one line of the library, and some test of the contract has to fail."""

import inspect
import itertools
from collections.abc import Callable, Iterator

import pytest

from sojourn.backends.memory import MemoryBackend
from sojourn.testing import FakeClock
from tests.contract.boundaries import Boundaries
from tests.contract.contract import BackendContract
from tests.contract.endings import Endings
from tests.contract.lifetimes import Lifetimes
from tests.contract.locking import Locking, Waiting
from tests.contract.logging_in import LoggingIn
from tests.contract.merging import Merging
from tests.contract.rotating import Rotating
from tests.contract.stores import Opened, alive
from tests.contract.subjects import Subjects
from tests.contract.superseding import Superseding
from tests.support.mutants import Mutant

Test = Callable[..., None]

LOCK = {
    "a holder is not held off": Mutant("sojourn.locking:_lease", "int(milliseconds) / 1_000", "0.0"),
    "a lock is taken whoever has it": Mutant(
        "sojourn.locking:Lock._set", "seen=seen", "seen=self._backend.mark(self._name)"
    ),
    "a free lock is held": Mutant("sojourn.locking:_lease", "return 0.0", "return 5.0"),
    "a dead holder keeps it": Mutant("sojourn.locking:Lock.acquire", "rest <= 0 and", "watched is None and"),
    "a new holder inherits the watch": Mutant(
        "sojourn.locking:Lock.acquire",
        "watched, since = seen, monotonic()",
        "watched, since = seen, since or monotonic()",
    ),
    "no waiter gives up": Mutant("sojourn.locking:Lock.acquire", "left <= 0 or", "False and left or"),
    "a deadline does not count": Mutant("sojourn.locking:Lock.acquire", "not self._retry.has_time_for(pause)", "False"),
    "waiting does not slow down": Mutant("sojourn.locking:Lock.acquire", "min(number, _SETTLED)", "0"),
    "waiting has no end to its pauses": Mutant(
        "sojourn.retry:Retry.pause", "min(self.cap, self.base * 2.0**number)", "self.base * 2.0**number"
    ),
    "a fence goes by the clock alone": Mutant(
        "sojourn.locking:Lock._take",
        "max(self._clock() * 1_000, seen.number + 1 if seen else 0)",
        "self._clock() * 1_000",
    ),
    "nothing is released": Mutant(
        "sojourn.locking:Lock.release", "return self._set(free, seen=self._mark) == free or in_time", "return True"
    ),
    "a lost lease is not told": Mutant("sojourn.locking:Lock.release", "== free or in_time", "== free or True"),
    "a late release is always an error": Mutant(
        "sojourn.locking:Lock.release",
        "self._set(free, seen=self._mark) == free or in_time",
        "in_time and bool(self._set(free, seen=self._mark))",
    ),
    "an unanswered release always counts": Mutant("sojourn.locking:Lock.release", "return in_time", "return True"),
    "an unanswered release never counts": Mutant("sojourn.locking:Lock.release", "return in_time", "return False"),
    "an error keeps the lock": Mutant(
        "sojourn.locking:Lock.held", "        self.release()\n        raise", "        raise"
    ),
    "a copy stays as it was": Mutant("sojourn.store:Store.lock", "self.refresh(session)", "pass"),
    "a changed copy is overwritten": Mutant("sojourn.store:Store.refresh", "not session.is_changed", "True"),
    "a dead session is locked": Mutant("sojourn.store:Store.refresh", "raise gone(before.record, found)", "return"),
    "a foreign session is locked": Mutant("sojourn.store:Store.lock", "self._changer.demand_own(session)", "pass"),
    "a lock is the token's": Mutant(
        "sojourn.locking:Lock.__init__",
        "lock_of(record.session_id)",
        "lock_of(record.session_id) + record.token_hash.hex()",
    ),
    "any lease will do": Mutant("sojourn.locking:_checked_duration", "not least <= seconds <= _LONGEST_LEASE", "False"),
}

BOUNDARIES = {
    "strict is not": Mutant("sojourn.revocation:Revocation.end", "not self._settings.strict_expire_all", "True"),
    "a read does not ask": Mutant(
        "sojourn.protocol:SessionProtocol._judged", "None if expired else self._revocation.reason(record)", "None"
    ),
    "a use is not asked about afterwards": Mutant(
        "sojourn.changing:Changer._demand_current", "if reason is None:", "if reason is None or outcome_unknown:"
    ),
    "an unknown outcome is not said": Mutant(
        "sojourn.changing:Changer._demand_current", "uncertain(outcome_unknown)", "uncertain(False)"
    ),
    "what is found ended is not removed": Mutant(
        "sojourn.changing:Changer._demand_current",
        "self._protocol.remove(record.session_id, Match(token_hash=record.token_hash))",
        "pass",
    ),
    "a login revives what was ended with all others": Mutant(
        "sojourn.changing:Changer._login", "self._demand_current(before)\n", "pass\n"
    ),
    "a login forgets the former subject": Mutant(
        "sojourn.changing:Changer._login", "before.record.subject not in (None, owner)", "False"
    ),
    "a login is not asked about afterwards": Mutant(
        "sojourn.changing:Changer._write", "self._demand_current(snapshot, outcome_unknown=True)", "pass"
    ),
    "a list does not ask": Mutant("sojourn.revocation:Revocation.living", "and _is_in(epoch, record)", ""),
    "a list forgets the restore": Mutant(
        "sojourn.revocation:Revocation.living", "and record.created_at >= not_before", ""
    ),
    "all are spared": Mutant(
        "sojourn.revocation:Epoch.includes", "record.session_id == self.spared", "bool(self.spared)"
    ),
    "none is spared": Mutant("sojourn.revocation:Epoch.includes", "or record.session_id == self.spared", ""),
    "one that was ended is spared": Mutant("sojourn.revocation:Revocation._lives_in", "and _is_in(epoch, record)", ""),
    "a subject's epoch is every subject's": Mutant("sojourn.names:epoch_of", "#!epoch#{name}", "#!epoch#"),
    "an epoch leaves its namespace": Mutant("sojourn.names:epoch_of", "{namespace}#", "#"),
    "not before leaves its namespace": Mutant("sojourn.names:Namespace.not_before", "{self.name}", ""),
    "a restore brings back": Mutant(
        "sojourn.revocation:Revocation.reason", "record.created_at < self.not_before()", "False"
    ),
    "the second itself is ended": Mutant("sojourn.revocation:Revocation.reason", "<", "<="),
    "not before is asked once": Mutant(
        "sojourn.revocation:Revocation.mark_due", "self._clock() >= self._memory.until", "self._memory.until == 0"
    ),
    "not before is asked always": Mutant(
        "sojourn.revocation:Revocation.mark_due", "self._clock() >= self._memory.until", "True"
    ),
    "what came along is forgotten": Mutant(
        "sojourn.protocol:SessionProtocol.load", "self._revocation.remember(found)", "self._revocation.remember(None)"
    ),
    "not before moves back": Mutant("sojourn.revocation:Revocation.set_not_before", "seen.number >= instant", "False"),
    "not before is set beyond now": Mutant("sojourn.ending:Ender.end_before", "0 <= instant <= now", "0 <= instant"),
}

CONDITIONS = {
    "a write, a touch and a rotation without the token": Mutant(
        "sojourn.backends.memory:_is_mine",
        "(current.token_hash, current.absolute_at) == (seen.token_hash, seen.absolute_at)",
        "current.absolute_at == seen.absolute_at",
    ),
    "a late touch past a moved absolute deadline": Mutant(
        "sojourn.backends.memory:_is_mine",
        "(current.token_hash, current.absolute_at) == (seen.token_hash, seen.absolute_at)",
        "current.token_hash == seen.token_hash",
    ),
    "a change of the dead": Mutant("sojourn.backends.memory:_is_mine", "and current.expires_at > now", ""),
    "a change of another version": Mutant(
        "sojourn.backends.memory:MemoryBackend.replace", "current.version != seen.version or", ""
    ),
    "a place that the sweep has left": Mutant(
        "sojourn.backends.memory:_keeps_deadline",
        "seen.sweep_at is None or current.sweep_at == seen.sweep_at",
        "True",
    ),
    "a deadline that was brought forward": Mutant(
        "sojourn.backends.memory:MemoryBackend.postpone",
        "current.sweep_at == move.hint.sweep_at and not is_earlier",
        "current.sweep_at == move.hint.sweep_at",
    ),
    "a removal by any one condition": Mutant("sojourn.backend:Match.holds_for", "all(", "any("),
    "a list with hashes": Mutant(
        "sojourn.backends.memory:MemoryBackend.peek", 'token_hash=b"", former_hashes=None', "idle=record.idle"
    ),
}

IDENTITY = {
    "a login escapes a restore": Mutant(
        "sojourn.revocation:Revocation.reason", "record.created_at < self", "record.began_at < self"
    ),
    "a session answers to its id alone": Mutant(
        "sojourn.protocol:SessionProtocol._judged",
        "not compare_digest(record.token_hash, bearer.token_hash)",
        "False",
    ),
    "a superseded token is served": Mutant(
        "sojourn.protocol:SessionProtocol._judged", "return self._stranger(record, bearer)", "return record"
    ),
    "a logout without the token": Mutant(
        "sojourn.protocol:SessionProtocol.expire", "Match(token_hash=bearer.token_hash)", "Match(version=1)"
    ),
    "a refused write trusts the id": Mutant(
        "sojourn.protocol:SessionProtocol.replace",
        "self._judged(current, bearer)",
        "self._judged(current, Bearer.of(current) if current else bearer)",
    ),
    "a refused touch trusts the id": Mutant(
        "sojourn.protocol:SessionProtocol.renew",
        "self._judged(outcome.current, bearer)",
        "self._judged(outcome.current, Bearer.of(outcome.current) if outcome.current else bearer)",
    ),
    "a reload trusts the id": Mutant(
        "sojourn.reading:Reader.again",
        "self._protocol.load(Bearer.of(snapshot.record))",
        "self._protocol._loaded(snapshot.record.session_id, is_consistent=True)",
    ),
    "a rotation keeps the token": Mutant(
        "sojourn.changing:Changer.rotate", "token=tokens.reminted(session.id)", "token=session.snapshot.token"
    ),
    "a login keeps the old beginning": Mutant(
        "sojourn.protocol:SessionProtocol._timed",
        "began_at=now, absolute_at=record.absolute_at + now - record.began_at",
        "began_at=seen.began_at, absolute_at=seen.absolute_at",
    ),
    "a rotation is a new beginning": Mutant(
        "sojourn.writing:Change.lifetime_of", "if self.login is None", "if self.token is None"
    ),
    "a login counts from before it was stored": Mutant(
        "sojourn.protocol:SessionProtocol._timed", "is_rotation and record.rotated_at is not None", "False"
    ),
    "a login takes the label away": Mutant(
        "sojourn.writing:Writer._next", "seen.label if change.login.label is KEEP", "None if change.login.label is KEEP"
    ),
    "a login escapes by a new creation": Mutant(
        "sojourn.writing:Writer._next", "rotated_at=record.began_at,", "rotated_at=0, created_at=record.began_at,"
    ),
    "the first token of a second rotation is a stranger's": Mutant(
        "sojourn.rotation:former_hashes", 'seen.token_hash + (before or b"")', "seen.token_hash"
    ),
    "hashes pile up": Mutant("sojourn.rotation:former_hashes", "_MOST * _HASH_BYTES", "9 * _HASH_BYTES"),
    "an old token's standing is renewed": Mutant("sojourn.rotation:former_hashes", "if is_recent else None", ""),
    "a superseded token never becomes a stranger's": Mutant(
        "sojourn.rotation:is_superseded", "arrived_at > record.rotated_at + WINDOW_SECONDS", "False"
    ),
    "the window is a second short": Mutant("sojourn.rotation:is_superseded", "arrived_at >", "arrived_at >="),
    "the arrival does not count": Mutant(
        "sojourn.reading:Reader.find", "self._clock() if arrived_at is None else arrived_at", "self._clock()"
    ),
    "a copy in hand becomes a stranger's": Mutant(
        "sojourn.protocol:SessionProtocol._stranger",
        "bearer.arrived_at is None or",
        "bearer.arrived_at is not None and",
    ),
    "the dead supersede": Mutant(
        "sojourn.protocol:SessionProtocol._stranger",
        "is_dead(expires_at=record.expires_at, now=self._clock())",
        "False",
    ),
    "a logout crosses a login": Mutant("sojourn.rotation:may_log_out", "record.began_at < earliest", "True"),
    "a logout crosses a login and a rotation": Mutant(
        "sojourn.rotation:may_log_out", "at if place == 0 else at - _MOST * WINDOW_SECONDS", "at"
    ),
    "a logout in flight counts for ever": Mutant(
        "sojourn.rotation:may_log_out", "now - WINDOW_SECONDS <= at", "0 <= at"
    ),
    "a logout in flight never counts": Mutant("sojourn.rotation:may_log_out", "place is None or", "True or"),
    "a stranger gets what superseded": Mutant(
        "sojourn.protocol:SessionProtocol.superseding",
        "self._stranger(record, bearer) is Absence.SUPERSEDED and",
        "record.expires_at > self._clock() and",
    ),
    "what was ended is copied by a login": Mutant(
        "sojourn.protocol:SessionProtocol.superseding", "and self._revocation.reason(record) is None", ""
    ),
    "another subject gets what superseded": Mutant(
        "sojourn.reading:Reader.superseding_text", "record.subject == self._namespace.subject(subject)", "True"
    ),
    "who says no arrival is never a stranger": Mutant(
        "sojourn.reading:Reader.superseding_text", "self._clock() if arrived_at is None else arrived_at", "arrived_at"
    ),
    "former hashes are kept for good": Mutant(
        "sojourn.protocol:SessionProtocol._timed", "is_settled(record, now=now)", "False"
    ),
    "former hashes are dropped at once": Mutant(
        "sojourn.rotation:is_settled", "+ WINDOW_SECONDS + _LONGEST_REQUEST_SECONDS + _CLOCK_ERROR_SECONDS", "- 1"
    ),
    "a shorter stay is swept when the longer one was due": Mutant(
        "sojourn.protocol:SessionProtocol._timed", "expires_at + self._sweep_grace < record.sweep_at", "False"
    ),
    "above the maximum is taken": Mutant(
        "sojourn.changing:Changer._checked_seconds", "not 1 <= seconds <= limit", "not 1 <= seconds"
    ),
    "an absolute deadline that has passed is taken": Mutant(
        "sojourn.changing:Changer._lifetime", "absolute is not None and", "False and"
    ),
}

SUBJECTS = {
    "an owner ends what is another's": Mutant(
        "sojourn.subjects:Subjects._ended", "Match(subject=owner)", "Match(version=1)"
    ),
    "names are kept as they come": Mutant("sojourn.names:_normalised", 'unicodedata.normalize("NFC", text)', "text"),
    "names may change direction": Mutant("sojourn.names:_normalised", "one in _BIDIRECTIONAL or", ""),
    "names may hold control characters": Mutant(
        "sojourn.names:_normalised", 'or unicodedata.category(one) == "Cc"', ""
    ),
    "a failure hides what was ended beside it": Mutant(
        "sojourn.subjects:_end_each", "return ended, failures[0]", "return [], failures[0]"
    ),
}

MERGING = {
    "who loses a merge too often has a conflict": Mutant(
        "sojourn.writing:Writer._pause", "number + 1 >= _MAX_MERGES or", "False or"
    ),
}


class Identity(Rotating, LoggingIn, Superseding, Endings, Lifetimes):
    """All that a store promises about tokens, whose they are, and for how long."""


@pytest.mark.parametrize("mutant", LOCK.values(), ids=LOCK)
def test_the_contract_of_the_lock_notices(mutant: Mutant) -> None:
    """Some test of it fails."""
    assert _failed(Locking(), mutant)


@pytest.mark.parametrize("mutant", BOUNDARIES.values(), ids=BOUNDARIES)
def test_the_contract_of_boundaries_notices(mutant: Mutant) -> None:
    """Some test of it fails."""
    assert _failed(Boundaries(), mutant)


@pytest.mark.parametrize("mutant", CONDITIONS.values(), ids=CONDITIONS)
def test_the_contract_of_backends_notices(mutant: Mutant) -> None:
    """Some test of it fails."""
    assert _failed(BackendContract(), mutant, is_enough=1)


@pytest.mark.parametrize("mutant", IDENTITY.values(), ids=IDENTITY)
def test_the_contract_of_identity_notices(mutant: Mutant) -> None:
    """Some test of it fails."""
    assert _failed(Identity(), mutant, is_enough=1)


@pytest.mark.parametrize(
    "contract",
    [Locking(), Boundaries(), BackendContract(), Identity(), Subjects(), Merging()],
    ids=lambda contract: type(contract).__name__,
)
def test_nothing_fails_without_a_mutant(contract: object) -> None:
    """Lest a mistake in this file be taken for vigilance."""
    assert _failed(contract, None) == []


def _failed(contract: object, mutant: Mutant | None, *, is_enough: int = 10**6) -> list[str]:
    """The tests of a contract that fail on a store in memory."""
    failed = list[str]()
    for name, test, case in _cases(contract):
        if len(failed) >= is_enough:
            break
        with pytest.MonkeyPatch.context() as patch:
            if mutant is not None:
                mutant.apply(patch)
            try:
                _run(test, case)
            except (Exception, pytest.fail.Exception):  # noqa: BLE001  # however it fails
                failed.append(name)
    return failed


def _cases(contract: object) -> Iterator[tuple[str, Test, dict[str, object]]]:
    """Each test with each of its parameters."""
    for name, test in inspect.getmembers(contract, inspect.ismethod):
        if not name.startswith("test_"):
            continue
        marks = [mark.args for mark in getattr(test, "pytestmark", ()) if mark.name == "parametrize"]
        choices = [[(names, value) for value in values] for names, values in marks]
        for chosen in itertools.product(*choices):
            case: dict[str, object] = {}
            for names, value in chosen:
                several = [names] if isinstance(names, str) else names
                case |= zip(several, [value] if isinstance(names, str) else value, strict=True)
            yield name, test, case


def _run(test: Test, case: dict[str, object]) -> None:
    """With the fixtures of the contract, over memory."""
    backend, clock, time = MemoryBackend(), FakeClock(), Waiting()
    stores = Opened(backend, clock, strict=False)
    one, two, store = stores(retry=time.retry()), stores(retry=time.retry()), stores()
    wanted = inspect.signature(test).parameters
    mine = one.create({"n": 1}) if "mine" in wanted else None
    with pytest.MonkeyPatch.context() as patch:
        fixtures: dict[str, object] = {
            "backend": backend,
            "clock": clock,
            "time": time,
            "stores": stores,
            "store": store,
            "settings": store.settings,
            "one": one,
            "two": two,
            "mine": mine,
            "yours": mine and alive(two.read(mine.token)),
            "monkeypatch": patch,
        }
        test(**{name: (fixtures | case)[name] for name in wanted})
