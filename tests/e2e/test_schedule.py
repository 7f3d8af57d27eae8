"""The sweeper, started by its schedule and by nobody else."""

from devstack.clients import Clients
from devstack.signing import call
from devstack.stack import Stack
from sojourn.tokens import session_id
from tests.e2e.conftest import until


def test_the_schedule_sweeps_what_went_stale(stack: Stack) -> None:
    """A session that nobody reads again disappears from the table, with TTL switched off."""
    token = call(stack, "POST", "/sessions", body={"data": {}, "idle": 1}).json()["token"]
    key = {"session_id": {"S": f"default#{session_id(token, namespace='default')}"}}
    dynamodb = Clients(stack.endpoint_url).dynamodb
    assert "Item" in dynamodb.get_item(TableName=stack.table, Key=key)
    until(lambda: "Item" not in dynamodb.get_item(TableName=stack.table, Key=key), seconds=150)
