"""Faults on the wire under every verb: each call ends, with the truth, and asks no more often than it may."""

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass

import pytest
from botocore.config import Config

from devstack.clients import Clients
from sojourn import Absence, Session, SessionGoneError, Settings, SojournError, Store, StoreUnavailableError
from sojourn.backends import clients
from sojourn.backends.dynamodb import DynamoBackend
from sojourn.retry import Retry
from sojourn.testing import FakeClock
from tests.contract.tables import sessions_table
from tests.proofs.faults.proxy import Effect, Fault, Proxy, effect, proxied
from tests.support.mutants import Mutant

ATTEMPTS = 3
_CONNECT, _READ = 0.1, 0.25
"""Seconds; in earnest they are ten times as long."""

_PATIENCE = 6
"""Seconds after which a call does not end: far more than it may take, less than a drip takes."""


@dataclass(frozen=True, slots=True)
class Scene:
    """A store behind a bad network, and one session in it."""

    proxy: Proxy
    store: Store
    calm: Store
    """The same store behind a good network."""
    clock: FakeClock

    def session(self) -> Session:
        """One that the proxy did not see."""
        return self.calm.create({"a": 1}, subject="ada")

    def within(self, seconds: float) -> Store:
        """With a deadline; the shortest in which one attempt is made is some four tenths of a second."""
        return self.store.within(seconds)


def _store(url: str, table: str, clock: FakeClock) -> Store:
    backend = DynamoBackend(
        clients.dynamodb_client(endpoint_url=url), table=table, objects=None, overflow_bytes=1_000_000
    )
    retry = Retry(attempts=ATTEMPTS, base=0.001, cap=0.002, attempt_seconds=_CONNECT + _READ)
    return Store(backend, Settings(sweep_grace_seconds=0, sweep_shards=1), clock=clock, retry=retry)


@pytest.fixture(scope="module")
def table(dynamodb_local: str, credentials: None) -> Iterator[str]:  # noqa: ARG001  # the clients read them
    """One for all."""
    with sessions_table(Clients(dynamodb_local).dynamodb) as name:
        yield name


@pytest.fixture
def scene(dynamodb_local: str, table: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Scene]:
    """A good network until it is told otherwise."""
    with opened(dynamodb_local, table, monkeypatch) as made:
        yield made


@contextmanager
def opened(dynamodb_local: str, table: str, monkeypatch: pytest.MonkeyPatch, *, read: float = _READ) -> Iterator[Scene]:
    """A scene whose clients are less patient than in earnest, or as patient as ``read`` says."""
    clock = FakeClock()
    calm = _store(dynamodb_local, table, clock)
    impatient = vars(clients)["_CONFIG"].merge(Config(connect_timeout=_CONNECT, read_timeout=read))
    monkeypatch.setattr(clients, "_CONFIG", impatient)
    monkeypatch.setattr(clients, "CONNECT_SECONDS", _CONNECT)
    with proxied(dynamodb_local) as proxy:
        yield Scene(proxy, _store(proxy.url, table, clock), calm, clock)


def _write(store: Store, session: Session) -> None:
    session["a"] = 2
    store.write(session)


def _lock(store: Store, session: Session) -> None:
    with store.lock(session, lease=1, wait=0):
        pass


def _sweep(store: Store, _session: Session) -> object:
    report = store.sweep(deadline=FakeClock()() + 30)
    if report.more:
        raise StoreUnavailableError("the run reports that there is more", outcome_unknown=True, is_transient=True)
    return report


VERBS: dict[str, Callable[[Store, Session], object]] = {
    "create": lambda store, _session: store.create({"a": 1}, subject="eve"),
    "read": lambda store, session: store.read(session.token, touch=False),
    "write": _write,
    "touch": lambda store, session: store.touch(session, idle=60),
    "rotate": lambda store, session: store.rotate(session),
    "login": lambda store, session: store.login(session, subject="ada"),
    "refresh": lambda store, session: store.refresh(session),
    "look behind": lambda store, session: store.superseding_document(session.token, subject="ada"),
    "touch, other stay": lambda store, session: store.touch(session, absolute=90_000),
    "expire before": lambda store, _session: store.expire_before(1),
    "expire": lambda store, session: store.expire(session),
    "expire one": lambda store, session: store.expire_one(subject="ada", session_id=session.id),
    "expire all": lambda store, _session: store.expire_all(subject="ada"),
    "list": lambda store, _session: list(store.sessions(subject="ada")),
    "lock": _lock,
    "sweep": _sweep,
}

