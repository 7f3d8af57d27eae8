"""Calls that are written, signed and read here are what botocore would make of them, and its own judges say so."""

import json
import os
import zlib
from base64 import b64encode
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from botocore import exceptions as boto
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSPreparedRequest, AWSRequest, AWSResponse
from botocore.client import BaseClient
from botocore.compat import HTTPHeaders
from botocore.config import Config
from botocore.credentials import ReadOnlyCredentials
from botocore.session import Session
from hypothesis import given
from hypothesis import strategies as st

from sojourn.backends.clients import answered
from sojourn.backends.direct import _ITEMS_OF, call_directly
from sojourn.backends.signature import sign
from sojourn.errors import StoreUnavailableError

URL = "http://127.0.0.1:1"
KEY = {"session_id": {"S": "default#a"}}
ITEM = {
    "session_id": {"S": "default#ä\U0001f36a"},
    "token_hash": {"B": bytes(range(256))},
    "version": {"N": "1"},
}
WIRE = {**ITEM, "token_hash": {"B": b64encode(bytes(range(256))).decode()}}
REQUESTS: dict[str, tuple[str, dict[str, Any]]] = {
    "GetItem": ("get_item", {"TableName": "sessions", "Key": KEY, "ConsistentRead": True}),
    "BatchGetItem": ("batch_get_item", {"RequestItems": {"sessions": {"Keys": [KEY], "ConsistentRead": True}}}),
    "PutItem": ("put_item", {"TableName": "sessions", "Item": ITEM, "ConditionExpression": "a = :b"}),
    "UpdateItem": (
        "update_item",
        {
            "TableName": "sessions",
            "Key": KEY,
            "UpdateExpression": "SET #a = :a",
            "ExpressionAttributeNames": {"#a": "data"},
            "ExpressionAttributeValues": {":a": {"B": b"\x00\xff"}},
        },
    ),
    "DeleteItem": ("delete_item", {"TableName": "sessions", "Key": KEY, "ReturnValues": "ALL_OLD"}),
    "Query": ("query", {"TableName": "sessions", "IndexName": "subject", "Limit": 3, "ScanIndexForward": False}),
    "Scan": ("scan", {"TableName": "sessions", "Segment": 0, "TotalSegments": 4}),
    "BatchExecuteStatement": (
        "batch_execute_statement",
        {"Statements": [{"Statement": 'DELETE FROM "a"', "Parameters": [{"S": "b"}, {"N": "1"}]}]},
    ),
}
"""One call of each operation that is made directly."""

ANSWERS: dict[str, dict[str, Any]] = {
    "GetItem": {"Item": WIRE},
    "BatchGetItem": {"Responses": {"sessions": [WIRE]}, "UnprocessedKeys": {}},
    "PutItem": {"Attributes": WIRE, "ConsumedCapacity": {"TableName": "sessions", "CapacityUnits": 2.0}},
    "UpdateItem": {"Attributes": WIRE},
    "DeleteItem": {"Attributes": WIRE},
    "Query": {"Items": [WIRE, WIRE], "Count": 2, "ScannedCount": 2, "LastEvaluatedKey": {"session_id": {"S": "b"}}},
    "Scan": {"Items": [WIRE], "Count": 1, "ScannedCount": 9},
}
REFUSALS: dict[str, tuple[int, bytes]] = {
    "a condition, with the item": (
        400,
        json.dumps(
            {
                "__type": "com.amazonaws.dynamodb.v20120810#ConditionalCheckFailedException",
                "message": "The conditional request failed",
                "Item": WIRE,
            }
        ).encode(),
    ),
    "a wrong table": (400, b'{"__type":"com.amazonaws.dynamodb.v20120810#ResourceNotFoundException","message":"no"}'),
    "no permission": (400, b'{"__type":"com.amazon.coral.service#AccessDeniedException","Message":"not authorized"}'),
    "too much": (400, b'{"__type":"ThrottlingException","message":"slow"}'),
    "no name": (418, b"{}"),
    "a page": (503, b"<html>"),
    "nothing": (500, b""),
    "its own failure": (500, b'{"__type":"com.amazonaws.dynamodb.v20120810#InternalServerError","message":"oh"}'),
}


