"""Are acknowledgements and pings in time while the application computes? They must not wait for the game.

The server computes for 50 ms at a time, holding the interpreter if it has one, and takes its messages in between. The
client holds several connections; on each it sends a reliable message now and then, one at a time, and asks in short
steps when it was acknowledged. A receiver may keep an acknowledgement back for 50 ms, the protocol says, so what counts
is how much longer it took. The ping that the client's side works out shows whether arrivals were noticed in time.
"""

from __future__ import annotations

import random
import time
from typing import Final

from benchmarks.control import Control
from benchmarks.plan import Plan
from benchmarks.scenarios.base import Metric, Scenario
from benchmarks.systems.base import OK, MeasurementError, Node

COMPUTES_S: Final = 0.05
ALLOWED_S: Final = 0.05
"""How long the protocol lets a receiver wait with an acknowledgement."""
_CONNECTIONS: Final = 16
_BYTES: Final = 64
_STEP_S: Final = 0.0005
_PAUSE_S: Final = 0.03
"""The longest pause between an acknowledgement and the next message."""
_SEED: Final = 7


class Busy(Scenario):
    """16 connections to one busy server."""

    name = "busy-server"
    kind = "busy"
    about = (
        "a server that computes for 50 ms at a time: when its acknowledgements come, the 50 ms they may take left out"
    )
    metrics = (
        Metric("late_p99_ms", "ack late p99 ms", 1),
        Metric("late_most_ms", "most", 1),
        Metric("ack_median_ms", "ack median ms", 1),
        Metric("ping_p99_ms", "ping p99 ms", 1),
        Metric("acks", "acks"),
    )
    seconds = 1.5

    async def client(self, node: Node, control: Control, plan: Plan, address: str) -> dict[str, float]:
        """Sends, asks, notes."""
        connections = [await node.connect_and_wait(address) for _ in range(_CONNECTIONS)]
        senders = {
            connection: node.sender(connection, reliable=True, no_nagle=True, lane=0) for connection in connections
        }
        control.tell(begin=1)
        clock, draw = time.perf_counter, random.Random(_SEED).uniform
        payload = bytes(_BYTES)
        start = clock()
        sent_at: dict[int, float] = {}
        free_at = {connection: start + draw(0.0, _PAUSE_S) for connection in connections}
        times_s: list[float] = []
        pings_ms: list[int] = []
        end = start + plan.seconds
        while sent_at or clock() < end:
            for connection in connections:
                now = clock()
                if connection in sent_at:
                    if not node.has_unacknowledged(connection):
                        times_s.append(now - sent_at.pop(connection))
                        pings_ms.append(node.ping_ms(connection))
                        free_at[connection] = now + draw(0.0, _PAUSE_S)
                elif now >= free_at[connection] and now < end:
                    if await senders[connection](payload) != OK:
                        raise MeasurementError("a message was refused")
                    sent_at[connection] = now
            await node.sleep(_STEP_S)
            if clock() > end + 10.0:
                raise MeasurementError(f"{len(sent_at)} messages were never acknowledged")
        control.tell(done=1)
        await node.hear(control)
        times_s.sort()
        pings_ms.sort()
        at_99 = len(times_s) * 99 // 100
        return {
            "acks": len(times_s),
            "ack_median_ms": times_s[len(times_s) // 2] * 1e3,
            "late_p99_ms": max(0.0, times_s[at_99] - ALLOWED_S) * 1e3,
            "late_most_ms": max(0.0, times_s[-1] - ALLOWED_S) * 1e3,
            "ping_p99_ms": pings_ms[at_99],
        }

    async def server(self, node: Node, control: Control, plan: Plan) -> dict[str, float]:  # noqa: ARG002 - the client decides
        """Computes, receives, computes."""
        await node.wait_until(lambda: len(node.connected) >= _CONNECTIONS, f"{_CONNECTIONS} connections")
        receivers = [node.receiver(connection) for connection in node.connected]
        await node.hear(control)
        while control.poll() is None:
            _compute(COMPUTES_S)
            await node.idle(0.0)
            for receive in receivers:
                await receive(0.0)
        control.tell(done=1)
        return {}


def _compute(seconds: float) -> int:
    """What a game's own code does: keeps the interpreter busy with short steps."""
    total, end = 0, time.perf_counter() + seconds
    while time.perf_counter() < end:
        for number in range(200):
            total += number * number
    return total
