"""Which scenarios are there?"""

from __future__ import annotations

from typing import Final

from benchmarks.scenarios.base import Scenario
from benchmarks.scenarios.transfer import Transfer

SCENARIOS: Final[dict[str, Scenario]] = {
    scenario.name: scenario
    for scenario in (
        Transfer("bulk", "bulk", 65536, True, 8, "reliable messages of 64 KiB, one way, as fast as they go"),
        Transfer("reliable-flood", "flood", 64, True, 64, "reliable messages of 64 bytes, one way"),
        Transfer("unreliable-flood", "flood", 64, False, 64, "unreliable messages of 64 bytes, one way"),
    )
}
