"""Renewals that race the sweep, in several processes on DynamoDB Local: no acknowledged one is followed by a sweep.

The clocks are further apart than a sweeper allows for, as when a renewal was long on its way: then both sides may
come first, and the conditions alone decide. Two mutants show that the harness sees a loss where there is one.
"""

import multiprocessing
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from sojourn.backends.clients import dynamodb_client
from sojourn.backends.stale import StaleItems
from sojourn.sweep.report import SweepReport
from tests.contract import sweepers
from tests.contract.sweepers import LookingFirst, Place, Tally, Unconditional
from tests.contract.tables import sessions_table

if TYPE_CHECKING:
    from multiprocessing.queues import Queue

RENEWERS = 2
SESSIONS = 40


@pytest.fixture
def place(dynamodb_local: str, credentials: None) -> Iterator[Place]:  # noqa: ARG001  # the clients read them
    """An empty table."""
    client = dynamodb_client(endpoint_url=dynamodb_local)
    with sessions_table(client) as table:
        yield Place(dynamodb_local, table)


def race(
    place: Place, *, seed: int, rounds: int, renewers: int = RENEWERS, sweepers_: int = 1, kind: type[StaleItems]
) -> tuple[Tally, SweepReport]:
    """What the renewing and the sweeping processes saw, together."""
    processes = multiprocessing.get_context("forkserver")
    processes.set_forkserver_preload(["tests.contract.sweepers"])
    barrier = processes.Barrier(renewers + sweepers_)
    told: Queue[Tally | SweepReport] = processes.Queue()
    renewing = {"rounds": rounds, "sessions": SESSIONS}
    children = [
        processes.Process(target=sweepers.renew, args=(place, barrier, told), kwargs={"seed": seed + n, **renewing})
        for n in range(renewers)
    ]
    children += [
        processes.Process(
            target=sweepers.sweep_rounds,
            args=(place, barrier, told),
            kwargs={"seed": seed + 100 + n, "rounds": rounds, "kind": kind},
        )
        for n in range(sweepers_)
    ]
    for child in children:
        child.start()
    answers = [told.get(timeout=60 + 10 * rounds) for _ in children]
    for child in children:
        child.join(10)
        assert child.exitcode == 0
    tallies = [answer for answer in answers if isinstance(answer, Tally)]
    reports = [answer for answer in answers if isinstance(answer, SweepReport)]
    return Tally(*map(sum, zip(*tallies, strict=True))), sum(reports, start=SweepReport())


def judge(tally: Tally, report: SweepReport, *, tries: int) -> None:
    """No caller heard what is not true."""
    print(f"{tally} {report}")  # noqa: T201  # `pytest -rP` shows the figures
    assert (tally.lost, tally.risen) == (0, 0)
    assert tally.renewed + tally.gone == tries
    assert report.swept >= tally.gone


def is_close(tally: Tally) -> bool:
    """Whether both sides won some."""
    return min(tally.renewed, tally.gone) > (tally.renewed + tally.gone) // 20


def test_no_acknowledged_renewal_is_swept(place: Place) -> None:
    """Touches, writes and reads that renew, against a sweeper: what was acknowledged is kept.

    Who comes first is the machine's whim, so it is repeated until the race was close.
    """
    rounds = 8
    for seed in range(100, 1000, 100):
        tally, report = race(place, seed=seed, rounds=rounds, kind=StaleItems)
        judge(tally, report, tries=rounds * RENEWERS * SESSIONS)
        if is_close(tally):
            return
    pytest.fail("one side won every race")


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_no_acknowledged_renewal_is_swept_however_often_one_tries(place: Place) -> None:
    """Ten thousand sessions, three renewing processes, two sweepers that overlap."""
    rounds = 85
    tally, report = race(place, seed=2, rounds=rounds, renewers=3, sweepers_=2, kind=StaleItems)
    judge(tally, report, tries=rounds * 3 * SESSIONS)
    assert is_close(tally)


@pytest.mark.parametrize("kind", [Unconditional, LookingFirst])
def test_a_sweeper_without_conditions_loses_renewals(place: Place, kind: type[StaleItems]) -> None:
    """So the race is one, and would be noticed: by BatchWriteItem, and by looking first and removing then."""
    for seed in range(3, 23):
        tally, report = race(place, seed=seed, rounds=3, kind=kind)
        print(f"{kind.__name__}: {tally} {report}")  # noqa: T201  # `pytest -rP` shows the figures
        if tally.lost > 0:
            return
    pytest.fail("none was lost")
