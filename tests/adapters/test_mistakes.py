"""The contract notices what adapters of other stores got wrong."""

from collections.abc import Callable

import pytest

from sojourn import Store
from sojourn.adapters.wsgi import SojournMiddleware
from sojourn.testing import FakeClock, memory_store
from tests.adapters.browser import Browser, CountingBackend
from tests.adapters.contract import AdapterContract
from tests.adapters.test_wsgi import application, wire_to
from tests.support.mutants import Mutant

_CONTRACT = AdapterContract()

VISIT = "sojourn.adapters.visit:Visit"
HOLDER = "sojourn.adapters.holder:Holder"
OPENER = "sojourn.adapters.opener:TokenOpener"
COOKIE = "sojourn.adapters.cookies:Cookie"
PROTOCOL = "sojourn.protocol:SessionProtocol"

Check = Callable[[Browser, CountingBackend, pytest.MonkeyPatch, FakeClock], None]

MISTAKES: dict[str, tuple[Mutant, Check]] = {
    "a session is opened for every page": (
        Mutant(
            f"{OPENER}.__init__",
            "self._store = store",
            "self._store = store; [store.read(token) for token in tokens]",
        ),
        lambda browser, backend, *_: _CONTRACT.test_a_page_that_needs_no_session_asks_nothing(browser, backend),
    ),
    "every visitor gets a session": (
        Mutant(f"{HOLDER}._begin_if_wanted", "if subject is not None or contents.keys() - self._trifles:", "if True:"),
        lambda browser, backend, *_: _CONTRACT.test_who_only_looks_leaves_nothing(browser, backend),
    ),
    "every request writes": (
        Mutant(f"{VISIT}._store_or_drop", "= self.is_unchanged", "= bool(dict.update(self, _at=len(self)))"),
        lambda browser, backend, *_: _CONTRACT.test_what_is_put_in_is_there_the_next_time(browser, backend),
    ),
    "a rotation keeps the token": (
        Mutant(f"{HOLDER}._write_own", "elif wishes.is_rotated:", "elif False:"),
        lambda browser, *_: _CONTRACT.test_a_rotation_keeps_whose_it_is(browser),
    ),
    "a login keeps the token": (
        Mutant(f"{HOLDER}._write_own", "self._store.login(", "(lambda *_, **__: None)("),
        lambda browser, backend, _, clock: _CONTRACT.test_a_login_gets_the_whole_time(browser, backend, clock),
    ),
    "a logout forgets the cookie alone": (
        Mutant(f"{HOLDER}.settle", "self._store.end(self._ending[0])", "None"),
        lambda browser, backend, *_: _CONTRACT.test_a_logout_ends_the_session_and_the_cookie(browser, backend),
    ),
    "a logout waits for the answer": (
        Mutant(
            f"{VISIT}.close",
            "self._holder.settle()",
            "self._holder.is_ended = self._holder.is_ended and is_kept",
        ),
        lambda browser, backend, *_: _CONTRACT.test_a_logout_counts_also_when_the_page_fails(browser, backend),
    ),
    "a page that failed is stored": (
        Mutant(f"{VISIT}.close", "is_kept and ", ""),
        lambda browser, backend, *_: _CONTRACT.test_a_page_that_failed_stores_nothing(browser, backend, "/fails/2"),
    ),
    "a slow request logs in again": (
        Mutant(
            f"{HOLDER}._store_in_flight",
            "if not error.is_superseded:\n            raise",
            "if not error.is_superseded:\n            return self._begin(dict(session), subject, wishes)",
        ),
        lambda browser, backend, *_: _CONTRACT.test_a_slow_request_brings_nobody_back(browser, backend),
    ),
    "a store that is away is an empty session": (
        Mutant(
            f"{HOLDER}.find",
            "self._take(self._opener.find())",
            "try:\n        self._take(self._opener.find())\n    except Exception:\n        self._take(Absence.UNKNOWN)",
        ),
        lambda browser, backend, *_: _CONTRACT.test_a_store_that_is_away_is_no_empty_session(browser, backend),
    ),
    "the first of two cookies counts": (
        Mutant(f"{OPENER}.find", "if len(opened) > 1:", "if False:"),
        lambda browser, *_: _CONTRACT.test_two_cookies_that_open_are_none(browser),
    ),
    "a cookie without a name counts": (
        Mutant(f"{COOKIE}.tokens_in", "name == self._name", 'name in (self._name, "")'),
        lambda browser, *_: _CONTRACT.test_nothing_but_the_exact_name_opens(browser, "={token}"),
    ),
    "a session that was emptied takes another tab's cart along": (
        Mutant(f"{PROTOCOL}.expire_unchanged", ", version=seen.version", ""),
        lambda browser, *_: _CONTRACT.test_an_emptied_session_keeps_what_another_tab_put_in(browser),
    ),
    "a cookie is deleted elsewhere": (
        Mutant(f"{COOKIE}.deleted", ", *self._attributes()", ""),
        lambda browser, backend, *_: _CONTRACT.test_a_logout_ends_the_session_and_the_cookie(browser, backend),
    ),
    "the last tab wins": (
        Mutant(
            f"{HOLDER}._write_own",
            "self._lifetime(session, wishes.idle), self.rules.on_conflict",
            'self._lifetime(session, wishes.idle), "mine"',
        ),
        lambda _browser, backend, patch, clock: _CONTRACT.test_a_lost_race_can_be_told(
            lambda store, **options: wire_to(SojournMiddleware(application(store), store, **options)),
            memory_store(backend=backend, clock=clock),
            patch,
        ),
    ),
    "a superseded request sets a cookie": (
        Mutant(
            f"{VISIT}._update",
            "is_ended=holder.is_ended",
            "is_ended=holder.is_superseded or holder.is_ended",
        ),
        lambda browser, *_: _CONTRACT.test_a_page_that_fails_in_flight_leaves_the_cookie_alone(browser),
    ),
    "a superseded request begins a session": (
        Mutant(f"{HOLDER}._take", "self.is_superseded = found is Absence.SUPERSEDED", "pass"),
        lambda browser, backend, *_: _CONTRACT.test_another_request_in_flight_is_refused_as_a_lost_race_is(
            browser, backend, "/setdefault/csrf/1"
        ),
    ),
    "a superseded request begins a session when it had opened the old one": (
        Mutant(
            f"{HOLDER}._begin_beside",
            "elif is_change and not self._is_safe:",
            "elif is_change:\n        self._begin(edits, None, wishes)\n    elif False:",
        ),
        lambda browser, backend, *_: (
            _CONTRACT.test_a_request_that_opened_the_session_before_a_login_is_in_flight_as_well(
                browser, backend, "put/a/2", "GET"
            )
        ),
    ),
    "a request is in flight from its first look on": (
        Mutant(f"{OPENER}.find", "arrived_at=self._arrived_at", "arrived_at=None"),
        lambda browser, backend, _, clock: _CONTRACT.test_a_request_is_in_flight_from_its_arrival_on(
            browser, backend, clock
        ),
    ),
    "a double click loses the cart": (
        Mutant(f"{HOLDER}._begin_beside", "**(known or {})", "**{}"),
        lambda browser, _backend, _patch, clock: _CONTRACT.test_a_slow_double_click_keeps_the_cart(browser, clock),
    ),
    "a slow double click loses the cart": (
        Mutant(f"{HOLDER}._begin_beside", "arrived_at=self._arrived_at", "arrived_at=None"),
        lambda browser, _backend, _patch, clock: _CONTRACT.test_a_slow_double_click_keeps_the_cart(browser, clock),
    ),
    "a login takes over what another subject had": (
        Mutant(f"{HOLDER}._part", "dict(contents) if subject is None else", "dict(contents) if True else"),
        lambda browser, *_: _CONTRACT.test_a_login_as_another_subject_sees_nothing_of_it(browser),
    ),
    "a logout in flight undoes a login": (
        Mutant(f"{HOLDER}.settle", "self.is_ended or not self.is_superseded", "True"),
        lambda browser, *_: _CONTRACT.test_a_logout_in_flight_does_not_undo_a_login(browser, "logout", is_opened=True),
    ),
    "a login keeps the old beginning": (
        Mutant(
            f"{PROTOCOL}._timed",
            "began_at=now, absolute_at=record.absolute_at + now - record.began_at",
            "began_at=seen.began_at, absolute_at=seen.absolute_at",
        ),
        lambda browser, backend, _, clock: _CONTRACT.test_a_login_gets_the_whole_time(browser, backend, clock),
    ),
    "a second rotation's first token becomes a stranger": (
        Mutant(f"{PROTOCOL}._timed", "former_hashes=former_hashes(seen, now=now)", "former_hashes=seen.token_hash"),
        lambda browser, backend, *_: _CONTRACT.test_two_rotations_in_a_row_make_no_stranger(browser, backend),
    ),
    "a refusal forgets the new token": (
        Mutant("sojourn.adapters.wsgi:_Request.refuse", "headers = self._carried(", "self._carried("),
        lambda browser, _, patch, __: _CONTRACT.test_a_rotation_that_went_before_a_refusal_is_handed_out(
            browser, patch
        ),
    ),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_noticed(
    store: Store, backend: CountingBackend, clock: FakeClock, monkeypatch: pytest.MonkeyPatch, mistake: str
) -> None:
    """Each one has been made by some store."""
    mutant, check = MISTAKES[mistake]
    browser = Browser(wire_to(SojournMiddleware(application(store), store)))
    mutant.apply(monkeypatch)
    with pytest.raises(AssertionError):
        check(browser, backend, monkeypatch, clock)
