"""What every test of `aio` starts with."""

import pytest

import gamesockets as gs
from gamesockets.config.scopes import Configuration
from gamesockets.node.process import PROCESS
from gamesockets.observe.debug_output import OUTPUT


@pytest.fixture(autouse=True)
def _own_global_values(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a test sets for the whole process ends with it."""
    OUTPUT._bursts.clear()  # no line of an earlier test counts against the limit for repeated ones
    monkeypatch.setattr(PROCESS, "configuration", Configuration(gs.ConfigurationScope.GLOBAL))
