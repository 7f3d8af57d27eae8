"""A client of DynamoDB that reads little is the client that botocore makes of everything."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import botocore
import pytest
from botocore import exceptions as boto
from botocore import handlers
from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.compat import HTTPHeaders
from botocore.session import Session as BotocoreSession

from sojourn import Settings
from sojourn.backends import clients, lean
from sojourn.backends.dynamodb import DynamoBackend
from sojourn.errors import StoreUnavailableError
from sojourn.factory import dynamo_backend, rehearsed
from sojourn.store import Store
from sojourn.tokens import mint

REGIONS = (
    *("us-east-1", "eu-central-1", "il-central-1", "cn-north-1", "us-gov-west-1"),
    *("us-iso-east-1", "us-isob-east-1", "eusc-de-east-1", "mx-unheard-of-9"),
)


@pytest.fixture(autouse=True)
def environment() -> Iterator[pytest.MonkeyPatch]:
    """Of a function."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("AWS_DATA_PATH", "AWS_PROFILE", "AWS_REGION", "AWS_USE_FIPS_ENDPOINT"):
            patch.delenv(name, raising=False)
        patch.setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
        patch.setenv("AWS_SESSION_TOKEN", "token")
        patch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
        yield patch


def sent(client: Any) -> tuple[str, dict[str, Any]]:
    """Where a client sends a request to, and what it says there; its instant and its number apart."""
    requests: list[AWSPreparedRequest] = []

    class Body:
        def stream(self) -> Iterator[bytes]:
            yield b"{}"

    def answer(request: AWSPreparedRequest, **_: object) -> AWSResponse:
        requests.append(request)
        return AWSResponse(request.url, 200, HTTPHeaders(), Body())

    client.meta.events.register("before-send.dynamodb", answer)
    client.get_item(TableName="sessions", Key={"session_id": {"S": "a"}})
    (request,) = requests
    told = {
        name: value for name, value in request.headers.items() if name not in ("X-Amz-Date", "amz-sdk-invocation-id")
    }
    told["Authorization"] = str(told["Authorization"]).partition("Signature=")[0]
    return request.url, {**told, "body": request.body}


@pytest.mark.parametrize("region", REGIONS)
def test_its_requests_are_those_of_any_client(environment: pytest.MonkeyPatch, region: str) -> None:
    """Address, signature's scope, headers and body, in every partition."""
    environment.setenv("AWS_DEFAULT_REGION", region)
    full = BotocoreSession().create_client("dynamodb", config=clients._CONFIG)
    light = lean.lean_session().create_client("dynamodb", config=clients._CONFIG)
    assert sent(light) == sent(full)


def test_a_fips_endpoint_is_botocores_own_to_find(environment: pytest.MonkeyPatch) -> None:
    """It is in the data that is not read."""
    environment.setenv("AWS_USE_FIPS_ENDPOINT", "true")
    environment.setenv("AWS_DEFAULT_REGION", "us-east-1")
    assert sent(clients.client_of("dynamodb"))[0] == "https://dynamodb-fips.us-east-1.amazonaws.com/"


@pytest.mark.parametrize(
    ("owner", "name"),
    [(handlers, "BUILTIN_HANDLERS"), (BotocoreSession, "register_component"), (BotocoreSession, "get_config_variable")],
)
def test_a_botocore_of_other_insides_makes_the_client_as_it_does(
    environment: pytest.MonkeyPatch, owner: Any, name: str
) -> None:
    """What is taken of it may be gone in the next version."""
    calls: list[str] = []
    make = BotocoreSession.__init__

    def counted(self: BotocoreSession, *arguments: Any, **options: Any) -> None:
        calls.append(name)
        if len(calls) == 2:
            broken.undo()  # what botocore's own session needs is in its place
        make(self, *arguments, **options)

    with pytest.MonkeyPatch.context() as broken:
        environment.setattr(BotocoreSession, "__init__", counted)
        broken.delattr(owner, name)
        client = clients.client_of("dynamodb")
    assert sent(client)[0] == "https://dynamodb.eu-central-1.amazonaws.com/"
    assert len(calls) == 2


