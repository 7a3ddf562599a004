"""How many connections a second can be made? Connect, wait until connected, close; one at a time or several."""

from __future__ import annotations

import time

from benchmarks.control import Control
from benchmarks.plan import Plan
from benchmarks.scenarios.base import Metric, Scenario
from benchmarks.systems.base import MeasurementError, Node
from benchmarks.usage import cpu_s

_STUCK_S = 10.0


class Handshakes(Scenario):
    """A fixed number of attempts in flight; the client closes each connection the moment it is connected."""

    kind = "handshakes"
    seconds = 0.8
    metrics = (
        Metric("handshakes_per_s", "handshakes/s"),
        Metric("median_us", "median µs"),
        Metric("p99_us", "p99 µs"),
        Metric("failed", "failed"),
        Metric("client_cpu_us_per_handshake", "client CPU µs each"),
        Metric("server_cpu_us_per_handshake", "server CPU µs each"),
    )

    def __init__(self, name: str, in_flight: int, about: str, in_suite: bool = True) -> None:
        self.name = name
        self.about = about
        self.in_suite = in_suite
        self._in_flight = in_flight

    async def client(self, node: Node, control: Control, plan: Plan, address: str) -> dict[str, float]:
        """Connects and closes."""
        node.close_connection(await node.connect_and_wait(address))
        clock = time.perf_counter
        times_s: list[float] = []
        begun: dict[int, float] = {}
        ended_before = node.ended
        cpu_before = cpu_s()
        start = last = clock()
        end = start + plan.seconds
        while len(begun) > (failed := node.ended - ended_before) or clock() < end:
            while len(begun) - failed < self._in_flight and clock() < end:
                now = clock()
                begun[await node.connect(address)] = now
            await node.idle(0.05)
            now = clock()
            for connection in [connection for connection in begun if connection in node.connected]:
                times_s.append(now - begun.pop(connection))
                node.close_connection(connection)
                last = now
            if now - max(last, start) > _STUCK_S:
                break
        cpu = cpu_s() - cpu_before
        if not times_s:
            raise MeasurementError(f"no handshake succeeded, {len(begun)} were begun")
        control.tell(handshakes=len(times_s))
        await node.hear(control)
        times_s.sort()
        return {
            "handshakes": len(times_s),
            "handshakes_per_s": len(times_s) / (last - start),
            "median_us": times_s[len(times_s) // 2] * 1e6,
            "p99_us": times_s[len(times_s) * 99 // 100] * 1e6,
            "failed": len(begun),
            "client_cpu_us_per_handshake": cpu / len(times_s) * 1e6,
        }

    async def server(self, node: Node, control: Control, plan: Plan) -> dict[str, float]:  # noqa: ARG002 - the client decides
        """Accepts, and closes what the client has closed."""
        await node.accept_one()
        cpu_before = cpu_s()
        while (word := control.poll()) is None:
            await node.idle(0.05)
        cpu = cpu_s() - cpu_before
        control.tell(done=1)
        return {"server_cpu_us_per_handshake": cpu / int(word["handshakes"]) * 1e6}
