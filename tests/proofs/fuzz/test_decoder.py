"""Whatever lies in the table, reading it ends with a document, with none, or with ``CorruptSessionError``."""

import json
import zlib
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Literal
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sojourn import ConflictError, CorruptSessionError, SessionGoneError, Settings
from sojourn.backend import Record
from sojourn.backends.fields import FIELDS
from sojourn.backends.items import Item, item_of, record_of
from sojourn.backends.memory import MemoryBackend
from sojourn.document.codec import decode, dump_document, encode, load_document
from sojourn.testing import FakeClock, memory_store
from tests.proofs.fuzz.shaken import JSON, shaken_bytes, shaken_json
from tests.support.mutants import Mutant

LIMIT = 20_000
SOUND: list[dict[str, object]] = [
    {},
    {"cart": ["teapot", 2], "user": {"id": 7, "name": "Ada", "is_admin": False}},
    {"at": datetime(2026, 1, 2, 3, 4, 5, 678, UTC), "price": Decimal("9.90"), "id": UUID(int=7), "raw": b"\x00\xff"},
    {"some": {1, 2, 3}, "pair": (1, "two"), "day": datetime(2026, 1, 2, tzinfo=UTC).date(), "$escaped": {"$date": "x"}},
    {"essay": "the quick brown fox jumps over the lazy dog " * 60},
]
TEXTS = [dump_document(document, max_bytes=LIMIT) for document in SOUND]
TAGS = st.sampled_from(
    ["$datetime", "$date", "$time", "$decimal", "$uuid", "$bytes", "$set", "$tuple", "$dict", "$what"]
)
TAGGED = st.recursive(
    st.one_of(JSON, st.builds(lambda tag, value: {tag: value}, TAGS, JSON)),
    lambda inner: st.one_of(st.builds(lambda tag, value: {tag: value}, TAGS, inner), st.lists(inner, max_size=3)),
    max_leaves=6,
)

often = pytest.mark.parametrize("tries", [200, pytest.param(10_000, marks=pytest.mark.slow)])


def tried(tries: int, test: Callable[..., None], **strategies: st.SearchStrategy[Any]) -> None:
    """So many inputs."""
    settings(max_examples=tries, deadline=None, database=None)(given(**strategies)(test))()


def read(text: bytes) -> None:
    """A text is a document that can be written and read again, or corrupt."""
    try:
        document = load_document(text)
    except CorruptSessionError:
        return
    again = dump_document(document, max_bytes=1 << 30)
    assert dump_document(load_document(again), max_bytes=1 << 30) == again


@often
def test_any_bytes_are_a_bounded_text_or_corrupt(tries: int) -> None:
    """Sound ones with something wrong, and whatever."""
    sound = st.sampled_from([encode(text) for text in TEXTS])

    def test(raw: bytes) -> None:
        try:
            text = decode(raw, max_bytes=LIMIT)
        except CorruptSessionError:
            return
        assert len(text) <= LIMIT
        read(text)

    tried(
        tries, test, raw=st.one_of(shaken_bytes(sound), st.binary(max_size=200), st.binary().map(b"\x01\x01".__add__))
    )


@often
def test_any_text_is_a_document_or_corrupt(tries: int) -> None:
    """JSON that is nearly ours, tags in every wrong place among it."""
    stored = st.sampled_from([json.loads(text) for text in TEXTS])
    written = st.one_of(shaken_json(stored), st.dictionaries(st.text(max_size=8), TAGGED, max_size=3))
    texts = st.one_of(written.map(lambda value: json.dumps(value).encode()), shaken_bytes(st.sampled_from(TEXTS)))
    tried(tries, read, text=texts)


ATTRIBUTES = st.one_of(
    st.builds(lambda text: {"S": text}, st.text(max_size=20)),
    st.builds(
        lambda text: {"N": text}, st.one_of(st.integers().map(str), st.sampled_from(["1e3", "0.5", "-0", "9" * 38]))
    ),
    st.builds(lambda raw: {"B": raw}, st.binary(max_size=20)),
    st.sampled_from([{"NULL": True}, {"BOOL": False}, {"L": []}, {"M": {}}, {"SS": ["a"]}, {}]),
)


