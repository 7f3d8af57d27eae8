"""The calls of a session's life: written, signed and read here, for a client that botocore made.

botocore finds the endpoint, the credentials and the connection. What else it does for a call, for the sake of all
services, takes two thirds of the processor time, and is left out: it walks every attribute of every item, and looks
for the signature of any request. Tracers that wrap a client's calls see these; of botocore's events inside of a call
only ``before-send`` is emitted.
"""

import json
import zlib
from binascii import a2b_base64, b2a_base64
from collections.abc import Callable, Iterable
from http import HTTPStatus
from itertools import chain
from typing import TYPE_CHECKING, Any, Final

from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.exceptions import NoCredentialsError
from botocore.parsers import ResponseParserError

from sojourn.backends.signature import sign

if TYPE_CHECKING:
    from botocore.client import BaseClient
    from botocore.httpsession import URLLib3Session
    from botocore.model import OperationModel
    from botocore.signers import RequestSigner

Answer = dict[str, Any]

_ASKED: Final = "sojourn: parameters"
"""Where a call's context keeps them: they are what DynamoDB takes already, and botocore's serializer walks them all."""

_TEXTS: Final = frozenset({"S", "N"})

SENDING: Final = "before-send.dynamodb"
"""Emitted with the ``request``; what a handler returns is the answer, and nothing is sent."""


def call_directly(client: "BaseClient", http: "URLLib3Session") -> None:
    """Let ``client`` send the calls that concern sessions through ``http``: written, signed and read here."""
    events: Any = client.meta.events  # whose stubs know handlers that answer nothing

    def keep(params: dict[str, Any], model: "OperationModel", context: dict[str, Any], **_: object) -> Answer | None:
        if model.name not in _ITEMS_OF:
            return None
        context[_ASKED] = params
        return _of_the_endpoint(params)  # botocore writes down these alone, and what others add beside them

    # A handler of this event that returns something has made the call: botocore's own Stubber works so.
    def call(
        model: "OperationModel",
        params: dict[str, Any],
        request_signer: "RequestSigner",
        context: dict[str, Any],
        **_: object,
    ) -> tuple[AWSResponse, Answer] | None:
        if _ASKED not in context:
            return None
        added = json.loads(params["body"])
        added.pop("RequestItems", None)
        params["body"] = _written(context[_ASKED] | added).encode()
        request = _signed(params, request_signer)
        _, made_up = events.emit_until_response(f"{SENDING}.{model.name}", request=request)
        response = http.send(request) if made_up is None else made_up
        return response, _read(model.name, response)

    events.register("provide-client-params.dynamodb", keep)
    events.register_last("before-call", call)  # after what others add to any request


def _of_the_endpoint(params: dict[str, Any]) -> Answer:
    """Of the parameters of a call those by which botocore finds where to send it."""
    if "RequestItems" in params:
        return {"RequestItems": {name: {} for name in params["RequestItems"]}}
    return {"TableName": params["TableName"]} if "TableName" in params else {}


def _base64(value: object) -> str:
    if not isinstance(value, bytes):
        raise TypeError(f"a request holds a value of type {type(value).__name__}")
    return b2a_base64(value, newline=False).decode()


_written: Final = json.JSONEncoder(separators=(",", ":"), default=_base64).encode


def _signed(params: dict[str, Any], signer: "RequestSigner") -> AWSPreparedRequest:
    place = params["context"].get("signing", {})
    service, region = place.get("signing_name", signer.signing_name), place.get("region", signer.region_name)
    credentials = signer.get_auth_instance(service, region).credentials
    if credentials is None:
        raise NoCredentialsError
    url, headers, body = params["url"], params["headers"], params["body"]
    sign(headers, url=url, body=body, credentials=credentials, region=region, service=service)
    return AWSPreparedRequest("POST", url, headers, body, stream_output=False)


def _read(operation: str, response: AWSResponse) -> Answer:
    """What is answered: its JSON as it is, with bytes for the binary attributes of items.

    Those of a batch of statements stay base64. Raises ``ResponseParserError`` for a damaged answer, which is never
    taken for one without an item.
    """
    status, body = response.status_code, response.content
    checksum = response.headers.get("x-amz-crc32")
    answer = _object(body)
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:  # it failed, whatever it says
        answer = answer or {}
    elif checksum is not None and checksum != str(zlib.crc32(body)):
        raise ResponseParserError("the answer does not fit its checksum")
    if answer is None:
        raise ResponseParserError("the answer is no JSON object")
    if status >= HTTPStatus.BAD_REQUEST:
        answer["Error"] = _error(answer, status)
    try:
        _read_bytes(_ITEMS_OF[operation](answer) if status < HTTPStatus.BAD_REQUEST else _item(answer))
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise ResponseParserError("the answer is none to this call, or holds what is no item") from error
    answer["ResponseMetadata"] = {
        "HTTPStatusCode": status,
        "RequestId": response.headers.get("x-amzn-requestid", ""),
    }
    return answer


def _object(body: bytes) -> Answer | None:
    try:
        found = json.loads(body.decode())
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _error(answer: Answer, status: int) -> dict[str, str]:
    """The code without its namespace; where the answer names none, its status."""
    code = str(answer.get("__type") or status).partition(":")[0].rpartition("#")[2]
    return {"Code": code, "Message": str(answer.get("message") or answer.get("Message") or "")}


def _read_bytes(items: Iterable[Any]) -> None:
    """Make bytes of the base64 that binary attributes are sent as. Those inside of others are none of ours."""
    for item in items:
        for value in item.values():
            ((kind, content),) = value.items()
            if kind == "B":
                value["B"] = a2b_base64(content)
            elif kind in _TEXTS and type(content) is not str:
                raise TypeError(kind)


def _item(answer: Answer) -> Iterable[Any]:
    return [answer["Item"]] if "Item" in answer else ()


def _old_item(answer: Answer) -> Iterable[Any]:
    return [answer["Attributes"]] if "Attributes" in answer else ()


def _items(answer: Answer) -> Iterable[Any]:
    found: Iterable[Any] = answer["Items"]
    return found


def _items_of_tables(answer: Answer) -> Iterable[Any]:
    left = answer["UnprocessedKeys"] = answer.get("UnprocessedKeys") or {}
    _read_bytes(chain.from_iterable(request["Keys"] for request in left.values()))
    return chain.from_iterable(answer["Responses"].values())


def _unread(answer: Answer) -> Iterable[Any]:
    for one in answer["Responses"]:
        one.keys()
    return ()


_ITEMS_OF: Final[dict[str, Callable[[Answer], Iterable[Any]]]] = {
    "BatchExecuteStatement": _unread,
    "BatchGetItem": _items_of_tables,
    "DeleteItem": _old_item,
    "GetItem": _item,
    "PutItem": _old_item,
    "Query": _items,
    "Scan": _items,
    "UpdateItem": _old_item,
}
"""The calls that are made here, and where the items are in their answers."""
