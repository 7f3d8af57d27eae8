"""The proxy of benchmarks/peers counts every client alike, and no client notices it."""

import pytest
from botocore.exceptions import ClientError

from benchmarks.peers.proxy import Meter, proxy
from devstack.clients import Clients
from tests.contract.tables import sessions_table


@pytest.mark.usefixtures("credentials")
def test_a_client_sees_the_engines_own_answers_and_the_meter_the_units(dynamodb_local: str) -> None:
    """Those that asked for the capacity get it, the others do not; a refusal passes and costs a unit."""
    key = {"session_id": {"S": "a"}}
    with proxy(dynamodb_local) as (url, meters), sessions_table(Clients(url).dynamodb) as table:
        client = Clients(url).dynamodb
        meters.take()
        put = client.put_item(TableName=table, Item=key | {"blob": {"S": "x" * 3_000}})
        assert set(put) == {"ResponseMetadata"}
        asked = client.get_item(TableName=table, Key=key, ConsistentRead=True, ReturnConsumedCapacity="TOTAL")
        assert asked["ConsumedCapacity"]["CapacityUnits"] == 1
        assert asked["Item"]["blob"]["S"] == "x" * 3_000
        with pytest.raises(ClientError, match="ConditionalCheckFailed"):
            client.put_item(TableName=table, Item=key, ConditionExpression="attribute_not_exists(session_id)")
        meter = meters.take()
        assert (meter.calls, meter.read, meter.write) == (["PutItem", "GetItem", "PutItem"], 1, 4)
        assert meter.bytes > 6_000
        assert meters.take() == Meter()
        missing = client.get_item(TableName=table, Key={"session_id": {"S": "none"}})
        assert "Item" not in missing
        assert meters.take().read == 0.5
