"""Deploying again, as every release does."""

from devstack import deployment
from devstack.layout import Layout
from devstack.signing import call
from devstack.stack import Stack
from tests.e2e.conftest import OVERRIDES


def test_sessions_survive_a_second_deployment_with_a_change(stack: Stack, layout: Layout) -> None:
    """`sam deploy` of a changed stack leaves every session as it was."""
    created = call(stack, "POST", "/sessions", body={"data": {"cart": ["teapot"]}}).json()
    for events in ("false", "true"):  # the table's stream goes, and comes again
        deployment.deploy(layout, overrides=OVERRIDES | {"Events": events})
        assert deployment.describe(layout) == stack
    read = call(stack, "GET", "/session?touch=false", headers={"session-token": created["token"]})
    assert read.status == 200
    assert {**created, **read.json()} == created