_SOON = ("read", "write")
"""The others wait for the slow suite."""

_READING = ("read", "list", "refresh", "look behind")
_TURNING = ("rotate", "login")
_ENDING = ("expire", "expire one", "expire all")

every_fault = pytest.mark.parametrize("fault", list(Fault), ids=lambda fault: fault.name.lower())
every_verb = pytest.mark.parametrize(
    "verb", [verb if verb in _SOON else pytest.param(verb, marks=pytest.mark.slow) for verb in VERBS]
)


@every_fault
@every_verb
def test_one_fault_is_got_over(scene: Scene, verb: str, fault: Fault) -> None:
    """It is asked again, once, and the outcome is the one that there would have been; what is forbidden is not."""
    session = scene.session()
    before = session.token
    scene.proxy.faults = [fault]
    if fault is Fault.FORBIDDEN:
        with pytest.raises(StoreUnavailableError) as refused:
            VERBS[verb](scene.store, session)
        assert not refused.value.is_transient
        return
    VERBS[verb](scene.store, session)
    assert scene.proxy.met == [fault]
    found = scene.calm.read(before, touch=False)
    if verb in _TURNING:
        assert found is None
        assert session.version == 2
        again = scene.calm.read(session.token, touch=False)
        assert again is not None
        assert (again.id, again.version) == (session.id, 2)
    elif verb in _ENDING:
        assert found is None
    else:
        assert found is not None
        assert (found.version, found["a"]) == ((2, 2) if verb == "write" else (1, 1))


@every_fault
@every_verb
def test_a_fault_that_stays_is_told_as_it_is(scene: Scene, verb: str, fault: Fault) -> None:
    """A store that is away is no empty session, no conflict and no end; whether it happened is told rightly."""
    session = scene.session()
    scene.proxy.always = fault
    told = None
    try:
        VERBS[verb](scene.store, session)
    except SojournError as error:
        told = error
    asked = scene.proxy.requests
    assert isinstance(told, StoreUnavailableError), told
    if verb != "sweep":
        assert told.outcome_unknown == (
            verb not in _READING
            and effect(fault) is not Effect.NONE
            and asked[0] not in ("Query", "GetItem", "BatchGetItem")
        )
    assert told.is_transient == (fault is not Fault.FORBIDDEN)
    found = scene.calm.read(session.token, touch=False)
    if verb in _TURNING and effect(fault) is Effect.DONE and asked[0] == "UpdateItem":
        # It took effect unanswered: the old token opens nothing, and no client holds the new one.
        assert found is None
        assert scene.calm.find(session.token) is Absence.SUPERSEDED
    if not told.outcome_unknown:
        assert found is not None
        assert (found.version, found["a"]) == (1, 1)
    # A sweep has two lists. What took effect unanswered may be looked up; a creation that did is cleared away.
    calls = 2 if verb == "sweep" or effect(fault) is Effect.DONE else 1
    assert len(asked) <= calls * (ATTEMPTS if fault is not Fault.FORBIDDEN else 1)


@pytest.mark.parametrize("fault", [Fault.BLACK_HOLE, Fault.DRIP], ids=lambda fault: fault.name.lower())
@every_verb
def test_every_call_ends_within_its_deadline(scene: Scene, verb: str, fault: Fault) -> None:
    """Also when the answer never stops coming; and then nothing goes on."""
    session = scene.session()
    scene.proxy.always = fault
    before = threading.active_count()
    begun = time.monotonic()
    with suppress(StoreUnavailableError):
        VERBS[verb](scene.within(1.0), session)
    assert time.monotonic() - begun < _PATIENCE
    asked = len(scene.proxy.requests)
    time.sleep(0.1)
    assert len(scene.proxy.requests) == asked, "it asks on"
    # The proxy's own threads end when the connection does.
    assert threading.active_count() <= before + asked


@pytest.mark.parametrize("fault", [Fault.BLACK_HOLE, Fault.DRIP], ids=lambda fault: fault.name.lower())
def test_a_request_that_is_begun_late_ends_in_time(
    dynamodb_local: str, table: str, monkeypatch: pytest.MonkeyPatch, fault: Fault
) -> None:
    """By the deadline, however patient the client is otherwise."""
    with opened(dynamodb_local, table, monkeypatch, read=5 * _PATIENCE) as scene:
        test_every_call_ends_within_its_deadline(scene, "read", fault)


