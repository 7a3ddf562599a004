"""Which scenarios are there?"""

from __future__ import annotations

from typing import Final

from benchmarks.scenarios.base import Scenario
from benchmarks.scenarios.busy import Busy
from benchmarks.scenarios.game import Broadcast, Capacity, Game
from benchmarks.scenarios.handshakes import Handshakes
from benchmarks.scenarios.idle import Idle, IdleProcessor
from benchmarks.scenarios.lanes import Lanes
from benchmarks.scenarios.limits import Limits
from benchmarks.scenarios.pingpong import PingPong
from benchmarks.scenarios.storm import Storm
from benchmarks.scenarios.transfer import Bulk, LossyBulk, ReliableFlood, UnreliableFlood

SCENARIOS: Final[dict[str, Scenario]] = {
    scenario.name: scenario
    for scenario in (
        Bulk(),
        ReliableFlood(),
        UnreliableFlood(),
        PingPong("ping-unreliable", False, "an unreliable message of 64 bytes to the other side and back, no Nagle"),
        PingPong("ping-reliable", True, "the same with a reliable message", in_suite=False),
        Handshakes("handshakes", 1, "connect, wait until connected, close; one after another"),
        Handshakes("handshakes-16", 16, "the same with 16 at a time", in_suite=False),
        Storm(200, 0.0),
        Storm(2000, 1.0, in_suite=False),
        Idle(),
        IdleProcessor(),
        Game(50, in_suite=False),
        Game(200, in_suite=False),
        Game(500, in_suite=True),
        Game(1000, in_suite=False),
        Broadcast(50, in_suite=False),
        Broadcast(500, in_suite=True),
        Capacity(),
        LossyBulk(),
        Lanes(),
        Busy(),
        Limits(),
    )
}
