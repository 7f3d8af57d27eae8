"""Plays the sweep index against random sessions, to check the formulas of the bill. Calls no store.

    python -m benchmarks.simulation     moves per session, simulated beside the formula

A session is used again and again after random pauses, until a pause outlasts its idle time or its absolute lifetime
ends it. The sweeper looks at its place in the index at the first run after the place is due.
"""

from dataclasses import dataclass
from random import Random
from statistics import fmean
from typing import Final

from sojourn.cli.units import expected_moves

DAY: Final = 86_400
INTERVAL: Final = 900
GRACE: Final = DAY


@dataclass(frozen=True, slots=True)
class Habit:
    """How sessions of one kind are used: the mean pause between two uses, and the lifetimes; all in seconds."""

    idle: int
    absolute: int
    pause: float


@dataclass(frozen=True, slots=True)
class Life:
    """What became of one session."""

    seconds: float
    renewals: int
    moves: int
    swept_late_by: float
    last_use: float


HABITS: Final = {
    "30 minutes idle, 12 hours at most, used every 10 minutes": Habit(1_800, 43_200, 600),
    "1 day idle, 30 days at most, used every 6 hours": Habit(DAY, 30 * DAY, DAY / 4),
    "14 days idle, 30 days at most, used every 2 days": Habit(14 * DAY, 30 * DAY, 2 * DAY),
    "14 days idle, 365 days at most, used every 3 days": Habit(14 * DAY, 365 * DAY, 3 * DAY),
    "90 days idle, 365 days at most, used every 20 days": Habit(90 * DAY, 365 * DAY, 20 * DAY),
}
"""Kinds of sessions, by description."""


def life(habit: Habit, random: Random) -> Life:
    """One session, from creation until the sweeper removes it."""
    deadlines = _deadlines(habit, random)
    died_at = deadlines[-1][1]
    last_uses: list[float] = []
    due, moves = deadlines[0][1] + GRACE, 0
    while True:
        looked_at = -(-due // INTERVAL) * INTERVAL
        if died_at <= looked_at:
            return Life(died_at, len(deadlines) - 1, moves, looked_at - died_at, fmean(last_uses or [0]))
        renewed_at, deadline = next(pair for pair in reversed(deadlines) if pair[0] <= looked_at)
        last_uses.append(looked_at - renewed_at)
        due, moves = deadline + GRACE, moves + 1


def _deadlines(habit: Habit, random: Random) -> list[tuple[float, float]]:
    """When it was renewed, and the deadline it had from then on."""
    used_at, renewed_at = 0.0, 0.0
    # Runs of the sweeper are at whole intervals; creation is not.
    begun = random.random() * INTERVAL
    deadlines = [(begun, begun + min(habit.idle, habit.absolute))]
    while True:
        used_at += random.expovariate(1 / habit.pause)
        if begun + used_at >= deadlines[-1][1]:
            return deadlines
        # A renewal waits until a tenth of the idle time has passed, so that reading is not writing.
        if used_at - renewed_at >= habit.idle / 10:
            renewed_at = used_at
            deadlines.append((begun + used_at, begun + min(used_at + habit.idle, habit.absolute)))


@dataclass(frozen=True, slots=True)
class Outcome:
    """Means over many sessions; ``formula`` is what the bill expects of their moves."""

    days: float
    renewals: float
    moves: float
    formula: float
    latest_seconds: float


def outcome(habit: Habit, *, sessions: int = 4_000, seed: int = 2013) -> Outcome:
    """Many lives, with the same ones at every run."""
    random = Random(seed)
    lives = [life(habit, random) for _ in range(sessions)]
    last_use = fmean([each.last_use for each in lives if each.moves] or [0])
    return Outcome(
        days=fmean(each.seconds for each in lives) / DAY,
        renewals=fmean(each.renewals for each in lives),
        moves=fmean(each.moves for each in lives),
        formula=fmean(
            expected_moves(lives=each.seconds, idle=habit.idle, grace=GRACE, last_use=last_use) for each in lives
        ),
        latest_seconds=max(each.swept_late_by for each in lives),
    )


def table() -> str:
    """A row for each habit."""
    rows = ["| sessions | days lived | renewals | moves | by formula |", "|---|--:|--:|--:|--:|"]
    for name, habit in HABITS.items():
        seen = outcome(habit)
        rows.append(f"| {name} | {seen.days:,.1f} | {seen.renewals:,.1f} | {seen.moves:.2f} | {seen.formula:.2f} |")
    return "\n".join(rows)


if __name__ == "__main__":
    print(table())
