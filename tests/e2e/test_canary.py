"""The deployed functions leave no token anywhere: not in their logs at DEBUG, nor in the table or the bucket."""

from contextlib import suppress
from urllib.parse import quote

from devstack.clients import Clients
from devstack.signing import call
from devstack.stack import Stack
from sojourn.tokens import parsed
from tests.e2e.conftest import until
from tests.proofs.canary.needles import Needles
from tests.proofs.canary.places import Places, dumped

FUNCTIONS = ("read", "write", "expire", "sweep")


def test_the_deployed_functions_leave_no_token(stack: Stack) -> None:
    """After every route, with sound tokens, dead ones and wrong ones."""
    tokens = lived(stack)
    places = Places()
    until(lambda: all(lines_of(stack, name) for name in FUNCTIONS[:3]))
    for name in FUNCTIONS:
        places.add(f"log of {name}", lines_of(stack, name))
    dumped(stack.endpoint_url, stack.table, stack.bucket, places)
    assert {name for name, written in places.written.items() if any(written)} >= {"table None", "bucket", "log of read"}
    found = [token for text in tokens if (token := parsed(text))]
    assert len(found) == len(tokens) == 7
    assert places.betrayed(Needles(*[token.secret_bytes() for token in found])) == {}
    # What may be there is there: an id, which stays the same.
    assert found[0].session_id == found[1].session_id == found[2].session_id
    assert found[0].session_id in lines_of(stack, "read")


def lived(stack: Stack) -> list[str]:
    """Sessions, small and large, through every route; their tokens."""
    tokens = []
    noise = "".join(chr(0x4E00 + (7919 * n) % 20_000) for n in range(60_000))
    for data in ({"a": 1}, {"essay": noise}):
        token = call(stack, "POST", "/sessions", body={"data": data, "subject": "ada"}).json()["token"]
        header = {"session-token": token}
        patch = header | {"content-type": "application/merge-patch+json"}
        assert call(stack, "GET", "/session", headers=header).status == 200
        assert call(stack, "PATCH", "/session", headers=patch, body={"data": {"b": 1}}).status == 200
        assert call(stack, "POST", "/session/touch", headers=header, body={"idle": 900}).status == 200
        rotated = call(stack, "POST", "/session/rotate", headers=header, body={}).json()["token"]
        header = {"session-token": rotated}
        logged_in = call(stack, "POST", "/session/login", headers=header, body={"subject": "eve"}).json()["token"]
        tokens += [token, rotated, logged_in]
    ended = call(stack, "POST", "/sessions", body={"data": {}}).json()["token"]
    assert call(stack, "DELETE", "/session", headers={"session-token": ended}).status == 204
    for wrong in (*tokens, ended, ended[:-1], f"{ended},{tokens[1]}", f"Bearer {tokens[1]}"):
        for method, path in (
            ("GET", "/session"),
            ("PUT", "/session"),
            ("POST", "/session/rotate"),
            ("POST", "/session/login"),
        ):
            with suppress(OSError):
                call(stack, method, path, headers={"session-token": wrong, "if-match": wrong}, body={"data": [wrong]})
            call(stack, method, f"{path}?token={quote(wrong)}", headers={"authorization-token": wrong})
    return [*tokens, ended]


def lines_of(stack: Stack, name: str) -> str:
    """All that a function logged, its metrics included."""
    logs = Clients(stack.endpoint_url).logs
    pages = logs.get_paginator("filter_log_events").paginate(logGroupName=f"/aws/lambda/{stack.stack_name}-{name}")
    return "\n".join(event["message"] for page in pages for event in page["events"])
