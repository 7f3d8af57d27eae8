"""A real Rails application with clients/rails/dynamo_store.rb, on a server, over the deployed API."""

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from devstack.clients import Clients
from devstack.layout import free_port
from devstack.signing import call
from devstack.stack import Stack
from tests.support.rails.browser import Browser, application, meanwhile
from tests.support.rails.logins import Devices, Logins
from tests.support.rails.ruby import needs_rails

pytestmark = needs_rails


Start = Callable[[dict[str, str]], Browser]


@pytest.fixture(scope="module")
def caller(stack: Stack) -> Iterator[dict[str, str]]:
    """Credentials whose signatures are judged, and that may call the API and nothing else."""
    iam = Clients(stack.endpoint_url).iam
    statement = {"Effect": "Allow", "Action": "execute-api:Invoke", "Resource": "*"}
    iam.create_user(UserName="rails")
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    iam.put_user_policy(UserName="rails", PolicyName="call", PolicyDocument=policy)
    key = iam.create_access_key(UserName="rails")["AccessKey"]
    yield {"AWS_ACCESS_KEY_ID": key["AccessKeyId"], "AWS_SECRET_ACCESS_KEY": key["SecretAccessKey"]}
    iam.delete_access_key(UserName="rails", AccessKeyId=key["AccessKeyId"])
    iam.delete_user_policy(UserName="rails", PolicyName="call")
    iam.delete_user(UserName="rails")


@pytest.fixture(scope="module")
def start(stack: Stack, caller: dict[str, str]) -> Iterator[Start]:
    """Starts the application with further variables in its environment."""
    with ExitStack() as started:

        def start(others: dict[str, str]) -> Browser:
            settings = {"AWS_REGION": stack.region, "SOJOURN_API_URL": stack.api_url}
            return started.enter_context(application({**caller, **settings, **others}))

        yield start


@pytest.fixture(scope="module")
def port(start: Start) -> int:
    """Of the application that most tests share."""
    return start({}).port


@pytest.fixture
def browser(port: int) -> Browser:
    """With an empty jar."""
    return Browser(port)


@pytest.fixture
def devices(stack: Stack) -> Devices:
    """Asks the API."""

    def found(subject: str) -> list[str]:
        return [session["id"] for session in call(stack, "GET", f"/sessions?subject={subject}").json()["sessions"]]

    return found


class TestLogins(Logins):
    """Against the deployed stack, whose superseded tokens are so for ten seconds."""


def test_a_session_is_stored_when_something_is_put_in(browser: Browser, stack: Stack) -> None:
    """Under a cookie as strict as the other adapters'; who only looks leaves nothing."""
    assert (browser.shows(), browser.jar) == ({}, {})
    assert browser.get("/static") == (200, "no session needed")
    assert browser.get("/put/a/1") == (200, "done")
    (cookie,) = browser.last
    name, _, rest = cookie.partition("=")
    assert name == "__Host-session"
    assert {part.lower() for part in rest.split("; ")[1:]} == {"path=/", "secure", "httponly", "samesite=lax"}
    token = browser.jar[name]
    assert call(stack, "GET", "/session", headers={"session-token": token}).json()["data"] == {"a": "1"}
    assert browser.shows() == {"a": "1"}
    assert browser.last == []
    browser.get("/put/b/2")
    browser.get("/drop/a")
    assert (browser.shows(), browser.jar[name]) == ({"b": "2"}, token)
    assert browser.get("/sid") == (200, token)


def test_what_did_not_change_is_not_written(browser: Browser, stack: Stack) -> None:
    """A page that only looks is a read."""
    browser.get("/put/a/1")
    headers = {"session-token": browser.jar["__Host-session"]}
    for _ in range(3):
        browser.shows()
        browser.get("/put/a/1")
    assert call(stack, "GET", "/session", headers=headers).json()["version"] == 1


def test_values_come_back_as_json_has_them(browser: Browser, stack: Stack) -> None:
    """Also what looks like a tag; and what another language put in stays what it is."""
    browser.get("/many")
    assert browser.shows()["many"] == {"at": "1970-01-01T00:00:00.000Z", "sym": ["a", None, 1.5], "$x": {"$y": 1}}
    token = {"session-token": browser.jar["__Host-session"]}
    patch = {"data": {"when": {"$date": "2030-01-01"}}}
    merge = {"content-type": "application/merge-patch+json"}
    assert call(stack, "PATCH", "/session", headers=token | merge, body=patch).status == 200
    browser.get("/put/a/1")
    data = call(stack, "GET", "/session", headers=token).json()["data"]
    assert (data["when"], data["a"]) == ({"$date": "2030-01-01"}, "1")


