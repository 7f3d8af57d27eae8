"""The checker itself: hand-written histories, legal and illegal."""

import pytest

from tests.proofs.histories.checker import Document, Operation, Verb, is_linearizable

START: Document = (("a", 0), ("n", 0))


def doc(**values: int) -> Document:
    """The first document with other values."""
    return tuple(sorted((dict(START) | values).items()))


def wrote(called: float, answered: float, a: int) -> Operation:
    """A write of ``a`` that was acknowledged, by a copy of the first document."""
    return Operation("write", called, answered, "done", edits=(("a", a),), base=START)


def saw(called: float, answered: float, shown: Document | None) -> Operation:
    """A read."""
    return Operation("read", called, answered, "done", shown=shown)


def unanswered(called: float, answered: float, a: int) -> Operation:
    """A write of ``a`` that went unanswered."""
    return Operation("write", called, answered, "unknown", edits=(("a", a),), base=START)


EXPIRED = Operation("expire", 2, 3, "done")


def rotated(called: float, answered: float, token: str, new_token: str, *, verb: Verb = "rotate") -> Operation:
    """A rotation or a login of the first document."""
    return Operation(verb, called, answered, "done", base=START, shown=START, token=token, new_token=new_token)


def logged_out(called: float, answered: float, token: str) -> Operation:
    """A logout that said nothing else."""
    return Operation("expire", called, answered, "done", token=token)


def saw_with(called: float, answered: float, token: str, shown: Document | None) -> Operation:
    """A read by another token than the first."""
    return Operation("read", called, answered, "done", shown=shown, token=token)


LEGAL = {
    "nothing happened": [],
    "one after the other": [wrote(0, 1, 1), saw(2, 3, doc(a=1))],
    "a read beside a write sees either": [wrote(0, 5, 1), saw(1, 2, START), saw(3, 4, doc(a=1))],
    "different keys merge": [
        wrote(0, 1, 1),
        Operation("write", 0, 2, "done", edits=(("b", 9),), base=START),
        saw(3, 4, doc(a=1, b=9)),
    ],
    "additions add up": [
        Operation("add", 0, 5, "done", edits=(("n", 1),)),
        Operation("add", 0, 5, "done", edits=(("n", 1),)),
        saw(1, 2, doc(n=1)),
        saw(6, 7, doc(n=2)),
    ],
    "a write that shows what came after it": [
        wrote(0, 5, 1),
        saw(0, 5, doc(a=1, n=1)),
        Operation("add", 1, 2, "done", edits=(("n", 1),)),
    ],
    "the same key conflicts": [
        wrote(0, 1, 1),
        Operation("write", 2, 3, "conflict", edits=(("a", 2), ("b", 1)), base=START, keys=frozenset("a")),
        saw(4, 5, doc(a=1)),
    ],
    "unknown, and it happened": [unanswered(0, 1, 1), saw(2, 3, doc(a=1))],
    "unknown, and it did not": [unanswered(0, 1, 1), saw(2, 3, START)],
    "unknown, and it happened late": [unanswered(0, 1, 1), saw(2, 3, START), saw(4, 5, doc(a=1))],
    "dead after an end": [saw(0, 1, START), EXPIRED, saw(4, 5, None), Operation("write", 4, 5, "gone")],
    "a write beside an end": [EXPIRED, wrote(1, 4, 1), saw(5, 6, None)],
    "a rotation ends the token": [
        rotated(0, 1, "", "new"),
        Operation("rotate", 0, 2, "superseded", base=START),
        saw(3, 4, None),
        saw_with(3, 4, "new", START),
    ],
    "a lost rotation ends the token": [
        Operation("rotate", 0, 1, "unknown", base=START),
        saw(3, 4, None),
        Operation("touch", 5, 6, "superseded"),
    ],
    "a logout in flight holds": [rotated(0, 1, "", "new"), logged_out(2, 3, ""), saw_with(4, 5, "new", None)],
    "a logout in flight holds for two rotations": [
        rotated(0, 1, "", "new"),
        rotated(2, 3, "new", "newer"),
        logged_out(4, 5, ""),
        saw_with(6, 7, "newer", None),
    ],
    "a login outlives the logout of before": [
        rotated(0, 1, "", "new", verb="login"),
        logged_out(2, 3, ""),
        saw_with(4, 5, "new", START),
    ],
    "touches that leave no trace": [Operation("touch", 0, 1, "done"), saw(2, 3, START)],
}

