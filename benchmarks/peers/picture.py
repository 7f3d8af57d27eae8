"""Draws docs/comparison.svg: dollars for sessions, and processor time of a read, against the document's size."""

from typing import Any, Final

import matplotlib as mpl
from matplotlib import pyplot as plt

from benchmarks.costs import SIZES
from benchmarks.pages import DOCS
from benchmarks.peers.comparison import Results, session_dollars

_MARKS: Final = "os^vDP*Xh<>"


def draw(results: Results) -> None:
    """Two panels with one legend; what failed at a size has no point there."""
    mpl.rcParams["svg.hashsalt"] = "sojourn"
    figure, panels = plt.subplots(1, 2, figsize=(12, 5.5))
    _lines(panels[0], {name: [session_dollars(found, size) for size in SIZES] for name, found in results.items()})
    panels[0].set(title="DynamoDB's price of a million sessions", ylabel="dollars", yscale="log")
    _lines(panels[1], {name: [_milliseconds(found, size) for size in SIZES] for name, found in results.items()})
    panels[1].set(title="processor time of a read", ylabel="milliseconds", yscale="log")
    for panel in panels:
        panel.set(xlabel="document, KB", xscale="log")
        panel.set_xticks([size / 1_024 for size in SIZES.values()], [name.removesuffix(" KB") for name in SIZES])
        panel.minorticks_off()
        panel.grid(visible=True, alpha=0.3)
        panel.yaxis.set_major_formatter("{x:g}")
        panel.set_yticks([tick for tick in (1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000) if _fits(panel, tick)])
    handles, names = panels[1].get_legend_handles_labels()
    figure.legend(handles, names, loc="lower center", ncols=4, frameon=False)
    figure.tight_layout(rect=(0, 0.16, 1, 1))
    figure.savefig(DOCS / "comparison.svg", metadata={"Date": None})
    plt.close(figure)


def _fits(panel: Any, tick: float) -> bool:
    low, high = panel.get_ylim()
    return bool(low <= tick <= high)


def _milliseconds(found: Results, size: str) -> float | None:
    row = found["costs"][size]["read"]
    return None if "status" in row or not row["is_kept"] else float(row["milliseconds"])


def _lines(panel: Any, lines: dict[str, list[float | None]]) -> None:
    for number, (name, values) in enumerate(lines.items()):
        points = [(size / 1_024, value) for size, value in zip(SIZES.values(), values, strict=True) if value]
        is_ours = name.startswith("Sojourn")
        style = "-" if is_ours else "--"
        panel.plot(
            [x for x, _ in points],
            [y for _, y in points],
            style,
            marker=_MARKS[number],
            color=f"C{number % 10}" if number < 10 else "black",
            linewidth=2.2 if is_ours else 1.2,
            label=name,
        )
