"""Records as DynamoDB items, and what refusals of the service mean."""

from collections.abc import Mapping
from dataclasses import replace

import pytest
from botocore.exceptions import ClientError

from sojourn import CorruptSessionError, StoreUnavailableError
from sojourn.backend import Record, Refused
from sojourn.backends.items import Item, item_of, record_of
from sojourn.backends.table import cancellation

RECORD = Record(
    session_id="app#1",
    version=1,
    write_id="w",
    created_at=1,
    expires_at=2,
    absolute_at=3,
    idle=4,
    data=b"\x01\x00{}",
    subject="app#u",
    label="l",
    sweep_shard="5",
    sweep_at=6,
)


def test_an_item_has_the_attributes_of_format_1() -> None:
    """By name and type, as docs/item-format.md lists them; whoever changes one needs a format 2."""
    assert item_of(replace(RECORD, overflow="key")) == {
        "session_id": {"S": "app#1"},
        "version": {"N": "1"},
        "write_id": {"S": "w"},
        "created_at": {"N": "1"},
        "expires_at": {"N": "2"},
        "absolute_at": {"N": "3"},
        "idle": {"N": "4"},
        "data": {"B": b"\x01\x00{}"},
        "overflow": {"S": "key"},
        "subject": {"S": "app#u"},
        "label": {"S": "l"},
        "sweep_shard": {"S": "5"},
        "sweep_at": {"N": "6"},
    }


def test_an_item_comes_back_as_the_record_it_was() -> None:
    """With what it does not know left alone: a newer version may have added something."""
    assert record_of(item_of(RECORD)) == RECORD
    assert record_of({**item_of(RECORD), "added_later": {"S": "x"}}) == RECORD


@pytest.mark.parametrize("name", ["data", "overflow", "subject", "label", "sweep_shard", "sweep_at"])
def test_what_is_sparse_may_be_missing(name: str) -> None:
    """None then, not empty."""
    item = {key: value for key, value in item_of(replace(RECORD, overflow="key")).items() if key != name}
    assert getattr(record_of(item), name) is None


@pytest.mark.parametrize("name", ["version", "write_id", "created_at", "expires_at", "absolute_at", "idle"])
@pytest.mark.parametrize("instead", [None, {"B": b"1"}, {"NULL": "true"}, {"N": "1.5"}, {"N": "x"}], ids=str)
def test_what_is_not_ours_is_said_to_be_corrupt(name: str, instead: dict[str, str | bytes] | None) -> None:
    """Naming the attribute and the session, never the value."""
    if name == "write_id" and instead in ({"N": "1.5"}, {"N": "x"}):
        instead = {"N": "1"}
    item: Item = {key: value for key, value in item_of(RECORD).items() if key != name}
    with pytest.raises(CorruptSessionError, match=name) as corrupt:
        record_of(item if instead is None else {**item, name: instead})
    assert corrupt.value.session_id == "app#1"


def _cancelled(*reasons: Mapping[str, object]) -> ClientError:
    response = {"Error": {"Code": "TransactionCanceledException"}, "CancellationReasons": list(reasons)}
    return ClientError(response, "TransactWriteItems")  # type: ignore[arg-type]  # what counts


def test_a_transaction_refused_by_a_condition_brings_what_is_stored() -> None:
    """The item of the half that was asked for."""
    error = _cancelled({"Code": "None"}, {"Code": "ConditionalCheckFailed", "Item": item_of(RECORD)})
    assert cancellation(error, of=1) == Refused(RECORD)


def test_a_transaction_refused_without_an_item_found_none() -> None:
    """Both halves refused: an earlier attempt took effect, or both are gone."""
    refused = {"Code": "ConditionalCheckFailed"}
    assert cancellation(_cancelled(refused, refused), of=1) == Refused(None)


@pytest.mark.parametrize("code", ["TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded"])
def test_a_transaction_that_met_another_is_tried_again(code: str) -> None:
    """It surely did not happen, and nothing was refused."""
    with pytest.raises(StoreUnavailableError, match=code) as unavailable:
        cancellation(_cancelled({"Code": "None"}, {"Code": code}), of=1)
    assert unavailable.value.is_transient
    assert not unavailable.value.may_have_happened
