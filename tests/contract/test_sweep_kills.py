"""Runs of the sweeper that are killed, doubled and overlapped, over a table with poison in it: the end is the same.

The children are processes that send themselves SIGKILL, on DynamoDB Local; large documents lie in a folder.
"""

import multiprocessing
import random
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from devstack.clients import Clients
from sojourn import Store
from sojourn.backends.items import item_of
from sojourn.sweep.index import placed
from sojourn.testing import FakeClock
from tests.contract import sweepers
from tests.contract.records import LARGE, NOW, a_record, a_write_id, key
from tests.contract.sweepers import KILL_SETTINGS, Place
from tests.contract.tables import sessions_table

if TYPE_CHECKING:
    from multiprocessing.queues import Queue

    from mypy_boto3_dynamodb import DynamoDBClient

    from sojourn.sweep.report import SweepReport

STALE = 30
DAY = 86_400
Items = dict[str, Any]


@pytest.fixture
def client(dynamodb_local: str, credentials: None) -> "DynamoDBClient":  # noqa: ARG001  # the client reads them
    """Looks at the table as it is, and may put anything into it."""
    return Clients(dynamodb_local).dynamodb


@pytest.fixture
def place(dynamodb_local: str, client: "DynamoDBClient", tmp_path: Path) -> Iterator[Place]:
    """An empty table and a folder for large documents."""
    with sessions_table(client) as table:
        yield Place(dynamodb_local, table, tmp_path)


def poison() -> list[Items]:
    """Items that are no sessions of ours, each due for the sweep."""
    session = item_of(placed(a_record(expires_at=NOW + DAY), KILL_SETTINGS)) | {
        "sweep_shard": {"S": "0"},
        "sweep_at": {"N": str(NOW - 100)},
    }
    changes: dict[str, Items | None] = {
        "expires_at": None,
        "version": None,
        "write_id": {"N": "1"},
        "idle": {"N": "1.5"},
        "absolute_at": {"S": "tomorrow"},
        "data": {"S": "not binary"},
        "overflow": {"L": []},
    }
    poisoned = [_changed(session, f"no-{name}", name, value) for name, value in changes.items()]
    deadlines: list[Items] = [{"S": "9"}, {"NULL": True}]
    poisoned += [_changed(session, f"odd-{n}", "expires_at", value) for n, value in enumerate(deadlines)]
    poisoned.append(_changed(session, "odd-when", "sweep_at", {"N": str(NOW - 100) + ".5"}))
    return poisoned


def stale_poison() -> list[Items]:
    """The same past their deadline, so that TTL, too, would remove them; whatever else they hold."""
    stale = item_of(placed(a_record(expires_at=NOW - 100), KILL_SETTINGS))
    changes: dict[str, Items | None] = {
        "version": None,
        "write_id": {"N": "1"},
        "data": {"B": b"\xff\x00future"},
        "overflow": {"N": "7"},
        "expires_at": {"N": str(NOW - 100) + ".25"},
        "sweep_at": None,
        "sweep_shard": None,
    }
    return [_changed(stale, f"stale-{name}", name, value) for name, value in changes.items()]


def _changed(item: Items, name: str, attribute: str, value: Items | None) -> Items:
    changed = {key: entry for key, entry in item.items() if key != attribute} | {"session_id": {"S": key(name)}}
    return changed if value is None else changed | {attribute: value}


def fill(place: Place, client: "DynamoDBClient") -> None:
    """The same table every time: stale, renewed, young, large, hidden and poisoned."""
    backend = place.backend()
    for number in range(STALE):
        data = LARGE if number < 2 else b"\x01\x00{}"
        backend.insert(placed(a_record(f"stale-{number}", expires_at=NOW - 100, data=data), KILL_SETTINGS))
    for number in range(3):
        backend.insert(a_record(f"hidden-{number}", expires_at=NOW - 100, sweep_shard="63", sweep_at=NOW - 100))
        backend.insert(a_record(f"bare-{number}", expires_at=NOW - 100))
        data = LARGE if number == 0 else b"\x01\x00{}"
        backend.insert(
            a_record(f"renewed-{number}", expires_at=NOW + 500, sweep_shard="1", sweep_at=NOW - 100, data=data)
        )
        backend.insert(placed(a_record(f"young-{number}", expires_at=NOW + 500), KILL_SETTINGS))
    for item in poison() + stale_poison():
        client.put_item(TableName=place.table, Item=item)


def contents(place: Place, client: "DynamoDBClient") -> tuple[Items, set[str]]:
    """Every item but for its random parts, and the names of the objects."""
    items = client.scan(TableName=place.table, ConsistentRead=True)["Items"]
    assert place.objects is not None
    return {item["session_id"]["S"]: item for item in items}, {path.name for path in place.objects.iterdir()}


def empty(place: Place, client: "DynamoDBClient") -> None:
    """Remove everything, for the next kill."""
    for name in contents(place, client)[0]:
        client.delete_item(TableName=place.table, Key={"session_id": {"S": name}})
    assert place.objects is not None
    for path in place.objects.iterdir():
        path.unlink()


def killed_at(place: Place, die_at: int) -> bool:
    """Run the sweep in a child that kills itself; whether it came so far."""
    processes = multiprocessing.get_context("forkserver")
    processes.set_forkserver_preload(["tests.contract.sweepers"])
    child = processes.Process(target=sweepers.die_sweeping, args=(place, die_at))
    child.start()
    child.join(60)
    assert child.exitcode in (0, -signal.SIGKILL)
    return child.exitcode != 0


