"""The contract notices: each mutant breaks one line of the library, and some test of the contract has to fail."""

import inspect
import itertools
from collections.abc import Callable, Iterator

import pytest

from sojourn.backends.memory import MemoryBackend
from sojourn.testing import FakeClock
from tests.contract.boundaries import Boundaries
from tests.contract.locking import Locking, Waiting
from tests.contract.stores import Opened, alive
from tests.mutants import Mutant

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
    "nobody gives up": Mutant("sojourn.locking:Lock.acquire", "left <= 0 or", "False and left or"),
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
    "a fence counts for one session alone": Mutant(
        "sojourn.locking:Lock._take",
        "max(self._clock() * 1_000, seen.number + 1 if seen else 0)",
        "seen.number + 1 if seen else 1",
    ),
    "nothing is released": Mutant(
        "sojourn.locking:Lock.release", "return self._set(free, seen=self._mark) == free or in_time", "return True"
    ),
    "a lost lease is not told": Mutant("sojourn.locking:Lock.release", "== free or in_time", "== free or True"),
    "a late release is told to nobody's harm": Mutant(
        "sojourn.locking:Lock.release",
        "self._set(free, seen=self._mark) == free or in_time",
        "in_time and bool(self._set(free, seen=self._mark))",
    ),
    "an unanswered release always counts": Mutant("sojourn.locking:Lock.release", "return in_time", "return True"),
    "an unanswered release never counts": Mutant("sojourn.locking:Lock.release", "return in_time", "return False"),
    "an error keeps the lock": Mutant(
        "sojourn.store:Store.lock", "        lock.release()\n        raise", "        raise"
    ),
    "a copy stays as it was": Mutant("sojourn.store:Store.lock", "self._refresh(session)", "pass"),
    "a changed copy is overwritten": Mutant("sojourn.store:Store._refresh", "not session.is_changed", "True"),
    "a dead session is locked": Mutant("sojourn.store:Store._refresh", "raise SessionGoneError(session.id)", "return"),
    "a foreign session is locked": Mutant("sojourn.store:Store.lock", "self._demand_own(session)", "pass"),
    "any lease will do": Mutant("sojourn.store:_checked_duration", "not least <= seconds <= _LONGEST_LEASE", "False"),
}

BOUNDARIES = {
    "strict is not": Mutant("sojourn.revocation:Boundaries.end", "not self._settings.strict_expire_all", "True"),
    "a read does not ask": Mutant("sojourn.revocation:Boundaries.have_passed", "or self.is_outdated(record)", ""),
    "a use is not asked about afterwards": Mutant(
        "sojourn.store:Store._demand_current",
        "self._boundaries.have_passed(session._record)",
        "may_have_happened is None",
    ),
    "doubt is not told": Mutant(
        "sojourn.store:Store._demand_current", "doubtful(may_have_happened)", "doubtful(False)"
    ),
    "what is found ended is not removed": Mutant(
        "sojourn.store:Store._demand_current", "self._protocol.delete(session._record.session_id)", "pass"
    ),
    "an heir is born into the new epoch": Mutant(
        "sojourn.store:Store.rotate",
        "    self._demand_current(session)\n    epoch",
        "    epoch",
    ),
    "a list does not ask": Mutant(
        "sojourn.store:Store.session_page", "and (epoch is None or epoch.includes(record))", ""
    ),
    "a list forgets the restore": Mutant("sojourn.store:Store.session_page", "and record.created_at >= not_before", ""),
    "all are spared": Mutant(
        "sojourn.revocation:Epoch.includes", "record.session_id == self.spared", "bool(self.spared)"
    ),
    "nobody is spared": Mutant("sojourn.revocation:Epoch.includes", "or record.session_id == self.spared", ""),
    "who was ended is spared": Mutant(
        "sojourn.revocation:Boundaries._lives_in", "and (epoch is None or epoch.includes(record))", ""
    ),
    "a subject's epoch is everybody's": Mutant("sojourn.revocation:_epoch_name", "#!epoch#{name}", "#!epoch#"),
    "an epoch leaves its namespace": Mutant("sojourn.revocation:_epoch_name", "{namespace}#", "#"),
    "not before leaves its namespace": Mutant(
        "sojourn.revocation:Boundaries._not_before_name", "{self._settings.namespace}", ""
    ),
    "a restore brings back": Mutant(
        "sojourn.revocation:Boundaries.have_passed", "record.created_at < self.not_before() or", ""
    ),
    "the second itself is ended": Mutant("sojourn.revocation:Boundaries.have_passed", "<", "<="),
    "not before is asked once": Mutant(
        "sojourn.revocation:Boundaries.not_before", "now >= self._memory.until", "self._memory.until == 0"
    ),
    "not before is asked always": Mutant(
        "sojourn.revocation:Boundaries.not_before", "now >= self._memory.until", "True"
    ),
    "not before moves back": Mutant("sojourn.revocation:Boundaries.set_not_before", "seen.number >= instant", "False"),
    "not before is set beyond now": Mutant("sojourn.store:Store.expire_before", "0 <= instant <= now", "0 <= instant"),
}


@pytest.mark.parametrize("mutant", LOCK.values(), ids=LOCK)
def test_the_contract_of_the_lock_notices(mutant: Mutant) -> None:
    """Some test of it fails."""
    assert _failed(Locking(), mutant)


@pytest.mark.parametrize("mutant", BOUNDARIES.values(), ids=BOUNDARIES)
def test_the_contract_of_boundaries_notices(mutant: Mutant) -> None:
    """Some test of it fails."""
    assert _failed(Boundaries(), mutant)


@pytest.mark.parametrize("contract", [Locking(), Boundaries()], ids=lambda contract: type(contract).__name__)
def test_nothing_fails_without_a_mutant(contract: object) -> None:
    """Lest a mistake in this file be taken for vigilance."""
    assert _failed(contract, None) == []


def _failed(contract: object, mutant: Mutant | None) -> list[str]:
    """The tests of a contract that fail on a store in memory."""
    failed = []
    for name, test, case in _cases(contract):
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
    one, two = stores(retry=time.retry()), stores(retry=time.retry())
    mine = one.create({"n": 1})
    with pytest.MonkeyPatch.context() as patch:
        fixtures: dict[str, object] = {
            "backend": backend,
            "clock": clock,
            "time": time,
            "stores": stores,
            "store": stores(),
            "one": one,
            "two": two,
            "mine": mine,
            "yours": alive(two.read(mine.token)),
            "monkeypatch": patch,
        }
        test(**{name: (fixtures | case)[name] for name in inspect.signature(test).parameters})
