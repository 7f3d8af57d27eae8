"""POST /sessions."""

import base64
import json

import pytest

from sojourn.settings import Settings
from sojourn.store import Store
from sojourn.testing import FakeClock
from tests.service.gateway import Gateway


def test_a_new_session_is_answered_with_its_token_and_all_that_is_known_of_it(
    gateway: Gateway, clock: FakeClock
) -> None:
    """The caller needs no second request, and cannot ask for the token again."""
    answer = gateway.send("POST", "/sessions", body={"data": {"cart": []}, "subject": "user-42", "label": "phone"})
    assert answer.status == 201
    assert answer.headers["ETag"] == '"1"'
    session = answer.json()
    assert list(session) == [
        "token",
        "id",
        "data",
        "version",
        "created_at",
        "expires_at",
        "absolute_at",
        "subject",
        "label",
    ]
    assert session["data"] == {"cart": []}
    assert (session["created_at"], session["expires_at"]) == (clock(), clock() + Settings().idle_seconds)
    assert (session["subject"], session["label"]) == ("user-42", "phone")


def test_a_token_begins_with_the_id_of_its_session(gateway: Gateway) -> None:
    """40 characters: a mark, the id, the secret."""
    session = gateway.create()
    assert (len(session["token"]), len(session["id"])) == (40, 12)
    assert session["token"].startswith(f"sjn_{session['id']}")


def test_what_was_created_is_what_the_library_reads(gateway: Gateway, store: Store) -> None:
    """The API and the library are two doors to the same room."""
    session = store.read(gateway.create({"cart": ["teapot"]})["token"])
    assert session is not None
    assert dict(session) == {"cart": ["teapot"]}


def test_lifetimes_of_a_session_may_be_its_own(gateway: Gateway, clock: FakeClock) -> None:
    """Idle and absolute seconds of one session differ from the store's."""
    session = gateway.create(idle=60, absolute=600)
    assert session["expires_at"] == clock() + 60
    assert session["absolute_at"] == clock() + 600


def test_the_longest_lifetimes_are_kept(gateway: Gateway, clock: FakeClock) -> None:
    """Ninety days, as the settings say."""
    session = gateway.create(idle=90 * 86_400, absolute=90 * 86_400)
    assert session["expires_at"] == session["absolute_at"] == clock() + 90 * 86_400


def test_subject_and_label_are_brought_to_one_spelling(gateway: Gateway) -> None:
    """Unicode's normal form C: two spellings of one name are one subject."""
    session = gateway.create(subject="zoe\u0308", label="Zoe\u0308s phone")
    assert (session["subject"], session["label"]) == ("zo\xeb", "Zo\xebs phone")


def test_null_counts_as_absent(gateway: Gateway) -> None:
    """A client whose serializer writes every field is understood."""
    assert gateway.create(subject=None, label=None, idle=None, absolute=None)["subject"] is None


def test_values_that_json_has_no_word_for_travel_tagged(gateway: Gateway, store: Store) -> None:
    """What a client sends tagged is a value of its own type to the library, and tagged again to a client."""
    tagged = {"seen": {"$datetime": "2023-11-14T22:13:20+00:00"}, "raw": {"$bytes": "AAE="}}
    created = gateway.create(tagged)
    session = store.read(created["token"])
    assert session is not None
    assert session["raw"] == b"\x00\x01"
    assert created["data"] == tagged


def test_a_body_may_arrive_base64_encoded(gateway: Gateway) -> None:
    """The gateway decides that by content type, in its own way."""
    answer = gateway.send("POST", "/sessions", body={"data": {"name": "Zoë"}}, is_base64=True)
    assert answer.json()["data"] == {"name": "Zoë"}


@pytest.mark.parametrize(
    "content_type", ["application/json; charset=utf-8", 'application/json;charset="UTF-8"', "Application/JSON"]
)
def test_a_content_type_may_be_spelt_as_http_allows(gateway: Gateway, content_type: str) -> None:
    """Parameters and capitals are no reason to refuse."""
    assert gateway.send("POST", "/sessions", body={"data": {}}, headers={"content-type": content_type}).status == 201


@pytest.mark.parametrize(
    "headers",
    [
        {"content-type": "application/x-www-form-urlencoded"},
        {"content-type": "text/plain"},
        {"content-type": ""},
        {"content-type": "application/json; charset=latin-1"},
        {"content-type": "application/merge-patch+json"},
        {"content-type": "application/json" + ";a=b" * 200},
        {"content-encoding": "gzip"},
    ],
)
def test_another_media_type_is_refused(gateway: Gateway, headers: dict[str, str]) -> None:
    """Guessing what a body means is how it comes to mean two things."""
    answer = gateway.send("POST", "/sessions", body={"data": {}}, headers=headers)
    assert (answer.status, answer.problem()) == (415, "unsupported-media-type")
    assert answer.headers["Accept-Post"] == "application/json"


@pytest.mark.parametrize("unit", [";", "a=b;", '";', ";*0=a", '"', " "])
def test_a_long_content_type_is_not_parsed(gateway: Gateway, unit: str) -> None:
    """The gateway lets ten kilobytes through, an event written by hand any number; parsing takes the square of it."""
    headers = {"content-type": "application/json" + (unit * 36_000)[:36_000]}
    assert gateway.send("POST", "/sessions", body={"data": {}}, headers=headers).problem() == "unsupported-media-type"


@pytest.mark.parametrize(
    "body",
    [
        "",
        "{",
        "[]",
        "null",
        '{"data":{}} x',
        '{"data":{"a":1,"a":2}}',
        '{"data":{},"data":{}}',
        '{"data":{"a":NaN}}',
        '{"data":{"a":-Infinity}}',
        '\ufeff{"data":{}}',
        '{"data":{"a":"\ud800"}}',
    ],
)
def test_what_is_not_one_json_object_is_malformed(gateway: Gateway, body: str) -> None:
    """Where two parsers could disagree there is nothing to parse."""
    answer = gateway.send("POST", "/sessions", body=body)
    assert (answer.status, answer.problem()) == (400, "malformed-request")


