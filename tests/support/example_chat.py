"""Where is the reference library's example_chat, and how is it run?

GNS_EXAMPLE_CHAT names the program, built by the instructions of its own project; without it its tests are skipped.
"""

import os
from pathlib import Path
from typing import Final

import pytest
from tests.support.programs import Program

VARIABLE: Final = "GNS_EXAMPLE_CHAT"
PATH: Final = os.environ.get(VARIABLE, "")

with_example_chat: Final = pytest.mark.skipif(
    not PATH, reason=f"set {VARIABLE} to the example_chat program of GameNetworkingSockets to talk with it"
)


def example_chat(*arguments: str) -> Program:
    """The program; its library is beside it. It ends by killing itself, so its status means nothing."""
    here = str(Path(PATH).parent)
    path = os.pathsep.join(filter(None, [here, os.environ.get("LD_LIBRARY_PATH", "")]))
    return Program([PATH, *arguments], {**os.environ, "LD_LIBRARY_PATH": path})