def test_rails_own_keys_work(browser: Browser) -> None:
    """Flash messages are shown once; forms keep their token."""
    browser.get("/flash_it")
    assert browser.get("/flashed")[1] == "saved"
    assert browser.get("/flashed")[1] == ""
    assert browser.get("/token")[1] != ""
    assert "_csrf_token" in browser.shows()


def test_a_login_has_a_new_token_and_is_known(browser: Browser, devices: Devices) -> None:
    """And a logout ends it, for every copy of the cookie."""
    browser.get("/put/a/1")
    anonymous = browser.twin()
    browser.get("/login/rail-ada")
    assert browser.jar != anonymous.jar
    assert anonymous.shows() == {}
    assert browser.shows() == {"user": "rail-ada"}
    assert len(devices("rail-ada")) == 1
    before = browser.twin()
    browser.get("/logout")
    assert "secure" in browser.last[0].lower()
    assert (browser.jar, before.shows(), devices("rail-ada")) == ({}, {}, [])


def test_a_renewed_session_has_a_new_token_and_everything_else(browser: Browser) -> None:
    """``request.session_options[:renew]``, as Devise does it at login."""
    browser.get("/put/a/1")
    before = browser.twin()
    browser.get("/renew")
    assert browser.jar != before.jar
    assert (browser.shows(), before.shows()) == ({"a": "1"}, {})


@pytest.mark.parametrize(
    "forged", ["junk", "sjn_" + "A" * 36, "sjn_" + "A" * 43, "A" * 40, "2::" + "a" * 64, "x" * 3_000]
)
def test_a_cookie_that_we_did_not_give_is_not_adopted(browser: Browser, forged: str) -> None:
    """What begins under it has a token of its own."""
    browser.jar["__Host-session"] = forged
    assert browser.shows() == {}
    browser.get("/put/a/1")
    assert browser.jar["__Host-session"] != forged
    assert browser.shows() == {"a": "1"}


def test_two_tabs_lose_nothing(browser: Browser, tmp_path: Path) -> None:
    """Each changes a key of its own, one while the other is being served."""
    browser.get("/put/a/1")
    meanwhile(browser, tmp_path, lambda tab: (tab.get("/put/b/2"), tab.get("/drop/a")))
    assert browser.shows() == {"b": "2", "late": "me"}


def test_of_the_same_key_the_last_one_counts(browser: Browser, tmp_path: Path) -> None:
    """As Rails has it everywhere."""
    browser.get("/put/a/1")
    meanwhile(browser, tmp_path, lambda tab: tab.get("/put/late/other"))
    assert browser.shows() == {"a": "1", "late": "me"}


def test_a_slow_request_brings_nobody_back(browser: Browser, devices: Devices, tmp_path: Path) -> None:
    """Its session ended meanwhile."""
    browser.get("/login/rail-gone")
    meanwhile(browser, tmp_path, lambda tab: tab.get("/logout"))
    assert browser.shows() == {}
    assert devices("rail-gone") == []


def test_an_api_that_is_away_is_no_empty_session(start: Start, stack: Stack) -> None:
    """Nor one that refuses; pages that need no session are served."""
    for others in (
        {"SOJOURN_API_URL": f"http://127.0.0.1:{free_port()}"},
        {"AWS_SECRET_ACCESS_KEY": "wrong"},
        {"SOJOURN_API_URL": stack.endpoint_url},
    ):
        browser = start(others)
        browser.jar["__Host-session"] = "sjn_" + "A" * 36
        before = dict(browser.jar)
        assert browser.get("/show")[0] == 500
        assert browser.get("/put/a/1")[0] == 500
        assert browser.jar == before
        assert browser.get("/static")[0] == 200


def test_a_page_that_breaks_is_an_error(browser: Browser) -> None:
    """And the session is as it was."""
    browser.get("/put/a/1")
    assert browser.get("/breaks")[0] == 500
    assert browser.shows() == {"a": "1"}
