"""AWS clients tuned for a session store, and what their errors mean. Knows no session."""

from collections.abc import Callable
from functools import partial
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, TypeVar

from botocore import exceptions as boto
from botocore.config import Config
from botocore.parsers import ResponseParserError
from botocore.session import Session

from sojourn.backends.direct import call_directly
from sojourn.backends.faults import address_of, credentials_cause, meaning, place_of
from sojourn.backends.lean import lean_session
from sojourn.backends.sdk import check_sdk
from sojourn.backends.timed import read_in_time
from sojourn.errors import ConfigurationError, StoreUnavailableError
from sojourn.retry import seconds_left

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_s3 import S3Client

Answer = TypeVar("Answer")
Made = TypeVar("Made")

CONNECT_SECONDS = 1
READ_SECONDS = 2

_THROTTLED = frozenset(
    {
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "SlowDown",
        "ThrottlingException",
        "TransactionConflictException",
        "TransactionInProgressException",
    }
)
_NOT_SENT = (boto.ConnectTimeoutError, boto.EndpointConnectionError, boto.ProxyConnectionError)
_CONFIG = Config(
    connect_timeout=CONNECT_SECONDS,
    read_timeout=READ_SECONDS,
    # One attempt: sojourn.retry asks again, and it knows the deadline and takes the time afresh.
    retries={"total_max_attempts": 1, "mode": "standard"},
    # Both save a tenth to a quarter of the CPU of a call; what we send is covered by tests.
    parameter_validation=False,
    user_agent="sojourn/1",
    tcp_keepalive=True,
    # As many as threads of an application may ask at once; a connection too many would be thrown away after each use.
    max_pool_connections=32,
)


def dynamodb_client(*, endpoint_url: str | None = None) -> "DynamoDBClient":
    """A client for the sessions table. Region and credentials are the environment's, as for any AWS client."""
    check_sdk()
    client: DynamoDBClient = made(partial(client_of, "dynamodb", endpoint_url=endpoint_url, config=_CONFIG))
    call_directly(client, read_in_time(client))
    return client


def client_of(service: str, **options: Any) -> Any:
    """A client of botocore; boto3 makes the same ones, and takes half as long again to load."""
    if service == "dynamodb":
        try:
            return lean_session().create_client(service, **options)
        except (AttributeError, LookupError, TypeError, ValueError, boto.BotoCoreError):
            # Another botocore than we know, or FIPS and dual-stack endpoints, of which lean_session reads nothing. What
            # is really wrong comes up again.
            pass
    return Session().create_client(service, **options)


def s3_client(*, endpoint_url: str | None = None) -> "S3Client":
    """A client for the overflow bucket; the path style works with every endpoint."""
    style = Config(s3={"addressing_style": "path"}) if endpoint_url else Config()
    client: S3Client = made(partial(client_of, "s3", endpoint_url=endpoint_url, config=_CONFIG.merge(style)))
    read_in_time(client)
    return client


def made(make: Callable[[], Made]) -> Made:
    """What can be made of the environment: a client, or credentials, which may come from a program or a service.

    Raises ``StoreUnavailableError`` where credentials cannot be had, ``ConfigurationError`` where a setting is wrong.
    """
    try:
        return make()
    except (boto.CredentialRetrievalError, boto.ClientError, boto.HTTPClientError, OSError) as error:
        raise StoreUnavailableError(credentials_cause(error), is_transient=True) from error
    except (boto.BotoCoreError, ValueError) as error:
        raise ConfigurationError(f"no AWS client can be made: {str(error).rstrip('.')}") from error


def answered(call: Callable[..., Answer], *, changes: bool, **request: Any) -> Answer:
    """What the service answers to one request. ``changes`` says whether the call can change anything.

    Raises ``StoreUnavailableError``. Lets a ``ClientError`` pass whose meaning is the caller's business:
    a condition that did not hold, an object that is not there.
    """
    if seconds_left() < CONNECT_SECONDS:
        raise StoreUnavailableError("no time is left to ask it", is_transient=True)
    try:
        return call(**request)
    except boto.ClientError as error:
        raise _unavailable(error, changes=changes, place=place_of(call, request)) or error from error
    except _NOT_SENT as error:
        raise StoreUnavailableError(f"{_name(error)}: {address_of(call)}", is_transient=True) from error
    except (boto.HTTPClientError, boto.IncompleteReadError, boto.SSLError, ResponseParserError) as error:
        reason = f"{_name(error)}: {address_of(call)}"
        raise StoreUnavailableError(reason, outcome_unknown=changes, is_transient=True) from error
    except boto.CredentialRetrievalError as error:
        raise StoreUnavailableError(credentials_cause(error), is_transient=True) from error
    except boto.BotoCoreError as error:
        raise StoreUnavailableError(f"{_name(error)}: check region and credentials") from error
    except OSError as error:  # a file or a program of the credentials; the network's errors are all botocore's
        raise StoreUnavailableError(credentials_cause(error), is_transient=True) from error


def code_of(error: boto.ClientError) -> str:
    """The service's name for what went wrong."""
    return str(error.response.get("Error", {}).get("Code", ""))


def _unavailable(error: boto.ClientError, *, changes: bool, place: str) -> StoreUnavailableError | None:
    code = code_of(error)
    if code in ("ConditionalCheckFailedException", "TransactionCanceledException", "NoSuchKey"):
        return None
    if code in _THROTTLED:
        return StoreUnavailableError(f"{code}: {place}", is_transient=True)
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return StoreUnavailableError(f"{code} ({status}): {place}", outcome_unknown=changes, is_transient=True)
    message = str(error.response.get("Error", {}).get("Message", ""))
    operation = error.operation_name
    return StoreUnavailableError(f"{code} ({status}): {meaning(code, message, operation=operation, place=place)}")


def _name(error: Exception) -> str:
    return type(error).__name__
