"""Whether table and bucket are as the promises need them. Changes nothing.

The shape is that of template.yaml; what a restored table comes without is what is looked at first.
"""

from collections.abc import Iterator
from functools import partial
from typing import Any, Final

from sojourn.cli.aws import Aws, RefusedError
from sojourn.cli.doctor.rows import Row, State, judged, looked
from sojourn.cli.text import moment
from sojourn.settings import Settings

_INDEXES: Final = {"subject": ["subject", "created_at"], "sweep": ["sweep_shard", "sweep_at"]}
_DAY: Final = 86_400
_RUNBOOK: Final = "docs/operations.md, Backup and restore"


def table_rows(aws: Aws, table: str) -> Iterator[Row]:
    """Status, keys, indexes, TTL, backups and protection."""
    call = partial(aws.call, "dynamodb", place=f"table {table}", TableName=table)
    try:
        found = call("describe_table")["Table"]
    except RefusedError as refusal:
        is_absent = refusal.code == "ResourceNotFoundException"
        remedy = (
            "say --table, --stack or --region, or set SOJOURN_TABLE"
            if is_absent
            else "ask somebody who may, or allow it"
        )
        yield Row("table", "table", State.TO_DO if is_absent else State.UNKNOWN, refusal.reason, remedy)
        if is_absent:
            return
    else:
        yield from _shape(table, found)
    yield from looked("table", "TTL", lambda: _ttl(table, call("describe_time_to_live")))
    yield from looked("table", "backups", lambda: _backups(table, call("describe_continuous_backups")))


def bucket_rows(aws: Aws, settings: Settings) -> Iterator[Row]:
    """Whether it is there, closed to the public, and keeps documents as long as sessions may live."""
    if settings.bucket is None:
        found = f"none: documents above {settings.overflow_bytes} bytes are refused"
        yield Row("bucket", "bucket", State.NOTE, found)
        return
    bucket = settings.bucket
    call = partial(aws.call, "s3", place=f"bucket {bucket}", Bucket=bucket)
    rows = list(looked("bucket", "bucket", lambda: _location(bucket, call)))
    yield from rows
    if rows[0].state is State.TO_DO:
        return
    yield from looked("bucket", "public access", lambda: _closed(call))
    yield from looked("bucket", "lifecycle", lambda: _lifecycle(call, settings))


def _shape(name: str, table: Any) -> Iterator[Row]:
    status = table["TableStatus"]
    yield judged("table", "table", status == "ACTIVE", f"{name}: {status}", remedy="wait until it is ACTIVE")
    keys = _keys(table)
    remedy = "it is no sessions table: check SOJOURN_TABLE"
    yield judged("table", "key", keys == ["session_id"], ", ".join(keys), remedy=remedy)
    indexes = {index["IndexName"]: index for index in table.get("GlobalSecondaryIndexes", [])}
    for index, expected in _INDEXES.items():
        yield _index(index, indexes.get(index), expected)
    # An emulator says it in text.
    is_protected = str(table.get("DeletionProtectionEnabled", False)).lower() == "true"
    found = "on" if is_protected else "off: a call can delete the table"
    yield Row("table", "deletion protection", State.OK if is_protected else State.NOTE, found)


def _index(name: str, index: Any, expected: list[str]) -> Row:
    check, remedy = f"index {name}", f"make it with the keys {', '.join(expected)} and KEYS_ONLY (docs/data-model.md)"
    if index is None:
        return Row("table", check, State.TO_DO, "missing", remedy)
    projection, status = index.get("Projection", {}).get("ProjectionType"), index.get("IndexStatus", "ACTIVE")
    found = f"{', '.join(_keys(index))}, {projection}, {status}"
    return judged(
        "table", check, (_keys(index), projection, status) == (expected, "KEYS_ONLY", "ACTIVE"), found, remedy=remedy
    )


def _ttl(table: str, answer: Any) -> Iterator[Row]:
    ttl = answer["TimeToLiveDescription"]
    status, attribute = ttl.get("TimeToLiveStatus"), ttl.get("AttributeName")
    remedy = (
        f"aws dynamodb update-time-to-live --table-name {table} "
        "--time-to-live-specification Enabled=true,AttributeName=expires_at"
    )
    is_on = status in ("ENABLED", "ENABLING") and attribute == "expires_at"
    yield judged("table", "TTL", is_on, f"{status}{f' on {attribute}' if attribute else ''}", remedy=remedy)


def _backups(table: str, answer: Any) -> Iterator[Row]:
    recovery = answer["ContinuousBackupsDescription"].get("PointInTimeRecoveryDescription", {})
    is_on = recovery.get("PointInTimeRecoveryStatus") == "ENABLED"
    earliest = recovery.get("EarliestRestorableDateTime")
    since = f", from {moment(int(earliest.timestamp()))} on" if earliest is not None else ""
    remedy = (
        f"aws dynamodb update-continuous-backups --table-name {table} "
        "--point-in-time-recovery-specification PointInTimeRecoveryEnabled=true"
    )
    found = f"point-in-time recovery is on{since}" if is_on else "point-in-time recovery is off"
    yield judged("table", "backups", is_on, found, remedy=remedy)


def _location(bucket: str, call: Any) -> Iterator[Row]:
    try:
        # A key that is nobody's: it says whether there is a bucket also to a caller that may only read objects.
        call("get_object", Key="!doctor")
    except RefusedError as refusal:
        if refusal.code in ("NoSuchBucket", "PermanentRedirect", "IllegalLocationConstraintException"):
            remedy = "set SOJOURN_BUCKET to the stack's bucket, or say --stack; it is in the table's region"
            yield Row("bucket", "bucket", State.TO_DO, refusal.reason, remedy)
            return
        if refusal.code != "NoSuchKey" and not refusal.is_denied:
            raise
    yield Row("bucket", "bucket", State.OK, bucket)


def _closed(call: Any) -> Iterator[Row]:
    try:
        block = call("get_public_access_block")["PublicAccessBlockConfiguration"]
    except RefusedError as refusal:
        if refusal.code != "NoSuchPublicAccessBlockConfiguration":
            raise
        block = {}
    is_closed = len(block) == 4 and all(block.values())
    found = "blocked" if is_closed else "not wholly blocked"
    yield judged("bucket", "public access", is_closed, found, remedy="block all four kinds, as template.yaml does")


def _lifecycle(call: Any, settings: Settings) -> Iterator[Row]:
    try:
        rules = call("get_bucket_lifecycle_configuration")["Rules"]
    except RefusedError as refusal:
        if refusal.code != "NoSuchLifecycleConfiguration":
            raise
        rules = []
    days = [rule["Expiration"]["Days"] for rule in rules if _expires(rule)]
    longest = -(-settings.max_absolute_seconds // _DAY)
    found = f"objects are deleted after {min(days)} days" if days else "orphans are never deleted"
    remedy = f"add a rule that deletes after more than {longest} days, as template.yaml has it"
    yield judged(
        "bucket", "lifecycle", days and min(days) > longest, f"{found}; sessions live at most {longest}", remedy=remedy
    )


def _expires(rule: Any) -> bool:
    return rule.get("Status") == "Enabled" and "Days" in rule.get("Expiration", {})


def _keys(of: Any) -> list[str]:
    return [key["AttributeName"] for key in sorted(of["KeySchema"], key=lambda key: key["KeyType"])]
