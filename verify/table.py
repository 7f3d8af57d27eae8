"""What the table must have for the promises to hold. Changes nothing."""

from typing import Any, Final

from botocore.exceptions import ClientError

from verify.deployment import Deployment
from verify.report import Report

_INDEXES: Final = {"subject": ["subject", "created_at"], "sweep": ["sweep_shard", "sweep_at"]}


def verify_table(deployment: Deployment, report: Report) -> None:
    """Keys, indexes and TTL: those that a restored table comes without, or in another shape."""
    area, client = "table", deployment.dynamodb
    try:
        table = client.describe_table(TableName=deployment.table)["Table"]
        ttl = client.describe_time_to_live(TableName=deployment.table)["TimeToLiveDescription"]
    except ClientError as error:
        report.skip(area, "its description", error)
        return
    keys = [key["AttributeName"] for key in table["KeySchema"]]
    report.compare(area, "key", expected=["session_id"], found=keys)
    indexes = {index["IndexName"]: index for index in table.get("GlobalSecondaryIndexes", [])}
    for name, expected in _INDEXES.items():
        index: Any = indexes.get(name, {"KeySchema": [], "Projection": {}})
        found = [key["AttributeName"] for key in index["KeySchema"]]
        report.compare(area, f"index {name}", expected=expected, found=found)
        kind = index["Projection"].get("ProjectionType")
        report.compare(area, f"index {name}: projection", expected="KEYS_ONLY", found=kind)
        if "IndexStatus" in index:  # not every engine has one
            report.compare(area, f"index {name}: status", expected="ACTIVE", found=index["IndexStatus"])
    is_on = (ttl.get("TimeToLiveStatus"), ttl.get("AttributeName"))
    report.compare(area, "TTL", expected=("ENABLED", "expires_at"), found=is_on)
