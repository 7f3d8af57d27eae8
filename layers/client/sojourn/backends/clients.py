"""AWS clients tuned for a session store, and what their errors mean. Knows no session."""

import json
import zlib
from binascii import a2b_base64
from collections.abc import Callable
from contextlib import contextmanager
from functools import partial
from http import HTTPStatus
from itertools import chain
from typing import TYPE_CHECKING, Any, TypeVar

from botocore import exceptions as boto
from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders
from botocore.config import Config
from botocore.parsers import ResponseParserError
from botocore.session import Session

from sojourn.backends.faults import address_of, credentials_cause, meaning, place_of
from sojourn.backends.lean import lean_session
from sojourn.backends.sdk import check_sdk
from sojourn.backends.timed import read_in_time
from sojourn.errors import ConfigurationError, StoreUnavailableError
from sojourn.retry import seconds_left

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from botocore.awsrequest import AWSPreparedRequest
    from botocore.model import OperationModel
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_s3 import S3Client

Answer = TypeVar("Answer")
Made = TypeVar("Made")

CONNECT_SECONDS = 1
READ_SECONDS = 2

PARSING = "before-parse.dynamodb"
SENDING = "before-send.dynamodb"

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
    read_in_time(client)
    client.meta.events.register(PARSING, read_answer)
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


@contextmanager
def rehearsing(client: "DynamoDBClient") -> "Iterator[None]":
    """Requests of ``client`` are made, signed and answered with nothing found in here, and not sent.

    What a process does for its first request and never again is done by then.
    """

    def answer(request: "AWSPreparedRequest", **_: object) -> AWSResponse:
        return AWSResponse(request.url, HTTPStatus.OK, HTTPHeaders(), _Nothing())

    client.meta.events.register(SENDING, answer)  # type: ignore[arg-type]  # stubs know handlers that answer nothing
    try:
        yield
    finally:
        client.meta.events.unregister(SENDING, answer)  # type: ignore[arg-type]  # as above


class _Nothing:
    """The body of an answer to any read."""

    def stream(self) -> "Iterator[bytes]":
        """See urllib3's response."""
        yield b'{"Responses": {}}'


def read_answer(
    operation_model: "OperationModel",
    response_dict: dict[str, Any],
    customized_response_dict: dict[str, Any],
    **_: object,
) -> None:
    """Look at an answer before botocore does, which takes a body that it cannot read for an empty one: no item.

    Raises ``ResponseParserError``. What a server says that failed does not matter.

    What succeeds and brings items is answered with its JSON as it is, binary values apart; those of a batch of
    statements stay base64, and are not read. botocore takes every attribute of every item through its model, which was
    a third of the CPU of a sweep.
    """
    if response_dict["status_code"] >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return
    body, checksum = response_dict["body"], response_dict["headers"].get("x-amz-crc32")
    is_ours = operation_model.name in _ITEMS_OF and response_dict["status_code"] == HTTPStatus.OK
    if checksum is not None and checksum != str(zlib.crc32(body)):
        raise ResponseParserError("the answer does not fit its checksum")
    if is_ours or checksum is None:
        try:
            answer = json.loads(body)
        except ValueError as error:
            raise ResponseParserError("the answer is no JSON") from error
        if not isinstance(answer, dict):
            raise ResponseParserError("the answer is no JSON object")
        if is_ours:
            _read_bytes(_ITEMS_OF[operation_model.name](answer))
            customized_response_dict.update(answer)
            response_dict["body"] = b"{}"


def _read_bytes(items: "Iterable[Any]") -> None:
    """Make bytes of the base64 that binary attributes are sent as. Those inside of others are none of ours."""
    try:
        for item in items:
            for value in item.values():
                if "B" in value:
                    value["B"] = a2b_base64(value["B"])
    except (AttributeError, TypeError, ValueError) as error:
        raise ResponseParserError("the answer holds what is no item") from error


def _found(answer: dict[str, Any]) -> "Iterable[Any]":
    return [answer["Item"]] if "Item" in answer else ()


def _found_in_tables(answer: dict[str, Any]) -> "Iterable[Any]":
    return chain.from_iterable(answer.get("Responses", {}).values())


def _unread(_answer: dict[str, Any]) -> "Iterable[Any]":
    return ()


_ITEMS_OF: "dict[str, Callable[[dict[str, Any]], Iterable[Any]]]" = {
    "BatchExecuteStatement": _unread,
    "BatchGetItem": _found_in_tables,
    "GetItem": _found,
}
"""Where the items are in the answers that are read here."""


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
