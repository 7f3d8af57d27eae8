"""Which of two requests counts for a key that both changed: the last one, unless the application chooses.

Messages of ``django.contrib.messages`` are merged. Calls no store.
"""

import json
from collections import Counter
from typing import TYPE_CHECKING, Literal

from django.conf import settings
from django.contrib.messages.storage.session import SessionStorage

from sojourn.errors import ConflictError
from sojourn.writing import REMOVED, Conflict, Removed, Rule

if TYPE_CHECKING:
    from collections.abc import Callable

    from sojourn.session import Session
    from sojourn.writing import OnConflict

_MESSAGES = SessionStorage.session_key
_Text = str | Literal[Removed.REMOVED]


def chosen() -> "OnConflict":
    """What ``Store.write`` takes: ``SOJOURN_ON_CONFLICT``, or ``"mine"`` as with Django's own backends."""
    choice: OnConflict = getattr(settings, "SOJOURN_ON_CONFLICT", "mine")
    return choice


def rule_for(session: "Session") -> "OnConflict":
    """What decides the conflicts of a session that is about to be written. Raises ``InvalidDataError``."""
    Rule(on_conflict=chosen())  # refuses what is no choice
    if session.stored().get(_MESSAGES) == session.get(_MESSAGES):
        return chosen()
    return _merging(chosen(), session.id)


def _merging(choice: "OnConflict", session_id: str) -> "Callable[[Conflict], object]":
    """``choice`` for every key but the one of messages, which are those of both requests."""

    def decide(conflict: Conflict) -> object:
        merged = _merged(conflict) if conflict.key == _MESSAGES else None
        if merged is not None:
            return merged
        if callable(choice):
            return choice(conflict)
        if choice == "raise" and conflict.mine != conflict.theirs:
            raise ConflictError(session_id, keys=frozenset({conflict.key}))
        return conflict.theirs if choice == "theirs" else conflict.mine

    return decide


def _merged(conflict: Conflict) -> _Text | None:
    """Their messages without those that this request showed, and with those that it added.

    ``None`` where they are not stored as ``SessionStorage`` does.
    """
    try:
        base, mine, theirs = (_messages_in(each) for each in (conflict.base, conflict.mine, conflict.theirs))
    except (TypeError, ValueError):
        return None
    shown, added = Counter(base) - Counter(mine), Counter(mine) - Counter(base)
    kept = [*_without(theirs, shown), *_without(mine, Counter(mine) - added)]
    return f"[{','.join(kept)}]" if kept else REMOVED


def _messages_in(text: object) -> list[str]:
    """The JSON text of each message."""
    if text is REMOVED:
        return []
    if not isinstance(text, str) or not isinstance(messages := json.loads(text), list):
        raise TypeError
    return [json.dumps(message) for message in messages]


def _without(messages: list[str], others: Counter[str]) -> list[str]:
    """``messages`` less ``others``, the first of equal ones."""
    left, kept = Counter(others), []
    for message in messages:
        if left[message]:
            left[message] -= 1
        else:
            kept.append(message)
    return kept
