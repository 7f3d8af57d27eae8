"""Records as DynamoDB items: what the format says, and what is refused before it is computed with."""

from dataclasses import replace

import pytest

from sojourn import CorruptSessionError
from sojourn.backend import Position, Record
from sojourn.backends.fields import MAX_INSTANT
from sojourn.backends.items import Attribute, Item, item_of, position_of, record_of

KEY = "app#AAAAAAAAAAA1"
RECORD = Record(
    session_id=KEY,
    token_hash=b"h" * 32,
    version=1,
    write_id="w" * 16,
    created_at=1,
    began_at=2,
    expires_at=3,
    absolute_at=4,
    idle=5,
    data=b"\x01\x00{}",
    former_hashes=b"f" * 64,
    rotated_at=6,
    subject="app#u",
    label="l",
    epoch="e",
    sweep_shard="5",
    sweep_at=7,
)
NUMBERS = ("version", "created_at", "began_at", "expires_at", "absolute_at", "idle", "rotated_at", "sweep_at")


def test_an_item_has_the_attributes_of_format_1() -> None:
    """By name and type, as docs/item-format.md lists them; a change of one needs another format."""
    assert item_of(replace(RECORD, overflow="key")) == {
        "session_id": {"S": KEY},
        "token_hash": {"B": b"h" * 32},
        "version": {"N": "1"},
        "write_id": {"S": "w" * 16},
        "created_at": {"N": "1"},
        "began_at": {"N": "2"},
        "expires_at": {"N": "3"},
        "absolute_at": {"N": "4"},
        "idle": {"N": "5"},
        "data": {"B": b"\x01\x00{}"},
        "overflow": {"S": "key"},
        "former_hashes": {"B": b"f" * 64},
        "rotated_at": {"N": "6"},
        "subject": {"S": "app#u"},
        "label": {"S": "l"},
        "epoch": {"S": "e"},
        "sweep_shard": {"S": "5"},
        "sweep_at": {"N": "7"},
    }


def test_an_item_comes_back_as_the_record_it_was() -> None:
    """With what it does not know left alone: a newer version may have added something."""
    assert record_of(item_of(RECORD)) == RECORD
    assert record_of({**item_of(RECORD), "added_later": {"S": "x"}}) == RECORD


def test_a_listed_record_has_no_hashes_and_no_document() -> None:
    """An empty hash, which no token has, and nothing is missed where it was not asked for."""
    listed = replace(RECORD, token_hash=b"", former_hashes=None, data=None)
    assert record_of(item_of(RECORD), is_listed=True) == listed
    item = {name: value for name, value in item_of(RECORD).items() if name not in ("token_hash", "data")}
    assert record_of(item, is_listed=True) == listed


@pytest.mark.parametrize(
    "name", ["data", "overflow", "former_hashes", "rotated_at", "subject", "label", "epoch", "sweep_shard", "sweep_at"]
)
def test_what_is_sparse_may_be_missing(name: str) -> None:
    """None then, not empty."""
    item = {key: value for key, value in item_of(replace(RECORD, overflow="key")).items() if key != name}
    assert getattr(record_of(item), name) is None


@pytest.mark.parametrize(
    "name", ["token_hash", "version", "write_id", "created_at", "expires_at", "absolute_at", "idle"]
)
@pytest.mark.parametrize("instead", [None, {"B": b"1"}, {"NULL": "true"}, {"N": "1.5"}, {"N": "x"}], ids=str)
def test_what_is_not_ours_is_said_to_be_corrupt(name: str, instead: dict[str, str | bytes] | None) -> None:
    """Naming the attribute and the session, never the value."""
    item: Item = {key: value for key, value in item_of(RECORD).items() if key != name}
    with pytest.raises(CorruptSessionError, match=name) as corrupt:
        record_of(item if instead is None else {**item, name: instead})
    assert corrupt.value.session_id == "AAAAAAAAAAA1"


def test_a_stay_that_began_at_the_creation_takes_no_room() -> None:
    """Every one does before a login; fourteen bytes decide about a write unit now and then."""
    record = replace(RECORD, began_at=RECORD.created_at)
    assert "began_at" not in item_of(record)
    assert record_of(item_of(record)) == record


@pytest.mark.parametrize("name", NUMBERS)
@pytest.mark.parametrize("number", [str(10**60), "1E60", "-1", "99999999999.5", "9" * 38, "NaN", "Infinity", ""])
def test_a_number_out_of_bounds_is_corrupt(name: str, number: str) -> None:
    """Whatever may write into the table: no clock is compared with it and no date made of it."""
    with pytest.raises(CorruptSessionError, match=name):
        record_of({**item_of(RECORD), name: {"N": number}})


@pytest.mark.parametrize("name", [name for name in NUMBERS if name != "version"])
def test_the_last_second_of_the_year_9999_is_within_bounds(name: str) -> None:
    """What a date library can show."""
    assert getattr(record_of({**item_of(RECORD), name: {"N": str(MAX_INSTANT)}}), name) == MAX_INSTANT
    with pytest.raises(CorruptSessionError, match=name):
        record_of({**item_of(RECORD), name: {"N": str(MAX_INSTANT + 1)}})


@pytest.mark.parametrize(
    ("name", "size"),
    [("token_hash", 0), ("token_hash", 31), ("token_hash", 33), ("token_hash", 64)]
    + [("former_hashes", size) for size in (0, 31, 33, 65, 95, 97, 128)],
)
def test_a_hash_of_another_length_is_corrupt(name: str, size: int) -> None:
    """It is compared with no token."""
    with pytest.raises(CorruptSessionError, match=name):
        record_of({**item_of(RECORD), name: {"B": bytes(size)}})


@pytest.mark.parametrize("size", [32, 64, 96])
def test_one_to_three_former_hashes_are_read(size: int) -> None:
    """As many as rotations may follow each other."""
    assert record_of({**item_of(RECORD), "former_hashes": {"B": bytes(size)}}).former_hashes == bytes(size)


def test_a_position_is_a_whole_second_and_a_key() -> None:
    """What an index may hold besides is left out of a list."""
    assert position_of({"created_at": {"N": "7"}, "session_id": {"S": KEY}}) == Position(7, KEY)
    others: tuple[Attribute, ...] = ({"N": "99999999999.5"}, {"N": "-1"}, {"N": str(10**60)}, {"S": "7"}, {"N": "1E3"})
    for created_at in others:
        assert position_of({"created_at": created_at, "session_id": {"S": KEY}}) is None
    assert position_of({"created_at": {"N": "7"}}) is None
    assert position_of({"session_id": {"S": KEY}}) is None