def undisturbed(place: Place, client: "DynamoDBClient") -> tuple[Items, set[str], int]:
    """What one run leaves behind that nobody disturbs, and how many checkpoints it has."""
    fill(place, client)
    count = sweepers.checkpoints_of(place)
    items, objects = contents(place, client)
    empty(place, client)
    return items, objects, count


def judge(place: Place, client: "DynamoDBClient", items: Items, objects: set[str]) -> None:
    """The items are those of an undisturbed run; an object may be left to the lifecycle rule, none is missing."""
    sweepers.sweep_once(place)
    found, left = contents(place, client)
    assert found == items
    assert objects <= left
    assert len(left - objects) <= 2


def test_a_run_over_poison_leaves_it_alone_and_sweeps_the_rest(place: Place, client: "DynamoDBClient") -> None:
    """What lives or is not ours stays, all that is stale goes, and what stands in the way is put aside for a day."""
    fill(place, client)
    before = contents(place, client)[0]
    report = sweepers.sweep_once(place)
    after, objects = contents(place, client)
    assert after.keys() == {
        *(key(f"renewed-{n}") for n in range(3)),
        *(key(f"young-{n}") for n in range(3)),
        *(item["session_id"]["S"] for item in poison()),
    }
    assert report.swept == STALE + 6 + len(stale_poison())
    assert (report.left, report.more) == (0, False)
    assert objects == {f"{key('renewed-0').replace('#', '~')}~{a_write_id('first')}"}
    for name, item in after.items():
        assert {**item, "sweep_at": None} == {**before[name], "sweep_at": None}
    aside = [name for name, item in after.items() if item["sweep_at"] == {"N": str(NOW + DAY)}]
    assert len(aside) == len(poison())
    again = sweepers.sweep_once(place)
    assert (again.swept, again.moved, again.more) == (0, 0, False)


@pytest.mark.parametrize("part", range(6))
def test_a_run_killed_at_a_checkpoint_is_finished_by_the_next(
    place: Place, client: "DynamoDBClient", part: int
) -> None:
    """Some of the checkpoints, seeded; the slow test takes every one."""
    items, objects, count = undisturbed(place, client)
    fill(place, client)
    die_at = random.Random(part).randrange(part * count // 6, (part + 1) * count // 6)  # noqa: S311  # a test's dice
    assert killed_at(place, die_at)
    judge(place, client, items, objects)


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_a_run_killed_at_any_checkpoint_is_finished_by_the_next(place: Place, client: "DynamoDBClient") -> None:
    """Before and after each request and before the removal of each object: the end is the same."""
    items, objects, count = undisturbed(place, client)
    print(f"{count} checkpoints")  # noqa: T201  # `pytest -rP` shows the figures
    for die_at in range(count):
        fill(place, client)
        assert killed_at(place, die_at)
        judge(place, client, items, objects)
        empty(place, client)
    assert not killed_at(place, 10**6)


def test_a_run_that_is_killed_again_and_again_gets_there(place: Place, client: "DynamoDBClient") -> None:
    """Each goes on where the one before was interrupted."""
    items, objects, count = undisturbed(place, client)
    dice = random.Random(7)  # noqa: S311  # a test's dice
    fill(place, client)
    assert sum(killed_at(place, dice.randrange(count // 3)) for _ in range(4)) >= 2
    judge(place, client, items, objects)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("one_dies", [False, True])
def test_runs_that_overlap_sweep_each_session_once(
    place: Place, client: "DynamoDBClient", seed: int, one_dies: bool
) -> None:
    """Two processes at once, a third run afterwards; also when one of the two is killed."""
    items, objects, count = undisturbed(place, client)
    fill(place, client)
    processes = multiprocessing.get_context("forkserver")
    barrier = processes.Barrier(2)
    told: Queue[SweepReport] = processes.Queue()
    die_at = random.Random(seed).randrange(count // 2)  # noqa: S311  # a test's dice
    children = [
        processes.Process(
            target=sweepers.sweep_beside,
            args=(place, barrier, told),
            kwargs={"seed": seed + n, "die_at": die_at if one_dies and n == 0 else None},
        )
        for n in range(2)
    ]
    for child in children:
        child.start()
    for child in children:
        child.join(60)
    # The one that was to die may have found too little to do.
    is_killed = children[0].exitcode == -signal.SIGKILL
    assert [child.exitcode for child in children] == [-signal.SIGKILL if is_killed else 0, 0]
    assert one_dies or not is_killed
    reports = [told.get(timeout=60) for _ in children[is_killed:]]
    assert not any(report.more or report.left for report in reports)
    if not is_killed:
        assert sum(report.swept for report in reports) == STALE + 6 + len(stale_poison())
    judge(place, client, items, objects)


@pytest.mark.parametrize("verb", ["due", "scan"])
def test_what_ttl_removed_between_hint_and_removal_stops_nothing(
    place: Place, client: "DynamoDBClient", verb: str
) -> None:
    """It is missing, and the rest is swept."""
    items, _, _ = undisturbed(place, client)
    fill(place, client)
    backend = place.backend()
    ask = getattr(backend.sweep, verb)

    def ask_then_remove(*args: object, **request: object) -> object:
        page = ask(*args, **request)
        for number in range(0, STALE, 2):
            client.delete_item(TableName=place.table, Key={"session_id": {"S": key(f"stale-{number}")}})
        return page

    setattr(backend.sweep, verb, ask_then_remove)
    store = Store(backend, KILL_SETTINGS, clock=FakeClock(NOW))
    report = store.sweep(deadline=NOW + 600)
    assert (report.left, report.more) == (0, False)
    assert report.missing > 0
    assert contents(place, client)[0] == items
