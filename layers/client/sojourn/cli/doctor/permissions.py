"""Which verbs the credentials allow, without changing anything.

By IAM's own simulation where the caller may ask for it. Otherwise by calls that cannot take effect: writes under a
condition that never holds, an upload whose checksum is wrong, reads of what is not there. They cost some write units.
"""

import secrets
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from sojourn.cli.aws import Aws, RefusedError
from sojourn.cli.doctor.rows import Row, State
from sojourn.names import Namespace
from sojourn.settings import Settings

_NEVER: Final = "attribute_exists(session_id) AND attribute_not_exists(session_id)"
_WRONG_CHECKSUM: Final = "AAAAAAAAAAAAAAAAAAAAAA=="
"""An MD5 that a body of one byte does not have. S3 judges the permission first, and stores nothing."""


class NotTriedError(Exception):
    """No call would show it without a chance of changing something."""


@dataclass(frozen=True, slots=True)
class Place:
    """What the verbs are about."""

    table: str
    bucket: str | None
    namespace: str

    @property
    def key(self) -> dict[str, Any]:
        """A key of the namespace under which nothing is stored: no session id has this form."""
        return {"session_id": {"S": Namespace(self.namespace).session("!doctor")}}


@dataclass(frozen=True, slots=True)
class Action:
    """An action of IAM, what it is allowed on (``table``, an index, or ``objects``), and a harmless call of it."""

    name: str
    on: str
    attempt: Callable[[Aws, Place], object]


def _table_call(operation: str, **request: Any) -> Callable[[Aws, Place], object]:
    def attempt(aws: Aws, place: Place) -> object:
        filled = {name: value(place) if callable(value) else value for name, value in request.items()}
        given = {"TableName": place.table} | filled if "batch" not in operation else filled
        return aws.call("dynamodb", operation, place=f"table {place.table}", **given)

    return attempt


def _object_call(operation: str, **request: Any) -> Callable[[Aws, Place], object]:
    def attempt(aws: Aws, place: Place) -> object:
        # A key that no session has had or will have.
        key = f"{place.namespace}/{secrets.token_urlsafe(9)}/{secrets.token_urlsafe(12)}"
        return aws.call("s3", operation, place=f"bucket {place.bucket}", Bucket=place.bucket, Key=key, **request)

    return attempt


def _delete_object(aws: Aws, place: Place) -> object:
    """In a bucket that keeps versions, deleting what is not there leaves a marker."""
    try:
        versioning = aws.call("s3", "get_bucket_versioning", place=f"bucket {place.bucket}", Bucket=place.bucket)
    except RefusedError as refusal:
        raise NotTriedError from refusal
    if "Status" in versioning:
        raise NotTriedError
    return _object_call("delete_object")(aws, place)


def _statement(text: str, *parameters: str) -> Callable[[Aws, Place], object]:
    """``text`` names the table as ``{0}``; ``key`` among the parameters is the key, the others are numbers."""

    def filled(place: Place) -> list[dict[str, Any]]:
        values = [place.key["session_id"] if one == "key" else {"N": one} for one in parameters]
        return [{"Statement": text.format(place.table), "Parameters": values}]

    return _table_call("batch_execute_statement", Statements=filled)


def _query(index: str, condition: str, values: Callable[[Place], dict[str, Any]]) -> Callable[[Aws, Place], object]:
    return _table_call(
        "query", IndexName=index, KeyConditionExpression=condition, ExpressionAttributeValues=values, Limit=1
    )