@pytest.mark.parametrize(
    "body", ["!!!", "é", "eyJk!YXRhIjp7fX0=", "eyJkYXRhIjp7fX", base64.b64encode(b'{"data":{"a":"\xff"}}').decode()]
)
def test_a_body_that_cannot_be_decoded_is_malformed(gateway: Gateway, body: str) -> None:
    """Neither broken base64 nor broken UTF-8 is repaired."""
    headers = {"content-type": "application/json"}
    key, event = gateway.event("POST", "/sessions", headers=headers, content=body, is_base64=True)
    answer = gateway.deliver(key, event)
    assert (answer.status, answer.problem()) == (400, "malformed-request")


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({}, "/data"),
        ({"data": []}, "/data"),
        ({"data": None}, "/data"),
        ({"data": {"a": {"$nonsense": 1}}}, "/data/a/$nonsense"),
        ({"data": {"a": [1, {"b/c~d": {"$date": "today"}}]}}, "/data/a/1/b~1c~0d/$date"),
        ({"data": {"a": "\ud800"}}, "/data/a"),
        ({"data": {"a": 10**700}}, "/data/a"),
        ({"data": {}, "ttl": 5}, "/ttl"),
        ({"data": {}, "a/b": 5}, "/a~1b"),
        ({"data": {}, "subject": 42}, "/subject"),
        ({"data": {}, "subject": ""}, "/subject"),
        ({"data": {}, "subject": "x" * 513}, "/subject"),
        ({"data": {}, "subject": "\ud800"}, "/subject"),
        ({"data": {}, "subject": "ann\n"}, "/subject"),
        ({"data": {}, "subject": "a\x85b"}, "/subject"),
        ({"data": {}, "subject": "\u202enna"}, "/subject"),
        ({"data": {}, "label": ["phone"]}, "/label"),
        ({"data": {}, "label": "x" * 257}, "/label"),
        ({"data": {}, "label": ""}, "/label"),
        ({"data": {}, "label": "pho\x00ne"}, "/label"),
        ({"data": {}, "label": "phone \u2066"}, "/label"),
        ({"data": {}, "idle": "60"}, "/idle"),
        ({"data": {}, "idle": 60.0}, "/idle"),
        ({"data": {}, "idle": True}, "/idle"),
        ({"data": {}, "idle": 0}, "/idle"),
        ({"data": {}, "idle": 90 * 86_400 + 1}, "/idle"),
        ({"data": {}, "absolute": 10**9}, "/absolute"),
        ({"data": {}, "absolute": 90 * 86_400 + 1}, "/absolute"),
    ],
)
def test_a_field_that_cannot_be_kept_is_pointed_at(gateway: Gateway, body: object, pointer: str) -> None:
    """The client learns where, and the answer does not repeat what. A lifetime is refused, never shortened."""
    answer = gateway.send("POST", "/sessions", body=body)
    assert (answer.status, answer.problem()) == (422, "invalid-data")
    assert answer.json()["pointer"] == pointer


def test_a_number_too_large_for_a_float_is_no_document(gateway: Gateway) -> None:
    """Python reads 1e999 as infinity, which JSON could not say again."""
    answer = gateway.send("POST", "/sessions", body='{"data":{"a":1e999}}')
    assert (answer.status, answer.json()["pointer"]) == (422, "/data/a")


@pytest.mark.parametrize("depth", [17, 100, 900])
def test_a_document_nested_too_deeply_is_refused(gateway: Gateway, depth: int) -> None:
    """Sixteen levels are allowed, the document itself being the first."""
    body = '{"data":' + '{"a":' * (depth - 1) + "{}" + "}" * (depth - 1) + "}"
    answer = gateway.send("POST", "/sessions", body=body)
    assert (answer.status, answer.problem()) == (422, "invalid-data")


def test_nesting_without_end_is_refused_by_the_parser(gateway: Gateway) -> None:
    """What would exhaust the parser's stack is malformed, not an internal error."""
    answer = gateway.send("POST", "/sessions", body="[" * 20_000)
    assert (answer.status, answer.problem()) == (400, "malformed-request")


def test_a_document_above_the_limit_is_refused_with_both_sizes(gateway: Gateway) -> None:
    """A client that gets the limit and the size knows what to do."""
    answer = gateway.send("POST", "/sessions", body={"data": {"a": "x" * 4096}})
    assert (answer.status, answer.problem()) == (413, "session-too-large")
    assert answer.json()["limit"] == 4096
    assert answer.json()["size"] == len('{"a":""}') + 4096


def test_a_body_that_no_document_could_need_is_not_even_parsed(gateway: Gateway) -> None:
    """It is refused by its size although it is not JSON at all."""
    limit = 3 * 4096 + 8192
    assert gateway.send("POST", "/sessions", body="x" * limit).status == 400
    answer = gateway.send("POST", "/sessions", body="x" * (limit + 1))
    assert (answer.status, answer.problem()) == (413, "body-too-large")
    assert (answer.json()["limit"], answer.json()["size"]) == (limit, limit + 1)


def test_a_document_written_with_escapes_is_judged_by_what_it_says(gateway: Gateway) -> None:
    """``json.dumps`` writes two bytes as six; the document does not grow by it."""
    data = {"a": "é" * 2000}
    body = json.dumps({"data": data})
    assert len(body) > 2 * 4096
    assert gateway.send("POST", "/sessions", body=body).json()["data"] == data
