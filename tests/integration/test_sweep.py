"""The sweep function's run."""

import json

import pytest

from sojourn.settings import Settings
from sojourn.store import Store
from sojourn.testing import FakeClock, memory_store
from sojourn_service import Sweeping, Telemetry
from tests.integration.conftest import Log
from tests.integration.gateway import FakeContext
from tests.integration.races import SilentBackend

LONG = FakeContext(seconds=300)


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
    report = sweeping.run(LONG)
    assert report == {"swept": 1, "moved": 1, "missing": 0, "left": 0, "more": False}
    assert store.read(renewed.token) is not None
    assert store.read(fresh.token) is not None
    (line,) = log()
    assert line["message"] == "sweep"
    assert {name: line[name] for name in report} == report
    printed = json.loads(capsys.readouterr().out)
    assert {name: printed[name] for name in ("Swept", "Moved", "Missing", "Left")} == {
        "Swept": [1.0],
        "Moved": [1.0],
        "Missing": [0.0],
        "Left": [0.0],
    }


def test_the_report_is_json(sweeping: Sweeping) -> None:
    """Lambda writes it down for the destination and the console."""
    assert json.loads(json.dumps(sweeping.run(LONG))) == sweeping.run(LONG)


def test_a_run_without_time_sweeps_nothing_and_says_that_there_may_be_more(
    sweeping: Sweeping, store: Store, clock: FakeClock
) -> None:
    """It stops well before Lambda would stop it."""
    store.create(idle=10)
    clock.advance(1000)
    assert sweeping.run(FakeContext(seconds=20)) == {"swept": 0, "moved": 0, "missing": 0, "left": 0, "more": True}


def test_a_run_that_fails_fails_for_lambda_too(
    sweeping: Sweeping, backend: SilentBackend, store: Store, clock: FakeClock, log: Log
) -> None:
    """So that it is tried again and the alarm sees it."""
    store.create(idle=10)
    clock.advance(1000)
    backend.is_silent, backend.error = True, ZeroDivisionError("hunter2")
    with pytest.raises(ZeroDivisionError):
        sweeping.run(LONG)
    assert (log()[-1]["level"], log()[-1]["error"]) == ("ERROR", "ZeroDivisionError")
    assert "hunter2" not in str(log())
