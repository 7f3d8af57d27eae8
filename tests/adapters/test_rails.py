"""The Rails client against an API of this machine that is slow, cuts short and says too much."""

import json
import os
import subprocess
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from devstack.layout import ROOT
from tests.rails.ruby import CLIENT, RUBY, needs_rails

INTERRUPTED = ROOT / "tests" / "rails" / "interrupted.rb"

pytestmark = needs_rails


class Mutant(NamedTuple):
    """The client with something else in the place of each of ``changes``, wherever that is."""

    changes: dict[str, str]

    def write(self, folder: Path) -> Path:
        """The path of it."""
        source = CLIENT.read_text()
        for old, new in self.changes.items():
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


def test_an_answer_that_is_cut_short_is_no_empty_session(tmp_path: Path) -> None:
    """Noticed by the same pages, where it is taken for one."""
    mutant = Mutant({"return state if TOKEN.match?(token.to_s) &&": "return state #"})
    assert interrupted(mutant.write(tmp_path), 50)["failed"]
