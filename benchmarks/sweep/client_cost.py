"""How many conditional deletes a second one core can ask for, and where its time goes. Removes what it is given."""

import cProfile
import os
import pstats
import time
from collections import Counter
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from random import Random
from typing import TYPE_CHECKING, Any, Final

from benchmarks.sweep.stub import stub
from benchmarks.sweep.tables import DAY, NOW, create_table, fill, stale
from sojourn.backends import clients
from sojourn.backends.clients import dynamodb_client
from sojourn.backends.dynamodb import DynamoBackend
from sojourn.sweep.backend import SWEEP_BATCH, Fate, Hint

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from mypy_boto3_dynamodb import DynamoDBClient

_CALLS: Final = 200
_ROUNDS: Final = 9

_AREAS: Final = (
    ("signing", ("botocore/auth", "botocore/crt", "_awscrt", "awscrt/", "hmac", "sha256", "hashlib")),
    ("serializing the request", ("botocore/serialize", "json/encoder", "iterencode")),
    ("parsing the answer", ("botocore/parsers", "json/decoder", "raw_decode", "a2b_base64")),
    (
        "HTTP and sockets",
        ("urllib3", "http/client", "socket", "httpsession", "email/", "'sendall'", "recv_into", "poll"),
    ),
    ("Sojourn", ("/sojourn/",)),
    ("the rest of botocore", ("botocore",)),
)
"""Areas of the profile, and what the places of one have in their names; the first that fits has it."""


_OTHER: Final = "the rest of Python"


@dataclass(frozen=True, slots=True)
class Rate:
    """Deletes a second: of the processor time of this client, and of the clock on the wall."""

    transport: str
    deletes_per_core_second: int
    deletes_per_second: int


def against_a_stub() -> tuple[list[Rate], dict[str, float]]:
    """The rates of the library's own calls and of botocore's, and the profile by area."""
    ours, theirs = _cores()
    with stub(core=theirs) as endpoint_url, _pinned(ours):
        backend = _backend(dynamodb_client(endpoint_url=endpoint_url), "sessions")
        rates = [_best("stub", backend)]
        profile = _profile(backend)
    with stub(core=theirs) as endpoint_url, _pinned(ours):
        plain = clients.client_of("dynamodb", endpoint_url=endpoint_url, config=clients._CONFIG)  # noqa: SLF001
        rates.append(_best("stub, botocore's own calls", _backend(plain, "sessions")))
    return rates, profile


def against_the_engine(endpoint_url: str, *, count: int = 10_000) -> Rate:
    """The rate on DynamoDB Local, which really deletes."""
    client = dynamodb_client(endpoint_url=endpoint_url)
    table = create_table(client)
    fill(endpoint_url, table, kind="stale", count=count)
    random = Random(f"stale{range(count)}")
    hints = [Hint(record.session_id, None) for record in (stale(n, random, b"") for n in range(count))]
    rate = _rate(
        "DynamoDB Local",
        _backend(client, table),
        [hints[start : start + SWEEP_BATCH] for start in range(0, count, SWEEP_BATCH)],
    )
    client.delete_table(TableName=table)
    return rate


def results(endpoint_url: str) -> dict[str, Any]:
    """All of it, for the committed results."""
    rates, profile = against_a_stub()
    return {"rates": [asdict(rate) for rate in (*rates, against_the_engine(endpoint_url))], "profile": profile}


def _best(transport: str, backend: DynamoBackend) -> Rate:
    """The best of several rounds: a shared machine only ever takes away."""
    batches = [_hints()] * _CALLS
    rates = [_rate(transport, backend, batches) for _ in range(_ROUNDS)]
    return max(rates, key=lambda rate: rate.deletes_per_core_second)


def _rate(transport: str, backend: DynamoBackend, batches: "Sequence[Sequence[Hint]]") -> Rate:
    used, begun = time.process_time(), time.perf_counter()
    removed = 0
    for batch in batches:
        removed += sum(
            verdict.fate is Fate.SWEPT for verdict in backend.sweep.delete_stale(batch, cutoff=NOW - DAY).verdicts
        )
    used, took = time.process_time() - used, time.perf_counter() - begun
    assert removed == sum(map(len, batches)), removed
    return Rate(transport, round(removed / used), round(removed / took))


def _profile(backend: DynamoBackend) -> dict[str, float]:
    """The share of each area in the processor time."""
    # Of processor time, so that waiting for the stub counts for nothing.
    profile = cProfile.Profile(time.process_time)
    profile.enable()
    for _ in range(_CALLS):
        backend.sweep.delete_stale(_hints(), cutoff=NOW - DAY)
    profile.disable()
    seconds: Counter[str] = Counter()
    for (file, _, name), (_, _, own, _, callers) in pstats.Stats(profile).stats.items():  # type: ignore[attr-defined]  # typeshed lacks it
        area = _area(f"{file} {name}")
        if area != _OTHER or not callers:
            seconds[area] += own
            continue
        # What the interpreter does, it does for whoever called it.
        for (caller, _, calling), (_, _, share, _) in callers.items():
            seconds[_area(f"{caller} {calling}")] += share
    return {area: round(own / seconds.total(), 3) for area, own in seconds.most_common()}


def _area(place: str) -> str:
    return next((area for area, marks in _AREAS if any(mark in place for mark in marks)), _OTHER)


def _backend(client: "DynamoDBClient", table: str) -> DynamoBackend:
    return DynamoBackend(client, table=table, objects=None, overflow_bytes=65_536)


def _hints() -> list[Hint]:
    random = Random(1)
    return [Hint(stale(number, random, b"").session_id, None) for number in range(SWEEP_BATCH)]


def _cores() -> tuple[set[int], set[int]]:
    """A core for the client and the others for the stub."""
    first, *others = sorted(os.sched_getaffinity(0))
    return ({first}, set(others) or {first})


@contextmanager
def _pinned(core: set[int]) -> "Iterator[None]":
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, core)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)
