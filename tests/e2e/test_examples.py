"""The examples, each on its own server as its first line says, with the deployed table."""

import http.client
import importlib.util
import json
import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from devstack.layout import ROOT, free_port
from devstack.stack import Stack
from tests.adapters.events import FRONTS

EXAMPLES = ROOT / "examples"
MOST_LINES = 60

SERVERS = {
    "flask": ["-m", "flask", "--app", "app", "run", "--port", "{port}"],
    "django": ["app.py", "runserver", "--noreload", "127.0.0.1:{port}"],
    "fastapi": ["-m", "uvicorn", "app:app", "--port", "{port}", "--log-level", "warning"],
}

Ask = Callable[[str, str, dict[str, str]], tuple[int, list[str], Any]]
"""A method, a path and headers; a status, cookies and what the JSON says."""


@dataclass
class Device:
    """A browser that keeps the one cookie there is."""

    ask: Ask
    name: str
    jar: dict[str, str] = field(default_factory=dict)

    def __call__(self, method: str, path: str) -> Any:  # noqa: ANN401  # JSON
        """What the page says."""
        headers = {"User-Agent": self.name}
        if self.jar:
            headers["Cookie"] = "; ".join(f"{name}={value}" for name, value in self.jar.items())
        status, cookies, told = self.ask(method, path, headers)
        assert status == 200, told
        for cookie in cookies:
            assert "; secure" in cookie.lower()
            name, _, value = cookie.partition(";")[0].partition("=")
            self.jar[name] = value.strip('"')
            if re.search("max-age=0", cookie, re.IGNORECASE):
                del self.jar[name]
        return told


@pytest.fixture(scope="module")
def surroundings(stack: Stack) -> dict[str, str]:
    """What an application finds in its environment."""
    return {
        **{name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "SOJOURN_"))},
        "AWS_ACCESS_KEY_ID": stack.credentials.access_key_id,
        "AWS_SECRET_ACCESS_KEY": stack.credentials.secret_access_key,
        "AWS_DEFAULT_REGION": stack.region,
        "SOJOURN_TABLE": stack.table,
        "SOJOURN_BUCKET": stack.bucket,
        "SOJOURN_ENDPOINT_URL": stack.endpoint_url,
        "PYTHONUNBUFFERED": "1",
    }


