"""What the records backend makes of answers that are none, and what the records function refuses."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sojourn import ConfigurationError, CorruptSessionError, Settings, Store, StoreUnavailableError, open_store
from sojourn.backend import Mark, Match
from sojourn.backends.memory import MemoryBackend
from sojourn.backends.records import RecordsBackend
from sojourn.backends.wire import json_of
from sojourn.retry import Retry
from sojourn_service import Api
from sojourn_service.routes_records import CALLS, ROUTES
from tests.contract.records import a_record, key, written
from tests.contract.served import problem, silent
from tests.service.gateway import FakeContext

Reply = tuple[int, bytes]

pytestmark = pytest.mark.usefixtures("credentials")


@contextmanager
def answering(reply: Callable[[], Reply]) -> Iterator[str]:
    """A server that says the same to everything."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            status, content = reply()
            self.send_response_only(status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the name it has
            """Nothing."""

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, request: object, client_address: object) -> None:
            """Clients that give up."""

    server = Server(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


READS: dict[str, Callable[[RecordsBackend], object]] = {
    "load": lambda backend: backend.load(key()),
    "peek": lambda backend: backend.peek([key()]),
    "of_subject": lambda backend: backend.of_subject("app#ada", limit=1),
    "mark": lambda backend: backend.mark("app#!epoch#m"),
}
CHANGES: dict[str, Callable[[RecordsBackend], object]] = {
    "insert": lambda backend: backend.insert(a_record()),
    "replace": lambda backend: backend.replace(written(a_record()), seen=a_record(), now=1),
    "delete": lambda backend: backend.delete(key(), match=Match(version=1)),
    "set_mark": lambda backend: backend.set_mark("app#!epoch#m", Mark("x"), seen=None, expires_at=None),
}

# The answer, whether asking again can help, and whether a change may have happened.
ANSWERS: dict[str, tuple[Reply, bool, bool]] = {
    "away": (problem(503, "store-unavailable", outcome_unknown=False), True, False),
    "in doubt": (problem(503, "store-unavailable", outcome_unknown=True), True, True),
    "gateway": ((503, b'{"message":"Service Unavailable"}'), True, True),
    "timeout": ((504, b'{"message":"Endpoint request timed out"}'), True, True),
    "internal": (problem(500, "internal-error"), True, True),
    "throttled": ((429, b'{"message":"Too Many Requests"}'), True, False),
    "forbidden": ((403, b'{"message":"Forbidden"}'), False, False),
    "elsewhere": ((404, b"<html>"), False, False),
    "no such route": (problem(404, "no-such-route"), False, False),
    "invalid": (problem(422, "invalid-data"), False, False),
    "page": ((200, b"<html>"), True, True),
    "list": ((200, b"[]"), True, True),
    "empty": ((200, b"{}"), True, True),
    "deep": ((200, b'{"record": ' + b"[" * 100_000), True, True),
    "half": ((200, b'{"record": {'), True, True),
    "nothing": ((200, b""), True, True),
}


@pytest.mark.parametrize("answer", ANSWERS)
@pytest.mark.parametrize("call", [*READS, *CHANGES])
def test_what_is_no_answer_is_an_error_as_it_is(call: str, answer: str) -> None:
    """No refusal is an empty session, and whether the outcome is unknown is right."""
    reply, is_transient, outcome_unknown = ANSWERS[answer]
    with answering(lambda: reply) as url, pytest.raises(StoreUnavailableError) as told:
        (READS | CHANGES)[call](RecordsBackend(url))
    assert told.value.is_transient is is_transient
    assert told.value.outcome_unknown is (outcome_unknown and call in CHANGES)


def test_a_server_that_is_not_there_did_nothing() -> None:
    """And the deadline holds."""
    for url in ("http://127.0.0.1:1", "http://127.0.0.1:1/"):
        with pytest.raises(StoreUnavailableError) as told:
            CHANGES["insert"](RecordsBackend(url))
        assert not told.value.outcome_unknown
    with pytest.raises(StoreUnavailableError, match="no time"):
        Retry(attempt_seconds=0, attempts=1).within(0.5).run(
            lambda: READS["load"](RecordsBackend("http://127.0.0.1:1"))
        )


def test_what_cannot_be_read_is_no_missing_session() -> None:
    """It is corrupt there, so it is here."""
    with answering(lambda: problem(500, "corrupt-session")) as url, pytest.raises(CorruptSessionError):
        READS["load"](RecordsBackend(url))


def test_a_store_is_opened_by_its_url(monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment says which; both at once are a mistake, and no credentials are one."""
    with answering(lambda: (200, b'{"record": null, "mark": null}')) as url:
        assert open_store(Settings(records_url=url)).read("sjn_" + "A" * 36) is None
    with pytest.raises(ConfigurationError, match="set one of them"):
        open_store(Settings(records_url="http://127.0.0.1:1", table="sessions"))
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    with pytest.raises(ConfigurationError, match="region"):
        open_store(Settings(records_url="http://127.0.0.1:1"))


# ---- the function


@pytest.fixture
def ask() -> Callable[[object], tuple[int, Any]]:
    """Sends a body to the records function of the namespace ``app``."""
    backend = MemoryBackend()
    backend.insert(a_record())
    api = Api(Store(backend, Settings(namespace="app", max_bytes=1_000)), ROUTES, telemetry=silent())

    def send(body: object) -> tuple[int, Any]:
        event = {
            "routeKey": "POST /records",
            "headers": {"content-type": "application/json"},
            "requestContext": {"requestId": "1", "authorizer": {"iam": {"userArn": "arn:aws:iam::1:user/ada"}}},
            "body": body if isinstance(body, str) else json.dumps(body),
        }
        answer = api.handle(event, FakeContext())
        return answer["statusCode"], json.loads(answer["body"])

    return send


ONE = json_of(a_record())
KEY = key()
OTHER = KEY.replace("app#", "other#")
BAD: dict[str, object] = {
    "no call": {},
    "an unknown call": {"call": "scan"},
    "a call that is no text": {"call": ["load"]},
    "an attribute of a backend": {"call": "__init__"},
    "too many arguments": {"call": "load", "session_id": KEY, "now": 1},
    "an unknown argument": {"call": "load", "session_id": KEY, "more": 1},
    "no id": {"call": "load"},
    "an id that is no text": {"call": "load", "session_id": 1},
    "another namespace": {"call": "load", "session_id": OTHER},
    "a namespace that begins alike": {"call": "load", "session_id": key().replace("app#", "apple#")},
    "another namespace's list": {"call": "of_subject", "subject": "other#ada", "limit": 1},
    "another namespace's mark": {"call": "mark", "name": "other#!epoch#m"},
    "another namespace among ids": {"call": "peek", "session_ids": [KEY, OTHER]},
    "another namespace's record": {"call": "insert", "record": ONE | {"session_id": OTHER}},
    "another namespace's subject": {"call": "insert", "record": ONE | {"subject": "other#ada"}},
    "another namespace seen": {"call": "replace", "record": ONE, "seen": ONE | {"session_id": OTHER}, "now": 1},
    "another namespace deleted": {"call": "delete", "session_id": KEY, "match": {"subject": "other#ada"}},
    "nothing that must hold": {"call": "delete", "session_id": KEY, "match": {}},
    "no condition": {"call": "delete", "session_id": KEY},
    "a hash of another length": {"call": "insert", "record": ONE | {"token_hash": "AAAA"}},
    "a number out of bounds": {"call": "insert", "record": ONE | {"expires_at": 10**60}},
    "an id of another shape": {"call": "load", "session_id": "app#one"},
    "a control item for a session": {"call": "load", "session_id": "app#!not-before"},
    "a session for a control item": {"call": "mark", "name": KEY},
    "too many ids": {"call": "peek", "session_ids": [KEY] * 101},
    "ids that are no list": {"call": "peek", "session_ids": KEY},
    "no record": {"call": "insert"},
    "a record that is none": {"call": "insert", "record": []},
    "half a record": {"call": "insert", "record": {"session_id": KEY}},
    "a record with more": {"call": "insert", "record": ONE | {"more": 1}},
    "a record of other types": {"call": "insert", "record": ONE | {"version": "1"}},
    "a record with a truth for a number": {"call": "insert", "record": ONE | {"version": True}},
    "data that is no base64": {"call": "insert", "record": ONE | {"data": "!"}},
    "no time": {"call": "renew", "record": ONE, "seen": ONE},
    "half a mark": {"call": "set_mark", "name": "app#!epoch#m", "mark": {"value": "x"}},
    "no mark": {"call": "set_mark", "name": "app#!epoch#m"},
    "a mark that is none": {"call": "set_mark", "name": "app#!epoch#m", "mark": {"value": 1, "number": 1}},
    "a place that is none": {"call": "of_subject", "subject": "app#ada", "limit": 1, "after": ["x", 1]},
}


@pytest.mark.parametrize("body", BAD.values(), ids=BAD)
def test_what_is_no_call_is_refused(ask: Callable[[object], tuple[int, Any]], body: object) -> None:
    """With where it is wrong; nothing was done."""
    status, told = ask(body)
    assert (status, told["type"]) == (422, "urn:sojourn:problem:invalid-data")


def test_every_call_of_a_backend_is_served(ask: Callable[[object], tuple[int, Any]]) -> None:
    """And no more; too large a body is not even parsed."""
    calls = {name for name in vars(RecordsBackend) if not name.startswith("_")} - {"sweep", "load_with_mark"}
    assert set(CALLS) == calls
    assert ask({"call": "load", "session_id": KEY})[1]["record"]["version"] == 1
    assert ask({"call": "load", "session_id": key("none")}) == (200, {"record": None})
    assert ask('{"call": "load", "session_id": "' + "x" * 20_000 + '"}')[0] == 413


_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text() | st.sampled_from([KEY]),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from([*ONE, "value", "x"]), inner, max_size=4)
    ),
    max_leaves=8,
)
_names = st.sampled_from(sorted({name for _, names in CALLS.values() for name in names} | {"x"}))


@settings(max_examples=500, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    call=st.sampled_from(sorted(CALLS)) | _values, arguments=st.dictionaries(_names, _values | st.just(ONE), max_size=4)
)
def test_nothing_that_is_sent_breaks_the_function(
    ask: Callable[[object], tuple[int, Any]], call: object, arguments: dict[str, object]
) -> None:
    """It is done, or refused."""
    assert ask({"call": call, **arguments})[0] in (200, 400, 413, 422)
