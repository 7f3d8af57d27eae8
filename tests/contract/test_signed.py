"""How the records backend reaches its API: whom it trusts, what it goes through, how much it reads."""

import io
import json
import ssl
import stat
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from pathlib import Path

import boto3
import pytest
from botocore.response import StreamingBody
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from sojourn import ConfigurationError, CorruptSessionError, Settings, StoreUnavailableError, open_store
from sojourn.backend import Backend, Match, Refused
from sojourn.backends.bounded import read_at_most
from sojourn.backends.clients import dynamodb_client, s3_client
from sojourn.backends.dynamodb import DynamoBackend
from sojourn.backends.records import RecordsBackend
from sojourn.backends.s3 import ObjectStore
from sojourn.backends.signed import MOST_BYTES, region_of
from sojourn.backends.wire import json_of
from sojourn.names import bare, object_of
from tests.contract.records import LARGE, a_record, a_write_id, key, written

pytestmark = pytest.mark.usefixtures("credentials")

NOTHING = b'{"record": null}'


class Server(ThreadingHTTPServer):
    """Says ``content`` to everything, and notes what it was asked."""

    daemon_threads = True

    def __init__(self, content: bytes) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.content = content
        self.asked: list[str] = []
        self.signatures: list[str] = []

    def handle_error(self, request: object, client_address: object) -> None:
        """Clients that give up."""


class Handler(BaseHTTPRequestHandler):
    """As an API, and as a proxy that connects nowhere."""

    server: Server

    def do_POST(self) -> None:
        """An API's answer."""
        self.server.asked.append(f"POST {self.path}")
        self.server.signatures.append(self.headers["Authorization"])
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response_only(200)
        self.send_header("Content-Length", str(len(self.server.content)))
        self.end_headers()
        self.wfile.write(self.server.content)

    def do_CONNECT(self) -> None:
        """A proxy's refusal."""
        self.server.asked.append(f"CONNECT {self.path}")
        self.send_error(502)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the name it has
        """Nothing."""


@contextmanager
def serving(content: bytes = NOTHING, *, context: ssl.SSLContext | None = None) -> Iterator[Server]:
    """A server on this machine, with TLS where there is a ``context``."""
    server = Server(content)
    if context is not None:
        server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def url_of(server: Server, scheme: str = "http") -> str:
    """Where it listens."""
    return f"{scheme}://127.0.0.1:{server.server_address[1]}"


@pytest.mark.parametrize(
    "url",
    [
        "http://sessions.example",
        "http://10.0.0.7:8080",
        "http://localhost.example/",
        "http://127.0.0.1.example",
        "http://",
        "ftp://127.0.0.1",
        "sessions.example",
        "//127.0.0.1",
    ],
)
def test_no_session_travels_in_the_clear(url: str) -> None:
    """Neither to another machine nor to a name that only looks like this one."""
    with pytest.raises(ConfigurationError, match="SOJOURN_RECORDS_URL takes an https"):
        open_store(Settings(records_url=url))


@pytest.mark.parametrize("url", ["http://localhost:1", "http://[::1]:1", "http://127.1.2.3:1", "http://x.localhost:1"])
def test_this_machine_may_be_asked_in_the_clear(url: str) -> None:
    """What listens there is the developer's own."""
    open_store(Settings(records_url=url))


@pytest.mark.parametrize(
    ("url", "region"),
    [
        ("https://abc123.execute-api.eu-west-1.amazonaws.com", "eu-west-1"),
        ("https://abc123.execute-api.cn-north-1.amazonaws.com.cn/", "cn-north-1"),
        ("https://ABC123.execute-api.us-gov-west-1.amazonaws.com/prod", "us-gov-west-1"),
        ("https://abc123-vpce-0a1.execute-api.us-east-2.amazonaws.com", "us-east-2"),
        ("https://abc123.execute-api.eu-west-1.amazonaws.com.example", None),
        ("https://sessions.example", None),
        ("http://127.0.0.1:4566/_aws/execute-api/abc/$default", None),
    ],
)
def test_the_region_is_the_apis_own(url: str, region: str | None) -> None:
    """Its host says it; a domain of one's own says nothing."""
    assert region_of(url) == region


