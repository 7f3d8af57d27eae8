"""The quick starts of docs/start, typed as they stand, with the deployed table: each ends with what its page shows."""

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from devstack.guidance import environment
from devstack.layout import ROOT, free_port
from devstack.stack import Stack

EXPRESS = ROOT / "clients" / "express"
STARTS = ROOT / "docs" / "start"
SERVERS = {"flask": "flask --app app run", "django": "python app.py runserver", "fastapi": "uvicorn app:app"}
PORT = "8000"

Shell = Callable[[str, str], str]


def blocks(page: str, language: str) -> list[str]:
    """The code blocks of one language on a page."""
    return re.findall(rf"^```{language}\n(.*?)^```$", (STARTS / f"{page}.md").read_text(), re.DOTALL | re.MULTILINE)


def shown(console: str) -> list[str]:
    """What a transcript prints: no line of the prompt, and no program that is piped in."""
    console = re.sub(r"<<'END'\n.*?^END$", "", console, flags=re.DOTALL | re.MULTILINE)
    console = re.sub(r"^\$ (?:.*\\\n)*.*\n", "", console, flags=re.MULTILINE)
    return console.splitlines()


def typed(console: str) -> str:
    """What a reader types of it, but for what fetches packages."""
    lines = re.sub(r"^\$ (?:pip|npm) install .*\n", "", console, flags=re.MULTILINE)
    program = re.search(r"<<'END'\n.*?^END$", lines, re.DOTALL | re.MULTILINE)
    commands = "\n".join(re.findall(r"^\$ ((?:.*\\\n)*.*)$", lines, re.MULTILINE))
    return commands if program is None else commands.replace("<<'END'", program[0])


@pytest.fixture
def shell(stack: Stack, tmp_path: Path) -> Shell:
    """A shell in an empty folder with the page's program, which knows the stack as after ``make up``."""

    def run(program: str, script: str) -> str:
        (tmp_path / "app.py").write_text(program)
        (tmp_path / "env").write_text(environment(stack))
        binaries = Path(sys.executable).parent
        script = f'. ./env; export PATH="{binaries}:$PATH"\n' + script.replace(".venv/bin/python", sys.executable)
        command = ["bash", "-uc", script]
        ended = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)  # noqa: S603
        assert ended.returncode == 0, ended.stderr
        return ended.stdout

    return run


@pytest.mark.parametrize("page", SERVERS)
def test_a_framework_counts_visits(shell: Shell, page: str) -> None:
    """On its own server, over two requests of curl."""
    (program,), transcript = blocks(page, "python"), blocks(page, "console")[1]
    assert SERVERS[page] in transcript
    port = str(free_port())
    script = typed(transcript).replace(PORT, port)
    printed = shell(program, visited(script, port))
    assert printed.splitlines() == shown(transcript) == ["visit 1", "visit 2"]


def visited(script: str, port: str) -> str:
    """The transcript's script, which waits for the server as a reader does, and ends it."""
    server, *requests = script.splitlines()
    # What curl waits for is what a reader waits for; the server ends with the shell.
    waits = f"for _ in $(seq 300); do curl -so /dev/null http://localhost:{port}/ && break; sleep 0.1; done"
    quiet = server.replace(" &", " >server.log 2>&1 &")
    asked = [line.replace("curl ", "curl -s ") for line in requests]
    return "\n".join([quiet, "trap 'kill %1' EXIT; set -m", waits, *asked])


@pytest.mark.skipif(
    not os.environ.get("CI") and not (EXPRESS / "node_modules").exists(),
    reason="no Express on this machine: make express",
)
def test_express_counts_visits(shell: Shell, tmp_path: Path) -> None:
    """With the package beside Express, as npm puts it there."""
    (program,), transcript = blocks("express", "js"), blocks("express", "console")[1]
    (tmp_path / "app.js").write_text(program)
    (tmp_path / "node_modules").mkdir()
    for name, folder in (("connect-sojourn", EXPRESS), ("express", EXPRESS / "node_modules" / "express")):
        (tmp_path / "node_modules" / name).symlink_to(folder)
    port = str(free_port())
    script = typed(transcript).replace(PORT, port)
    printed = shell("", f"export PORT={port}\n" + visited(script, port))
    assert printed.splitlines() == shown(transcript) == ["visit 1", "visit 2"]


@pytest.mark.parametrize("page", ["lambda", "powertools"])
def test_a_function_counts_visits(shell: Shell, page: str) -> None:
    """With the events that the page hands to it."""
    (program,), transcript = blocks(page, "python"), blocks(page, "console")[1]
    printed = shell(program, typed(transcript)).splitlines()
    assert printed == shown(transcript)
    assert len(printed) == 2


def test_plain_http_changes_a_session_and_ends_it(shell: Shell) -> None:
    """By curl alone; only ids and times differ."""
    transcript = blocks("http", "console")[0].replace("$ make up && . .local/env\n", "")
    printed = shell("", "shopt -s expand_aliases\n" + typed(transcript).replace("; echo", "")).replace("}{", "}\n{")
    read, gone = printed.splitlines()
    assert '"data":{"visits":2},"version":2,' in read
    assert '"urn:sojourn:problem:session-not-found"' in gone
    assert [line[:7] for line in shown(transcript)] == ['{"id":"', '{"type"']
