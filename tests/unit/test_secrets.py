"""Tokens in no frame, copy or log of ours, and hashes compared in constant time; whatever fails."""

import copy
import hmac
import pickle
from collections.abc import Callable, Iterator
from types import TracebackType

import pytest

import sojourn
from sojourn import InvalidDataError, Session, Settings, Store, StoreUnavailableError, protocol, rotation
from sojourn.backend import Record
from sojourn.retry import Retry
from sojourn.testing import FakeClock, memory_store
from tests.unit.faulty import Fault, FaultyBackend

ROOM = str(sojourn.__file__).rpartition("/")[0]

VERBS: dict[str, Callable[[Store, Session, str], object]] = {
    "create": lambda store, _session, _token: store.create({"a": 1}, subject="u"),
    "read": lambda store, _session, token: store.read(token),
    "find": lambda store, _session, token: store.find(token),
    "find_text": lambda store, _session, token: store.find_text(token),
    "write": lambda store, session, _token: store.write(session, idle=60),
    "touch": lambda store, session, _token: store.touch(session, idle=60),
    "rotate": lambda store, session, _token: store.rotate(session),
    "login": lambda store, session, _token: store.login(session, subject="v"),
    "expire": lambda store, _session, token: store.expire(token),
    "expire, by the session": lambda store, session, _token: store.expire(session),
    "refresh": lambda store, session, _token: store.refresh(session),
    "lock": lambda store, session, _token: store.lock(session).__enter__(),
    "superseding document": lambda store, _session, token: store.superseding_document(token, subject="u"),
    "sessions": lambda store, _session, _token: list(store.sessions(subject="u")),
    "expire all": lambda store, session, _token: store.expire_all(subject="u", keep=session),
}


def _store(backend: FaultyBackend, *, encryption: bool = False) -> Store:
    settings = Settings(encryption="token" if encryption else "off")
    return Store(backend, settings, clock=FakeClock(), retry=Retry(sleep=lambda _seconds: None))


def _locals(traceback: TracebackType | None) -> Iterator[tuple[str, str]]:
    """Every local variable of the library's frames, as an error tracker shows it."""
    while traceback is not None:
        frame = traceback.tb_frame
        if frame.f_code.co_filename.startswith(ROOM):
            for name, value in frame.f_locals.items():
                yield f"{frame.f_code.co_qualname}:{name}", repr(value)
        traceback = traceback.tb_next


@pytest.mark.parametrize("encryption", [False, True], ids=["plain", "sealed"])
@pytest.mark.parametrize("verb", VERBS.values(), ids=VERBS)
def test_a_traceback_with_locals_shows_no_token_while_the_store_is_away(
    verb: Callable[[Store, Session, str], object], encryption: bool
) -> None:
    """Nor does any error that it came from; as Django's error page and error trackers print them."""
    backend = FaultyBackend()
    store = _store(backend, encryption=encryption)
    session = store.create({"a": 1}, subject="u")
    token = session.token
    backend.choose = lambda _name: Fault.THROTTLED
    with pytest.raises(StoreUnavailableError) as raised:
        verb(store, session, token)
    error: BaseException | None = raised.value
    shown = 0
    while error is not None:
        for name, text in _locals(error.__traceback__):
            shown += 1
            assert token[16:] not in text, name
        error = error.__cause__ or error.__context__
    assert shown > 5


def test_the_test_before_would_notice() -> None:
    """A frame of the library that holds the text is seen."""
    scope: dict[str, Callable[[str], None]] = {}
    exec(compile("def leak(token):\n    raise ValueError", f"{ROOM}/leak.py", "exec"), {}, scope)  # noqa: S102
    with pytest.raises(ValueError) as raised:  # noqa: PT011  # any
        scope["leak"]("sjn_secret")
    assert ("leak:token", "'sjn_secret'") in list(_locals(raised.value.__traceback__))


@pytest.mark.parametrize("protocol_number", range(2, pickle.HIGHEST_PROTOCOL + 1))
def test_a_pickled_session_has_lost_its_token(protocol_number: int) -> None:
    """A session in a cache or a queue opens nothing there."""
    session = memory_store().create({"a": 1})
    token = session.token
    pickled = pickle.dumps(session, protocol_number)
    assert token[16:].encode() not in pickled
    unpickled = pickle.loads(pickled)  # noqa: S301  # our own
    assert (unpickled.id, dict(unpickled)) == (session.id, {"a": 1})
    with pytest.raises(InvalidDataError, match="pickled"):
        _ = unpickled.token


def test_a_session_shows_no_token_and_its_copies_open_it() -> None:
    """Text, representation, snapshot and reduction; copies in this process are as good as it."""
    store = memory_store()
    session = store.create({"a": 1})
    token = session.token
    shown = [str(session), repr(session), repr(session.snapshot), repr(session.__reduce_ex__(2))]
    assert all(token[16:] not in text for text in shown)
    for copied in (copy.copy(session), copy.deepcopy(session)):
        assert copied.token == token
        copied["b"] = 2
        store.write(copied, on_conflict="mine")


