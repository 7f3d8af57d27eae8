"""Whatever clients, clocks, the network and the table do, no answer is untrue: the same runs on every engine."""

from collections import Counter
from collections.abc import Callable, Iterator

import pytest
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.errors import FlakyFailure
from hypothesis.stateful import run_state_machine_as_test

from devstack.clients import Clients
from tests.contract.tables import sessions_table
from tests.proofs.machine.engines import DynamoEngine, MemoryEngine
from tests.proofs.machine.machine import Engine, SessionMachine, reproducible
from tests.support.mutants import Mutant

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
    with reproducible():
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
    expected = {f"{verb} {answer}" for verb, answers in _ANSWERS.items() for answer in answers}
    told: Counter[str] = Counter()
    for first in range(SEED, SEED + 10):
        told += run(MemoryEngine, runs=_FEW, is_strict=is_strict, first=first)
        if expected <= told.keys():
            return
    pytest.fail(f"it never happened: {expected - told.keys()}")


_ANSWERS = {
    "read": ["done", "no more", "foreign key", "superseded", "idle", "corrupt", "unknown"],
    "write": ["done", "gone", "conflict", "unknown"],
    "rotate": ["done", "gone", "unknown"],
    "login": ["done", "gone", "unknown"],
    "refresh": ["done", "gone", "unknown"],
    "touch": ["done", "gone", "unknown"],
    "create": ["done", "unknown"],
    "look behind": ["done", "none", "unknown"],
    "list": ["done", "unknown"],
    "end": ["done", "of none", "of all", "unknown", "before"],
}


@pytest.mark.slow
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


_MEMORY = "sojourn.backends.memory"
_PROTOCOL = "sojourn.protocol:SessionProtocol"

