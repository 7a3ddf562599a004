"""What does a connection cost that does nothing? Resident memory, and processor time while the application sleeps.

Memory is the growth of the process divided by the connections that caused it, after a few warm-up connections. For
processor time the applications sleep without receiving, so that only the system's own housekeeping is seen; the longer
the planned seconds, the more of it (keep-alive comes every ten seconds or so).
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
_SETTLE: Final = 0.5
"""Share of the planned seconds to let pass between connecting and watching the processor."""
_WATCH: Final = 5
"""The processor is watched for this many times the planned seconds."""


class Idle(Scenario):
    """Makes the planned number of connections between the two processes and leaves them alone."""

    name = "idle"
    kind = "idle"
    seconds = 0.2
    about = "many connections between two processes, none of them used"
    metrics = (
        Metric("connections", "connections"),
        Metric("server_bytes_per_connection", "server bytes each"),
        Metric("client_bytes_per_connection", "client bytes each"),
        Metric("server_cpu_percent", "server CPU % of a core", 2),
        Metric("client_cpu_percent", "client CPU % of a core", 2),
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
        percent = await _watch_cpu_percent(node, plan)
        await node.idle(0.0)
        ended = node.ended
        control.tell(done=1)
        await node.hear(control)
        return {
            "connections": plan.connections,
            "client_bytes_per_connection": grown / plan.connections,
            "client_cpu_percent": percent,
            "ended": ended,
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
        percent = await _watch_cpu_percent(node, plan)
        await node.hear(control)
        control.tell(done=1)
        return {"server_bytes_per_connection": grown / plan.connections, "server_cpu_percent": percent}

    @staticmethod
    async def _accept(node: Node, control: Control) -> None:
        while (word := control.poll()) is None:
            await node.idle(0.05)
        wanted = int(word["connected"])
        await node.wait_until(lambda: len(node.connected) >= wanted, f"accepting {wanted} connections")


async def _watch_cpu_percent(node: Node, plan: Plan) -> float:
    await node.sleep(_SETTLE * plan.seconds)
    before, start = cpu_s(), time.perf_counter()
    await node.sleep(_WATCH * plan.seconds)
    return 100 * (cpu_s() - before) / (time.perf_counter() - start)
