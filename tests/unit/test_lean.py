"""A client of DynamoDB that reads little is the client that botocore makes of everything."""

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import botocore
import pytest
from botocore import exceptions as boto
from botocore import handlers
from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.compat import HTTPHeaders
from botocore.session import Session as BotocoreSession

from sojourn import Settings
from sojourn.backends import clients, lean
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


def test_a_rehearsal_sends_nothing_and_remembers_nothing(caplog: pytest.LogCaptureFixture) -> None:
    """Its answers are made up, and no event. The first real read asks for the mark that it knows nothing of."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.setblocking(False)
        settings = Settings(table="sessions", endpoint_url=f"http://127.0.0.1:{server.getsockname()[1]}")
        backend = dynamo_backend(settings, table="sessions")
        store, asked = Store(backend, settings), list[str]()
        events = backend._table._client.meta.events
        events.register("provide-client-params.dynamodb", lambda model, **_: asked.append(model.name))
        assert rehearsed(store) is store
        assert asked == ["BatchGetItem"]
        assert [record for record in caplog.records if record.name == "sojourn.events"] == []
        with backend.rehearsing():
            assert store.read(mint()) is None
            assert store.read(mint()) is None
        assert asked == ["BatchGetItem", "BatchGetItem", "GetItem"]
        with pytest.raises(BlockingIOError):
            server.accept()


def test_a_rehearsal_without_credentials_is_no_error(environment: pytest.MonkeyPatch) -> None:
    """The first call says so."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        environment.delenv(name)
    environment.setenv("AWS_EC2_METADATA_DISABLED", "true")
    environment.setenv("AWS_SHARED_CREDENTIALS_FILE", os.devnull)
    environment.setenv("AWS_CONFIG_FILE", os.devnull)
    settings = Settings(table="sessions")
    rehearsed(Store(dynamo_backend(settings, table="sessions"), settings))
