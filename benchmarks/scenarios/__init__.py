"""Which scenarios are there?"""

from __future__ import annotations

from typing import Final

from benchmarks.scenarios.base import Scenario
from benchmarks.scenarios.handshakes import Handshakes
from benchmarks.scenarios.idle import Idle
from benchmarks.scenarios.pingpong import PingPong
from benchmarks.scenarios.transfer import Transfer

SCENARIOS: Final[dict[str, Scenario]] = {
    scenario.name: scenario
    for scenario in (
        Transfer("bulk", "bulk", 65536, True, 8, "reliable messages of 64 KiB, one way, as fast as they go"),
        Transfer("reliable-flood", "flood", 64, True, 64, "reliable messages of 64 bytes, one way"),
        Transfer("unreliable-flood", "flood", 64, False, 64, "unreliable messages of 64 bytes, one way"),
        PingPong("ping-unreliable", False, "an unreliable message of 64 bytes to the other side and back, no Nagle"),
        PingPong("ping-reliable", True, "a reliable message of 64 bytes to the other side and back, no Nagle"),
        Handshakes("handshakes", 1, "connect, wait until connected, close; one after another"),
        Handshakes("handshakes-16", 16, "the same with 16 at a time"),
        Idle(),
    )
}
