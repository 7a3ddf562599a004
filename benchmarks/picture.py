"""What do all pictures of figures have in common? A page with a title, as SVG without any other tool.

A picture has its own background and follows the reader's preference for dark or light, so it is readable on every page.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final
from xml.sax.saxutils import escape

WIDTH: Final = 1040
MARGIN: Final = 24
TOP: Final = 80
"""Where the first panel begins."""
FOOT: Final = 40
"""Below the last panel."""

_LIGHT: Final = """
text { font-family: system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif; fill: #1f2328; }
.page { fill: #ffffff; stroke: #d0d7de; }
.title { font-size: 20px; font-weight: 600; }
.panel { font-size: 14px; font-weight: 600; }
.small { font-size: 11.5px; fill: #59636e; }
"""
_DARK: Final = """
  text { fill: #e6edf3; }
  .page { fill: #0d1117; stroke: #30363d; }
  .small { fill: #9198a1; }
"""


def page(title: str, subtitle: str, footer: str, height: float, parts: Iterable[str], light: str, dark: str) -> str:
    """The whole picture: panels that end above `height`, and their styles in both colours."""
    height += FOOT
    in_dark = f"@media (prefers-color-scheme: dark) {{{_DARK.rstrip()}{dark.rstrip()}\n}}"
    style = f"{_LIGHT.rstrip()}{light.rstrip()}\n{in_dark}\n"
    head = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height:.0f}" width="{WIDTH}" '
        f'height="{height:.0f}" role="img" aria-label="{escape(title)}">',
        f"<style>{style}</style>",
        f'<rect class="page" x="0.5" y="0.5" width="{WIDTH - 1}" height="{height - 1:.0f}" rx="10"/>',
        text("title", MARGIN, 34, title),
        text("small", MARGIN, 54, subtitle),
    ]
    return "\n".join([*head, *parts, text("small", MARGIN, height - 16, footer), "</svg>"]) + "\n"


def text(kind: str, x: float, y: float, content: str) -> str:
    """A line of text of that class."""
    return f'<text class="{kind}" x="{x:.1f}" y="{y:.1f}">{escape(content)}</text>'