@pytest.fixture(autouse=True)
def environment() -> Iterator[pytest.MonkeyPatch]:
    """Of a function."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
        patch.setenv("AWS_SESSION_TOKEN", "token")
        patch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
        yield patch


class Raw:
    """The bytes of an answer."""

    def __init__(self, body: bytes) -> None:
        self._body = body

    def stream(self) -> Iterator[bytes]:
        """All of them."""
        yield self._body


def plain() -> BaseClient:
    """The client that botocore makes."""
    once = Config(parameter_validation=False, retries={"total_max_attempts": 1})
    client: BaseClient = Session().create_client("dynamodb", endpoint_url=URL, config=once)
    return client


def direct() -> BaseClient:
    """The same, with its calls made here."""
    client = plain()
    call_directly(client, client._endpoint.http_session)  # type: ignore[attr-defined]
    return client


def told(client: BaseClient, call: str, request: dict[str, Any], *, status: int, body: bytes) -> dict[str, Any]:
    """What a call returns, or the response of what it raises, where a service answers so."""
    headers = {"x-amz-crc32": str(zlib.crc32(body)), "x-amzn-RequestId": "R1"} if status < 500 else {}
    answer = AWSResponse(URL, status, HTTPHeaders.from_dict(headers), Raw(body))
    client.meta.events.register("before-send.dynamodb", lambda **_: answer)  # type: ignore[arg-type]  # it takes an answer
    try:
        found = getattr(client, call)(**request)
    except boto.ClientError as error:
        found = {"raised": type(error).__name__, "operation": error.operation_name, **error.response}
    described = found.pop("ResponseMetadata")
    told = found.get("Error", {})
    # botocore takes a member that the service's model does not name for none; we leave the answer as it is.
    kept = {name: value for name, value in found.items() if name not in ("__type", "message", "Message")}
    return {**kept, "Error": {"Code": told.get("Code")}, "status": described["HTTPStatusCode"]}


@pytest.mark.parametrize("operation", ANSWERS)
def test_an_answer_is_what_botocore_reads(operation: str) -> None:
    """Bytes are bytes, and everything else is there."""
    call, request = REQUESTS[operation]
    body = json.dumps(ANSWERS[operation]).encode()
    ours, theirs = (told(client, call, request, status=200, body=body) for client in (direct(), plain()))
    assert ours == theirs


@pytest.mark.parametrize("refusal", REFUSALS)
def test_a_refusal_is_what_botocore_raises(refusal: str) -> None:
    """Its class, its code and the item that comes along."""
    call, request = REQUESTS["UpdateItem"]
    status, body = REFUSALS[refusal]
    ours, theirs = (told(client, call, request, status=status, body=body) for client in (direct(), plain()))
    assert ours == theirs


def test_a_failure_that_says_nothing_is_one() -> None:
    """Where botocore's parser fails itself; and a name may have an address behind it, which old ones leave there."""
    call, request = REQUESTS["GetItem"]
    assert told(direct(), call, request, status=502, body=b"[]")["Error"] == {"Code": "502"}
    body = b'{"__type": "ThrottlingException:http://internal.amazon.com/coral/com.amazon.coral.availability/"}'
    assert told(direct(), call, request, status=400, body=body)["Error"] == {"Code": "ThrottlingException"}


DEEP = b"[" * 200_000
DAMAGED: dict[str, tuple[str, bytes]] = {
    "deeper than any document": ("GetItem", b'{"Item":' + DEEP),
    "no responses": ("BatchGetItem", b"{}"),
    "an error with 200": ("BatchGetItem", b'{"__type":"ThrottlingException"}'),
    "responses that are null": ("BatchGetItem", b'{"Responses":null}'),
    "responses in a list": ("BatchGetItem", b'{"Responses":[]}'),
    "unprocessed keys in a list": ("BatchGetItem", b'{"Responses":{},"UnprocessedKeys":[1]}'),
    "unprocessed keys that are text": ("BatchGetItem", b'{"Responses":{},"UnprocessedKeys":{"sessions":"x"}}'),
    "no items": ("Query", b"{}"),
    "no page": ("Scan", b"{}"),
    "no statements": ("BatchExecuteStatement", b"{}"),
    "an item that is text": ("GetItem", b'{"Item":"abc"}'),
    "an attribute that is text": ("GetItem", b'{"Item":{"session_id":"abc"}}'),
    "an attribute of one letter": ("GetItem", b'{"Item":{"session_id":"S"}}'),
    "an attribute in a list": ("DeleteItem", b'{"Attributes":{"overflow":["S"]}}'),
    "an attribute of two types": ("GetItem", b'{"Item":{"session_id":{"S":"a","N":"1"}}}'),
    "an attribute of none": ("GetItem", b'{"Item":{"session_id":{}}}'),
    "text that is a list": ("GetItem", b'{"Item":{"write_id":{"S":[5]}}}'),
    "a number that is none": ("GetItem", b'{"Item":{"version":{"N":Infinity}}}'),
    "a number in an object": ("Query", b'{"Items":[{"created_at":{"N":{}}}]}'),
    "bytes that are none": ("GetItem", b'{"Item":{"data":{"B":5}}}'),
    "another encoding": ("GetItem", "{}".encode("utf-16")),
    "a mark before it": ("GetItem", b"\xef\xbb\xbf{}"),
}


