"""Draws docs/sweep-*.svg from the committed results. Measures nothing.

python -m benchmarks.plots            draw the plots, and bring the tables of docs/sweep.md up to date
"""

import io
import math
from collections.abc import Callable, Sequence
from typing import Any, Final

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from benchmarks.bill import SECONDS_A_DAY, Sessions, Sweep, by_index, by_rolling_scan
from benchmarks.pages import DOCS, INDEX, Results, Row, brought_up_to_date, read_results, tables
from sojourn.cli.bill import Prices
from sojourn.cli.units import Units

_SWEEPS: Final[dict[str, dict[str, Any]]] = {
    INDEX: {"marker": "o", "linewidth": 2.2},
    "Sojourn, rolling scan, a day": {"marker": "s", "linewidth": 2.2},
    "Scan, DeleteItem (2013)": {"marker": "D", "markersize": 9, "markerfacecolor": "none", "linewidth": 1.2},
    "Scan, BatchWriteItem": {"marker": "x", "linestyle": "--", "linewidth": 1.2},
}
"""What is plotted, and how: the two scans lie on each other."""


def plots(results: Results) -> dict[str, str]:
    """The SVG of each plot by the name of its file."""
    figures = {
        "sweep-units.svg": _against_size(results, _units, "read and write units"),
        "sweep-calls.svg": _against_size(results, lambda row: float(row["calls"]), "calls"),
        "sweep-break-even.svg": _break_even(),
    }
    return {name: _svg(figure) for name, figure in figures.items()}


def _svg(figure: Figure) -> str:
    """The same text for the same figure: no date is in it, and no random name."""
    text = io.StringIO()
    with mpl.rc_context({"svg.hashsalt": "sojourn"}):
        figure.savefig(text, format="svg", metadata={"Date": None})
    return text.getvalue()


def _against_size(results: Results, height: Callable[[Row], float], label: str) -> Figure:
    rows = [row for row in results["sizes"] if row["stale"] and not row["algorithm"].endswith("one run")]
    stale = sorted({row["stale"] for row in rows})
    figure = Figure(figsize=(12, 5))
    panels = figure.subplots(1, len(stale), sharey=True)
    for panel, count in zip(panels, stale, strict=True):
        for name, style in _SWEEPS.items():
            points = [(row["live"], height(row)) for row in rows if (row["stale"], row["algorithm"]) == (count, name)]
            panel.plot(*zip(*points, strict=True), label=name, **style)
        panel.set(title=f"{count:,} stale sessions", xlabel="live sessions in the table")
    panels[0].set(ylabel=label)
    return _finished(figure, columns=len(_SWEEPS))


def _units(row: Row) -> float:
    return float(row["read_table"] + row["read_index"] + row["write_table"] + row["write_index"])


def _break_even() -> Figure:
    days = [10 ** (step / 20) for step in range(-10, 61)]
    figure = Figure(figsize=(9, 5.5))
    panel = figure.subplots()
    _line(panel, days, "sweep index", by_index, linewidth=2.2)
    _line(panel, days, "sweep index, where TTL removes everything within the grace", by_index, by_ttl=1.0, style="--")
    for name, period in (("15 minutes", 900), ("an hour", 3_600), ("a day", SECONDS_A_DAY)):
        _line(panel, days, f"rolling scan, once round in {name}", by_rolling_scan, period=period)
    panel.set(
        title="Finding and removing what is stale of a million sessions a day",
        xlabel="days a session lies in the table (stored / created a day)",
        ylabel="dollars a day",
    )
    return _finished(figure, columns=2)


def _line(
    panel: Axes,
    days: Sequence[float],
    name: str,
    plan: Callable[[Sessions, Sweep], Units],
    *,
    period: int = SECONDS_A_DAY,
    by_ttl: float = 0.0,
    style: str = "-",
    linewidth: float = 1.2,
) -> None:
    dollars = [_dollars(plan, each, period=period, by_ttl=by_ttl) for each in days]
    panel.plot(days, dollars, style, label=name, linewidth=linewidth)


def _finished(figure: Figure, *, columns: int) -> Figure:
    """Logarithmic axes, whole decades upwards: where an axis is cut, the slope of a line stays. One legend below."""
    bounds = [math.log10(bound) for panel in figure.axes for bound in panel.dataLim.intervaly]
    for panel in figure.axes:
        panel.set(xscale="log", yscale="log", ylim=(10 ** math.floor(min(bounds)), 10 ** math.ceil(max(bounds))))
        panel.minorticks_off()
        panel.grid(visible=True, alpha=0.3)
        for axis in (panel.xaxis, panel.yaxis):
            axis.set_major_formatter(lambda value, _: f"{value:,.0f}" if value >= 1 else f"{value:g}")
    handles, names = figure.axes[0].get_legend_handles_labels()
    rows = math.ceil(len(names) / columns)
    figure.legend(handles, names, loc="lower center", ncols=columns, frameon=False)
    figure.tight_layout(rect=(0, 0.02 + 0.045 * rows, 1, 1))
    return figure


def _dollars(
    plan: Callable[[Sessions, Sweep], Units], days: float, *, period: int = SECONDS_A_DAY, by_ttl: float = 0.0
) -> float:
    return Prices().dollars(plan(Sessions(days=days, by_ttl=by_ttl), Sweep(period_seconds=period)))


def main() -> None:
    """Draw and write."""
    results = read_results()
    for name, drawing in plots(results).items():
        (DOCS / name).write_text(drawing)
        print(f"docs/{name}")
    page = DOCS / "sweep.md"
    page.write_text(brought_up_to_date(page.read_text(), tables(results)))
    print("docs/sweep.md")


if __name__ == "__main__":
    main()
