"""What one run of the sweep is to do, and what it did."""

from sojourn.values import dataclass


@dataclass(frozen=True, slots=True)
class Share:
    """The part of the work that one run has: the ``group``-th, from 0, of ``groups``.

    Runs of different groups share no shard of the index and no segment of the table.
    """

    group: int = 0
    groups: int = 1

    def __post_init__(self) -> None:
        if not 0 <= self.group < self.groups:
            raise ValueError(f"group takes a number from 0 to {self.groups - 1}, the groups less one")


WHOLE = Share()


@dataclass(frozen=True, slots=True)
class SweepReport:
    """What one run did, in sessions.

    ``swept`` were stale and are gone; ``moved`` were alive and stand further ahead in the index;
    ``missing`` were gone already; ``foreign`` are items that are no sessions and were let be; ``left`` could not be
    asked for. ``due``: the hints that a dry run found and left. ``more``: the run ended before it was done.
    ``overdue_seconds``: by how much the oldest one swept, or left in the index, had outstayed its grace. Units are
    DynamoDB's, as the service reported them, or priced by its published rule where it reported none.
    """

    swept: int = 0
    moved: int = 0
    missing: int = 0
    foreign: int = 0
    left: int = 0
    due: int = 0
    more: bool = False
    calls: int = 0
    read_units: float = 0
    write_units: float = 0
    overdue_seconds: int = 0

    def __add__(self, other: "SweepReport") -> "SweepReport":
        return SweepReport(
            swept=self.swept + other.swept,
            moved=self.moved + other.moved,
            missing=self.missing + other.missing,
            foreign=self.foreign + other.foreign,
            left=self.left + other.left,
            due=self.due + other.due,
            more=self.more or other.more,
            calls=self.calls + other.calls,
            read_units=self.read_units + other.read_units,
            write_units=self.write_units + other.write_units,
            overdue_seconds=max(self.overdue_seconds, other.overdue_seconds),
        )
