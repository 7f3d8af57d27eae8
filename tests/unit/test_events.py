"""What is told of a session's life: once each, with the reason, to the log and to the application, and to no other."""

import io
import json
import logging
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from aws_lambda_powertools import Logger
from aws_lambda_powertools.logging.utils import copy_config_to_registered_loggers
from aws_lambda_powertools.metrics import EphemeralMetrics, MetricUnit

from sojourn import (
    Absence,
    Cause,
    ConfigurationError,
    ConflictError,
    InvalidDataError,
    Outcome,
    SessionEvent,
    SessionGoneError,
    SessionTooLargeError,
    Settings,
    SojournError,
    Store,
    StoreUnavailableError,
    events,
    factory,
    open_store,
)
from sojourn.emf import METRICS, EmfRecorder
from sojourn.retry import Retry
from sojourn.testing import FakeClock, memory_store
from sojourn.tokens import mint, reminted
from tests.unit.faulty import Fault, FaultyBackend

Told = list[SessionEvent]

DAY = 86_400


@pytest.fixture
def clock() -> FakeClock:
    """Time stands still until a test moves it."""
    return FakeClock()


@pytest.fixture
def told() -> Told:
    """What the application's function got."""
    return []


@pytest.fixture
def store(clock: FakeClock, told: Told) -> Store:
    """A store in memory that tells ``told``."""
    return memory_store(clock=clock, settings=Settings(namespace="shop", max_bytes=400), on_event=told.append)


def telling(store: Store, on_event: events.OnEvent) -> Store:
    """``store`` with a function for its events, as ``open_store`` makes it."""
    of = store.resources
    return Store(of.backend, of.settings, clock=of.clock, retry=of.retry, memory=of.memory, on_event=on_event)


def short(told: Told) -> list[tuple[str, str, str | None]]:
    """Verb, outcome and reason of each."""
    return [(event.verb, event.outcome.value, event.reason and event.reason.value) for event in told]


def test_a_life_is_told_from_beginning_to_end(store: Store, clock: FakeClock, told: Told) -> None:
    """One value a happening, with the whole id and the namespace. What only reads and writes is no event."""
    session = store.create({"cart": []})
    device = store.read(session.token)
    assert device is not None
    store.login(device, subject="ann@example.com", label="Ann's phone")
    store.rotate(device)
    device["cart"] = ["teapot"]
    store.write(device)
    store.touch(device, idle=60)
    assert store.read(session.token) is None
    clock.advance(60)
    assert store.read(device.token) is None
    assert short(told) == [
        ("create", "created", None),
        ("login", "logged in", None),
        ("rotate", "rotated", None),
        ("read", "missed", "superseded"),
        ("read", "missed", "idle"),
    ]
    assert {(event.session_id, event.namespace) for event in told} == {(session.id, "shop")}


def malformed(_store: Store, _clock: FakeClock) -> str:
    """A token that opens nothing for the reason that the function is named after; so all below."""
    return "junk"


def unknown(_store: Store, _clock: FakeClock) -> str:
    """See ``malformed``."""
    return mint().reveal()


def idle(store: Store, clock: FakeClock) -> str:
    """See ``malformed``."""
    session = store.create(idle=60)
    clock.advance(60)
    return session.token


def absolute(store: Store, clock: FakeClock) -> str:
    """See ``malformed``."""
    session = store.create(absolute=60)
    clock.advance(60)
    return session.token


def superseded(store: Store, _clock: FakeClock) -> str:
    """See ``malformed``."""
    session = store.create()
    token = session.token
    store.rotate(session)
    return token


def foreign_key(store: Store, _clock: FakeClock) -> str:
    """See ``malformed``."""
    return reminted(store.create().id).reveal()


def revoked_by_instant(store: Store, clock: FakeClock) -> str:
    """See ``malformed``."""
    session = store.create()
    clock.advance(1)
    store.expire_before(clock())
    return session.token


