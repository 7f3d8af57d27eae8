"""A tenant of the table attacks: with the policy of its namespace, then with the records API alone.

Every attribute of an item and every field of a call is something else in turn, and the shop and the sweeper judge (I8).
"""

import bisect
import copy
import itertools
import json
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sojourn import SojournError
from sojourn.backend import Match, Record
from sojourn.backends.items import Item, item_of
from sojourn.backends.wire import json_of, match_json
from sojourn.names import object_of
from sojourn.tokens import mint
from sojourn_service import Api
from sojourn_service.routes_records import CALLS, ROUTES
from tests.contract.records import a_record, a_write_id, written
from tests.contract.served import silent
from tests.proofs.attacks.hostile import attributes, changed, values
from tests.proofs.attacks.world import DAY, SECRET, World, a_world
from tests.service.gateway import FakeContext
from tests.support.mutants import Mutant

Tries = int
often = pytest.mark.parametrize("tries", [15, pytest.param(150, marks=pytest.mark.slow)])


def soon(names: Iterable[str], always: set[str]) -> list[Any]:
    """Those that are tried in every run; the others wait for the slow suite."""
    return [name if name in always else pytest.param(name, marks=pytest.mark.slow) for name in names]


@pytest.fixture(scope="module")
def world(dynamodb_local: str, credentials: None) -> Iterator[World]:  # noqa: ARG001  # clients read them
    """Both applications."""
    with a_world(dynamodb_local) as made:
        yield made


def tried(tries: int, test: Callable[..., None], **strategies: st.SearchStrategy[Any]) -> None:
    """So many attacks."""
    settings(max_examples=tries, deadline=None, database=None)(given(**strategies)(test))()


def attack_with_items(world: World, tries: Tries) -> None:
    """Items of any content."""
    tenant = world.store("tenant")
    session = tenant.create({"a": 1}, subject="bob", label="mine", idle=86_400)
    record = world.backend.load(f"tenant#{session.id}")
    assert record is not None
    sound = item_of(record)
    due = sound | {"sweep_shard": {"S": "0"}, "sweep_at": {"N": str(world.clock() - 100)}}
    stale = due | {"expires_at": {"N": str(world.clock() - 100)}}

    def attack(item: Item) -> None:
        world.put(item)
        world.tenant_uses(session.token, subject="bob")
        world.put(item)
        try:
            world.judge()
        finally:
            world.clear()

    tried(tries, attack, item=changed(sound, world) | changed(due, world) | changed(stale, world))


@often
def test_no_items_of_a_tenant_are_felt_by_another(world: World, tries: Tries) -> None:
    """Neither in lists and documents of the shop nor by the sweeper, nor do verbs of the tenant's reach further."""
    attack_with_items(world, tries)


NAMES = ["token_hash", "version", "write_id", "created_at", "began_at", "expires_at", "absolute_at", "idle", "data"]
SPARSE = ["subject", "label", "epoch", "sweep_shard", "sweep_at", "overflow", "former_hashes", "rotated_at"]


def attack_with_every_value(world: World, names: Sequence[str]) -> None:
    """Each attribute is each hostile value once, in an item that is alive and in one that is stale: all at once."""
    tokens = []
    for name, value, age in itertools.product(names, attributes(world), (-DAY, 100)):
        token = mint()
        record = a_record(
            session_id=f"tenant#{token.session_id}",
            token_hash=token.hash(namespace="tenant"),
            created_at=world.clock() - DAY,
            began_at=world.clock() - DAY,
            expires_at=world.clock() - age,
            absolute_at=world.clock() + 30 * DAY,
            idle=3 * DAY,
            subject="tenant#bob",
            sweep_shard="0",
            sweep_at=world.clock() - 100,
        )
        if world.put(item_of(record) | {name: value}):
            tokens.append(token)
    assert tokens
    world.judge()
    tenant = world.store("tenant")
    for token in tokens:
        with suppress(SojournError):
            tenant.read(token)
        with suppress(SojournError):
            tenant.expire(token)
    with suppress(SojournError):
        tenant.expire_all(subject="bob")
    world.judge()


@pytest.mark.parametrize("name", soon([*NAMES, *SPARSE], {"subject", "overflow", "expires_at", "sweep_at"}))
def test_every_attribute_may_be_anything(world: World, name: str) -> None:
    """One after the other; a control item as well."""
    try:
        attack_with_every_value(world, [name])
    finally:
        world.clear()


