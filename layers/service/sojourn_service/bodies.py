"""The JSON body of a request and its fields. Every bound is checked before it costs; calls no store."""

import base64
from collections.abc import Iterable
from email.message import Message
from typing import Final

from sojourn.document.codec import from_stored_json, stored_json
from sojourn.errors import CorruptSessionError, InvalidDataError
from sojourn_service.problems import ProblemError, body_too_large, malformed, unsupported_media_type
from sojourn_service.requests import Request

JSON: Final = "application/json"
MERGE_PATCH: Final = "application/merge-patch+json"

Fields = dict[str, object]

# Written with escapes (a two-byte character as \u00e9), JSON takes up to three times its bytes in UTF-8.
_ESCAPED: Final = 3
_BESIDES_DATA_BYTES: Final = 8_192

# A media type with its parameters takes a tenth of it. The parser takes a time that grows with the square.
_MOST_HEADER_CHARACTERS: Final = 512


def fields_of(
    request: Request, known: Iterable[str], *, max_bytes: int, media_type: str = JSON, is_optional: bool = False
) -> Fields:
    """The members of the JSON object that the body is. None that is not ``known`` is let through.

    ``max_bytes`` is what a document may take; an empty body counts as an empty object if it ``is_optional``.
    """
    content = _content(request, limit=_ESCAPED * max_bytes + _BESIDES_DATA_BYTES)
    if is_optional and not content:
        return {}
    _require(request, media_type)
    fields = _parsed(content)
    allowed = set(known)
    for name in fields:
        if name not in allowed:
            raise InvalidDataError("is not a field of this request", path=(name,))
    return fields


def document_of(fields: Fields, *, max_bytes: int) -> dict[str, object]:
    """The Python values of the ``data`` field. Raises InvalidDataError, SessionTooLargeError."""
    if "data" not in fields:
        raise InvalidDataError("is required", path=("data",))
    return document_from(fields["data"], max_bytes=max_bytes)


def document_from(data: object, *, max_bytes: int) -> dict[str, object]:
    """The Python values of a document's JSON; errors lead through the ``data`` field to the value."""
    try:
        return from_stored_json(data, max_bytes=max_bytes)
    except InvalidDataError as error:
        raise InvalidDataError(error.reason, path=("data", *error.path)) from error


def text_of(fields: Fields, name: str) -> str | None:
    """A field that holds a string or ``null``, which counts as absent."""
    value = fields.get(name)
    if value is None or isinstance(value, str):
        return value
    raise InvalidDataError("is not a JSON string", path=(name,))


def seconds_of(fields: Fields, name: str) -> int | None:
    """A field that holds a whole number or ``null``, which counts as absent; the store judges which ones it takes."""
    value = fields.get(name)
    if value is None or isinstance(value, int):
        return value
    raise InvalidDataError("is not a whole number", path=(name,))


def _content(request: Request, *, limit: int) -> bytes:
    try:
        content = base64.b64decode(request.body, validate=True) if request.is_base64 else request.body.encode()
    except ValueError as error:  # no base64, no ASCII, no Unicode
        raise ProblemError(malformed("The body cannot be decoded.")) from error
    if len(content) > limit:
        raise ProblemError(body_too_large(len(content), limit=limit))
    return content


def _require(request: Request, media_type: str) -> None:
    named = request.headers.get("content-type", "")
    encoding = request.headers.get("content-encoding", "identity")
    if not _is_of(media_type, named) or encoding.lower() != "identity":
        detail = f"The body must be {media_type} in UTF-8, not encoded; name it in Content-Type."
        is_patch = media_type == MERGE_PATCH
        raise ProblemError(unsupported_media_type(detail, accepted=media_type, is_patch=is_patch))


def _is_of(media_type: str, named: str) -> bool:
    """Whether a Content-Type says ``media_type``, in UTF-8 if it names a charset."""
    if len(named) > _MOST_HEADER_CHARACTERS:
        return False
    header = Message()
    header["Content-Type"] = named
    charset = str(header.get_param("charset", "utf-8")).lower()
    # get_content_type() returns text/plain for what it cannot make sense of.
    return header.get_content_type() == media_type and charset in ("utf-8", "utf8")


def _parsed(content: bytes) -> Fields:
    try:
        return stored_json(content)
    except CorruptSessionError as error:
        detail = "The body must be one JSON object in UTF-8: no key twice in an object, no NaN, no endless nesting."
        raise ProblemError(malformed(detail)) from error
