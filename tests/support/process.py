"""What of the process does a test get for itself? The global configuration values, and a quiet debug output."""

import pytest

import gamesockets as gs
from gamesockets.config.scopes import Configuration
from gamesockets.node.process import PROCESS
from gamesockets.observe.debug_output import OUTPUT


@pytest.fixture(autouse=True)
def own_global_values(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a test sets for the whole process ends with it, and no line of an earlier one counts against its limits."""
    OUTPUT._bursts.clear()
    monkeypatch.setattr(PROCESS, "configuration", Configuration(gs.ConfigurationScope.GLOBAL))
