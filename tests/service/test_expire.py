"""DELETE /session."""

from dataclasses import replace

import pytest

from sojourn.backends.memory import MemoryBackend
from sojourn.tokens import mint, reminted
from tests.service.gateway import Gateway


def test_an_ended_session_is_gone_at_once(gateway: Gateway) -> None:
    """The answer is empty: there is nothing left to tell."""
    token = gateway.create()["token"]
    answer = gateway.send("DELETE", "/session", token=token)
    assert (answer.status, answer.body) == (204, "")
    assert gateway.send("GET", "/session", token=token).status == 404


@pytest.mark.parametrize("token", [mint().reveal(), "junk", ""], ids=["unknown", "junk", "none"])
def test_ending_what_is_not_there_is_no_error(gateway: Gateway, token: str) -> None:
    """Over is over, and no client learns whether it had begun."""
    assert gateway.send("DELETE", "/session", token=token).status == 204


def test_ending_a_session_needs_its_token(gateway: Gateway) -> None:
    """A forgotten header must not look like a logout."""
    assert gateway.send("DELETE", "/session").status == 400


def test_a_document_that_cannot_be_read_can_be_ended(gateway: Gateway, backend: MemoryBackend) -> None:
    """The way out for a client that learns that a session is corrupt."""
    token = gateway.create()["token"]
    (record,) = backend._records.values()
    backend._records[record.session_id] = replace(record, data=b"\x80junk")
    assert gateway.send("GET", "/session", token=token).status == 500
    assert gateway.send("DELETE", "/session", token=token).status == 204
    assert gateway.send("GET", "/session", token=token).status == 404


def test_an_id_or_a_guess_ends_nothing(gateway: Gateway) -> None:
    """Lists show the id; the secret is what counts."""
    session = gateway.create()
    for text in (session["id"], reminted(session["id"]).reveal()):
        assert gateway.send("DELETE", "/session", token=text).status == 204
    assert gateway.send("GET", "/session", token=session["token"]).status == 200