def test_a_signature_names_the_apis_region(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not that of the machine that asks, which would be refused; seen by a proxy that reads along."""
    monkeypatch.setattr("sojourn.backends.signed.checked_url", lambda url, **_: url)  # plain, so that it can be read
    with serving() as proxy:
        monkeypatch.setenv("HTTP_PROXY", url_of(proxy))
        RecordsBackend("http://abc123.execute-api.ap-south-1.amazonaws.com").load(key())
    (signature,) = proxy.signatures
    assert "/ap-south-1/execute-api/aws4_request" in signature
    assert proxy.asked == ["POST http://abc123.execute-api.ap-south-1.amazonaws.com/records"]


def test_a_proxy_is_gone_through(monkeypatch: pytest.MonkeyPatch) -> None:
    """As by any AWS client; one that does not connect is a store that is away, and nothing was sent."""
    with serving() as proxy:
        monkeypatch.setenv("HTTPS_PROXY", url_of(proxy))
        backend = RecordsBackend("https://abc123.execute-api.eu-west-1.amazonaws.com")
        with pytest.raises(StoreUnavailableError, match="ProxyConnectionError") as away:
            backend.delete(key(), match=Match(version=1))
    assert proxy.asked == ["CONNECT abc123.execute-api.eu-west-1.amazonaws.com:443"]
    assert not away.value.outcome_unknown
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    with serving() as api:
        assert RecordsBackend(url_of(api)).load(key()) is None


def certified(folder: Path) -> tuple[ssl.SSLContext, Path]:
    """What a server of 127.0.0.1 shows, and the bundle that trusts it."""
    private = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(private.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(private, hashes.SHA256())
    )
    bundle, secret = folder / "bundle.pem", folder / "key.pem"
    bundle.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    form = serialization.PrivateFormat.PKCS8
    secret.write_bytes(private.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(bundle, secret)
    return context, bundle


def test_the_bundle_decides_whom_to_trust(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """``AWS_CA_BUNDLE``, as for any AWS client: without it the same server is a stranger."""
    context, bundle = certified(tmp_path)
    with serving(context=context) as api:
        with pytest.raises(StoreUnavailableError, match="SSLError"):
            RecordsBackend(url_of(api, "https")).load(key())
        monkeypatch.setenv("AWS_CA_BUNDLE", str(bundle))
        assert RecordsBackend(url_of(api, "https")).load(key()) is None


@pytest.mark.parametrize("fate", ["os.unlink(__file__)", "open(__file__, 'w').write('#!/bin/false')"])
@pytest.mark.parametrize("way", ["the records API", "the table", "the bucket"])
def test_credentials_that_cannot_be_refreshed_are_an_unavailable_store(
    way: str, fate: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Nothing was sent, and the next try may find them. Nor are they had when a client is made."""
    program = tmp_path / "credentials"
    soon = (datetime.now(UTC) + timedelta(minutes=1)).isoformat()
    given = {"Version": 1, "AccessKeyId": "a", "SecretAccessKey": "b", "SessionToken": "c", "Expiration": soon}
    program.write_text(f"#!{sys.executable}\nimport os\n{fate}\nprint({json.dumps(given)!r})\n")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    config = tmp_path / "config"
    config.write_text(f"[default]\ncredential_process = {program}\n")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(config))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)  # it keeps what an earlier client was made with
    with serving() as api:
        backend = made_for(way, url_of(api))
        with pytest.raises(StoreUnavailableError, match=r"credentials cannot be had .*: check the profile") as away:
            backend.insert(a_record(data=LARGE))
    assert (away.value.is_transient, away.value.outcome_unknown, api.asked) == (True, False, [])
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)
    with pytest.raises(StoreUnavailableError, match="credentials cannot be had"):
        made_for(way, url_of(api))