MUTANTS = {
    "no version is compared": Mutant(f"{_MEMORY}:MemoryBackend.replace", "current.version != seen.version or ", ""),
    "the dead are written to": Mutant(f"{_MEMORY}:_is_mine", "is_same and current.expires_at > now", "is_same"),
    "no token is compared": Mutant(
        f"{_MEMORY}:_is_mine", "current.token_hash, current.absolute_at", "seen.token_hash, current.absolute_at"
    ),
    "an id alone opens": Mutant(
        f"{_PROTOCOL}._judged", "not compare_digest(record.token_hash, bearer.token_hash)", "False"
    ),
    "a rotation leaves the old token": Mutant(
        "sojourn.writing:Writer._next",
        "token_hash=token.hash(namespace=self._namespace.name)",
        "token_hash=seen.token_hash",
    ),
    "a rotation remembers no token": Mutant(f"{_PROTOCOL}._timed", "former_hashes=former_hashes(seen, now=now)", ""),
    "a rotation remembers one token": Mutant(
        "sojourn.rotation:former_hashes", 'seen.token_hash + (before or b"")', "seen.token_hash"
    ),
    "tokens are remembered for ever": Mutant(
        "sojourn.rotation:is_superseded", "arrived_at > record.rotated_at + WINDOW_SECONDS", "False"
    ),
    "any token is superseded": Mutant(f"{_PROTOCOL}._stranger", "bearer.arrived_at is None or", "True or"),
    "a cart is shown to another subject": Mutant(
        "sojourn.reading:Reader.superseding_text", "is_theirs = record is not None and", "is_theirs = True or"
    ),
    "a cart is shown to any token of the session": Mutant(
        "sojourn.reading:Reader.superseding_text", "self._clock() if arrived_at is None else arrived_at", "None"
    ),
    "a login keeps the beginning": Mutant(
        f"{_PROTOCOL}._timed",
        "began_at=now, absolute_at=record.absolute_at + now - record.began_at",
        "began_at=seen.began_at, absolute_at=seen.absolute_at",
    ),
    "a login begins to exist anew": Mutant(
        "sojourn.writing:Writer._next",
        "epoch=change.login.epoch,",
        "epoch=change.login.epoch, created_at=change.login.began_at,",
    ),
    "a login keeps the subject": Mutant(
        "sojourn.writing:Writer._next", "subject=change.login.subject", "subject=seen.subject"
    ),
    "a login keeps the label": Mutant("sojourn.writing:Writer._next", "label=label", "label=seen.label"),
    "a logout in flight is lost": Mutant(f"{_PROTOCOL}.expire", "if not may_log_out(", "if True or not may_log_out("),
    "a logout in flight undoes a login": Mutant(
        f"{_PROTOCOL}.expire",
        "may_log_out(current, bearer.token_hash, now=self._clock())",
        "is_superseded(current, bearer.token_hash, arrived_at=self._clock())",
    ),
    "a logout asks for no token": Mutant(
        f"{_PROTOCOL}.expire",
        "match = Match(token_hash=bearer.token_hash)",
        "match = Match(token_hash=(self._loaded(bearer.key, is_consistent=True) or bearer).token_hash)",
    ),
    "the sweeper does not look": Mutant(
        f"{_MEMORY}:MemoryBackend._delete_if_stale", "current.expires_at > cutoff", "False"
    ),
    "deadlines move back": Mutant(f"{_PROTOCOL}._timed", "max(expires_at, seen.expires_at)", "expires_at"),
    "a late change of the idle time counts": Mutant(
        f"{_MEMORY}:_keeps_deadline",
        "(current.idle, current.expires_at) == (seen.idle, seen.expires_at)",
        "True",
    ),
    "the absolute deadline is passed": Mutant(
        f"{_PROTOCOL}._timed", "min(now + record.idle, record.absolute_at)", "now + record.idle"
    ),
    "deadlines are not looked at": Mutant(f"{_PROTOCOL}._judged", "expired = self._expired(record)", "expired = None"),
    "the dead are not removed before they are called dead": Mutant(
        f"{_PROTOCOL}._judged", "refused = self._deleted(record.session_id, match)", "refused = None"
    ),
    "an own write is not recognised": Mutant(
        "sojourn.protocol:_is_write_of", "current.write_id == record.write_id", "False"
    ),
    "a rotation whose answer was lost is gone": Mutant(
        f"{_PROTOCOL}.replace",
        "current is not None and _is_write_of(record, current)",
        "current is not None and _is_write_of(record, current) and record.token_hash == seen.token_hash",
    ),
    "doubt is forgotten": Mutant(f"{_PROTOCOL}.replace", "unknown = unknown or unanswered", "pass"),
    "doubt is forgotten on the way to a merge": Mutant(
        f"{_PROTOCOL}.replace", "outcome_unknown=unknown and found.version > seen.version + 1", "outcome_unknown=False"
    ),
    "a lost answer is called harmless": Mutant(
        "sojourn.retry:Retry.run", "unknown = unknown or error.outcome_unknown", "pass"
    ),
    "a merge drops the others' keys": Mutant(
        "sojourn.writing:Writer._merged", "return merge.document", "return wanted"
    ),
    "conflicts pass": Mutant("sojourn.writing:Writer._merged", 'rule.on_conflict == "raise"', "False"),
    "a conflict names one key": Mutant(
        "sojourn.writing:Writer._merged", "keys=merge.conflicts", "keys=frozenset(sorted(merge.conflicts)[:1])"
    ),
    "what counts is taken for done": Mutant("sojourn.writing:Writer._merged", "not callable(rule.on_conflict)", "True"),
    "spoiled documents are merged": Mutant("sojourn.writing:Writer.write", "_demand_document(current)", "pass"),
    "a restored session lives": Mutant(
        "sojourn.revocation:Revocation.reason", "record.created_at < self.not_before()", "False"
    ),
    "one of all is left": Mutant(
        "sojourn.subjects:Subjects.expire_all", "if key not in known]", "if key not in known][1:]"
    ),
    "all are ended whatever their subject": Mutant(
        "sojourn.subjects:Subjects._ended",
        "match=Match(subject=owner)",
        "match=Match(subject=(self._backend.peek([key]) or [_none])[0].subject or owner)",
    ),
}


_SOON = (
    "no version is compared",
    "an id alone opens",
    "a rotation leaves the old token",
    "a rotation remembers no token",
    "a login keeps the beginning",
    "a login begins to exist anew",
    "a login keeps the subject",
    "a rotation whose answer was lost is gone",
    "a logout asks for no token",
    "a logout in flight undoes a login",
    "the sweeper does not look",
    "deadlines move back",
    "deadlines are not looked at",
    "an own write is not recognised",
    "a merge drops the others' keys",
    "conflicts pass",
    "a restored session lives",
)
"""What is noticed within a second or two; the others wait for the slow suite."""


@pytest.mark.timeout(1200)
@pytest.mark.parametrize("mistake", [m if m in _SOON else pytest.param(m, marks=pytest.mark.slow) for m in MUTANTS])
def test_the_machine_notices(mistake: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """One line of the library is wrong.

    Tokens are drawn anew in every run, so a failure that hangs on their order may not come a second time when
    Hypothesis looks for a shorter one: that is a ``FlakyFailure`` then, and was noticed all the same.
    """
    MUTANTS[mistake].apply(monkeypatch)
    with pytest.raises((AssertionError, ValueError, FlakyFailure)):
        run(MemoryEngine, runs=_TO_NOTICE, is_strict=False, is_to_fail=True)
