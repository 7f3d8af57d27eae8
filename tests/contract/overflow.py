"""What a backend with a bucket promises about documents too large for an item. For the engines that have one."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Protocol, Unpack

import pytest
from botocore.exceptions import ReadTimeoutError

from sojourn import CorruptSessionError, StoreUnavailableError
from sojourn.backend import Match, Record, Refused
from sojourn.backends.dynamodb import DynamoBackend
from sojourn.names import object_of
from sojourn.sweep.backend import Fate, Hint
from tests.contract.records import LARGE, NOW, Changes, a_record, a_write_id, key, logged_in, rotated, written

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

OVERFLOW_BYTES = 65_536

FOREIGN: dict[str, str] = {
    "another session's": object_of(key("neighbour"), a_write_id("w")),
    "another namespace's": object_of(key().replace("app#", "admin#"), a_write_id("w")),
    "no session's": "backups/everything",
    "one beside its own": f"{object_of(key(), a_write_id('w'))}x",
    "one below its own": f"{object_of(key(), '')}a/{'w' * 14}",
}
"""What an item may be made to point to."""


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


def _inserted(backend: DynamoBackend, **changes: Unpack[Changes]) -> Record:
    stored = backend.insert(replace(a_record(), **changes))
    assert isinstance(stored, Record)
    return stored


class OverflowContract:
    """No object is left behind by what succeeds, and none is missed by what was interrupted."""

    def test_only_what_is_too_large_goes_to_the_bucket(self, backend: DynamoBackend, objects: Objects) -> None:
        """The limit itself still fits; the object is named by namespace, session and write."""
        _inserted(backend, session_id=key("fits"), data=LARGE[:OVERFLOW_BYTES])
        assert objects.bodies == {}
        stored = _inserted(backend, data=LARGE[: OVERFLOW_BYTES + 1])
        assert stored.data is None
        assert stored.overflow == f"{key().replace('#', '/')}/{stored.write_id}"
        assert objects.bodies == {stored.overflow: LARGE[: OVERFLOW_BYTES + 1]}

    def test_a_replaced_document_leaves_no_object_behind(self, backend: DynamoBackend, objects: Objects) -> None:
        """Neither large by large nor large by small."""
        first = _inserted(backend, data=LARGE)
        second = backend.replace(written(first, data=LARGE[::-1]), seen=first, now=NOW)
        assert isinstance(second, Record)
        assert list(objects.bodies.values()) == [LARGE[::-1]]
        backend.replace(written(second, data=b"small"), seen=second, now=NOW)
        assert objects.bodies == {}

    def test_a_refused_replacement_leaves_no_object_behind(self, backend: DynamoBackend, objects: Objects) -> None:
        """What was uploaded for it is removed, what is stored stays."""
        current = _inserted(backend, version=2, data=LARGE)
        refused = backend.replace(written(a_record(), data=LARGE[::-1]), seen=a_record(), now=NOW)
        assert isinstance(refused, Refused)
        assert list(objects.bodies) == [current.overflow]

    def test_a_rotated_document_leaves_no_object_behind(self, backend: DynamoBackend, objects: Objects) -> None:
        """Under its own token, in the place of the old one."""
        first = _inserted(backend, data=LARGE)
        second = backend.replace(rotated(first, data=LARGE), seen=first, now=NOW)
        assert isinstance(second, Record)
        assert list(objects.bodies) == [second.overflow]

    def test_an_expired_document_leaves_no_object_behind(self, backend: DynamoBackend, objects: Objects) -> None:
        """The caller need not have read it."""
        _inserted(backend, data=LARGE)
        backend.delete(key(), match=Match(version=1))
        assert objects.bodies == {}

    def test_a_deletion_that_is_refused_leaves_the_object(self, backend: DynamoBackend, objects: Objects) -> None:
        """It belongs to a session that lives."""
        _inserted(backend, data=LARGE)
        assert isinstance(backend.delete(key(), match=Match(expires_at=1)), Refused)
        assert len(objects.bodies) == 1

    def test_a_swept_document_leaves_no_object_behind(self, backend: DynamoBackend, objects: Objects) -> None:
        """Sweeping cleans both places."""
        _inserted(backend, data=LARGE, expires_at=50)
        backend.sweep.delete_stale([Hint(key(), 50)], cutoff=100)
        assert objects.bodies == {}

    def test_a_missing_object_is_told_apart_from_an_empty_document(
        self, backend: DynamoBackend, objects: Objects
    ) -> None:
        """A caller that loads again learns what is true now."""
        stored = _inserted(backend, data=LARGE)
        objects.remove(str(stored.overflow))
        assert backend.document(stored) is None

    @pytest.mark.parametrize("follow", [written, rotated, logged_in])
    def test_a_repeated_change_whose_answer_was_lost_keeps_its_object(
        self, backend: DynamoBackend, client: "DynamoDBClient", follow: Callable[[Record], Record]
    ) -> None:
        """The first request took effect; the refusal of the second must not take its document away."""
        first = _inserted(backend, data=LARGE)
        new = replace(follow(first), data=LARGE[::-1])
        with replies_lost(client, "UpdateItem"), pytest.raises(StoreUnavailableError) as lost:
            backend.replace(new, seen=first, now=NOW)
        assert lost.value.outcome_unknown
        assert isinstance(backend.replace(new, seen=first, now=NOW), Refused)
        current = backend.load(new.session_id)
        assert current is not None
        assert backend.document(current) == LARGE[::-1]

    def test_a_refused_write_never_removes_what_the_item_points_to(
        self, backend: DynamoBackend, objects: Objects
    ) -> None:
        """Our write took effect unheard; the item, as the refusal shows it, still points to its object."""
        first = _inserted(backend, data=LARGE)
        ours = backend.replace(written(first, data=LARGE[::-1]), seen=first, now=NOW)
        assert isinstance(ours, Record)
        for seen in (first, replace(first, version=7)):
            again = backend.replace(written(first, data=LARGE[::-1]), seen=seen, now=NOW)
            assert isinstance(again, Refused)
            assert again.current is not None
            assert backend.document(again.current) == LARGE[::-1]
        assert list(objects.bodies) == [ours.overflow]

    @pytest.mark.parametrize("foreign", FOREIGN.values(), ids=FOREIGN)
    def test_an_object_of_another_session_is_neither_read_nor_removed(
        self, backend: DynamoBackend, objects: Objects, patient: "DynamoDBClient", foreign: str
    ) -> None:
        """An item may have been written by another application that may write into the table."""
        objects.put(foreign, b"not ours")
        stored = _inserted(backend, subject="app#u", expires_at=NOW + 100)
        _point(patient, backend, foreign)
        pointing = backend.load(key())
        assert pointing is not None
        assert pointing.overflow == foreign
        with pytest.raises(CorruptSessionError):
            backend.document(pointing)
        following = backend.replace(written(pointing, data=b"small"), seen=pointing, now=NOW)
        assert isinstance(following, Record)
        assert foreign in objects.bodies
        _point(patient, backend, foreign)
        assert backend.delete(key(), match=Match(subject="app#u")) is None
        assert foreign in objects.bodies
        backend.insert(stored)
        _point(patient, backend, foreign)
        assert backend.sweep.delete_stale([Hint(key(), None)], cutoff=NOW + 100).verdicts[0].fate is Fate.SWEPT
        assert foreign in objects.bodies


def _point(patient: "DynamoDBClient", backend: DynamoBackend, overflow: str) -> None:
    """The item is made to point to any object."""
    patient.update_item(
        TableName=backend._table.name,
        Key={"session_id": {"S": key()}},
        UpdateExpression="SET overflow = :overflow REMOVE #data",
        ExpressionAttributeNames={"#data": "data"},
        ExpressionAttributeValues={":overflow": {"S": overflow}},
    )
