"""A function serves each of its routes before the first request comes, without a line in its log."""

import os
from types import ModuleType

import pytest

from sojourn import Settings
from sojourn.backends.dynamodb import DynamoBackend
from sojourn.factory import dynamo_backend, rehearsed
from sojourn.store import Store
from sojourn_service import routes_expire, routes_read, routes_records, routes_write
from sojourn_service.rehearsal import rehearsal_of


@pytest.mark.parametrize("is_strict", [False, True], ids=["plain", "strict"])
@pytest.mark.parametrize(
    "routes", [routes_read, routes_write, routes_expire, routes_records], ids=lambda of: of.__name__
)
def test_every_route_is_served_as_it_would_be(
    routes: ModuleType, is_strict: bool, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """With success, since a refusal ends early; without a line on any stream, and with no call metered."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    monkeypatch.setenv("AWS_CONFIG_FILE", os.devnull)
    settings = Settings(table="sessions", strict_expire_all=is_strict, endpoint_url="http://127.0.0.1:1")
    backend = dynamo_backend(settings, table="sessions")
    statuses: list[int] = []
    monkeypatch.delattr(DynamoBackend, "meter")  # it would ask each call of the function from then on
    rehearse = rehearsal_of(routes.ROUTES)
    rehearsed(Store(backend, settings), lambda store: statuses.extend(rehearse(store)))
    assert len(statuses) == len(routes.ROUTES)
    assert all(200 <= status < 300 for status in statuses), statuses
    assert capfd.readouterr() == ("", "")
