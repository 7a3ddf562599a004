"""What does `python -m gamesockets` run? The same command line as `gamesockets`."""

from __future__ import annotations

from gamesockets.cli import main

main()
