"""``manage.py check``: what would fail, or be weak, in production."""

import re
from collections.abc import Callable, Iterator
from io import StringIO

import pytest
from django.conf import settings
from django.core.management import call_command
from django.core.management.base import SystemCheckError
from django.test import override_settings

from sojourn import ConfigurationError, Settings, Store, factory
from sojourn.testing import memory_store
from tests.adapters.browser import CountingBackend
from tests.adapters.djangos import AUTH, DJANGOS, OURS

CSRF = "django.middleware.csrf.CsrfViewMiddleware"
MESSAGES = "django.contrib.messages.middleware.MessageMiddleware"


def no_store() -> Store:
    """As where SOJOURN_TABLE is not set."""
    raise ConfigurationError("SOJOURN_TABLE is not set")


def shop() -> Store:
    """A store with a namespace."""
    return memory_store(settings=Settings(namespace="shop"))


def check(*, deploy: bool = False, database: str | None = None) -> str:
    """What the command prints about Sojourn, warnings and errors alike."""
    stream = StringIO()
    try:
        call_command("check", deploy=deploy, databases=[database] if database else None, stderr=stream)
    except SystemCheckError as error:
        stream.write(str(error))
    return stream.getvalue()


def test_the_recommended_settings_pass() -> None:
    """In production, too."""
    assert "sojourn." not in check(deploy=True, database="default")


@pytest.mark.parametrize(
    ("others", "ids"),
    [
        ({"SOJOURN_STORE": no_store}, {"E001"}),
        ({"SESSION_COOKIE_AGE": 91 * 86_400}, {"E002"}),
        ({"SESSION_COOKIE_AGE": 0}, {"E002"}),
        ({"SESSION_COOKIE_AGE": "3600"}, {"E002"}),
        ({"SOJOURN_ON_CONFLICT": "last"}, {"E003"}),
        ({"SESSION_COOKIE_DOMAIN": "example.com"}, {"E004"}),
        ({"SESSION_COOKIE_PATH": "/shop"}, {"E004"}),
        ({"SESSION_COOKIE_SECURE": False}, {"E004"}),
        ({"SESSION_COOKIE_NAME": "__Secure-session", "SESSION_COOKIE_SECURE": False}, {"E004"}),
        ({"SESSION_COOKIE_NAME": "s", "SESSION_COOKIE_SAMESITE": "None", "SESSION_COOKIE_SECURE": False}, {"E004"}),
        ({"SESSION_COOKIE_SAMESITE": "lax"}, {"E004"}),
        ({"SESSION_COOKIE_NAME": "my session"}, {"E004"}),
        ({"MIDDLEWARE": []}, {"E005"}),
        ({"MIDDLEWARE": ["no.such.thing", AUTH]}, {"E005"}),
        ({"MIDDLEWARE": [DJANGOS, OURS, AUTH]}, {"E006"}),
        ({"MIDDLEWARE": [OURS, OURS]}, {"E006"}),
        ({"MIDDLEWARE": [AUTH, OURS]}, {"E007"}),
        ({"MIDDLEWARE": [AUTH, MESSAGES, DJANGOS]}, {"E007"}),
        ({"MIDDLEWARE": [CSRF, OURS], "CSRF_USE_SESSIONS": True}, {"E007"}),
        ({"SOJOURN_ON_UNAVAILABLE": "guest"}, {"E008"}),
        ({"SESSION_ENGINE": "django.contrib.sessions.backends.db"}, {"W006"}),
        ({"SOJOURN_STORE": shop, "SESSION_COOKIE_NAME": "sessionid"}, {"W001"}),
        ({"SOJOURN_ON_CONFLICTS": "mine"}, {"W002"}),
        ({"SOJOURN_TABLE": "sessions"}, {"W002"}),
    ],
)
def test_what_would_fail_is_found(configured: Callable[..., None], others: dict[str, object], ids: set[str]) -> None:
    """Each with an id of its own, and with a hint."""
    configured(**others)
    told = check()
    assert set(re.findall(r"\(sojourn\.(\w+)\)", told)) == ids
    assert told.count("(sojourn.") == told.count("HINT: ")


@pytest.mark.parametrize(
    "others",
    [
        {"MIDDLEWARE": [CSRF, OURS, AUTH, MESSAGES]},
        {"MIDDLEWARE": [DJANGOS, AUTH]},
        {"SESSION_ENGINE": "django.contrib.sessions.backends.db", "MIDDLEWARE": [DJANGOS], "SOJOURN_STORE": no_store},
        {"SESSION_COOKIE_NAME": "sessionid"},
        {"SESSION_COOKIE_NAME": "s", "SESSION_COOKIE_SECURE": False},
        {"SESSION_COOKIE_SAMESITE": False},
    ],
)
def test_what_works_is_left_alone(configured: Callable[..., None], others: dict[str, object]) -> None:
    """So are projects that have another engine, and development over plain HTTP."""
    configured(**others)
    assert "sojourn." not in check().replace("sojourn.adapters", "")


@pytest.mark.parametrize(
    ("others", "ids"),
    [
        ({"SESSION_COOKIE_NAME": "sessionid"}, ["W004"]),
        ({"SESSION_COOKIE_NAME": "s", "SESSION_COOKIE_SECURE": False}, ["W003", "W004"]),
        ({"SESSION_COOKIE_HTTPONLY": False}, ["W003"]),
        ({"SESSION_COOKIE_SAMESITE": "None"}, ["W003"]),
        ({"SESSION_COOKIE_SAMESITE": False}, ["W003"]),
        ({"SESSION_COOKIE_SECURE": False}, ["E004"]),
    ],
)
def test_a_weak_cookie_is_found_before_it_is_deployed(
    configured: Callable[..., None], others: dict[str, object], ids: list[str]
) -> None:
    """With ``--deploy``; what browsers refuse is named once."""
    configured(**others)
    told = check(deploy=True)
    assert [word for word in ("E004", "W003", "W004") if f"(sojourn.{word})" in told] == ids


def test_only_the_checks_of_databases_call_the_store(backend: CountingBackend) -> None:
    """``check --database default``, and ``migrate``."""
    with backend.counted() as calls:
        check(deploy=True)
    assert calls == []
    with backend.counted() as calls:
        assert "sojourn." not in check(database="default")
    assert calls == ["load"]
    backend.is_away = True
    assert "(sojourn.W005)" in check(database="default")
    assert call_command("check", databases=["default"], stderr=StringIO()) is None  # no error: a migration goes on


@pytest.fixture
def _no_table(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Neither the settings nor the environment name a store."""
    for name in ("SOJOURN_TABLE", "SOJOURN_RECORDS_URL"):
        monkeypatch.delenv(name, raising=False)
    factory._from_environment.cache_clear()
    with override_settings():
        del settings.SOJOURN_STORE
        yield


@pytest.mark.usefixtures("_no_table")
def test_a_project_without_a_table_is_told_which_variable_is_missing() -> None:
    """Its store is the environment's."""
    told = check()
    assert "SOJOURN_TABLE is not set" in told
    assert "(sojourn.E001)" in told
