"""From settings to a store that is ready to use. Knows which backend serves which settings."""

from functools import cache
from typing import TYPE_CHECKING

from sojourn.errors import ConfigurationError
from sojourn.settings import Settings
from sojourn.store import Store

if TYPE_CHECKING:
    from sojourn.backends.dynamodb import DynamoBackend
    from sojourn.backends.http import HttpBackend


def open_store(settings: Settings | None = None) -> Store:
    """The store that ``SOJOURN_*`` variables describe, the same one at every call; or one for ``settings``.

    Call it at module level: a Lambda's INIT is the cheap moment to build clients. Calls no service.
    Raises ``ConfigurationError``.
    """
    return _from_environment() if settings is None else _opened(settings)


@cache
def _from_environment() -> Store:
    return _opened(Settings.from_environment())


def _opened(settings: Settings) -> Store:
    if settings.api_url is not None:
        return Store(_http_backend(settings), settings)
    if settings.table is None:
        raise ConfigurationError("SOJOURN_TABLE is not set; it takes the name of the sessions table")
    return Store(dynamo_backend(settings, table=settings.table), settings)


def _http_backend(settings: Settings) -> "HttpBackend":
    if settings.table is not None:
        raise ConfigurationError("SOJOURN_API_URL and SOJOURN_TABLE are two ways to the same sessions; set one of them")
    from sojourn.backends.http import HttpBackend

    return HttpBackend(settings.api_url or "")


def dynamo_backend(settings: Settings, *, table: str) -> "DynamoBackend":
    """The DynamoDB backend with clients of its own."""
    # Imported here: whoever only tests against memory needs no AWS library.
    from sojourn.backends.clients import dynamodb_client, s3_client
    from sojourn.backends.dynamodb import DynamoBackend
    from sojourn.backends.s3 import ObjectStore

    objects = None
    if settings.bucket is not None:
        objects = ObjectStore(s3_client(endpoint_url=settings.endpoint_url), bucket=settings.bucket)
    return DynamoBackend(
        dynamodb_client(endpoint_url=settings.endpoint_url),
        table=table,
        objects=objects,
        overflow_bytes=settings.overflow_bytes,
    )
