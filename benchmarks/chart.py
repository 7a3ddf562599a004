"""How do figures become a picture? Panels of horizontal bars.

Each panel compares all systems in one figure; a thin line shows least and most of the repeats.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from benchmarks.picture import MARGIN, TOP, WIDTH, page, text

COLUMNS: Final = 2
_GAP: Final = 32
_PANEL_HEAD: Final = 46
_ROW: Final = 22
_BAR: Final = 13
_NAMES: Final = 198
_VALUES: Final = 76

_LIGHT: Final = """
.name, .value { font-size: 12.5px; }
.mine { font-weight: 600; }
.bar { fill: #aeb8c2; }
.bar.mine { fill: #0a7d6c; }
.range { stroke: #1f2328; stroke-width: 1.2; opacity: 0.65; }
"""
_DARK: Final = """
  .bar { fill: #56606b; }
  .bar.mine { fill: #2fbfa7; }
  .range { stroke: #e6edf3; }
"""


@dataclass(frozen=True, slots=True)
class Bar:
    """One system in a panel."""

    name: str
    median: float
    least: float
    most: float
    is_mine: bool


@dataclass(frozen=True, slots=True)
class Panel:
    """One figure."""

    title: str
    unit: str
    decimals: int
    more_is_better: bool
    bars: Sequence[Bar]

    def height(self) -> int:
        """In pixels."""
        return _PANEL_HEAD + _ROW * len(self.bars)


def draw(title: str, subtitle: str, footer: str, panels: Sequence[Panel]) -> str:
    """The whole picture."""
    width = (WIDTH - 2 * MARGIN - (COLUMNS - 1) * _GAP) / COLUMNS
    rows = [panels[index : index + COLUMNS] for index in range(0, len(panels), COLUMNS)]
    parts: list[str] = []
    top = TOP
    for row in rows:
        for column, panel in enumerate(row):
            left = MARGIN + column * (width + _GAP)
            parts += _panel(panel, left, top, width)
        top += max(panel.height() for panel in row) + _GAP
    return page(title, subtitle, footer, top - _GAP, parts, _LIGHT, _DARK)


def _panel(panel: Panel, left: float, top: float, width: float) -> list[str]:
    better = "more is better" if panel.more_is_better else "less is better"
    parts = [
        text("panel", left, top + 14, panel.title),
        text("small", left, top + 31, f"{panel.unit}, {better}"),
    ]
    most = max((bar.most for bar in panel.bars), default=0.0) or 1.0
    scale = (width - _NAMES - _VALUES) / most
    for index, bar in enumerate(panel.bars):
        y = top + _PANEL_HEAD + index * _ROW
        middle = y + _BAR / 2
        start = left + _NAMES
        mine = " mine" if bar.is_mine else ""
        parts += [
            text(f"name{mine}", left, middle + 4.5, bar.name),
            f'<rect class="bar{mine}" x="{start:.1f}" y="{y:.1f}" width="{max(1.0, bar.median * scale):.1f}" '
            f'height="{_BAR}" rx="2"/>',
        ]
        if bar.most > bar.least:
            parts.append(
                f'<line class="range" x1="{start + bar.least * scale:.1f}" x2="{start + bar.most * scale:.1f}" '
                f'y1="{middle:.1f}" y2="{middle:.1f}"/>'
            )
        end = start + max(bar.median, bar.most) * scale + 6
        parts.append(text(f"value{mine}", end, middle + 4.5, f"{bar.median:,.{panel.decimals}f}"))
    return parts