@pytest.mark.parametrize("name", DAMAGED)
def test_a_damaged_answer_is_a_store_that_is_away(name: str) -> None:
    """It raises StoreUnavailableError, and the outcome of a change is unknown. It is never read as a missing item."""
    operation, body = DAMAGED[name]
    call, request = REQUESTS[operation]
    client = direct()
    answer = AWSResponse(URL, 200, HTTPHeaders(), Raw(body))
    client.meta.events.register("before-send.dynamodb", lambda **_: answer)  # type: ignore[arg-type]  # as above
    with pytest.raises(StoreUnavailableError, match="ResponseParserError") as away:
        answered(getattr(client, call), changes=True, **request)
    assert away.value.outcome_unknown
    assert away.value.is_transient


UNREADABLE = {"deep": b'{"Item":' + DEEP, "no text": b"\xff", "a page": b"<html>", "cut": b'{"__type":"Condi'}


@pytest.mark.parametrize("name", UNREADABLE)
def test_a_failure_that_cannot_be_read_has_its_status(name: str) -> None:
    """Whatever a server in trouble says."""
    call, request = REQUESTS["GetItem"]
    found = told(direct(), call, request, status=500, body=UNREADABLE[name])
    assert (found["Error"], found["status"]) == ({"Code": "500"}, 500)


@pytest.mark.parametrize("name", UNREADABLE)
def test_a_refusal_that_cannot_be_read_is_a_store_that_is_away(name: str) -> None:
    """It may be half of one: of an attempt that came after one that took effect."""
    call, request = REQUESTS["UpdateItem"]
    client = direct()
    answer = AWSResponse(URL, 400, HTTPHeaders(), Raw(UNREADABLE[name]))
    client.meta.events.register("before-send.dynamodb", lambda **_: answer)  # type: ignore[arg-type]  # as above
    with pytest.raises(StoreUnavailableError, match="ResponseParserError") as away:
        answered(getattr(client, call), changes=True, **request)
    assert (away.value.outcome_unknown, away.value.is_transient) == (True, True)


def test_what_others_add_to_any_request_is_sent(environment: pytest.MonkeyPatch) -> None:
    """Lambda's trace, by which X-Ray knows whose call it is."""
    environment.setenv("AWS_LAMBDA_FUNCTION_NAME", "shop")
    environment.setenv("_X_AMZN_TRACE_ID", "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1")
    call, request = REQUESTS["GetItem"]
    assert sent(direct(), call, request).headers["X-Amzn-Trace-Id"] == os.environ["_X_AMZN_TRACE_ID"]


def test_an_answer_that_is_made_up_ends_the_search() -> None:
    """As in botocore: another that would answer, of a mock of AWS say, is not asked."""
    asked: list[str] = []
    client = direct()
    call, request = REQUESTS["GetItem"]
    client.meta.events.register("before-send", lambda **_: asked.append("mock"))
    sent(client, call, request)
    assert asked == []


def sent(client: BaseClient, call: str, request: dict[str, Any]) -> AWSPreparedRequest:
    """What would be sent."""
    requests: list[AWSPreparedRequest] = []

    def answer(request: AWSPreparedRequest, **_: object) -> AWSResponse:
        requests.append(request)
        return AWSResponse(request.url, 200, HTTPHeaders(), Raw(b'{"Responses": {}, "Items": []}'))

    client.meta.events.register("before-send.dynamodb", answer)  # type: ignore[arg-type]  # as above
    getattr(client, call)(**request)
    return requests[0]