_GET = Action("dynamodb:GetItem", "table", _table_call("get_item", Key=lambda place: place.key))
_BATCH_GET = Action(
    "dynamodb:BatchGetItem",
    "table",
    _table_call("batch_get_item", RequestItems=lambda place: {place.table: {"Keys": [place.key]}}),
)
_PUT = Action(
    "dynamodb:PutItem", "table", _table_call("put_item", Item=lambda place: place.key, ConditionExpression=_NEVER)
)
_UPDATE = Action(
    "dynamodb:UpdateItem",
    "table",
    _table_call(
        "update_item",
        Key=lambda place: place.key,
        UpdateExpression="REMOVE doctor",
        ConditionExpression=_NEVER,
    ),
)
_DELETE = Action(
    "dynamodb:DeleteItem",
    "table",
    _table_call("delete_item", Key=lambda place: place.key, ConditionExpression=_NEVER),
)
_QUERY_SUBJECT = Action(
    "dynamodb:Query",
    "index/subject",
    _query("subject", "subject = :own", lambda place: {":own": place.key["session_id"]}),
)
_QUERY_SWEEP = Action(
    "dynamodb:Query",
    "index/sweep",
    _query("sweep", "sweep_shard = :shard AND sweep_at < :at", lambda _: {":shard": {"S": "0"}, ":at": {"N": "0"}}),
)
_SCAN = Action("dynamodb:Scan", "table", _table_call("scan", Limit=1))
_PARTIQL_DELETE = Action(
    "dynamodb:PartiQLDelete",
    "table",
    _statement('DELETE FROM "{0}" WHERE session_id = ? AND expires_at < ?', "key", "0"),
)
_PARTIQL_UPDATE = Action(
    "dynamodb:PartiQLUpdate",
    "table",
    _statement('UPDATE "{0}" SET sweep_at = ? WHERE session_id = ? AND sweep_at < ?', "0", "key", "0"),
)
_GET_OBJECT = Action("s3:GetObject", "objects", _object_call("get_object"))
_PUT_OBJECT = Action("s3:PutObject", "objects", _object_call("put_object", Body=b"x", ContentMD5=_WRONG_CHECKSUM))
_DELETE_OBJECT = Action("s3:DeleteObject", "objects", _delete_object)

VERBS: Final[Mapping[str, tuple[Action, ...]]] = {
    "create": (_PUT, _PUT_OBJECT),
    "read": (_GET, _BATCH_GET, _UPDATE, _DELETE, _GET_OBJECT, _DELETE_OBJECT),
    "touch": (_UPDATE,),
    "write, rotate, login": (_UPDATE, _GET_OBJECT, _PUT_OBJECT, _DELETE_OBJECT),
    "expire": (_DELETE, _DELETE_OBJECT),
    "list, expire all": (_QUERY_SUBJECT, _BATCH_GET, _DELETE, _DELETE_OBJECT),
    "sweep": (_QUERY_SWEEP, _SCAN, _PARTIQL_DELETE, _PARTIQL_UPDATE, _DELETE_OBJECT),
}
"""What each verb of the library calls; a read renews, and removes what it finds dead."""

_BY_THE_STACK: Final = ("sweep",)
"""A verb that the stack's own function has the permissions for; hardly any other caller needs it."""

Answers = Mapping[Action, bool | str]
"""Whether each action is allowed; text says why that is unknown."""


def permission_rows(aws: Aws, settings: Settings, *, role: str | None, policy: str | None) -> Iterator[Row]:
    """A row for each verb: for ``role``, or for the credentials in use. ``policy`` is the one to attach, if known."""
    place = Place(settings.table or "", settings.bucket, settings.namespace)
    actions = [action for action in _every_action() if place.bucket or action.on != "objects"]
    try:
        answers, way = _simulated(aws, place, actions, role=role), "by IAM's simulation"
    except RefusedError as refusal:
        if role is not None:
            yield Row("permissions", "permissions", State.UNKNOWN, refusal.reason, "allow iam:SimulatePrincipalPolicy")
            return
        answers, way = _tried(aws, place, actions), "by calls that change nothing"
    yield Row("permissions", "judged", State.OK, f"{'of ' + role if role else 'of these credentials'}, {way}")
    for verb, needed in VERBS.items():
        yield _row(verb, {action: answers[action] for action in needed if action in answers}, policy=policy)


def _row(verb: str, answers: Answers, *, policy: str | None) -> Row:
    denied = [action for action, answer in answers.items() if answer is False]
    unknown = [f"{action.name}: {answer}" for action, answer in answers.items() if isinstance(answer, str)]
    check = f"may {verb}"
    if denied:
        found = f"not allowed: {', '.join(_named(action) for action in denied)}"
        if verb in _BY_THE_STACK:
            return Row("permissions", check, State.NOTE, f"{found}; the stack's own function sweeps")
        return Row(
            "permissions",
            check,
            State.TO_DO,
            found,
            f"attach the stack's client policy{f': {policy}' if policy else ''}",
        )
    if unknown:
        remedy = "allow iam:SimulatePrincipalPolicy, which tells"
        return Row("permissions", check, State.UNKNOWN, "; ".join(unknown), remedy)
    return Row("permissions", check, State.OK, ", ".join(action.name for action in answers))