MISSES = [malformed, unknown, idle, absolute, superseded, foreign_key, revoked_by_instant]


@pytest.mark.parametrize("missing", MISSES)
def test_every_miss_has_its_reason(
    store: Store, clock: FakeClock, told: Told, missing: Callable[[Store, FakeClock], str]
) -> None:
    """And the id that the token names, where it names one."""
    token = missing(store, clock)
    told.clear()
    assert store.read(token) is None
    assert short(told) == [("read", "missed", missing.__name__.replace("_", " "))]
    assert told[0].session_id == (None if missing is malformed else token[4:16])


def test_every_end_says_on_whose_wish(store: Store, clock: FakeClock, told: Told) -> None:
    """The session's own token, its subject's name, an emptied document, an instant."""
    sessions = [store.create({"a": 1}, subject="ann") for _ in range(5)]
    told.clear()
    store.expire(sessions[0])
    store.expire_one(subject="ann", session_id=sessions[1].id)
    store.expire_all(subject="ann", keep=sessions[2])
    store.expire_unchanged(sessions[2])
    clock.advance(1)
    store.expire_before(clock())
    store.expire(sessions[2])
    assert short(told) == [
        ("expire", "ended", "logout"),
        ("expire_one", "ended", "owner"),
        ("expire_all", "ended", "owner"),
        ("expire_all", "ended", "owner"),
        ("expire", "ended", "emptied"),
        ("expire_before", "ended", "revoked by instant"),
        ("expire", "missed", "unknown"),
    ]
    assert {event.session_id for event in told[2:4]} == {sessions[3].id, sessions[4].id}


def test_what_is_refused_says_why_and_of_which_session(store: Store, told: Told) -> None:
    """A conflict, a document that is too large, a session that went meanwhile; not what a caller got wrong."""
    session = store.create({"a": 1})
    other = store.read(session.token)
    assert other is not None
    told.clear()
    session["a"], other["a"] = 2, 3
    store.write(session)
    with pytest.raises(ConflictError):
        store.write(other)
    other["a"] = "x" * 400
    with pytest.raises(SessionTooLargeError):
        store.write(other)
    with pytest.raises(InvalidDataError):
        store.write(session, idle=0)
    with pytest.raises(InvalidDataError):
        store.write(session.token)  # type: ignore[arg-type]  # as an application without types may
    store.expire(session)
    session["a"] = 4
    with pytest.raises(SessionGoneError):
        store.write(session)
    with pytest.raises(SessionGoneError):
        store.refresh(session)
    assert short(told) == [
        ("write", "refused", "conflict"),
        ("write", "refused", "too large"),
        ("expire", "ended", "logout"),
        ("write", "missed", "gone meanwhile"),
        ("refresh", "missed", "gone meanwhile"),
    ]
    assert {event.session_id for event in told} == {session.id}


def test_what_is_refused_under_a_lock_is_told_once(store: Store, told: Told) -> None:
    """By the verb that met it, and not again by the lock around it."""
    session = store.create({"a": 1})
    other = store.read(session.token)
    assert other is not None
    told.clear()
    with pytest.raises(ConflictError), store.lock(other):  # noqa: PT012  # the block is what is judged
        session["a"], other["a"] = 2, 3
        store.write(session)
        store.write(other)
    store.expire(session)
    with pytest.raises(SessionGoneError), store.lock(other):
        pass
    assert short(told) == [
        ("write", "refused", "conflict"),
        ("expire", "ended", "logout"),
        ("refresh", "missed", "gone meanwhile"),
    ]