@every_verb
def test_overload_is_not_multiplied(scene: Scene, verb: str) -> None:
    """Of many clients at once, each asks as often as it may and no more."""
    many = 8
    sessions = [scene.session() for _ in range(many)]
    scene.proxy.always = Fault.THROTTLED

    def try_it(session: Session) -> None:
        with suppress(StoreUnavailableError):
            VERBS[verb](scene.store, session)

    with ThreadPoolExecutor(many) as threads:
        list(threads.map(try_it, sessions))
    lists = 2 if verb == "sweep" else 1
    assert len(scene.proxy.requests) == many * ATTEMPTS * lists


MUTANTS: dict[str, tuple[Mutant, Callable[[Scene], None]]] = {
    "a drip is waited for": (
        Mutant("sojourn.backends.timed:_Reader.readinto", "self._until - time.monotonic()", "1.0"),
        lambda scene: test_every_call_ends_within_its_deadline(scene, "read", Fault.DRIP),
    ),
    "what cannot be read is empty": (
        Mutant(
            "sojourn.backends.direct:_read",
            "_object(body)\n",
            "_object(body) or ({} if operation[0] == 'D' else None)\n",
        ),
        lambda scene: test_a_fault_that_stays_is_told_as_it_is(scene, "expire", Fault.HTML),
    ),
    "items that cannot be read are none": (
        Mutant("sojourn.backends.direct:_read", "_object(body)\n", "_object(body) or {'Responses': {}}\n"),
        lambda scene: test_a_fault_that_stays_is_told_as_it_is(scene, "read", Fault.HTML),
    ),
    "no checksum is looked at": (
        Mutant("sojourn.backends.direct:_read", "checksum != str(zlib.crc32(body))", "False"),
        lambda scene: test_a_fault_that_stays_is_told_as_it_is(scene, "read", Fault.WRONG_SUM),
    ),
    "what is forbidden is asked again": (
        Mutant("sojourn.retry:Retry.run", "or not error.is_transient", ""),
        lambda scene: test_a_fault_that_stays_is_told_as_it_is(scene, "read", Fault.FORBIDDEN),
    ),
    "never asked again": (
        Mutant("sojourn.retry:Retry.run", "number + 1 == self.attempts", "True"),
        lambda scene: test_one_fault_is_got_over(scene, "read", Fault.RESET_BEFORE),
    ),
    "a lost answer is called harmless": (
        Mutant("sojourn.retry:Retry.run", "unknown = unknown or error.outcome_unknown", "pass"),
        lambda scene: test_a_fault_that_stays_is_told_as_it_is(scene, "write", Fault.RESET_AFTER),
    ),
    "throttling may have happened": (
        Mutant(
            "sojourn.backends.clients:_unavailable",
            '{place}", is_transient=True)',
            '{place}", outcome_unknown=changes, is_transient=True)',
        ),
        lambda scene: test_a_fault_that_stays_is_told_as_it_is(scene, "write", Fault.THROTTLED),
    ),
    "a rotation whose answer was lost is gone": (
        Mutant("sojourn.protocol:_is_write_of", "current.write_id == record.write_id", "False"),
        lambda scene: test_one_fault_is_got_over(scene, "rotate", Fault.RESET_AFTER),
    ),
    "a failure is harmless": (
        Mutant("sojourn.backends.clients:_unavailable", "outcome_unknown=changes, ", ""),
        lambda scene: test_a_fault_that_stays_is_told_as_it_is(scene, "write", Fault.ERROR_AFTER),
    ),
}


@pytest.mark.parametrize(
    "mistake",
    [pytest.param(name, marks=pytest.mark.slow) if name == "a drip is waited for" else name for name in MUTANTS],
)
def test_a_mistake_is_noticed(dynamodb_local: str, table: str, mistake: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """One line of the library is wrong."""
    mutant, check = MUTANTS[mistake]
    mutant.apply(monkeypatch)
    noticed = pytest.raises((AssertionError, KeyError, StoreUnavailableError, SessionGoneError))
    with opened(dynamodb_local, table, monkeypatch) as scene, noticed:
        check(scene)
