"""Signature Version 4 of a POST request to DynamoDB, as botocore's own would be.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
"""

import hashlib
import hmac
import time
from functools import lru_cache
from typing import TYPE_CHECKING, Final
from urllib.parse import quote, urlsplit

from botocore.utils import normalize_url_path

if TYPE_CHECKING:
    from botocore.credentials import ReadOnlyCredentials

_SCHEME: Final = "AWS4-HMAC-SHA256"
_PROVEN: Final = frozenset({"Host", "Content-Type"})
_DEFAULT_PORTS: Final = {"http": 80, "https": 443}


def sign(
    headers: dict[str, str], *, url: str, body: bytes, credentials: "ReadOnlyCredentials", region: str, service: str
) -> None:
    """Add to ``headers`` what proves the request: its instant, the session's token, and the signature of both."""
    host, path = _place(url)
    instant = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
    headers["Host"], headers["X-Amz-Date"] = host, instant
    if credentials.token:
        headers["X-Amz-Security-Token"] = credentials.token
    proven = {name.lower(): value for name, value in headers.items() if name in _PROVEN or name.startswith("X-Amz-")}
    lines = [f"{name}:{' '.join(proven[name].split())}" for name in sorted(proven)]
    names = ";".join(sorted(proven))
    asked = "\n".join(("POST", path, "", *lines, "", names, hashlib.sha256(body).hexdigest()))
    scope = f"{instant[:8]}/{region}/{service}/aws4_request"
    signed = "\n".join((_SCHEME, instant, scope, hashlib.sha256(asked.encode()).hexdigest()))
    key = _key(credentials.secret_key, instant[:8], region, service)
    signature = hmac.digest(key, signed.encode(), "sha256").hex()
    headers["Authorization"] = (
        f"{_SCHEME} Credential={credentials.access_key}/{scope}, SignedHeaders={names}, Signature={signature}"
    )


@lru_cache(maxsize=2)
def _key(secret: str, *scope: str) -> bytes:
    """The same all day; half of what a signature takes."""
    key = f"AWS4{secret}".encode()
    for part in (*scope, "aws4_request"):
        key = hmac.digest(key, part.encode(), "sha256")
    return key


@lru_cache(maxsize=2)
def _place(url: str) -> tuple[str, str]:
    """Host and path as they are signed."""
    parts = urlsplit(url)
    host, port = parts.hostname or "", parts.port
    if ":" in host:
        host = f"[{host}]"
    if port is not None and port != _DEFAULT_PORTS.get(parts.scheme):
        host = f"{host}:{port}"
    return host, quote(normalize_url_path(parts.path), safe="/~")
