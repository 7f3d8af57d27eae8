"""A browser of one page at a time: a cookie jar of the simplest kind, and requests that end in time. Knows no store."""

import json
import time
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from http.cookies import SimpleCookie
from typing import Any


@dataclass(frozen=True, slots=True)
class Page:
    """An answer; status 0 where there was none in time."""

    status: int
    text: str
    seconds: float

    @property
    def shown(self) -> dict[str, Any]:
        """What the page shows of the session; nothing where it is an error."""
        return json.loads(self.text) if self.status == 200 else {}


@dataclass
class Browser:
    """Visits one application; copies with the same cookies are tabs."""

    url: str
    jar: dict[str, str] = field(default_factory=dict)

    def tab(self, url: str | None = None) -> "Browser":
        """Another one with the cookies of now, at another worker if ``url`` says so."""
        return Browser(url or self.url, dict(self.jar))

    def get(self, path: str, *, timeout: float = 60) -> Page:
        """A page to look at."""
        return self._fetch(path, None, timeout)

    def post(self, path: str, body: object = None, *, timeout: float = 60) -> Page:
        """A page that changes something."""
        return self._fetch(path, b"" if body is None else json.dumps(body).encode(), timeout)

    def _fetch(self, path: str, body: bytes | None, timeout: float) -> Page:
        request = urllib.request.Request(self.url + path, body, {"Content-Type": "application/json"})
        if self.jar:
            request.add_header("Cookie", "; ".join(f"{name}={value}" for name, value in self.jar.items()))
        begun = time.monotonic()
        try:
            with urllib.request.urlopen(request, timeout=timeout) as answer:
                status, text, headers = answer.status, answer.read().decode(), answer.headers
        except urllib.error.HTTPError as error:
            with error:
                status, text, headers = error.code, error.read().decode(errors="replace"), error.headers
        except (TimeoutError, urllib.error.URLError, ConnectionError):
            return Page(0, "", time.monotonic() - begun)
        for line in headers.get_all("Set-Cookie") or []:
            self._keep(line)
        return Page(status, text, time.monotonic() - begun)

    def _keep(self, line: str) -> None:
        for name, morsel in SimpleCookie(line).items():
            if morsel.coded_value in ("", '""') or morsel["max-age"] == "0" or "1970" in morsel["expires"]:
                self.jar.pop(name, None)
            else:
                self.jar[name] = morsel.coded_value
