"""POST /records: a backend's calls, each argument judged by type, shape, bounds and namespace."""

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

import pytest

from sojourn import Settings, Store
from sojourn.backend import Mark, Match, Page, Position, Record, Refused
from sojourn.backends.memory import MemoryBackend
from sojourn.backends.wire import json_of, match_json, record_of
from sojourn.errors import StoreUnavailableError
from sojourn.names import object_of
from sojourn.retry import Retry
from sojourn_service import Api, Telemetry
from sojourn_service.routes_records import ROUTES
from tests.contract.records import NOW, a_hash, a_record, a_write_id, key, rotated, written
from tests.service.gateway import FakeContext

Ask = Callable[..., tuple[int, Any]]

SESSION: Final = key("one")
NOT_BEFORE: Final = "app#!not-before"


class OverflowingBackend(MemoryBackend):
    """Puts every document elsewhere, names what is not the caller's in lists, and counts calls that it refuses."""

    def __init__(self) -> None:
        super().__init__()
        self.overflows = False
        self.failures = 0
        self.is_away = False
        self.reads: list[bool] = []

    def load(self, session_id: str, *, is_consistent: bool = True) -> Record | None:
        """As in memory, and written down."""
        self.reads.append(is_consistent)
        return super().load(session_id, is_consistent=is_consistent)

    def insert(self, record: Record) -> Record | Refused:
        """As in memory; the answer says where the document went."""
        if self.is_away:
            self.failures += 1
            raise StoreUnavailableError("throttled", is_transient=True)
        outcome = super().insert(record)
        return self._moved(outcome)

    def replace(self, record: Record, *, seen: Record, now: int) -> Record | Refused:
        """As in memory; the answer says where the document went."""
        return self._moved(super().replace(record, seen=seen, now=now))

    def of_subject(self, subject: str, *, limit: int, after: Position | None = None) -> Page:
        """As in memory, with a position that a neighbour in the table wrote."""
        page = super().of_subject(subject, limit=limit, after=after)
        return replace(page, positions=(*page.positions, Position(1, "other#AAAAAAAAAAAA")))

    def peeked(self) -> Record:
        """The one session."""
        record = self.load(SESSION)
        assert record is not None
        return record

    def _moved(self, outcome: Record | Refused) -> Record | Refused:
        if isinstance(outcome, Refused) or not self.overflows:
            return outcome
        return replace(outcome, data=None, overflow=object_of(outcome.session_id, outcome.write_id))


@pytest.fixture
def backend() -> OverflowingBackend:
    """With one session in it."""
    backend = OverflowingBackend()
    backend.insert(a_record(subject="app#ann"))
    return backend


@pytest.fixture
def ask(backend: MemoryBackend, telemetry: Telemetry) -> Ask:
    """Sends a call to the records function of the namespace ``app``."""
    store = Store(
        backend, Settings(namespace="app", max_bytes=10_000), retry=Retry(attempts=3, sleep=lambda _seconds: None)
    )
    api = Api(store, ROUTES, telemetry=telemetry)

    def send(call: object, **arguments: object) -> tuple[int, Any]:
        event = {
            "routeKey": "POST /records",
            "headers": {"content-type": "application/json"},
            "requestContext": {"requestId": "1", "authorizer": {"iam": {"userArn": "arn:aws:iam::1:user/ada"}}},
            "body": json.dumps({"call": call, **arguments}),
        }
        answer = api.handle(event, FakeContext())
        return answer["statusCode"], json.loads(answer["body"])

    return send


# ---- the calls


def test_a_session_is_inserted_and_loaded(ask: Ask, backend: OverflowingBackend) -> None:
    """What was sent is not sent back, but for where the document went."""
    record = a_record("two", label="Zoë's phone", epoch="e", sweep_shard="63", sweep_at=NOW)
    assert ask("insert", record=json_of(record)) == (200, {"overflow": None})
    assert backend.load(record.session_id) == record
    status, answer = ask("load", session_id=record.session_id)
    assert status == 200
    assert answer.keys() == {"record"}
    assert record_of(answer["record"], path="record") == record
    assert ask("load", session_id=key("none"), is_consistent=False) == (200, {"record": None})