def _named(action: Action) -> str:
    return action.name if action.on in ("table", "objects") else f"{action.name} on {action.on}"


def _every_action() -> list[Action]:
    return list(dict.fromkeys(action for needed in VERBS.values() for action in needed))


# ---- by simulation


def _simulated(aws: Aws, place: Place, actions: list[Action], *, role: str | None) -> Answers:
    """What IAM says of each action. Raises ``RefusedError`` where it cannot be asked."""
    source, table = role or _principal(aws), _table_arn(aws, place)
    resources = {
        "table": table,
        "index/subject": f"{table}/index/subject",
        "index/sweep": f"{table}/index/sweep",
        "objects": f"arn:{table.split(':')[1]}:s3:::{place.bucket}/{place.namespace}/x/x",
    }
    answers: dict[Action, bool | str] = {}
    for on, resource in resources.items():
        asked = [action for action in actions if action.on == on]
        allowed = _decisions(aws, source, [action.name for action in asked], resource, place) if asked else {}
        answers |= {action: allowed.get(action.name, "IAM does not say") for action in asked}
    return answers


def _decisions(aws: Aws, source: str, names: list[str], resource: str, place: Place) -> dict[str, bool | str]:
    keys = {"ContextKeyName": "dynamodb:LeadingKeys", "ContextKeyType": "stringList"}
    answer = aws.call(
        "iam",
        "simulate_principal_policy",
        place=f"principal {source}",
        PolicySourceArn=source,
        ActionNames=names,
        ResourceArns=[resource],
        ContextEntries=[{**keys, "ContextKeyValues": [place.key["session_id"]["S"]]}],
    )
    return {one["EvalActionName"]: one["EvalDecision"] == "allowed" for one in answer["EvaluationResults"]}


def _principal(aws: Aws) -> str:
    """Whose permissions are asked for. A session's ARN names its role without the path, which IAM then adds."""
    arn = str(aws.call("sts", "get_caller_identity", place="the account")["Arn"])
    if arn.endswith(":root"):
        raise RefusedError("", "the account's root has no policies")
    if ":assumed-role/" not in arn:
        return arn
    name = arn.split("/")[1]
    return str(aws.call("iam", "get_role", place=f"role {name}", RoleName=name)["Role"]["Arn"])


def _table_arn(aws: Aws, place: Place) -> str:
    call = {"place": f"table {place.table}", "TableName": place.table}
    return str(aws.call("dynamodb", "describe_table", **call)["Table"]["TableArn"])


# ---- by trying


def _tried(aws: Aws, place: Place, actions: list[Action]) -> Answers:
    return {action: _outcome(aws, place, action) for action in actions}


def _outcome(aws: Aws, place: Place, action: Action) -> bool | str:
    try:
        answer = action.attempt(aws, place)
    except NotTriedError:
        return "not tried: it might leave something behind"
    except RefusedError as refusal:
        return _said(refusal, action)
    return _statement_is_allowed(answer)


def _said(refusal: RefusedError, action: Action) -> bool | str:
    """A refusal that is not about permissions came after they were judged."""
    if refusal.code in ("ConditionalCheckFailedException", "NoSuchKey", "BadDigest"):
        return True
    if not refusal.is_denied:
        return refusal.reason
    if action is _GET_OBJECT and action.name not in refusal.message:
        # Of an object that is not there S3 says 403 to a caller that may not list the bucket.
        return True if "s3:ListBucket" in refusal.message else "S3 does not say without s3:ListBucket"
    return False


def _statement_is_allowed(answer: Any) -> bool | str:
    errors = [one["Error"] for one in answer.get("Responses", []) if isinstance(one, dict) and "Error" in one]
    codes = {error.get("Code") for error in errors}
    return "AccessDenied" not in codes