COMPARING: dict[str, Callable[[Store, Session, str], object]] = {
    "read": lambda store, session, _old: store.read(session.token),
    "read with a former token": lambda store, _session, old: store.find(old),
    "logout with a former token": lambda store, _session, old: store.expire(old),
    "superseding document": lambda store, _session, old: store.superseding_document(old, subject="u"),
}


class _Watched(bytes):
    """A hash that must not be compared by ``==``."""

    def __eq__(self, other: object) -> bool:
        raise AssertionError("a hash was compared with ==")

    def __hash__(self) -> int:
        return bytes.__hash__(self)


@pytest.mark.parametrize("compare", COMPARING.values(), ids=COMPARING)
def test_a_hash_is_compared_in_constant_time(
    compare: Callable[[Store, Session, str], object], monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the one function that is made for it, on each path from a token to a session."""
    compared: list[bytes] = []

    def spy(one: bytes, other: bytes) -> bool:
        compared.append(one)
        return hmac.compare_digest(one, other)

    for module in (protocol, rotation):
        monkeypatch.setattr(module, "compare_digest", spy)
    store = memory_store(clock=FakeClock())
    session = store.create()
    old = session.token
    store.login(session, subject="u")
    backend = store.resources.backend
    stored = backend.load(f"default#{session.id}")
    assert stored is not None
    load, load_with_mark = backend.load, backend.load_with_mark

    def watched(record: Record | None) -> Record | None:
        if record is not None:
            object.__setattr__(record, "token_hash", _Watched(record.token_hash))
        return record

    monkeypatch.setattr(backend, "load", lambda *each, **named: watched(load(*each, **named)))
    monkeypatch.setattr(
        backend,
        "load_with_mark",
        lambda *each: (watched(load_with_mark(*each)[0]), load_with_mark(*each)[1]),
    )
    compared.clear()
    compare(store, session, old)
    assert compared


class Lagging(FaultyBackend):
    """A replica: what is read without consistency is what was stored before."""

    def __init__(self) -> None:
        super().__init__()
        self.before: dict[str, Record | None] = {}

    def load(self, session_id: str, *, is_consistent: bool = True) -> Record | None:
        """See ``Backend``."""
        found = super().load(session_id, is_consistent=is_consistent)
        return self.before.get(session_id) if not is_consistent and session_id in self.before else found


@pytest.mark.parametrize("verb", ["create", "rotate", "login"])
def test_a_replica_that_lags_does_not_undo_a_login(verb: str) -> None:
    """A miss, or the hash of the token before, is read again, strongly; the second read is the only one more."""
    backend = Lagging()
    store = Store(backend, Settings(consistent_read=False), clock=FakeClock(), retry=Retry(sleep=lambda _pause: None))
    store.not_before()
    session = store.create({"a": 1})
    key = f"default#{session.id}"
    backend.before[key] = None if verb == "create" else backend.inner.load(key)
    if verb == "rotate":
        store.rotate(session)
    elif verb == "login":
        store.login(session, subject="u")
    backend.calls.clear()
    found = store.read(session.token)
    assert found is not None
    assert found.subject == ("u" if verb == "login" else None)
    assert backend.calls == ["load", "load", "document"]
    backend.before.clear()
    backend.calls.clear()
    assert store.read(session.token) is not None
    assert backend.calls == ["load", "document"]


def test_the_first_read_of_a_process_is_one_call() -> None:
    """The mark of the namespace comes along with the session, and again a minute later."""
    clock, backend = FakeClock(), FaultyBackend()
    token = Store(backend, Settings(), clock=clock).create().token
    store = Store(backend, Settings(), clock=clock)
    for seconds, calls in ((0, "load_with_mark"), (59, "load"), (1, "load_with_mark")):
        clock.advance(seconds)
        backend.calls.clear()
        assert store.read(token, touch=False) is not None
        assert backend.calls == [calls, "document"]


def test_wrong_arguments_are_typed_errors() -> None:
    """They say what was expected, before any call."""
    backend = FaultyBackend()
    store = _store(backend)
    session = store.create()
    backend.calls.clear()
    attempts: list[tuple[Callable[..., object], object, str]] = [
        (store.create, [1], "takes a mapping, not list"),
        (store.create, "text", "takes a mapping, not str"),
        (store.write, session.token, "takes a session, not str"),
        (store.touch, None, "takes a session, not NoneType"),
        (store.rotate, {}, "takes a session, not dict"),
        (store.refresh, session.id, "takes a session, not str"),
    ]
    for verb, argument, message in attempts:
        with pytest.raises(InvalidDataError, match=message):
            verb(argument)
    with pytest.raises(InvalidDataError, match="takes a session"):
        store.login(session.token, subject="u")  # type: ignore[arg-type]  # as a program without types would
    assert backend.calls == []


def test_a_fence_grows_also_after_its_mark_was_removed() -> None:
    """By the time of day: DynamoDB's TTL may take the mark of earlier holders away."""
    clock = FakeClock()
    store = memory_store(clock=clock)
    session = store.create()
    with store.lock(session) as first:
        pass
    store.resources.backend._marks.clear()  # type: ignore[attr-defined]  # in memory
    clock.advance(1)
    with store.lock(session) as second:
        assert second > first
