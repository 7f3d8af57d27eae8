"""Signed POST requests to one URL, over the proxies and with the certificates that any AWS client would use.

Signature Version 4 by botocore. Knows no call and reads no answer.
"""

import re
import socket
from ipaddress import ip_address
from typing import Any, Final
from urllib.parse import urlsplit

from botocore import exceptions as boto
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.httpsession import URLLib3Session
from botocore.response import StreamingBody
from botocore.session import Session
from botocore.utils import get_environ_proxies

from sojourn.backends.bounded import read_at_most
from sojourn.backends.clients import CONNECT_SECONDS, made
from sojourn.backends.faults import credentials_cause
from sojourn.backends.timed import hurry
from sojourn.errors import ConfigurationError, StoreUnavailableError
from sojourn.retry import seconds_left

MOST_BYTES: Final = 6 * 1024 * 1024
"""No function answers with more: Lambda's own limit, 6 MB."""

_READ_SECONDS: Final = 6
"""A function that starts takes its time."""

_CONNECTIONS: Final = 32
_SOCKET_OPTIONS: Final[Any] = [  # the stubs know text
    # Head and body are two packets: Nagle's algorithm would hold the second back until the first is acknowledged.
    (socket.IPPROTO_TCP, socket.TCP_NODELAY, 1),
    (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
]
_NOT_SENT: Final = (boto.ConnectTimeoutError, boto.EndpointConnectionError, boto.ProxyConnectionError)
_NO_CREDENTIALS: Final = (boto.BotoCoreError, boto.ClientError, OSError)
"""A role that cannot be assumed again, a program that is gone."""

_API_HOST: Final = re.compile(r"[a-z0-9-]+\.execute-api\.([a-z0-9-]+)\.(?:amazonaws\.com(?:\.cn)?|api\.aws)")


class SignedUrl:
    """One URL that takes signed POST requests. Credentials are the environment's, as for any AWS client."""

    def __init__(self, url: str, *, setting: str) -> None:
        """``setting`` is the variable that ``url`` comes from. Raises ``ConfigurationError``."""
        checked_url(url, setting=setting)
        session = Session()
        credentials = made(session.get_credentials)
        region = region_of(url) or session.get_config_variable("region")
        if credentials is None or region is None:
            raise ConfigurationError(f"{setting} needs AWS credentials and a region, as any AWS client does")
        self.url = url
        self._credentials = credentials
        self._region = region
        self._http = URLLib3Session(
            timeout=(CONNECT_SECONDS, _READ_SECONDS),  # type: ignore[arg-type]  # the stubs know one number
            proxies=get_environ_proxies(url),
            verify=session.get_config_variable("ca_bundle") or True,
            max_pool_connections=_CONNECTIONS,
            socket_options=_SOCKET_OPTIONS,
        )
        hurry(self._http)

    def post(self, body: bytes, *, changes: bool) -> tuple[int, bytes]:
        """Status and body of the answer, no more of it than ``MOST_BYTES`` and one. Raises ``StoreUnavailableError``.

        ``changes`` says whether the request can change anything.
        """
        if seconds_left() < CONNECT_SECONDS:
            raise StoreUnavailableError("no time is left to ask it", is_transient=True)
        request = self._signed(body)
        try:
            response = self._http.send(request.prepare())
            length: Any = response.headers.get("Content-Length")  # the stubs know a number
            content = StreamingBody(response.raw, length)
            return response.status_code, read_at_most(content, MOST_BYTES)
        except _NOT_SENT as error:
            raise StoreUnavailableError(self._said(error), is_transient=True) from error
        except (boto.HTTPClientError, boto.IncompleteReadError, boto.SSLError) as error:
            raise StoreUnavailableError(self._said(error), outcome_unknown=changes, is_transient=True) from error

    def _signed(self, body: bytes) -> AWSRequest:
        headers = {"Content-Type": "application/json"}
        request = AWSRequest("POST", self.url, data=body, headers=headers, stream_output=True)
        try:
            credentials = self._credentials.get_frozen_credentials()
        except _NO_CREDENTIALS as error:
            raise StoreUnavailableError(credentials_cause(error), is_transient=True) from error
        SigV4Auth(credentials, "execute-api", self._region).add_auth(request)
        return request

    def _said(self, error: Exception) -> str:
        return f"{type(error).__name__}: {self.url}"


def region_of(url: str) -> str | None:
    """The region of an API Gateway's own host, which is the one that its signatures name; else ``None``."""
    found = _API_HOST.fullmatch((urlsplit(url).hostname or "").lower())
    return found[1] if found else None


def checked_url(url: str, *, setting: str) -> str:
    """``url`` itself, when it is https, or http to this machine: a record on its way holds a whole session."""
    parts = urlsplit(url)
    if parts.scheme == "https" and parts.hostname:
        return url
    if parts.scheme == "http" and _is_loopback(parts.hostname or ""):
        return url
    raise ConfigurationError(f"{setting} takes an https:// URL; http:// only of this machine itself")


def _is_loopback(host: str) -> bool:
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
