"""How the AWS clients are set, and what becomes of what they raise."""

import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, nullcontext

import botocore
import pytest
from botocore import exceptions as boto
from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders
from botocore.config import Config

from sojourn import ConfigurationError, StoreUnavailableError
from sojourn.backends import clients
from sojourn.backends.clients import CONNECT_SECONDS, READ_SECONDS, answered, dynamodb_client, s3_client
from sojourn.retry import Retry

URL = "http://127.0.0.1:1"


@pytest.fixture(autouse=True)
def _credentials() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("AWS_ACCESS_KEY_ID", "test")
        environment.setenv("AWS_SECRET_ACCESS_KEY", "test")
        environment.setenv("AWS_DEFAULT_REGION", "eu-central-1")
        yield


def _failing(error: Exception) -> Callable[..., None]:
    def call(**_request: object) -> None:
        raise error

    return call


def _refusal(code: str, status: int) -> boto.ClientError:
    return boto.ClientError({"Error": {"Code": code}, "ResponseMetadata": {"HTTPStatusCode": status}}, "PutItem")  # type: ignore[typeddict-item]  # what counts


def test_the_sdk_never_asks_twice() -> None:
    """A creation sent again under the same token could bring back a session that ended in between."""
    for client in (dynamodb_client(endpoint_url=URL), s3_client(endpoint_url=URL)):
        assert client.meta.config.retries["total_max_attempts"] == 1  # type: ignore[attr-defined]  # botocore.config.Config