def test_a_session_comes_with_the_mark_in_one_call(ask: Ask, backend: OverflowingBackend) -> None:
    """Both in one answer, either of which may be missing."""
    assert ask("load", session_id=key("none"), mark=NOT_BEFORE) == (200, {"record": None, "mark": None})
    backend.set_mark(NOT_BEFORE, Mark("", 7), seen=None, expires_at=None)
    status, answer = ask("load", session_id=SESSION, mark=NOT_BEFORE)
    assert (status, answer["mark"]) == (200, {"value": "", "number": 7})
    assert answer["record"]["session_id"] == SESSION


@pytest.mark.parametrize(
    ("given", "is_consistent"), [({}, True), ({"is_consistent": True}, True), ({"is_consistent": False}, False)]
)
def test_a_read_is_strongly_consistent_unless_the_caller_says_otherwise(
    ask: Ask, backend: OverflowingBackend, given: dict[str, object], is_consistent: bool
) -> None:
    """Half the price is the caller's to choose."""
    ask("load", session_id=SESSION, **given)
    assert backend.reads == [is_consistent]


def test_an_id_that_is_taken_is_refused_with_what_is_there(ask: Ask, backend: OverflowingBackend) -> None:
    """As every condition that does not hold."""
    other = a_record(token_hash=a_hash("other"))
    assert ask("insert", record=json_of(other)) == (200, {"refused": True, "current": json_of(backend.peeked())})
    assert backend.peeked().token_hash == a_hash("one")


def test_a_document_is_replaced_and_a_refusal_shows_the_current_one(ask: Ask, backend: OverflowingBackend) -> None:
    """With its token: a rotation is a replacement like any other."""
    seen = backend.peeked()
    new = rotated(seen)
    given = {"record": json_of(new), "seen": json_of(seen, has_data=False), "now": NOW}
    assert ask("replace", **given) == (200, {"overflow": None})
    assert backend.peeked().token_hash == new.token_hash
    status, answer = ask("replace", **given)
    assert (status, answer["refused"]) == (200, True)
    assert record_of(answer["current"], path="current") == backend.peeked()


def test_a_deadline_is_renewed(ask: Ask, backend: OverflowingBackend) -> None:
    """And a session that is gone is refused with nothing."""
    seen = backend.peeked()
    later = replace(seen, expires_at=seen.expires_at + 5)
    given = {"record": json_of(later), "seen": json_of(seen, has_data=False), "now": NOW}
    assert ask("renew", **given) == (200, {"overflow": None})
    assert backend.peeked().expires_at == later.expires_at
    backend.delete(SESSION, match=Match(version=1))
    assert ask("renew", **given) == (200, {"refused": True, "current": None})


def test_the_answer_says_where_a_large_document_went(ask: Ask, backend: OverflowingBackend) -> None:
    """The library then knows the object that the item points to."""
    backend.overflows = True
    record = a_record("large")
    assert ask("insert", record=json_of(record)) == (200, {"overflow": object_of(record.session_id, record.write_id)})
    new = written(record)
    answer = ask("replace", record=json_of(new), seen=json_of(record, has_data=False), now=NOW)
    assert answer == (200, {"overflow": object_of(record.session_id, new.write_id)})


def test_a_document_is_fetched(ask: Ask) -> None:
    """For a record whose document lies elsewhere; one that was replaced meanwhile is not there."""
    status, answer = ask("document", record=json_of(a_record(data=b"\x01\x00{}")))
    assert (status, record_of(answer["record"], path="record").data) == (200, b"\x01\x00{}")
    assert ask("document", record=json_of(a_record(), has_data=False)) == (200, {"record": None})


class ForbiddenObjects(OverflowingBackend):
    """S3's answer to one that may not list: 403, whether the object is missing or really forbidden."""

    def document(self, record: Record) -> bytes | None:  # noqa: ARG002  # whichever it is
        """None of them."""
        raise StoreUnavailableError("s3:GetObject is not allowed")


def test_a_document_that_was_replaced_while_it_was_fetched_is_not_there(telemetry: Telemetry) -> None:
    """The library then looks again; one that the item still points to is really forbidden."""
    backend = ForbiddenObjects()
    backend.overflows = True
    old = backend.insert(a_record())
    assert isinstance(old, Record)
    backend._records[SESSION] = old  # as the table has it, whose backend puts the document elsewhere
    api = Api(Store(backend, Settings(namespace="app")), ROUTES, telemetry=telemetry)

    def ask() -> tuple[int, Any]:
        event = {
            "routeKey": "POST /records",
            "headers": {"content-type": "application/json"},
            "requestContext": {"requestId": "1", "authorizer": {"iam": {"userArn": "arn:aws:iam::1:user/ada"}}},
            "body": json.dumps({"call": "document", "record": json_of(old)}),
        }
        answer = api.handle(event, FakeContext())
        return answer["statusCode"], json.loads(answer["body"])

    assert ask()[0] == 503
    backend._records[SESSION] = replace(old, overflow=object_of(SESSION, a_write_id("new")), version=2)
    assert ask() == (200, {"record": None})
    del backend._records[SESSION]
    assert ask() == (200, {"record": None})


