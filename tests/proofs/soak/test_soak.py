"""Mixed load from several processes on the deployed stack, while its functions are killed and deployed again.

A minute, or as many seconds as SOJOURN_SOAK_SECONDS says: ``make soak`` is ten minutes.
"""

import multiprocessing
import os
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

import boto3
import pytest

from devstack.clients import Clients
from devstack.layout import ROOT, Layout, free_port
from devstack.lifecycle import temporary_stack
from devstack.signing import call
from devstack.stack import Stack
from sojourn.tokens import parsed
from tests.proofs.soak.chaos import Chaos
from tests.proofs.soak.ledger import Counter, Ledger, Remains, verdict
from tests.proofs.soak.load import IDLE_SECONDS, work

if TYPE_CHECKING:
    from multiprocessing.queues import Queue

    from mypy_boto3_dynamodb.type_defs import AttributeValueTypeDef

SECONDS = float(os.environ.get("SOJOURN_SOAK_SECONDS", "60"))
CLIENTS = ("api", "api", "api", "library")
SHARED = 3
SEED = 7

_CLOCK_SECONDS = 7
"""The sweeper leaves a session alone until it is dead by a clock that is five seconds behind, too."""


@pytest.fixture(scope="module")
def layout() -> Layout:
    """A folder and a port of this run's own."""
    return Layout(local=ROOT / ".local" / f"soak-{os.getpid()}", port=free_port())


@pytest.fixture(scope="module")
def stack(layout: Layout) -> Iterator[Stack]:
    """The whole of template.yaml; no TTL, so that only Sojourn deletes, and no grace; see LibraryClient."""
    overrides = {"SweepGraceSeconds": "0", "SweepMinutes": "1"}
    with temporary_stack(layout, overrides=overrides) as deployed:
        Clients(deployed.endpoint_url).dynamodb.update_time_to_live(
            TableName=deployed.table, TimeToLiveSpecification={"AttributeName": "expires_at", "Enabled": False}
        )
        yield deployed


@pytest.mark.slow
@pytest.mark.timeout(SECONDS + 400)
def test_nothing_is_lost_while_functions_die_and_change(
    stack: Stack, layout: Layout, capsys: pytest.CaptureFixture[str]
) -> None:
    """Every acknowledged write is there, nothing dead answers, nothing is left over."""
    shared = [_token(call(stack, "POST", "/sessions", body={"data": {}, "idle": 7_200}).json()) for _ in range(SHARED)]
    ledgers, chaos = _soak(stack, layout, shared)
    remains = _remains(stack, shared, ledgers)
    answered, unanswered = _total(ledgers, "answered"), _total(ledgers, "unanswered")
    with capsys.disabled():
        sys.stdout.write(
            f"\n{SECONDS:.0f} s, answered: {answered}, unanswered: {unanswered}; {chaos.killed} functions killed, "
            f"{chaos.deployed} deployments, {sum(len(ledger.dead) for ledger in ledgers)} sessions ended, "
            f"{remains.objects} objects orphaned\n"
        )
    assert verdict(ledgers, remains) == []
    assert chaos.killed >= SECONDS / 10
    assert chaos.deployed >= 1
    assert sum(answered.values()) > SECONDS
    assert all(verb in answered for verb in ("write", "read", "create", "rotate", "expire", "expire all", "dead"))


def _soak(stack: Stack, layout: Layout, shared: list[str]) -> tuple[list[Ledger], Chaos]:
    processes = multiprocessing.get_context("spawn")
    told: Queue[Ledger] = processes.Queue()
    children = [
        processes.Process(
            target=work, args=(told, stack, kind), kwargs={"seed": SEED + n, "shared": shared, "seconds": SECONDS}
        )
        for n, kind in enumerate(CLIENTS)
    ]
    with Chaos(layout, seed=SEED) as chaos:
        for child in children:
            child.start()
        ledgers = [told.get(timeout=SECONDS + 180) for _ in children]
    for child in children:
        child.join(10)
    return ledgers, chaos


