"""Django's test client, the session after an answer, and the page that shows both."""

import re
import unittest
from pathlib import Path
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.test import AsyncClient, Client, TestCase, override_settings

from sojourn.adapters.django import SessionStore
from sojourn.testing import memory_store
from tests.adapters.browser import CountingBackend
from tests.adapters.djangos import DJANGOS, OURS, User

PAGE = (Path(__file__).parents[3] / "docs" / "testing.md").read_text()


@pytest.fixture
def user(_database: None) -> Any:
    """With a password."""
    return User.objects.create_user("ada", password="lovelace")


@pytest.fixture(params=[OURS, DJANGOS], ids=["ours", "Django's"])
def client(request: pytest.FixtureRequest) -> Any:
    """With either middleware, and the real clock."""
    auth = "django.contrib.auth.middleware.AuthenticationMiddleware"
    with override_settings(MIDDLEWARE=[request.param, auth], SOJOURN_STORE=memory_store):
        yield Client()


def test_the_test_client_logs_in_and_out(client: Client, user: Any) -> None:
    """With a password and without."""
    for log_in in (lambda: client.force_login(user), lambda: client.login(username="ada", password="lovelace")):
        log_in()
        assert client.get("/auth/who").content == b"ada"
        assert client.session["_auth_user_id"] == str(user.pk)
        client.logout()
        assert client.get("/auth/who").content == b""
        assert not client.session.get("_auth_user_id")


def test_the_session_of_the_test_client_is_that_of_the_pages(client: Client, user: Any) -> None:
    """Before a login, after it, and after what a page put in."""
    session = client.session
    session["a"] = "1"
    session.save()
    client.force_login(user)
    assert client.session["a"] == "1"
    client.get("/put/b/2")
    assert (client.session["a"], client.session["b"]) == ("1", "2")
    assert client.get("/show").content == b"[('_auth_user_backend', 'django.contrib.auth.backends.ModelBackend'), " + (
        f"('_auth_user_hash', '{user.get_session_auth_hash()}'), ('a', '1'), ('b', '2')]".encode()
    )


def test_the_session_can_be_looked_at_after_the_answer(client: Client) -> None:
    """And what is put in then is not stored, as with Django's own engines."""
    session: Any = client.get("/put/a/1").wsgi_request.session
    assert (session["a"], session.session_key) == ("1", client.cookies["__Host-session"].value)
    session["late"] = 1
    assert "late" not in client.session


def test_a_stream_can_look_at_its_session_first(client: Client) -> None:
    """After the answer's headers have gone: what is there is there."""
    client.get("/put/n/7")
    assert client.get("/late-stream").getvalue() == b"7"


def test_a_stream_adopts_no_session_of_an_older_store(backend: CountingBackend) -> None:
    """No answer could carry its new cookie any more."""
    session = SessionStore("an-old-key")
    session.kept.is_answered = True
    assert session.get("a") is None
    assert backend.calls == []


def test_the_async_client_logs_in(user: Any) -> None:
    """``aforce_login`` and ``asession``."""

    async def story() -> None:
        client = AsyncClient()
        session = await client.asession()
        await session.aset("n", 1)
        await session.asave()
        await client.aforce_login(user)
        assert (await client.get("/async", secure=True)).content == b"2"
        assert await (await client.asession()).aget("_auth_user_id") == str(user.pk)
        await client.alogout()
        assert (await client.get("/async", secure=True)).content == b"1"

    async_to_sync(story)()  # in the thread of the database


@pytest.mark.usefixtures("_database")
def test_what_the_page_on_testing_shows_for_django_runs() -> None:
    """Its settings are settings, and its tests pass."""
    section = PAGE.partition("\n## Django\n")[2].partition("\n## ")[0]
    blocks = re.findall(r"```python\n(.*?)```", section, re.DOTALL)
    assert len(blocks) == 2
    names: dict[str, Any] = {"__name__": "shown"}
    for block in blocks:
        exec(compile(block, "testing.md", "exec"), names)  # noqa: S102  # ours
    settings = {name: value for name, value in names.items() if name.isupper()}
    assert settings.keys() == {"SOJOURN_STORE"}
    cases = [each for each in names.values() if isinstance(each, type) and each.__module__ == "shown"]
    assert [issubclass(each, TestCase) for each in cases] == [True]
    with override_settings(**settings):
        result = unittest.TestResult()
        unittest.defaultTestLoader.loadTestsFromTestCase(cases[0]).run(result)
    assert (result.testsRun, result.errors, result.failures) == (4, [], [])
