"""How does a series of numbers look in one line of text?"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

BARS: Final = "▁▂▃▄▅▆▇█"
UNKNOWN: Final = " "


def sparkline(
    values: Sequence[float | None], width: int, top: float, first_number: int = 0, bottom: float = 0.0
) -> str:
    """The newest `values` at the right end of `width` characters; `None` is a gap.

    `bottom` is the lowest bar and `top` the highest. Where values are more than characters, each stands for a group and
    shows its highest. `first_number` counts the values that have gone by before, so that groups stay together while
    the series moves on.
    """
    group = -(-len(values) // width) if width > 0 else 0
    if not group:
        return UNKNOWN * max(width, 0)
    groups: dict[int, list[float]] = {}
    for number, value in enumerate(values, first_number):
        held = groups.setdefault(number // group, [])
        if value is not None:
            held.append(value)
    drawn = [_bar(max(held), bottom, top) if held else UNKNOWN for held in groups.values()]
    return "".join(drawn[-width:]).rjust(width)


def _bar(value: float, bottom: float, top: float) -> str:
    share = (value - bottom) / (top - bottom) if top > bottom else 0.0
    return BARS[min(max(round(share * (len(BARS) - 1)), 0), len(BARS) - 1)]
