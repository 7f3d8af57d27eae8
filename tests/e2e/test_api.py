"""The deployed API, spoken to as any client does: signed HTTP. One session from its beginning to its end."""

import pytest

from devstack.clients import Clients
from devstack.signing import Answer, call
from devstack.stack import Stack
from sojourn.tokens import session_id
from tests.e2e.conftest import until


def create(stack: Stack, **body: object) -> dict[str, str]:
    """A new session's header."""
    answer = call(stack, "POST", "/sessions", body={"data": {"cart": []}, **body})
    assert answer.status == 201
    return {"session-token": answer.json()["token"]}


def get(stack: Stack, token: dict[str, str]) -> Answer:
    """Reading a session without renewing it."""
    return call(stack, "GET", "/session?touch=false", headers=token)


def is_stored(stack: Stack, token: dict[str, str]) -> bool:
    """Whether the item is in the table, dead or alive."""
    found = session_id(token["session-token"], namespace="default")
    key = {"session_id": {"S": f"default#{found}"}}
    return "Item" in Clients(stack.endpoint_url).dynamodb.get_item(TableName=stack.table, Key=key)


def test_a_session_lives_from_creation_to_expiry(stack: Stack) -> None:
    """What a client stores it reads back, and after expiry nobody does."""
    token = create(stack)
    etag = get(stack, token).headers["ETag"]
    put = call(stack, "PUT", "/session", headers=token | {"if-match": etag}, body={"data": {"cart": ["teapot"]}})
    assert put.status == 200
    assert get(stack, token).json()["data"] == {"cart": ["teapot"]}
    assert call(stack, "DELETE", "/session", headers=token).status == 204
    assert get(stack, token).status == 404
    assert not is_stored(stack, token)


def test_a_stale_write_is_refused(stack: Stack) -> None:
    """Two writers with the same version: the second is told, and the first one's data stays."""
    token = create(stack)
    header = token | {"if-match": get(stack, token).headers["ETag"]}
    assert call(stack, "PUT", "/session", headers=header, body={"data": {"writer": 1}}).status == 200
    assert call(stack, "PUT", "/session", headers=header, body={"data": {"writer": 2}}).status == 412
    assert get(stack, token).json()["data"] == {"writer": 1}


def test_a_rotation_kills_the_old_token_at_once(stack: Stack) -> None:
    """After login only the new token opens the session, with the document it had."""
    old = create(stack)
    rotated = call(stack, "POST", "/session/rotate", headers=old, body={"subject": "ada"})
    assert rotated.status == 200
    assert get(stack, old).status == 404
    new = {"session-token": rotated.json()["token"]}
    assert get(stack, new).json()["data"] == {"cart": []}


def test_a_session_past_its_deadline_is_dead_while_its_item_is_still_stored(stack: Stack) -> None:
    """Neither TTL nor the sweeper has to come by: whoever reads judges the deadline."""
    paths: list[tuple[str, str, object]] = [
        ("GET", "/session", None),
        ("PATCH", "/session", {"data": {"late": True}}),
        ("PUT", "/session", {"data": {}}),
        ("POST", "/session/touch", {}),
        ("POST", "/session/rotate", {}),
    ]
    tokens = [create(stack, idle=1) for _ in paths]
    last = create(stack, idle=1)
    until(lambda: get(stack, last).status == 404)
    for token, (method, path, body) in zip(tokens, paths, strict=True):
        assert is_stored(stack, token)
        kind = {"content-type": "application/merge-patch+json"} if method == "PATCH" else {}
        answer = call(stack, method, path, headers=token | kind | {"if-match": "*"}, body=body)
        assert answer.status == 404, (method, path, answer.body)


def test_a_large_document_overflows_and_leaves_nothing_behind(stack: Stack) -> None:
    """A document above the limit goes to the bucket and away with its session."""
    s3 = Clients(stack.endpoint_url).s3
    noise = "".join(chr(0x4E00 + (7919 * n) % 20_000) for n in range(60_000))
    token = create(stack, data={"essay": noise})
    found = session_id(token["session-token"], namespace="default")
    assert s3.list_objects_v2(Bucket=stack.bucket, Prefix=f"default/{found}/")["KeyCount"] == 1
    assert get(stack, token).json()["data"] == {"essay": noise}
    assert call(stack, "DELETE", "/session", headers=token).status == 204
    assert s3.list_objects_v2(Bucket=stack.bucket, Prefix=f"default/{found}/")["KeyCount"] == 0


def test_devices_are_listed_and_ended_by_subject(stack: Stack) -> None:
    """My devices, log one out, log the rest out."""
    tokens = [create(stack, subject="grace", label=name) for name in ("phone", "laptop", "tablet")]
    devices = call(stack, "GET", "/subjects/grace/sessions").json()["sessions"]
    assert {device["label"] for device in devices} == {"phone", "laptop", "tablet"}
    phone = next(device["id"] for device in devices if device["label"] == "phone")
    assert call(stack, "DELETE", f"/subjects/grace/sessions/{phone}").status == 204
    laptop = next(device["id"] for device in devices if device["label"] == "laptop")
    ended = call(stack, "DELETE", f"/subjects/grace/sessions?keep={laptop}")
    assert ended.json() == {"expired": 1}
    assert [get(stack, token).status for token in tokens] == [404, 200, 404]


@pytest.mark.parametrize("route", ["GET /session", "POST /sessions", "DELETE /session", "GET /subjects/ada/sessions"])
def test_an_unsigned_request_is_refused(stack: Stack, route: str) -> None:
    """Without credentials no route opens."""
    method, path = route.split()
    assert call(stack, method, path, is_signed=False).status in (401, 403)
