"""The tests' own gateway does what HTTP APIs do to a request before a function sees it."""

import pytest

from sojourn.store import Store
from sojourn_service import Telemetry
from tests.service.gateway import Gateway


def test_a_path_is_decoded_before_it_is_routed(gateway: Gateway) -> None:
    """And handed over decoded: what was one part of it may be two."""
    key, event = gateway.event("DELETE", "/%73essions/a%62c", headers={})
    assert (key, event["rawPath"], event["pathParameters"]) == ("DELETE /sessions/{id}", "/sessions/abc", {"id": "abc"})
    assert gateway.event("DELETE", "/sessions%2Fabc", headers={})[0] == "DELETE /sessions/{id}"
    with pytest.raises(LookupError):
        gateway.event("DELETE", "/sessions/a%2Fb", headers={})


def test_a_path_is_cut_at_a_question_mark_that_was_encoded(gateway: Gateway) -> None:
    """What follows it reaches no function."""
    key, event = gateway.event("DELETE", "/sessions/abc%3Fsubject=ben?subject=ann", headers={})
    assert (key, event["rawPath"], event["rawQueryString"]) == (
        "DELETE /sessions/{id}",
        "/sessions/abc",
        "subject=ann",
    )


def test_a_query_arrives_as_it_was_sent(gateway: Gateway) -> None:
    """Beside the gateway's own reading of it, in which doubles are joined."""
    _, event = gateway.event("GET", "/sessions?subject=a%2Fb&subject=c+d", headers={})
    assert event["rawQueryString"] == "subject=a%2Fb&subject=c+d"
    assert event["queryStringParameters"] == {"subject": "a/b,c d"}


def test_an_event_has_the_shape_of_the_samples(store: Store, telemetry: Telemetry) -> None:
    """No more and no fewer members than a recorded one."""
    _, event = Gateway(store, telemetry).event("GET", "/session", headers={})
    assert {"version", "routeKey", "rawPath", "rawQueryString", "headers", "requestContext"} <= event.keys()
