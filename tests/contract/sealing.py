"""What a store promises about encrypted sessions: nothing in table, bucket and logs is readable."""

import base64
import logging
import random
from typing import TYPE_CHECKING

import pytest

from sojourn import CorruptSessionError, SessionTooLargeError, Settings, Store, tokens
from sojourn.backends import overflow
from sojourn.backends.dynamodb import DynamoBackend
from sojourn.document.sealing import _key
from sojourn.settings import Encryption
from sojourn.testing import FakeClock
from tests.contract.overflow import Objects
from tests.contract.stores import alive

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

CANARY = "hunter2-canary-"
READABLE = {
    *("session_id", "token_hash", "former_hashes", "rotated_at", "version", "write_id", "created_at", "began_at"),
    *("expires_at", "absolute_at", "idle", "subject", "label", "sweep_shard", "sweep_at", "overflow", "epoch"),
}
"""What an item shows a reader of the table; ``data`` is its size and no more."""


def a_document(size: int) -> dict[str, object]:
    """With canaries as name, text and bytes; ``size`` bytes of it are noise."""
    noise = random.Random(size).randbytes(size)  # noqa: S311  # noise, not a secret
    return {f"{CANARY}name": f"{CANARY}text", "raw": f"{CANARY}bytes".encode(), "noise": noise}


def forms(secret: bytes) -> set[bytes]:
    """How ``secret`` may show: as it is, in hexadecimal, and in base64 at each of its three alignments."""
    shifted = (base64.b64encode(bytes(shift) + secret)[4:-4] for shift in range(3))
    return {secret, secret.hex().encode(), *shifted}


class SealedStorageContract:
    """Subclass, provide ``backend``, ``client`` and ``objects`` as ``OverflowContract`` needs them."""

    @pytest.mark.parametrize("size", [100, 150_000], ids=["in the item", "in the bucket"])
    def test_nothing_that_is_stored_or_logged_can_be_read(
        self,
        backend: DynamoBackend,
        client: "DynamoDBClient",
        objects: Objects,
        caplog: pytest.LogCaptureFixture,
        size: int,
    ) -> None:
        """Not the document, not its names, not a token and not a key, whatever is done with a session."""
        seen, secrets = _lived(backend, client, objects, caplog, size=size, encryption="required")
        assert [form for secret in secrets for form in forms(secret) if form in seen] == []

    def test_the_test_before_would_notice(
        self,
        backend: DynamoBackend,
        client: "DynamoDBClient",
        objects: Objects,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        """Without encryption every form of the document shows, and still no token."""
        seen, secrets = _lived(backend, client, objects, caplog, size=100, encryption="off")
        shown = {secret for secret in secrets if any(form in seen for form in forms(secret))}
        assert shown == {CANARY.encode()}

    def test_a_list_of_devices_stays_readable(self, backend: DynamoBackend, client: "DynamoDBClient") -> None:
        """Subject, label and times are not encrypted: they are found and shown without a token."""
        store = _opened(backend)
        session = store.create(a_document(10), subject="ada", label="phone")
        (item,) = client.scan(TableName=backend._table.name)["Items"]
        assert item.keys() - {"data"} <= READABLE
        assert (item["subject"]["S"], item["label"]["S"]) == ("default#ada", "phone")
        assert [device.id for device in store.sessions(subject="ada")] == [session.id]

    def test_an_object_opens_in_its_own_place_alone(self, backend: DynamoBackend, objects: Objects) -> None:
        """Not another session's, not an older version, not one that was changed or cut."""
        store = _opened(backend)
        session, other = store.create(a_document(100_000)), store.create(a_document(100_001))
        before = objects.bodies[_key_of(backend, session.id)]
        session["n"] = 1
        store.write(session)
        key = _key_of(backend, session.id)
        body = objects.bodies[key]
        draw = random.Random(5)  # noqa: S311  # where to flip, not a secret
        flips = [
            *range(24),
            *(draw.randrange(len(body) * 8) for _ in range(24)),
            *range(len(body) * 8 - 24, len(body) * 8),
        ]
        forged = [_flipped(body, bit) for bit in flips]
        forged += [body[:length] for length in (0, 1, 28, 29, len(body) - 1)] + [body + b"\x00"]
        forged += [before, objects.bodies[_key_of(backend, other.id)], b"\x01\x00{}"]
        for each in forged:
            objects.put(key, each)
            with pytest.raises(CorruptSessionError):
                store.read(session.token)
        objects.put(key, body)
        assert alive(store.read(session.token))["n"] == 1

    def test_the_seal_counts_for_what_an_item_holds(
        self, backend: DynamoBackend, client: "DynamoDBClient", monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """29 bytes that are stored but are not the document's: its own limit does not count them."""
        monkeypatch.setattr(overflow, "_ITEM_BYTES", 113)
        alone = DynamoBackend(client, table=backend._table.name, objects=None, overflow_bytes=50)
        document = {"x": "y" * 92}  # 100 bytes of text, 102 encoded
        _opened(alone, "off", max_bytes=100).create(document)
        with pytest.raises(SessionTooLargeError) as refused:
            _opened(alone, max_bytes=100).create(document)
        assert (refused.value.size, refused.value.limit) == (131, 113)
        monkeypatch.setattr(overflow, "_ITEM_BYTES", 131)
        _opened(alone, max_bytes=100).create(document)


def _opened(backend: DynamoBackend, encryption: Encryption = "required", *, max_bytes: int = 1 << 20) -> Store:
    return Store(backend, Settings(encryption=encryption, max_bytes=max_bytes), clock=FakeClock())


def _lived(
    backend: DynamoBackend,
    client: "DynamoDBClient",
    objects: Objects,
    caplog: pytest.LogCaptureFixture,
    *,
    size: int,
    encryption: Encryption,
) -> tuple[bytes, set[bytes]]:
    """All that table, bucket and log held while two sessions lived, and what was to stay secret."""
    caplog.set_level(logging.DEBUG)
    store = _opened(backend, encryption)
    seen = b""
    secrets = {CANARY.encode()}

    def look(token: str) -> None:
        nonlocal seen
        for page in client.get_paginator("scan").paginate(TableName=backend._table.name):
            for item in page["Items"]:
                seen += b"".join(_bytes(value) for tagged in item.values() for value in tagged.values())
        seen += b"".join([*objects.bodies.values(), *(key.encode() for key in objects.bodies)])
        found = tokens.parsed(token)
        assert found is not None
        secrets.update({token.encode(), token[16:].encode(), found.secret_bytes(), _key(found)})

    session = store.create(a_document(size), subject="ada", label="phone")
    look(session.token)
    copy = alive(store.read(session.token))
    session["more"] = f"{CANARY}more"
    store.write(session)
    look(session.token)
    copy[f"{CANARY}merged"] = True
    store.write(copy)
    look(copy.token)
    store.login(copy, subject="eve")
    look(copy.token)
    store.rotate(copy)
    look(copy.token)
    store.write(store.create(a_document(size)), idle=60)
    store.expire_all(subject="eve")
    look(copy.token)
    return seen + caplog.text.encode(), secrets


def _bytes(value: object) -> bytes:
    return value if isinstance(value, bytes) else str(value).encode()


def _flipped(body: bytes, bit: int) -> bytes:
    at = bit // 8
    return body[:at] + bytes((body[at] ^ 1 << bit % 8,)) + body[at + 1 :]


def _key_of(backend: DynamoBackend, session_id: str) -> str:
    record = backend.load(f"default#{session_id}")
    assert record is not None
    assert record.overflow is not None
    return record.overflow
