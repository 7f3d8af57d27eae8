"""One request's session, where the contract does not reach."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from sojourn import (
    Absence,
    Cause,
    ConfigurationError,
    ConflictError,
    InvalidDataError,
    Outcome,
    SessionEvent,
    SessionGoneError,
    Store,
    StoreUnavailableError,
)
from sojourn.adapters.cookies import CookieUpdate
from sojourn.adapters.refusals import refusal_of
from sojourn.adapters.rules import Rules, rules_of, subject_under
from sojourn.adapters.visit import Visit
from sojourn.testing import FakeClock
from tests.adapters.browser import CountingBackend
from tests.support.mutants import Mutant


@pytest.fixture
def told() -> list[SessionEvent]:
    """What happened to sessions."""
    return []


def watching(store: Store, told: list[SessionEvent]) -> Store:
    """``store``, with ``told`` for its events."""
    of = store.resources
    return store.over(replace(of, reporter=of.reporter.to(told.append)))


@pytest.mark.parametrize(
    ("data", "subject"),
    [({}, None), ({"user": None}, None), ({"user": ""}, None), ({"user": "ada"}, "ada"), ({"user": 0}, "0")],
)
def test_a_subject_is_what_stands_under_a_key(data: dict[str, object], subject: str | None) -> None:
    """As text: user 0 is a user."""
    assert subject_under("user")(data) == subject


@pytest.mark.parametrize("found", [False, True, 1.5, b"ada", {"sub": "108"}, ["ada"], object()])
def test_what_is_neither_text_nor_a_whole_number_is_no_subject(found: object) -> None:
    """The error names what to give instead, and shows nothing of the value."""
    with pytest.raises(InvalidDataError, match=r"user: is of type .* give subject_of a function") as raised:
        subject_under("user")({"user": found})
    assert "108" not in str(raised.value)


def test_a_change_that_only_equals_is_a_change(store: Store) -> None:
    """``True == 1``; in flight it is lost all the same."""
    session = store.create({"n": 1})
    visit = Visit(store, (session.token,), Rules())
    visit["n"] = True
    store.rotate(session)
    with pytest.raises(SessionGoneError):
        visit.close()


def test_a_long_request_that_logs_out_ends_no_newer_login(store: Store, clock: FakeClock) -> None:
    """Its session was open; the ten seconds of a request in flight are long over."""
    session = store.create({"a": 1})
    visit = Visit(store, (session.token,), Rules())
    assert visit["a"] == 1
    store.login(session, subject="ada")
    clock.advance(600)
    visit.logout()
    assert visit.close() == CookieUpdate(is_accessed=True)
    assert store.read(session.token) is not None


def test_a_double_click_after_a_logout_begins_an_empty_session(store: Store) -> None:
    """``logout`` and ``login`` in one request: nothing of the former session is wanted."""
    session = store.create({"cart": ["tea"]})
    visit = Visit(store, (session.token,), Rules())
    store.login(session, subject="ada")
    visit.logout()
    visit.login("ada")
    update = visit.close()
    begun = store.read(update.token)
    assert begun is not None
    assert (dict(begun), begun.subject, update.is_ended) == ({}, "ada", False)


def test_a_visit_tells_what_is_known_of_its_session(store: Store) -> None:
    """Before anything is stored, and after."""
    first = Visit(store, (), Rules())
    first["a"] = 1
    assert (first.id, first.subject, first.is_stored) == (None, None, False)
    first.login("ada")
    assert first.subject == "ada"
    update = first.close()
    second = Visit(store, (str(update.token),), Rules())
    (summary,) = store.sessions(subject="ada")
    assert (second.id, second.subject, second.is_stored) == (summary.id, "ada", True)
    assert update.until == summary.absolute_at
    second.login("eve")
    assert second.subject == "eve"
    second.logout()
    assert [second.id, second.subject, second.is_stored] == [None, None, False]


def test_nothing_of_a_session_is_shown(store: Store) -> None:
    """A visit may be logged."""
    visit = Visit(store, (), Rules())
    assert repr(visit) == "<Visit not opened>"
    visit["a"] = "hunter2"
    token = visit.close().token
    again = Visit(store, (str(token),), Rules())
    assert again["a"] == "hunter2"
    for shown in (repr(visit), repr(again)):
        assert "hunter2" not in shown
        assert str(token) not in shown


def test_a_login_that_is_told_twice_is_one(store: Store, backend: CountingBackend) -> None:
    """The last one counts, and a rotation after it changes nothing in it."""
    visit = Visit(store, (store.create({"a": 1}).token,), Rules())
    with backend.counted() as calls:
        visit.login("ada", label="phone")
        visit.login("eve", label="laptop")
        visit.rotate()
        assert visit.close().token is not None
    assert calls == ["load", "replace"]
    (found,) = store.sessions(subject="eve")
    assert found.label == "laptop"


def test_a_label_stays_with_its_session(store: Store) -> None:
    """Who logs in again on the same device need not name it again."""
    visit = Visit(store, (store.create(subject="ada", label="phone").token,), Rules())
    visit.login("ada")
    visit.close()
    (found,) = store.sessions(subject="ada")
    assert found.label == "phone"


def test_who_only_looks_becomes_nobody_else(store: Store, backend: CountingBackend) -> None:
    """A session of a subject that its data does not tell of, made through the API say, is let be until it changes."""
    rules, session = Rules(subject_of=subject_under("user")), store.create({"a": 1}, subject="ada")
    visit = Visit(store, (session.token,), rules)
    with backend.counted() as calls:
        assert visit["a"] == 1
        assert visit.close().token is None
    assert calls == ["load"]
    visit = Visit(store, (session.token,), rules)
    visit["user"] = "eve"
    assert visit.close().token is not None
    assert (list(store.sessions(subject="ada")), len(list(store.sessions(subject="eve")))) == ([], 1)


def test_a_logout_before_a_session_is_none(store: Store, backend: CountingBackend) -> None:
    """Nothing was there to end; a cookie that means nothing is taken back all the same."""
    for token, is_ended in ((None, False), ("junk", True)):
        visit = Visit(store, () if token is None else (token,), Rules())
        visit["a"] = 1
        visit.logout()
        assert visit.close() == CookieUpdate(is_ended=is_ended, is_accessed=True)
    assert backend.records == []


def test_every_refusal_has_an_answer() -> None:
    """Which says nothing of what is inside."""
    assert refusal_of(ConflictError("id", keys=frozenset({"cart"})))[0] == 409
    assert refusal_of(SessionGoneError("id"))[0] == 401
    assert refusal_of(StoreUnavailableError("table sessions-4711"))[0] == 503
    for error in (ConflictError("4711", keys=frozenset({"4711"})), StoreUnavailableError("4711")):
        assert "4711" not in refusal_of(error)[1]


def test_two_cookies_that_open_a_session_each_are_told(store: Store, told: list[SessionEvent]) -> None:
    """None of them counts, so the visitor looks logged out: the log has to say why."""
    tokens = (store.create({"a": 1}).token, store.create({"a": 2}).token)
    told.clear()
    assert dict(Visit(watching(store, told), tokens, Rules())) == {}
    assert [(event.outcome, event.reason) for event in told] == [(Outcome.MISSED, Absence.AMBIGUOUS)]


def test_a_change_that_an_outage_drops_is_told_once(
    store: Store, backend: CountingBackend, told: list[SessionEvent]
) -> None:
    """A page that does without its session keeps nothing; what was put in is a line, beside that of the outage."""
    token = store.create({"a": 1}).token
    visit = Visit(watching(store, told), (token,), Rules(), is_safe=True, may_go_without=True)
    told.clear()
    backend.is_away = True
    visit["b"] = 1
    visit.close()
    assert [(event.verb, event.outcome, event.reason) for event in told] == [
        ("read", Outcome.REFUSED, Cause.UNAVAILABLE),
        ("write", Outcome.REFUSED, Cause.UNAVAILABLE),
    ]


def test_a_page_sees_version_and_deadlines_of_its_session(store: Store, clock: FakeClock) -> None:
    """As they are once it was read, renewed or stored; none while nothing is stored."""
    begun = Visit(store, (), Rules())
    seen = [begun.summary]
    begun["cart"] = ["tea"]
    assert [*seen, begun.summary] == [None, None]
    begun.close()
    settings, began_at = store.settings, clock()
    assert begun.summary is not None
    assert (begun.summary.id, begun.summary.version) == (begun.id, 1)
    clock.advance(settings.idle_seconds - 1)
    token = begun.close().token
    visit = Visit(store, (str(token),), Rules())
    assert visit.summary is not None
    assert visit.summary.expires_at == clock() + settings.idle_seconds
    assert visit.summary.absolute_at == began_at + settings.absolute_seconds
    visit.label = "phone"
    visit.login("ada")
    visit.close()
    assert visit.summary == next(store.sessions(subject="ada"))
    visit = Visit(store, (str(visit.close().token),), Rules())
    visit.logout()
    assert visit.summary is None


def test_another_choice_than_those_two_is_a_mistake() -> None:
    """For all pages, or for one: it is raised, and counts as neither."""
    with pytest.raises(ConfigurationError, match='"refuse" or "anonymous"'):
        rules_of(None, "raise", "guest")  # type: ignore[arg-type]  # an application without types
    rules = rules_of(None, "raise", lambda _path: "guest")  # type: ignore[arg-type,return-value]  # as above
    with pytest.raises(ConfigurationError, match="'guest'"):
        rules.may_go_without("GET", "/")


def test_what_another_request_stored_shows_once_it_is_closed(store: Store) -> None:
    """Beside what this one put in; where this one stored nothing it is as it was read."""
    session = store.create({"a": 1})
    for put, expected in (({"c": 3}, {"a": 1, "b": 2, "c": 3}), ({}, {"a": 1, "b": 2, "c": 3})):
        visit = Visit(store, (session.token,), Rules())
        visit.before_look()
        other = store.read(session.token)
        assert other is not None
        other["b"] = 2
        store.write(other)
        visit.update(put)
        visit.close()
        assert dict(visit) == expected


def nested(session: Visit) -> None:
    """Change a list within, reached by a method of the session."""
    session["cart"]["items"].append("tea")


def past_all_methods(session: Visit) -> None:
    """Change it as C code reaches it, which calls no method of a subclass."""
    assert session["user"] == 1
    dict.__getitem__(session, "cart")["items"].append("tea")


def equal_and_of_another_type(session: Visit) -> None:
    """``1 == True``."""
    session["user"] = True


HELD: dict[str, object] = {"user": 1, "cart": {"items": ["milk"]}}


def a_change_is_stored(store: Store, change: Callable[[Visit], None]) -> None:
    """Whatever it is, and however it was reached."""
    token = store.create(HELD).token
    visit = Visit(store, (token,), Rules())
    change(visit)
    assert not visit.is_unchanged
    visit.close()
    found = store.read(token)
    assert found is not None
    assert repr(dict(found)) == repr(dict(visit)) != repr(HELD)


@pytest.mark.parametrize("change", [nested, past_all_methods, equal_and_of_another_type])
def test_a_change_is_stored_however_it_was_reached(store: Store, change: Callable[[Visit], None]) -> None:
    """Nothing is noted of what was handed out: all of it is compared."""
    a_change_is_stored(store, change)


def what_was_stored_on_the_way_is_compared_with(store: Store) -> None:
    """A request that stores a change and takes it back leaves what it found, and another one is stored by then."""
    token = store.create(HELD, subject="ada").token
    visit = Visit(store, (token,), Rules())
    visit["user"] = 2
    visit.rotate()
    visit.store_pending()
    visit["user"] = 1
    update = visit.close()
    found = store.read(update.token)
    assert found is not None
    assert found["user"] == 1


def test_what_was_stored_on_the_way_is_compared_with(store: Store) -> None:
    """Not with what was found."""
    what_was_stored_on_the_way_is_compared_with(store)


@pytest.mark.parametrize("size", range(40))
def test_it_opens_with_any_number_of_keys(store: Store, size: int) -> None:
    """While it is being opened nothing looks at it, which would wait for that."""
    session = store.create({str(number): number for number in range(size)}, subject="ada")
    visit = Visit(store, (session.token,), Rules())
    assert len(visit) == size
    for number in range(1, size):
        del visit[str(number)]
    assert visit.is_unchanged is (size < 2)


def test_a_session_that_was_only_read_is_known_to_be_unchanged(store: Store) -> None:
    """A session for which something else was asked, a new lifetime say, is stored."""
    session = store.create(HELD, idle=600)
    visit = Visit(store, (session.token,), Rules())
    assert visit["cart"]["items"] == ["milk"]
    assert visit.is_unchanged
    assert not visit.modified
    visit.idle = 600
    assert visit.is_unchanged
    for idle in (601, 600.0):
        visit.idle = idle  # type: ignore[assignment]  # as an application without types may
        assert not visit.is_unchanged
    visit.idle = None
    visit.rotate()
    assert not visit.is_unchanged


_V, _H = "sojourn.adapters.dictionary:LazyDictionary", "sojourn.adapters.holder"
MUTANTS: dict[str, tuple[Mutant, Callable[[Store], None]]] = {
    "what was found is not compared": (
        Mutant(f"{_V}.is_as_found", " and imprint(self._bare()) == self._imprint", ""),
        lambda store: a_change_is_stored(store, past_all_methods),
    ),
    "what was stored is compared with what was found": (
        Mutant(f"{_V}.lose_track", "self._imprint = None", "pass"),
        what_was_stored_on_the_way_is_compared_with,
    ),
    "a rotation is nothing": (
        Mutant(f"{_H}:Holder.is_nothing", " or not wishes.is_mere_change", ""),
        test_a_session_that_was_only_read_is_known_to_be_unchanged,
    ),
    "another lifetime is nothing": (
        Mutant(
            f"{_H}:Holder.is_nothing",
            "idle is None or (is_same and self._lifetime(session, idle) == (idle, None))",
            "True",
        ),
        test_a_session_that_was_only_read_is_known_to_be_unchanged,
    ),
}


@pytest.mark.parametrize("mistake", MUTANTS)
def test_a_mistake_is_noticed(mistake: str, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """So these tests can fail."""
    mutant, check = MUTANTS[mistake]
    check(store)
    mutant.apply(monkeypatch)
    with pytest.raises(AssertionError):
        check(store)
