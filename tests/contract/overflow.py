"""What a backend with a bucket promises about documents too large for an item. For the engines that have one."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Protocol, Unpack

import pytest
from botocore.exceptions import ReadTimeoutError

from sojourn import StoreUnavailableError
from sojourn.backend import Record, Refused
from sojourn.sweep.backend import Hint, SweepBackend
from tests.contract.records import LARGE, NOW, Changes, a_record, rotated, written

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

OVERFLOW_BYTES = 65_536


class Objects(Protocol):
    """A bucket that can be looked into, and tampered with."""

    @property
    def bodies(self) -> dict[str, bytes]:
        """What is in it, by key."""

    def put(self, key: str, body: bytes) -> None:
        """Store one."""

    def remove(self, key: str) -> None:
        """Remove one."""


@contextmanager
def replies_lost(client: "DynamoDBClient", operation: str) -> Iterator[None]:
    """The service carries out ``operation``, and its answer never arrives."""

    def lose(**_event: object) -> None:
        raise ReadTimeoutError(endpoint_url="lost")

    client.meta.events.register(f"after-call.dynamodb.{operation}", lose)
    try:
        yield
    finally:
        client.meta.events.unregister(f"after-call.dynamodb.{operation}", lose)


def _inserted(backend: SweepBackend, **changes: Unpack[Changes]) -> Record:
    stored = backend.insert(replace(a_record(), **changes))
    assert isinstance(stored, Record)
    return stored


class OverflowContract:
    """No object is left behind by what succeeds, and none is missed by what was interrupted."""

    def test_only_what_is_too_large_goes_to_the_bucket(self, backend: SweepBackend, objects: Objects) -> None:
        """The limit itself still fits."""
        _inserted(backend, session_id="app#fits", data=LARGE[:OVERFLOW_BYTES])
        assert objects.bodies == {}
        stored = _inserted(backend, data=LARGE[: OVERFLOW_BYTES + 1])
        assert stored.data is None
        assert objects.bodies == {stored.overflow: LARGE[: OVERFLOW_BYTES + 1]}

    def test_a_replaced_document_leaves_no_object_behind(self, backend: SweepBackend, objects: Objects) -> None:
        """Neither large by large nor large by small."""
        first = _inserted(backend, data=LARGE)
        second = backend.replace(written(first, data=LARGE[::-1]), seen=first, now=NOW)
        assert isinstance(second, Record)
        assert list(objects.bodies.values()) == [LARGE[::-1]]
        backend.replace(written(second, data=b"small"), seen=second, now=NOW)
        assert objects.bodies == {}

    def test_a_refused_replacement_leaves_no_object_behind(self, backend: SweepBackend, objects: Objects) -> None:
        """What was uploaded for it is removed, what is stored stays."""
        current = _inserted(backend, version=2, data=LARGE)
        refused = backend.replace(written(a_record(), data=LARGE[::-1]), seen=a_record(), now=NOW)
        assert isinstance(refused, Refused)
        assert list(objects.bodies) == [current.overflow]

    def test_a_rotated_document_leaves_no_object_behind(self, backend: SweepBackend, objects: Objects) -> None:
        """The new session has its own."""
        first = _inserted(backend, data=LARGE)
        second = backend.rotate(rotated(first, data=LARGE), seen=first, now=NOW)
        assert isinstance(second, Record)
        assert list(objects.bodies) == [second.overflow]

    def test_an_expired_document_leaves_no_object_behind(self, backend: SweepBackend, objects: Objects) -> None:
        """The caller need not have read it."""
        _inserted(backend, data=LARGE)
        backend.delete("app#one")
        assert objects.bodies == {}

    def test_a_deletion_that_is_refused_leaves_the_object(self, backend: SweepBackend, objects: Objects) -> None:
        """It belongs to a session that lives."""
        _inserted(backend, data=LARGE)
        assert backend.delete("app#one", expires_at=1) is False
        assert len(objects.bodies) == 1

    def test_a_swept_document_leaves_no_object_behind(self, backend: SweepBackend, objects: Objects) -> None:
        """Sweeping cleans both places."""
        _inserted(backend, data=LARGE, expires_at=50)
        backend.delete_stale([Hint("app#one", 50)], cutoff=100)
        assert objects.bodies == {}

    def test_a_missing_object_is_told_apart_from_an_empty_document(
        self, backend: SweepBackend, objects: Objects
    ) -> None:
        """Whoever asks again learns what is true now."""
        stored = _inserted(backend, data=LARGE)
        objects.remove(str(stored.overflow))
        assert backend.document(stored) is None

    @pytest.mark.parametrize("change", ["replace", "rotate"])
    def test_a_repeated_change_whose_answer_was_lost_keeps_its_object(
        self, backend: SweepBackend, client: "DynamoDBClient", change: str
    ) -> None:
        """The first request took effect; the refusal of the second must not take its document away."""
        first = _inserted(backend, data=LARGE)
        new = written(first, data=LARGE[::-1]) if change == "replace" else rotated(first, data=LARGE[::-1])
        with (
            replies_lost(client, "UpdateItem"),
            replies_lost(client, "TransactWriteItems"),
            pytest.raises(StoreUnavailableError) as lost,
        ):
            getattr(backend, change)(new, seen=first, now=NOW)
        assert lost.value.may_have_happened
        assert isinstance(getattr(backend, change)(new, seen=first, now=NOW), Refused)
        current = backend.load(new.session_id)
        assert current is not None
        assert backend.document(current) == LARGE[::-1]