def test_an_item_that_cannot_grow_stops_no_sweep(world: World) -> None:
    """It is as large as an item can be, so moving it in the index is refused, alone in its batch and at each run."""

    def put(size: int) -> bool:
        item: Item = {"session_id": {"S": "tenant#large"}, "sweep_shard": {"S": "0"}, "sweep_at": {"N": "1"}}
        return world.put(item | {"blob": {"B": bytes(size)}})

    too_large = bisect.bisect_left(range(410_000), x=True, lo=400_000, key=lambda size: not put(size))
    assert put(too_large - 1)
    try:
        for _ in range(2):
            world.judge()
    finally:
        world.clear()


# ---- the records API


def api_of(world: World) -> Callable[[Any], tuple[int, Any]]:
    """The records function of the tenant's namespace."""
    api = Api(world.store("tenant"), ROUTES, telemetry=silent())

    def send(body: Any) -> tuple[int, Any]:  # noqa: ANN401  # JSON
        event = {
            "routeKey": "POST /records",
            "headers": {"content-type": "application/json"},
            "requestContext": {"requestId": "1", "authorizer": {"iam": {"userArn": "arn:aws:iam::1:user/eve"}}},
            "body": json.dumps(body),
        }
        answer = api.handle(event, FakeContext())
        return answer["statusCode"], json.loads(answer["body"])

    return send


def calls_of(record: Record) -> dict[str, dict[str, Any]]:
    """Every call of the API, sound."""
    one, seen = json_of(record), json_of(record, has_data=False)
    elsewhere = seen | {"overflow": object_of(record.session_id, record.write_id)}
    return {
        "insert": {"record": one},
        "load": {"session_id": record.session_id, "mark": "tenant#!not-before"},
        "document": {"record": elsewhere},
        "replace": {"record": json_of(written(record)), "seen": seen, "now": record.created_at},
        "renew": {"record": one | {"expires_at": record.expires_at + 9}, "seen": seen, "now": record.created_at},
        "delete": {"session_id": record.session_id, "match": match_json(Match(version=1, subject="tenant#bob"))},
        "of_subject": {"subject": "tenant#bob", "limit": 10, "after": [record.created_at, record.session_id]},
        "peek": {"session_ids": [record.session_id]},
        "mark": {"name": "tenant#!epoch#bob"},
        "set_mark": {
            "name": "tenant#!epoch#bob",
            "mark": {"value": "x", "number": 1},
            "seen": {"value": "y", "number": 1},
            "expires_at": record.expires_at,
        },
    }


def sound_record(world: World) -> Record:
    """A session of the tenant's, as its library has it."""
    return a_record(
        session_id="tenant#AAAAAAAAAAAA",
        subject="tenant#bob",
        write_id=a_write_id("w"),
        created_at=world.clock(),
        began_at=world.clock(),
        expires_at=world.clock() + 60,
        absolute_at=world.clock() + DAY,
        sweep_shard="0",
        sweep_at=world.clock() - 5,
    )


Path = tuple[str | int, ...]


def places(value: Any, path: Path = ()) -> Iterator[Path]:  # noqa: ANN401  # JSON
    """The way to every part of a JSON value."""
    if path:
        yield path
    for key in value if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ():
        yield from places(value[key], (*path, key))


def with_value(body: Any, path: Path, value: Any) -> Any:  # noqa: ANN401  # JSON
    """``body`` with something else at ``path``."""
    body = holder = copy.deepcopy(body)
    for step in path[:-1]:
        holder = holder[step]
    holder[path[-1]] = value
    return body


def attack_with_calls(world: World, calls: Collection[str] = CALLS) -> None:
    """Each argument of each call, at any depth, is each hostile value once."""
    send, record = api_of(world), sound_record(world)
    for name in calls:
        send({"call": "insert", "record": json_of(record)})
        for sound in without_each_option(calls_of(record)[name]):
            for path, value in itertools.product(places(sound), values(world)):
                status, answer = send(with_value({"call": name, **sound}, path, value))
                assert status in (200, 422), (name, path, value, answer)
                assert status == 422 or not {SECRET, world.key} & set(strings(answer)), (name, path, value)
    world.judge()


