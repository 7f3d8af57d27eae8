"""The table's stream as Lambda hands it over, and an event bus that remembers. Judges what AWS would refuse."""

import base64
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import boto3
from botocore.validate import ParamValidator

from devstack.emulator import ACCESS_KEY_ID, SECRET_ACCESS_KEY
from devstack.layout import REGION

_SESSION = boto3.Session(ACCESS_KEY_ID, SECRET_ACCESS_KEY, region_name=REGION)
_PUT_EVENTS = _SESSION.client("events").meta.service_model.operation_model("PutEvents").input_shape


class FakeBus:
    """EventBridge: takes what its API takes, and refuses the entries whose places, from 0, are in ``refused``."""

    def __init__(self) -> None:
        self.calls: list[list[dict[str, Any]]] = []
        self.refused: set[int] = set()
        self._place = 0

    def put_events(self, *, Entries: list[dict[str, Any]]) -> dict[str, Any]:  # noqa: N803  # AWS's name
        """See boto3."""
        report = ParamValidator().validate({"Entries": Entries}, _PUT_EVENTS)
        assert not report.has_errors(), report.generate_report()
        assert len(Entries) <= 10
        places = range(self._place, self._place + len(Entries))
        self._place += len(Entries)
        self.calls.append([entry for place, entry in zip(places, Entries, strict=True) if place not in self.refused])
        fates = [
            {"ErrorCode": "ThrottlingException"} if place in self.refused else {"EventId": "1"} for place in places
        ]
        return {"FailedEntryCount": sum("ErrorCode" in fate for fate in fates), "Entries": fates}

    @property
    def accepted(self) -> list[dict[str, Any]]:
        """Every entry that was taken."""
        return [entry for call in self.calls for entry in call]


def records_of(endpoint_url: str, stream: str) -> Iterator[dict[str, Any]]:
    """Every record of a stream from its beginning, in the form in which Lambda hands it to a function."""
    client = _SESSION.client("dynamodbstreams", endpoint_url=endpoint_url)
    for shard in client.describe_stream(StreamArn=stream)["StreamDescription"]["Shards"]:
        iterator = client.get_shard_iterator(
            StreamArn=stream, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
        )
        for record in client.get_records(ShardIterator=iterator["ShardIterator"])["Records"]:
            yield _in_json(record)


def _in_json(value: Any) -> Any:  # noqa: ANN401  # JSON is whatever it is
    match value:
        case dict():
            return {key: _in_json(member) for key, member in value.items()}
        case bytes():
            return base64.b64encode(value).decode()
        case datetime():
            return int(value.timestamp())
        case _:
            return value
