"""The deployed API, spoken to as any client does: signed HTTP. One session from its beginning to its end."""

from concurrent.futures import ThreadPoolExecutor
from urllib.parse import quote

import pytest

from devstack.clients import Clients
from devstack.signing import Answer, call
from devstack.stack import Stack
from tests.e2e.conftest import until


def create(stack: Stack, **body: object) -> dict[str, str]:
    """A new session's header."""
    answer = call(stack, "POST", "/sessions", body={"data": {"cart": []}, **body})
    assert answer.status == 201
    return {"session-token": answer.json()["token"]}


def get(stack: Stack, token: dict[str, str]) -> Answer:
    """Reading a session without renewing it."""
    return call(stack, "GET", "/session?touch=false", headers=token)


def id_of(token: dict[str, str]) -> str:
    """The id that a token begins with."""
    return token["session-token"][4:16]


def is_stored(stack: Stack, token: dict[str, str]) -> bool:
    """Whether the item is in the table, dead or alive."""
    key = {"session_id": {"S": f"default#{id_of(token)}"}}
    return "Item" in Clients(stack.endpoint_url).dynamodb.get_item(TableName=stack.table, Key=key)


def test_a_session_lives_from_creation_to_expiry(stack: Stack) -> None:
    """What a client stores it reads back, and after expiry no client does."""
    token = create(stack)
    etag = get(stack, token).headers["ETag"]
    put = call(stack, "PUT", "/session", headers=token | {"if-match": etag}, body={"data": {"cart": ["teapot"]}})
    assert put.status == 200
    assert get(stack, token).json()["data"] == {"cart": ["teapot"]}
    assert call(stack, "DELETE", "/session", headers=token).status == 204
    assert get(stack, token).status == 404
    assert not is_stored(stack, token)


def test_a_stale_write_is_refused(stack: Stack) -> None:
    """Two writers with the same version: the second is refused, and the first one's data stays."""
    token = create(stack)
    header = token | {"if-match": get(stack, token).headers["ETag"]}
    assert call(stack, "PUT", "/session", headers=header, body={"data": {"writer": 1}}).status == 200
    assert call(stack, "PUT", "/session", headers=header, body={"data": {"writer": 2}}).status == 412
    assert get(stack, token).json()["data"] == {"writer": 1}


def test_a_rotation_kills_the_old_token_at_once(stack: Stack) -> None:
    """Only the new token opens the session, which is the same; the old one is known for what it was."""
    old = create(stack)
    rotated = call(stack, "POST", "/session/rotate", headers=old)
    assert rotated.status == 200
    refused = get(stack, old)
    assert (refused.status, refused.json()["type"]) == (404, "urn:sojourn:problem:token-superseded")
    new = {"session-token": rotated.json()["token"]}
    read = get(stack, new).json()
    assert (read["id"], read["data"], read["version"]) == (id_of(old), {"cart": []}, 2)


def test_a_login_makes_the_session_the_subjects(stack: Stack) -> None:
    """With its document, and for as long as the application says, in one item that stays where it is."""
    old = create(stack, label="phone")
    body = {"subject": "ada/lovelace", "idle": 1_209_600, "absolute": 2_592_000}
    answer = call(stack, "POST", "/session/login", headers=old, body=body)
    assert answer.status == 200
    new = answer.json()
    assert (new["id"], new["data"], new["subject"], new["label"]) == (id_of(old), {"cart": []}, "ada/lovelace", "phone")
    assert new["absolute_at"] - new["created_at"] >= 2_592_000
    assert get(stack, old).json()["type"] == "urn:sojourn:problem:token-superseded"
    assert call(stack, "DELETE", "/session", headers={"session-token": new["token"]}).status == 204


