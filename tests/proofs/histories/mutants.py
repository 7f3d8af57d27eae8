"""Stores that break one promise each, for the checker to notice."""

from collections.abc import Callable, Sequence

import pytest

from sojourn.backend import Record, Refused
from sojourn.backends.dynamodb import DynamoBackend
from sojourn.backends.items import key_of
from sojourn.backends.stale import StaleItems
from sojourn.sweep.backend import Fate, Hint, Removal, Verdict
from tests.support.mutants import Mutant


def _sweep_unconditionally(patch: pytest.MonkeyPatch) -> None:
    def delete_stale(items: StaleItems, hints: Sequence[Hint], *, cutoff: int) -> Removal:  # noqa: ARG001
        return Removal(
            tuple(Verdict(Fate.SWEPT if _removed(items, hint.session_id) else Fate.MISSING) for hint in hints)
        )

    patch.setattr(StaleItems, "delete_stale", delete_stale)


def _read_from_memory(patch: pytest.MonkeyPatch) -> None:
    load = DynamoBackend.load
    seen: dict[str, tuple[int, Record]] = {}

    def remembered(backend: DynamoBackend, session_id: str, *, is_consistent: bool = True) -> Record | None:
        uses, record = seen.get(session_id, (0, None))
        if record is not None and uses < 2:
            seen[session_id] = (uses + 1, record)
            return record
        found = load(backend, session_id, is_consistent=is_consistent)
        if found is not None:
            seen[session_id] = (0, found)
        return found

    patch.setattr(DynamoBackend, "load", remembered)


def _removed(items: StaleItems, key: str) -> bool:
    table = items._table
    response = table.change("delete_item", TableName=table.name, Key=key_of(key), ReturnValues="ALL_OLD")
    return "Attributes" in response


def _rotate_in_two_steps(patch: pytest.MonkeyPatch) -> None:
    replace_ = DynamoBackend.replace

    def in_two_steps(backend: DynamoBackend, record: Record, *, seen: Record, now: int) -> Record | Refused:
        if record.token_hash == seen.token_hash:
            return replace_(backend, record, seen=seen, now=now)
        current = backend.load(seen.session_id)
        if current is None or current.version != seen.version or current.token_hash != seen.token_hash:
            return Refused(current)
        return replace_(backend, record, seen=backend.load(seen.session_id) or seen, now=now)

    patch.setattr(DynamoBackend, "replace", in_two_steps)


MUTANTS: dict[str, Callable[[pytest.MonkeyPatch], None]] = {
    "the last writer wins": Mutant(
        "sojourn.backends.dynamodb:DynamoBackend.replace",
        "{_IS_SEEN_VERSION}",
        "({_IS_SEEN_VERSION} OR version <> :seen_version)",
    ).apply,
    "an own write is not recognised": Mutant(
        "sojourn.protocol:_is_write_of", "current.write_id == record.write_id", "False"
    ).apply,
    "the sweeper does not ask": _sweep_unconditionally,
    "reads come from memory": _read_from_memory,
    "a write brings back": Mutant(
        "sojourn.backends.dynamodb:DynamoBackend.replace",
        'f"{_IS_SEEN_VERSION} AND {_IS_MINE} AND {_with_place(deadline, record, seen)}"',
        'f"({_IS_SEEN_VERSION} AND {_IS_MINE} AND {_with_place(deadline, record, seen)}) OR {_IS_NEW}"',
    ).apply,
    "a rotation takes two steps": _rotate_in_two_steps,
    "a merge drops the others' keys": Mutant(
        "sojourn.writing:Writer._merged", "return merge.document", "return wanted"
    ).apply,
    "a conflict names one key of two": Mutant(
        "sojourn.writing:Writer._merged", "keys=merge.conflicts", "keys=frozenset(sorted(merge.conflicts)[:1])"
    ).apply,
    "doubt is called a conflict": Mutant(
        "sojourn.writing:Writer._merged",
        'raise StoreUnavailableError("an attempt went unanswered and others wrote since", outcome_unknown=True)',
        "raise ConflictError(session_id, keys=frozenset(mine.by_key))",
    ).apply,
    "a lost answer is called a success": Mutant(
        "sojourn.protocol:SessionProtocol._tried",
        "return self._retry.run(attempt), unanswered",
        "try:\n        return self._retry.run(attempt), unanswered\n"
        "    except StoreUnavailableError:\n        return self._timed(record, seen, now=self._clock()), False",
    ).apply,
    "a superseded token writes": Mutant(
        "sojourn.backends.dynamodb:DynamoBackend.replace",
        "{_IS_SEEN_VERSION} AND {_IS_MINE}",
        "(version = :seen_version OR token_hash <> :seen_token_hash) AND absolute_at = :seen_absolute_at "
        "AND expires_at > :now",
    ).apply,
    "a superseded token reads": Mutant(
        "sojourn.protocol:SessionProtocol._judged",
        "not compare_digest(record.token_hash, bearer.token_hash)",
        "False",
    ).apply,
    "a logout in flight does nothing": Mutant(
        "sojourn.protocol:SessionProtocol.expire", "if not may_log_out(", "if True or not may_log_out("
    ).apply,
    "a logout undoes a login": Mutant(
        "sojourn.protocol:SessionProtocol.expire",
        "may_log_out(current, bearer.token_hash, now=self._clock())",
        "is_superseded(current, bearer.token_hash, arrived_at=self._clock())",
    ).apply,
}
