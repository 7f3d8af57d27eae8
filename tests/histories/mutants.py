"""Stores that break one promise each, for the checker to notice."""

from collections.abc import Callable, Sequence

import pytest

from sojourn.backend import Record, Refused
from sojourn.backends.dynamodb import DynamoBackend
from sojourn.sweep.backend import Fate, Hint, Removal, Verdict
from tests.mutants import Mutant


def _sweep_unconditionally(patch: pytest.MonkeyPatch) -> None:
    def delete_stale(backend: DynamoBackend, hints: Sequence[Hint], *, cutoff: int) -> Removal:  # noqa: ARG001
        return Removal(
            tuple(Verdict(Fate.SWEPT if backend.delete(hint.session_id) else Fate.MISSING) for hint in hints)
        )

    patch.setattr(DynamoBackend, "delete_stale", delete_stale)


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


def _rotate_in_two_steps(patch: pytest.MonkeyPatch) -> None:
    def rotate(backend: DynamoBackend, record: Record, *, seen: Record, now: int) -> Record | Refused:  # noqa: ARG001
        current = backend.load(seen.session_id)
        if current is None or current.version != seen.version:
            return Refused(current)
        stored = backend.insert(record)
        backend.delete(seen.session_id)
        return stored

    patch.setattr(DynamoBackend, "rotate", rotate)


MUTANTS: dict[str, Callable[[pytest.MonkeyPatch], None]] = {
    "the last writer wins": Mutant(
        "sojourn.backends.dynamodb:_unchanged",
        "{_IS_SEEN_VERSION}",
        "({_IS_SEEN_VERSION} OR version <> :seen_version)",
    ).apply,
    "an own write is not recognised": Mutant(
        "sojourn.protocol:SessionProtocol._advanced", "landed.write_id == write_id", "False"
    ).apply,
    "the sweeper does not ask": _sweep_unconditionally,
    "reads come from memory": _read_from_memory,
    "a write brings back": Mutant(
        "sojourn.backends.dynamodb:_unchanged",
        'f"{_IS_SEEN_VERSION} AND {_LIVES} AND {deadline}"',
        'f"({_IS_SEEN_VERSION} AND {_LIVES} AND {deadline}) OR attribute_not_exists(session_id)"',
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
        'raise StoreUnavailableError("an attempt went unanswered and others wrote since", may_have_happened=True)',
        "raise ConflictError(session.id, keys=frozenset(mine.by_key))",
    ).apply,
    "a lost answer is called a success": Mutant(
        "sojourn.protocol:SessionProtocol._tried",
        "return self._retry.run(attempt), unanswered",
        "try:\n        return self._retry.run(attempt), unanswered\n"
        "    except StoreUnavailableError:\n        return successor(seen, self._clock()), False",
    ).apply,
}