def test_a_session_past_its_deadline_is_dead_while_its_item_is_still_stored(stack: Stack) -> None:
    """Neither TTL nor the sweeper has to come by: each reader judges the deadline."""
    paths: list[tuple[str, str, object]] = [
        ("GET", "/session", None),
        ("PATCH", "/session", {"data": {"late": True}}),
        ("PUT", "/session", {"data": {}}),
        ("POST", "/session/touch", {}),
        ("POST", "/session/rotate", {}),
        ("POST", "/session/login", {"subject": "late"}),
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
    found = id_of(token)
    assert s3.list_objects_v2(Bucket=stack.bucket, Prefix=f"default/{found}/")["KeyCount"] == 1
    assert get(stack, token).json()["data"] == {"essay": noise}
    assert call(stack, "DELETE", "/session", headers=token).status == 204
    assert s3.list_objects_v2(Bucket=stack.bucket, Prefix=f"default/{found}/")["KeyCount"] == 0


def of(subject: str) -> str:
    """The query that names a subject."""
    return f"subject={quote(subject, safe='')}"


def test_devices_are_listed_and_ended_by_subject(stack: Stack) -> None:
    """My devices, log one out, log the rest out; a device that rotates its token stays the one it is."""
    tokens = [create(stack, subject="grace", label=name) for name in ("phone", "laptop", "tablet")]
    devices = call(stack, "GET", f"/sessions?{of('grace')}").json()["sessions"]
    assert {device["label"] for device in devices} == {"phone", "laptop", "tablet"}
    phone = next(device["id"] for device in devices if device["label"] == "phone")
    rotated = call(stack, "POST", "/session/rotate", headers=tokens[0])
    tokens[0] = {"session-token": rotated.json()["token"]}
    assert call(stack, "DELETE", f"/sessions/{phone}?{of('grace')}").status == 204
    laptop = next(device["id"] for device in devices if device["label"] == "laptop")
    ended = call(stack, "DELETE", f"/sessions?keep={laptop}&{of('grace')}")
    assert ended.json() == {"expired": 1, "more": False}
    assert [get(stack, token).status for token in tokens] == [404, 200, 404]


@pytest.mark.parametrize(
    "subject", ["a/b", "100%", "%2F", "?subject=grace", "a&b", "a+b c", "Zo\xeb \U0001f98a", "/sessions/x"]
)
def test_a_subject_may_hold_any_character(stack: Stack, subject: str) -> None:
    """It passes a real gateway and a real signature as it is."""
    token = create(stack, subject=subject)
    (device,) = call(stack, "GET", f"/sessions?{of(subject)}").json()["sessions"]
    assert device["id"] == id_of(token)
    assert call(stack, "DELETE", f"/sessions/{device['id']}?{of('somebody')}").status == 204
    assert get(stack, token).status == 200
    assert call(stack, "DELETE", f"/sessions?{of(subject)}").json() == {"expired": 1, "more": False}
    assert get(stack, token).status == 404


def test_a_subject_that_is_given_twice_ends_nothing(stack: Stack) -> None:
    """Whichever a gateway would take."""
    token = create(stack, subject="twice")
    for method, path in (("GET", "/sessions"), ("DELETE", "/sessions"), ("DELETE", f"/sessions/{id_of(token)}")):
        answer = call(stack, method, f"{path}?{of('twice')}&{of('twice')}")
        assert (answer.status, answer.json()["parameter"]) == (400, "subject")
    assert get(stack, token).status == 200


@pytest.mark.slow
def test_all_of_many_sessions_end(stack: Stack) -> None:
    """1,500 of one subject: at the first request, or at the next one when time runs out and the answer says so."""
    with ThreadPoolExecutor(8) as threads:
        tokens = list(threads.map(lambda _: create(stack, subject="many"), range(1_500)))
    first = call(stack, "DELETE", f"/sessions?{of('many')}")
    assert first.status == 200
    expired, more = first.json()["expired"], first.json()["more"]
    while more:
        answer = call(stack, "DELETE", f"/sessions?{of('many')}").json()
        expired, more = expired + answer["expired"], answer["more"]
    assert expired == 1_500
    assert [get(stack, token).status for token in tokens[::100]] == [404] * 15


def test_an_empty_id_ends_nothing(stack: Stack) -> None:
    """Whatever the gateway makes of the slash at the end, it is not all sessions of the subject."""
    token = create(stack, subject="careful")
    assert call(stack, "DELETE", f"/sessions/?{of('careful')}").status == 404
    assert get(stack, token).status == 200


@pytest.mark.parametrize(
    "route", ["GET /session", "POST /sessions", "DELETE /session", "POST /session/login", "GET /sessions?subject=ada"]
)
def test_an_unsigned_request_is_refused(stack: Stack, route: str) -> None:
    """Without credentials no route opens."""
    method, path = route.split()
    assert call(stack, method, path, is_signed=False).status in (401, 403)
