"""From settings to a store that is ready to use. Knows which backend serves which settings."""

import threading
from contextlib import suppress
from functools import cache, partial
from typing import TYPE_CHECKING

from sojourn.errors import ConfigurationError, SojournError
from sojourn.events import OnEvent, Reporter
from sojourn.retry import Retry
from sojourn.settings import Settings
from sojourn.store import Store
from sojourn.values import replace

if TYPE_CHECKING:
    from collections.abc import Callable

    from sojourn.backends.dynamodb import DynamoBackend
    from sojourn.backends.records import RecordsBackend


_opening = threading.Lock()


def open_store(settings: Settings | None = None, *, on_event: OnEvent | None = None) -> Store:
    """The store that ``SOJOURN_*`` variables describe, the same one at every call; or one for ``settings``.

    Call it at module level: a Lambda's INIT is the cheap moment to build clients. Calls no service. With ``on_event``
    (see ``Store``) it is another store over the same clients. Raises ``ConfigurationError``.
    """
    if settings is not None:
        store = _opened(settings)
    else:
        with _opening:  # many threads may ask at once, and boto3's default session serves one at a time
            store = _from_environment()
    return (
        store
        if on_event is None
        else store.over(replace(store.resources, reporter=store.resources.reporter.to(on_event)))
    )


@cache
def _from_environment() -> Store:
    return _opened(Settings.from_environment())


def _opened(settings: Settings) -> Store:
    if settings.records_url is not None:
        return Store(_records_backend(settings), settings)
    if settings.table is None:
        raise ConfigurationError("SOJOURN_TABLE is not set; it takes the name of the sessions table")
    return Store(dynamo_backend(settings, table=settings.table), settings)


def _records_backend(settings: Settings) -> "RecordsBackend":
    if settings.table is not None:
        raise ConfigurationError(
            "SOJOURN_RECORDS_URL and SOJOURN_TABLE are two ways to the same sessions; set one of them"
        )
    from sojourn.backends.records import RecordsBackend

    return RecordsBackend(settings.records_url or "")


def rehearsed(store: Store, rehearse: "Callable[[Store], object] | None" = None) -> Store:
    """Prepare ``store`` for its first request, and return it.

    Call it at the end of a function's INIT, ``store = rehearsed(open_store())``: the first request then takes as long
    as a later one. A session is created, read and written, with requests that are built and signed but not sent;
    ``rehearse`` is a function that does something else with the store that it gets. Nothing is stored or remembered,
    and no event is reported. Then the client connects: it sends one GET to the endpoint, without a signature or a
    table's name, which costs nothing. Where the endpoint does not answer, the first real request raises
    ``StoreUnavailableError``, not this function.
    """
    from sojourn.backends.dynamodb import DynamoBackend

    backend, settings = store.resources.backend, store.resources.settings
    if isinstance(backend, DynamoBackend):
        silent = Reporter(settings.namespace, is_logging=False)
        with backend.rehearsing() as twin, suppress(SojournError):
            (rehearse or _live)(Store(twin, settings, retry=Retry(attempts=1), on_event=silent))
    return store


def _live(store: Store) -> None:
    session = store.read(store.create({"a": 1}).token)
    if session is not None:
        session["a"] = 2
        store.write(session)


def dynamo_backend(settings: Settings, *, table: str) -> "DynamoBackend":
    """The DynamoDB backend with clients of its own."""
    # Imported here: tests against memory need no AWS library.
    from sojourn.backends.clients import dynamodb_client, s3_client
    from sojourn.backends.dynamodb import DynamoBackend
    from sojourn.backends.s3 import ObjectStore

    objects = None
    if settings.bucket is not None:
        make_client = partial(s3_client, endpoint_url=settings.endpoint_url)
        objects = ObjectStore(make_client, bucket=settings.bucket, most_bytes=settings.max_bytes)
    return DynamoBackend(
        dynamodb_client(endpoint_url=settings.endpoint_url),
        table=table,
        objects=objects,
        overflow_bytes=settings.overflow_bytes,
    )
