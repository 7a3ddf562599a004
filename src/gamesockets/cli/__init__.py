"""Where does the command line start, and what if its parts (typer, rich) are not installed?"""

from __future__ import annotations

import importlib.util
import sys
from typing import Final

from gamesockets.cli.about import version_line

__all__ = ["main"]

_NEEDED: Final = ("typer", "rich")


def main() -> None:
    """Run the command line, the entry point `gamesockets`; ends the process with its exit status."""
    if sys.argv[1:] == ["--version"]:
        print(version_line())  # at once, and without typer and rich
        raise SystemExit(0)
    if any(importlib.util.find_spec(name) is None for name in _NEEDED):
        print(
            "gamesockets: the command line needs typer and rich: pip install 'gamesockets[cli]'",
            file=sys.stderr,
        )
        raise SystemExit(1)
    from gamesockets.cli.app import run  # noqa: PLC0415 - only now is it known that typer is there

    run()
