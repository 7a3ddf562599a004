"""How much gets across one connection, and what does it cost? Bulk in large messages, floods of small ones.

The client sends for the planned time, as fast as the buffer takes it, then says how many messages it handed over. The
server counts from the first arrival to the last, and stops when it has all, or when nothing has come for a while.
"""

from __future__ import annotations

import time
from typing import Final

from benchmarks.control import Control
from benchmarks.plan import Plan
from benchmarks.scenarios.base import Metric, Scenario
from benchmarks.systems.base import MeasurementError, Node
from benchmarks.usage import cpu_s

BULK_BYTES: Final = 65536
SMALL_BYTES: Final = 64
BULK_BURST: Final = 8
SMALL_BURST: Final = 64

_QUIET_RELIABLE_S: Final = 5.0
_QUIET_UNRELIABLE_S: Final = 0.3
_RECEIVE_TIMEOUT_S: Final = 0.05
_GIGA: Final = 1e9

_BULK_METRICS: Final = (
    Metric("megabytes_per_s", "MB/s"),
    Metric("sender_cpu_s_per_gb", "send CPU s/GB", 2),
    Metric("receiver_cpu_s_per_gb", "recv CPU s/GB", 2),
    Metric("refused", "refused, then napped"),
    Metric("lost", "lost"),
)
_FLOOD_METRICS: Final = (
    Metric("messages_per_s", "delivered/s"),
    Metric("offered_per_s", "sent/s"),
    Metric("loss_percent", "lost %", 2),
    Metric("sender_cpu_us_per_message", "send CPU µs/msg", 2),
    Metric("receiver_cpu_us_per_message", "recv CPU µs/msg", 2),
    Metric("refused", "refused, then napped"),
)
_LINK_METRICS: Final = (
    Metric("megabytes_per_s", "MB/s", 2),
    *_BULK_METRICS[1:],
    Metric("link_cpu_percent", "link CPU %"),
    Metric("link_overflowed", "overflowed before the link"),
)


class _Transfer(Scenario):
    """Sends in one direction."""

    size: int
    reliable: bool
    burst: int
    seconds = 0.8

    async def client(self, node: Node, control: Control, plan: Plan, address: str) -> dict[str, float]:
        """Sends, and waits for the server to be done so that the last acknowledgements are paid for as well."""
        connection = await node.connect_and_wait(address)
        payload = bytes(range(256)) * (self.size // 256) + bytes(self.size % 256)
        burst, full = node.burst(connection, payload, self.reliable, self.burst), self.burst
        clock = time.perf_counter
        sent = refused = 0
        cpu_before = cpu_s()
        start = clock()
        deadline = start + plan.seconds
        while clock() < deadline:
            taken = await burst()
            sent += taken
            if taken < full:
                refused += 1
                await node.rest()
        seconds = clock() - start
        control.tell(sent=sent)
        await node.hear(control)
        cpu = cpu_s() - cpu_before
        return {
            "sent": sent,
            "offered_per_s": sent / seconds,
            "refused": refused,
            "sender_cpu_s_per_gb": cpu / (sent * self.size) * _GIGA,
            "sender_cpu_us_per_message": cpu / sent * 1e6,
        }

    async def server(self, node: Node, control: Control, plan: Plan) -> dict[str, float]:  # noqa: ARG002 - the client decides
        """Receives and counts."""
        receive = node.receiver(await node.accept_one())
        clock = time.perf_counter
        quiet_s = _QUIET_RELIABLE_S if self.reliable else _QUIET_UNRELIABLE_S
        cpu_before = cpu_s()
        count = first_count = first_bytes = received_bytes = 0
        first, last = 0.0, clock()
        expected = -1
        while True:
            messages = await receive(_RECEIVE_TIMEOUT_S)
            if messages:
                last = clock()
                count += len(messages)
                received_bytes += sum(map(len, messages))
                if not first:
                    first, first_count, first_bytes = last, count, received_bytes
                if count != expected:
                    continue
            if expected < 0:
                word = control.poll()
                if word is not None:
                    expected = int(word["sent"])
            elif count >= expected or clock() - last > quiet_s:
                break
        cpu = cpu_s() - cpu_before
        control.tell(done=1)
        if count > expected or received_bytes != count * self.size:
            raise MeasurementError(f"{count} messages of {received_bytes} bytes arrived, {expected} were sent")
        seconds = last - first
        if not first or seconds <= 0:
            raise MeasurementError(f"only {count} messages arrived, at once: too few to measure")
        return {
            "delivered": count,
            "lost": expected - count,
            "loss_percent": 100 * (expected - count) / expected,
            "messages_per_s": (count - first_count) / seconds,
            "megabytes_per_s": (received_bytes - first_bytes) / seconds / 1e6,
            "receiver_cpu_s_per_gb": cpu / received_bytes * _GIGA,
            "receiver_cpu_us_per_message": cpu / count * 1e6,
        }


class Bulk(_Transfer):
    """Large reliable messages."""

    name = "bulk"
    kind = "bulk"
    about = "reliable messages of 64 KiB, one way, as fast as they go"
    metrics: tuple[Metric, ...] = _BULK_METRICS
    size = BULK_BYTES
    reliable = True
    burst = BULK_BURST


class LossyBulk(Bulk):
    """The same through a long link that loses datagrams."""

    name = "lossy-bulk"
    kind = "lossy"
    about = "bulk through a link of 50 ms there and back that loses 1 % each way"
    metrics = _LINK_METRICS
    seconds = 1.5
    through_link = True


class ReliableFlood(_Transfer):
    """Small reliable messages."""

    name = "reliable-flood"
    kind = "reliable-flood"
    about = "reliable messages of 64 bytes, one way"
    metrics = _FLOOD_METRICS
    size = SMALL_BYTES
    reliable = True
    burst = SMALL_BURST


class UnreliableFlood(ReliableFlood):
    """Small unreliable messages."""

    name = "unreliable-flood"
    kind = "unreliable-flood"
    about = "unreliable messages of 64 bytes, one way"
    reliable = False