@pytest.mark.parametrize(
    ("version", "is_taken"), [("1.34.145", False), ("1.35.19", False), ("1.35.20", True), ("2.0", True)]
)
def test_a_boto3_that_was_never_tried_is_refused(version: str, is_taken: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """It may take a damaged answer for an empty one; an old runtime may still bring one."""
    monkeypatch.setattr(botocore, "__version__", version)
    with nullcontext() if is_taken else pytest.raises(ConfigurationError, match=r"package boto3 1\.35\.20 or later"):
        dynamodb_client(endpoint_url=URL)


class Raw:
    """The bytes of an answer."""

    def __init__(self, body: bytes) -> None:
        self._body = body

    def stream(self) -> Iterator[bytes]:
        """All of them."""
        yield self._body


@pytest.mark.parametrize(
    ("headers", "body"), [({}, b"<html>"), ({"x-amz-crc32": "1"}, b"{}"), ({}, b"[]")], ids=["page", "sum", "list"]
)
def test_a_damaged_answer_is_no_missing_item(headers: dict[str, str], body: bytes) -> None:
    """Whichever botocore runs: it would take each for an answer without an item."""
    client = dynamodb_client(endpoint_url=URL)
    answer = AWSResponse(URL, 200, HTTPHeaders.from_dict(headers), Raw(body))
    client.meta.events.register("before-send.dynamodb", lambda **_: answer)  # type: ignore[arg-type]  # it takes an answer
    with pytest.raises(StoreUnavailableError, match="ResponseParserError"):
        answered(client.get_item, changes=False, TableName="sessions", Key={"session_id": {"S": "a#b"}})


def test_timeouts_are_what_the_guide_says() -> None:
    """And a try that is begun has time to connect."""
    client = dynamodb_client(endpoint_url=URL)
    assert (client.meta.config.connect_timeout, client.meta.config.read_timeout) == (CONNECT_SECONDS, READ_SECONDS)  # type: ignore[attr-defined]  # botocore.config.Config
    assert Retry().attempt_seconds > CONNECT_SECONDS


def test_both_clients_read_in_time() -> None:
    """By a connection class of ours, which botocore has no public place for."""
    for client in (dynamodb_client(endpoint_url=URL), s3_client(endpoint_url=URL)):
        manager = client._endpoint.http_session._manager  # type: ignore[union-attr]  # botocore.client.BaseClient
        for scheme in ("http", "https"):
            connection = manager.pool_classes_by_scheme[scheme].ConnectionCls
            assert connection.response_class.__module__ == "sojourn.backends.timed"


def test_connecting_ends_with_the_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    """However patient the client is otherwise. Here the queue of a server that takes nobody is full."""
    monkeypatch.setattr(clients, "_CONFIG", vars(clients)["_CONFIG"].merge(Config(connect_timeout=60)))
    with socket.create_server(("127.0.0.1", 0), backlog=0) as server, ExitStack() as queue:
        queue.enter_context(socket.create_connection(server.getsockname()))
        client = dynamodb_client(endpoint_url=f"http://127.0.0.1:{server.getsockname()[1]}")
        begun = time.monotonic()
        with pytest.raises(StoreUnavailableError) as unavailable:
            Retry(attempts=1).within(1.6).run(lambda: answered(client.list_tables, changes=True))
        assert time.monotonic() - begun < 30
        assert not unavailable.value.outcome_unknown


def test_a_request_for_which_no_time_is_left_is_not_begun() -> None:
    """The second of an attempt, say; the first one's effect is not in question."""
    asked = []

    def attempt() -> None:
        answered(lambda: asked.append("first"), changes=True)
        now[0] += 3.0 - CONNECT_SECONDS / 2
        answered(lambda: asked.append("second"), changes=True)

    now = [0.0]
    retry = Retry(attempt_seconds=3.0, until=3.0, monotonic=lambda: now[0])
    with pytest.raises(StoreUnavailableError) as unavailable:
        retry.run(attempt)
    assert asked == ["first"]
    assert not unavailable.value.outcome_unknown
    answered(lambda: asked.append("later"), changes=True)
    assert asked == ["first", "later"]


@pytest.mark.parametrize("is_change", [True, False])
@pytest.mark.parametrize(
    "error",
    [
        boto.ReadTimeoutError(endpoint_url=URL),
        boto.ConnectionClosedError(endpoint_url=URL),
        boto.HTTPClientError(error="reset"),
        _refusal("InternalServerError", 500),
        _refusal("ServiceUnavailable", 503),
    ],
    ids=lambda error: type(error).__name__,
)
def test_what_went_unanswered_outcome_unknown_if_it_could(error: Exception, *, is_change: bool) -> None:
    """A read changes nothing, however it ends."""
    with pytest.raises(StoreUnavailableError) as unavailable:
        answered(_failing(error), changes=is_change)
    assert unavailable.value.outcome_unknown is is_change
    assert unavailable.value.is_transient


@pytest.mark.parametrize(
    "error",
    [
        boto.ConnectTimeoutError(endpoint_url=URL),
        boto.EndpointConnectionError(endpoint_url=URL),
        _refusal("ThrottlingException", 400),
        _refusal("ProvisionedThroughputExceededException", 400),
        _refusal("TransactionConflictException", 400),
        _refusal("TransactionInProgressException", 400),
        _refusal("RequestLimitExceeded", 400),
        _refusal("SlowDown", 503),
    ],
    ids=lambda error: type(error).__name__,
)
def test_what_was_not_taken_did_not_happen(error: Exception) -> None:
    """And can be tried again."""
    with pytest.raises(StoreUnavailableError) as unavailable:
        answered(_failing(error), changes=True)
    assert not unavailable.value.outcome_unknown
    assert unavailable.value.is_transient


@pytest.mark.parametrize(
    "error",
    [
        _refusal("AccessDeniedException", 400),
        _refusal("ResourceNotFoundException", 400),
        _refusal("ValidationException", 400),
        _refusal("NoSuchBucket", 404),
        boto.NoCredentialsError(),
        boto.NoRegionError(),
    ],
    ids=lambda error: type(error).__name__,
)
def test_what_is_wrongly_set_up_is_not_tried_again(error: Exception) -> None:
    """The message says what to look at."""
    with pytest.raises(StoreUnavailableError, match="check") as unavailable:
        answered(_failing(error), changes=True)
    assert not unavailable.value.outcome_unknown
    assert not unavailable.value.is_transient


@pytest.mark.parametrize("code", ["ConditionalCheckFailedException", "TransactionCanceledException", "NoSuchKey"])
def test_a_refusal_that_means_something_is_passed_on(code: str) -> None:
    """Its meaning is the caller's business."""
    with pytest.raises(boto.ClientError):
        answered(_failing(_refusal(code, 400)), changes=True)