def without_each_option(call: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """A call, and the same without what may be left out."""
    yield call
    for option in call.keys() & {"seen", "after"}:
        yield {name: value for name, value in call.items() if name != option}


def strings(answer: Any) -> Iterator[str]:  # noqa: ANN401  # JSON
    """Every text in an answer."""
    for path in places(answer):
        found = answer
        for step in path:
            found = found[step]
        if isinstance(found, str):
            yield found


@pytest.mark.parametrize("call", soon(CALLS, {"load", "delete", "set_mark"}))
def test_every_argument_of_a_call_may_be_anything(world: World, call: str) -> None:
    """It is done within the namespace, or refused as what no library sends; never an error of the store or of ours."""
    try:
        attack_with_calls(world, [call])
    finally:
        world.clear()


def test_every_call_is_served_as_it_stands(world: World) -> None:
    """So that what the attack changes is what is refused."""
    record = a_record(session_id="tenant#AAAAAAAAAAAA", subject="tenant#bob", created_at=world.clock())
    calls = calls_of(record)
    assert set(calls) == set(CALLS)
    send = api_of(world)
    assert {name: send({"call": name, **arguments})[0] for name, arguments in calls.items()} == dict.fromkeys(
        calls, 200
    )
    world.clear()


ITEMS: dict[str, tuple[Mutant, list[str]]] = {
    "a position of another namespace counts": (
        Mutant("sojourn.backends.dynamodb:_own_positions", "namespace.owns(position.session_id)", "True"),
        ["subject"],
    ),
    "an object of another session is read and removed": (
        Mutant(
            "sojourn.names:is_object_of",
            "key.startswith(prefix) and _OBJECT.fullmatch(key[len(prefix) :]) is not None",
            "key != ''",
        ),
        ["overflow"],
    ),
    "a deadline is a whole number": (
        Mutant(
            "sojourn.backends.stale:_second", 'min(max(int(Decimal(number["N"])), 0), MAX_INSTANT)', 'int(number["N"])'
        ),
        ["expires_at"],
    ),
    "a deadline is unbounded": (
        Mutant(
            "sojourn.backends.stale:_second",
            'min(max(int(Decimal(number["N"])), 0), MAX_INSTANT)',
            'int(Decimal(number["N"]))',
        ),
        ["expires_at"],
    ),
    "what is no session ends the sweep": (
        Mutant("sojourn.backends.stale:StaleItems._verdict", "except CorruptSessionError", "except KeyError"),
        ["version"],
    ),
    "a place in the index is whole": (
        Mutant(
            "sojourn.backends.stale:_place",
            "int(found) if found == found.to_integral_value() else found",
            'int(number["N"])',
        ),
        ["sweep_at"],
    ),
}
BY_CALL: dict[str, tuple[Mutant, str]] = {
    "any key is a session's": (Mutant("sojourn.names:Namespace.is_session", "self.owns(name) and ", ""), "load"),
    "any control item may be written": (
        Mutant("sojourn.names:Namespace.is_control", "self.owns(name) and ", ""),
        "set_mark",
    ),
    "numbers of a call are unbounded": (
        Mutant("sojourn.backends.fields:Field.holds", "0 <= value <= self.most", "True"),
        "insert",
    ),
}


@pytest.mark.parametrize("naive", soon(ITEMS, {"a position of another namespace counts"}))
def test_items_are_felt_where_the_code_is_naive(world: World, naive: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """So the test of items can fail."""
    mutant, names = ITEMS[naive]
    check_noticed(world, mutant, monkeypatch, lambda: attack_with_every_value(world, names))


@pytest.mark.parametrize("naive", soon(BY_CALL, {"any key is a session's"}))
def test_calls_are_felt_where_the_code_is_naive(world: World, naive: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """So the test of calls can fail."""
    mutant, call = BY_CALL[naive]
    check_noticed(world, mutant, monkeypatch, lambda: attack_with_calls(world, [call]))


def check_noticed(world: World, mutant: Mutant, patch: pytest.MonkeyPatch, attack: Callable[[], None]) -> None:
    """By the shop, by the sweeper, or in an answer. What was harmed is put back as it was."""
    items, objects = world.before
    mutant.apply(patch)
    try:
        with pytest.raises(Exception):  # noqa: B017, PT011  # whatever notices
            attack()
    finally:
        patch.undo()
        world.clear()
        for item in items.values():
            world.raw.put_item(TableName=world.table, Item=item)
        for name in objects:
            world.objects.put(name, objects[name])
