"""The Rails client against an API of this machine that is slow, cuts short and says too much."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from devstack.layout import ROOT
from tests.support.rails.browser import Browser, application
from tests.support.rails.logins import Devices, Logins, devices_of
from tests.support.rails.ruby import CLIENT, RUBY, needs_rails

API = ROOT / "tests" / "support" / "rails" / "slow_api.rb"
INTERRUPTED = ROOT / "tests" / "support" / "rails" / "interrupted.rb"

pytestmark = needs_rails


@pytest.fixture(scope="module")
def api() -> Iterator[str]:
    """The URL of an API on this machine whose superseded tokens stay so."""
    with subprocess.Popen([RUBY, str(API)], stdout=subprocess.PIPE, text=True) as server:  # noqa: S603  # our own
        assert server.stdout
        yield server.stdout.readline().strip()
        server.terminate()


@pytest.fixture(scope="module")
def port(api: str) -> Iterator[int]:
    """Of the application over that API."""
    settings = {"AWS_REGION": "eu-central-1", "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": "none"}
    with application({**settings, "SOJOURN_API_URL": api}) as browser:
        yield browser.port


@pytest.fixture
def browser(port: int) -> Browser:
    """With an empty jar."""
    return Browser(port)


@pytest.fixture
def devices(api: str) -> Devices:
    """Asks that API."""
    return devices_of(api)


class TestLogins(Logins):
    """By the API's contract, on this machine."""

    def test_a_logout_on_its_way_ends_the_session_that_was_renewed(self, browser: Browser) -> None:
        """Its user wants it gone, whatever its token is by now."""
        browser.get("/put/a/1")
        slower = browser.twin()
        browser.get("/renew")
        assert slower.post("/logout") == 200
        assert "max-age=0" in slower.last[0]
        assert browser.shows() == {}


COMPARED = {' && [found["id"], token[ID]] == [id, id]': ""}
"""What would notice the answer of another session by itself. Away in every mutant."""


class Mutant(NamedTuple):
    """The client with something else in the place of each of ``changes``, wherever that is."""

    changes: dict[str, str]

    def write(self, folder: Path) -> Path:
        """The path of it."""
        source = CLIENT.read_text()
        for old, new in (COMPARED | self.changes).items():
            assert old in source
            source = source.replace(old, new)
        path = folder / CLIENT.name
        path.write_text(source)
        return path


MUTANTS = {
    "a connection keeps its place during an exchange": Mutant(
        {"          Thread.current.thread_variable_set(@place, nil)\n": ""}
    ),
    "a connection goes back whatever interrupted": Mutant(
        {"close(http) if http && !in_place?(http)": "put_back(http) if http"}
    ),
    "what came with the answer is the next one": Mutant({"unread(socket) == 0 && ": ""}),
    "what came after the answer is the next one": Mutant({" && !io.to_io.wait_readable(0)": ""}),
    "a child has its parent's connection": Mutant({"owner == Process.pid": "owner"}),
    "a connection is the fiber's": Mutant({".thread_variable_get": ".[]", ".thread_variable_set": ".[]="}),
}
"""Each lets a page have another user's answer."""


REPLACED = "raise unless state && subject && state.subject != subject"
CHANGED = "wanted = Document.merged(base, data, state.data)"
LOGIN_MUTANTS = {
    "a change is dropped": Mutant({"is_safe = ": "is_safe = true || "}),
    "a page that shows is refused": Mutant({"is_safe = ": "is_safe = false && "}),
    "a superseded token is an unknown one": Mutant(
        {"State.superseded(sid.public_id)\n      end\n\n      def read": "end\n\n      def read"}
    ),
    "a login begins nothing": Mutant({REPLACED: "raise"}),
    "anything begins a session": Mutant({REPLACED: "raise unless state"}),
    "what others stored is overwritten": Mutant({CHANGED: "wanted = data"}),
    "a renewal forgets what was read": Mutant({".tap { |new| new.base = state.base }": ""}),
    "a session becomes another subject's": Mutant({"if state.subject\n": "if state.subject && subject.nil?\n"}),
    "the former session lives on": Mutant(
        {"token, success: 204)\n        created": "token) if false\n        created"}
    ),
    "a logout is silently none": Mutant({"options[:drop] ? refuse(req) : req.set_header(ENDED, true)": "nil"}),
    "the faster cookie is taken": Mutant({"req.set_header(ENDED, true)": "req.cookie_jar.delete(key)"}),
}
"""Each breaks a sentence about logins."""


def interrupted(client: Path, interleavings: int, *, over: str | None = None, timeout: int = 60) -> dict[str, Any]:
    """What happened to so many pages and to those that came after them on their threads."""
    command = [RUBY, str(INTERRUPTED), str(client), "1", str(interleavings), *([over] if over else [])]
    environment = {**os.environ, "TIMEOUT": str(timeout)}
    done = subprocess.run(command, capture_output=True, check=True, text=True, env=environment)  # noqa: S603  # our own
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@pytest.mark.parametrize(
    ("over", "interleavings"), [(None, 1_500), pytest.param("tls", 300, marks=pytest.mark.slow)], ids=["plain", "tls"]
)
def test_no_answer_reaches_another_users_page(over: str | None, interleavings: int) -> None:
    """Whatever interrupted the exchange before: a timeout, raise, kill, throw, anywhere; a fork; a streaming page."""
    found = interrupted(CLIENT, interleavings, over=over)
    assert (found["stray"], found["failed"]) == (None, 0), found
    assert sum(found["ways"].values()) == interleavings
    assert sum(number for way, number in found["ways"].items() if "served" not in way) > interleavings / 2
    assert found["connections"] < found["requests"] / 2, "no connection was kept"


@pytest.mark.slow
@pytest.mark.parametrize("mutant", MUTANTS.values(), ids=MUTANTS)
def test_the_interruptions_notice(mutant: Mutant, tmp_path: Path) -> None:
    """A client that keeps a connection it must not keep."""
    found = interrupted(mutant.write(tmp_path), 1_500, timeout=2)  # two threads on a connection wait for each other
    assert found["stray"], found


@pytest.mark.slow
@pytest.mark.parametrize("mutant", LOGIN_MUTANTS.values(), ids=LOGIN_MUTANTS)
def test_the_logins_notice(mutant: Mutant, tmp_path: Path) -> None:
    """Some sentence about them fails."""
    command = [sys.executable, "-m", "pytest", "-qx", "-p", "no:cacheprovider", f"{__file__}::TestLogins"]
    environment = {**os.environ, "RAILS_CLIENT": str(mutant.write(tmp_path))}
    done = subprocess.run(command, check=False, capture_output=True, text=True, env=environment, cwd=ROOT)  # noqa: S603
    assert "AssertionError" in done.stdout, done.stdout


def test_an_answer_that_is_cut_short_is_no_empty_session(tmp_path: Path) -> None:
    """Noticed by the same pages, where it is taken for one."""
    mutant = Mutant({"is_session = TOKEN": "is_session = true # TOKEN"})
    assert interrupted(mutant.write(tmp_path), 50)["failed"]