@pytest.mark.parametrize(
    "match", [Match(token_hash=a_hash("one")), Match(subject="app#ann"), Match(version=1, expires_at=NOW + 1_800)]
)
def test_a_session_is_deleted_if_it_still_holds_what_was_seen(
    ask: Ask, backend: OverflowingBackend, match: Match
) -> None:
    """Its token's hash, its subject, its version or its deadline."""
    assert ask("delete", session_id=SESSION, match=match_json(match)) == (200, {"deleted": True})
    assert ask("delete", session_id=SESSION, match=match_json(match)) == (200, {"deleted": False, "current": None})
    assert backend.load(SESSION) is None


@pytest.mark.parametrize(
    "match", [Match(token_hash=a_hash("two")), Match(subject="app#ben"), Match(version=1, rotated_at=NOW)]
)
def test_a_session_that_holds_something_else_is_not_deleted(
    ask: Ask, backend: OverflowingBackend, match: Match
) -> None:
    """The answer shows what it holds: a logout that was in flight looks at its former tokens."""
    status, answer = ask("delete", session_id=SESSION, match=match_json(match))
    assert (status, answer["deleted"]) == (200, False)
    assert record_of(answer["current"], path="current") == backend.peeked()


def test_a_list_holds_no_hash_and_no_document(ask: Ask) -> None:
    """A list of devices needs neither."""
    status, answer = ask("peek", session_ids=[SESSION, key("none")])
    (listed,) = answer["records"]
    assert status == 200
    assert not {"token_hash", "former_hashes", "data"} & listed.keys()
    assert record_of(listed, path="record", is_listed=True).session_id == SESSION
    assert ask("peek", session_ids=[]) == (200, {"records": []})


def test_a_list_names_no_session_of_another_namespace(ask: Ask) -> None:
    """The index may: an application that may write another namespace could name this subject there."""
    assert ask("of_subject", subject="app#ann", limit=10) == (200, {"positions": [[NOW, SESSION]], "after": None})


def test_a_list_goes_on_after_a_position(ask: Ask, backend: OverflowingBackend) -> None:
    """Each page says where."""
    backend.insert(a_record("two", subject="app#ann", created_at=NOW - 5))
    page = {"positions": [[NOW, SESSION]], "after": [NOW, SESSION]}
    assert ask("of_subject", subject="app#ann", limit=1) == (200, page)
    last = {"positions": [[NOW - 5, key("two")]], "after": None}
    assert ask("of_subject", subject="app#ann", limit=1, after=page["after"]) == (200, last)


@pytest.mark.parametrize(
    "name", [NOT_BEFORE, "app#!epoch#ann#/ë", f"app#!lock#{SESSION[4:]}", "app#!adopted#" + "a" * 43]
)
def test_control_items_are_read_and_written_as_what_they_are(ask: Ask, name: str) -> None:
    """Only if what is there is still what was seen."""
    first, second = {"value": "a", "number": 1}, {"value": "b", "number": 2**53 - 1}
    assert ask("mark", name=name) == (200, {"mark": None})
    assert ask("set_mark", name=name, mark=first, expires_at=NOW) == (200, {"mark": first})
    assert ask("set_mark", name=name, mark=second) == (200, {"mark": first})
    assert ask("set_mark", name=name, mark=second, seen=first) == (200, {"mark": second})
    assert ask("mark", name=name) == (200, {"mark": second})


def test_no_call_is_retried_here(ask: Ask, backend: OverflowingBackend) -> None:
    """The library retries: three times three would be nine."""
    backend.is_away = True
    status, answer = ask("insert", record=json_of(a_record("two")))
    assert (status, answer["type"], answer["outcome_unknown"]) == (503, "urn:sojourn:problem:store-unavailable", False)
    assert backend.failures == 1


# ---- what is refused

