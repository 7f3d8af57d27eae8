"""The README's transcript and program, typed as they stand."""

import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from devstack.guidance import environment
from devstack.layout import ROOT
from devstack.stack import Stack

Shell = Callable[[str], list[str]]

README = (ROOT / "README.md").read_text()


def blocks(language: str) -> list[str]:
    """The README's code blocks of one language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", README, re.DOTALL | re.MULTILINE)


def typed(console: str) -> str:
    """What a reader types of a transcript: the lines after the prompt, with their continuations."""
    return "\n".join(re.findall(r"^\$ ((?:.*\\\n)*.*)$", console, re.MULTILINE))


@pytest.fixture
def shell(stack: Stack, tmp_path: Path) -> Shell:
    """A shell in the repository's root that knows the stack as after `make up`; returns the lines it prints."""
    env = tmp_path / "env"
    env.write_text(environment(stack))

    def run(script: str) -> list[str]:
        command = ["bash", "-euc", script.replace(".local/env", str(env))]
        ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)  # noqa: S603
        assert ended.returncode == 0, ended.stderr
        return ended.stdout.splitlines()

    return run


def test_the_transcript_creates_a_session_and_reads_it_twice(shell: Shell) -> None:
    """With curl and with the library, as the README shows; only ids and times differ."""
    transcript = next(block for block in blocks("console") if "TOKEN=" in block)
    by_curl, by_library = shell(typed(transcript))
    shown_by_curl, shown_by_library = [line for line in transcript.splitlines() if line.startswith("{")]
    assert by_library == shown_by_library
    read, shown = json.loads(by_curl), json.loads(shown_by_curl)
    varying = {"id", "created_at", "expires_at", "absolute_at"}
    assert list(read) == list(shown)
    assert {key: value for key, value in read.items() if key not in varying} == {
        key: value for key, value in shown.items() if key not in varying
    }


def test_the_handler_answers(shell: Shell, tmp_path: Path) -> None:
    """With a cookie that opens its session the next time."""
    program = tmp_path / "handler.py"
    program.write_text(
        blocks("python")[0]
        + """
event = {"version": "2.0", "headers": {}, "requestContext": {"http": {"method": "GET", "path": "/"}}}
first = handler(event, None)
again = handler({**event, "cookies": [first["cookies"][0].partition(";")[0]]}, None)
print(first["body"], again["body"], "cookies" in again)
"""
    )
    assert shell(f". .local/env && {sys.executable} {program}") == ["hello ada hello ada False"]


def test_the_program_runs(shell: Shell, tmp_path: Path) -> None:
    """The library's tour does what its comments say, against the deployed stack."""
    program = tmp_path / "tour.py"
    program.write_text(blocks("python")[1] + "\nassert store.read(session.token) is None\n")
    lines = shell(f". .local/env && {sys.executable} {program}")
    assert "Firefox on Linux" in [line.split(maxsplit=1)[1] for line in lines]