ILLEGAL = {
    "a lost update": [wrote(0, 1, 1), saw(2, 3, START)],
    "a lost key": [
        wrote(0, 1, 1),
        Operation("write", 0, 2, "done", edits=(("b", 9),), base=START),
        saw(3, 4, doc(b=9)),
    ],
    "the last writer wins": [wrote(0, 1, 1), wrote(2, 3, 2)],
    "a stale read": [wrote(0, 1, 1), saw(2, 3, doc(a=1)), saw(4, 5, START)],
    "reads that go back and forth": [wrote(0, 9, 1), saw(1, 2, doc(a=1)), saw(3, 4, START)],
    "an answer from nowhere": [saw(0, 1, doc(a=7))],
    "an addition counted twice": [
        Operation("add", 0, 1, "done", edits=(("n", 1),)),
        saw(2, 3, doc(n=2)),
    ],
    "two additions that arrive at one": [
        Operation("add", 0, 5, "done", edits=(("n", 1),)),
        Operation("add", 0, 5, "done", edits=(("n", 1),)),
        saw(6, 7, doc(n=1)),
    ],
    "a conflict with nobody": [
        Operation("write", 0, 1, "conflict", edits=(("a", 2),), base=START, keys=frozenset("a"))
    ],
    "a conflict over the wrong key": [
        wrote(0, 1, 1),
        Operation("write", 2, 3, "conflict", edits=(("a", 2), ("b", 1)), base=START, keys=frozenset("ab")),
    ],
    "a conflict that was stored": [
        wrote(0, 1, 1),
        Operation("write", 2, 3, "conflict", edits=(("a", 2),), base=START, keys=frozenset("a")),
        saw(4, 5, doc(a=2)),
    ],
    "unknown, and it happened and did not": [unanswered(0, 1, 1), saw(2, 3, doc(a=1)), saw(4, 5, START)],
    "unknown, before it was asked for": [saw(0, 1, doc(a=1)), unanswered(2, 3, 1)],
    "back from the dead": [EXPIRED, saw(4, 5, START)],
    "written when dead": [EXPIRED, wrote(4, 5, 1)],
    "touched when dead": [EXPIRED, Operation("touch", 4, 5, "done")],
    "dead and nobody did it": [saw(0, 1, None)],
    "gone and nobody did it": [Operation("touch", 0, 1, "gone")],
    "two new tokens": [rotated(0, 2, "", "new"), rotated(1, 3, "", "other")],
    "a rotation without what was written": [wrote(0, 1, 1), rotated(2, 3, "", "new")],
    "written with a superseded token": [rotated(0, 1, "", "new"), wrote(2, 3, 1)],
    "shown to a superseded token": [rotated(0, 1, "", "new"), saw(2, 3, START)],
    "touched with a superseded token": [rotated(0, 1, "", "new"), Operation("touch", 2, 3, "done")],
    "superseded by nothing": [Operation("touch", 2, 3, "superseded")],
    "called gone while it lives": [rotated(0, 1, "", "new"), Operation("touch", 2, 3, "gone")],
    "a lost logout": [rotated(0, 1, "", "new"), logged_out(2, 3, ""), saw_with(4, 5, "new", START)],
    "a logout undoes a login": [
        rotated(0, 1, "", "new", verb="login"),
        logged_out(2, 3, ""),
        saw_with(4, 5, "new", None),
    ],
}


@pytest.mark.parametrize("history", LEGAL.values(), ids=LEGAL)
def test_a_legal_history_has_an_order(history: list[Operation]) -> None:
    """Whatever order it is recorded in."""
    assert is_linearizable(history, initial=START)
    assert is_linearizable(history[::-1], initial=START)


@pytest.mark.parametrize("history", ILLEGAL.values(), ids=ILLEGAL)
def test_an_illegal_history_has_none(history: list[Operation]) -> None:
    """Whatever order it is recorded in."""
    assert not is_linearizable(history, initial=START)
    assert not is_linearizable(history[::-1], initial=START)


def test_many_at_once_take_no_time() -> None:
    """Eight writers of eight keys at the same time have forty thousand orders; what was tried is remembered."""
    keys = "bcdefghi"
    writers = [Operation("write", 0, 9, "done", edits=((key, 1),), base=START) for key in keys]
    everything = saw(10, 11, doc(**dict.fromkeys(keys, 1)))
    assert is_linearizable([*writers, saw(0, 9, doc(e=1, i=1)), everything], initial=START)
    assert not is_linearizable([*writers, saw(0, 9, doc(e=1)), saw(0, 9, doc(i=1)), everything], initial=START)
