"""Which version runs, and which build of it?"""

from __future__ import annotations

from gamesockets.build import BUILD
from gamesockets.version import __version__


def version_line() -> str:
    """Both, in one line."""
    return f"gamesockets {__version__} ({BUILD})"
