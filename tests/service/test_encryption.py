"""The HTTP API over a store that takes nothing but encrypted documents."""

import io
import json

import pytest

from sojourn import Settings, Store
from sojourn.backends.memory import MemoryBackend
from sojourn.document.sealing import FORMAT
from sojourn.testing import FakeClock, memory_store
from tests.service.gateway import Gateway

CANARY = "hunter2-canary"


@pytest.fixture
def store(clock: FakeClock, backend: MemoryBackend) -> Store:
    """The store that the functions use."""
    return memory_store(clock=clock, backend=backend, settings=Settings(encryption="required"))


def test_every_route_serves_encrypted_sessions(gateway: Gateway, backend: MemoryBackend, stream: io.StringIO) -> None:
    """As it serves others; the table and the log hold nothing of them."""
    created = gateway.create({"secret": CANARY}, subject="ada", label="phone")
    token, stored = created["token"], _documents(backend)
    changes = {
        "GET /session": {},
        "PATCH /session": {"data": {CANARY: "added"}},
        "PUT /session": {"data": {"secret": CANARY}},
        "POST /session/touch": {"idle": 60},
        "POST /session/rotate": {},
        "POST /session/login": {"subject": "ada"},
    }
    for route, body in changes.items():
        method, path = route.split()
        headers = {"if-match": "*"} if method == "PUT" else {}
        answer = gateway.send(method, path, token=token, headers=headers, body=body or None)
        assert answer.status == 200, answer.body
        token = answer.json().get("token", token)
        stored |= _documents(backend)
    read = gateway.send("GET", "/session", token=token).json()
    assert (read["data"], read["version"]) == ({"secret": CANARY}, 5)
    assert len(stored) == 5
    assert all(data[0] == FORMAT and CANARY.encode() not in data for data in stored)
    (entry,) = gateway.send("GET", "/sessions?subject=ada").json()["sessions"]
    assert (entry["id"], entry["label"]) == (read["id"], "phone")
    assert gateway.send("DELETE", "/sessions?subject=ada").json() == {"expired": 1, "more": False}
    assert CANARY not in stream.getvalue()


def test_a_document_that_does_not_open_is_an_error_of_ours(
    gateway: Gateway, backend: MemoryBackend, stream: io.StringIO
) -> None:
    """The client learns no more than that, the log says why, and neither what it held."""
    plain = memory_store(backend=backend).create({"secret": CANARY})
    answer = gateway.send("GET", "/session", token=plain.token)
    assert answer.status == 500
    (line,) = (json.loads(text) for text in stream.getvalue().splitlines())
    assert "not encrypted" in line["detail"]
    assert "encrypt" not in answer.body
    assert not any(secret in answer.body + stream.getvalue() for secret in (CANARY, plain.token))


def _documents(backend: MemoryBackend) -> set[bytes]:
    return {record.data for record in backend._records.values() if record.data}
