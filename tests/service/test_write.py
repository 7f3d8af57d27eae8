"""PUT and PATCH /session."""

import itertools
from typing import Final, Protocol

import pytest

from sojourn.store import Store
from sojourn.testing import FakeClock, memory_store
from tests.service.gateway import Answer, Gateway
from tests.service.races import Act, OvertakenBackend

LIMIT: Final = 5
"""How often the API reapplies a change that lost against others."""


@pytest.fixture
def backend() -> OvertakenBackend:
    """Others may be faster."""
    return OvertakenBackend()


@pytest.fixture
def store(clock: FakeClock, backend: OvertakenBackend) -> Store:
    """The store that the functions use."""
    return memory_store(clock=clock, backend=backend)


class Send(Protocol):
    """``put`` or ``patch``."""

    def __call__(self, gateway: Gateway, token: str, data: object, *, match: str | None) -> Answer:
        """One request that writes ``data``."""


Data = dict[str, object]


def change(store: Store, token: str, **members: object) -> Act:
    """What another request does: one write of these keys."""

    def act() -> None:
        session = store.read(token, touch=False)
        assert session is not None
        session.update(members)
        store.write(session)

    return act


def counted_up(store: Store, token: str, key: str) -> Act:
    """What another request does: a write of ``key``, to another value each time."""
    numbers = itertools.count(1)

    def act() -> None:
        change(store, token, **{key: next(numbers)})()

    return act


def put(gateway: Gateway, token: str, data: object, *, match: str | None) -> Answer:
    """A whole document in the place of the version that ``match`` names."""
    headers = {} if match is None else {"if-match": match}
    return gateway.send("PUT", "/session", token=token, headers=headers, body={"data": data})


def patch(gateway: Gateway, token: str, data: object, *, match: str | None = None) -> Answer:
    """A merge patch of the document."""
    headers = {} if match is None else {"if-match": match}
    return gateway.send("PATCH", "/session", token=token, headers=headers, body={"data": data})


def stored(gateway: Gateway, token: str) -> object:
    """The document as the next reader sees it."""
    return gateway.send("GET", "/session?touch=false", token=token).json()["data"]


def test_a_whole_document_takes_the_place_of_the_version_it_names(gateway: Gateway) -> None:
    """What is not in the new document is gone."""
    token = gateway.create({"cart": [], "theme": "dark"})["token"]
    answer = put(gateway, token, {"cart": ["teapot"]}, match='"1"')
    assert (answer.status, answer.headers["ETag"]) == (200, '"2"')
    assert answer.json()["data"] == stored(gateway, token) == {"cart": ["teapot"]}
    assert "token" not in answer.json()


def test_replacing_needs_a_condition(gateway: Gateway) -> None:
    """Without one, a lost update would be the default."""
    token = gateway.create({"a": 1})["token"]
    answer = put(gateway, token, {}, match=None)
    assert (answer.status, answer.problem()) == (428, "precondition-required")
    assert stored(gateway, token) == {"a": 1}


@pytest.mark.parametrize("match", ['"2"', 'W/"1"', '"1x"', '"7", W/"1"'])
@pytest.mark.parametrize("send", [put, patch])
def test_a_version_that_is_not_the_current_one_is_refused(gateway: Gateway, send: Send, match: str) -> None:
    """If-Match compares strongly: RFC 9110, section 13.1.1."""
    token = gateway.create({"a": 1})["token"]
    answer = send(gateway, token, {"a": 2}, match=match)
    assert (answer.status, answer.problem()) == (412, "precondition-failed")
    assert stored(gateway, token) == {"a": 1}


@pytest.mark.parametrize("match", ['"1"', '"9", "1"', "*"])
@pytest.mark.parametrize("send", [put, patch])
def test_a_condition_that_holds_lets_the_write_through(gateway: Gateway, send: Send, match: str) -> None:
    """One of several versions is enough, and the star names any."""
    token = gateway.create({"a": 1})["token"]
    assert send(gateway, token, {"a": 2}, match=match).status == 200
    assert stored(gateway, token) == {"a": 2}


@pytest.mark.parametrize("match", ["", "1", '"1', "**"])
@pytest.mark.parametrize("send", [put, patch])
def test_a_condition_that_is_none_is_malformed(gateway: Gateway, send: Send, match: str) -> None:
    """Taken for absent, it would let through what it was to stop."""
    answer = send(gateway, gateway.create()["token"], {}, match=match)
    assert (answer.status, answer.json()["header"]) == (400, "If-Match")


