"""What sessions ask of DynamoDB in a month, in its request units, as formulas. Knows no prices: bill.py has those.

The units of a call follow the measured ones of docs/data-model.md. tests/contract/test_bill_units.py compares them with
what DynamoDB Local reports.
"""

import itertools
import math
from dataclasses import dataclass
from typing import Final

DAY: Final = 86_400
MONTH: Final = 30 * DAY

WRITE_BYTES: Final = 1_024
READ_BYTES: Final = 4_096
SCAN_BYTES: Final = 8_192
"""What a read unit reads with eventual consistency, as queries of an index and scans do."""

PAGE_BYTES: Final = 1 << 20
HINT_BYTES: Final = 100
"""An entry of the sweep index, by DynamoDB's count: its three keys, and what it adds to an entry."""

LEFTOVER_DAYS: Final = 30
"""How long the scan beside the index takes to go round the table."""

ROTATED_BYTES: Final = 61
"""What an item is larger by after a login, for a quarter of an hour."""

POINTER_BYTES: Final = 450
"""An item whose document is in the bucket."""

ITEM_BYTES: Final = ((512, 749), (3_072, 1_017), (10_240, 3_392), (102_400, 20_141))
"""Bytes of realistic documents as JSON, and of their items with a subject and a label (docs/data-model.md, "Units")."""


@dataclass(frozen=True, slots=True)
class Load:
    """A month of sessions. Shares are between 0 and 1.

    Of ``requests`` to a session after its creation a share ``changes`` it. A share ``logins`` of sessions is logged in,
    and a share ``logouts`` logged out; of the others TTL removes ``by_ttl`` before the sweeper has to.
    """

    sessions: float = 1e6  # created
    document_bytes: int = 1_024  # as JSON
    item_bytes: int | None = None  # of the table's items, where known; else as realistic documents have it
    idle_seconds: int = 1_800
    absolute_seconds: int = 43_200
    active_seconds: int = 1_200  # from a session's creation to its last request
    requests: float = 20  # to each session
    changes: float = 0.1
    logins: float = 0.5
    logouts: float = 0.3
    by_ttl: float = 0.0
    processes: float = 4  # that use the table at once, on average

    @property
    def used_seconds(self) -> float:
        """From a session's creation to its last request."""
        return min(self.active_seconds, self.absolute_seconds)

    @property
    def renewals(self) -> float:
        """Renewals of each session by requests that change nothing: one in a tenth of the idle time at the most."""
        return min(self.requests, self.used_seconds / (self.idle_seconds / 10)) * (1 - self.changes)

    @property
    def lives_seconds(self) -> float:
        """From creation to the last deadline, of a session that is not logged out."""
        return min(self.used_seconds + self.idle_seconds, self.absolute_seconds)

    @property
    def swept(self) -> float:
        """Sessions that the sweeper removes in the month."""
        return self.sessions * (1 - self.logouts) * (1 - self.by_ttl)

    @property
    def swept_of_subjects(self) -> float:
        """Those of them that have a subject: a session that is logged out was logged in."""
        return self.sessions * max(0, self.logins - self.logouts) * (1 - self.by_ttl)


@dataclass(frozen=True, slots=True)
class Configuration:
    """How the stack is deployed and used; as the parameters of template.yaml, with their defaults."""

    through_api: bool = False  # callers use the HTTP API; else the layer, in functions of their own
    consistent_read: bool = True
    strict_expire_all: bool = False
    overflow_bytes: int = 65_536
    sweep_index: bool = True
    sweep_minutes: int = 15
    sweep_grace_seconds: int = DAY
    sweep_shards: int = 64
    sweep_period_seconds: int = DAY
    sweep_write_units: int = 1_000
    sweep_groups: int = 1
    memory_mb: int = 512
    has_alarms: bool = False  # AlarmTopicArn
    has_own_key: bool = False  # KmsKeyArn
    has_backups: bool = True  # point-in-time recovery

    @property
    def runs(self) -> float:
        """Runs of the sweeper in a month."""
        return MONTH / 60 / self.sweep_minutes * self.sweep_groups


@dataclass(frozen=True, slots=True)
class Units:
    """DynamoDB's request units; ``index`` are write units of indexes."""

    read: float = 0
    write: float = 0
    index: float = 0

    def __add__(self, other: "Units") -> "Units":
        return Units(self.read + other.read, self.write + other.write, self.index + other.index)

    def times(self, count: float) -> "Units":
        """The units of ``count`` such calls."""
        return Units(self.read * count, self.write * count, self.index * count)


def stored_bytes(load: Load) -> float:
    """What a session takes, in the table or in the bucket: as told, or as realistic documents of that size do."""
    if load.item_bytes is not None:
        return load.item_bytes
    (smallest, its_item), (largest, item_of_largest) = ITEM_BYTES[0], ITEM_BYTES[-1]
    if load.document_bytes <= smallest:
        return its_item - smallest + load.document_bytes
    for (low, low_item), (high, high_item) in itertools.pairwise(ITEM_BYTES):
        if load.document_bytes <= high:
            return low_item + (high_item - low_item) * (load.document_bytes - low) / (high - low)
    return item_of_largest * load.document_bytes / largest


def is_overflow(load: Load, configuration: Configuration) -> bool:
    """Whether documents are in the bucket."""
    return stored_bytes(load) - POINTER_BYTES > configuration.overflow_bytes


def item_bytes(load: Load, configuration: Configuration) -> float:
    """The size of a session's item in the table."""
    return POINTER_BYTES if is_overflow(load, configuration) else stored_bytes(load)


