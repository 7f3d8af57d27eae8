"""The units that a request's line shows, as AWS's own engine reports them."""

from devstack.clients import Clients
from sojourn import Settings, Store
from sojourn.backends.clients import dynamodb_client
from sojourn.backends.dynamodb import DynamoBackend
from tests.contract.tables import sessions_table


def test_a_meter_adds_up_what_each_verb_consumed(dynamodb_local: str, credentials: None) -> None:  # noqa: ARG001
    """Indexes included; what was taken is not counted again. Asking costs no unit."""
    client = dynamodb_client(endpoint_url=dynamodb_local)
    with sessions_table(Clients(dynamodb_local).dynamodb) as table:
        backend = DynamoBackend(client, table=table, objects=None, overflow_bytes=400_000)
        store, meter = Store(backend, Settings()), backend.meter()
        session = store.create({"cart": []})
        assert meter.taken() == (0.0, 2.0)  # the item and its place in the sweep index
        store.read(session.token)
        assert meter.taken()[0] in (1.0, 2.0)  # the first read brings the namespace's mark along
        store.read(session.token)
        assert meter.taken() == (1.0, 0.0)
        session["cart"] = ["teapot"]
        store.write(session)
        assert meter.taken() == (0.0, 1.0)
        store.login(session, subject="ann")
        assert meter.taken() == (0.0, 2.0)  # and its place in the list of the subject
        store.expire(session)
        assert meter.taken() == (0.0, 3.0)
        assert meter.taken() == (0.0, 0.0)


def test_a_meter_counts_calls_refused_ones_too(dynamodb_local: str, credentials: None) -> None:  # noqa: ARG001
    """In their order, each operation once."""
    client = dynamodb_client(endpoint_url=dynamodb_local)
    with sessions_table(Clients(dynamodb_local).dynamodb) as table:
        backend = DynamoBackend(client, table=table, objects=None, overflow_bytes=400_000)
        store, meter = Store(backend, Settings()), backend.meter()
        session = store.create({"cart": []})
        other = store.read(session.token)
        assert other is not None
        assert list(meter.calls_taken()) == ["PutItem", "BatchGetItem"]  # the first read brings the mark along
        session["name"], other["cart"] = "ann", ["teapot"]
        store.write(session)
        store.write(other)
        assert meter.calls_taken() == {"UpdateItem": 3}
        assert meter.calls_taken() == {}
