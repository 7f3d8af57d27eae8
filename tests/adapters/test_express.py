"""The Express client: a real Express application over the API's functions on this machine, and answers gone astray."""

import base64
import hmac
import json
import os
import shutil
import subprocess
import sys
import urllib.request
from collections.abc import Iterable, Iterator
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from devstack.layout import ROOT, free_port
from tests.adapters.upstream.api import served
from tests.support.express.node import CLIENT, NODE, PACKAGES, SUPPORT, Visitor, express, install, needs_express
from tests.support.rails.browser import meanwhile
from tests.support.rails.logins import Devices, Logins, devices_of

pytestmark = needs_express

SETTINGS = {"AWS_REGION": "eu-central-1", "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": "none"}


@pytest.fixture(scope="module")
def api() -> Iterator[str]:
    """The URL of the API's own functions, over a store in memory."""
    with served() as url:
        yield url


@pytest.fixture(scope="module")
def port(api: str) -> Iterator[int]:
    """Of the application over that API."""
    settings = {"EXPRESS_CLIENT": os.environ["EXPRESS_CLIENT"]} if "EXPRESS_CLIENT" in os.environ else {}
    with express({**SETTINGS, **settings, "SOJOURN_API_URL": api}) as browser:
        yield browser.port


@pytest.fixture
def browser(port: int) -> Visitor:
    """With an empty jar."""
    return Visitor(port)


@pytest.fixture
def devices(api: str) -> Devices:
    """Asks that API."""
    return devices_of(api)


class TestLogins(Logins):
    """What holds for Rails holds for Express."""


def data_of(api: str, browser: Visitor) -> dict[str, Any]:
    """What the API shows of the browser's session."""
    request = urllib.request.Request(f"{api}/session", headers={"session-token": browser.token})  # noqa: S310  # our own
    with urllib.request.urlopen(request) as answer:  # noqa: S310
        shown: dict[str, Any] = json.load(answer)
        return shown


def put_in(api: str, browser: Visitor, data: dict[str, Any]) -> None:
    """What another program puts into the browser's session."""
    headers = {"session-token": browser.token, "content-type": "application/merge-patch+json"}
    body = json.dumps({"data": data}).encode()
    request = urllib.request.Request(f"{api}/session", data=body, headers=headers, method="PATCH")  # noqa: S310
    urllib.request.urlopen(request).close()  # noqa: S310  # our own


def test_a_session_is_stored_when_something_is_put_in(browser: Visitor, api: str) -> None:
    """Under a cookie as strict as the other adapters'; a visitor who only looks leaves nothing."""
    assert (browser.shows(), browser.jar) == ({}, {})
    assert browser.get("/put/a/1") == (200, "done")
    (cookie,) = browser.last
    assert {part.lower() for part in cookie.split("; ")[1:]} == {"path=/", "secure", "httponly", "samesite=lax"}
    for _ in range(2):
        assert browser.shows() == {"a": "1"}
        browser.get("/put/a/1")
        assert browser.last == []
    shown = data_of(api, browser)
    assert (shown["data"], shown["version"]) == ({"a": "1"}, 1)


def test_values_come_back_as_json_has_them(browser: Visitor, api: str) -> None:
    """Null as well; what another language put in stays what it is, to the last digit."""
    browser.get("/many")
    put_in(api, browser, {"when": {"$date": "2030-01-01"}, "big": 2**60 + 1, "save": "a name of express-session's"})
    browser.get("/put/b/2")
    browser.get("/drop/b")
    data = data_of(api, browser)["data"]
    assert data.pop("many")["none"] is None
    assert data == {"when": {"$date": "2030-01-01"}, "big": 2**60 + 1, "save": "a name of express-session's"}
    browser.get("/null/b")
    assert browser.shows()["b"] is None
    many = browser.shows()["many"]
    assert many == {"at": "1970-01-01T00:00:00.000Z", "$x": {"$y": 1}, "list": [None, 1.5], "none": None}


@pytest.mark.parametrize("forged", ["junk", "sjn_" + "A" * 36, "s:sjn_" + "A" * 36 + ".AAAA", "x" * 3_000])
def test_a_cookie_that_we_did_not_give_is_not_adopted(browser: Visitor, forged: str) -> None:
    """What begins under it has a token of its own."""
    browser.jar["__Host-session"] = forged
    assert browser.shows() == {}
    browser.get("/put/a/1")
    assert browser.jar["__Host-session"] != forged
    assert browser.shows() == {"a": "1"}


def test_two_tabs_lose_nothing(browser: Visitor, tmp_path: Path) -> None:
    """Each changes a key of its own, one while the other is being served; of the same key, the last one counts."""
    browser.get("/put/a/1")
    meanwhile(browser, tmp_path, lambda tab: (tab.get("/put/b/2"), tab.get("/drop/a"), tab.get("/put/late/other")))
    assert browser.shows() == {"b": "2", "late": "me"}