@pytest.mark.parametrize("send", [put, patch])
def test_of_two_writers_with_the_same_version_the_slower_is_refused(
    gateway: Gateway, store: Store, backend: OvertakenBackend, send: Send
) -> None:
    """Also when the faster one comes between our reading and our writing, and touched other keys only."""
    token = gateway.create({"a": 1})["token"]
    backend.meanwhile, backend.times = change(store, token, b=2), 1
    assert send(gateway, token, {"a": 3}, match='"1"').status == 412
    assert stored(gateway, token) == {"a": 1, "b": 2}


@pytest.mark.parametrize("send", [put, patch])
def test_a_faster_writer_of_the_same_and_more_refuses_the_slower_too(
    gateway: Gateway, store: Store, backend: OvertakenBackend, send: Send
) -> None:
    """Our edits are all there, but the version is not ours and the document holds a key we did not write."""
    token = gateway.create({"a": 1})["token"]
    backend.meanwhile, backend.times = change(store, token, a=3, b=2), 1
    assert send(gateway, token, {"a": 3}, match='"1"').status == 412


def test_overwriting_on_purpose_wins_over_a_faster_writer(
    gateway: Gateway, store: Store, backend: OvertakenBackend
) -> None:
    """The star says: whatever is there. Nothing of it remains."""
    token = gateway.create({"a": 1})["token"]
    backend.meanwhile, backend.times = counted_up(store, token, "b"), LIMIT - 1
    answer = put(gateway, token, {"a": 3}, match="*")
    assert answer.status == 200
    assert stored(gateway, token) == {"a": 3}


def test_overwriting_leaves_nothing_of_a_faster_writer_of_the_same_and_more(
    gateway: Gateway, store: Store, backend: OvertakenBackend
) -> None:
    """That our edits are all there is not enough: more than them is there."""
    token = gateway.create({"a": 1})["token"]
    backend.meanwhile, backend.times = change(store, token, a=3, b=2), 1
    assert put(gateway, token, {"a": 3}, match="*").json()["data"] == {"a": 3}


def test_a_writer_that_loses_every_time_gets_a_conflict(
    gateway: Gateway, store: Store, backend: OvertakenBackend
) -> None:
    """An end to trying, and the keys it was about."""
    token = gateway.create({"a": 0})["token"]
    backend.meanwhile = counted_up(store, token, "a")
    for send in (put, patch):
        backend.times = LIMIT
        answer = send(gateway, token, {"a": -1}, match="*")
        assert (answer.status, answer.problem(), answer.json()["keys"]) == (409, "conflict", ["a"])


def test_replacing_a_document_by_itself_writes_nothing_but_is_use(gateway: Gateway, clock: FakeClock) -> None:
    """The version stays, the deadline moves."""
    session = gateway.create({"a": 1})
    clock.advance(600)
    answer = put(gateway, session["token"], {"a": 1}, match='"1"')
    assert answer.headers["ETag"] == '"1"'
    assert answer.json()["expires_at"] == session["expires_at"] + 600


def test_writing_renews_the_idle_deadline(gateway: Gateway, clock: FakeClock) -> None:
    """To the second, since the item is written anyway."""
    session = gateway.create({"a": 1})
    clock.advance(5)
    assert put(gateway, session["token"], {"a": 2}, match="*").json()["expires_at"] == session["expires_at"] + 5


@pytest.mark.parametrize(
    ("before", "change", "after"),
    [
        ({"a": 1}, {"b": 2}, {"a": 1, "b": 2}),
        ({"a": 1, "b": 2}, {"a": None}, {"b": 2}),
        ({"a": {"b": 1, "c": 2}}, {"a": {"b": None, "d": 3}}, {"a": {"c": 2, "d": 3}}),
        ({"a": [1, 2]}, {"a": [3]}, {"a": [3]}),
        ({"a": 1}, {"a": {"b": {"c": None}}}, {"a": {"b": {}}}),
        ({"at": {"$date": "2023-11-14"}}, {"at": {"$date": "2024-01-01"}}, {"at": {"$date": "2024-01-01"}}),
        ({"n": 1}, {"n": {"$decimal": "1.50"}}, {"n": {"$decimal": "1.50"}}),
        ({"a": 1}, {}, {"a": 1}),
    ],
)
def test_a_patch_merges_as_rfc_7396_says(gateway: Gateway, before: Data, change: Data, after: Data) -> None:
    """Objects merge, null removes, anything else replaces; tagged values are JSON like any other."""
    token = gateway.create(before)["token"]
    assert patch(gateway, token, change).json()["data"] == stored(gateway, token) == after


def test_a_patch_keeps_what_others_write_at_the_same_time(
    gateway: Gateway, store: Store, backend: OvertakenBackend
) -> None:
    """Different keys are no conflict."""
    token = gateway.create({"a": 1})["token"]
    backend.meanwhile, backend.times = change(store, token, b=2), 1
    assert patch(gateway, token, {"c": 3}).json()["data"] == {"a": 1, "b": 2, "c": 3}