@contextmanager
def served(name: str, surroundings: dict[str, str], port: int) -> Iterator[Ask]:
    """An example on its server, until the end of the block."""
    command = [sys.executable, *(part.format(port=port) for part in SERVERS[name])]

    def ask(method: str, path: str, headers: dict[str, str]) -> tuple[int, list[str], Any]:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        try:
            connection.request(method, path, headers=headers)
            answer = connection.getresponse()
            cookies = answer.msg.get_all("Set-Cookie", [])
            return answer.status, cookies, json.loads(answer.read() or b"null")
        finally:
            connection.close()

    with subprocess.Popen(  # noqa: S603  # our own examples
        command, cwd=EXAMPLES / name, env=surroundings, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as server:
        try:
            deadline = time.monotonic() + 60
            while True:
                try:
                    socket.create_connection(("127.0.0.1", port), timeout=1).close()
                    break
                except OSError:
                    assert server.poll() is None, server.stdout and server.stdout.read()
                    assert time.monotonic() < deadline
                    time.sleep(0.05)
            yield ask
        finally:
            server.terminate()


@contextmanager
def invoked(surroundings: dict[str, str]) -> Iterator[Ask]:
    """The function of the Powertools example, without a server: Lambda calls it with events."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in surroundings.items():
            patch.setenv(name, value)
        module = _loaded("powertools")

    def ask(method: str, path: str, headers: dict[str, str]) -> tuple[int, list[str], Any]:
        front = FRONTS["HTTP API 2.0"]
        others = {name.lower(): value for name, value in headers.items() if name != "Cookie"}
        event = front.event(path, [headers["Cookie"]] if "Cookie" in headers else [], others)
        event["requestContext"]["http"]["method"] = method
        answer = front.answer(module.handler(event, None))
        return answer.status, list(answer.cookies), json.loads(answer.body or "null")

    yield ask


def _loaded(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"example_{name}", EXAMPLES / name / "app.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("name", [*SERVERS, "powertools"])
def test_a_shop_keeps_its_carts_and_its_devices(surroundings: dict[str, str], name: str) -> None:
    """Log in with a cart, on two devices; revoke one, log out of one, log out everywhere."""
    user = f"ada-{name}"
    with invoked(surroundings) if name == "powertools" else served(name, surroundings, free_port()) as ask:
        laptop, phone = Device(ask, "laptop"), Device(ask, "phone")
        assert laptop("GET", "/") == {"user": None, "cart": [], "devices": []}
        assert laptop.jar == {}

        laptop("POST", "/cart/teapot")
        laptop("POST", "/cart/cup")
        anonymous = Device(ask, "laptop", dict(laptop.jar))
        laptop("POST", f"/login/{user}")
        assert laptop.jar.keys() == {"__Host-session"}
        assert anonymous("GET", "/")["cart"] == []
        phone("POST", f"/login/{user}")
        home = laptop("GET", "/")
        assert (home["user"], home["cart"]) == (user, ["teapot", "cup"])
        assert {device["label"]: device["is_this"] for device in home["devices"]} == {"laptop": True, "phone": False}

        other = next(device["id"] for device in home["devices"] if not device["is_this"])
        assert laptop("POST", f"/devices/{other}/revoke") == {"revoked": True}
        assert phone("GET", "/")["user"] is None
        phone("POST", f"/login/{user}")
        assert phone("POST", "/logout")["user"] is None
        assert (phone.jar, phone("GET", "/")["user"]) == ({}, None)

        phone("POST", f"/login/{user}")
        assert laptop("POST", "/logout-everywhere")["ended"] == 2
        assert [device("GET", "/")["user"] for device in (laptop, phone)] == [None, None]


@pytest.mark.parametrize("name", SERVERS)
def test_a_readme_shows_what_its_commands_print(surroundings: dict[str, str], tmp_path: Path, name: str) -> None:
    """But for ids, and the version of curl."""
    server, *lines = _transcript(name).replace("ada", f"readme-{name}").splitlines(keepends=True)
    module, *arguments = SERVERS[name]
    typed = arguments if module == "-m" else ["python", module, *arguments]
    assert server == f"$ {' '.join(typed)} &\n".format(port=8000)
    port = free_port()
    requests = [line.removeprefix("$ ").replace("8000", str(port)) for line in lines if line.startswith("$")]
    shown = "".join(line for line in lines if not line.startswith("$"))
    with served(name, surroundings, port):
        printed = _printed(["bash", "-c", "".join(requests)], tmp_path, surroundings)
    assert _alike(printed) == _alike(shown)


def test_the_readme_of_the_function_shows_what_its_program_prints(surroundings: dict[str, str]) -> None:
    """Line by line."""
    program, _, shown = _transcript("powertools").partition("<<'END'\n")[2].partition("\nEND\n")
    assert _printed([sys.executable, "-c", program], EXAMPLES / "powertools", surroundings) == shown


def test_the_sample_events_are_invoked_as_their_readme_says(stack: Stack, surroundings: dict[str, str]) -> None:
    """With SAM's own command: a report of the sweep, and an answer that there is no such session."""
    commands = re.findall(r"^\$ sam (.*)$", (ROOT / "events/README.md").read_text(), re.MULTILINE)
    sam = Path(sys.executable).with_name("sam")
    known = {**surroundings, "AWS_ENDPOINT_URL": stack.endpoint_url, "SAM_CLI_TELEMETRY": "0"}
    typed = [command.replace("--stack-name sojourn ", f"--stack-name {stack.stack_name} ") for command in commands]
    swept, read = (json.loads(_printed([str(sam), *line.split()], ROOT, known)) for line in typed)
    assert (swept["swept"], swept["more"]) == (0, False)
    assert read["statusCode"] == 404


def _transcript(name: str) -> str:
    text = (EXAMPLES / name / "README.md").read_text()
    return str(re.findall(r"^```console\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)[0])


def _printed(command: list[str], folder: Path, surroundings: dict[str, str]) -> str:
    ended = subprocess.run(  # noqa: S603  # what our own pages say
        command, cwd=folder, env=surroundings, capture_output=True, text=True, check=False, timeout=60
    )
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


def _alike(printed: str) -> str:
    return re.sub(r'curl/[\d.]+|(?<="id":)( ?)"[\w-]{12}"', "", printed)


@pytest.mark.parametrize("name", [*SERVERS, "powertools"])
def test_an_example_fits_on_a_screen(name: str) -> None:
    """An example that does not is none."""
    assert len((EXAMPLES / name / "app.py").read_text().splitlines()) <= MOST_LINES