def made_for(way: str, url: str) -> Backend:
    """A backend whose large documents take this way first."""
    if way == "the records API":
        return RecordsBackend(url)
    objects = ObjectStore(lambda: s3_client(endpoint_url=url), bucket="overflow") if way == "the bucket" else None
    return DynamoBackend(dynamodb_client(endpoint_url=url), table="sessions", objects=objects, overflow_bytes=1_000)


WRONG = {
    "no region": ({}, "specify a region"),
    "no such profile": ({"AWS_PROFILE": "nobody"}, "profile .nobody. could not be found"),
    "half a key": ({"AWS_ACCESS_KEY_ID": "a", "AWS_DEFAULT_REGION": "eu-west-1"}, "Partial credentials"),
    "no endpoint": ({"AWS_ENDPOINT_URL": "nowhere", "AWS_DEFAULT_REGION": "eu-west-1"}, "Invalid endpoint: nowhere"),
}


@pytest.mark.parametrize(("variables", "said"), WRONG.values(), ids=WRONG)
def test_a_client_that_cannot_be_made_is_a_mistake(
    variables: dict[str, str], said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Named as any other wrong setting, and no error of botocore's."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("AWS_CONFIG_FILE", "/dev/null")
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)
    with pytest.raises(ConfigurationError, match=f"no AWS client can be made: .*{said}"):
        open_store(Settings(table="sessions", bucket="overflow"))


ANOTHER = json_of(a_record(key("another")))
LISTED = json_of(a_record(key("another")), is_listed=True)
ANSWERS: dict[str, tuple[dict[str, object], Callable[[RecordsBackend], object]]] = {
    "load": ({"record": ANOTHER}, lambda backend: backend.load(key())),
    "load with a mark": ({"record": ANOTHER, "mark": None}, lambda backend: backend.load_with_mark(key(), "app#!m")),
    "document": (
        {"record": ANOTHER},
        lambda backend: backend.document(
            replace(a_record(), data=None, overflow=object_of(key(), a_write_id("first")))
        ),
    ),
    "insert": ({"refused": True, "current": ANOTHER}, lambda backend: backend.insert(a_record())),
    "replace": (
        {"refused": True, "current": ANOTHER},
        lambda backend: backend.replace(written(a_record()), seen=a_record(), now=1),
    ),
    "delete": ({"deleted": False, "current": ANOTHER}, lambda backend: backend.delete(key(), match=Match(version=1))),
    "peek": ({"records": [LISTED]}, lambda backend: backend.peek([key()])),
}


@pytest.mark.parametrize("call", ANSWERS)
def test_a_record_that_was_not_asked_for_is_refused(call: str) -> None:
    """Whatever stands between, one session is never shown as another."""
    answer, ask = ANSWERS[call]
    with serving(json.dumps(answer).encode()) as api, pytest.raises(StoreUnavailableError, match="not of this form"):
        ask(RecordsBackend(url_of(api)))


STRAY = {
    "another namespace's object": {"overflow": "other/one_________/second----------"},
    "another session's object": {"overflow": f"app/{bare(key('another'))}/second----------"},
    "an object without a name": {"overflow": f"app/{bare(key())}/"},
    "an object with a path": {"overflow": f"app/{bare(key())}/../../other/x-x"},
    "another namespace's subject": {"subject": "other#ada"},
}


@pytest.mark.parametrize("stray", STRAY.values(), ids=STRAY)
@pytest.mark.parametrize("call", ANSWERS)
def test_what_leads_away_from_the_session_is_corrupt(call: str, stray: dict[str, str]) -> None:
    """In each place where a record comes in: its object and its subject are of the session that was asked for."""
    answer, ask = ANSWERS[call]
    (member,) = {"record", "current", "records"} & answer.keys()
    listed = member == "records"
    record = {name: value for name, value in json_of(a_record(), is_listed=listed).items() if name != "data"} | stray
    content = json.dumps(answer | {member: [record] if listed else record}).encode()
    with serving(content) as api, pytest.raises(CorruptSessionError, match=bare(key())):
        ask(RecordsBackend(url_of(api)))


