"""The sweep function's run."""

import json
from dataclasses import asdict, fields
from typing import Final

import pytest

from sojourn.errors import StoreUnavailableError
from sojourn.settings import Settings
from sojourn.store import Store
from sojourn.sweep.report import SweepReport
from sojourn.testing import FakeClock, memory_store
from sojourn_service import Sweeping, Telemetry
from tests.service.conftest import Log
from tests.service.gateway import FakeContext
from tests.service.races import SilentBackend
from tests.service.test_telemetry import counts

LONG = FakeContext(seconds=300)
EVERYTHING: Final[dict[str, object]] = {}
"""The event of one run that has no others beside it."""


@pytest.fixture
def backend() -> SilentBackend:
    """A backend that can fall silent."""
    return SilentBackend()


@pytest.fixture
def store(clock: FakeClock, backend: SilentBackend) -> Store:
    """A store whose stale sessions may be swept a minute after their end."""
    return memory_store(clock=clock, backend=backend, settings=Settings(sweep_grace_seconds=60))


@pytest.fixture
def sweeping(store: Store, telemetry: Telemetry, clock: FakeClock) -> Sweeping:
    """The sweep function over ``store``."""
    return Sweeping(store, telemetry=telemetry, clock=clock)


def test_a_run_removes_what_is_stale_and_says_so(
    sweeping: Sweeping, store: Store, clock: FakeClock, log: Log, capsys: pytest.CaptureFixture[str]
) -> None:
    """In its answer, in one log line, and in metrics."""
    store.create(idle=10)
    renewed, fresh = store.create(idle=100), store.create(idle=10_000)
    clock.advance(99)
    store.touch(renewed)
    clock.advance(90)
    report = sweeping.run(EVERYTHING, LONG)
    assert {name: report[name] for name in ("swept", "moved", "left", "due", "more")} == {
        "swept": 1,
        "moved": 1,
        "left": 0,
        "due": 0,
        "more": False,
    }
    assert report["overdue_seconds"] == 189 - 10 - 60
    assert store.read(renewed.token) is not None
    assert store.read(fresh.token) is not None
    (line,) = log()
    assert line["message"] == "sweep"
    assert {name: line[name] for name in report} == report
    printed = counts(capsys.readouterr().out)
    names = {"Swept": "swept", "Moved": "moved", "Missing": "missing", "Foreign": "foreign", "Left": "left"}
    names |= {"Overdue": "overdue_seconds", "SweepReadUnits": "read_units", "SweepWriteUnits": "write_units"}
    assert printed == {metric: report[name] for metric, name in names.items()} | {"SweepSeconds": 0}


def test_the_report_is_json(sweeping: Sweeping) -> None:
    """Lambda writes it down for the destination and the console."""
    report = sweeping.run(EVERYTHING, LONG)
    assert json.loads(json.dumps(report)) == report
    assert report.keys() == {field.name for field in fields(SweepReport)}


def test_the_log_tells_a_run_in_one_object(
    sweeping: Sweeping, store: Store, clock: FakeClock, backend: SilentBackend, log: Log
) -> None:
    """Its share, how long it took, and every field of its report; nothing that a client sent."""
    session = store.create({"card": "4111"}, idle=10, subject="ann@example.com")
    clock.advance(1_000)
    backend.on_due = lambda: clock.advance(1)
    report = sweeping.run({"group": 0, "groups": 1}, LONG)
    (line,) = log()
    expected = {"group": 0, "groups": 1, "dry_run": False, "function_request_id": LONG.aws_request_id, **report}
    assert {name: line[name] for name in expected} == expected
    assert line["seconds"] == 64
    assert session.id not in str(line)
    assert "ann" not in str(line)
    assert "4111" not in str(line)


def test_a_dry_run_removes_nothing_and_measures_nothing(
    sweeping: Sweeping, store: Store, clock: FakeClock, log: Log, capsys: pytest.CaptureFixture[str]
) -> None:
    """A curve of what was swept must not show what was not; the log and the answer say what would be."""
    for _ in range(30):
        store.create(idle=10)
    clock.advance(1_000)
    report = sweeping.run({"dry_run": True}, LONG)
    assert report["due"] >= 30
    assert report["write_units"] >= 60
    assert report["swept"] == 0
    assert log()[-1]["dry_run"] is True
    assert capsys.readouterr().out == ""
    assert sweeping.run({"dry_run": False}, LONG)["swept"] == 30


