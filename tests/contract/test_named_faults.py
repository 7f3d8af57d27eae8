"""What is set up wrongly is named by the error: table, region, index, bucket, address, action. By real engines."""

from collections.abc import Callable, Iterator
from functools import partial

import boto3
import pytest
from botocore.exceptions import ClientError

from devstack.layout import free_port
from sojourn import StoreUnavailableError
from sojourn.backend import Record
from sojourn.backends.clients import answered, dynamodb_client, s3_client
from sojourn.backends.dynamodb import DynamoBackend
from sojourn.backends.faults import meaning
from sojourn.backends.s3 import ObjectStore
from tests.contract.records import a_record, key

pytestmark = pytest.mark.usefixtures("credentials")


def backend(endpoint_url: str, table: str, *, bucket: str = "") -> DynamoBackend:
    """The library's own, with its own clients."""
    objects = ObjectStore(partial(s3_client, endpoint_url=endpoint_url), bucket=bucket) if bucket else None
    client = dynamodb_client(endpoint_url=endpoint_url)
    return DynamoBackend(client, table=table, objects=objects, overflow_bytes=1_000)


def reason(action: Callable[[], object]) -> str:
    """What the error says; not to be tried again unless it is the network."""
    with pytest.raises(StoreUnavailableError) as error:
        action()
    return str(error.value)


VERBS: dict[str, Callable[[DynamoBackend], object]] = {
    "load": lambda table: table.load(key()),
    "load with a mark": lambda table: table.load_with_mark(key(), "app#!not-before"),
    "insert": lambda table: table.insert(a_record()),
    "list": lambda table: table.of_subject("app#ada", limit=1),
    "due": lambda table: table.sweep.due("1", until=1, limit=1),
}


@pytest.mark.parametrize("verb", VERBS)
def test_a_table_that_is_not_there_is_named_with_its_region(dynamodb_local: str, verb: str) -> None:
    """A wrong name and a wrong region look the same to DynamoDB, so the message has both."""
    said = reason(lambda: VERBS[verb](backend(dynamodb_local, "sesions")))
    assert "there is no table sesions in us-east-1: check SOJOURN_TABLE and the region" in said


@pytest.fixture
def bare_table(dynamodb_local: str) -> Iterator[str]:
    """A table without any index, as one made by hand may be."""
    client = boto3.client("dynamodb", endpoint_url=dynamodb_local)
    client.create_table(
        TableName="bare",
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": "session_id", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "session_id", "KeyType": "HASH"}],
    )
    yield "bare"
    client.delete_table(TableName="bare")


@pytest.mark.parametrize(("verb", "index"), [("list", "subject"), ("due", "sweep")])
def test_an_index_that_is_not_there_is_named(dynamodb_local: str, bare_table: str, verb: str, index: str) -> None:
    """And where to read about it."""
    assert f"table bare in us-east-1 has no index {index}" in reason(
        lambda: VERBS[verb](backend(dynamodb_local, bare_table))
    )


def test_a_bucket_that_is_not_there_is_named(ministack: str) -> None:
    """By its setting, too."""
    large = a_record(data=b"x" * 2_000)
    table = backend(ministack, "sessions", bucket="overflw")
    assert "there is no bucket overflw in us-east-1: check SOJOURN_BUCKET" in reason(lambda: table.insert(large))


def test_an_address_where_nothing_listens_is_named() -> None:
    """Of the table and of the bucket."""
    url = f"http://127.0.0.1:{free_port()}"
    table = backend(url, "sessions", bucket="overflow")
    assert f"EndpointConnectionError: {url}" in reason(lambda: table.load(key()))
    assert f"EndpointConnectionError: {url}" in reason(lambda: table.insert(a_record(data=b"x" * 2_000)))


DENIED = (
    "User: arn:aws:sts::1:assumed-role/shop/shop is not authorized to perform: {} on resource: {} because no policy"
)


@pytest.mark.parametrize(
    ("code", "message", "said"),
    [
        (
            "AccessDeniedException",
            DENIED.format("dynamodb:UpdateItem", "arn:aws:dynamodb:eu-west-1:1:table/sessions"),
            "on table sessions in eu-west-1 (arn:aws:dynamodb:eu-west-1:1:table/sessions): check the permissions",
        ),
        (
            "AccessDeniedException",
            DENIED.format("kms:Decrypt", "arn:aws:kms:eu-west-1:1:key/9"),
            "kms:Decrypt is not allowed on table sessions in eu-west-1 (arn:aws:kms:eu-west-1:1:key/9)",
        ),
        ("AccessDeniedException", "", "dynamodb:GetItem is not allowed on table sessions in eu-west-1"),
        ("ExpiredTokenException", "The security token is expired", "credentials are not accepted for table sessions"),
        ("UnrecognizedClientException", "", "credentials are not accepted"),
        ("InvalidSignatureException", "Signature expired: 2026 is now earlier", "and this machine's clock"),
        ("ValidationException", "The provided key element does not match", "refused by table sessions in eu-west-1"),
    ],
)
def test_what_the_service_says_is_put_into_words(code: str, message: str, said: str) -> None:
    """AWS's own messages, from its documentation, which no engine here has."""
    assert said in meaning(code, message, operation="GetItem", place="table sessions in eu-west-1")


def test_no_value_of_a_message_is_repeated() -> None:
    """What else the service says may quote what was sent."""
    quoted = "One or more parameter values were invalid: sjn_SECRET"
    error = ClientError({"Error": {"Code": "ValidationException", "Message": quoted}}, "PutItem")

    def refuse(**_: object) -> Record:
        raise error

    assert "SECRET" not in reason(lambda: answered(refuse, changes=True, TableName="sessions"))
    denied = meaning("AccessDenied", "Access Denied", operation="GetObject", place="bucket overflow in eu-west-1")
    assert denied.startswith("s3:GetObject is not allowed on bucket overflow in eu-west-1")
