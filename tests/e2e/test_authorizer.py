"""The example of examples/authorizer, deployed as its page says, on each kind of API."""

import base64
import json
import os
import socket
import urllib.request
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.error import HTTPError
from urllib.parse import urlsplit

import pytest

from devstack.clients import Clients
from devstack.deployment import run_sam
from devstack.layout import ROOT
from devstack.signing import call
from devstack.stack import Stack

if TYPE_CHECKING:
    from devstack.layout import Layout

EXAMPLE = ROOT / "examples/authorizer"
NAME = "sojourn-authorizer-example"


@dataclass(frozen=True)
class Urls:
    """Of the example's three APIs, in forms that need no name resolved."""

    http: str
    rest: str
    socket: str


@pytest.fixture(scope="module")
def urls(stack: Stack, layout: "Layout") -> Urls:
    """The example, deployed beside the stack through its SSM parameter alone."""
    built = (layout.local / "authorizer-build").resolve()
    config = ("--config-env=local", f"--config-file={EXAMPLE / 'samconfig.toml'}")
    run_sam(layout, "build", *config, f"--template-file={EXAMPLE / 'template.yaml'}", f"--build-dir={built}")
    run_sam(layout, "deploy", *config, f"--template-file={built / 'template.yaml'}")
    described = Clients(stack.endpoint_url).cloudformation.describe_stacks(StackName=NAME)["Stacks"][0]
    outputs = {output["OutputKey"]: output["OutputValue"] for output in described["Outputs"]}
    ids = {name: urlsplit(url).netloc.partition(".")[0] for name, url in outputs.items()}
    return Urls(
        f"{stack.endpoint_url}/_aws/execute-api/{ids['HttpUrl']}/$default/orders",
        f"{stack.endpoint_url}/restapis/{ids['RestUrl']}/live/_user_request_/invoices",
        f"{stack.endpoint_url}/_aws/execute-api/{ids['SocketUrl']}/live",
    )


def get(url: str, **headers: str) -> tuple[int, str]:
    """The status and the body."""
    try:
        with urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=30) as answer:  # noqa: S310
            return answer.status, answer.read().decode()
    except HTTPError as refusal:
        with refusal:
            return refusal.code, refusal.read().decode()


def opened(url: str, **headers: str) -> int:
    """The status of a WebSocket's handshake (RFC 6455)."""
    place = urlsplit(url)
    upgrade = {"Host": place.netloc, "Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13"}
    lines = {**upgrade, "Sec-WebSocket-Key": base64.b64encode(os.urandom(16)).decode(), **headers}
    with socket.create_connection((place.hostname or "", place.port or 80), timeout=30) as line:
        head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
        line.sendall(f"GET {place.path} HTTP/1.1\r\n{head}\r\n".encode())
        return int(line.makefile("rb").readline().split()[1])


def session(stack: Stack, **fields: Any) -> dict[str, Any]:  # noqa: ANN401  # JSON
    """A new one."""
    created: dict[str, Any] = call(stack, "POST", "/sessions", body={"data": {}, **fields}).json()
    return created


def test_one_session_opens_all_three(stack: Stack, urls: Urls) -> None:
    """By its cookie, or as a bearer; each function is told whose it is, and none imports anything."""
    ada = session(stack, subject="ada")
    for carried in ({"Cookie": f"__Host-session={ada['token']}"}, {"Authorization": f"Bearer {ada['token']}"}):
        status, body = get(urls.http, **carried)
        assert (status, json.loads(body)) == (
            200,
            {"orders_of": "ada", "session": ada["id"], "until": ada["expires_at"]},
        )
        assert get(urls.rest, **carried) == (200, f"invoices of ada, until {ada['expires_at']}")
        assert opened(urls.socket, **carried) == 101
    visitor = {"Cookie": f"__Host-session={session(stack)['token']}"}
    assert get(urls.rest, **visitor)[0] == 200
    assert opened(urls.socket, **visitor) != 101  # the function is told that it has no subject


def test_without_a_session_nothing_opens_and_a_logout_holds_at_once(stack: Stack, urls: Urls) -> None:
    """Nothing is kept of a verdict, as the template has it."""
    ada = session(stack, subject="ada")
    carried = {"Cookie": f"__Host-session={ada['token']}"}
    assert get(urls.http, **carried)[0] == 200
    assert call(stack, "DELETE", "/session", headers={"session-token": ada["token"]}).status == 204
    for headers in (carried, {}):
        assert (get(urls.http, **headers)[0], get(urls.rest, **headers)[0]) == (403, 401)
        assert opened(urls.socket, **headers) == 403


def test_an_outage_is_no_denial(stack: Stack, urls: Urls) -> None:
    """A damaged item stands for whatever fails: 500, which no client takes for a logout."""
    ada = session(stack, subject="ada")
    Clients(stack.endpoint_url).dynamodb.update_item(
        TableName=stack.table,
        Key={"session_id": {"S": f"default#{ada['id']}"}},
        UpdateExpression="SET idle = :text",
        ExpressionAttributeValues={":text": {"S": "damaged"}},
    )
    carried = {"Cookie": f"__Host-session={ada['token']}"}
    assert (get(urls.http, **carried)[0], get(urls.rest, **carried)[0]) == (500, 500)
    assert opened(urls.socket, **carried) == 500
