"""express-session's own tests on our sessions. No registry has them: see the reason of the skip."""

import json
import os
import subprocess
from pathlib import Path

import pytest

from tests.adapters.upstream.api import served
from tests.support.express.node import NODE, PACKAGES, SUPPORT

SOURCE = os.environ.get("EXPRESS_SESSION_SOURCE")

LEFT_OUT = {
    "Gives ids of its own; Sojourn gives them": (
        "genid option should allow custom function",
        "genid option should encode unsafe chars",
        "genid option should provide req argument",
    ),
    "Keeps the id that a session had before it was stored": (
        "should handle reserved properties in storage",
        "when response ended should have saved session with updated cookie expiration",
    ),
    "Lets a session live for milliseconds; Sojourn counts seconds, and renews when a tenth of the time has passed": (
        "when session expired in store should create a new session",
        "when session expired in store should have a new sid",
        "when session expired in store should not exist in store",
        "req.session .touch() should reset session expiration",
    ),
    "Counts calls of set; the second one, under the token that the first one got, calls no API": (
        "req.session .save() should prevent end-of-request save",
        "req.session .save() should prevent end-of-request save on reloaded session",
        "req.session .save() when saveUninitialized is false should prevent end-of-request save",
    ),
    "Stores a session without its cookie and expects that it breaks": (
        "when session without cookie property in store should pass error from inflate",
    ),
    "Expects the end of a session that was never stored": ("unset option should pass session destroy error",),
    "Expects the head to be gone when the page has ended; it waits for the session": (
        "res.end patch should error when res.end is called twice",
    ),
}


def reported(source: str) -> dict[str, list[dict[str, str]]]:
    """What mocha says of each test."""
    mocha = str(Path(source) / "node_modules" / ".bin" / "mocha")
    loaded = ("--require", "./test/support/env", "--require", str(SUPPORT / "their_tests.js"))
    with served() as url:
        done = subprocess.run(  # noqa: S603  # what the developer has named
            [NODE, mocha, *loaded, "--exit", "--reporter", "json", "test/"],
            check=False,
            capture_output=True,
            text=True,
            cwd=source,
            env={**os.environ, "NODE_PATH": str(PACKAGES), "SOJOURN_API_URL": url},
        )
    found: dict[str, list[dict[str, str]]] = json.loads(done.stdout[done.stdout.index("{\n") :])
    return found


@pytest.mark.skipif(
    not SOURCE, reason="no source of express-session: EXPRESS_SESSION_SOURCE=its repository, after npm install there"
)
def test_express_sessions_own_tests_pass() -> None:
    """But for those that are left out, each of which fails."""
    report = reported(SOURCE or "")
    failed = {test["fullTitle"].removeprefix("session() ") for test in report["failures"]}
    assert failed == {name for names in LEFT_OUT.values() for name in names}
    assert len(report["passes"]) >= 145