@pytest.mark.parametrize("overflow", [one["overflow"] for one in STRAY.values() if "overflow" in one])
@pytest.mark.parametrize("call", ["insert", "replace", "renew"])
def test_a_document_that_was_stored_elsewhere_is_corrupt(call: str, overflow: str) -> None:
    """Of a change only the place of its document comes back, and it is the session's or nothing is to be trusted."""
    seen = a_record()
    changes: dict[str, Callable[[RecordsBackend], object]] = {
        "insert": lambda backend: backend.insert(seen),
        "replace": lambda backend: backend.replace(written(seen), seen=seen, now=1),
        "renew": lambda backend: backend.renew(replace(seen, expires_at=seen.expires_at + 1), seen=seen, now=1),
    }
    with (
        serving(json.dumps({"overflow": overflow}).encode()) as api,
        pytest.raises(CorruptSessionError, match="elsewhere"),
    ):
        changes[call](RecordsBackend(url_of(api)))
    with serving(b'{"overflow": 1}') as api, pytest.raises(StoreUnavailableError, match="not of this form") as unknown:
        changes[call](RecordsBackend(url_of(api)))
    assert unknown.value.outcome_unknown


def test_a_place_of_another_namespace_is_left_out() -> None:
    """As from the table itself."""
    answer = {"positions": [[2, "other#AAAAAAAAAAAA"], [1, key()]], "after": None}
    with serving(json.dumps(answer).encode()) as api:
        page = RecordsBackend(url_of(api)).of_subject("app#ada", limit=10)
    assert [position.session_id for position in page.positions] == [key()]


def test_a_refusal_is_told_from_a_record() -> None:
    """The session itself in a refusal is what is stored."""
    answer = {"refused": True, "current": json_of(a_record())}
    with serving(json.dumps(answer).encode()) as api:
        assert RecordsBackend(url_of(api)).insert(a_record()) == Refused(a_record())


class Endless(io.RawIOBase):
    """A body that has no end, and counts what is taken from it."""

    def __init__(self) -> None:
        self.taken = 0

    def read(self, size: int = -1) -> bytes:
        """As much as is asked for."""
        assert size >= 0, "all of it"
        self.taken += size
        return b"x" * size


def test_of_an_endless_body_no_more_is_read_than_the_limit() -> None:
    """And one byte, by which the reader knows; then the connection is closed."""
    raw = Endless()
    assert read_at_most(StreamingBody(raw, None), 1_000) == b"x" * 1_001  # type: ignore[arg-type]  # unknown length
    assert (raw.taken, raw.closed) == (1_001, True)


def test_an_answer_that_no_function_gives_is_none() -> None:
    """More than Lambda lets through."""
    with serving(b"x" * (MOST_BYTES + 100)) as api, pytest.raises(StoreUnavailableError, match="more than") as away:
        RecordsBackend(url_of(api)).load(key())
    assert not away.value.is_transient


class Bucket:
    """S3's answer to whoever asks for an object."""

    def __init__(self, raw: Endless) -> None:
        self.raw = raw

    def get_object(self, **_: object) -> dict[str, StreamingBody]:
        """80 MB, say."""
        return {"Body": StreamingBody(self.raw, 80_000_000)}  # type: ignore[arg-type]  # the stubs know one class


def test_of_an_object_no_more_is_read_than_a_document_can_take() -> None:
    """What a neighbour put there is not taken into memory."""
    raw = Endless()
    objects = ObjectStore(lambda: Bucket(raw), bucket="overflow", most_bytes=1_000)  # type: ignore[arg-type, return-value]  # what is needed
    assert len(objects.get("app/x/y") or b"") < 1_200
    assert (raw.taken < 1_200, raw.closed) == (True, True)