def verbs(item: float, configuration: Configuration) -> dict[str, Units]:
    """What each verb costs for an item of ``item`` bytes, by its name in docs/data-model.md."""
    write, rotated = math.ceil(item / WRITE_BYTES), math.ceil((item + ROTATED_BYTES) / WRITE_BYTES)
    read = math.ceil(item / READ_BYTES) * (1 if configuration.consistent_read else 0.5)
    entry = 1 if configuration.sweep_index else 0
    return {
        "create": Units(write=write, index=entry),
        "read": Units(read=read),
        "touch": Units(write=write),
        "write": Units(write=write),
        "login, of an anonymous visitor": Units(write=rotated, index=1),
        "expire": Units(write=write, index=entry + 1),
        "sweep (1 stale)": Units(write=write, index=entry),
        "move": Units(write=write, index=2),
    }


def expected_moves(*, lives: float, idle: float, grace: float, last_use: float) -> float:
    """How often the sweeper finds a session alive that lives ``lives`` seconds from creation to its last deadline.

    It looks when the first deadline and the grace are over, and again when the deadline that it saw and the grace are.
    When it looks, the last renewal is ``last_use`` seconds ago on average. All in seconds.
    """
    first = idle + grace
    if lives <= first:
        return 0
    return math.ceil((lives - first) / (first - last_use))


def index_reads(*, table_bytes: float, hints: float, queries: float, runs: float, days: float) -> float:
    """Read units of ``days`` of sweeping by the index: half a unit at least for each query and scan."""
    leftover = table_bytes / SCAN_BYTES * days / LEFTOVER_DAYS
    return queries * 0.5 + hints * HINT_BYTES / SCAN_BYTES + max(leftover, runs * 0.5)


def scan_reads(*, table_bytes: float, rounds: float, runs: float) -> float:
    """Read units of scanning the table ``rounds`` times in ``runs`` parts, each with its first page."""
    whole, page = table_bytes / SCAN_BYTES, PAGE_BYTES / SCAN_BYTES
    # A table of one page is read in every run, and there is no second part to read.
    return (whole * rounds if whole > page else 0) + runs * max(min(page, whole), 0.5)


def stored(load: Load, configuration: Configuration) -> float:
    """Sessions in the table at any time, dead ones included."""
    left = load.lives_seconds + configuration.sweep_grace_seconds + configuration.sweep_minutes * 30
    return load.sessions * (load.logouts * load.used_seconds + (1 - load.logouts) * left) / MONTH


def _moves(load: Load, configuration: Configuration) -> float:
    if not configuration.sweep_index:
        return 0
    pause = load.used_seconds / max(load.requests, 1)
    looks = {
        "idle": load.idle_seconds,
        "grace": configuration.sweep_grace_seconds,
        "last_use": max(pause, load.idle_seconds / 10) / 2,
    }
    left = expected_moves(lives=load.lives_seconds, **looks)
    ended = expected_moves(lives=load.used_seconds, **looks)
    return load.sessions * ((1 - load.logouts) * left + load.logouts * ended)


def _reads(load: Load, configuration: Configuration) -> float:
    """How often a session is read: by each request, and once more by the API's function that changes it."""
    again = load.requests * load.changes + load.logins if configuration.through_api else 0
    return load.requests + again


def request_units(load: Load, configuration: Configuration) -> Units:
    """What the requests of all sessions cost, from creation to logout."""
    each, reads = verbs(item_bytes(load, configuration), configuration), _reads(load, configuration)
    session = (
        each["create"]
        + each["read"].times(reads)
        + each["touch"].times(load.renewals)
        + each["write"].times(load.requests * load.changes)
        + each["login, of an anonymous visitor"].times(load.logins)
        + each["expire"].times(load.logouts)
    )
    # Each process reads the namespace's mark once a minute, if it does anything at all.
    marks = min(load.sessions * reads, load.processes * MONTH / 60)
    return session.times(load.sessions) + Units(read=marks)


def strict_units(load: Load, configuration: Configuration) -> Units:
    """What the epochs of subjects cost: one read at each use of a session that has a subject, two at a login."""
    if not configuration.strict_expire_all:
        return Units()
    looks = load.requests + load.renewals + load.requests * load.changes + 2
    return Units(read=load.sessions * load.logins * looks)


def swept_units(load: Load, configuration: Configuration) -> Units:
    """What the sweeper finds and removes in a month."""
    item = item_bytes(load, configuration)
    each, there = verbs(item, configuration), stored(load, configuration) * item
    removed = each["sweep (1 stale)"].times(load.swept) + Units(index=load.swept_of_subjects)
    if not configuration.sweep_index:
        rounds = MONTH / configuration.sweep_period_seconds
        return removed + Units(read=scan_reads(table_bytes=there, rounds=rounds, runs=configuration.runs))
    moved = _moves(load, configuration)
    queries = configuration.runs / configuration.sweep_groups * configuration.sweep_shards
    read = index_reads(table_bytes=there, hints=load.swept + moved, queries=queries, runs=configuration.runs, days=30)
    return removed + each["move"].times(moved) + Units(read=read)


def bucket_calls(load: Load, configuration: Configuration) -> tuple[float, float]:
    """Puts and gets of documents that fit no item. Deleting is free."""
    if not is_overflow(load, configuration):
        return 0, 0
    puts = load.sessions * (1 + load.requests * load.changes + load.logins)
    return puts, load.sessions * _reads(load, configuration)


def api_requests(load: Load, configuration: Configuration) -> float:
    """Requests to the HTTP API: each reads, and what it does besides is a request of its own."""
    if not configuration.through_api:
        return 0
    return load.sessions * (1 + load.requests * (1 + load.changes) + load.logins + load.logouts)
