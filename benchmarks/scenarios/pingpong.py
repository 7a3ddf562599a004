"""How long does a message take to the other side and back? One at a time, each sent when the last has returned.

Both sides do what an application does that waits for its next message: receive, and if there is nothing, wait.
"""

from __future__ import annotations

import time
from typing import Final

from benchmarks.control import Control
from benchmarks.plan import Plan
from benchmarks.scenarios.base import Metric, Scenario
from benchmarks.systems.base import OK, MeasurementError, Node
from benchmarks.usage import cpu_s

_SIZE: Final = 64
_WARM_UP: Final = 20
_LOST_AFTER_S: Final = 1.0
_RECEIVE_TIMEOUT_S: Final = 0.05


class PingPong(Scenario):
    """64 bytes without Nagle's wait, reliable or not."""

    metrics = (
        Metric("median_us", "median µs"),
        Metric("p99_us", "p99 µs"),
        Metric("round_trips", "round trips"),
        Metric("lost", "lost"),
        Metric("client_cpu_us_per_round_trip", "client CPU µs each"),
        Metric("server_cpu_us_per_round_trip", "server CPU µs each"),
    )

    seconds = 0.7

    def __init__(self, name: str, reliable: bool, about: str, in_suite: bool = True) -> None:
        self.name = self.kind = name
        self.about = about
        self.in_suite = in_suite
        self._reliable = reliable

    async def client(self, node: Node, control: Control, plan: Plan, address: str) -> dict[str, float]:
        """Sends, waits for the same message to return, notes how long that took."""
        connection = await node.connect_and_wait(address)
        send, receive = node.sender(connection, self._reliable, no_nagle=True), node.receiver(connection)
        clock = time.perf_counter
        await node.hear(control)
        times_s: list[float] = []
        lost = number = 0
        cpu_before = start = 0.0
        end = clock() + 3600
        while (now := clock()) < end:
            number += 1
            payload = number.to_bytes(8, "little") + bytes(_SIZE - 8)
            if number == _WARM_UP + 1:
                cpu_before, start = cpu_s(), now
                end = start + plan.seconds
            if (result := await send(payload)) != OK:
                raise MeasurementError(f"a message was refused with result {result}")
            while payload not in await receive(_LOST_AFTER_S):
                if clock() - now > _LOST_AFTER_S:
                    lost += 1
                    break
            else:
                times_s.append(clock() - now)
        cpu = cpu_s() - cpu_before
        times_s = sorted(times_s[_WARM_UP:])
        control.tell(round_trips=len(times_s) + _WARM_UP)
        await node.hear(control)
        if not times_s:
            raise MeasurementError("no message returned")
        return {
            "round_trips": len(times_s),
            "lost": lost,
            "median_us": times_s[len(times_s) // 2] * 1e6,
            "p99_us": times_s[len(times_s) * 99 // 100] * 1e6,
            "client_cpu_us_per_round_trip": cpu / len(times_s) * 1e6,
        }

    async def server(self, node: Node, control: Control, plan: Plan) -> dict[str, float]:  # noqa: ARG002 - the client decides
        """Returns every message."""
        connection = await node.accept_one()
        send, receive = node.sender(connection, self._reliable, no_nagle=True), node.receiver(connection)
        control.tell(ready=1)
        cpu_before = cpu_s()
        while True:
            for data in await receive(_RECEIVE_TIMEOUT_S):
                await send(data)
            if (word := control.poll()) is not None:
                break
        cpu = cpu_s() - cpu_before
        control.tell(done=1)
        return {"server_cpu_us_per_round_trip": cpu / max(1, int(word["round_trips"])) * 1e6}
