"""How does the memory of a soak look over time? As SVG without any other tool.

It has its own background and follows the reader's preference for dark or light, so it is readable on every page.
"""

from collections.abc import Mapping, Sequence
from typing import Final
from xml.sax.saxutils import escape

from gamesockets.torture.real.memory import minutes_of, warm_up_s
from gamesockets.torture.real.soak import Sample

__all__ = ["picture_of"]

_WIDTH: Final = 760
_LEFT: Final = 74
_RIGHT: Final = 24
_TOP: Final = 84
_PANEL: Final = 150
_GAP: Final = 56
_HEIGHT: Final = _TOP + 2 * _PANEL + _GAP + 52
_MEGA: Final = 1e6
_STYLE: Final = (
    "svg{font-family:ui-sans-serif,system-ui,sans-serif;font-size:13px}"
    ".b{fill:#fff}.t{fill:#1d2333}.s{fill:#59637d}.g{stroke:#e3e7f0}.w{fill:#eef1f8}"
    ".l0{stroke:#3f51b5;fill:none;stroke-width:2}.a0{fill:#3f51b5;opacity:.18}.k0{fill:#3f51b5}"
    ".l1{stroke:#8d6e00;fill:none;stroke-width:2}.a1{fill:#8d6e00;opacity:.18}.k1{fill:#8d6e00}"
    "@media(prefers-color-scheme:dark){.b{fill:#171c2b}.t{fill:#f0f3fc}.s{fill:#a9b3cf}.g{stroke:#343d55}.w{fill:#232a3f}"
    ".l0{stroke:#8fa2ff}.a0,.k0{fill:#8fa2ff}.l1{stroke:#f0c674}.a1,.k1{fill:#f0c674}}"
)


def picture_of(title: str, names: Mapping[str, str], samples: Mapping[str, Sequence[Sample]], seconds: float) -> str:
    """A line for each role: its memory above, what its library holds below; medians, least and most of each minute.

    Args:
        title: what the picture shows.
        names: what each role is called; at most two.
        samples: of each role.
        seconds: how long it went.
    """
    minutes = seconds / 60
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img">',
        f"<title>{escape(title)}</title><style>{_STYLE}</style>",
        f'<rect class="b" width="{_WIDTH}" height="{_HEIGHT}" rx="8"/>',
        f'<text class="t" x="{_LEFT}" y="28" font-weight="600">{escape(title)}</text>',
    ]
    x = _LEFT
    for place, name in enumerate(names.values()):
        parts.append(f'<rect class="k{place}" x="{x}" y="42" width="12" height="12" rx="2"/>')
        parts.append(f'<text class="t" x="{x + 18}" y="53">{escape(name)}</text>')
        x += 18 + 8 * len(name) + 28
    panels = (("resident memory, MB", "resident_bytes"), ("held by the library's own account, MB", "held_bytes"))
    for place, (heading, value) in enumerate(panels):
        parts += _panel(_TOP + place * (_PANEL + _GAP), heading, value, names, samples, minutes)
    parts.append(f'<text class="s" x="{_LEFT}" y="{_HEIGHT - 14}">minutes; lines are medians of a minute, ')
    parts.append("bands least and most; shaded is the warm-up</text></svg>\n")
    return "".join(parts)


def _panel(
    top: int,
    heading: str,
    value: str,
    names: Mapping[str, str],
    samples: Mapping[str, Sequence[Sample]],
    minutes: float,
) -> list[str]:
    found = {role: minutes_of(samples[role], value) for role in names}
    highest = max([most for rows in found.values() for _, _, _, most in rows], default=0.0) / _MEGA
    step = _step(highest)
    scale = step * (int(highest / step) + 1)
    width, bottom = _WIDTH - _LEFT - _RIGHT, top + _PANEL

    def at(minute: float, number_bytes: float) -> str:
        return f"{_LEFT + width * minute / minutes:.1f},{bottom - _PANEL * number_bytes / _MEGA / scale:.1f}"

    warm = width * warm_up_s(minutes * 60) / 60 / minutes
    parts = [
        f'<text class="t" x="{_LEFT}" y="{top - 8}">{escape(heading)}</text>',
        f'<rect class="w" x="{_LEFT}" y="{top}" width="{warm:.1f}" height="{_PANEL}"/>',
    ]
    lines = round(scale / step)
    for line in range(lines + 1):
        y = bottom - _PANEL * line / lines
        parts.append(f'<path class="g" d="M{_LEFT} {y:.1f}H{_WIDTH - _RIGHT}"/>')
        parts.append(f'<text class="s" x="{_LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{line * step:g}</text>')
    every = max(1, round(minutes / 6))
    for minute in range(0, int(minutes) + 1, every):
        x = _LEFT + width * minute / minutes
        parts.append(f'<text class="s" x="{x:.1f}" y="{bottom + 18}" text-anchor="middle">{minute}</text>')
    for place, rows in enumerate(found.values()):
        middle = [(at_s / 60 + 0.5, least, median, most) for at_s, least, median, most in rows]
        outline = [at(minute, most) for minute, _, _, most in middle]
        outline += [at(minute, least) for minute, least, _, _ in reversed(middle)]
        parts.append(f'<polygon class="a{place}" points="{" ".join(outline)}"/>')
        line_points = " ".join([at(minute, median) for minute, _, median, _ in middle])
        parts.append(f'<polyline class="l{place}" points="{line_points}"/>')
    return parts


def _step(highest: float) -> float:
    """How far lines are apart, so that there are three to six: 1, 2 or 5 times a power of ten."""
    step = 1e-6
    while True:
        for factor in (1, 2, 5):
            if highest / (step * factor) < 6:
                return step * factor
        step *= 10