@often
def test_any_item_is_a_record_or_corrupt(tries: int) -> None:
    """Some attributes of another type, or missing."""
    sound = item_of(Record("default#a", bytes(32), 1, "w", 1, 2, 3, 4, 5, b"\x01\x00{}"))

    def test(item: Item) -> None:
        try:
            record = record_of(item)
        except CorruptSessionError:
            return
        assert isinstance(record.version, int)
        assert len(record.token_hash) == 32
        assert all(0 <= at < 10**12 for at in (record.created_at, record.began_at, record.expires_at, record.idle))

    changes = st.dictionaries(st.sampled_from([field.name for field in FIELDS]), ATTRIBUTES, max_size=3)
    tried(tries, test, item=changes.map(lambda attributes: sound | attributes))


@often
def test_any_record_is_read_or_none_or_corrupt(tries: int) -> None:
    """With every attribute of the right type and any value: instants of no calendar, a version of none."""
    clock = FakeClock()
    numbers = st.one_of(st.integers(-(10**38), 10**38), st.integers(clock() - 10, clock() + 10_000))
    records = st.fixed_dictionaries(
        dict.fromkeys(("version", "created_at", "began_at", "expires_at", "absolute_at", "idle"), numbers)
        | {
            "write_id": st.text(max_size=20),
            "data": st.one_of(st.none(), shaken_bytes(st.sampled_from([encode(text) for text in TEXTS]))),
            "overflow": st.one_of(st.none(), st.text(max_size=20)),
            "subject": st.one_of(st.none(), st.text(max_size=20)),
            "label": st.one_of(st.none(), st.text(max_size=20)),
            "epoch": st.one_of(st.none(), st.text(max_size=20)),
            "sweep_at": st.one_of(st.none(), numbers),
            "former_hashes": st.one_of(st.none(), st.binary(max_size=100)),
            "rotated_at": st.one_of(st.none(), numbers),
            "sweep_shard": st.one_of(st.none(), st.text(max_size=5)),
        }
    )

    def test(values: dict[str, Any], is_own: bool, encryption: Literal["off", "token", "required"]) -> None:
        backend = MemoryBackend()
        store = memory_store(clock=clock, backend=backend, settings=Settings(encryption=encryption))
        session = store.create({"a": 1}, subject="ada")
        key = f"default#{session.id}"
        own = backend._records[key].token_hash
        backend._records[key] = Record(session_id=key, token_hash=own if is_own else bytes(32), **values)
        try:
            found = store.read(session.token)
            behind = store.superseding_document(session.token, subject="ada")
        except CorruptSessionError:
            return
        assert found is None or (isinstance(dict(found), dict) and is_own)
        assert behind is None
        store.expire(session.token)
        with suppress(CorruptSessionError, SessionGoneError, ConflictError):
            store.rotate(session)

    tried(tries, test, values=records, is_own=st.booleans(), encryption=st.sampled_from(["off", "token", "required"]))


@pytest.mark.parametrize(
    ("mutant", "notices"),
    [
        (
            Mutant("sojourn.document.codec:_inflated", "zlib.error", "EOFError"),
            test_any_bytes_are_a_bounded_text_or_corrupt,
        ),
        (
            Mutant("sojourn.backends.items:_value", "except ValueError", "except KeyError"),
            test_any_item_is_a_record_or_corrupt,
        ),
    ],
    ids=["the stream's error", "the number's error"],
)
def test_an_error_that_gets_through_is_noticed(
    mutant: Mutant, notices: Callable[[int], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """So these tests can fail."""
    mutant.apply(monkeypatch)
    with pytest.raises((zlib.error, ValueError)):
        notices(200)
