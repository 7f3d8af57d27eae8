"""Moving in: once, whoever races; what was revoked stays out; what is broken is no session and no outage."""

import base64
import hashlib
import json
import logging
import pickle
import random
import zlib
from collections.abc import Callable
from threading import Barrier, Thread
from typing import Any

import msgspec
import pytest
from django.contrib.sessions.backends.db import SessionStore as DatabaseStore
from django.core import signing
from django.core.management import call_command
from django.test import override_settings
from flask import Flask
from itsdangerous import TimestampSigner

from devstack.clients import Clients
from sojourn import ConfigurationError, SessionGoneError, Settings, Store, StoreUnavailableError
from sojourn.absence import Absence
from sojourn.adapters.rules import Rules, subject_under
from sojourn.adapters.visit import Visit
from sojourn.backends.clients import dynamodb_client
from sojourn.backends.dynamodb import DynamoBackend
from sojourn.migrate import Found, MigratingStore, Report
from sojourn.migrate import django as from_django
from sojourn.migrate import flask as from_flask
from sojourn.migrate.candidate import Candidate
from sojourn.migrate.express import DynamoSessions
from sojourn.names import Namespace
from sojourn.testing import FakeClock, memory_store
from tests.adapters.browser import CountingBackend
from tests.adapters.test_migrate import Shelf, signed
from tests.contract.tables import sessions_table
from tests.support.mutants import Mutant

KEY = "old-key-1"
MIGRATING = "sojourn.migrate.store:MigratingStore"
MARKS = "sojourn.migrate.marks:Marks"


@pytest.fixture
def shelf() -> Shelf:
    """With one session in it."""
    return Shelf({KEY: Found({"cart": ["tea"]}, subject="ada")})


@pytest.fixture
def moving(store: Store, shelf: Shelf) -> MigratingStore:
    """The new store, before the old one."""
    return MigratingStore(store, shelf)


def looked_at(moving: MigratingStore, key: str = KEY) -> Candidate:
    """What a page shows that is being made."""
    found = moving.look(key)
    assert isinstance(found, Candidate)
    return found


