"""What does a connection cost that does nothing? Resident memory, and processor time while the application sleeps.

Memory is the growth of the process divided by the connections that caused it, after a few warm-up connections. For
processor time the applications sleep without receiving, so that only the system's own housekeeping is seen. That comes
every five or ten seconds, so it is watched for half a minute; a shorter time may see nothing, or everything at once.
"""

from __future__ import annotations

import time
from typing import Final

from benchmarks.control import Control
from benchmarks.plan import Plan
from benchmarks.scenarios.base import Metric, Scenario
from benchmarks.systems.base import MeasurementError, Node
from benchmarks.usage import cpu_s, resident_bytes

_WARM_UP: Final = 16
_AT_ONCE: Final = 32
_SETTLE_S: Final = 0.5
"""What passes between connecting and watching the processor."""


class Idle(Scenario):
    """Makes the planned number of connections between the two processes and leaves them alone."""

    name = "idle"
    kind = "idle"
    seconds = 0.2
    about = "many connections between two processes, none of them used: what they keep in memory"
    metrics: tuple[Metric, ...] = (
        Metric("connections", "connections"),
        Metric("server_bytes_per_connection", "server bytes each"),
        Metric("client_bytes_per_connection", "client bytes each"),
        Metric("ended", "ended early"),
    )

    async def client(self, node: Node, control: Control, plan: Plan, address: str) -> dict[str, float]:
        """Connects all, in groups."""
        await self._connect(node, address, _WARM_UP)
        control.tell(connected=_WARM_UP)
        await node.hear(control)
        before = resident_bytes()
        total = _WARM_UP + plan.connections
        while len(node.connected) < total:
            await self._connect(node, address, min(_AT_ONCE, total - len(node.connected)))
        control.tell(connected=total)
        await node.hear(control)
        grown = resident_bytes() - before
        watched = await self.watch("client", node, plan)
        await node.idle(0.0)
        ended = node.ended
        control.tell(done=1)
        await node.hear(control)
        return {
            "connections": plan.connections,
            "client_bytes_per_connection": grown / plan.connections,
            "ended": ended,
            **watched,
        }

    @staticmethod
    async def _connect(node: Node, address: str, count: int) -> None:
        wanted = len(node.connected) + count
        for _ in range(count):
            await node.connect(address)
        await node.wait_until(lambda: len(node.connected) >= wanted or node.ended > 0, f"{count} handshakes at once")
        if node.ended:
            raise MeasurementError(f"{node.ended} connections ended while {wanted} were being made: {node.last_end}")

    async def server(self, node: Node, control: Control, plan: Plan) -> dict[str, float]:
        """Accepts all."""
        await self._accept(node, control)
        before = resident_bytes()
        control.tell(ready=1)
        await self._accept(node, control)
        grown = resident_bytes() - before
        control.tell(ready=1)
        watched = await self.watch("server", node, plan)
        await node.hear(control)
        control.tell(done=1)
        return {"server_bytes_per_connection": grown / plan.connections, **watched}

    async def watch(self, side: str, node: Node, plan: Plan) -> dict[str, float]:  # noqa: ARG002 - see `IdleProcessor`
        """What else to measure when all connections are there."""
        return {}

    @staticmethod
    async def _accept(node: Node, control: Control) -> None:
        while (word := control.poll()) is None:
            await node.idle(0.05)
        wanted = int(word["connected"])
        await node.wait_until(lambda: len(node.connected) >= wanted, f"accepting {wanted} connections")


class IdleProcessor(Idle):
    """The same for as long as it takes to see what the system does for them."""

    name = "idle-cpu"
    seconds = 30.0
    in_suite = False
    about = "the same for half a minute: what they cost while both programs sleep"
    metrics = (
        *Idle.metrics,
        Metric("server_cpu_percent", "server CPU % of a core", 2),
        Metric("client_cpu_percent", "client CPU % of a core", 2),
    )

    async def watch(self, side: str, node: Node, plan: Plan) -> dict[str, float]:
        """Sleeps, and asks for the processor time of this process before and after."""
        await node.sleep(_SETTLE_S)
        before, start = cpu_s(), time.perf_counter()
        await node.sleep(plan.seconds)
        return {f"{side}_cpu_percent": 100 * (cpu_s() - before) / (time.perf_counter() - start)}
