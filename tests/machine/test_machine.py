"""Whatever clients, clocks, the network and the table do, no answer is untrue: the same runs on every engine."""

from collections import Counter
from collections.abc import Callable, Iterator

import pytest
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.errors import FlakyFailure
from hypothesis.stateful import run_state_machine_as_test

from devstack.clients import Clients
from tests.contract.tables import sessions_table
from tests.machine.engines import DynamoEngine, MemoryEngine
from tests.machine.machine import Engine, SessionMachine
from tests.mutants import Mutant

SEED = 20_260_101
STEPS = 40

_FEW, _MANY = 150, 4_000
"""Runs in memory, in every suite and in the slow one."""

_FEW_REAL, _MANY_REAL = 12, 150
"""Runs on DynamoDB Local."""

_TO_NOTICE = 4_000
"""Runs after which a mutant counts as not noticed."""

_BOTH = pytest.mark.parametrize("is_strict", [False, True], ids=["default", "strict"])


def run(
    engine: Callable[[], Engine], *, runs: int, is_strict: bool, is_to_fail: bool = False, first: int = SEED
) -> "Counter[str]":
    """So many runs of the machine; what it was told in all of them."""
    told: Counter[str] = Counter()

    class Machine(SessionMachine):
        pass

    Machine.engine, Machine.is_strict, Machine.told = staticmethod(engine), is_strict, told
    run_state_machine_as_test(
        seed(first)(Machine),
        settings=settings(
            max_examples=runs,
            stateful_step_count=STEPS,
            deadline=None,
            database=None,
            # What a mutant did need not be told in the fewest steps.
            phases=(Phase.generate,) if is_to_fail else (Phase.generate, Phase.shrink),
            report_multiple_bugs=False,
            suppress_health_check=list(HealthCheck),
        ),
    )
    print(f"{runs} runs, {told.total()} answers: {dict(sorted(told.items()))}")  # noqa: T201  # `pytest -rP` shows it
    return told


@pytest.fixture(scope="module")
def table(dynamodb_local: str, credentials: None) -> Iterator[Callable[[], Engine]]:  # noqa: ARG001  # clients read them
    """A table on AWS's own engine, which each run leaves empty."""
    with sessions_table(Clients(dynamodb_local).dynamodb) as name:
        engine = DynamoEngine(dynamodb_local, name)
        yield lambda: engine


@_BOTH
def test_no_answer_is_untrue_in_memory(is_strict: bool) -> None:
    """A run is forty steps; and it is repeated until enough happened in them to mean something.

    What Hypothesis draws for a seed depends on the constants in all modules that are loaded.
    """
    expected = {f"{verb} {answer}" for verb, answers in _ANSWERS.items() for answer in answers.split()}
    told: Counter[str] = Counter()
    for first in range(SEED, SEED + 10):
        told += run(MemoryEngine, runs=_FEW, is_strict=is_strict, first=first)
        if expected <= told.keys():
            return
    pytest.fail(f"it never happened: {expected - told.keys()}")


_ANSWERS = {
    "read": "done gone corrupt unknown",
    "write": "done gone conflict unknown",
    "rotate": "done gone unknown",
    "touch": "done unknown",
    "create": "done unknown",
    "end": "done unknown",
    "list": "done unknown",
}


@_BOTH
def test_no_answer_is_untrue_on_dynamodb(table: Callable[[], Engine], is_strict: bool) -> None:
    """The very same runs as in memory, and as many answers of each kind."""
    real, memory = (run(engine, runs=_FEW_REAL, is_strict=is_strict) for engine in (table, MemoryEngine))
    assert real == memory


@pytest.mark.slow
@_BOTH
def test_no_answer_is_untrue_in_many_runs_in_memory(is_strict: bool) -> None:
    """Some of the mistakes that were found this way take thousands."""
    run(MemoryEngine, runs=_MANY, is_strict=is_strict)


@pytest.mark.slow
@_BOTH
def test_no_answer_is_untrue_in_many_runs_on_dynamodb(table: Callable[[], Engine], is_strict: bool) -> None:
    """As many as there is time for."""
    real, memory = (run(engine, runs=_MANY_REAL, is_strict=is_strict) for engine in (table, MemoryEngine))
    assert real == memory


_PROTOCOL = "sojourn.protocol:SessionProtocol"

