"""Which servers the client of the table trusts, at its first connection and at every later one."""

import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from botocore.awsrequest import AWSHTTPSConnection
from botocore.exceptions import SSLError

from devstack import roots
from sojourn.backends import timed
from sojourn.backends.clients import dynamodb_client
from tests.contract.test_signed import Server, certified, serving, url_of

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

pytestmark = pytest.mark.usefixtures("credentials")


class Table:
    """DynamoDB with TLS, and without items. ``bundle`` trusts it until it is another."""

    def __init__(self, server: Server, context: ssl.SSLContext, folder: Path) -> None:
        self.asked, self.bundle = server.asked, folder / "bundle.pem"
        self._url, self._context = url_of(server, "https"), context

    def client(self) -> "DynamoDBClient":
        """A new one, which the environment tells what to trust."""
        return dynamodb_client(endpoint_url=self._url)

    def show(self, folder: Path) -> None:
        """Present the certificate of ``folder`` to every connection from now on."""
        self._context.load_cert_chain(folder / "bundle.pem", folder / "key.pem")


def folder_of(path: Path) -> Path:
    """``path``, made, with a certificate of its own."""
    path.mkdir()
    certified(path)
    return path


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """The folder of the table's certificate."""
    return folder_of(tmp_path / "own")


@pytest.fixture
def table(own: Path) -> Iterator[Table]:
    """A server of this machine, which closes each connection behind its answer."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(own / "bundle.pem", own / "key.pem")
    with serving(b"{}", context=context) as server:
        yield Table(server, context, own)


def ask(client: "DynamoDBClient") -> bool:
    """Whether the table said that it has no such item, which is all it says."""
    return "Item" not in client.get_item(TableName="sessions", Key={"session_id": {"S": "app#AAAAAAAAAAAA"}})


def test_the_bundle_decides_whom_the_table_is_asked_of(table: Table, monkeypatch: pytest.MonkeyPatch) -> None:
    """``AWS_CA_BUNDLE`` takes the place of botocore's roots; Amazon's five admit no other. A stranger gets nothing."""
    with pytest.raises(SSLError, match="CERTIFICATE_VERIFY_FAILED"):
        ask(table.client())
    monkeypatch.setenv("AWS_CA_BUNDLE", str(roots.TARGET))
    with pytest.raises(SSLError, match="CERTIFICATE_VERIFY_FAILED"):
        ask(table.client())
    assert table.asked == []
    monkeypatch.setenv("AWS_CA_BUNDLE", str(table.bundle))
    trusting = table.client()
    monkeypatch.setenv("AWS_CA_BUNDLE", str(roots.TARGET))
    assert ask(trusting)
    assert table.asked == ["POST /"]
    with pytest.raises(SSLError, match="CERTIFICATE_VERIFY_FAILED"):
        ask(table.client())  # what one client trusts is nothing to another


def test_certificates_are_read_once_and_every_connection_is_verified(
    table: Table, own: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of one client: on the connection that it had, and on a new one after a stranger was refused."""
    monkeypatch.setenv("AWS_CA_BUNDLE", str(table.bundle))
    read: list[str] = []
    reading = ssl.SSLContext.load_verify_locations

    def noted(
        context: ssl.SSLContext, cafile: str | None = None, capath: str | None = None, cadata: str | None = None
    ) -> None:
        read.append(str(cafile))
        reading(context, cafile, capath, cadata)

    monkeypatch.setattr(ssl.SSLContext, "load_verify_locations", noted)
    client = table.client()
    assert ask(client)
    stranger = folder_of(tmp_path / "stranger")
    for _ in range(2):
        table.show(stranger)
        for _ in range(2):
            with pytest.raises(SSLError, match="CERTIFICATE_VERIFY_FAILED"):
                ask(client)
        table.show(own)
        assert ask(client)
    assert read == [str(table.bundle)]
    assert ask(table.client())  # what one client has read is not in another's context
    assert read == [str(table.bundle)] * 2
    assert table.asked == ["POST /"] * 4


@pytest.mark.parametrize("proxy", [None, "https://proxy.example"])
def test_a_connection_over_a_proxy_keeps_its_certificates(proxy: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy with TLS has a context of its own, which holds none yet; others need them once."""
    context = ssl.create_default_context()
    monkeypatch.setattr(AWSHTTPSConnection, "connect", lambda _: None)
    connections: list[Any] = [
        timed._TlsConnection("sessions.example", ssl_context=context, ca_certs="bundle.pem") for _ in range(2)
    ]
    for connection in connections:
        connection.proxy = proxy
        connection.connect()
    assert connections[0].ca_certs == "bundle.pem"
    assert connections[1].ca_certs == (None if proxy is None else "bundle.pem")
