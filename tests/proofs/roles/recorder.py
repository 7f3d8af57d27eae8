"""What a client of AWS asks IAM for: every call, as the actions on the resources that AWS checks."""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from tests.proofs.roles.policies import PARTITION, Call

if TYPE_CHECKING:
    from botocore.client import BaseClient
    from botocore.model import OperationModel

_ACTIONS = {"Put": "PutItem", "Update": "UpdateItem", "Delete": "DeleteItem", "ConditionCheck": "ConditionCheckItem"}


def table_arn(table: str) -> str:
    """The table's."""
    return f"arn:aws:dynamodb:{PARTITION['AWS::Region']}:{PARTITION['AWS::AccountId']}:table/{table}"


def bucket_arn(bucket: str) -> str:
    """The bucket's."""
    return f"arn:aws:s3:::{bucket}"


class Recorder:
    """Everything that watched clients asked for."""

    def __init__(self) -> None:
        self.calls: set[Call] = set()
        self.number = 0

    def watch(self, client: "BaseClient") -> None:
        """From now on."""
        client.meta.events.register("provide-client-params.*.*", self._note)

    def _note(self, params: Mapping[str, Any], model: "OperationModel", **_: object) -> None:
        self.number += 1
        if model.service_model.service_name == "s3":
            self.calls.add(Call(f"s3:{model.name}", f"{bucket_arn(params['Bucket'])}/{params['Key']}"))
        else:
            self.calls |= set(_asked(model.name, params))


def _asked(operation: str, params: Mapping[str, Any]) -> Iterator[Call]:  # noqa: C901  # a case each
    match operation:
        case "GetItem" | "DeleteItem" | "UpdateItem":
            yield _call(operation, params["TableName"], [params["Key"]])
        case "PutItem":
            yield _call(operation, params["TableName"], [params["Item"]])
        case "BatchGetItem":
            for table, request in params["RequestItems"].items():
                yield _call(operation, table, request["Keys"])
        case "TransactWriteItems":
            for action in params["TransactItems"]:
                ((kind, request),) = action.items()
                yield _call(_ACTIONS[kind], request["TableName"], [request.get("Key") or request["Item"]])
        case "Query":
            index = params["IndexName"]
            (key,) = [v["S"] for k, v in params["ExpressionAttributeValues"].items() if k in (":subject", ":shard")]
            yield Call("dynamodb:Query", f"{table_arn(params['TableName'])}/index/{index}", frozenset({key}))
        case "Scan":
            yield Call("dynamodb:Scan", table_arn(params["TableName"]))
        case "BatchExecuteStatement":
            for statement in params["Statements"]:
                yield _partiql(statement["Statement"], statement["Parameters"])
        case _:
            raise NotImplementedError(operation)


def _call(operation: str, table: str, keys: Iterable[Mapping[str, Any]]) -> Call:
    return Call(f"dynamodb:{operation}", table_arn(table), frozenset(key["session_id"]["S"] for key in keys))


def _partiql(statement: str, parameters: list[Mapping[str, str]]) -> Call:
    form = re.match(r'(DELETE FROM|UPDATE) "([^"]+)"', statement)
    assert form is not None, statement
    kind = {"DELETE FROM": "PartiQLDelete", "UPDATE": "PartiQLUpdate"}[form[1]]
    key = statement.partition("session_id = ?")[0].count("?")
    return Call(f"dynamodb:{kind}", table_arn(form[2]), frozenset({parameters[key]["S"]}))