MUTANTS = {
    "no version is compared": Mutant("sojourn.backends.memory:_holds", "current.version == seen.version and ", ""),
    "the dead are written to": Mutant("sojourn.backends.memory:_holds", " and current.expires_at > now", ""),
    "the dead are renewed": Mutant(
        "sojourn.backends.memory:MemoryBackend.renew", "current.expires_at <= now or gains_nothing", "gains_nothing"
    ),
    "a rotation leaves the old one": Mutant(
        "sojourn.backends.memory:MemoryBackend.rotate", "del self._records[seen.session_id]", "pass"
    ),
    "the sweeper does not look": Mutant(
        "sojourn.backends.memory:MemoryBackend._delete_if_stale", "current.expires_at > cutoff", "False"
    ),
    "deadlines move back": Mutant("sojourn.protocol:_renewed", "max(deadline, record.expires_at)", "deadline"),
    "a late change of the idle time counts": Mutant(
        "sojourn.backends.memory:_keeps_deadline",
        "(current.idle, current.expires_at) == (seen.idle, seen.expires_at)",
        "True",
    ),
    "the absolute deadline is passed": Mutant(
        "sojourn.expiry:Lifetime.deadline", "min(now + self.idle, created_at + self.absolute)", "now + self.idle"
    ),
    "deadlines are not looked at": Mutant(
        f"{_PROTOCOL}._is_dead", "is_dead(expires_at=record.expires_at, now=self._clock()) or ", ""
    ),
    "the dead are not removed before they are called dead": Mutant(
        f"{_PROTOCOL}._living", "if self._retry.run(remove):", "if remove:"
    ),
    "an own write is not recognised": Mutant(f"{_PROTOCOL}._advanced", "landed.write_id == write_id", "False"),
    "doubt is forgotten": Mutant(f"{_PROTOCOL}._advanced", "in_doubt = in_doubt or unanswered", "pass"),
    "doubt is forgotten on the way to a merge": Mutant(
        f"{_PROTOCOL}._advanced", "in_doubt=in_doubt and current.version > seen.version + 1", "in_doubt=False"
    ),
    "a lost answer is called harmless": Mutant(
        "sojourn.retry:Retry.run", "doubt = doubt or error.may_have_happened", "pass"
    ),
    "a merge drops the others' keys": Mutant(
        "sojourn.writing:Writer._merged", "return merge.document", "return wanted"
    ),
    "conflicts pass": Mutant("sojourn.writing:Writer._merged", 'rule.on_conflict == "raise"', "False"),
    "a conflict names one key": Mutant(
        "sojourn.writing:Writer._merged", "keys=merge.conflicts", "keys=frozenset(sorted(merge.conflicts)[:1])"
    ),
    "what counts is taken for done": Mutant("sojourn.writing:Writer._merged", "not callable(rule.on_conflict)", "True"),
    "spoiled documents are merged": Mutant(
        "sojourn.writing:Writer.carry", "_demand_document(theirs, session_id=seen.session_id)", "pass"
    ),
    "a restored session lives": Mutant(
        "sojourn.revocation:Boundaries.have_passed", "record.created_at < self.not_before() or ", ""
    ),
    "one of all is left": Mutant(
        "sojourn.store:Store.expire_all",
        "for session_id in self._ids_of(owner):",
        "for session_id in list(self._ids_of(owner))[1:]:",
    ),
    "whose session it is does not matter": Mutant(
        "sojourn.store:Store.rotate", "subject=owner", "subject=record.subject"
    ),
}


_SOON = (
    "no version is compared",
    "a rotation leaves the old one",
    "the sweeper does not look",
    "deadlines move back",
    "an own write is not recognised",
    "doubt is forgotten",
    "a lost answer is called harmless",
    "a merge drops the others' keys",
    "conflicts pass",
    "a restored session lives",
)
"""What is noticed within a second or two; the others wait for the slow suite."""


@pytest.mark.parametrize("mistake", [m if m in _SOON else pytest.param(m, marks=pytest.mark.slow) for m in MUTANTS])
def test_the_machine_notices(mistake: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """One line of the library is wrong.

    Tokens are drawn anew in every run, so a failure that hangs on their order may not come a second time when
    Hypothesis looks for a shorter one: that is a ``FlakyFailure`` then, and was noticed all the same.
    """
    MUTANTS[mistake].apply(monkeypatch)
    with pytest.raises((AssertionError, ValueError, FlakyFailure)):
        run(MemoryEngine, runs=_TO_NOTICE, is_strict=False, is_to_fail=True)
