"""How long do clients wait that all come at once? A storm of connects, and when each of them is in.

The server does nothing but accept. Clients stay until all are in. What is measured is the server, so the clients of
all servers of one protocol are played by one system; `begun_s` tells whether it could begin as fast as it should.
"""

from __future__ import annotations

import time
from typing import Final

from benchmarks.control import Control
from benchmarks.plan import NAP_S, Plan
from benchmarks.scenarios.base import Metric, Scenario
from benchmarks.systems.base import CONNECT_DEADLINE_S, MeasurementError, Node
from benchmarks.usage import cpu_s

_BEGUN_TOGETHER: Final = 32
"""So many connects are begun in a row before the client looks what has come of the others."""


class Storm(Scenario):
    """A fixed number of connects, at once or evenly within a time."""

    kind = "storm"
    has_load_generator = True
    metrics = (
        Metric("median_ms", "median ms until in", 1),
        Metric("p99_ms", "p99 ms", 1),
        Metric("served_per_s", "served/s"),
        Metric("failed", "failed"),
        Metric("server_cpu_us_per_handshake", "server CPU µs each"),
        Metric("client_cpu_us_per_handshake", "client CPU µs each"),
        Metric("begun_s", "begun within s", 2),
    )

    def __init__(self, count: int, within_s: float, in_suite: bool = True) -> None:
        self.name = f"storm-{count}"
        when = f"within {within_s:g} s" if within_s else "at once"
        self.about = f"{count} clients that connect {when}: how long each waits until it is in"
        self.in_suite = in_suite
        self._count = count
        self._within_s = within_s

    async def client(self, node: Node, control: Control, plan: Plan, address: str) -> dict[str, float]:  # noqa: ARG002 - the storm lasts as long as it lasts
        """Connects all and waits for them."""
        node.close_connection(await node.connect_and_wait(address))
        control.tell(begin=1)
        await node.hear(control)
        clock, count = time.perf_counter, self._count
        ended_before = node.ended
        begun_at: dict[int, float] = {}
        in_at: dict[int, float] = {}
        begun_s = 0.0
        cpu_before = cpu_s()
        start = clock()
        while len(in_at) + node.ended - ended_before < count and clock() - start < CONNECT_DEADLINE_S:
            due = min(count, int((clock() - start) / self._within_s * count) + 1) if self._within_s else count
            for _ in range(min(_BEGUN_TOGETHER, due - len(begun_at))):
                now = clock()
                begun_at[await node.connect(address)] = now
                begun_s = clock() - start
            await node.idle(NAP_S)
            now = clock()
            for connection in node.connected - in_at.keys():
                in_at[connection] = now
        cpu = cpu_s() - cpu_before
        if not in_at:
            raise MeasurementError(f"no handshake succeeded, {len(begun_at)} were begun")
        control.tell(handshakes=len(in_at))
        await node.hear(control)
        times_s = sorted(now - begun_at[connection] for connection, now in in_at.items())
        return {
            "handshakes": len(in_at),
            "median_ms": times_s[len(times_s) // 2] * 1e3,
            "p99_ms": times_s[len(times_s) * 99 // 100] * 1e3,
            "served_per_s": len(in_at) / (max(in_at.values()) - start),
            "failed": count - len(in_at),
            "client_cpu_us_per_handshake": cpu / len(in_at) * 1e6,
            "begun_s": begun_s,
        }

    async def server(self, node: Node, control: Control, plan: Plan) -> dict[str, float]:  # noqa: ARG002 - the client decides
        """Accepts."""
        await node.accept_one()
        while control.poll() is None:
            await node.idle(0.05)
        control.tell(ready=1)
        cpu_before = cpu_s()
        while (word := control.poll()) is None:
            await node.idle(0.05)
        cpu = cpu_s() - cpu_before
        control.tell(done=1)
        return {"server_cpu_us_per_handshake": cpu / int(word["handshakes"]) * 1e6}
