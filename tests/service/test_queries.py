"""One user's story, told by the saved queries of template.yaml from the lines that the functions write."""

import re
from typing import Any

import pytest

from devstack.template import read_template
from sojourn.testing import FakeClock
from tests.service.conftest import Log
from tests.service.gateway import Gateway
from tests.service.races import SilentBackend
from tests.support.insights import fields_of, rows_of

TEMPLATE = read_template()["Resources"]
QUERIES: dict[str, str] = {
    name: resource["Properties"]["QueryString"]
    for name, resource in TEMPLATE.items()
    if resource["Type"] == "AWS::Logs::QueryDefinition"
}


@pytest.fixture
def backend() -> SilentBackend:
    """A backend that can fall silent."""
    return SilentBackend()


@pytest.fixture
def lived(gateway: Gateway, clock: FakeClock) -> str:
    """The id of a session that was begun, logged in, rotated on another device, not used, and asked for."""
    created = gateway.create({"cart": ["teapot"]}, idle=600)
    gateway.create()
    phone = gateway.send("POST", "/session/login", token=created["token"], body={"subject": "ann@example.com"}).json()
    laptop = gateway.send("POST", "/session/rotate", token=phone["token"]).json()
    gateway.send("GET", "/session", token=phone["token"])
    gateway.send("GET", "/session", token=laptop["token"])
    clock.advance(600)
    gateway.send("GET", "/session", token=laptop["token"])
    gateway.send("GET", "/session", token=laptop["token"])
    return str(created["id"])


def told(name: str, session_id: str, log: Log) -> list[dict[str, Any]]:
    """What a saved query shows, once an operator has put the id into it."""
    return rows_of(QUERIES[name].replace("SESSION_ID", session_id), log())


def test_a_story_is_read_from_its_beginning_to_its_end(lived: str, log: Log) -> None:
    """By the id alone: no other session's line is in it, and no subject."""
    rows = told("StoryOfSessionsQuery", lived, log)
    assert [(row["verb"], row.get("outcome"), row.get("reason"), row["status"]) for row in rows] == [
        ("create", "created", None, 201),
        ("login", "logged in", None, 200),
        ("rotate", "rotated", None, 200),
        ("read", "missed", "superseded", 404),
        ("read", None, None, 200),
        ("read", "missed", "idle", 404),
        ("read", "missed", "unknown", 404),
    ]
    assert {row["session"] for row in rows} == {lived}
    assert "ann@" not in str(rows)


def test_why_a_session_was_lost_is_the_first_reason_that_is_not_unknown(lived: str, log: Log) -> None:
    """The newest line first; after the end, the same token is unknown."""
    rows = told("WhySessionWasLostQuery", lived, log)
    assert [row["reason"] for row in rows] == ["unknown", "idle", "superseded"]


def test_a_session_that_was_ended_with_all_others_is_found_by_its_id(gateway: Gateway, log: Log) -> None:
    """Their ids are in one line, that of the request that ended them."""
    sessions = [gateway.create(subject="ann") for _ in range(3)]
    gateway.send("DELETE", "/sessions?subject=ann")
    for session in sessions:
        (row,) = told("WhySessionWasLostQuery", session["id"], log)
        assert (row["verb"], row["outcome"], row["reason"]) == ("expire_all", "ended", "owner")
        assert row["caller"].endswith("user/storefront")


def test_misses_conflicts_and_outages_are_counted(
    lived: str, gateway: Gateway, backend: SilentBackend, log: Log
) -> None:
    """Each by what an operator asks first: the reason, the session, the store's own words."""
    token = gateway.create({"a": 1})["token"]
    for _ in range(2):
        gateway.send("PUT", "/session", token=token, headers={"if-match": '"9"'}, body={"data": {}})
    backend.is_silent = True
    gateway.send("GET", "/session", token=token)
    misses = {row["reason"]: row["misses"] for row in rows_of(QUERIES["MissesByReasonQuery"], log())}
    assert misses == {"superseded": 1, "idle": 1, "unknown": 1}
    (conflict,) = rows_of(QUERIES["ConflictsQuery"], log())
    assert (conflict["session"], conflict["verb"], conflict["conflicts"]) == (token[4:16], "write", 2)
    (outage,) = rows_of(QUERIES["UnavailableQuery"], log())
    assert (outage["verb"], outage["refused"]) == ("read", 1)
    assert outage["detail"]
    assert lived not in str(conflict)


@pytest.mark.parametrize("name", QUERIES)
def test_every_field_of_a_query_is_one_that_the_functions_write(
    name: str, lived: str, gateway: Gateway, backend: SilentBackend, log: Log
) -> None:
    """A field with another name would be an empty column, and a filter on it finds nothing."""
    backend.is_silent = True
    gateway.send("GET", "/session", token=f"sjn_{lived}" + "A" * 24)
    written = {field for line in log() for field in line}
    assert fields_of(QUERIES[name])
    assert fields_of(QUERIES[name]) <= written


def test_the_dashboards_queries_name_what_the_functions_write(lived: str, log: Log) -> None:
    """Units too: they are there where the backend is DynamoDB's."""
    text: str = TEMPLATE["Dashboard"]["Properties"]["DashboardBody"]["Fn::Sub"][0]
    queries = re.findall(r'"query": "SOURCE [^|]*\| (?:SOURCE [^|]*\| )*([^\n]*)"}}', text.replace('\\"', "'"))
    assert len(queries) == 2
    written = {field for line in log() for field in line} | {"read_units", "write_units"}
    for query in queries:
        assert fields_of(query.replace("'", '"')) <= written
    assert lived