def test_a_store_that_is_away_is_told_at_every_verb(clock: FakeClock, told: Told) -> None:
    """With the store's own words, and the id where there is one."""
    backend = FaultyBackend()
    settings = Settings(strict_expire_all=True)
    retry = Retry(sleep=lambda _seconds: None)
    store = Store(backend, settings, clock=clock, retry=retry, on_event=told.append)
    session = store.create({"a": 1}, subject="ann")
    session["a"] = 2
    calls: dict[str, Callable[[], object]] = {
        "create": store.create,
        "read": lambda: store.read(session.token),
        "write": lambda: store.write(session),
        "touch": lambda: store.touch(session, idle=60),
        "rotate": lambda: store.rotate(session),
        "login": lambda: store.login(session, subject="ben"),
        "expire": lambda: store.expire(session),
        "refresh": lambda: store.refresh(session),
        "list": lambda: list(store.sessions(subject="ann")),
        "expire_one": lambda: store.expire_one(subject="ann", session_id=session.id),
        "expire_all": lambda: store.expire_all(subject="ann"),
        "expire_before": lambda: store.expire_before(0),
        "sweep": lambda: store.sweep(deadline=clock() + 60),
    }
    told.clear()
    backend.choose = lambda _name: Fault.FORBIDDEN
    for call in calls.values():
        with pytest.raises(StoreUnavailableError):
            call()
    assert short(told) == [(verb, "refused", "unavailable") for verb in calls]
    assert {event.detail for event in told} == {"refused, and asking again is no use"}
    assert {event.session_id for event in told[1:8]} == {session.id}


