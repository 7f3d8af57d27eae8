"""docs/item-format-vectors.json is true: of this library, and of a reader in another language that never saw it."""

import base64
import hashlib
import json
import os
import re
import shutil
import subprocess
import zlib
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import pytest

from benchmarks.dictionary import size_table
from sojourn import Settings, Token, tokens
from sojourn.backend import Record
from sojourn.backends.items import Attribute, item_of, record_of
from sojourn.document import sealing
from sojourn.document.codec import decode, dump_document, encode, load_document
from sojourn.document.dictionary import DICTIONARY_1
from sojourn.document.sealing import Sealing
from sojourn.errors import CorruptSessionError
from sojourn.names import Namespace, bare, is_object_of
from sojourn.sweep.index import placed

LIMIT = 1 << 20
VECTORS: Final[Path] = Path(__file__).parents[2] / "docs" / "item-format-vectors.json"
READER: Final[Path] = Path(__file__).with_name("item_format.mjs")
# Any: the file's shape is what the tests below are about.
FORMAT: Final[dict[str, Any]] = json.loads(VECTORS.read_text(encoding="utf-8"))

SEALING: Final = Sealing(is_on=True, is_required=True)

PYTHON_VALUES: Final[dict[str, dict[str, object]]] = {
    "empty": {},
    "JSON's own types": {
        "null": None,
        "yes": True,
        "no": False,
        "text": "teapot",
        "list": [1, [], {}],
        "object": {"a": 1},
    },
    "order of members": {"b": 1, "a": 2, "10": 3, "9": 4},
    "numbers": {"zero": 0, "negative": -7, "beyond a double": 2**53 + 1, "float": 1.0, "small": 1e-07, "large": 1e21},
    "text beyond ASCII": {"ß": "日本 😀", "escaped": '"\\\x00\x1f\n', "not escaped": "/\x7f\u2028"},
    "bytes": {"none": b"", "one": b"\x00", "two": b"\xff\xfe", "three": b"abc"},
    "moments": {
        "UTC": datetime(2026, 1, 31, 12, tzinfo=UTC),
        "offset": datetime(2026, 1, 31, 12, 0, 0, 250_000, timezone(timedelta(hours=-3, minutes=-30))),
        "naive": datetime.fromisoformat("2026-01-31T12:00:00.000001"),
        "ancient": datetime.fromisoformat("0001-01-01T00:00:00"),
    },
    "date": {"born": date(1990, 2, 28)},
    "decimals": {
        "price": Decimal("19.90"),
        "tiny": Decimal("1E-10"),
        "huge": Decimal("-1.5E+400"),
        "zero": Decimal("0.00"),
    },
    "UUID": {"id": UUID("8d3f5c1e-0b0a-4c39-9c34-0c1d6e0f7a11")},
    "tuples": {"flash": [("message", "Welcome"), ()], "nested": ((1, (2,)), [3])},
    "sets": {"roles": {"user", "admin", "ä"}, "none": set(), "mixed": {10, 9, "9", None}},
    "sets of containers": {
        "pairs": {(1, 2), (1, 10)},
        "sets": {frozenset(), frozenset({1})},
        "frozen": frozenset({b"a"}),
    },
    "escaped tags": {
        "a": {"$bytes": "mine"},
        "b": {"$object": {"$x": 1}},
        "c": {"$": None},
        "d": {"$bytes": "", "x": 1},
    },
    "the document is no tag": {"$bytes": {"$tuple": (1,)}},
    "compressed": {"visits": ["/account", "/cart", "/checkout"] * 40, "at": datetime(2026, 1, 31, 12, tzinfo=UTC)},
}


def named(vectors: list[dict[str, Any]]) -> list[Any]:
    """Parameters with the names that the file gives them."""
    return [pytest.param(vector, id=vector["name"]) for vector in vectors]


def raw(vector: dict[str, Any]) -> bytes:
    """A text as it is, or in hexadecimal where JSON cannot carry it."""
    return bytes.fromhex(vector["hex"]) if "hex" in vector else str(vector["text"]).encode()


def test_the_file_holds_the_dictionary() -> None:
    """Another language takes it from there; not a byte of it may ever change."""
    dictionary = FORMAT["dictionaries"]["1"]
    assert dictionary["text"].encode("ascii") == DICTIONARY_1
    assert dictionary["sha256"] == hashlib.sha256(DICTIONARY_1).hexdigest()
    assert dictionary["sha256"] == "8780a2d41b93d858453d0fcbbc285f29d7b9c71b6315e439af39d322a5ff3fcc"
    assert dictionary["adler32"] == f"{zlib.adler32(DICTIONARY_1):08x}"


@pytest.mark.parametrize("vector", named(FORMAT["documents"]))
def test_a_document_is_written_and_read_as_the_file_says(vector: dict[str, Any]) -> None:
    """The text is exact both ways."""
    value = PYTHON_VALUES[vector["name"]]
    assert dump_document(value, max_bytes=LIMIT) == vector["text"].encode()
    assert load_document(vector["text"].encode()) == value


@pytest.mark.parametrize("vector", named(FORMAT["documents"]))
def test_a_text_is_stored_as_the_file_says(vector: dict[str, Any]) -> None:
    """Reading is exact; another zlib may compress to other bytes, but under the same flag."""
    encoded = bytes.fromhex(vector["encoded"])
    assert decode(encoded, max_bytes=LIMIT) == vector["text"].encode()
    again = encode(vector["text"].encode())
    assert again[:2] == encoded[:2]
    assert encoded[1] or again == encoded


@pytest.mark.parametrize("vector", named(FORMAT["also_read"]))
def test_what_others_write_is_read_as_the_file_says(vector: dict[str, Any]) -> None:
    """A reader takes every JSON spelling; a writer writes one."""
    assert dump_document(load_document(raw(vector)), max_bytes=LIMIT) == vector["canonical"].encode()


