"""How does what happened over time become a picture? Panels of lines.

A line is told from the others by its colour and by its name, which stands in the panel's legend.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from benchmarks.picture import MARGIN, TOP, WIDTH, page, text

Points: TypeAlias = list[tuple[float, float]]
"""Time in seconds, and a value."""

COLUMNS: Final = 2
_GAP: Final = 36
_PANEL_HEAD: Final = 58
_PLOT: Final = 170
_PANEL_FOOT: Final = 22
_AXIS: Final = 44
_TICKS: Final = 4
_SMOOTH_POINTS: Final = 3
_LETTER: Final = 5.8
"""About as wide as a letter of the legend."""

_LIGHT: Final = """
.right { text-anchor: end; }
.middle { text-anchor: middle; }
.grid { stroke: #d8dee4; stroke-width: 1; }
.line { fill: none; stroke-width: 1.8; stroke-linejoin: round; }
.thin { stroke-width: 1.3; stroke-dasharray: 5 3; }
.c0 { stroke: #0a7d6c; } .c1 { stroke: #b35900; } .c2 { stroke: #7a3fb0; }
.c3 { stroke: #1f6feb; } .c4 { stroke: #c2255c; }
.limit { stroke: #8c959f; }
"""
_DARK: Final = """
  .grid { stroke: #262c36; }
  .c0 { stroke: #2fbfa7; } .c1 { stroke: #f0a04b; } .c2 { stroke: #c297f0; } .c3 { stroke: #6cb0ff; }
  .c4 { stroke: #ff7fae; }
  .limit { stroke: #6e7681; }
"""


@dataclass(frozen=True, slots=True)
class Line:
    """One of a panel's lines: its points, time first, in order of time."""

    name: str
    points: Sequence[tuple[float, float]]
    colour: int
    is_thin: bool = False
    """Dashed: what was believed, not what happened."""


@dataclass(frozen=True, slots=True)
class Panel:
    """Some lines over the same time.

    Attributes:
        title: what happens.
        unit: of the values.
        lines: of five colours at most; the first is ours.
        limit: what is possible at all, as steps; may be empty.
        ceiling: values above it are drawn there; 0 for none.
    """

    title: str
    unit: str
    lines: Sequence[Line]
    limit: Sequence[tuple[float, float]] = ()
    ceiling: float = 0.0


def draw(title: str, subtitle: str, footer: str, panels: Sequence[Panel]) -> str:
    """The whole picture."""
    width = (WIDTH - 2 * MARGIN - (COLUMNS - 1) * _GAP) / COLUMNS
    height_each = _PANEL_HEAD + _PLOT + _PANEL_FOOT
    parts: list[str] = []
    for index, panel in enumerate(panels):
        left = MARGIN + index % COLUMNS * (width + _GAP)
        top = TOP + index // COLUMNS * (height_each + _GAP)
        parts += _panel(panel, left, top, width)
    rows = math.ceil(len(panels) / COLUMNS)
    height = TOP + rows * (height_each + _GAP) - _GAP
    return page(title, subtitle, footer, height, parts, _LIGHT, _DARK)


def smooth(points: Sequence[tuple[float, float]]) -> Points:
    """Means of each value and those before it: what arrives in pieces looks rougher than it is."""
    smoothed = []
    for index in range(len(points)):
        those = points[max(0, index - _SMOOTH_POINTS + 1) : index + 1]
        smoothed.append((points[index][0], sum(value for _, value in those) / len(those)))
    return smoothed


def step_up(value: float) -> float:
    """The next of 1, 2, 2.5, 5, 10 … times a power of ten: a good distance between two grid lines."""
    power = 10.0 ** math.floor(math.log10(value))
    return next(power * factor for factor in (1, 2, 2.5, 5, 10) if power * factor >= value * (1 - 1e-9))


def _panel(panel: Panel, left: float, top: float, width: float) -> list[str]:
    shown = [*(line.points for line in panel.lines), panel.limit]
    end_s = max((points[-1][0] for points in shown if points), default=1.0)
    most = max((value for points in shown for _, value in points), default=1.0)
    if panel.ceiling:
        most = min(most, panel.ceiling)
    step = step_up(max(most, 1e-9) / _TICKS)
    scale_y = _PLOT / (step * max(1, math.ceil(most / step - 1e-9)))
    scale_x = (width - _AXIS) / end_s
    bottom, start = top + _PANEL_HEAD + _PLOT, left + _AXIS

    def place(point: tuple[float, float]) -> str:
        at, value = point
        return f"{start + at * scale_x:.1f},{max(bottom - value * scale_y, bottom - _PLOT):.1f}"

    parts = [text("panel", left, top + 14, panel.title), text("small", left, top + 50, panel.unit)]
    at_x = left
    for line in panel.lines:
        kind = f"line c{line.colour}{' thin' if line.is_thin else ''}"
        parts += [
            f'<line class="{kind}" x1="{at_x:.1f}" x2="{at_x + 16:.1f}" y1="{top + 28:.1f}" y2="{top + 28:.1f}"/>',
            text("small", at_x + 20, top + 32, line.name),
        ]
        at_x += 34 + _LETTER * len(line.name)
    for index in range(math.floor(_PLOT / (step * scale_y) + 1e-9) + 1):
        y = bottom - index * step * scale_y
        parts += [
            f'<line class="grid" x1="{start:.1f}" x2="{left + width:.1f}" y1="{y:.1f}" y2="{y:.1f}"/>',
            text("small right", start - 6, y + 4, f"{index * step:g}"),
        ]
    time_step = step_up(end_s / 8)
    for index in range(int(end_s / time_step + 1e-9) + 1):
        parts.append(text("small middle", start + index * time_step * scale_x, bottom + 16, f"{index * time_step:g} s"))
    if panel.limit:
        parts.append(f'<polyline class="line limit" points="{" ".join(map(place, panel.limit))}"/>')
    for line in panel.lines:
        if line.points:
            kind = f"line c{line.colour}{' thin' if line.is_thin else ''}"
            parts.append(f'<polyline class="{kind}" points="{" ".join(map(place, line.points))}"/>')
    return parts
