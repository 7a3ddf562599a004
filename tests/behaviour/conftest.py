"""With which drivers are the scenarios played where no reference library is needed: ours against ours?

By default threads meet asyncio, in either role, in all that is over in a moment. `-m slow` adds what takes longer, and
the other pairings: each driver with itself, uvloop, and an event loop that cannot watch sockets.

Both sleep on the selector that is best on this system. `-m slow` plays everything on those of other systems, too, and a
few scenarios are played there by default.
"""

from __future__ import annotations

from importlib.util import find_spec
from typing import Final

import pytest
from tests.behaviour.stage import Pairing, Row, cast, stage
from tests.support.selecting import SELECTORS, SelectOfWindows, use_selector

MIXED: Final = (Pairing("threads", "aio"), Pairing("aio", "threads"))
WITH_ITSELF: Final = (
    Pairing("threads", "threads"),
    Pairing("aio", "aio"),
    Pairing("portable", "portable"),
    Pairing("uvloop", "uvloop"),
)
LONGER: Final = {
    "test_cable_is_pulled",
    "test_closed_connection_is_forgotten",
    "test_eight_lanes",
    "test_high_priority_overtakes",
    "test_idle_connection_stays",
    "test_lanes_from_eight_on",
    "test_never_accepted",
    "test_server_restarts",
    "test_settings_that_change_packets",
    "test_twenty_thousand_mixed_messages",
    "test_two_hundred_clients",
    "test_weights_share_the_rate",
}
ON_ALL_SELECTORS: Final = {
    "test_default_settings",
    "test_linger_flushes",
    "test_refused_by_the_application",
}
SECONDS: Final = [1]

__all__ = ["stage"]  # a fixture


def rows(scenario: str) -> list[Row]:
    """Who plays a scenario here, and whether that is slow."""
    if scenario in LONGER:
        return [(pairing, [pytest.mark.slow]) for pairing in MIXED]
    if scenario == "test_two_way_traffic":
        return [(MIXED[0], []), (MIXED[1], [pytest.mark.slow])]
    no_uvloop = pytest.mark.skipif(not find_spec("uvloop"), reason="uvloop is not installed")
    marks = {Pairing("uvloop", "uvloop"): [no_uvloop]}
    return [
        *[(pairing, []) for pairing in MIXED],
        *[(pairing, [pytest.mark.slow, *marks.get(pairing, [])]) for pairing in WITH_ITSELF],
    ]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Play every scenario with both drivers, on all selectors."""
    scenario = metafunc.function.__name__
    cast(metafunc, rows(scenario), SECONDS)
    first, *others = SELECTORS
    quick = [kind for kind in others if scenario in ON_ALL_SELECTORS and kind is not SelectOfWindows]
    parameters = [
        pytest.param(first, id="default"),
        *[pytest.param(kind, id=kind.__name__, marks=[] if kind in quick else [pytest.mark.slow]) for kind in others],
    ]
    metafunc.parametrize("selector", parameters, indirect=True)


@pytest.fixture(autouse=True)
def selector(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """What both sides of a scenario sleep on."""
    use_selector(request.param, monkeypatch)