def test_no_region_is_the_error_that_it_always_was(environment: pytest.MonkeyPatch) -> None:
    """Not one of the way that was tried first."""
    environment.delenv("AWS_DEFAULT_REGION")
    environment.setenv("AWS_CONFIG_FILE", os.devnull)
    with pytest.raises(boto.NoRegionError):
        clients.client_of("dynamodb")


READING = """
import json, sys
seen = []
sys.addaudithook(lambda event, arguments: seen.append(str(arguments[0])) if event in ("open", "os.listdir") else None)
from sojourn import Settings
from sojourn.errors import StoreUnavailableError
from sojourn.factory import dynamo_backend
dynamo_backend(Settings(table="sessions", bucket="overflow"), table="sessions")
data = sys.argv[1]
print(json.dumps([name[len(data) + 1:] for name in seen if name.startswith(data)]))
"""


def test_of_botocores_data_only_dynamodb_is_read() -> None:
    """No service is listed, no megabyte of endpoints read, and S3 waits until a document needs it."""
    data = str(Path(botocore.__file__).parent / "data")
    run = subprocess.run([sys.executable, "-c", READING, data], capture_output=True, text=True, check=True)
    read = set(json.loads(run.stdout))
    assert {name for name in read if not name.startswith("dynamodb")} == {
        "partitions.json",
        "sdk-default-configuration.json",  # of four kilobytes
    }
    assert any(name.endswith(("service-2.json.gz", "service-2.json")) for name in read)


class Listening(BaseHTTPRequestHandler):
    """Answers every request, and keeps a list of them."""

    protocol_version = "HTTP/1.1"
    asked: ClassVar[list[tuple[int, str, list[str]]]] = []

    def do_GET(self) -> None:
        """The service's answer."""
        Listening.asked.append((self.client_address[1], self.requestline, sorted(map(str.lower, self.headers))))
        self.send_response_only(200)
        self.send_header("Content-Length", "7")
        self.end_headers()
        self.wfile.write(b"healthy")

    def do_POST(self) -> None:
        """A missing item."""
        self.rfile.read(int(self.headers["Content-Length"]))
        Listening.asked.append((self.client_address[1], self.headers["X-Amz-Target"], []))
        self.send_response_only(200)
        self.send_header("Content-Length", "17")
        self.end_headers()
        self.wfile.write(b'{"Responses": {}}')

    def log_message(self, *_: object) -> None:
        """Nothing."""


@pytest.fixture
def endpoint() -> Iterator[str]:
    """Of a service that is well."""
    Listening.asked.clear()
    with ThreadingHTTPServer(("127.0.0.1", 0), Listening) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_a_rehearsal_sends_and_remembers_nothing(endpoint: str, caplog: pytest.LogCaptureFixture) -> None:
    """Its answers are made up, and no event. The first real read asks for the mark that it knows nothing of."""
    settings = Settings(table="sessions", endpoint_url=endpoint)
    backend = dynamo_backend(settings, table="sessions")
    store, asked = Store(backend, settings), list[str]()
    events = backend._table._client.meta.events
    events.register("provide-client-params.dynamodb", lambda model, **_: asked.append(model.name))
    assert rehearsed(store) is store
    assert asked == ["PutItem", "BatchGetItem", "UpdateItem"]
    asked.clear()
    assert [record for record in caplog.records if record.name == "sojourn.events"] == []
    with backend.rehearsing():
        assert store.read(mint()) is None
        assert store.read(mint()) is None
    assert asked == ["BatchGetItem", "GetItem"]
    assert [line for _, line, _ in Listening.asked] == ["GET / HTTP/1.1"] * 2


def test_it_ends_with_a_connection_that_the_first_request_takes(endpoint: str) -> None:
    """Which is opened by a question that has no signature, and names no table."""
    settings = Settings(table="sessions", endpoint_url=endpoint)
    store = rehearsed(Store(dynamo_backend(settings, table="sessions"), settings))
    assert store.not_before() == 0
    (port, line, headers), (used, target, _) = Listening.asked
    assert (line, target) == ("GET / HTTP/1.1", "DynamoDB_20120810.GetItem")
    assert headers == ["accept-encoding", "host", "user-agent"]
    assert used == port


