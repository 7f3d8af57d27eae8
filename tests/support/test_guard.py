"""The guard over unconditional writes: on all clients of the library, and awake."""

from collections.abc import Mapping

import pytest

from sojourn.backends.clients import dynamodb_client
from tests.support.guard import UnconditionalWriteError, complaints

KEY = {"session_id": {"S": "default#x"}}
MARK = {"session_id": {"S": "default#!epoch#u"}}
MINE = "token_hash = :seen_token_hash AND expires_at > :now AND absolute_at = :seen_absolute_at"

FINE: list[tuple[str, dict[str, object]]] = [
    ("GetItem", {"Key": KEY}),
    ("DeleteItem", {"Key": KEY, "ConditionExpression": "token_hash = :token_hash"}),
    ("PutItem", {"ConditionExpression": "attribute_not_exists(session_id)"}),
    ("UpdateItem", {"Key": KEY, "ConditionExpression": f"version = :seen AND {MINE}"}),
    ("UpdateItem", {"Key": MARK, "ConditionExpression": "attribute_not_exists(session_id)"}),
    (
        "UpdateItem",
        {"Key": MARK, "ConditionExpression": "mark_value = :seen_value AND mark_number = :seen_number"},
    ),
    ("BatchWriteItem", {"RequestItems": {"t": [{"DeleteRequest": {"Key": KEY}}]}}),
    ("BatchExecuteStatement", {"Statements": [{"Statement": 'DELETE FROM "t" WHERE session_id = ?'}]}),
]

WRONG: list[tuple[str, dict[str, object]]] = [
    ("PutItem", {}),
    ("PutItem", {"ConditionExpression": "attribute_not_exists(session_id) OR expires_at < :now"}),
    ("UpdateItem", {"Key": KEY}),
    ("UpdateItem", {"Key": KEY, "ConditionExpression": "version = :seen"}),
    ("UpdateItem", {"Key": KEY, "ConditionExpression": "attribute_exists(session_id)"}),
    ("UpdateItem", {"Key": KEY, "ConditionExpression": MINE.partition(" AND ")[2]}),
    ("UpdateItem", {"Key": KEY, "ConditionExpression": MINE.replace("expires_at > :now AND ", "")}),
    ("UpdateItem", {"Key": KEY, "ConditionExpression": MINE.rpartition(" AND ")[0]}),
    ("DeleteItem", {"Key": KEY}),
    ("DeleteItem", {"Key": KEY, "ConditionExpression": "token_hash = :token_hash OR subject = :subject"}),
    ("UpdateItem", {"Key": KEY, "ConditionExpression": f"{MINE} OR attribute_not_exists(session_id)"}),
    ("UpdateItem", {"Key": KEY, "ConditionExpression": "attribute_not_exists(session_id)"}),
    ("UpdateItem", {"Key": MARK, "ConditionExpression": "mark_value = :seen_value"}),
    ("TransactWriteItems", {"TransactItems": [{"Delete": {"Key": KEY}}, {"Put": {}}]}),
    ("TransactWriteItems", {"TransactItems": [{"Update": {"Key": KEY}}]}),
    ("BatchWriteItem", {"RequestItems": {"t": [{"PutRequest": {"Item": KEY}}]}}),
    ("ExecuteStatement", {"Statement": "INSERT INTO \"t\" VALUE {'session_id': ?}"}),
    ("BatchExecuteStatement", {"Statements": [{"Statement": "INSERT INTO \"t\" VALUE {'session_id': ?}"}]}),
]


@pytest.mark.parametrize(("operation", "params"), FINE)
def test_what_brings_nothing_back_passes(operation: str, params: Mapping[str, object]) -> None:
    """All that the library does."""
    assert list(complaints(operation, params)) == []


@pytest.mark.parametrize(("operation", "params"), WRONG)
def test_what_could_bring_a_session_back_does_not(operation: str, params: Mapping[str, object]) -> None:
    """By any call that can create an item."""
    assert list(complaints(operation, params)) != []


@pytest.mark.usefixtures("credentials")
def test_every_client_of_the_library_is_watched() -> None:
    """The request is not even sent."""
    client = dynamodb_client(endpoint_url="http://127.0.0.1:1")
    with pytest.raises(UnconditionalWriteError, match="a Put under the condition None"):
        client.put_item(TableName="t", Item={"session_id": {"S": "default#x"}})
