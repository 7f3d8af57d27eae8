"""Draws a session's life as the library leads it: `.venv-docs/bin/python website/life.py`. Stores nothing anywhere."""

import sys
from pathlib import Path

import matplotlib as mpl

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "layers" / "client"))

mpl.use("svg")
mpl.rcParams.update({"svg.fonttype": "none", "svg.hashsalt": "sojourn", "font.family": "sans-serif", "font.size": 10})

from matplotlib import pyplot as plt  # noqa: E402  # after the backend is chosen

from sojourn import Session, Settings, Store  # noqa: E402  # after the path is set
from sojourn.testing import FakeClock, memory_store  # noqa: E402

HOUR = 3_600
IDLE, ABSOLUTE = 2 * HOUR, 8 * HOUR
VISITS = (0.0, 0.1, 0.8, 1.5, 2.4, 3.0, 4.1, 5.2, 6.0, 7.0)
LOGIN = 3.0
DARK, TEAL, AMBER, GREY = "#17323a", "#00897b", "#c77700", "#8a979b"

Point = tuple[float, float]


def life() -> tuple[list[Point], list[Point], Session]:
    """Deadlines in hours after each visit: the session's own, and the absolute one."""
    clock = FakeClock(0)
    store: Store = memory_store(clock=clock, settings=Settings(table="", idle_seconds=IDLE, absolute_seconds=ABSOLUTE))
    session = store.create({"cart": []})
    deadlines, absolute = [], []
    for at in VISITS:
        clock.now = round(at * HOUR)
        found = store.read(session.token)
        if found is None:
            raise LookupError(f"the story ends at {at} hours: nobody came for too long")
        session = found
        if at == LOGIN:
            store.login(session, subject="ada")
        deadlines.append((at, session.expires_at / HOUR))
        absolute.append((at, session.absolute_at / HOUR))
    return deadlines, absolute, session


def draw(target: Path) -> None:
    """The picture."""
    deadlines, absolute, _ = life()
    figure, axes = plt.subplots(figsize=(8.6, 3.9))
    end = deadlines[-1][1]
    hours = [*(at for at, _ in deadlines), end]
    axes.fill_between(
        hours, hours, [*(until for _, until in deadlines), end], step="post", color=TEAL, alpha=0.16, lw=0
    )
    axes.step(hours, [*(until for _, until in deadlines), end], where="post", color=TEAL, lw=2)
    latest = [*(until for _, until in absolute), absolute[-1][1]]
    axes.step([*(at for at, _ in absolute), end], latest, where="post", color=AMBER, lw=1.5, ls="--")
    axes.plot([0, 12], [0, 12], color=GREY, lw=1, ls=":")
    axes.plot(VISITS, VISITS, "o", color=DARK, ms=5)
    axes.plot([end], [end], "X", color=DARK, ms=10)
    axes.axvspan(end, 12.6, color=GREY, alpha=0.1, lw=0)
    notes = (
        ("visits: each renews the idle deadline,\nonce a tenth of it has passed", (1.5, 1.5), (3.3, 0.7), DARK),
        ("expires_at", (1.0, deadlines[2][1]), (0.15, 4.6), TEAL),
        ("a login: a new token, the old one is dead;\nboth lifetimes count anew", (LOGIN, LOGIN + 2), (3.3, 9.9), DARK),
        ("absolute_at", (1.5, absolute[0][1]), (0.15, 9.2), AMBER),
        ("dead from here on,\nto the second", (end, end), (9.4, 7.2), DARK),
    )  # fmt: skip
    for text, point, place, color in notes:
        arrow = {"arrowstyle": "-", "color": color, "lw": 0.8}
        axes.annotate(text, point, place, color=color, va="center", arrowprops=arrow)
    axes.text(
        9.4, 3.2, "the item is still in the table:\nTTL removes it, or the\nsweep a day later", color=GREY, va="center"
    )
    axes.set(xlim=(0, 12.6), ylim=(0, 12.2), xlabel="now, in hours", ylabel="lives until")
    axes.spines[["top", "right"]].set_visible(False)
    figure.tight_layout()
    figure.savefig(target, metadata={"Date": None}, transparent=False)


if __name__ == "__main__":
    draw(ROOT / "docs" / "session-life.svg")
