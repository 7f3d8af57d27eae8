"""What Django's documentation says of ``SessionBase``, and its own backends do."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from threading import Barrier
from typing import Any

import pytest
from django.contrib.sessions.backends.base import CreateError, UpdateError
from django.core.management import call_command
from django.test import RequestFactory
from django.utils import timezone

from sojourn import ConfigurationError, InvalidDataError, SessionGoneError, Store
from sojourn.adapters.django import SessionStore, session_of, the_store
from sojourn.testing import FakeClock, memory_store
from tests.adapters.browser import CountingBackend


class TestEngine:
    """What Django's documentation says of ``SessionBase``, and its own backends do."""

    def test_a_key_that_opens_nothing_is_not_adopted(self, backend: CountingBackend) -> None:
        """Whatever its form."""
        for key in ("short", "x" * 40, "sjn_" + "A" * 43):
            session = SessionStore(key)
            assert session.get("a") is None
            assert session.session_key is None
            session["a"] = 1
            session.save()
            assert session.session_key not in (None, key)
        assert len(backend.records) == 3

    def test_a_session_is_created_once_and_at_the_latest_when_its_key_is_wanted(self, backend: CountingBackend) -> None:
        """``create`` is ``create``, with data or without."""
        session = SessionStore()
        session.create()
        assert (backend.records, session.is_empty(), session.modified) == ([], False, True)
        key = session.session_key
        assert len(backend.records) == 1
        assert session.session_key == key
        session["a"] = 1
        session.save()
        assert (session.session_key, SessionStore(key)["a"]) == (key, 1)
        assert SessionStore().exists(str(key))
        assert not SessionStore().exists("sjn_" + "A" * 43)

    def test_a_cycled_key_takes_everything_along(self, backend: CountingBackend) -> None:
        """And the old one is dead."""
        session = SessionStore()
        session["a"], session["nested"] = 1, {"b": [2]}
        session.save()
        before = session.session_key
        session = SessionStore(before)
        session.cycle_key()
        after = session.session_key
        assert after != before
        assert dict(SessionStore(after).items()) == {"a": 1, "nested": {"b": [2]}}
        assert not SessionStore().exists(str(before))
        assert len(backend.records) == 1

    def test_a_flushed_session_is_gone(self, backend: CountingBackend) -> None:
        """One that was never stored is, too."""
        session = SessionStore()
        session["a"] = 1
        session.save()
        session.flush()
        assert (session.session_key, session.is_empty(), session.get("a"), backend.records) == (None, True, None, [])
        session.create()
        session.flush()
        assert (session.session_key, backend.records) == (None, [])

    def test_what_ended_does_not_come_back(self, backend: CountingBackend) -> None:
        """``UpdateError``, as Django expects it."""
        session = SessionStore()
        session["a"] = 1
        session.save()
        other, never_loaded = SessionStore(session.session_key), SessionStore(session.session_key)
        other["a"] = 2
        session.delete()
        with pytest.raises(UpdateError) as told:
            other.save()
        assert isinstance(told.value.__cause__, SessionGoneError)
        never_loaded.clear()
        with pytest.raises(UpdateError):
            never_loaded.save()
        assert backend.records == []

    def test_nobody_brings_a_key(self, backend: CountingBackend) -> None:
        """``CreateError``: not a free one either."""
        session = SessionStore("a" * 32)
        with pytest.raises(CreateError):
            session.save(must_create=True)
        fresh = SessionStore()
        fresh.save(must_create=True)
        with pytest.raises(CreateError):
            SessionStore(fresh.session_key).save(must_create=True)
        assert len(backend.records) == 1

    def test_nested_changes_are_noticed(self) -> None:
        """Django's own backends need to be told."""
        session = SessionStore()
        session["cart"] = ["tea"]
        session.save()
        again = SessionStore(session.session_key)
        assert again["cart"] == ["tea"]
        before = again.modified
        again["cart"].append("cup")
        assert (before, again.modified) == (False, True)
        again.save()
        assert SessionStore(session.session_key)["cart"] == ["tea", "cup"]

    def test_a_change_back_to_what_was_loaded_is_noticed(self) -> None:
        """What is stored by then is another value."""
        session = SessionStore()
        session["cups"] = 1
        session.save()
        session = SessionStore(session.session_key)
        assert session["cups"] == 1
        for cups in (2, 1):
            session["cups"] = cups
            session.modified = False  # an application may say so; what counts is what is stored
            assert session.modified
            session.save()
        assert SessionStore(session.session_key)["cups"] == 1

    def test_everything_a_dictionary_does(self) -> None:
        """And what makes it modified."""
        session = SessionStore()
        session.update({"a": 1, "b": 2})
        session.setdefault("c", 3)
        session.save()
        for do, is_change in (
            (lambda s: s.get("a"), False),
            (lambda s: s.has_key("a") and "b" in s, False),
            (lambda s: s.pop("z", None), False),
            (lambda s: s.setdefault("a", 9), False),
            (lambda s: (list(s.keys()), list(s.values()), list(s.items())), False),
            (lambda s: s.pop("a"), True),
            (lambda s: s.setdefault("z", 1), True),
            (lambda s: s.update({"y": 1}), True),
            (lambda s: s.clear(), True),
            (lambda s: s.set_test_cookie(), True),
        ):
            again: Any = SessionStore(session.session_key)
            do(again)
            assert again.accessed
            assert again.modified is is_change
        session.set_test_cookie()
        assert session.test_cookie_worked()
        session.delete_test_cookie()
        assert not session.test_cookie_worked()

    def test_expiries(self, clock: FakeClock, store: Store, configured: Callable[..., None]) -> None:
        """Seconds without a visit; the store's limits hold."""
        for value, idle in ((None, 1_800), (300, 300), (0, 1_800), (90 * 86_400, store.settings.max_absolute_seconds)):
            session = SessionStore()
            session.set_expiry(value)
            session["a"] = 1
            session.save()
            assert session.get_expire_at_browser_close() is (value in (None, 0))
            clock.advance(idle - 1)
            assert store.read(str(session.session_key), touch=False) is not None
            clock.advance(1)
            assert SessionStore(session.session_key).get("a") is None
        configured(SESSION_COOKIE_AGE=1_209_600)
        session = SessionStore()
        session["a"] = 1
        session.save()
        clock.advance(1_209_599)
        assert SessionStore(session.session_key).get("a") == 1

    def test_a_new_expiry_takes_effect_when_it_is_saved(self, clock: FakeClock) -> None:
        """Of a session that lives already, with a new key and without."""
        session = SessionStore()
        session["a"] = 1
        session.save()
        session.set_expiry(60)
        session.save()
        other = SessionStore(session.session_key)
        other.set_expiry(30)
        other.cycle_key()
        key = other.session_key
        clock.advance(29)
        assert SessionStore().exists(str(key))
        clock.advance(1)
        assert not SessionStore().exists(str(key))

    def test_a_date_is_a_date(
        self, clock: FakeClock, backend: CountingBackend, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Visits do not move it."""
        monkeypatch.setattr(timezone, "now", lambda: datetime.fromtimestamp(clock(), UTC))
        session = SessionStore()
        session.set_expiry(timedelta(hours=1))
        session["a"] = 1
        session.save()
        for _ in range(5):
            clock.advance(600)
            assert SessionStore(session.session_key)["a"] == 1
        clock.advance(600)
        assert SessionStore(session.session_key).get("a") is None
        assert backend.records == []

    def test_clearsessions_has_nothing_to_do(self) -> None:
        """The sweep function does it; cron jobs go on."""
        call_command("clearsessions")

    def test_a_user_is_text_or_a_whole_number(self, store: Store, backend: CountingBackend) -> None:
        """Whatever an application puts there: nobody becomes the text of a dictionary."""
        for user in (7, "7"):
            session = SessionStore()
            session["_auth_user_id"] = user
            session.save()
        assert len(list(store.sessions(subject="7"))) == 2
        for nobody in ({"sub": "108"}, False, 7.5):
            session = SessionStore()
            session["_auth_user_id"] = nobody
            with pytest.raises(InvalidDataError, match="_auth_user_id"):
                session.save()
        assert len(backend.records) == 2


def test_requests_that_come_at_once_open_one_store(configured: Callable[..., None]) -> None:
    """The first of a process, under Django's own middleware."""
    barrier, made = Barrier(16), list[Store]()

    def make() -> Store:
        made.append(memory_store())
        return made[-1]

    def first() -> Store:
        barrier.wait(30)
        return the_store()

    configured(SOJOURN_STORE=make)
    with ThreadPoolExecutor(16) as threads:
        asked = [threads.submit(first) for _ in range(16)]
    assert {each.result() for each in asked} == set(made)
    assert len(made) == 1


def test_a_request_has_a_session_of_this_engine_or_an_error() -> None:
    """``session_of``: of the middleware that is missing, or of the other engine."""
    request = RequestFactory().get("/")
    with pytest.raises(ConfigurationError, match="SESSION_ENGINE"):
        session_of(request)
    session = request.session = SessionStore()
    assert session_of(request) is session
