"""Django's settings for a test, its tables, and a browser."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connections
from django.test import override_settings

from sojourn import Store
from tests.adapters.browser import Browser
from tests.adapters.django.pages import wire


@pytest.fixture(autouse=True)
def _settings(store: Store) -> Iterator[None]:
    with override_settings(SOJOURN_STORE=lambda: store):
        yield


@pytest.fixture
def configured() -> Iterator[Callable[..., None]]:
    """Other settings until the end of the test."""
    with ExitStack() as stack:

        def configure(**others: Any) -> None:
            stack.enter_context(override_settings(**others))

        yield configure


@pytest.fixture
def browser() -> Browser:
    """With an empty jar."""
    return Browser(wire())


@pytest.fixture(scope="module")
def _tables() -> Iterator[None]:
    call_command("migrate", verbosity=0, run_syncdb=True)
    yield
    connections.close_all()


@pytest.fixture
def _database(_tables: None) -> Iterator[None]:
    yield
    call_command("flush", verbosity=0, interactive=False)
