"""What a refusal of AWS means, in a sentence that names the thing: table, bucket, region, action. Calls nothing.

Of the service's own message only the action and the resource are taken over: it may quote values.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any, Final

_DENIED: Final = re.compile(r"not authorized to perform: ([a-z0-9-]+:[A-Za-z0-9]+)(?: on resource: (\S+))?")
_INDEX: Final = re.compile(r"does not have the specified index: ([A-Za-z0-9_.-]+)")
_CREDENTIALS: Final = frozenset(
    {
        "ExpiredToken",
        "ExpiredTokenException",
        "IncompleteSignature",
        "IncompleteSignatureException",
        "InvalidAccessKeyId",
        "InvalidClientTokenId",
        "InvalidSignatureException",
        "InvalidToken",
        "MissingAuthenticationToken",
        "MissingAuthenticationTokenException",
        "RequestExpired",
        "RequestTimeTooSkewed",
        "SignatureDoesNotMatch",
        "UnrecognizedClientException",
    }
)


def place_of(call: Callable[..., object], request: Mapping[str, Any]) -> str:
    """What a request is made of and where, as far as it says: ``table sessions in eu-west-1``."""
    table = request.get("TableName") or next(iter(request.get("RequestItems", ())), None)
    bucket = request.get("Bucket")
    name = f"table {table}" if table else f"bucket {bucket}" if bucket else "the store"
    region = getattr(_meta(call), "region_name", None)
    return f"{name} in {region}" if region else name


def address_of(call: Callable[..., object]) -> str:
    """Where a client sends its requests."""
    return str(getattr(_meta(call), "endpoint_url", "its endpoint"))


def credentials_cause(error: Exception) -> str:
    """Why there are no credentials: who was to bring them, and never what a program or a service said of it."""
    provider = getattr(error, "kwargs", {}).get("provider") or getattr(error, "operation_name", None)
    origin = provider or getattr(error, "filename", None)
    name = f"{type(error).__name__} of {origin}" if origin else type(error).__name__
    return f"the AWS credentials cannot be had ({name}): check the profile, role or program that they come from"


def _meta(call: Callable[..., object]) -> object:
    return getattr(getattr(call, "__self__", None), "meta", None)


def meaning(code: str, message: str, *, operation: str, place: str) -> str:
    """What is wrong and what to check. ``operation`` is AWS's name of it, ``GetItem``."""
    if code.startswith("AccessDenied"):
        return _denied(message, operation=operation, place=place)
    if code in _CREDENTIALS:
        return f"the AWS credentials are not accepted for {place}: check them, and this machine's clock"
    if code in ("ResourceNotFoundException", "ResourceNotFound"):
        return f"there is no {place}: check SOJOURN_TABLE and the region"
    if code == "NoSuchBucket":
        return f"there is no {place}: check SOJOURN_BUCKET"
    index = _INDEX.search(message)
    if index:
        return f"{place} has no index {index[1]}: check that it was made or restored with both (docs/operations.md)"
    return f"refused by {place}: check the name, the keys and the permissions"


def _denied(message: str, *, operation: str, place: str) -> str:
    found = _DENIED.search(message)
    service = "s3" if place.startswith("bucket") else "dynamodb"
    action = found[1] if found else f"{service}:{operation}"
    resource = f" ({found[2]})" if found and found[2] else ""
    return f"{action} is not allowed on {place}{resource}: check the permissions of these credentials"