def test_a_slow_request_brings_nobody_back(browser: Visitor, devices: Devices, tmp_path: Path) -> None:
    """Its session ended meanwhile: it is served, and sets no cookie."""
    browser.get("/login/ex-gone")
    assert meanwhile(browser, tmp_path, lambda tab: tab.post("/logout"), method="POST")[0] == 200
    assert (browser.last, browser.shows(), devices("ex-gone")) == ([], {}, [])


def test_regenerate_at_login_is_the_same_session_with_another_token(browser: Visitor, devices: Devices) -> None:
    """With nothing of what the visitor had in it."""
    browser.get("/put/a/1")
    before = browser.twin()
    browser.post("/login/ex-ada")
    assert (browser.token != before.token, browser.token[4:16]) == (True, before.token[4:16])
    assert (browser.shows(), before.shows(), devices("ex-ada")) == ({"user": "ex-ada"}, {}, [before.token[4:16]])
    browser.post("/login/ex-bob")
    assert (browser.token[4:16] != before.token[4:16], devices("ex-ada")) == (True, [])


@pytest.mark.parametrize("page", ["/logout", "/regenerate", "/passport/logout"])
def test_a_logout_ends_the_session_and_takes_the_cookie_back(browser: Visitor, devices: Devices, page: str) -> None:
    """By destroy, by regenerate with nothing put in, and by Passport."""
    browser.get("/passport/login/ex-out")
    before = browser.twin()
    assert browser.get("/passport/who")[1] == '"ex-out"'
    assert browser.post(page) == 200
    assert (browser.jar, before.shows(), devices("ex-out")) == ({}, {}, [])


def test_passport_logs_in_under_another_token(browser: Visitor, devices: Devices) -> None:
    """It regenerates the session, which is the same one under another token."""
    browser.get("/put/a/1")
    before = browser.twin()
    browser.post("/passport/login/ex-pass")
    assert (before.shows(), devices("ex-pass")) == ({}, [before.token[4:16]])


def test_a_session_lives_as_long_as_its_cookie(browser: Visitor, api: str) -> None:
    """Thirty days, to remember its user, which is more than a session has by itself."""
    browser.get("/put/a/1")
    browser.get("/remember/ex-long")
    ends = parsedate_to_datetime(browser.last[0].split("Expires=")[1].split(";")[0]).timestamp()
    shown = data_of(api, browser)
    assert ends - 3 <= shown["expires_at"] <= shown["absolute_at"]
    assert 30 * 86_400 - 60 < ends - shown["created_at"] < 30 * 86_400 + 60
    browser.get("/put/b/2")
    assert "Expires=" in browser.last[0]
    assert browser.shows() == {"a": "1", "b": "2", "user": "ex-long"}


def test_an_answer_waits_for_its_session_and_is_what_the_page_said(browser: Visitor) -> None:
    """A stream carries the cookie; what a page raises behind its answer does not change it."""
    assert browser.get("/stream") == (200, "one two three")
    assert browser.shows() == {"streamed": "1", "after": "2"}
    assert browser.get("/stream_login/ex-late") == (200, "one two")
    assert browser.shows() == {"streamed": "1", "after": "2"}, "a login without another token"
    assert browser.get("/twice") == (200, '{"first":true}')
    assert browser.get("/breaks")[0] == 500
    assert browser.shows() == {"streamed": "1", "after": "2", "twice": "1"}


def test_an_api_that_is_away_is_no_empty_session(api: str) -> None:
    """Nor one that is no API of ours: 503, and the cookie stays. Pages that need no session are served."""
    for url in (f"http://127.0.0.1:{free_port()}", f"{api}/nothing"):
        with express({**SETTINGS, "SOJOURN_API_URL": url}) as browser:
            assert browser.get("/put/a/1")[0] == 503
            assert (browser.last, browser.get("/static")[0]) == ([], 200)
            browser.jar["__Host-session"] = signed("sjn_" + "A" * 36)
            for page in ("/show", "/put/a/1", "/logout"):
                assert (browser.get(page)[0], browser.last) == (503, [])


def signed(token: str) -> str:
    """A cookie of the application's."""
    digest = hmac.digest(b"none of the tests tells it", token.encode(), "sha256")
    return quote(f"s:{token}.{base64.b64encode(digest).decode().rstrip('=')}", safe="")


