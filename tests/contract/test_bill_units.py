"""The units of the bill are those that DynamoDB Local reports for each verb, at every size of the data model."""

import pytest

from benchmarks.costs import SIZES, bills, documents, scene
from benchmarks.documents import Document
from sojourn import Settings
from sojourn.cli.bill import Configuration, Load
from sojourn.cli.units import Units, item_bytes, verbs

COUNTED = ("create", "read", "touch", "write", "login, of an anonymous visitor", "expire", "sweep (1 stale)")


@pytest.fixture(scope="module")
def made() -> dict[str, Document]:
    """Documents of each size."""
    return documents()


@pytest.mark.usefixtures("credentials")
@pytest.mark.parametrize("size", SIZES)
def test_a_verb_costs_in_the_bill_what_the_engine_reports(
    dynamodb_local: str, made: dict[str, Document], size: str
) -> None:
    """Read units, write units of the table and of the indexes."""
    expected = verbs(item_bytes(Load(document_bytes=SIZES[size]), Configuration()), Configuration())
    with scene(dynamodb_local) as opened:
        measured = bills(opened, made[size])
    for verb in COUNTED:
        found = Units(measured[verb].read, measured[verb].written, measured[verb].index_written)
        # The engine reports no reads of a sweep apart from those that look for work, which the bill counts by the run.
        assert found == (Units(found.read, expected[verb].write, 1) if "sweep" in verb else expected[verb]), verb


@pytest.mark.usefixtures("credentials")
def test_other_settings_cost_in_the_bill_what_the_engine_reports(
    dynamodb_local: str, made: dict[str, Document]
) -> None:
    """Without the sweep index, and with reads that are not consistent."""
    configuration = Configuration(sweep_index=False, consistent_read=False)
    expected = verbs(item_bytes(Load(document_bytes=SIZES["3 KB"]), configuration), configuration)
    settings = Settings(sweep_index=False, consistent_read=False, sweep_grace_seconds=0)
    with scene(dynamodb_local, settings=settings) as opened:
        store, meter = opened.store, opened.meter
        session = store.create(made["3 KB"])
        created = meter.of(lambda: store.create(made["3 KB"]))
        read = meter.of(lambda: store.read(session.token))
        expired = meter.of(lambda: store.expire(session))
    assert (created.written, created.index_written) == (expected["create"].write, expected["create"].index)
    assert read.read == expected["read"].read
    # An anonymous session has no entry at all; the bill's logged-out ones are a subject's.
    assert (expired.written, expired.index_written) == (expected["expire"].write, expected["expire"].index - 1)