@pytest.mark.parametrize("groups", [2, 4, 8])
def test_runs_of_all_groups_sweep_everything_once(
    sweeping: Sweeping, store: Store, clock: FakeClock, groups: int
) -> None:
    """As the schedules start them."""
    for _ in range(100):
        store.create(idle=10)
    clock.advance(1_000)
    swept = [sweeping.run({"group": group, "groups": groups}, LONG)["swept"] for group in range(groups)]
    assert sum(swept) == 100
    assert all(swept)
    assert sweeping.run(EVERYTHING, LONG)["swept"] == 0


@pytest.mark.parametrize(
    "event",
    [
        {"group": 5, "groups": 2},
        {"group": 2, "groups": 2},
        {"group": -1, "groups": 2},
        {"group": 1},
        {"groups": 0},
        {"group": "0", "groups": "2"},
        {"group": 0, "groups": "2"},
        {"group": 0.0, "groups": 2},
        {"group": True, "groups": 2},
        {"group": None},
        {"dry_run": "true"},
        {"dry_run": 1},
        {"dry_run": None},
    ],
    ids=str,
)
def test_an_event_that_is_wrong_fails_and_sweeps_nothing(
    sweeping: Sweeping, store: Store, clock: FakeClock, log: Log, event: dict[str, object]
) -> None:
    """A share that no run has would never be swept, and a dry run must never be a real one."""
    store.create(idle=10)
    clock.advance(1_000)
    with pytest.raises(ValueError, match=r"group|dry_run"):
        sweeping.run(event, LONG)
    (line,) = log()
    assert (line["message"], line["level"], line["error"]) == ("sweep failed", "ERROR", "ValueError")
    assert sweeping.run(EVERYTHING, LONG)["swept"] == 1


def test_a_run_without_time_sweeps_nothing_and_says_that_there_may_be_more(
    sweeping: Sweeping, store: Store, clock: FakeClock
) -> None:
    """It stops well before Lambda would stop it."""
    store.create(idle=10)
    clock.advance(1000)
    report = sweeping.run(EVERYTHING, FakeContext(seconds=20))
    assert report == asdict(SweepReport(more=True))
    assert sweeping.run(EVERYTHING, FakeContext(seconds=20.5))["swept"] == 1


def test_a_store_that_does_not_answer_is_left_to_the_next_run(
    sweeping: Sweeping, backend: SilentBackend, store: Store, clock: FakeClock, log: Log
) -> None:
    """Throttled is no failure of the run: it says that there is more."""
    store.create(idle=10)
    clock.advance(1_000)
    backend.is_silent = True
    assert sweeping.run(EVERYTHING, LONG)["more"] is True
    assert log()[-1]["level"] == "INFO"
    backend.is_silent = False
    assert sweeping.run(EVERYTHING, LONG)["swept"] == 1


def test_a_run_that_fails_fails_for_lambda_too(
    sweeping: Sweeping, backend: SilentBackend, store: Store, clock: FakeClock, log: Log
) -> None:
    """So that it is tried again and the alarm sees it."""
    store.create(idle=10)
    clock.advance(1000)
    backend.is_silent, backend.error = True, ZeroDivisionError("hunter2")
    with pytest.raises(ZeroDivisionError):
        sweeping.run(EVERYTHING, LONG)
    assert (log()[-1]["level"], log()[-1]["error"]) == ("ERROR", "ZeroDivisionError")
    assert "hunter2" not in str(log())
    backend.error = StoreUnavailableError("dynamodb:Query is not allowed")
    with pytest.raises(StoreUnavailableError):
        sweeping.run(EVERYTHING, LONG)
    told = [log()[-1][name] for name in ("verb", "outcome", "reason", "detail")]
    assert told == ["sweep", "refused", "unavailable", "dynamodb:Query is not allowed"]
