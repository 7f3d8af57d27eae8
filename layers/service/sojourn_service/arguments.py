"""The arguments of a call of the records function, each checked: type, shape, bounds and namespace. Calls no backend.

What a caller sends goes into items and keys as it is, so only what the library itself could have sent gets through.
"""

from collections.abc import Callable, Iterator
from typing import Final

from sojourn.backend import Mark, Match, Position, Record
from sojourn.backends.fields import MAX_INSTANT
from sojourn.backends.wire import mark_of, match_of, position_of, record_of
from sojourn.errors import CorruptSessionError, InvalidDataError
from sojourn.names import Namespace, bare, checked_label, is_object_of, object_of
from sojourn_service.bodies import Fields

_MOST_IDS: Final = 100
_MOST_MARK_CHARACTERS: Final = 512
_MOST_NUMBER: Final = 2**53 - 1
_MOST_EPOCH_CHARACTERS: Final = 64
_MOST_SHARD_DIGITS: Final = 4


class Arguments:
    """The fields of one call, in one namespace. What is wrong is an ``InvalidDataError`` with the path to it."""

    def __init__(self, fields: Fields, namespace: str) -> None:
        self._fields = fields
        self._namespace = Namespace(namespace)

    def __contains__(self, name: str) -> bool:
        """Whether the argument is there; ``null`` counts as absent."""
        return self._fields.get(name) is not None

    def owns(self, key: str) -> bool:
        """Whether ``key`` is a session's of the namespace."""
        return self._namespace.is_session(key)

    def own(self, record: Record) -> Record:
        """A stored record that may be shown: another application may have written its item."""
        for attribute, fault in self._foreign(record):
            raise CorruptSessionError(f"its attribute {attribute} {fault}", session_id=bare(record.session_id))
        return record

    def record(self, name: str) -> Record:
        """A record of the namespace."""
        found = record_of(self._fields.get(name), path=name)
        for attribute, fault in (*self._foreign(found), *_misshapen(found)):
            raise InvalidDataError(fault, path=(name, attribute))
        return found

    def match(self, name: str) -> Match:
        """What a session must still hold to be removed; one condition at least."""
        found = match_of(self._fields.get(name), path=name)
        if found.subject is not None:
            _demand(self._is_subject(found.subject), "is no subject of the namespace", path=(name, "subject"))
        return found

    def session_id(self, name: str) -> str:
        """The key of a session's item."""
        return self._text(name, self.owns, "is no session of the namespace")

    def session_ids(self, name: str) -> list[str]:
        """Keys of sessions' items."""
        values = self._fields.get(name)
        if not isinstance(values, list) or len(values) > _MOST_IDS:
            raise InvalidDataError(f"takes a list of at most {_MOST_IDS}", path=(name,))
        for place, value in enumerate(values):
            is_own = isinstance(value, str) and self.owns(value)
            _demand(is_own, "is no session of the namespace", path=(name, place))
        return values

    def subject(self, name: str) -> str:
        """A subject as items name it."""
        return self._text(name, self._is_subject, "is no subject of the namespace")

    def mark_name(self, name: str) -> str:
        """The key of a control item."""
        return self._text(name, self._namespace.is_control, "is no control item of the namespace")

    def mark(self, name: str) -> Mark | None:
        """The content of a control item; ``None`` where there is none."""
        found = mark_of(self._fields.get(name), path=name)
        if found is not None:
            is_bounded = len(found.value) <= _MOST_MARK_CHARACTERS and 0 <= found.number <= _MOST_NUMBER
            _demand(is_bounded, "is out of bounds", path=(name,))
        return found

    def position(self, name: str) -> Position | None:
        """A place in a list; ``None`` for its beginning."""
        found = position_of(self._fields.get(name), path=name)
        if found is not None:
            is_own = 0 <= found.created_at <= MAX_INSTANT and self.owns(found.session_id)
            _demand(is_own, "is no place in a list of the namespace", path=(name,))
        return found

    def instant(self, name: str) -> int:
        """Epoch seconds."""
        return self._whole_number(name, most=MAX_INSTANT)

    def limit(self, name: str) -> int:
        """How many positions a page has at most."""
        return min(max(self._whole_number(name, most=_MOST_NUMBER), 1), _MOST_IDS)

    def flag(self, name: str) -> bool:
        """A truth value that is true unless it is given."""
        value = self._fields.get(name)
        _demand(value is None or isinstance(value, bool), "is not true or false", path=(name,))
        return value is not False

    def _whole_number(self, name: str, *, most: int) -> int:
        value = self._fields.get(name)
        if type(value) is not int or not 0 <= value <= most:
            raise InvalidDataError(f"is not a whole number from 0 to {most}", path=(name,))
        return value

    def _text(self, name: str, is_right: Callable[[str], bool], fault: str) -> str:
        value = self._fields.get(name)
        if not isinstance(value, str) or not is_right(value):
            raise InvalidDataError(fault, path=(name,))
        return value

    def _foreign(self, record: Record) -> Iterator[tuple[str, str]]:
        """The attributes that lead out of the namespace or to another session, and what is wrong with each."""
        if not self.owns(record.session_id):
            yield "session_id", "is no session of the namespace"
        if record.subject is not None and not self._is_subject(record.subject):
            yield "subject", "is no subject of the namespace"
        if record.overflow is not None and not is_object_of(record.overflow, record.session_id):
            yield "overflow", "is no object of the session"

    def _is_subject(self, name: str) -> bool:
        try:
            return self._namespace.owns(name) and self._namespace.subject(bare(name)) == name
        except InvalidDataError:
            return False


def _demand(holds: bool, fault: str, *, path: tuple[str | int, ...]) -> None:
    if not holds:
        raise InvalidDataError(fault, path=path)


def _misshapen(record: Record) -> Iterator[tuple[str, str]]:
    """The other attributes that the library would not have sent so. ``wire`` has judged types, hashes and numbers."""
    shard = record.sweep_shard
    # It becomes a part of an object's key.
    if not is_object_of(object_of(record.session_id, record.write_id), record.session_id):
        yield "write_id", "is no mark of a write"
    if record.label is not None and not _is_label(record.label):
        yield "label", "is no label"
    if record.epoch is not None and len(record.epoch) > _MOST_EPOCH_CHARACTERS:
        yield "epoch", "is too long"
    if shard is not None and not (shard.isascii() and shard.isdigit() and len(shard) <= _MOST_SHARD_DIGITS):
        yield "sweep_shard", "is no shard"


def _is_label(label: str) -> bool:
    try:
        return checked_label(label) == label
    except InvalidDataError:
        return False
