"""Values are dataclasses, whatever makes their classes."""

import copy
import dataclasses
import pickle
from collections.abc import Callable
from typing import Any

import pytest

from sojourn import values


@values.dataclass(frozen=True, slots=True)
class Ours:
    """Ours."""

    a: int
    b: str = "b"
    c: list[int] = dataclasses.field(default_factory=list)
    d: str = dataclasses.field(default="secret", repr=False)

    def __post_init__(self) -> None:
        if self.a < 0:
            raise ValueError(self.a)


@dataclasses.dataclass(frozen=True, slots=True)
class Theirs:
    """The standard library's."""

    a: int
    b: str = "b"
    c: list[int] = dataclasses.field(default_factory=list)
    d: str = dataclasses.field(default="secret", repr=False)

    def __post_init__(self) -> None:
        if self.a < 0:
            raise ValueError(self.a)


@values.dataclass(frozen=True, slots=True)
class Point:
    """One that can be a key, and compares as it likes."""

    x: int
    y: int = 0

    def __repr__(self) -> str:
        return "a point"


ACTS: dict[str, Callable[[Any], object]] = {
    "by place": lambda of: of(1, "c", [2]),
    "by name": lambda of: of(c=[1], b="x", a=3),
    "by both": lambda of: of(1, c=[1]),
    "defaults": lambda of: of(1),
    "a list of its own": lambda of: of(1).c is of(1).c,
    "equal": lambda of: (of(1) == of(1), of(1) == of(2), of(1) != of(1), of(1) == (1, "b", [], "secret")),
    "replaced": lambda of: dataclasses.replace(of(1, "x"), a=2),
    "replaced, ours": lambda of: values.replace(of(1, "x"), a=2),
    "replaced, judged": lambda of: values.replace(of(1, "x"), a=-2),
    "replaced with what there is not": lambda of: values.replace(of(1, "x"), e=-2),
    "as a dictionary": lambda of: dataclasses.asdict(of(1)),
    "fields": lambda of: [field.name for field in dataclasses.fields(of)],
    "copied": lambda of: copy.copy(of(1)),
    "copied deep": lambda of: copy.deepcopy(of(1)),
    "pickled": lambda of: pickle.loads(pickle.dumps(of(1, c=[7]))),  # noqa: S301  # our own
    "matched": lambda of: of.__match_args__,
    "hashed with a list": lambda of: hash(of(1)),
    "judged": lambda of: of(-1),
    "without a field": lambda of: of(b="x"),
    "with one too many": lambda of: of(1, "b", [], "d", "e"),
    "with one that there is not": lambda of: of(1, e=2),
    "with one that there is not, complete": lambda of: of(1, "b", [], e=2),
    "with one twice": lambda of: of(1, a=1),
    "with one twice and none of another": lambda of: of(1, "b", [], a=1),
    "changed": lambda of: setattr(of(1), "a", 2),
    "deleted": lambda of: delattr(of(1), "a"),
    "without a dictionary": lambda of: of(1).__dict__,
}


def outcome(act: Callable[[Any], object], of: type) -> str:
    """What comes out of it, or which error."""
    try:
        return repr(act(of)).replace(of.__name__, "Value")
    except (TypeError, ValueError, AttributeError) as error:
        return type(error).__name__


@pytest.mark.parametrize("act", ACTS)
def test_a_value_behaves_as_the_standard_librarys(act: str) -> None:
    """Each way to make, compare, copy, show and break one."""
    assert outcome(ACTS[act], Ours) == outcome(ACTS[act], Theirs)


def test_values_are_keys_and_keep_the_methods_that_they_have() -> None:
    """A hash of its fields, and its own words."""
    assert {Point(1): "a", Point(1, 0): "b"} == {Point(1): "b"}
    assert repr(Point(1)) == "a point"


@pytest.mark.parametrize("options", [{"frozen": False, "slots": True}, {"frozen": True, "slots": False}])
def test_only_frozen_values_with_slots_are_made(options: dict[str, bool]) -> None:
    """Or one would come out that is not as it was written."""
    with pytest.raises(TypeError):
        values.dataclass(**options)


def test_a_value_inherits_no_fields() -> None:
    """They would not be set."""
    with pytest.raises(TypeError):

        @values.dataclass(frozen=True, slots=True)
        class Further(Point):
            """One more."""

            z: int = 0