RECORD: Final = json_of(a_record(subject="app#ann"))
SEEN: Final = json_of(a_record(subject="app#ann"), has_data=False)
THEIRS: Final = key("two").replace("app", "other")
SHORT: Final = "QUFB"  # base64 of three bytes

BAD_RECORDS: Final[dict[str, dict[str, object]]] = {
    "another namespace": {"session_id": THEIRS},
    "a namespace that begins alike": {"session_id": "apple#AAAAAAAAAAAA"},
    "no namespace": {"session_id": "AAAAAAAAAAAA"},
    "a short id": {"session_id": "app#AAAAAAAAAAA"},
    "a long id": {"session_id": "app#AAAAAAAAAAAAA"},
    "an id with a slash": {"session_id": "app#AAAAAA/AAAAA"},
    "an id with a line break": {"session_id": "app#AAAAAAAAAAAA\n"},
    "a control item": {"session_id": NOT_BEFORE},
    "a lock": {"session_id": f"app#!lock#{SESSION[4:]}"},
    "another namespace's subject": {"subject": "other#ann"},
    "a subject without a namespace": {"subject": "ann"},
    "an empty subject": {"subject": "app#"},
    "a long subject": {"subject": "app#" + "x" * 513},
    "a subject with a control character": {"subject": "app#a\nb"},
    "a subject in another spelling": {"subject": "app#zoe\u0308"},
    "another session's object": {"overflow": object_of(key("two"), a_write_id("x"))},
    "another namespace's object": {"overflow": object_of(SESSION, a_write_id("x")).replace("app/", "other/")},
    "an object without a name": {"overflow": object_of(SESSION, "")},
    "an object with a path": {"overflow": object_of(SESSION, "../../../other/x")},
    "a write id with a path": {"write_id": "../../other/xxxx"},
    "a short write id": {"write_id": "x"},
    "a long write id": {"write_id": "x" * 17},
    "an empty label": {"label": ""},
    "a long label": {"label": "x" * 257},
    "a label that changes the direction": {"label": "\u202ephone"},
    "a long epoch": {"epoch": "x" * 65},
    "a shard that is no number": {"sweep_shard": "x"},
    "a shard in other digits": {"sweep_shard": "٣"},
    "a large shard": {"sweep_shard": "10240"},
    "a short hash": {"token_hash": SHORT},
    "an empty hash": {"token_hash": ""},
    "short former hashes": {"former_hashes": SHORT},
    "a hash that is no base64": {"token_hash": "!"},
    "a negative number": {"version": -1},
    "a large number": {"version": 2**53},
    "a fraction": {"version": 1.5},
    "a truth for a number": {"version": True},
    "an instant of no calendar": {"expires_at": 10**12},
    "an instant before all": {"created_at": -1},
    "a rotation of no calendar": {"rotated_at": 10**60},
    "text for a number": {"idle": "1"},
    "a number for text": {"label": 1},
    "a member too many": {"more": 1},
}


@pytest.mark.parametrize("fault", BAD_RECORDS.values(), ids=BAD_RECORDS)
@pytest.mark.parametrize("call", ["insert", "document", "replace", "renew", "seen"])
def test_a_record_that_the_library_would_not_have_sent_is_refused(
    ask: Ask, backend: OverflowingBackend, call: str, fault: dict[str, object]
) -> None:
    """With the way to what is wrong; and nothing is stored."""
    before = dict(backend._records)
    bad, now = RECORD | fault, {"now": NOW} if call not in ("insert", "document") else {}
    member = "seen" if call == "seen" else "record"
    other = {"seen": SEEN} if call in ("replace", "renew") else {}
    other |= {"record": RECORD} if call == "seen" else {}
    status, answer = ask("replace" if call == "seen" else call, **{member: bad}, **other, **now)
    assert (status, answer["type"]) == (422, "urn:sojourn:problem:invalid-data")
    (name,) = fault
    assert answer["pointer"].startswith(f"/{member}")
    assert name in answer["pointer"] + answer["detail"]
    assert backend._records == before


