"""What is the whole command line? With all its commands, for those who ask about each: the documentation and tests."""

from __future__ import annotations

from typing import Final

from gamesockets.cli.app import whole_app

app: Final = whole_app()
