"""How late do small messages come while a bulk transfer runs beside them? Each on its lane, the small ones first.

The client sends 30 small messages a second, each with the time it was handed over, and meanwhile as much bulk on the
second lane as the buffer takes. Both processes read the same clock, so the server knows how long each was on its way.
Without lanes (websockets) both share one stream. With separate streams or channels (QUIC, ENet) nobody goes first.
"""

from __future__ import annotations

import time
from struct import Struct
from typing import Final

from benchmarks.control import Control
from benchmarks.plan import Plan
from benchmarks.scenarios.base import Metric, Scenario
from benchmarks.scenarios.transfer import BULK_BURST, BULK_BYTES
from benchmarks.systems.base import BULK_LANE, OK, URGENT_LANE, MeasurementError, Node, check_full

_HZ: Final = 30
_BYTES: Final = 64
_STAMP: Final = Struct("<d")
_RECEIVE_TIMEOUT_S: Final = 0.05
_QUIET_S: Final = 5.0
_WARM_UP: Final = 5


class Lanes(Scenario):
    """Reliable messages on both."""

    name = "stream-beside-bulk"
    kind = "lanes"
    about = "64 bytes 30 times a second on one lane, reliable, while bulk runs on another: how long they take, one way"
    metrics = (
        Metric("median_ms", "median ms", 2),
        Metric("p95_ms", "p95 ms", 2),
        Metric("most_ms", "most ms", 2),
        Metric("megabytes_per_s", "bulk MB/s"),
        Metric("messages", "messages"),
    )
    seconds = 1.5

    async def client(self, node: Node, control: Control, plan: Plan, address: str) -> dict[str, float]:
        """Sends both."""
        connection = await node.connect_and_wait(address)
        node.use_two_lanes(connection)
        send = node.sender(connection, reliable=True, no_nagle=True, lane=URGENT_LANE)
        burst = node.burst(connection, bytes(BULK_BYTES), True, BULK_BURST, BULK_LANE)
        clock = time.monotonic
        start = clock()
        end = start + plan.seconds + _WARM_UP / _HZ
        small = bulk = 0
        while (now := clock()) < end:
            if now - start >= small / _HZ:
                result = await send(_STAMP.pack(clock()) + bytes(_BYTES - _STAMP.size))
                if result == OK:
                    small += 1
                else:
                    check_full(result)
            taken = await burst()
            bulk += taken
            if taken < BULK_BURST:
                await node.rest()
        control.tell(messages=small + bulk)
        await node.hear(control)
        return {}

    async def server(self, node: Node, control: Control, plan: Plan) -> dict[str, float]:  # noqa: ARG002 - the client decides
        """Notes when the small ones come."""
        receive = node.receiver(await node.accept_one())
        clock = time.monotonic
        times_s: list[float] = []
        count = bulk = 0
        first = last = 0.0
        expected = -1
        while expected < 0 or count < expected:
            messages = await receive(_RECEIVE_TIMEOUT_S)
            now = clock()
            for data in messages:
                if len(data) == _BYTES:
                    times_s.append(now - _STAMP.unpack_from(data)[0])
                else:
                    bulk += 1
            count += len(messages)
            if messages:
                first, last = first or now, now
            if expected < 0 and (word := control.poll()) is not None:
                expected = int(word["messages"])
            if expected >= 0 and not messages and now - last > _QUIET_S:
                raise MeasurementError(f"{count} of {expected} messages came")
        control.tell(done=1)
        times_s = sorted(times_s[_WARM_UP:])
        if not times_s or last == first:
            raise MeasurementError("too few messages to measure")
        return {
            "messages": len(times_s),
            "median_ms": times_s[len(times_s) // 2] * 1e3,
            "p95_ms": times_s[len(times_s) * 95 // 100] * 1e3,
            "most_ms": times_s[-1] * 1e3,
            "megabytes_per_s": bulk * BULK_BYTES / (last - first) / 1e6,
        }
