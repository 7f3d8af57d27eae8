"""What ``import sojourn`` offers, what it costs, and what it never shows."""

import ast
import re
import subprocess
import sys
import traceback
from collections.abc import Callable
from dataclasses import fields, is_dataclass
from pathlib import Path
from types import ModuleType

import pytest

import sojourn
from sojourn import SojournError, Store
from sojourn.backend import Match
from sojourn.retry import Retry
from sojourn.testing import FakeClock, memory_store
from tests.unit.faulty import Fault, FaultyBackend

ROOM = Path(sojourn.__file__).parent
SOURCES = sorted(ROOM.rglob("*.py"))

PUBLIC = {
    "KEEP",
    "REMOVED",
    "Absence",
    "BulkExpiry",
    "Cause",
    "ConfigurationError",
    "Conflict",
    "ConflictError",
    "CorruptSessionError",
    "InvalidDataError",
    "LockLostError",
    "Outcome",
    "Session",
    "SessionDescription",
    "SessionEvent",
    "SessionGoneError",
    "SessionLockedError",
    "SessionPage",
    "SessionSummary",
    "SessionTooLargeError",
    "Share",
    "Settings",
    "SojournError",
    "Store",
    "StoreUnavailableError",
    "SweepReport",
    "Token",
    "open_store",
    "rehearsed",
}


def test_the_public_names_are_these_and_no_others() -> None:
    """A change that adds or drops one says so here."""
    assert set(sojourn.__all__) == PUBLIC
    found = {name: getattr(sojourn, name) for name in dir(sojourn) if not name.startswith("_")}
    assert {name for name, value in found.items() if not isinstance(value, ModuleType)} == PUBLIC


def test_a_public_name_is_the_same_wherever_it_is_taken_from() -> None:
    """The package brings each module when a name of it is asked for, and no name that there is not."""
    program = """
import sys
import sojourn
print([name for name in sys.modules if name.startswith("sojourn.")])
from sojourn.errors import SojournError
assert sojourn.SojournError is SojournError
from sojourn import *
assert Store.__module__ == "sojourn.store" and Token.__module__ == "sojourn.tokens"
try:
    sojourn.Shop
except AttributeError as error:
    print(error)
"""
    assert _fresh(program) == "[]\nmodule 'sojourn' has no attribute 'Shop'"


def test_every_public_name_is_explained() -> None:
    """With a docstring of its own."""
    for name in PUBLIC - {"KEEP", "REMOVED"}:
        value = getattr(sojourn, name)
        assert value.__doc__, name
        assert not (is_dataclass(value) and value.__doc__.startswith(f"{name}(")), name


def test_every_verb_is_a_method_of_the_store() -> None:
    """The words of the design, and nothing beside them."""
    methods = {name for name in vars(Store) if not name.startswith("_")}
    verbs = {"create", "read", "write", "touch", "rotate", "expire", "sessions", "expire_all", "sweep", "login"}
    beside = {"end", "expire_one", "expire_before", "find", "lock", "not_before", "refresh", "session_page", "settings"}
    beside |= {"expire_unchanged", "over", "resources", "superseding_document", "within", "describe", "expire_id"}
    beside |= {"find_text"}
    assert methods == verbs | beside


def _fresh(program: str) -> str:
    run = subprocess.run(  # noqa: S603  # this very interpreter
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    return run.stdout.strip()


def test_importing_sojourn_imports_no_aws_library() -> None:
    """A test against memory needs none, and a cold start pays for what it uses."""
    program = """
import sys
import sojourn, sojourn.testing
store = sojourn.testing.memory_store()
session = store.create({"a": 1})
session["a"] = 2
store.write(session)
store.rotate(session)
unwanted = {"boto3", "botocore", "cryptography", "urllib3", "requests", "pickle"}
print(sorted({name.partition(".")[0] for name in sys.modules} & unwanted))
"""
    assert _fresh(program) == "[]"


def test_importing_sojourn_touches_no_environment() -> None:
    """Only opening a store does."""
    program = """
import os
class Untouchable(dict):
    def get(self, *args): raise SystemExit(f"asked for {args}")
    __getitem__ = __contains__ = __iter__ = get
real, os.environ = os.environ, Untouchable()
import sojourn, sojourn.settings
print("untouched")
"""
    assert _fresh(program) == "untouched"


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: str(source.relative_to(ROOM)))
def test_nothing_stored_can_be_executed(source: Path) -> None:
    """No pickle, no eval, nothing of the kind, anywhere. Of marshal only what writes: nothing reads that back."""
    for node in ast.walk(ast.parse(source.read_text())):
        names: list[str | None] = []
        if ast.unparse(node) == "from marshal import dumps":
            continue
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [node.module]
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            names = [node.func.id]
        assert not {"pickle", "marshal", "shelve", "yaml", "eval", "exec", "__import__"} & set(names)


FAILURES: dict[str, Callable[[Store, FaultyBackend], None]] = {}


def _failure(function: Callable[[Store, FaultyBackend], None]) -> Callable[[Store, FaultyBackend], None]:
    FAILURES[function.__name__.strip("_")] = function
    return function


@_failure
def _gone(store: Store, _backend: FaultyBackend) -> None:
    session = store.create({"secret": "hunter2"})
    store.expire(session)
    session["x"] = 1
    store.write(session)


@_failure
def _conflict(store: Store, _backend: FaultyBackend) -> None:
    session = store.create({"key": "hunter2"})
    other = store.read(session.token)
    assert other is not None
    session["key"], other["key"] = "hunter2 one", "hunter2 two"
    store.write(session)
    store.write(other)


@_failure
def _invalid(store: Store, _backend: FaultyBackend) -> None:
    session = store.create()
    session["key"] = {"inner": [object(), "hunter2"]}
    store.rotate(session)


@_failure
def _too_large(store: Store, _backend: FaultyBackend) -> None:
    store.create({"key": "hunter2" * 1_000_000})


@_failure
def _unavailable(store: Store, backend: FaultyBackend) -> None:
    session = store.create({"key": "hunter2"})
    backend.choose = lambda _name: Fault.REPLY_LOST
    store.rotate(session)


@_failure
def _corrupt(store: Store, backend: FaultyBackend) -> None:
    session = store.create({"key": "hunter2"})
    stored = backend.inner.load(f"default#{session.id}")
    assert stored is not None
    broken = {field.name: getattr(stored, field.name) for field in fields(stored)} | {"data": b"\x01\x00{hunter2"}
    backend.inner.delete(stored.session_id, match=Match(version=1))
    backend.inner.insert(type(stored)(**broken))
    store.read(session.token)


@_failure
def _bad_subject(store: Store, _backend: FaultyBackend) -> None:
    store.create({"key": "hunter2"}, subject="hunter2" * 99)


@pytest.mark.parametrize("fail", FAILURES.values(), ids=FAILURES)
def test_no_error_shows_a_token_or_a_document(fail: Callable[[Store, FaultyBackend], None]) -> None:
    """Neither in its text, nor in its attributes, nor in those it came from."""
    backend = FaultyBackend()
    store = Store(backend, memory_store().settings, clock=FakeClock(), retry=_no_waiting())
    with pytest.raises(SojournError) as raised:
        fail(store, backend)
    shown = "".join(traceback.format_exception(raised.value, limit=0)) + repr(raised.value)
    error: BaseException | None = raised.value
    while error is not None:
        shown += repr(vars(error)) + repr(error.args)
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    assert "hunter2" not in shown
    assert not re.search(r"sjn_[A-Za-z0-9_-]{8}", shown)


def _no_waiting() -> Retry:
    return Retry(sleep=lambda _seconds: None)
