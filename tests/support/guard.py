"""No write of the library may create an item without a condition that forbids to bring one back.

Nor may it change a session without its token, nor remove an item without a condition.

Every client that the library makes in the tests is watched. A test that puts items into a table on purpose does so
with a client of its own.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from botocore.model import OperationModel

from sojourn.backends import clients

IS_NEW = "attribute_not_exists(session_id)"
_SEEN_MARK = "mark_value = :seen_value AND mark_number = :seen_number"
_IS_MINE = frozenset({"token_hash = :seen_token_hash", "expires_at > :now", "absolute_at = :seen_absolute_at"})


class UnconditionalWriteError(AssertionError):
    """A write that could bring a session back, or concern one that is not the caller's."""


def watch_clients() -> None:
    """Judge every request of every client that the library makes from now on, before it is sent."""
    make: Callable[..., Any] = clients.client_of

    def watched(service: str, **options: Any) -> Any:  # noqa: ANN401  # as boto3 has it
        client = make(service, **options)
        if service == "dynamodb":
            client.meta.events.register("provide-client-params.dynamodb", _judge)
        return client

    vars(clients)["client_of"] = watched


def _judge(params: Mapping[str, Any], model: OperationModel, **_: object) -> None:
    for complaint in complaints(model.name, params):
        raise UnconditionalWriteError(complaint)


def complaints(operation: str, params: Mapping[str, Any]) -> Iterator[str]:
    """What is wrong with a request."""
    match operation:
        case "PutItem":
            yield from _creation(params)
        case "UpdateItem":
            yield from _update(params)
        case "DeleteItem":
            if " OR " in str(params.get("ConditionExpression")) or not params.get("ConditionExpression"):
                yield f"a Delete under the condition {params.get('ConditionExpression')!r}"
        case "TransactWriteItems":
            for action in params["TransactItems"]:
                yield from _creation(action.get("Put"))
                yield from _update(action.get("Update"))
        case "BatchWriteItem":
            if any("PutRequest" in request for requests in params["RequestItems"].values() for request in requests):
                yield "BatchWriteItem knows no condition"
        case "ExecuteStatement" | "ExecuteTransaction" | "BatchExecuteStatement":
            yield from _statements(params)


def _creation(put: Mapping[str, Any] | None) -> Iterator[str]:
    if put is not None and put.get("ConditionExpression") != IS_NEW:
        yield f"a Put under the condition {put.get('ConditionExpression')!r}"


def _update(update: Mapping[str, Any] | None) -> Iterator[str]:
    if update is None:
        return
    condition = str(update.get("ConditionExpression", ""))
    demands = set() if " OR " in condition else set(condition.split(" AND "))
    is_mark = "#!" in update["Key"]["session_id"]["S"]
    if is_mark and (condition == IS_NEW or set(_SEEN_MARK.split(" AND ")) <= demands):
        return
    if not demands >= _IS_MINE:  # what has a hash exists
        yield f"an Update under the condition {condition!r}"


def _statements(params: Mapping[str, Any]) -> Iterator[str]:
    # PartiQL's UPDATE and DELETE never create; its INSERT does.
    listed: Sequence[Mapping[str, Any]] = params.get("Statements") or params.get("TransactStatements") or [params]
    for statement in listed:
        if not re.match(r"\s*(DELETE|UPDATE|SELECT)\b", statement["Statement"], re.IGNORECASE):
            yield f"the statement {statement['Statement']!r}"
