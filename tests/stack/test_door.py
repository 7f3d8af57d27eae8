"""No web page reaches the emulator, with the headers that browsers set and pages cannot."""

import http.client
from urllib.parse import urlsplit

import pytest

from devstack.clients import Clients
from devstack.inside.door import refused

HOST = "127.0.0.1:4566"
SHOP = "/_aws/execute-api/deadbeef/$default/"
CREATE = "/?Action=CreateUser&UserName=eve&X-Amz-Credential=test%2F20260101%2Fus-east-1%2Fiam%2Faws4_request"

FOREIGN = {
    "a fetch": {"origin": "https://evil.example", "sec-fetch-site": "cross-site"},
    "a fetch of an old browser": {"origin": "https://evil.example"},
    "a fetch of a sandboxed frame": {"origin": "null"},
    "a form": {"origin": "https://evil.example", "sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate"},
    "an image": {"sec-fetch-site": "cross-site", "sec-fetch-mode": "no-cors"},
    "a link": {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate"},
    "another server on this machine": {"origin": "http://127.0.0.1:3000", "sec-fetch-site": "same-site"},
    "a name that became this machine": {"host": "evil.example:4566"},
    "the same, as an origin": {"host": "evil.example:4566", "origin": "http://evil.example:4566"},
    "a name that begins like ours": {"host": "127.0.0.1.evil.example:4566"},
    "a name that ends like ours": {"host": "evillocalhost:4566"},
    "no name": {"host": ""},
}


@pytest.mark.parametrize("path", ["/", SHOP, CREATE])
@pytest.mark.parametrize("headers", FOREIGN.values(), ids=FOREIGN)
def test_a_foreign_page_is_refused_everywhere(headers: dict[str, str], path: str) -> None:
    """By AWS's APIs and by the developer's own alike."""
    assert refused({"host": HOST} | headers, path)


OWN = {
    "a page by its path": ({"origin": f"http://{HOST}", "sec-fetch-site": "same-origin"}, SHOP),
    "a page without a referrer": ({"origin": "null", "sec-fetch-site": "same-origin"}, SHOP),
    "a page of an old browser": ({"origin": f"http://{HOST}"}, SHOP),
    "a page by its name": (
        {"host": "deadbeef.execute-api.localhost:4566", "origin": "http://deadbeef.execute-api.localhost:4566"},
        "/cart",
    ),
}


@pytest.mark.parametrize(("headers", "path"), OWN.values(), ids=OWN)
def test_an_application_is_its_own_pages(headers: dict[str, str], path: str) -> None:
    """The shop's forms work; and the same page is refused by AWS's own APIs, whatever runs in it."""
    assert refused({"host": HOST} | headers, path) is None
    assert refused({"host": HOST} | headers | {"host": HOST}, "/")


@pytest.mark.parametrize("host", [HOST, "localhost:4566", "localhost", "[::1]:4566", "bucket.s3.localhost:4566"])
def test_programs_enter(host: str) -> None:
    """SDKs, curl and functions send none of a browser's headers; a typed address has been chosen by a person."""
    assert refused({"host": host}, "/") is None
    assert refused({"host": host, "sec-fetch-site": "none", "sec-fetch-mode": "navigate"}, "/") is None


@pytest.mark.parametrize("headers", FOREIGN.values(), ids=FOREIGN)
def test_a_foreign_page_makes_nothing(ministack: str, headers: dict[str, str]) -> None:
    """As the emulator that `make up` starts answers it: no user, and no permission to read the answer."""
    port = urlsplit(ministack).port
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    connection.putrequest("GET", CREATE, skip_host=True)
    for name, value in ({"host": f"127.0.0.1:{port}"} | headers).items():
        connection.putheader(name, value)
    connection.endheaders()
    answer = connection.getresponse()
    assert answer.status in (400, 403)  # 400 is the server's own, for no name at all
    assert not answer.headers.get("access-control-allow-origin")
    connection.close()
    assert [user["UserName"] for user in Clients(ministack).iam.list_users()["Users"]] == []


def test_a_preflight_is_refused(ministack: str) -> None:
    """So no page may send what takes one."""
    port = urlsplit(ministack).port
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    headers = {"Origin": "https://evil.example", "Access-Control-Request-Method": "PUT"}
    connection.request("OPTIONS", "/bucket", headers=headers)
    answer = connection.getresponse()
    assert (answer.status, answer.headers.get("access-control-allow-origin")) == (403, None)
    connection.close()


def test_the_attack_works_where_there_is_no_door(ministack: str) -> None:
    """What a page would send makes a user when a program sends it, so the cases above prove something."""
    port = urlsplit(ministack).port
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    connection.request("GET", CREATE)
    assert connection.getresponse().status == 200
    connection.close()
    Clients(ministack).iam.delete_user(UserName="eve")