def test_a_patch_outlasts_any_number_of_writers_of_other_keys(
    gateway: Gateway, store: Store, backend: OvertakenBackend
) -> None:
    """They merge inside the store; nothing has to be read again for it."""
    token = gateway.create({"a": 1})["token"]
    backend.meanwhile, backend.times = counted_up(store, token, "b"), 4 * LIMIT
    assert patch(gateway, token, {"c": 3}).json()["data"] == {"a": 1, "b": 4 * LIMIT, "c": 3}


def test_documents_that_are_flawless_alone_may_not_be_so_together(
    gateway: Gateway, store: Store, backend: OvertakenBackend
) -> None:
    """Neither writer sent too many values; the pointer leads through the field ``data`` all the same."""
    token = gateway.create()["token"]
    backend.meanwhile, backend.times = change(store, token, theirs=[0] * 40_000), 1
    answer = patch(gateway, token, {"ours": [0] * 40_000})
    assert (answer.status, answer.json()["pointer"]) == (422, "/data/ours")
    assert stored(gateway, token) == {"theirs": [0] * 40_000}


def test_a_write_pays_for_no_renewal_besides(gateway: Gateway, clock: FakeClock, backend: OvertakenBackend) -> None:
    """It renews the session itself, so reading before it must not."""
    token = gateway.create({"a": 1})["token"]
    clock.advance(600)
    assert patch(gateway, token, {"a": 2}).status == 200
    assert put(gateway, token, {"a": 3}, match="*").status == 200
    assert backend.renewals == 0


def test_a_patch_of_the_same_key_is_applied_again_to_what_others_wrote(
    gateway: Gateway, store: Store, backend: OvertakenBackend
) -> None:
    """Both changed the key ``a``, at different places in it: both changes are there."""
    token = gateway.create({"a": {}})["token"]
    backend.meanwhile, backend.times = change(store, token, a={"theirs": 1}), 1
    assert patch(gateway, token, {"a": {"ours": 2}}).json()["data"] == {"a": {"theirs": 1, "ours": 2}}


@pytest.mark.parametrize("data", [None, [], "x", 1])
def test_a_patch_cannot_make_a_document_something_else(gateway: Gateway, data: object) -> None:
    """RFC 7396 would replace the whole; a session's document is an object."""
    answer = patch(gateway, gateway.create()["token"], data)
    assert (answer.status, answer.json()["pointer"]) == (422, "/data")


def test_only_the_document_can_be_patched(gateway: Gateway) -> None:
    """The rest of what GET shows is the store's to say."""
    answer = gateway.send("PATCH", "/session", token=gateway.create()["token"], body={"data": {}, "subject": "eve"})
    assert (answer.status, answer.json()["pointer"]) == (422, "/subject")


@pytest.mark.parametrize("content_type", ["application/json", "application/json-patch+json", ""])
def test_a_patch_must_say_that_it_is_a_merge_patch(gateway: Gateway, content_type: str) -> None:
    """There is more than one kind of patch; the answer names ours (RFC 5789, Accept-Patch)."""
    token = gateway.create()["token"]
    answer = gateway.send("PATCH", "/session", token=token, headers={"content-type": content_type}, body={"data": {}})
    assert answer.status == 415
    assert answer.headers["Accept-Patch"] == "application/merge-patch+json"


@pytest.mark.parametrize("depth", [17, 500])
def test_a_patch_nested_too_deeply_is_refused(gateway: Gateway, depth: int) -> None:
    """Also where the document would forgive it, because it only removes."""
    body = '{"data":' + '{"a":' * depth + "null" + "}" * depth + "}"
    answer = gateway.send("PATCH", "/session", token=gateway.create()["token"], body=body)
    assert (answer.status, answer.problem()) == (422, "invalid-data")


def test_a_refused_write_leaves_the_document_as_it_was(gateway: Gateway) -> None:
    """Too large after the merge, although the patch alone is not."""
    token = gateway.create({"a": "x" * 700_000})["token"]
    answer = patch(gateway, token, {"b": "x" * 700_000})
    assert (answer.status, answer.problem()) == (413, "session-too-large")
    assert stored(gateway, token) == {"a": "x" * 700_000}


@pytest.mark.parametrize("send", [put, patch])
def test_an_error_points_into_the_body(gateway: Gateway, send: Send) -> None:
    """The pointer is the same for every route that takes data."""
    answer = send(gateway, gateway.create()["token"], {"a": [{"$uuid": "no"}]}, match="*")
    assert (answer.status, answer.json()["pointer"]) == (422, "/data/a/0/$uuid")
