"""POST /session/rotate."""

import pytest

from sojourn.testing import FakeClock
from tests.integration.gateway import Gateway


def test_a_rotation_gives_a_new_token_and_keeps_the_rest(gateway: Gateway, clock: FakeClock) -> None:
    """Document, subject, label and the absolute deadline go with it; the version shows that it was written."""
    old = gateway.create({"cart": ["teapot"]}, subject="user-42", label="phone")
    clock.advance(60)
    answer = gateway.send("POST", "/session/rotate", token=old["token"])
    new = answer.json()
    assert (answer.status, answer.headers["ETag"]) == (200, '"2"')
    assert new["token"] != old["token"]
    assert new["id"] != old["id"]
    kept = ("data", "subject", "label", "created_at", "absolute_at")
    assert [new[name] for name in kept] == [old[name] for name in kept]


def test_the_new_token_opens_the_session_and_the_old_one_nothing(gateway: Gateway) -> None:
    """From the moment of the answer on."""
    old = gateway.create()["token"]
    new = gateway.send("POST", "/session/rotate", token=old).json()["token"]
    assert gateway.send("GET", "/session", token=new).status == 200
    assert gateway.send("GET", "/session", token=old).status == 404


@pytest.mark.parametrize(
    ("body", "subject", "label"),
    [
        ({}, "ann", "phone"),
        ({"subject": "ben"}, "ben", "phone"),
        ({"label": "laptop"}, "ann", "laptop"),
        ({"subject": None}, None, "phone"),
        ({"subject": "ben", "label": None}, "ben", None),
    ],
)
def test_a_string_sets_null_removes_and_absence_keeps(
    gateway: Gateway, body: object, subject: str | None, label: str | None
) -> None:
    """At login the session gets its subject; at logout it may lose it."""
    token = gateway.create(subject="ann", label="phone")["token"]
    answer = gateway.send("POST", "/session/rotate", token=token, body=body).json()
    assert (answer["subject"], answer["label"]) == (subject, label)


@pytest.mark.parametrize(
    ("body", "pointer"), [({"subject": 1}, "/subject"), ({"label": ""}, "/label"), ({"data": {}}, "/data")]
)
def test_a_field_that_cannot_be_kept_leaves_the_old_token_alive(gateway: Gateway, body: object, pointer: str) -> None:
    """Refused before anything was asked of the store."""
    token = gateway.create()["token"]
    answer = gateway.send("POST", "/session/rotate", token=token, body=body)
    assert (answer.status, answer.json()["pointer"]) == (422, pointer)
    assert gateway.send("GET", "/session", token=token).status == 200