def adopt_at_once(moving: MigratingStore, count: int) -> list[object]:
    """``count`` requests that all look before the first adopts; what each got."""
    barrier = Barrier(count, timeout=30)
    got: list[object] = []

    def visit() -> None:
        candidate = looked_at(moving)
        barrier.wait()
        try:
            got.append(moving.adopt(candidate, candidate.stored(), subject=candidate.subject))
        except Exception as error:  # noqa: BLE001  # what it raised is what is judged
            got.append(error)

    threads = [Thread(target=visit) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return got


class TestOnce:
    """A key is adopted once."""

    def check_parallel_first_visits(self, store: Store, shelf: Shelf) -> None:
        """Five requests at once make one session, and the others were in flight."""
        shelf.keeps = True  # as a signed cookie, which stays as good as it was
        moving = MigratingStore(store, shelf)
        got = adopt_at_once(moving, 5)
        assert sorted(type(one).__name__ for one in got) == ["Session", *["SessionGoneError"] * 4]
        assert all(one.is_superseded for one in got if isinstance(one, SessionGoneError))
        assert len(list(moving.sessions(subject="ada"))) == 1
        assert [moving.read(KEY) for _ in range(5)] == [None] * 5
        assert len(list(moving.sessions(subject="ada"))) == 1
        assert (moving.report.adopted, moving.report.spent) == (1, 9)

    def test_parallel_first_visits(self, store: Store, shelf: Shelf) -> None:
        """In memory."""
        self.check_parallel_first_visits(store, shelf)

    @pytest.mark.usefixtures("credentials")
    def test_parallel_first_visits_in_a_table(self, dynamodb_local: str, shelf: Shelf) -> None:
        """In DynamoDB Local, where the mark has an end as well."""
        with sessions_table(Clients(dynamodb_local).dynamodb) as table:
            client = dynamodb_client(endpoint_url=dynamodb_local)
            backend = DynamoBackend(client, table=table, objects=None, overflow_bytes=65_536)
            self.check_parallel_first_visits(Store(backend, Settings()), shelf)

    def check_the_older_session_ends_last(self, store: Store, shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
        """When it ends the new one is stored and marked; when that fails, it is as it was."""
        moving = MigratingStore(store, shelf)
        candidate, end = looked_at(moving), shelf.end
        seen: list[object] = []

        def look_and_end(key: str) -> None:
            seen.append(moving.look(key))
            end(key)

        monkeypatch.setattr(shelf, "end", look_and_end)
        backend: Any = store.resources.backend
        for name in ("insert", "set_mark"):
            with monkeypatch.context() as broken:
                broken.setattr(backend, name, unplugged)
                with pytest.raises(StoreUnavailableError):
                    moving.adopt(candidate, {}, subject=None)
            assert (list(shelf.sessions), backend.records) == ([KEY], [])
        moving.adopt(candidate, {"cart": []}, subject="ada")
        assert (len(seen), shelf.sessions, len(backend.records)) == (1, {}, 1)
        assert not isinstance(seen[0], Candidate)

    def test_the_older_session_ends_last(self, store: Store, shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
        """After the new one and the mark."""
        self.check_the_older_session_ends_last(store, shelf, monkeypatch)

    def check_a_look_during_an_adoption(self, store: Store, shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
        """It began before and found nothing any more: it was in flight, and no stranger's."""
        moving, find = MigratingStore(store, shelf), shelf.find

        def adopted_meanwhile(key: str) -> Found | None:
            monkeypatch.setattr(shelf, "find", find)
            assert moving.read(KEY) is not None
            return find(key)

        monkeypatch.setattr(shelf, "find", adopted_meanwhile)
        assert moving.look(KEY) is Absence.SUPERSEDED

    def test_a_look_during_an_adoption(self, store: Store, shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
        """It is superseded."""
        self.check_a_look_during_an_adoption(store, shelf, monkeypatch)

    def test_a_mark_shows_no_key_and_ends_with_the_older_session(self, shelf: Shelf, clock: FakeClock) -> None:
        """It has to be there for as long as the key could open anything, and no longer."""
        most = Settings().max_absolute_seconds
        for until, lives_until, expected in (
            (None, None, most),
            (None, clock() + 2 * most, 2 * most),
            (None, 10**60, 253_402_300_799 - clock()),
            (clock() + 100, clock() + 2 * most, 100),
        ):
            backend = _MarksBackend()
            moving = MigratingStore(memory_store(clock=clock, backend=backend), shelf, until=until)
            shelf.sessions[KEY] = Found({}, until=lives_until)
            assert moving.read(KEY) is not None
            ((name, expires_at),) = backend.set.items()
            assert expires_at == clock() + expected + 86_400
            assert KEY not in name
            assert Namespace("default").is_control(name)

    def test_a_key_is_another_in_another_namespace(self, shelf: Shelf) -> None:
        """Two applications that move in from one older store share no mark."""
        names = set()
        for namespace in ("shop", "forum"):
            backend = _MarksBackend()
            store = Store(backend, Settings(namespace=namespace))
            shelf.sessions[KEY] = Found({})
            assert MigratingStore(store, shelf).read(KEY) is not None
            names |= {name.partition("#")[2] for name in backend.set}
        assert len(names) == 2

    def test_a_moved_key_logs_out_nobody_while_the_older_store_is_away(
        self, moving: MigratingStore, shelf: Shelf
    ) -> None:
        """Nor is it unavailable for ever: the mark is enough."""
        assert moving.read(KEY) is not None
        shelf.is_away = True
        assert moving.read(KEY) is None
        with pytest.raises(StoreUnavailableError):
            moving.read("another")


class TestRevoked:
    """What was ended with many others, before it moved in."""

    def check_expire_all(self, store: Store, shelf: Shelf) -> None:
        """Of one subject; a login after it is another session."""
        moving = MigratingStore(store, shelf)
        shelf.sessions["eve"] = Found({"a": 1}, subject="eve")
        moving.expire_all(subject="ada")
        assert moving.read(KEY) is None
        assert moving.read("eve") is not None
        assert (moving.report, KEY in shelf.sessions) == (Report(adopted=1, revoked=1), True)

    @pytest.mark.parametrize("is_strict", [False, True])
    def test_expire_all_holds_for_what_has_not_moved_in(self, shelf: Shelf, clock: FakeClock, is_strict: bool) -> None:
        """By a mark, or by the subject's epoch."""
        settings = Settings(strict_expire_all=is_strict)
        self.check_expire_all(Store(CountingBackend(), settings, clock=clock), shelf)

    def test_in_strict_mode_any_process_may_have_ended_them(self, shelf: Shelf, clock: FakeClock) -> None:
        """One that knows of no older store, the functions say."""
        store = Store(CountingBackend(), Settings(strict_expire_all=True), clock=clock)
        store.expire_all(subject="ada")
        assert MigratingStore(store, shelf).read(KEY) is None

    def test_a_subject_that_only_the_contents_know_counts(self, store: Store, shelf: Shelf) -> None:
        """As the adapter's ``subject_of`` has it."""
        shelf.sessions[KEY] = Found({"user": "ada"})
        moving = MigratingStore(store, shelf)
        moving.expire_all(subject="ada")
        visit = Visit(moving, (KEY,), Rules(subject_under("user")))
        assert dict(visit) == {}
        visit = Visit(MigratingStore(memory_store(), shelf), (KEY,), Rules(subject_under("user")))
        assert (visit["user"], visit.subject) == ("ada", "ada")
        visit.close()
        assert visit.subject == "ada"

    def check_expire_all_meanwhile(self, store: Store, shelf: Shelf) -> None:
        """A page was looking at it."""
        moving = MigratingStore(store, shelf)
        candidate = looked_at(moving)
        moving.expire_all(subject="ada")
        visit = Visit(moving, (KEY,), Rules())
        visit._holder.candidate = candidate
        visit._is_opened = True
        visit.fill(candidate.stored())
        visit.close()
        assert (visit.is_stored, list(moving.sessions(subject="ada"))) == (False, [])

    def test_expire_all_holds_for_a_page_that_is_being_made(self, store: Store, shelf: Shelf) -> None:
        """Nothing is left of its session."""
        self.check_expire_all_meanwhile(store, shelf)

    def test_a_younger_session_moves_in(self, store: Store, shelf: Shelf, clock: FakeClock) -> None:
        """Where the older store knows when it was created."""
        moving = MigratingStore(store, shelf)
        moving.expire_all(subject="ada")
        moving.expire_before(clock())
        begun = clock()
        clock.advance(100)
        for created_at, is_adopted in ((begun - 1, False), (begun, False), (begun + 1, True)):
            shelf.sessions[f"k{created_at}"] = Found({}, subject="ada", created_at=created_at)
            assert (moving.read(f"k{created_at}") is not None) is is_adopted

    def check_expire_before(self, store: Store, shelf: Shelf, clock: FakeClock) -> None:
        """Whatever instant: of unknown age is older."""
        moving = MigratingStore(store, shelf)
        moving.expire_before(clock() - 1_000)
        shelf.sessions["young"] = Found({}, created_at=clock() - 1_000)
        shelf.sessions["old"] = Found({}, created_at=clock() - 1_001)
        assert [moving.read(key) is not None for key in (KEY, "young", "old")] == [False, True, False]
        assert moving.report == Report(adopted=1, revoked=2)

    def test_expire_before_holds_for_what_has_not_moved_in(self, store: Store, shelf: Shelf, clock: FakeClock) -> None:
        """Where its age is unknown it is older."""
        self.check_expire_before(store, shelf, clock)

    def test_an_instant_from_before_the_move_says_nothing_of_the_older_store(
        self, store: Store, shelf: Shelf, clock: FakeClock
    ) -> None:
        """As long as it is the last one."""
        store.expire_before(clock() - 1_000)
        moving = MigratingStore(store, shelf, known_not_before=store.not_before())
        assert moving.read(KEY) is not None
        shelf.sessions["next"] = Found({})
        moving.expire_before(clock() - 500)
        assert moving.read("next") is None
        assert moving.within(5).read("next") is None


class TestBroken:
    """What cannot be read: counted, logged without contents, no session, no outage."""

    @pytest.mark.parametrize(
        "found",
        [
            Found({"a": 1}, until=10**60),
            Found({"a": 1}, until=-(10**60)),
            Found({"a": 1}, until=1.5),  # type: ignore[arg-type]
            Found({"a": 1}, until=True),
            Found({"a": 1}, until="soon"),  # type: ignore[arg-type]
            Found({"a": 1}, created_at="hunter2"),  # type: ignore[arg-type]
            Found(["hunter2"]),  # type: ignore[arg-type]
            Found({1: "hunter2"}),  # type: ignore[dict-item]
            Found({"hunter2": {"a": object()}}),
            Found({"a": "\ud800"}),
            Found({"a": float("nan")}),
            Found({}, subject="x" * 513),
            Found({}, subject=b"ada"),  # type: ignore[arg-type]
            Found({}, subject=""),
            "hunter2",
        ],
    )
    def test_whatever_a_source_returns(
        self, moving: MigratingStore, shelf: Shelf, found: Any, caplog: pytest.LogCaptureFixture
    ) -> None:
        """No error reaches a page; a date that is far away is the longest that is allowed."""
        shelf.sessions[KEY] = found
        with caplog.at_level(logging.WARNING):
            session = moving.read(KEY)
        is_kept = isinstance(found, Found) and found.until == 10**60
        is_dead = isinstance(found, Found) and found.until == -(10**60)
        assert moving.report == Report(adopted=is_kept, missing=is_dead, unreadable=not is_kept and not is_dead)
        assert (session is not None) is is_kept
        assert "hunter2" not in caplog.text

    @pytest.mark.parametrize("error", [RecursionError, ValueError, KeyError, UnicodeError, OverflowError, TypeError])
    def test_an_error_of_the_data_is_no_outage(
        self, moving: MigratingStore, shelf: Shelf, error: type[Exception], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """It would be one for ever."""

        def find(_key: str) -> Found:
            raise error("hunter2")

        monkeypatch.setattr(shelf, "find", find)
        assert moving.read(KEY) is None
        assert moving.report == Report(unreadable=1)

    def test_a_deep_session_is_unreadable(self, store: Store) -> None:
        """In each format: no stack is deep enough for what anybody may have put there."""
        deep = "[" * 100_000 + "]" * 100_000
        kept = {
            "session:json": f'{{"a":{deep}}}'.encode(),
            "session:packed": b"\x81\xa1a" + b"\x91" * 100_000 + b"\x00",
        }
        moving = MigratingStore(store, from_flask.FlaskSessions(kept.get, kept.pop))
        assert [moving.read(key) for key in ("json", "packed")] == [None, None]
        app = Flask(__name__)
        app.secret_key = "secret"
        cookies = MigratingStore(store, from_flask.SignedCookieSessions(app))
        assert cookies.read(flask_cookie(f'{{"a":{deep}}}'.encode(), is_packed=True)) is None
        payload = "." + signing.b64_encode(zlib.compress(f'{{"a":{deep}}}'.encode())).decode()
        packed = signing.TimestampSigner(salt="django.contrib.sessions.backends.signed_cookies").sign(payload)
        django = MigratingStore(store, from_django.SignedCookieSessions())
        assert django.read(packed) is None
        assert [one.report.unreadable for one in (moving, cookies, django)] == [2, 1, 1]

    @pytest.mark.parametrize("secrets", [[""], [], ["good", ""], "secret", ""])
    def test_a_secret_that_anybody_knows_is_refused(self, secrets: Any) -> None:
        """Text is a list of letters, each of which would do."""
        with pytest.raises(ConfigurationError, match="secrets"):
            DynamoSessions(object(), table="express", secrets=secrets)  # type: ignore[arg-type]  # asked nothing

    def test_an_empty_secret_is_refused_by_all_sources(self) -> None:
        """Flask and Django check their first one alone."""
        with pytest.raises(ConfigurationError, match="secret_key"):
            from_flask.FlaskSessions(lambda _key: None, lambda _key: None, secret_key="")
        app = Flask(__name__)
        app.secret_key = "secret"
        app.config["SECRET_KEY_FALLBACKS"] = ["older", ""]
        with pytest.raises(ConfigurationError, match="SECRET_KEY_FALLBACKS"):
            from_flask.SignedCookieSessions(app)
        with override_settings(SECRET_KEY_FALLBACKS=[""]):
            for source in (from_django.DatabaseSessions, from_django.SignedCookieSessions):
                with pytest.raises(ConfigurationError, match="SECRET_KEY_FALLBACKS"):
                    source()

    def test_a_user_of_another_kind_is_unreadable(self, store: Store) -> None:
        """No subject is made of an object's text."""
        kept = {
            f"session:{n}": json.dumps({"_user_id": user}).encode() for n, user in enumerate(([7], {"a": 1}, True, 1.5))
        }
        moving = MigratingStore(store, from_flask.FlaskSessions(kept.get, kept.pop))
        assert [moving.read(str(n)) for n in range(4)] == [None] * 4
        assert moving.report == Report(unreadable=4)

    @pytest.mark.parametrize("seed", range(8))
    def test_damaged_sessions_are_no_outage(self, seed: int) -> None:
        """A few bytes of what each source reads are others; nothing is executed, nothing raised."""
        call_command("migrate", verbosity=0, run_syncdb=True)
        luck = random.Random(seed)  # noqa: S311  # to be repeated
        shelf, rows = _Stored(), from_django.DatabaseSessions()
        sources: list[Callable[[bytes], tuple[Any, str]]] = [
            lambda raw: (from_flask.FlaskSessions(lambda _key: raw, shelf.end), "key"),
            lambda raw: (DynamoSessions(_Items(raw), table="t", secrets=["s"]), signed("a", "s")),  # type: ignore[arg-type]
            lambda raw: (_flask_source(), flask_cookie(raw)),
            lambda raw: (rows, _row(raw)),
        ]
        whole = {"_user_id": "7", "cart": ["tea", {"n": 1.5}], "flag": True}
        _Fuse.lit = 0
        bases = [json.dumps(whole).encode(), msgspec.msgpack.encode(whole), pickle.dumps(_Fuse()), b"{}", b"\x80"]
        for _ in range(60):
            raw = bytearray(luck.choice(bases))
            for _ in range(luck.randint(0, 4)):
                raw[luck.randrange(len(raw))] = luck.randrange(256)
            for make in sources:
                source, key = make(bytes(raw))
                moving = MigratingStore(memory_store(), source)
                session = moving.read(key)
                assert (session is not None) == (moving.report.adopted == 1)
        assert _Fuse.lit == 0


class _Fuse:
    """What must never be opened."""

    lit = 0

    def __reduce__(self) -> Any:
        return _light, ()


def _light() -> None:
    _Fuse.lit += 1


class _Stored:
    def end(self, _key: str) -> None:
        """Nothing."""


class _Items:
    """A table with one item, as botocore shows it."""

    def __init__(self, raw: bytes) -> None:
        self._raw = raw

    def get_item(self, **_: object) -> dict[str, Any]:
        """It."""
        text = self._raw.decode("latin-1")
        return {"Item": {"sess": {"S": text}, "expires": {"N": text[:20] if text[:1].isdigit() else "4000000000"}}}

    def delete_item(self, **_: object) -> None:
        """Done."""


def _flask_source() -> from_flask.SignedCookieSessions:
    app = Flask(__name__)
    app.secret_key = "secret"
    return from_flask.SignedCookieSessions(app)


def flask_cookie(payload: bytes, *, is_packed: bool = False) -> str:
    """A cookie that Flask's secret signed, whatever is in it."""
    signer = TimestampSigner("secret", salt="cookie-session", key_derivation="hmac", digest_method=hashlib.sha1)
    written = base64.urlsafe_b64encode(zlib.compress(payload) if is_packed else payload).rstrip(b"=")
    return signer.sign(b"." + written if is_packed else written).decode()


def _row(raw: bytes) -> str:
    """The key of a row that Django's secret signed."""
    old = DatabaseStore()
    old.create()
    row = DatabaseStore.get_model_class().objects.get(session_key=old.session_key)
    payload = signing.b64_encode(raw).decode()
    row.session_data = signing.TimestampSigner(salt="django.contrib.sessions.SessionStore").sign(payload)
    row.save()
    return str(old.session_key)


class _MarksBackend(CountingBackend):
    """Notes until when marks are kept."""

    def __init__(self) -> None:
        super().__init__()
        self.set: dict[str, int | None] = {}

    def set_mark(self, name: str, mark: Any, *, seen: Any, expires_at: int | None) -> Any:
        """See ``Backend``."""
        self.set[name] = expires_at
        return super().set_mark(name, mark, seen=seen, expires_at=expires_at)


def unplugged(*_: object, **__: object) -> None:
    """A call that nothing answers."""
    raise StoreUnavailableError("unplugged", is_transient=True)


# ---- the tests above notice

_ONCE, _REVOKED = TestOnce(), TestRevoked()

Check = Callable[[Store, Shelf, pytest.MonkeyPatch, FakeClock], None]

MISTAKES: dict[str, tuple[Mutant, Check]] = {
    "the last mark wins": (
        Mutant(f"{MIGRATING}._claim", "if moved != mine:", "if False:"),
        lambda store, shelf, *_: _ONCE.check_parallel_first_visits(store, shelf),
    ),
    "the loser's session lives on": (
        Mutant(f"{MIGRATING}.adopt", "self._discard(session)", "pass"),
        lambda store, shelf, *_: _ONCE.check_parallel_first_visits(store, shelf),
    ),
    "the mark is read before the older store": (
        Mutant(
            f"{MIGRATING}.look",
            "found = self._found(key, subject_of)\n    moved = self._marks.moved(key)",
            "moved = self._marks.moved(key)\n    found = self._found(key, subject_of)",
        ),
        lambda store, shelf, patch, _: _ONCE.check_a_look_during_an_adoption(store, shelf, patch),
    ),
    "each adoption has a mark of its own": (
        Mutant(f"{MARKS}._name", "text = name.encode(", 'text = __import__("secrets").token_hex(8).encode('),
        lambda store, shelf, *_: _ONCE.check_parallel_first_visits(store, shelf),
    ),
    "the loser is a stranger": (
        Mutant(f"{MIGRATING}._claim", "moved.session_id is None", "True"),
        lambda store, shelf, *_: _ONCE.check_parallel_first_visits(store, shelf),
    ),
    "the older session ends first": (
        Mutant(
            f"{MIGRATING}.adopt",
            "session = self.create(",
            "self._older.end(candidate.key)\n    session = self.create(",
        ),
        lambda store, shelf, patch, _: _ONCE.check_the_older_session_ends_last(store, shelf, patch),
    ),
    "what could not be marked lives on": (
        Mutant(f"{MIGRATING}.adopt", "except SojournError as error:", "except SessionGoneError as error:"),
        lambda store, shelf, patch, _: _ONCE.check_the_older_session_ends_last(store, shelf, patch),
    ),
    "expire_all leaves no mark": (
        Mutant(f"{MARKS}.expire_all", "if self._of.settings.strict_expire_all:", "if True:"),
        lambda store, shelf, *_: _REVOKED.check_expire_all(store, shelf),
    ),
    "expire_all is looked at once": (
        Mutant(f"{MIGRATING}._claim", "if self._marks.revoked(candidate) is not None:", "if False:"),
        lambda store, shelf, *_: _REVOKED.check_expire_all_meanwhile(store, shelf),
    ),
    "what has no age is young": (
        Mutant(
            f"{MARKS}.revoked", "(created_at is None or created_at < not_before)", "(created_at or 10**12) < not_before"
        ),
        lambda store, shelf, _, clock: _REVOKED.check_expire_before(store, shelf, clock),
    ),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_noticed(
    store: Store, shelf: Shelf, monkeypatch: pytest.MonkeyPatch, clock: FakeClock, mistake: str
) -> None:
    """Each is one line of the product, or one that a store without marks would do."""
    mutant, check = MISTAKES[mistake]
    mutant.apply(monkeypatch)
    with pytest.raises(AssertionError):
        check(store, shelf, monkeypatch, clock)
