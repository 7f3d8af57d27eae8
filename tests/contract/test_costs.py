"""The bill of every verb, as DynamoDB Local reports it: the calls of the protocol table, and not one more."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from benchmarks.costs import Bill, Scene, bills, document, documents, noise, scene
from sojourn import Settings

CALLS = {
    "create": ["PutItem"],
    "create, of a subject": ["PutItem"],
    "read": ["GetItem"],
    "read, the first of a process": ["BatchGetItem"],
    "read, renewing": ["GetItem", "UpdateItem"],
    "read, found dead": ["GetItem", "DeleteItem"],
    "write": ["UpdateItem"],
    "write, merged once": ["UpdateItem", "UpdateItem"],
    "touch": ["UpdateItem"],
    "rotate": ["UpdateItem"],
    "write, after three rotations": ["UpdateItem"],
    "login, of an anonymous visitor": ["UpdateItem"],
    "login, again as the same": ["UpdateItem"],
    "login, as another": ["UpdateItem"],
    "touch, to a shorter stay": ["UpdateItem"],
    "lock": ["GetItem", "UpdateItem", "GetItem", "UpdateItem"],
    "expire": ["DeleteItem"],
    "sessions of a subject (1)": ["Query", "BatchGetItem"],
    "expire all of a subject (1)": ["Query", "DeleteItem", "Query"],
    "sweep (1 stale)": ["BatchExecuteStatement", "Query", "Scan"],
}
"""By DESIGN section 5. A refusal brings the current item along, so a merge needs no read."""

UNITS = {"0.5 KB": (1, 1), "3 KB": (1, 1), "3 KB cart": (1, 1), "10 KB": (4, 1), "100 KB": (20, 5)}
"""Write and read units of one item, with the document compressed."""

every_size = pytest.mark.parametrize("size", UNITS)


@pytest.fixture(scope="module")
def measured(dynamodb_local: str, credentials: None) -> dict[str, dict[str, Bill]]:  # noqa: ARG001  # clients read them
    """Every verb's bill, by the size of the document."""
    found = {}
    for name, one in documents().items():
        with scene(dynamodb_local) as opened:
            found[name] = bills(opened, one)
    return found


@pytest.fixture
def plain(dynamodb_local: str, credentials: None) -> Iterator[Scene]:  # noqa: ARG001  # clients read them
    """A table whose sessions are in no sweep index and are read without consistency."""
    with scene(dynamodb_local, settings=Settings(sweep_index=False, consistent_read=False)) as opened:
        yield opened


@every_size
@pytest.mark.parametrize("verb", CALLS)
def test_a_verb_makes_the_calls_of_the_protocol_table(
    measured: dict[str, dict[str, Bill]], size: str, verb: str
) -> None:
    """Nothing else is asked at run time, above all not what the table looks like."""
    in_order = sorted if verb.startswith("sweep") else list  # the sweeper's threads take turns as they like
    assert in_order(measured[size][verb].calls) == CALLS[verb]


def test_every_measured_verb_is_in_the_table(measured: dict[str, dict[str, Bill]]) -> None:
    """A verb that is added says here what it calls."""
    assert all(set(by_verb) == set(CALLS) for by_verb in measured.values())


def test_encryption_makes_no_call_more(dynamodb_local: str, credentials: None) -> None:  # noqa: ARG001  # clients read them
    """And costs no unit as long as its 29 bytes begin no kilobyte."""
    plain = Settings(sweep_shards=1, sweep_grace_seconds=0)
    billed = []
    for settings in (plain, replace(plain, encryption="required")):
        with scene(dynamodb_local, settings=settings) as opened:
            found = bills(opened, document(2_500))
        billed.append({verb: replace(bill, calls=sorted(bill.calls)) for verb, bill in found.items()})
    assert billed[0] == billed[1]


@every_size
@pytest.mark.parametrize(
    "verb",
    ["touch", "write", "write, merged once", "read, renewing", "rotate", "login, again as the same", "lock"],
)
def test_no_use_of_a_session_pays_for_an_index(measured: dict[str, dict[str, Bill]], size: str, verb: str) -> None:
    """The sweep index is paid for at creation and at the end, or when a stay is cut short."""
    assert measured[size][verb].index_written == 0


