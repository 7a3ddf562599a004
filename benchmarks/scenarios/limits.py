"""What could a transport reach at most on this machine? Its two unavoidable parts alone, in packets of full size.

`udp` sends and receives datagrams, batched as far as the system can, and loses what the receiver is too slow for;
`aes-gcm` seals in one process and opens in the other, without any network between them.
"""

from __future__ import annotations

import time
from typing import Final

from benchmarks.control import Control
from benchmarks.plan import Plan
from benchmarks.scenarios.base import Metric, Scenario
from benchmarks.systems.base import Node
from benchmarks.usage import cpu_s

_PACKET_BYTES: Final = 1200
_PACKETS: Final = 50
_QUIET_S: Final = 0.3
_GIGA: Final = 1e9


class Limits(Scenario):
    """Packets of 1,200 bytes, one way."""

    name = "limits"
    kind = "limits"
    about = "packets of 1,200 bytes with nothing around them: what the machine can do at most"
    metrics = (
        Metric("sent_megabytes_per_s", "sent MB/s"),
        Metric("received_megabytes_per_s", "received MB/s"),
        Metric("sender_cpu_s_per_gb", "send CPU s/GB", 2),
        Metric("receiver_cpu_s_per_gb", "recv CPU s/GB", 2),
    )
    seconds = 0.7

    async def client(self, node: Node, control: Control, plan: Plan, address: str) -> dict[str, float]:
        """Sends for the planned time."""
        connection = await node.connect_and_wait(address)
        burst = node.burst(connection, bytes(_PACKET_BYTES), False, _PACKETS)
        await node.hear(control)
        clock = time.perf_counter
        sent, cpu_before, start = 0, cpu_s(), clock()
        end = start + plan.seconds
        while clock() < end:
            sent += await burst()
        seconds, cpu = clock() - start, cpu_s() - cpu_before
        control.tell(done=1)
        size = sent * _PACKET_BYTES
        return {"sent_megabytes_per_s": size / seconds / 1e6, "sender_cpu_s_per_gb": cpu / size * _GIGA}

    async def server(self, node: Node, control: Control, plan: Plan) -> dict[str, float]:  # noqa: ARG002 - the client decides
        """Receives until nothing comes."""
        receive = node.receiver(await node.accept_one())
        control.tell(ready=1)
        clock = time.perf_counter
        cpu_before = cpu_s()
        size, first, last, over_at = 0, 0.0, 0.0, float("inf")
        while last < over_at + _QUIET_S:
            data = await receive(_QUIET_S)
            if data:
                last = clock()
                first = first or last
                size += sum(map(len, data))
            elif over_at < last + _QUIET_S:
                break
            if control.poll() is not None:
                over_at = clock()
        cpu = cpu_s() - cpu_before
        return {
            "received_megabytes_per_s": size / (last - first) / 1e6,
            "receiver_cpu_s_per_gb": cpu / size * _GIGA,
        }
