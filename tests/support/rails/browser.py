"""The application of this folder and a browser for it. Not what is expected of them: see ``logins``."""

import http.client
import json
import os
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from devstack.layout import ROOT, free_port
from tests.support.rails.ruby import RUBY

APP = ROOT / "tests" / "support" / "rails" / "app.rb"


@dataclass
class Browser:
    """Keeps the cookies of one host."""

    port: int
    jar: dict[str, str] = field(default_factory=dict)
    last: list[str] = field(default_factory=list)

    @property
    def token(self) -> str:
        """What is in the cookie of the session."""
        return self.jar["__Host-session"]

    def get(self, path: str, *, method: str = "GET") -> tuple[int, str]:
        """A status and a page."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        line = "; ".join(f"{name}={value}" for name, value in self.jar.items())
        try:
            connection.request(method, path, headers={"Cookie": line} if line else {})
            answer = connection.getresponse()
            self.last = answer.msg.get_all("Set-Cookie", [])
            for cookie in self.last:
                name, _, value = cookie.partition(";")[0].partition("=")
                self.jar[name] = value
                if "max-age=0" in cookie.lower():
                    del self.jar[name]
            return answer.status, answer.read().decode()
        finally:
            connection.close()

    def post(self, path: str) -> int:
        """The status."""
        return self.get(path, method="POST")[0]

    def shows(self) -> Any:  # noqa: ANN401  # JSON
        """What is in the session."""
        status, body = self.get("/show")
        assert status == 200
        return json.loads(body)

    def twin(self) -> Self:
        """Another tab."""
        return type(self)(self.port, dict(self.jar))


@contextmanager
def application(others: Mapping[str, str], *, command: Sequence[str] = (RUBY, str(APP))) -> Iterator[Browser]:
    """Started with no settings of AWS or Sojourn but ``others`` in its environment."""
    port = free_port()
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "SOJOURN_"))}
    server = subprocess.Popen([*command, str(port)], env={**inherited, **others})  # noqa: S603  # our own
    try:
        deadline = time.monotonic() + 120
        while not _listens(port):
            assert server.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.1)
        yield Browser(port)
    finally:
        server.terminate()
        server.wait()


def _listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


def meanwhile(
    browser: Browser,
    folder: Path,
    then: Callable[[Browser], object],
    *,
    page: str = "/slow/me",
    method: str = "GET",
) -> tuple[int, str]:
    """A page that takes its time, and what happens in another tab while it does."""
    other, told = browser.twin(), list[tuple[int, str]]()
    started, go_on = folder / "started", folder / "go_on"
    path = f"{page}?started={started}&go_on={go_on}"
    slow = threading.Thread(target=lambda: told.append(browser.get(path, method=method)))
    slow.start()
    deadline = time.monotonic() + 30
    while not started.exists():
        assert time.monotonic() < deadline
        time.sleep(0.02)
    then(other)
    go_on.touch()
    slow.join()
    return told[0]