@every_size
@pytest.mark.parametrize(
    "verb",
    [
        *(
            "create",
            "touch",
            "write",
            "read, renewing",
            "expire",
            "read, found dead",
            "rotate",
            "touch, to a shorter stay",
        ),
        *("login, of an anonymous visitor", "login, again as the same", "login, as another"),
        "write, after three rotations",
    ],
)
def test_a_change_costs_the_items_kilobytes(measured: dict[str, dict[str, Bill]], size: str, verb: str) -> None:
    """A cart of 3 KB is one write unit, rotated or not; so is a login.

    A visitor of 3 KB is one as well, until a rotation brings it over the kilobyte for a quarter of an hour.
    """
    is_rotated = verb.startswith(("rotate", "login", "write, after", "touch, to"))
    assert measured[size][verb].written == UNITS[size][0] + (size == "3 KB" and is_rotated)


@every_size
def test_a_read_costs_the_items_four_kilobytes_and_writes_nothing(
    measured: dict[str, dict[str, Bill]], size: str
) -> None:
    """Strongly consistent."""
    bill = measured[size]["read"]
    assert (bill.read, bill.written) == (UNITS[size][1], 0)


@every_size
def test_the_first_read_of_a_process_is_one_call(measured: dict[str, dict[str, Bill]], size: str) -> None:
    """The namespace's mark comes along, for a unit of its own; nothing is written."""
    bill = measured[size]["read, the first of a process"]
    assert (bill.read, bill.written) == (UNITS[size][1] + 1, 0)


@every_size
@pytest.mark.parametrize(
    ("verb", "index_units"),
    [
        ("login, of an anonymous visitor", 1),
        ("login, again as the same", 0),
        ("login, as another", 2),
        ("touch, to a shorter stay", 2),
    ],
)
def test_an_index_is_paid_for_where_its_entry_changes(
    measured: dict[str, dict[str, Bill]], size: str, verb: str, index_units: int
) -> None:
    """One unit for a new entry, two for one that moves, none for one that stays."""
    assert measured[size][verb].index_written == index_units


@every_size
def test_a_list_reads_each_session_strongly(measured: dict[str, dict[str, Bill]], size: str) -> None:
    """The index may lag behind; what it names is shown as it is now, for whole units."""
    assert measured[size]["sessions of a subject (1)"].read == 0.5 + UNITS[size][1]


@every_size
def test_an_index_costs_one_unit_at_creation_and_one_at_the_end(
    measured: dict[str, dict[str, Bill]], size: str
) -> None:
    """Whatever the size of the session; a subject has an index of its own."""
    by_verb = measured[size]
    assert by_verb["create"].index_written == by_verb["read, found dead"].index_written == 1
    assert by_verb["create, of a subject"].index_written == by_verb["expire"].index_written == 2


def test_without_the_sweep_index_an_anonymous_session_pays_for_none(plain: Scene) -> None:
    """SWEEP_INDEX=false: the price is patience."""
    session = plain.store.create({})
    assert plain.meter.of(lambda: plain.store.create({})).index_written == 0
    assert plain.meter.of(lambda: plain.store.expire(session)).index_written == 0


def test_a_read_without_consistency_costs_half(plain: Scene) -> None:
    """CONSISTENT_READ=false."""
    session = plain.store.create({})
    assert plain.meter.of(lambda: plain.store.read(session.token)).read == 0.5


def test_what_is_not_due_makes_no_call(plain: Scene) -> None:
    """Reading is not writing, and a write without a change is none."""
    session = plain.store.create({"a": 1})
    plain.clock.advance(179)
    assert plain.meter.of(lambda: plain.store.touch(session)).calls == []
    assert plain.meter.of(lambda: plain.store.write(session)).calls == []
    assert plain.meter.of(lambda: plain.store.read(session.token)).calls == ["GetItem"]


@pytest.mark.parametrize("token", ["", "nonsense", "sjn_" + "A" * 35, "sjn_" + "A" * 43])
def test_what_cannot_be_a_token_makes_no_call(plain: Scene, token: str) -> None:
    """Guessing costs the guesser, not the table."""
    assert plain.meter.of(lambda: plain.store.read(token)).calls == []
    assert plain.meter.of(lambda: plain.store.expire(token)).calls == []


def test_a_document_that_does_not_compress_costs_one_unit_and_an_object(plain: Scene) -> None:
    """It lies in the bucket; the item that points to it is small."""
    session = plain.store.create(noise(102_400))
    session["_language"] = "xx"
    write = plain.meter.of(lambda: plain.store.write(session))
    assert (write.calls, write.written) == (["PutObject", "UpdateItem", "DeleteObject"], 1)
    read = plain.meter.of(lambda: plain.store.read(session.token))
    assert (read.calls, read.read) == (["GetItem", "GetObject"], 0.5)
    touch = plain.meter.of(lambda: plain.store.touch(session, idle=60))
    assert (touch.calls, touch.written) == (["UpdateItem"], 1)
    assert plain.meter.of(lambda: plain.store.expire(session)).calls == ["DeleteItem", "DeleteObject"]
