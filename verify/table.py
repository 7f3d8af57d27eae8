"""What the table must have for the promises to hold. Changes nothing."""

from collections.abc import Mapping
from typing import Any, Final

from verify.deployment import Deployment
from verify.refusals import trying
from verify.report import Report

_AREA: Final = "table"
_INDEXES: Final = {"subject": "subject, created_at", "sweep": "sweep_shard, sweep_at"}


def verify_table(deployment: Deployment, report: Report) -> None:
    """Keys, indexes and TTL: those that a restored table comes without, or in another shape."""
    client = deployment.dynamodb
    with trying(report, _AREA, "keys and indexes"):
        _verify_keys(client.describe_table(TableName=deployment.table)["Table"], report)
    with trying(report, _AREA, "TTL"):
        ttl = client.describe_time_to_live(TableName=deployment.table)["TimeToLiveDescription"]
        found = f"{ttl.get('TimeToLiveStatus')} on {ttl.get('AttributeName')}"
        report.compare(_AREA, "TTL", expected="ENABLED on expires_at", found=found)


def _verify_keys(table: Mapping[str, Any], report: Report) -> None:
    keys = [key["AttributeName"] for key in table["KeySchema"]]
    report.compare(_AREA, "key", expected="session_id", found=", ".join(keys))
    indexes = {index["IndexName"]: index for index in table.get("GlobalSecondaryIndexes", [])}
    for name, expected in _INDEXES.items():
        index: Any = indexes.get(name, {"KeySchema": [], "Projection": {}})
        found = ", ".join(key["AttributeName"] for key in index["KeySchema"])
        report.compare(_AREA, f"index {name}", expected=expected, found=found)
        kind = index["Projection"].get("ProjectionType")
        report.compare(_AREA, f"index {name}: projection", expected="KEYS_ONLY", found=kind)
        if "IndexStatus" in index:  # not every engine has one
            report.compare(_AREA, f"index {name}: status", expected="ACTIVE", found=index["IndexStatus"])
