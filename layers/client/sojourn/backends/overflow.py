"""Documents too large for an item, as objects behind it. An object is its session's: any other key is corrupt."""

from typing import Final

from sojourn.backend import Record
from sojourn.backends.s3 import ObjectStore
from sojourn.errors import CorruptSessionError, SessionTooLargeError
from sojourn.names import bare, is_object_of, object_of
from sojourn.values import replace

_ITEM_BYTES: Final = 393_216
"""What a document may take of an item's 400 KB when there is no bucket for it."""


class Overflow:
    """Puts documents above ``limit`` bytes into ``objects``, if there is a bucket."""

    def __init__(self, objects: ObjectStore | None, *, limit: int) -> None:
        self._objects = objects
        self._limit = limit

    def put_document(self, record: Record) -> Record:
        """``record`` as it goes into the item; a large document is stored as an object first.

        The order matters: a crash between the two leaves an object that no item points to, never an item that points to
        nothing.
        """
        size = len(record.data or b"")
        if self._objects is None or size <= self._limit:
            if size > _ITEM_BYTES:
                raise SessionTooLargeError(size, limit=_ITEM_BYTES, setting="SOJOURN_BUCKET")
            return record
        key = object_of(record.session_id, record.write_id)
        self._objects.put(key, record.data or b"")
        return replace(record, data=None, overflow=key)

    def document(self, record: Record) -> bytes | None:
        """The encoded document of a record; ``None`` when its object is not there any more."""
        if record.overflow is None:
            return record.data
        if not is_object_of(record.overflow, record.session_id):
            raise CorruptSessionError("its document is said to lie elsewhere", session_id=bare(record.session_id))
        if self._objects is None:
            reason = "its document is in a bucket, and SOJOURN_BUCKET is not set"
            raise CorruptSessionError(reason, session_id=bare(record.session_id))
        return self._objects.get(record.overflow)

    def remove(self, key: object, *, session_key: str) -> None:
        """Remove the object that an item pointed to and no longer does, if it was the session's."""
        if self._objects is not None and isinstance(key, str) and is_object_of(key, session_key):
            self._objects.remove(key)