BAD: Final[dict[str, dict[str, object]]] = {
    "load a control item": {"call": "load", "session_id": NOT_BEFORE},
    "load another namespace": {"call": "load", "session_id": THEIRS},
    "load without an id": {"call": "load"},
    "load a list": {"call": "load", "session_id": [SESSION]},
    "load with a session for a mark": {"call": "load", "session_id": SESSION, "mark": SESSION},
    "load with another namespace's mark": {"call": "load", "session_id": SESSION, "mark": "other#!not-before"},
    "load with a flag that is none": {"call": "load", "session_id": SESSION, "is_consistent": "no"},
    "replace another session": {
        "call": "replace",
        "record": RECORD | {"session_id": key("two")},
        "seen": SEEN,
        "now": 1,
    },
    "renew another session": {"call": "renew", "record": RECORD | {"session_id": key("two")}, "seen": SEEN, "now": 1},
    "replace without a time": {"call": "replace", "record": RECORD, "seen": SEEN},
    "replace at no time": {"call": "replace", "record": RECORD, "seen": SEEN, "now": -1},
    "replace beyond all calendars": {"call": "replace", "record": RECORD, "seen": SEEN, "now": 10**12},
    "replace at a fraction": {"call": "replace", "record": RECORD, "seen": SEEN, "now": 1.0},
    "replace at a truth": {"call": "replace", "record": RECORD, "seen": SEEN, "now": True},
    "replace what was not seen": {"call": "replace", "record": RECORD, "now": 1},
    "delete without a condition": {"call": "delete", "session_id": SESSION},
    "delete on no condition": {"call": "delete", "session_id": SESSION, "match": {}},
    "delete on null": {"call": "delete", "session_id": SESSION, "match": None},
    "delete on a condition that is null": {"call": "delete", "session_id": SESSION, "match": {"token_hash": None}},
    "delete on another condition": {"call": "delete", "session_id": SESSION, "match": {"label": "x"}},
    "delete on a short hash": {"call": "delete", "session_id": SESSION, "match": {"token_hash": SHORT}},
    "delete on a large version": {"call": "delete", "session_id": SESSION, "match": {"version": 10**60}},
    "delete on another namespace's subject": {
        "call": "delete",
        "session_id": SESSION,
        "match": {"subject": "other#ann"},
    },
    "delete a control item": {"call": "delete", "session_id": NOT_BEFORE, "match": {"version": 1}},
    "delete in another namespace": {"call": "delete", "session_id": THEIRS, "match": {"version": 1}},
    "list another namespace's subject": {"call": "of_subject", "subject": "other#ann", "limit": 1},
    "list a namespace's subject that begins alike": {"call": "of_subject", "subject": "apple#ann", "limit": 1},
    "list an empty subject": {"call": "of_subject", "subject": "app#", "limit": 1},
    "list without a limit": {"call": "of_subject", "subject": "app#ann"},
    "list a negative number": {"call": "of_subject", "subject": "app#ann", "limit": -1},
    "list after another namespace": {"call": "of_subject", "subject": "app#ann", "limit": 1, "after": [1, THEIRS]},
    "list after no time": {"call": "of_subject", "subject": "app#ann", "limit": 1, "after": [-1, SESSION]},
    "list after no calendar": {"call": "of_subject", "subject": "app#ann", "limit": 1, "after": [10**60, SESSION]},
    "list after a control item": {"call": "of_subject", "subject": "app#ann", "limit": 1, "after": [1, NOT_BEFORE]},
    "list after something": {"call": "of_subject", "subject": "app#ann", "limit": 1, "after": [SESSION, 1]},
    "peek into another namespace": {"call": "peek", "session_ids": [SESSION, THEIRS]},
    "peek at a control item": {"call": "peek", "session_ids": [NOT_BEFORE]},
    "peek at too many": {"call": "peek", "session_ids": [SESSION] * 101},
    "peek at text": {"call": "peek", "session_ids": SESSION},
    "peek at numbers": {"call": "peek", "session_ids": [1]},
    "peek at nothing": {"call": "peek"},
    "mark a session": {"call": "mark", "name": SESSION},
    "mark in another namespace": {"call": "mark", "name": "other#!not-before"},
    "mark of no kind": {"call": "mark", "name": "app#!m"},
    "mark that only begins right": {"call": "mark", "name": "app#!not-before#x"},
    "mark a lock of no session": {"call": "mark", "name": "app#!lock#x"},
    "mark an epoch of no subject": {"call": "mark", "name": "app#!epoch#"},
    "set a session": {"call": "set_mark", "name": SESSION, "mark": {"value": "x", "number": 1}},
    "set another namespace": {"call": "set_mark", "name": "other#!not-before", "mark": {"value": "x", "number": 1}},
    "set nothing": {"call": "set_mark", "name": NOT_BEFORE},
    "set half a mark": {"call": "set_mark", "name": NOT_BEFORE, "mark": {"value": "x"}},
    "set a large value": {"call": "set_mark", "name": NOT_BEFORE, "mark": {"value": "x" * 513, "number": 1}},
    "set a large number": {"call": "set_mark", "name": NOT_BEFORE, "mark": {"value": "x", "number": 2**53}},
    "set a negative number": {"call": "set_mark", "name": NOT_BEFORE, "mark": {"value": "x", "number": -1}},
    "set until no calendar": {
        "call": "set_mark",
        "name": NOT_BEFORE,
        "mark": {"value": "x", "number": 1},
        "expires_at": 10**12,
    },
    "set what was seen wrongly": {
        "call": "set_mark",
        "name": NOT_BEFORE,
        "mark": {"value": "x", "number": 1},
        "seen": {"value": 1, "number": 1},
    },
    "rotate": {"call": "rotate", "record": RECORD, "seen": SEEN, "now": 1},
    "a call of the sweep": {"call": "delete_stale", "hints": []},
    "an attribute": {"call": "__init__"},
    "an argument of another call": {"call": "mark", "name": NOT_BEFORE, "session_id": SESSION},
}


