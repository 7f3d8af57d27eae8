"""Requests that end in time: urllib3 bounds each wait for bytes, and nothing bounds how many there are.

A service that sends a byte a second would hold a call for as long as it likes, and one that is begun just before the
deadline would be waited for as patiently as any.
"""

import io
import socket
import time
from http.client import HTTPResponse
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from botocore.awsrequest import (
    AWSHTTPConnection,
    AWSHTTPConnectionPool,
    AWSHTTPSConnection,
    AWSHTTPSConnectionPool,
)
from botocore.httpsession import URLLib3Session

from sojourn.retry import seconds_left

if TYPE_CHECKING:
    from botocore.client import BaseClient

_LEAST_SECONDS = 0.001
"""None at all would mean not to wait, which is another mode of a socket."""


def read_in_time(client: "BaseClient") -> URLLib3Session:
    """Let ``client`` connect, send and read, from the first byte to the last, within its timeouts and the deadline.

    Returns what it sends through.
    """
    session: URLLib3Session = client._endpoint.http_session  # type: ignore[attr-defined]  # noqa: SLF001
    hurry(session)
    return session


def hurry(session: URLLib3Session) -> None:
    """The same for whatever is sent through ``session``."""
    # botocore has no public way to a connection class of one's own; this dictionary is where a session looks.
    session._pool_classes_by_scheme.update(http=_Pool, https=_TlsPool)  # type: ignore[attr-defined]  # noqa: SLF001


_READ: WeakKeyDictionary[Any, str] = WeakKeyDictionary()
"""Which file of certificates each TLS context holds."""


class _Reader(io.RawIOBase):
    def __init__(self, sock: socket.socket) -> None:
        self._socket = sock
        self._bytes = sock.makefile("rb", buffering=0)
        self._until = time.monotonic() + min(sock.gettimeout() or seconds_left(), seconds_left())

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any, /) -> int | None:
        left = self._until - time.monotonic()
        if left <= 0:
            raise TimeoutError
        self._socket.settimeout(left)
        return self._bytes.readinto(buffer)

    def close(self) -> None:
        self._bytes.close()
        super().close()


class _Response(HTTPResponse):
    def __init__(self, sock: socket.socket, *args: Any, **options: Any) -> None:
        super().__init__(sock, *args, **options)
        self.fp.close()
        self.fp = io.BufferedReader(_Reader(sock))


class _Connection(AWSHTTPConnection):
    response_class = _Response  # type: ignore[assignment]  # stubs know one class

    def connect(self) -> None:
        _hurry(self)
        super().connect()

    def request(self, *arguments: Any, **options: Any) -> None:  # type: ignore[override]  # whatever it takes
        _hurry(self)
        super().request(*arguments, **options)


class _TlsConnection(AWSHTTPSConnection):
    response_class = _Response  # type: ignore[assignment]  # stubs know one class

    def connect(self) -> None:
        _hurry(self)
        # urllib3 would read the certificates again for each connection: that alone takes as long as a hundred requests.
        # A proxy with TLS of its own has a context of its own, and needs them.
        named = self.ca_certs
        if named is not None and self.proxy is None and _READ.get(self.ssl_context) == named:
            self.ca_certs = None
        super().connect()
        if named is not None:
            _READ[self.ssl_context] = named

    def request(self, *arguments: Any, **options: Any) -> None:  # type: ignore[override]  # whatever it takes
        _hurry(self)
        super().request(*arguments, **options)


def _hurry(connection: AWSHTTPConnection | AWSHTTPSConnection) -> None:
    """Connect and send within the deadline; urllib3 sets the timeout anew for each request."""
    connection.timeout = min(connection.timeout or seconds_left(), max(seconds_left(), _LEAST_SECONDS))


class _Pool(AWSHTTPConnectionPool):
    ConnectionCls = _Connection


class _TlsPool(AWSHTTPSConnectionPool):
    ConnectionCls = _TlsConnection
