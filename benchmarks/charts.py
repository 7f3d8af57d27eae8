"""Draws lines on two logarithmic axes as SVG. Knows nothing of what the lines mean."""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from html import escape
from typing import Final

_COLOURS: Final = ("#1b6ca8", "#7fb2d9", "#2a9d8f", "#d1495b", "#e9a03b", "#6b5b95")
_PANEL: Final = (400, 300)
_LEFT, _TOP, _GAP, _LEGEND_LINE = 100, 46, 90, 20
_FONT: Final = "font-family='Helvetica, Arial, sans-serif'"


@dataclass(frozen=True, slots=True)
class Line:
    """A named line; ``is_dashed`` keeps two visible that lie on each other."""

    name: str
    points: Sequence[tuple[float, float]]
    is_dashed: bool = False


@dataclass(frozen=True, slots=True)
class Panel:
    """One pair of axes. All panels of a chart have lines of the same names."""

    title: str
    lines: Sequence[Line]


@dataclass(frozen=True, slots=True)
class _Scale:
    """From a value to its place: powers of ten at equal distances."""

    low: float
    high: float
    start: float
    length: float

    def __call__(self, value: float) -> float:
        share = (math.log10(value) - self.low) / (self.high - self.low)
        return self.start + share * self.length

    @property
    def decades(self) -> range:
        return range(math.ceil(self.low), math.floor(self.high) + 1)


def chart(panels: Sequence[Panel], *, x_label: str, y_label: str) -> str:
    """The SVG of panels side by side, with common axes and one legend."""
    points = [point for panel in panels for line in panel.lines for point in line.points]
    x_low, x_high = _bounds(x for x, _ in points)
    # Whole decades upwards, so that the slope of a line is not a matter of where the axis was cut.
    y_low, y_high = map(float, _whole(_bounds(y for _, y in points)))
    width, height = (_PANEL[0] if len(panels) > 1 else 2 * _PANEL[0], _PANEL[1])
    names = panels[0].lines
    total = (_LEFT + len(panels) * (width + _GAP) - _GAP + 30, _TOP + height + 70 + _LEGEND_LINE * len(names))
    opening = (
        f"<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {total[0]} {total[1]}' "
        f"width='{total[0]}' height='{total[1]}' {_FONT} font-size='12' fill='#222'>"
    )
    parts = [
        opening,
        "<rect width='100%' height='100%' fill='#fff'/>",
    ]
    for number, panel in enumerate(panels):
        left = _LEFT + number * (width + _GAP)
        x, y = _Scale(x_low, x_high, left, width), _Scale(y_low, y_high, _TOP + height, -height)
        parts += [*_axes(panel.title, x, y), *_curves(panel.lines, x, y)]
        parts.append(_text(left + width / 2, _TOP + height + 40, x_label, anchor="middle"))
    middle = _TOP + height / 2
    parts.append(f"<text transform='translate(16 {middle}) rotate(-90)' text-anchor='middle'>{escape(y_label)}</text>")
    parts += _legend(names, top=_TOP + height + 62)
    return "\n".join([*parts, "</svg>\n"])


def _bounds(values: Iterable[float]) -> tuple[float, float]:
    logs = [math.log10(value) for value in values]
    return min(logs) - 0.05, max(logs) + 0.05


def _whole(bounds: tuple[float, float]) -> tuple[int, int]:
    return math.floor(bounds[0]), math.ceil(bounds[1])


def _axes(title: str, x: _Scale, y: _Scale) -> Iterator[str]:
    right, bottom = x.start + x.length, y.start
    top = bottom + y.length
    yield _text(x.start + x.length / 2, top - 14, title, anchor="middle", weight="bold")
    for power in x.decades:
        at = x(10**power)
        yield f"<line x1='{at:.1f}' y1='{bottom}' x2='{at:.1f}' y2='{top}' stroke='#e3e3e3'/>"
        yield _text(at, bottom + 18, _tick(power), anchor="middle")
    for power in y.decades:
        at = y(10**power)
        yield f"<line x1='{x.start}' y1='{at:.1f}' x2='{right}' y2='{at:.1f}' stroke='#e3e3e3'/>"
        yield _text(x.start - 8, at + 4, _tick(power), anchor="end")
    yield f"<rect x='{x.start}' y='{top}' width='{x.length}' height='{-y.length}' fill='none' stroke='#999'/>"


def _tick(power: int) -> str:
    return f"{10**power:,}" if power >= 0 else f"{10.0**power:g}"


def _curves(lines: Sequence[Line], x: _Scale, y: _Scale) -> Iterator[str]:
    for line, colour in zip(lines, _COLOURS, strict=False):
        places = [(x(a), y(b)) for a, b in line.points]
        path = " ".join(f"{a:.1f},{b:.1f}" for a, b in places)
        yield f"<polyline points='{path}' fill='none' stroke='{colour}' stroke-width='2.5'{_dashes(line)}/>"
        if len(places) < 10:
            yield from (f"<circle cx='{a:.1f}' cy='{b:.1f}' r='4' fill='{colour}'/>" for a, b in places)


def _legend(lines: Sequence[Line], *, top: float) -> Iterator[str]:
    for number, (line, colour) in enumerate(zip(lines, _COLOURS, strict=False)):
        at = top + number * _LEGEND_LINE
        yield (
            f"<line x1='{_LEFT}' y1='{at}' x2='{_LEFT + 34}' y2='{at}' stroke='{colour}' "
            f"stroke-width='2.5'{_dashes(line)}/>"
        )
        yield _text(_LEFT + 44, at + 4, line.name)


def _dashes(line: Line) -> str:
    return " stroke-dasharray='7 5'" if line.is_dashed else ""


def _text(x: float, y: float, text: str, *, anchor: str = "start", weight: str = "normal") -> str:
    return f"<text x='{x:.1f}' y='{y:.1f}' text-anchor='{anchor}' font-weight='{weight}'>{escape(text)}</text>"
