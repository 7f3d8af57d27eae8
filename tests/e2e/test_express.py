"""A real Express application with clients/express, over the deployed API, and what connect-dynamodb left for it."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from devstack.clients import Clients
from devstack.signing import call
from devstack.stack import Stack
from tests.support.express.node import Visitor, express, needs_express
from tests.support.rails.browser import meanwhile

pytestmark = needs_express

TABLE = "express-sessions"


@pytest.fixture(scope="module")
def settings(stack: Stack) -> Iterator[dict[str, str]]:
    """With credentials whose signatures are judged, and that may call the API and the older store's table alone."""
    clients = Clients(stack.endpoint_url)
    actions = ["execute-api:Invoke", *(f"dynamodb:{verb}Item" for verb in ("Get", "Put", "Delete"))]
    statement = {"Effect": "Allow", "Action": [*actions, "dynamodb:DescribeTable"], "Resource": "*"}
    clients.iam.create_user(UserName="express")
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    clients.iam.put_user_policy(UserName="express", PolicyName="call", PolicyDocument=policy)
    key = clients.iam.create_access_key(UserName="express")["AccessKey"]
    clients.dynamodb.create_table(
        TableName=TABLE,
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        BillingMode="PAY_PER_REQUEST",
    )
    yield {
        "AWS_ACCESS_KEY_ID": key["AccessKeyId"],
        "AWS_SECRET_ACCESS_KEY": key["SecretAccessKey"],
        "AWS_REGION": stack.region,
        "SOJOURN_API_URL": stack.api_url,
        "FORMER_TABLE": TABLE,
        "FORMER_ENDPOINT": stack.endpoint_url,
    }
    clients.dynamodb.delete_table(TableName=TABLE)
    clients.iam.delete_access_key(UserName="express", AccessKeyId=key["AccessKeyId"])
    clients.iam.delete_user_policy(UserName="express", PolicyName="call")
    clients.iam.delete_user(UserName="express")


@pytest.fixture(scope="module")
def port(settings: dict[str, str]) -> Iterator[int]:
    """Of an application over the API, with an older store."""
    with express(settings) as browser:
        yield browser.port


@pytest.fixture
def browser(port: int) -> Visitor:
    """With an empty jar."""
    return Visitor(port)


def devices(stack: Stack, subject: str) -> list[str]:
    """The ids of the sessions of a subject."""
    return [one["id"] for one in call(stack, "GET", f"/sessions?subject={subject}").json()["sessions"]]


def test_a_visit_a_login_two_tabs_and_a_logout(browser: Visitor, stack: Stack, tmp_path: Path) -> None:
    """A session's whole life, over signed calls."""
    browser.get("/put/a/1")
    anonymous = browser.twin()
    browser.post("/put/user/ex-ada")
    assert (browser.token[4:16], devices(stack, "ex-ada")) == (anonymous.token[4:16], [anonymous.token[4:16]])
    slower = anonymous.twin()
    assert (slower.post("/put/b/2"), slower.last, anonymous.shows()) == (409, [], {})
    (tabs := tmp_path / "tabs").mkdir()
    meanwhile(browser, tabs, lambda tab: (tab.get("/put/b/2"), tab.get("/drop/a")))
    assert browser.shows() == {"user": "ex-ada", "b": "2", "late": "me"}
    (logout := tmp_path / "logout").mkdir()
    assert meanwhile(browser, logout, lambda tab: tab.post("/logout"), method="POST")[0] == 200
    assert (browser.last, browser.shows(), devices(stack, "ex-ada")) == ([], {}, [])


def test_credentials_that_are_refused_are_no_empty_session(settings: dict[str, str]) -> None:
    """503, and no cookie."""
    with express({**settings, "AWS_SECRET_ACCESS_KEY": "wrong"}) as browser:
        assert (browser.get("/put/a/1")[0], browser.last) == (503, [])


@pytest.fixture(scope="module")
def former(settings: dict[str, str]) -> Iterator[int]:
    """Of an application over connect-dynamodb alone."""
    with express({**settings, "FORMER_ALONE": "1"}) as browser:
        yield browser.port


def test_a_session_of_connect_dynamodb_moves_in_once(former: int, port: int, stack: Stack) -> None:
    """Under its old cookie, which opens nothing afterwards; nobody is logged out."""
    older = Visitor(former)
    older.get("/put/user/ex-moved")
    older.get("/put/a/1")
    moved = Visitor(port, dict(older.jar))
    assert moved.get("/breaks")[0] == 500
    assert (moved.last, older.shows()) == ([], {"user": "ex-moved", "a": "1"})
    late = moved.twin()
    assert moved.shows() == {"user": "ex-moved", "a": "1"}
    assert (moved.token[:4], devices(stack, "ex-moved"), older.shows()) == ("sjn_", [moved.token[4:16]], {})
    assert (late.post("/put/b/2"), late.last, late.shows()) == (409, [], {})
    assert (moved.post("/put/b/2"), moved.shows()) == (200, {"user": "ex-moved", "a": "1", "b": "2"})
    assert (late.post("/logout"), moved.shows(), devices(stack, "ex-moved")) == (200, {}, [])


def test_a_logout_and_a_login_reach_the_older_store(former: int, port: int, stack: Stack) -> None:
    """Also of a session that has not moved in yet."""
    leaving, returning = Visitor(former), Visitor(former)
    for visitor in (leaving, returning):
        visitor.get("/put/user/ex-old")
    moved = Visitor(port, dict(leaving.jar))
    assert (moved.post("/logout"), moved.jar, leaving.shows()) == (200, {}, {})
    moved = Visitor(port, dict(returning.jar))
    assert moved.post("/login/ex-new") == 200
    assert (moved.shows(), returning.shows()) == ({"user": "ex-new"}, {})
    assert (devices(stack, "ex-old"), devices(stack, "ex-new")) == ([], [moved.token[4:16]])