def run(*command: str, where: Path | None = None, **settings: str) -> str:
    """What it prints, on either stream, if it succeeds."""
    done = subprocess.run(  # noqa: S603  # our own
        command, check=False, capture_output=True, text=True, cwd=where, env={**os.environ, **settings}
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_it_is_imported_and_required_and_typed(tmp_path: Path) -> None:
    """By TypeScript's own compiler, strictly, which also says that what is wrong is wrong."""
    where = install(tmp_path)
    run(
        NODE,
        "-e",
        "const s = require('connect-sojourn'); new s.SojournStore({ url: 'http://x', region: 'r' })",
        where=where,
    )
    names = "import s, { SojournStore, Superseded, Unavailable } from 'connect-sojourn'; if (!s.SojournStore) throw 1"
    run(NODE, "--input-type=module", "-e", names, where=where)
    shutil.copy(SUPPORT / "usage.ts", where / "usage.mts")
    options = ("--strict", "--noEmit", "--module", "nodenext", "--target", "es2022", "--types", "node")
    run(NODE, str(PACKAGES / ".bin" / "tsc"), *options, "usage.mts", where=where)


def interrupted(client: Path, interleavings: int) -> dict[str, Any]:
    """What happened to so many pages and to those after and beside them."""
    script = str(SUPPORT / "interrupted.js")
    found: dict[str, Any] = json.loads(run(NODE, script, str(client), "1", str(interleavings), NODE_PATH=str(PACKAGES)))
    return found


@pytest.mark.parametrize("interleavings", [150, pytest.param(1_500, marks=pytest.mark.slow)])
def test_no_answer_reaches_another_users_page(interleavings: int) -> None:
    """Whatever happened to the exchange before: a deadline, an answer cut short, doubled or repeated, an end."""
    found = interrupted(CLIENT / "index.js", interleavings)
    assert (found["stray"], found["failed"], sum(found["ways"].values())) == (None, 0, interleavings), found
    assert found["connections"] < found["requests"] / 5, "no connection was kept"


COMPARED = ("if (!isSession || answer.id !== id || idOf(given) !== id) {", "if (!isSession) {")
"""What would notice the answer of another session by itself. Away where answers go astray."""
TURNS = "      await turn();\n      await turn();\n"
INTERRUPTED_MUTANTS = {
    "what has arrived is the next one's": (COMPARED, (TURNS, "")),
    "one turn is not enough": (COMPARED, (TURNS, "      await turn();\n")),
    "what came unasked is forgotten": (('    socket.on("data", connection.unasked);\n', ""),),
}
LOGIN_MUTANTS = {
    "a change is dropped": (("if (!SAFE.includes(this.req.method)) throw error;", ""),),
    "a page that shows is refused": (("if (!SAFE.includes(this.req.method)) throw error;", "throw error;"),),
    "a login begins nothing": (("if (wanted.subject && wanted.subject !== this.subject)", "if (false)"),),
    "anything begins a session": (("if (wanted.subject && wanted.subject !== this.subject)", "if (true)"),),
    "a superseded token is an unknown one": (
        ("if (error instanceof Superseded) return { replaced: token };", "return;"),
    ),
    "what others stored is overwritten": (("isReplaced ? data : merged(", "true ? data : merged("),),
    "a renewal forgets what was read": (("    this.#base = base;\n", ""),),
    "a session becomes another subject's": (("if (isLogin && this.subject) return", "if (false) return"),),
    "the former session lives on": (("    await this.store.destroyed(this.token);\n", ""),),
    "a cookie goes out unasked": (
        ("if (visit.token && !visit.isLost && !visit.isRefused) return call();", "return call();"),
    ),
}


def mutant(changes: Iterable[tuple[str, str]], folder: Path) -> Path:
    """The path of the client with something else in the place of each of ``changes``."""
    sources = {path.name: path.read_text() for path in CLIENT.glob("*.js")}
    for old, new in changes:
        (name,) = (name for name, source in sources.items() if old in source)
        sources[name] = sources[name].replace(old, new)
    for name, source in sources.items():
        (folder / name).write_text(source)
    return folder / "index.js"


@pytest.mark.slow
@pytest.mark.parametrize("changes", INTERRUPTED_MUTANTS.values(), ids=INTERRUPTED_MUTANTS)
def test_the_interruptions_notice(changes: tuple[tuple[str, str], ...], tmp_path: Path) -> None:
    """A client that uses a connection on which something may have come: as another user's answer, or as half of one."""
    found = interrupted(mutant(changes, tmp_path), 60)
    assert (found["stray"], found["failed"]) != (None, 0), found


@pytest.mark.slow
@pytest.mark.parametrize("changes", LOGIN_MUTANTS.values(), ids=LOGIN_MUTANTS)
def test_the_logins_notice(changes: tuple[tuple[str, str], ...], tmp_path: Path) -> None:
    """Some sentence about them fails."""
    command = [sys.executable, "-m", "pytest", "-qx", "-p", "no:cacheprovider", f"{__file__}::TestLogins"]
    environment = {**os.environ, "EXPRESS_CLIENT": str(mutant(changes, tmp_path))}
    done = subprocess.run(command, check=False, capture_output=True, text=True, env=environment, cwd=ROOT)  # noqa: S603
    assert "AssertionError" in done.stdout, done.stdout