def test_what_a_function_raises_ends_no_request(
    store: Store, clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    """It is logged; the next event is told again."""
    seen: Told = []

    def broken(event: SessionEvent) -> None:
        seen.append(event)
        raise ZeroDivisionError

    store = telling(store, broken)
    session = store.create()
    clock.advance(DAY)
    assert store.read(session.token) is None
    assert [event.outcome for event in seen] == [Outcome.CREATED, Outcome.MISSED]
    assert [record.exc_info is not None for record in caplog.records if record.levelname == "ERROR"] == [True, True]


def test_no_event_is_made_where_nobody_listens(clock: FakeClock, monkeypatch: pytest.MonkeyPatch) -> None:
    """A read that finds its session makes none either where somebody does."""

    def made(*_parts: object) -> SessionEvent:
        raise AssertionError("an event was made")

    calls: Told = []
    token = (store := memory_store(clock=clock)).create().token
    monkeypatch.setattr(events, "SessionEvent", made)
    assert telling(store, calls.append).read(token) is not None
    monkeypatch.setattr(events.logger, "disabled", True)
    assert store.read("junk") is None
    store.expire(store.create())
    assert calls == []


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    """What Powertools' own logger wrote for the library, set up as its documentation says."""
    ours, stream = logging.getLogger("sojourn"), io.StringIO()
    before = ours.handlers, ours.propagate, ours.level
    logger = Logger(service="shop", stream=stream, level="INFO", location=None)
    copy_config_to_registered_loggers(source_logger=logger, include={"sojourn"})
    yield stream
    ours.handlers, ours.propagate = before[0], before[1]
    ours.setLevel(before[2])


def test_powertools_logger_writes_each_event_as_one_object(store: Store, stream: io.StringIO) -> None:
    """Its fields are members, its message can be read; no token, document, subject or label is in it."""
    session = store.create({"card": "4111"}, subject="ann@example.com", label="Ann's phone")
    token = session.token
    store.rotate(session)
    store.read(token)
    lines: list[dict[str, Any]] = [json.loads(line) for line in stream.getvalue().splitlines()]
    names = ("level", "service", "namespace", "session", "verb", "outcome", "reason")
    assert [[line.get(name) for name in names] for line in lines] == [
        ["INFO", "shop", "shop", session.id, "create", "created", None],
        ["INFO", "shop", "shop", session.id, "rotate", "rotated", None],
        ["INFO", "shop", "shop", session.id, "read", "missed", "superseded"],
    ]
    assert lines[-1]["message"] == f"read: session {session.id} missed: superseded"
    for secret in (token[16:], session.token[16:], "sjn_", "4111", "card", "ann@", "Ann"):
        assert secret not in stream.getvalue()


def test_a_refusal_is_a_warning_so_that_it_is_seen_without_any_set_up(
    store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    """Python's root logger, and Lambda's, begin at WARNING; the rest of a life is told to who asks for INFO."""
    with pytest.raises(SessionTooLargeError):
        store.create({"a": "x" * 500})
    store.read("junk")
    told = [(record.levelname, record.getMessage()) for record in caplog.records]
    assert told == [
        ("WARNING", "create: session (no id) refused: too large: 508 bytes, the limit is 400"),
        ("INFO", "read: session (no id) missed: malformed"),
    ]


@pytest.fixture
def _no_store_yet() -> Iterator[None]:
    factory._from_environment.cache_clear()
    yield
    factory._from_environment.cache_clear()


@pytest.mark.usefixtures("_no_store_yet")
def test_a_store_of_the_environment_is_opened_with_a_function(monkeypatch: pytest.MonkeyPatch, told: Told) -> None:
    """Over the clients that the process has already; the store without one stays as it is."""
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setenv("SOJOURN_TABLE", "sessions")
    plain, telling_one = open_store(), open_store(on_event=told.append)
    assert telling_one.resources.backend is plain.resources.backend
    assert telling_one.within(1).read("junk") is None
    assert plain.read("junk") is None
    assert short(told) == [("read", "missed", "malformed")]


def test_a_recorder_writes_what_powertools_writes(store: Store, capsys: pytest.CaptureFixture[str]) -> None:
    """The same line of CloudWatch's format as Powertools' metrics, but that they write a value as a list of one."""
    recording = telling(store, EmfRecorder(service="shop"))
    recording.read("junk")
    ours = json.loads(capsys.readouterr().out)
    metrics = EphemeralMetrics(service="shop", namespace="Sojourn")
    metrics.add_dimension("reason", "malformed")
    metrics.add_metric("SessionsMissed", MetricUnit.Count, 1)
    metrics.flush_metrics()
    theirs = json.loads(capsys.readouterr().out)
    for document in (ours, theirs):
        document["_aws"].pop("Timestamp")
        (directive,) = document["_aws"]["CloudWatchMetrics"]
        directive["Dimensions"] = [sorted(names) for names in directive["Dimensions"]]
    assert ours == theirs | {"SessionsMissed": 1}


def test_a_recorder_counts_what_the_application_chooses(store: Store, told: Told) -> None:
    """Some outcomes, or a part of all events: each line then counts for several, so that sums stay right."""
    lines: list[str] = []
    chances = iter([0.1, 0.3, 0.24, 0.9])
    recorder = EmfRecorder(
        service="shop", sample=0.25, write=lines.append, clock=lambda: 1.5, chance=lambda: next(chances)
    )
    ends = EmfRecorder(service="shop", outcomes=[Outcome.ENDED], write=lines.append)
    for _ in range(4):
        store.create()
    store.expire(store.create())
    for event in told[:4]:
        recorder(event)
        ends(event)
    documents = [json.loads(line) for line in lines]
    assert [document["SessionsCreated"] for document in documents] == [4, 4]
    assert documents[0]["_aws"]["Timestamp"] == 1500
    ends(told[-1])
    assert json.loads(lines[-1])["SessionsEnded"] == 1
    assert json.loads(lines[-1])["reason"] == "logout"
    assert all(line.endswith("}\n") and told[0].session_id not in line for line in lines if told[0].session_id)
    with pytest.raises(ConfigurationError, match="sample"):
        EmfRecorder(service="shop", sample=0)


def test_every_outcome_has_a_metric_and_every_error_a_meaning() -> None:
    """What is added later is not forgotten: an error either says something of a session, or is about arguments."""
    assert set(METRICS) == set(Outcome)
    kinds = {kind for kind in SojournError.__subclasses__() if kind.__module__ == "sojourn.errors"}
    meant = {SessionGoneError, *(kind for kind, _ in events._REFUSALS)}
    assert kinds - meant == {InvalidDataError, ConfigurationError}
    assert not {reason.value for reason in Absence} & {cause.value for cause in Cause}
