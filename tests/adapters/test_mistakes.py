"""The contract notices what adapters of other stores got wrong."""

from collections.abc import Callable

import pytest

from sojourn import Store
from sojourn.adapters.wsgi import SojournMiddleware
from tests.adapters.browser import Browser, CountingBackend
from tests.adapters.contract import AdapterContract
from tests.adapters.test_wsgi import application, wire_to
from tests.mutants import Mutant

_CONTRACT = AdapterContract()

VISIT = "sojourn.adapters.visit:Visit"
COOKIE = "sojourn.adapters.cookies:Cookie"

MISTAKES: dict[str, tuple[Mutant, Callable[[Browser, CountingBackend, pytest.MonkeyPatch], None]]] = {
    "a session is opened for every page": (
        Mutant(
            f"{VISIT}.__init__",
            "self._is_accessed = False",
            "self._is_accessed = False; self._session = None; token and store.read(token)",
        ),
        lambda browser, backend, _: _CONTRACT.test_a_page_that_needs_no_session_asks_nothing(browser, backend),
    ),
    "every visitor gets a session": (
        Mutant(f"{VISIT}._stored", "if self._fresh.keys() <= self._TRIFLES and login is None:", "if False:"),
        lambda browser, backend, _: _CONTRACT.test_who_only_looks_leaves_nothing(browser, backend),
    ),
    "every request writes": (
        Mutant(f"{VISIT}._stored", "self._store.write(session,", "session.update(_at=1); self._store.write(session,"),
        lambda browser, backend, _: _CONTRACT.test_what_is_put_in_is_there_the_next_time(browser, backend),
    ),
    "a login keeps the token": (
        Mutant(f"{VISIT}._stored", "elif login is not None:", "elif False:"),
        lambda browser, _backend, __: _CONTRACT.test_a_rotation_keeps_whose_it_is(browser),
    ),
    "a logout forgets the cookie alone": (
        Mutant(f"{VISIT}._end", "self._store.expire(session)", "pass"),
        lambda browser, backend, _: _CONTRACT.test_a_logout_ends_the_session_and_the_cookie(browser, backend),
    ),
    "a logout waits for the answer": (
        Mutant(f"{VISIT}._stored", "is_ended=self._is_ended, is_accessed=self._is_accessed", "is_accessed=True"),
        lambda browser, backend, _: _CONTRACT.test_a_logout_counts_also_when_the_page_fails(browser, backend),
    ),
    "a page that failed is stored": (
        Mutant(f"{VISIT}._stored", "not is_kept or ", ""),
        lambda browser, backend, _: _CONTRACT.test_a_page_that_failed_stores_nothing(browser, backend, "/fails/2"),
    ),
    "a slow request logs in again": (
        Mutant(
            f"{VISIT}._stored",
            "self._store.write(session, idle=self._idle(), on_conflict=self._rules.on_conflict)",
            "session = self._store.create(dict(session)); return Farewell(session.token, 0, is_accessed=True)",
        ),
        lambda browser, backend, _: _CONTRACT.test_a_slow_request_brings_nobody_back(browser, backend),
    ),
    "a store that is away is an empty session": (
        Mutant(
            f"{VISIT}._opened",
            "self._session = self._found()",
            "try:\n            self._session = self._found()\n"
            "        except Exception:\n            self._session = None",
        ),
        lambda browser, backend, _: _CONTRACT.test_a_store_that_is_away_is_no_empty_session(browser, backend),
    ),
    "the first of two cookies counts": (
        Mutant(f"{COOKIE}.found_in", "len(values) == 1", "values"),
        lambda browser, _backend, __: _CONTRACT.test_two_cookies_of_the_name_are_none(browser),
    ),
    "a cookie is deleted elsewhere": (
        Mutant(f"{COOKIE}.deleted", ", *self._attributes()", ""),
        lambda browser, backend, _: _CONTRACT.test_a_logout_ends_the_session_and_the_cookie(browser, backend),
    ),
    "the last tab wins": (
        Mutant(
            f"{VISIT}._stored",
            "self._store.write(session, idle=self._idle(), on_conflict=self._rules.on_conflict)",
            "self._store.write(session, on_conflict='mine')",
        ),
        lambda browser, _backend, patch: _CONTRACT.test_a_lost_race_is_told(browser, patch),
    ),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_noticed(
    store: Store, backend: CountingBackend, monkeypatch: pytest.MonkeyPatch, mistake: str
) -> None:
    """Each one has been made by some store."""
    mutant, check = MISTAKES[mistake]
    browser = Browser(wire_to(SojournMiddleware(application(store), store)))
    mutant.apply(monkeypatch)
    with pytest.raises(AssertionError):
        check(browser, backend, monkeypatch)
