"""What can be said of a set-up over SOJOURN_RECORDS_URL, and what cannot. Changes nothing."""

from collections.abc import Iterator

from sojourn.cli.doctor.rows import Row, State
from sojourn.errors import StoreUnavailableError
from sojourn.store import Store


def records_rows(store: Store) -> Iterator[Row]:
    """Whether the records API answers these credentials."""
    url = str(store.settings.records_url)
    try:
        store.not_before()
    except StoreUnavailableError as error:
        remedy = "check SOJOURN_RECORDS_URL, the region and execute-api:Invoke on POST /records"
        yield Row("records", "records API", State.TO_DO, error.reason, remedy)
    else:
        yield Row("records", "records API", State.OK, f"answers: {url}")
    found = "table, bucket, permissions and clock are not seen from here"
    yield Row(
        "records",
        "the store behind it",
        State.UNKNOWN,
        found,
        "run the command with --stack, where the table is in reach",
    )
