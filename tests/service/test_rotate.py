"""POST /session/rotate."""

import pytest

from sojourn.testing import FakeClock
from tests.service.gateway import Gateway


@pytest.mark.parametrize("body", [None, {}])
def test_a_rotation_gives_a_new_token_and_keeps_the_rest(gateway: Gateway, clock: FakeClock, body: object) -> None:
    """Id, document, subject, label and the absolute deadline stay; the version shows that it was written."""
    old = gateway.create({"cart": ["teapot"]}, subject="user-42", label="phone")
    clock.advance(60)
    answer = gateway.send("POST", "/session/rotate", token=old["token"], body=body)
    new = answer.json()
    assert (answer.status, answer.headers["ETag"]) == (200, '"2"')
    assert new["token"] != old["token"]
    kept = ("id", "data", "subject", "label", "created_at", "absolute_at")
    assert [new[name] for name in kept] == [old[name] for name in kept]
    assert list(new) == list(old)


def test_the_new_token_opens_the_session_and_the_old_one_nothing(gateway: Gateway) -> None:
    """From the moment of the answer on."""
    old = gateway.create()["token"]
    new = gateway.send("POST", "/session/rotate", token=old).json()["token"]
    assert gateway.send("GET", "/session", token=new).status == 200
    assert gateway.send("GET", "/session", token=old).status == 404


def test_a_device_that_rotates_is_the_same_in_the_list(gateway: Gateway) -> None:
    """Its id from before still ends it."""
    session = gateway.create(subject="ann")
    new = gateway.send("POST", "/session/rotate", token=session["token"]).json()["token"]
    (entry,) = gateway.send("GET", "/sessions?subject=ann").json()["sessions"]
    assert entry["id"] == session["id"]
    assert gateway.send("DELETE", f"/sessions/{session['id']}?subject=ann").status == 204
    assert gateway.send("GET", "/session", token=new).status == 404


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"subject": "ben"}, "/subject"),
        ({"label": None}, "/label"),
        ({"idle": 60}, "/idle"),
        ({"data": {}}, "/data"),
        ({"a/b": 1}, "/a~1b"),
    ],
)
def test_a_rotation_changes_nothing_else(gateway: Gateway, body: object, pointer: str) -> None:
    """Each field is refused, and the old token lives: a subject changes by a login alone."""
    token = gateway.create(subject="ann")["token"]
    answer = gateway.send("POST", "/session/rotate", token=token, body=body)
    assert (answer.status, answer.json()["pointer"]) == (422, pointer)
    assert gateway.send("GET", "/session", token=token).json()["version"] == 1


@pytest.mark.parametrize("body", ["[]", "null", "{", '""'])
def test_a_body_that_is_no_object_is_malformed(gateway: Gateway, body: str) -> None:
    """An empty one alone stands for an empty object."""
    token = gateway.create()["token"]
    assert gateway.send("POST", "/session/rotate", token=token, body=body).problem() == "malformed-request"
    assert gateway.send("GET", "/session", token=token).status == 200