@pytest.mark.parametrize("vector", named(FORMAT["refused_documents"]))
def test_a_text_is_refused_as_the_file_says(vector: dict[str, Any]) -> None:
    """What is no document in one language is none in any."""
    with pytest.raises(CorruptSessionError):
        load_document(raw(vector))


@pytest.mark.parametrize("vector", named(FORMAT["refused_encodings"]))
def test_stored_bytes_are_refused_as_the_file_says(vector: dict[str, Any]) -> None:
    """Each is one step away from bytes that are read."""
    with pytest.raises(CorruptSessionError):
        decode(bytes.fromhex(vector["encoded"]), max_bytes=vector["max_bytes"])


@pytest.mark.parametrize("vector", named(FORMAT["tokens"]))
def test_a_token_has_the_session_and_the_hash_that_the_file_says(vector: dict[str, Any]) -> None:
    """The derivation cannot change without orphaning every session."""
    token = token_of(vector["token"])
    assert token.session_id == vector["session_id"]
    assert Namespace(vector["namespace"]).session(token.session_id) == vector["key"]
    assert token.hash(namespace=vector["namespace"]).hex() == vector["token_hash"]


@pytest.mark.parametrize("vector", named(FORMAT["refused_tokens"]))
def test_a_string_is_no_token_as_the_file_says(vector: dict[str, Any]) -> None:
    """A malformed token is unknown, before anything is hashed."""
    assert tokens.parsed(vector["token"]) is None


@pytest.mark.parametrize("vector", named(FORMAT["items"]))
def test_an_item_is_what_the_file_says(vector: dict[str, Any]) -> None:
    """An item in DynamoDB's own JSON, where bytes are base64."""
    item: dict[str, Attribute] = {
        name: {kind: base64.b64decode(value) if kind == "B" else value for kind, value in tagged.items()}
        for name, tagged in vector["item"].items()
    }
    record = record_of(item)
    assert item_of(record) == item
    token, namespace = token_of(vector["token"]), vector["namespace"]
    assert record.session_id == Namespace(namespace).session(token.session_id)
    assert record.token_hash == token.hash(namespace=namespace)
    former = [token_of(text).hash(namespace=namespace) for text in vector["former_tokens"]]
    assert (record.former_hashes or b"") == b"".join(former)
    assert record.overflow is None or is_object_of(record.overflow, record.session_id)
    placed_at = record.sweep_shard and placed(record, Settings()).sweep_shard
    assert record.sweep_shard == placed_at
    assert record.data is None or decode(record.data, max_bytes=LIMIT) == vector["text"].encode()


@pytest.mark.parametrize("vector", named(FORMAT["sealed"]))
def test_a_document_is_sealed_and_opened_as_the_file_says(
    vector: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """To the byte, given the nonce."""
    monkeypatch.setattr(sealing, "_nonce", lambda: bytes.fromhex(vector["nonce"]))
    encoded, sealed = bytes.fromhex(vector["encoded"]), bytes.fromhex(vector["sealed"])
    assert SEALING.sealed(encoded, sealed_record(vector), token=token_of(vector["token"])) == sealed
    assert SEALING.opened(sealed, sealed_record(vector), token=token_of(vector["token"])) == encoded
    assert bare(vector["session_id"]) == token_of(vector["token"]).session_id


@pytest.mark.parametrize("vector", named(FORMAT["refused_seals"]))
def test_a_seal_is_refused_as_the_file_says(vector: dict[str, Any]) -> None:
    """Each is one step away from a document that is opened."""
    with pytest.raises(CorruptSessionError):
        SEALING.opened(bytes.fromhex(vector["sealed"]), sealed_record(vector), token=token_of(vector["token"]))


def token_of(text: str) -> Token:
    """The token that ``text`` is."""
    token = tokens.parsed(text)
    assert token is not None
    return token


def sealed_record(vector: dict[str, Any]) -> Record:
    """What a seal is bound to, in a record whose other attributes do not matter."""
    bound_to: dict[str, Any] = {name: vector.get(name) for name in ("session_id", "version", "write_id", "subject")}
    return Record(**bound_to, token_hash=b"", created_at=0, began_at=0, expires_at=0, absolute_at=0, idle=0)


def test_the_page_prints_the_sizes_that_are_measured() -> None:
    """All but the columns that another zlib would print otherwise."""
    page = VECTORS.with_name("item-format.md").read_text(encoding="utf-8").replace("\\*", "*")
    rows = size_table().splitlines()[2:]
    assert len(rows) > 20
    for name, size, _zlib, _dictionary, _stored, units in (row.strip("| ").split(" | ") for row in rows):
        assert re.search(rf"^\| {re.escape(name)} \| {size} \|.*\| {units} \|$", page, re.MULTILINE), name


def test_node_reads_and_writes_the_format_from_the_file_alone() -> None:
    """tests/unit/item_format.mjs knows the vectors and Node's own modules; Python reads what it writes."""
    node = shutil.which("node")
    if node is None:
        if os.environ.get("CI") == "true":
            pytest.fail("CI needs node to prove that another language reads the format")
        pytest.skip("there is no node")
    ran = subprocess.run([node, READER, VECTORS], capture_output=True, text=True, check=False, timeout=60)  # noqa: S603
    assert ran.returncode == 0, ran.stderr
    report = json.loads(ran.stdout)
    assert report["checked"] == {name: len(FORMAT[name]) for name in report["checked"]}
    written = load_document(decode(bytes.fromhex(report["encoded"]), max_bytes=LIMIT))
    assert written == {"at": datetime(2026, 1, 31, 12, tzinfo=UTC), "items": [(1, "ä"), b"\x00\xff"] * 200}