def test_what_other_threads_ask_meanwhile_is_sent(endpoint: str) -> None:
    """A server's threads share a store: none may be answered with what is made up."""
    settings = Settings(table="sessions", endpoint_url=endpoint)
    store = Store(dynamo_backend(settings, table="sessions"), settings)

    def rehearse(twin: Store) -> None:
        token = twin.create({}).token
        other = threading.Thread(target=lambda: found.append(twin.read(token)))
        other.start()
        other.join()
        found.append(twin.read(token))

    found: list[object] = []
    rehearsed(store, rehearse)
    assert found[0] is None
    assert found[1] is not None
    assert [line for _, line, _ in Listening.asked] == ["DynamoDB_20120810.BatchGetItem", "GET / HTTP/1.1"]


def test_a_rehearsal_that_has_ended_answers_nothing(endpoint: str) -> None:
    """Botocore's cache may hold its handler for good, where another thread filled it at that moment."""
    settings = Settings(table="sessions", endpoint_url=endpoint)
    store = Store(dynamo_backend(settings, table="sessions"), settings)
    handlers: list[Any] = []

    def keep(twin: Store) -> None:
        backend = twin.resources.backend
        assert isinstance(backend, DynamoBackend)
        events = backend._table._client.meta.events
        handlers.extend(events._emitter._handlers.prefix_search("before-send.dynamodb.PutItem"))  # type: ignore[attr-defined]
        twin.create({})

    rehearsed(store, keep)
    (ours,) = [handler for handler in handlers if "rehearsal" in handler.__module__]
    request = AWSPreparedRequest("POST", endpoint, {"X-Amz-Target": "a.PutItem"}, b"{}", stream_output=False)  # type: ignore[arg-type]
    assert ours(request=request) is None


def test_nothing_goes_into_the_bucket(endpoint: str) -> None:
    """However small a document has to be."""
    settings = Settings(table="sessions", bucket="overflow", overflow_bytes=1, endpoint_url=endpoint)
    found: list[object] = []
    store = Store(dynamo_backend(settings, table="sessions"), settings)
    rehearsed(store, lambda twin: found.append(twin.create({"cart": "x" * 9000}).id))
    assert len(found) == 1
    assert [line for _, line, _ in Listening.asked] == ["GET / HTTP/1.1"]


def test_an_endpoint_that_is_not_there_is_no_error_yet() -> None:
    """The first request says so."""
    settings = Settings(table="sessions", endpoint_url="http://127.0.0.1:1")
    store = rehearsed(Store(dynamo_backend(settings, table="sessions"), settings))
    with pytest.raises(StoreUnavailableError, match="EndpointConnectionError"):
        store.not_before()


def test_what_is_created_in_a_rehearsal_is_found_there(endpoint: str) -> None:
    """And nowhere else: a whole life goes by without a request."""
    settings = Settings(table="sessions", endpoint_url=endpoint)
    lived: list[object] = []

    def live(store: Store) -> None:
        session = store.read(store.create({"cart": 1}).token)
        assert session is not None
        session["cart"] = 2
        store.write(session)
        store.rotate(session)
        store.login(session, subject="ann")
        lived.extend([dict(session), list(store.sessions(subject="ann")), store.expire(session)])

    rehearsed(Store(dynamo_backend(settings, table="sessions"), settings), live)
    assert lived[:2] == [{"cart": 2}, []]
    assert [line for _, line, _ in Listening.asked] == ["GET / HTTP/1.1"]


def test_a_rehearsal_without_credentials_is_no_error(environment: pytest.MonkeyPatch) -> None:
    """The first call says so."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        environment.delenv(name)
    environment.setenv("AWS_EC2_METADATA_DISABLED", "true")
    environment.setenv("AWS_SHARED_CREDENTIALS_FILE", os.devnull)
    environment.setenv("AWS_CONFIG_FILE", os.devnull)
    settings = Settings(table="sessions")
    rehearsed(Store(dynamo_backend(settings, table="sessions"), settings))
