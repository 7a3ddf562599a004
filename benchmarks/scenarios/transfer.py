"""How much gets across one connection, and what does it cost? Bulk in large messages, floods of small ones.

The client sends for the planned time, as fast as the buffer takes it, then says how many messages it handed over. The
server counts from the first arrival to the last, and stops when it has all, or when nothing has come for a while.
"""

from __future__ import annotations

import time
from typing import Final

from benchmarks.control import Control
from benchmarks.plan import NAP_S, Plan
from benchmarks.scenarios.base import Metric, Scenario
from benchmarks.systems.base import MeasurementError, Node
from benchmarks.usage import cpu_s

_QUIET_RELIABLE_S: Final = 5.0
_QUIET_UNRELIABLE_S: Final = 0.3
_GIGA: Final = 1e9


class Transfer(Scenario):
    """One message size, one kind of delivery."""

    def __init__(self, name: str, kind: str, size: int, reliable: bool, burst: int, about: str) -> None:
        self.name = name
        self.kind = kind
        self.about = about
        self._size = size
        self._reliable = reliable
        self._burst = burst
        if kind == "bulk":
            self.metrics = (
                Metric("megabytes_per_s", "MB/s"),
                Metric("sender_cpu_s_per_gb", "send CPU s/GB", 2),
                Metric("receiver_cpu_s_per_gb", "recv CPU s/GB", 2),
                Metric("refused", "refused, then napped"),
                Metric("lost", "lost"),
            )
        else:
            self.metrics = (
                Metric("messages_per_s", "delivered/s"),
                Metric("offered_per_s", "sent/s"),
                Metric("loss_percent", "lost %", 2),
                Metric("sender_cpu_us_per_message", "send CPU µs/msg", 2),
                Metric("receiver_cpu_us_per_message", "recv CPU µs/msg", 2),
                Metric("refused", "refused, then napped"),
            )

    def client(self, node: Node, control: Control, plan: Plan, address: str) -> dict[str, float]:
        """Sends, and waits for the server to be done so that the last acknowledgements are paid for as well."""
        connection = node.connect_and_wait(address)
        payload = bytes(range(256)) * (self._size // 256) + bytes(self._size % 256)
        burst, full = node.burst(connection, payload, self._reliable, self._burst), self._burst
        clock, sleep = time.perf_counter, time.sleep
        sent = refused = 0
        cpu_before = cpu_s()
        start = clock()
        deadline = start + plan.seconds
        while clock() < deadline:
            taken = burst()
            sent += taken
            if taken < full:
                refused += 1
                sleep(NAP_S)
        seconds = clock() - start
        control.tell(sent=sent)
        control.hear()
        cpu = cpu_s() - cpu_before
        return {
            "sent": sent,
            "offered_per_s": sent / seconds,
            "refused": refused,
            "sender_cpu_s_per_gb": cpu / (sent * self._size) * _GIGA,
            "sender_cpu_us_per_message": cpu / sent * 1e6,
        }

    def server(self, node: Node, control: Control, plan: Plan) -> dict[str, float]:  # noqa: ARG002 - the client decides
        """Receives and counts."""
        receive = node.receiver(node.accept_one())
        clock = time.perf_counter
        quiet_s = _QUIET_RELIABLE_S if self._reliable else _QUIET_UNRELIABLE_S
        cpu_before = cpu_s()
        count = first_count = first_bytes = received_bytes = 0
        first = last = 0.0
        expected = -1
        while True:
            messages = receive()
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
            if not messages:
                node.idle(0.05)
        cpu = cpu_s() - cpu_before
        control.tell(done=1)
        if count > expected or (self._size and received_bytes != count * self._size):
            raise MeasurementError(f"{count} messages of {received_bytes} bytes arrived, {expected} were sent")
        seconds = last - first
        if seconds <= 0:
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