def written(request: AWSPreparedRequest) -> tuple[str, str, object, dict[str, object]]:
    """What is compared of a request."""
    apart = ("amz-sdk", "authorization", "x-amz-date", "user-agent", "content-length", "host")  # http.client adds it
    headers: dict[str, object] = {}
    for name, value in request.headers.items():
        if not name.lower().startswith(apart):
            text: object = value  # which botocore has encoded, and the library has not
            headers[name.lower()] = str(text, "ascii") if isinstance(text, bytes) else text
    return request.method, request.url, json.loads(request.body or ""), headers  # type: ignore[arg-type]  # bytes


@pytest.mark.parametrize("operation", REQUESTS)
def test_a_request_is_what_botocore_writes(operation: str) -> None:
    """Its address, its body, and each header but those of the signature and of botocore's retries."""
    call, request = REQUESTS[operation]
    ours, theirs = (written(sent(client, call, request)) for client in (direct(), plain()))
    assert ours == theirs
    assert operation in _ITEMS_OF


def test_every_direct_call_is_in_these_tests() -> None:
    """One that is added is compared, too."""
    assert REQUESTS.keys() == _ITEMS_OF.keys()


HOSTS = ("dynamodb.eu-central-1.amazonaws.com", "123456789012.ddb.us-east-1.amazonaws.com", "localhost", "[::1]")


@given(
    host=st.sampled_from(HOSTS),
    scheme=st.sampled_from(["http", "https"]),
    port=st.sampled_from(["", ":80", ":443", ":8000"]),
    path=st.sampled_from(["", "/", "/a/../b", "/a b/ä"]),
    secret=st.text(min_size=1, max_size=50),
    token=st.none() | st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=1, max_size=900),
    region=st.sampled_from(["us-east-1", "cn-north-1"]),
    body=st.binary(max_size=300),
)
def test_a_signature_is_botocores(  # each is a part of what is signed
    host: str, scheme: str, port: str, path: str, secret: str, token: str | None, region: str, body: bytes
) -> None:
    """Over the same headers, at the same instant."""
    url = f"{scheme}://{host}{port}{path}"
    credentials = ReadOnlyCredentials("AKIDEXAMPLE", secret, token)
    headers = {"X-Amz-Target": "DynamoDB_20120810.GetItem", "Content-Type": "application/x-amz-json-1.0"}
    headers |= {"User-Agent": "sojourn/1", "X-Amzn-Trace-Id": "Root=1"}
    sign(headers, url=url, body=body, credentials=credentials, region=region, service="dynamodb")
    judge = SigV4Auth(credentials, "dynamodb", region)
    request = AWSRequest("POST", url, data=body, headers={k: v for k, v in headers.items() if k != "Authorization"})
    request.context["timestamp"] = headers["X-Amz-Date"]
    signature = judge.signature(judge.string_to_sign(request, judge.canonical_request(request)), request)
    names = judge.signed_headers(judge.headers_to_sign(request))
    assert headers["Authorization"] == (
        f"AWS4-HMAC-SHA256 Credential={judge.scope(request)}, SignedHeaders={names}, Signature={signature}"
    )


def test_a_call_without_credentials_says_so(environment: pytest.MonkeyPatch) -> None:
    """As botocore's own does."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        environment.delenv(name)
    environment.setenv("AWS_EC2_METADATA_DISABLED", "true")
    environment.setenv("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
    environment.setenv("AWS_CONFIG_FILE", "/dev/null")
    call, request = REQUESTS["GetItem"]
    with pytest.raises(StoreUnavailableError, match="NoCredentialsError"):
        answered(getattr(direct(), call), changes=False, **request)


def test_a_tracer_sees_every_call(environment: pytest.MonkeyPatch) -> None:
    """X-Ray's, OpenTelemetry's and others' wrap this method, and read the table's name afterwards."""
    seen: list[tuple[str, str]] = []
    make: Callable[..., Any] = BaseClient._make_api_call  # type: ignore[attr-defined]

    def traced(self: BaseClient, operation: str, params: dict[str, Any]) -> object:
        answer = make(self, operation, params)
        seen.append((operation, params["TableName"]))
        return answer

    environment.setattr(BaseClient, "_make_api_call", traced)
    call, request = REQUESTS["PutItem"]
    told(direct(), call, request, status=200, body=b"{}")
    assert seen == [("PutItem", "sessions")]