@pytest.mark.parametrize("body", BAD.values(), ids=BAD)
def test_a_call_that_the_library_would_not_have_made_is_refused(
    ask: Ask, backend: OverflowingBackend, body: dict[str, object]
) -> None:
    """With where it is wrong; and nothing was done."""
    before = dict(backend._records), dict(backend._marks)
    status, answer = ask(**body)
    assert (status, answer["type"]) == (422, "urn:sojourn:problem:invalid-data")
    assert answer["pointer"].startswith("/")
    assert (backend._records, backend._marks) == before


STRANGE: Final[dict[str, dict[str, Any]]] = {
    "its subject is of another namespace": {"subject": "other#bob"},
    "its document is another session's": {"data": None, "overflow": object_of(key("two"), a_write_id("x"))},
    "its document is another namespace's": {"data": None, "overflow": "other/AAAAAAAAAAAA/xxxxxxxxxxxxxxxx"},
}


@pytest.mark.parametrize("fault", STRANGE.values(), ids=STRANGE)
def test_an_item_that_leads_out_of_the_namespace_is_corrupt(
    ask: Ask, backend: OverflowingBackend, fault: dict[str, Any]
) -> None:
    """It was written by another application, and is shown by no call; it can still be ended by its own hash."""
    backend._records[SESSION] = replace(backend.peeked(), **fault)
    other = json_of(a_record(token_hash=a_hash("other")))
    calls: list[dict[str, object]] = [
        {"call": "load", "session_id": SESSION},
        {"call": "load", "session_id": SESSION, "mark": NOT_BEFORE},
        {"call": "insert", "record": other},
        {"call": "replace", "record": other, "seen": other, "now": NOW},
        {"call": "renew", "record": other, "seen": other, "now": NOW},
        {"call": "delete", "session_id": SESSION, "match": {"version": 9}},
    ]
    for call in calls:
        status, answer = ask(**call)
        assert (status, answer["type"]) == (500, "urn:sojourn:problem:corrupt-session")
        assert "other" not in json.dumps(answer)
    match = match_json(Match(token_hash=a_hash("one")))
    assert ask("delete", session_id=SESSION, match=match) == (200, {"deleted": True})


def test_no_other_namespace_answers(ask: Ask, backend: OverflowingBackend) -> None:
    """Whatever lies there."""
    backend.insert(replace(a_record(), session_id=THEIRS))
    backend.set_mark("other#!not-before", Mark("x", 1), seen=None, expires_at=None)
    for call in (
        {"call": "load", "session_id": THEIRS},
        {"call": "peek", "session_ids": [THEIRS]},
        {"call": "mark", "name": "other#!not-before"},
        {"call": "document", "record": json_of(replace(a_record(), session_id=THEIRS))},
    ):
        assert ask(**call)[0] == 422


def test_the_log_has_neither_hashes_nor_documents(ask: Ask, stream: Any) -> None:  # noqa: ANN401  # a text stream
    """One line a call, with the caller."""
    record = json_of(a_record("two", data=b"hunter2"))
    ask("insert", record=record)
    ask("insert", record=record | {"label": ""})
    assert not any(str(record[name]) in stream.getvalue() for name in ("token_hash", "data", "session_id"))