def _remains(stack: Stack, shared: list[str], ledgers: list[Ledger]) -> Remains:
    """Once what nobody uses has gone stale and the sweeper has been by."""
    time.sleep(IDLE_SECONDS + _CLOCK_SECONDS)
    _sweep(stack)
    clients = Clients(stack.endpoint_url)
    documents = {token: _document(stack, token) for token in shared}
    dead = [token for ledger in ledgers for token in ledger.dead]
    items = [
        item
        for page in clients.dynamodb.get_paginator("scan").paginate(TableName=stack.table)
        for item in page["Items"]
        if "#!" not in item["session_id"]["S"]
    ]
    named = {item["overflow"]["S"] for item in items if "overflow" in item}
    objects = clients.s3.get_paginator("list_objects_v2").paginate(Bucket=stack.bucket)
    stored = {entry["Key"] for page in objects for entry in page.get("Contents", [])}
    return Remains(
        shared=documents,
        reopened=[token for token in dead[-500:] if _document(stack, token) is not None],
        items={item["session_id"]["S"]: _shown(item) for item in items},
        expected_items={f"default#{token.session_id}" for text in shared if (token := parsed(text))},
        objects=len(stored - named),
    )


def _sweep(stack: Stack) -> None:
    session = boto3.Session(stack.credentials.access_key_id, stack.credentials.secret_access_key)
    functions = session.client("lambda", region_name=stack.region, endpoint_url=stack.endpoint_url)
    for _ in range(3):
        answer = functions.invoke(FunctionName=f"{stack.stack_name}-sweep", Payload=b"{}")
        assert "FunctionError" not in answer, answer["Payload"].read()


def _shown(item: "dict[str, AttributeValueTypeDef]") -> str:
    return f"{ {name: value for name, value in item.items() if name != 'data'} } at {time.time():.0f}"


def _document(stack: Stack, token: str) -> dict[str, object] | None:
    answer = call(stack, "GET", "/session?touch=false", headers={"session-token": token})
    assert answer.status in (200, 404), answer.body
    found: dict[str, object] | None = answer.json()["data"] if answer.status == 200 else None
    return found


def _token(body: dict[str, str]) -> str:
    return body["token"]


def _total(ledgers: list[Ledger], what: str) -> dict[str, int]:
    total: dict[str, int] = {}
    for ledger in ledgers:
        for verb, number in getattr(ledger, what).items():
            total[verb] = total.get(verb, 0) + number
    return total


# The judge.

KEPT = Remains(shared={"t": {"a": 5, "b": 2}}, reopened=[], items={"x": ""}, expected_items={"x"}, objects=1)


def _ledgers() -> list[Ledger]:
    return [
        Ledger("a", counters={"t": Counter(acknowledged=5, tried=6)}, unanswered={"write": 1}),
        Ledger("b", counters={"t": Counter(acknowledged=2, tried=2)}),
    ]


def test_a_soak_in_which_all_was_kept_passes() -> None:
    """A write that went unanswered may be there or not."""
    assert verdict(_ledgers(), KEPT) == []


@pytest.mark.parametrize(
    "change",
    [
        {"shared": {"t": {"a": 4, "b": 2}}},
        {"shared": {"t": {"a": 7, "b": 2}}},
        {"shared": {"t": {"a": 5}}},
        {"shared": {"t": None}},
        {"reopened": ["sjn_"]},
        {"items": {"x": "", "y": ""}},
        {"items": {}},
        {"objects": 2},
    ],
    ids=str,
)
def test_the_judge_notices(change: dict[str, object]) -> None:
    """A lost write, one that nobody made, a dead session that answers, and what was left over."""
    assert verdict(_ledgers(), replace(KEPT, **change)) != []  # type: ignore[arg-type]  # as parametrised


def test_the_judge_notices_what_a_client_was_told() -> None:
    """Also what was put right later."""
    ledgers = _ledgers()
    ledgers[0].broken.append("a dead session answers")
    assert len(verdict(ledgers, KEPT)) == 1
