"""What a command found or did: once for machines, once for people, and the exit status. Shows nothing."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum

from rich.console import RenderableType


class Status(IntEnum):
    """What the command's exit status says."""

    OK = 0
    TO_DO = 1
    """Something is to be done, or what was asked for is not there."""
    USAGE = 2
    COULD_NOT_LOOK = 3
    INTERRUPTED = 130


@dataclass(frozen=True, slots=True)
class Outcome:
    """``result`` is JSON, the same keys at every run of one command; ``shown`` is the same for people."""

    result: Mapping[str, object]
    shown: Sequence[RenderableType]
    status: Status = Status.OK
