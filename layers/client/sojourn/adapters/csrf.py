"""Tokens that say that a form comes from a page of the application's own. Opens no session and stores nothing.

A token is 16 random bytes and an HMAC-SHA256 of them under the session's token, as base64url: bound to the session,
another one in each page, and computed from what a request brings.

OWASP Cross-Site Request Forgery Prevention Cheat Sheet, "Signed Double-Submit Cookie"; http://www.breachattack.com.
"""

import base64
import binascii
import hashlib
import hmac
import secrets
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl

from sojourn.adapters.events import Request

HEADER = "X-CSRF-Token"
FIELD = "csrf_token"

_CONTEXT = b"sojourn-csrf-v1"
_RANDOM_BYTES = 16
_MAX_FIELDS = 1_000
_FORM = "application/x-www-form-urlencoded"


def csrf_token_of(session_token: str) -> str:
    """A token for a page of the session that ``session_token`` opens: 64 characters."""
    salt = secrets.token_bytes(_RANDOM_BYTES)
    return base64.urlsafe_b64encode(salt + _mac(salt, session_token)).decode()


def is_csrf_token_of(session_token: str, given: str) -> bool:
    """Whether ``given`` was made for ``session_token``; compared in constant time."""
    try:
        found = base64.b64decode(given.encode("ascii"), altchars=b"-_", validate=True)
    except (UnicodeEncodeError, binascii.Error):
        return False
    salt, mac = found[:_RANDOM_BYTES], found[_RANDOM_BYTES:]
    return hmac.compare_digest(mac, _mac(salt, session_token))


def csrf_token_in(event: Mapping[str, Any], request: Request) -> str | None:
    """What a request brings: in the header ``X-CSRF-Token``, or in the field ``csrf_token`` of a URL-encoded form."""
    values = request.headers.get(HEADER.lower(), ())
    if values:
        return values[0] if len(values) == 1 else None
    kinds = request.headers.get("content-type", ())
    if len(kinds) != 1 or kinds[0].partition(";")[0].strip().lower() != _FORM:
        return None
    try:
        fields = parse_qsl(_body_of(event), max_num_fields=_MAX_FIELDS)
    except ValueError:  # too many fields, no base64, no text
        return None
    found = [value for name, value in fields if name == FIELD]
    return found[0] if len(found) == 1 else None


def _mac(salt: bytes, session_token: str) -> bytes:
    return hmac.digest(session_token.encode(), _CONTEXT + salt, hashlib.sha256)


def _body_of(event: Mapping[str, Any]) -> str:
    body = event.get("body")
    if not isinstance(body, str):
        return ""
    # VPC Lattice has another name for it.
    is_encoded = event.get("isBase64Encoded") or event.get("is_base64_encoded")
    return base64.b64decode(body, validate=True).decode() if is_encoded else body
