"""Flows of other transports on a simulated path: who must one share with? CUBIC, which fills queues, and BBR version 1.

Both send numbered packets of one size, and each that arrives is acknowledged at once. What is lost is not repeated but
made up for by the next number, so that what arrives is what a transport with perfect repeats would get through.
"""

from abc import ABC, abstractmethod
from collections import deque
from dataclasses import dataclass
from typing import Final

from gamesockets import sim
from gamesockets.bad_network.link import Link
from gamesockets.sim.network import Receiver
from gamesockets.sim.virtual_clock import Scheduled
from gamesockets.values.address import SocketAddress
from gamesockets.values.moments import NEVER, US_PER_SECOND

PACKET_BYTES: Final = 1448
"""As the kernel's TCP on Ethernet: what a window grows by is counted in these."""

_NUMBER_BYTES: Final = 8
_PORT: Final = 443
_REORDERING: Final = 3
"""A packet is lost once the third one behind it has arrived (RFC 9002, 6.1.1)."""

_TIMEOUT_US: Final = 1_000_000
_WINDOW_FIRST: Final = 10.0


@dataclass(slots=True)
class _Sent:
    """A packet on its way, and what was known when it left. Times in microseconds, amounts in packets."""

    sent_at: int
    delivered: int
    delivered_at: int
    first_sent_at: int


class _Sink(Receiver):
    """Acknowledges what arrives."""

    def __init__(self, world: sim.World, address: SocketAddress, rival: "Rival") -> None:
        self._world = world
        self._address = address
        self._rival = rival

    def receive_datagram(self, data: bytes, source: SocketAddress, now: int) -> None:  # noqa: ARG002
        self._rival.arrived_bytes += len(data)
        self._world.network.send(data[:_NUMBER_BYTES], self._address, source)


class Rival(Scheduled, Receiver, ABC):
    """One such flow, which begins at once and never ends.

    Args:
        world: where.
        bottleneck: the link that it shares.
        back: the way of its acknowledgements.
        index: several of them need different ones.
    """

    def __init__(self, world: sim.World, bottleneck: Link, back: sim.Conditions, index: int = 0) -> None:
        super().__init__()
        self.arrived_bytes = 0
        self._world = world
        self._here: SocketAddress = (f"192.168.{index}.1", _PORT)
        self._there: SocketAddress = (f"192.168.{index}.2", _PORT)
        world.network.attach(self, self._here)
        world.network.attach(_Sink(world, self._there, self), self._there)
        world.network.use(bottleneck, self._here, self._there)
        world.network.link(self._there, self._here).conditions = back
        self._number = 0
        self._flying: dict[int, _Sent] = {}
        self._delivered = 0
        self._delivered_at = world.now_us
        self._first_sent_at = world.now_us
        self._heard_at = world.now_us
        self._next_at = world.now_us
        self._pump(world.now_us)

    # ------------------------------------------------------------------ what it decides

    @abstractmethod
    def window(self) -> float:
        """Packets that may be on their way."""

    def gap_us(self) -> float:
        """How far packets are apart at least."""
        return 0.0

    @abstractmethod
    def on_acked(self, packet: _Sent, round_trip_us: int, now: int) -> None:
        """A packet arrived."""

    @abstractmethod
    def on_lost(self, packet: _Sent, now: int) -> None:
        """A packet is lost."""

    @abstractmethod
    def on_timeout(self) -> None:
        """Nothing was heard for a second."""

    # ------------------------------------------------------------------ packets

    def receive_datagram(self, data: bytes, source: SocketAddress, now: int) -> None:  # noqa: ARG002
        number = int.from_bytes(data, "little")
        self._heard_at = now
        packet = self._flying.pop(number, None)
        if packet is not None:
            self._delivered += 1
            self._delivered_at = now
            self._first_sent_at = packet.sent_at
            self.on_acked(packet, now - packet.sent_at, now)
        while self._flying:
            oldest = next(iter(self._flying))
            if oldest > number - _REORDERING:
                break
            self.on_lost(self._flying.pop(oldest), now)
        self._pump(now)

    def due(self, now: int) -> None:
        if self._flying and now - self._heard_at >= _TIMEOUT_US:
            self._flying.clear()
            self._heard_at = now
            self.on_timeout()
        self._pump(now)

    def _pump(self, now: int) -> None:
        while len(self._flying) < self.window():
            if self._next_at > now:
                self._world.schedule(self, self._next_at)
                break
            if not self._flying:
                self._first_sent_at = self._delivered_at = now
            self._number += 1
            self._flying[self._number] = _Sent(now, self._delivered, self._delivered_at, self._first_sent_at)
            data = self._number.to_bytes(_NUMBER_BYTES, "little") + bytes(PACKET_BYTES - _NUMBER_BYTES)
            self._world.network.send(data, self._here, self._there)
            self._next_at = now + round(self.gap_us())
        if self.deadline == NEVER:
            self._world.schedule(self, now + _TIMEOUT_US)


class Cubic(Rival):
    """RFC 9438 with Linux's HyStart: slow start, cubic growth with its Reno-friendly region, fast convergence."""

    _C: Final = 0.4
    _BETA: Final = 0.7
    _HYSTART_FROM: Final = 16
    _HYSTART_SAMPLES: Final = 8
    _HYSTART_MIN_US: Final = 4_000
    _HYSTART_MAX_US: Final = 16_000
    _TRAIN_US: Final = 2_000

    def __init__(self, world: sim.World, bottleneck: Link, back: sim.Conditions, index: int = 0) -> None:
        self._window = _WINDOW_FIRST
        self._slow_start_until = float("inf")
        self._plateau = 0.0
        self._growing_since = NEVER
        self._to_plateau_s = 0.0
        self._friendly = 0.0
        self._recovery_from = 0
        self._minimum_us = NEVER
        self._round_from = 0
        self._round_minimum_us = NEVER
        self._round_samples = 0
        self._train_at = 0
        super().__init__(world, bottleneck, back, index)

    def window(self) -> float:
        return self._window

    def _hystart(self, packet: _Sent, round_trip_us: int, now: int) -> None:
        """Leaves slow start when round trips grow, or acks in one train span half a round trip."""
        self._minimum_us = min(self._minimum_us, round_trip_us)
        if packet.sent_at >= self._round_from:
            self._round_from = self._train_at = now
            self._round_minimum_us = NEVER
            self._round_samples = 0
        if now - self._train_at <= self._TRAIN_US:
            self._train_at = now
        is_long_train = self._train_at - self._round_from > self._minimum_us // 2
        if self._round_samples < self._HYSTART_SAMPLES:
            self._round_samples += 1
            self._round_minimum_us = min(self._round_minimum_us, round_trip_us)
        more_us = min(max(self._minimum_us // 8, self._HYSTART_MIN_US), self._HYSTART_MAX_US)
        is_later = self._round_samples == self._HYSTART_SAMPLES and self._round_minimum_us >= self._minimum_us + more_us
        if self._window >= self._HYSTART_FROM and (is_long_train or is_later):
            self._slow_start_until = self._window

    def on_acked(self, packet: _Sent, round_trip_us: int, now: int) -> None:
        if packet.sent_at < self._recovery_from:
            return
        if self._window < self._slow_start_until:
            self._hystart(packet, round_trip_us, now)
        if self._window < self._slow_start_until:
            self._window += 1
            return
        if self._growing_since == NEVER:
            self._growing_since = now
            self._friendly = self._window
            self._to_plateau_s = (max(self._plateau - self._window, 0) / self._C) ** (1 / 3)
            self._plateau = max(self._plateau, self._window)
        since_s = (now - self._growing_since) / US_PER_SECOND - self._to_plateau_s
        ahead = self._C * (since_s + round_trip_us / US_PER_SECOND) ** 3 + self._plateau
        self._friendly += 3 * (1 - self._BETA) / (1 + self._BETA) / self._window
        if self._C * since_s**3 + self._plateau < self._friendly:
            self._window = max(self._window, self._friendly)
        else:
            target = min(max(ahead, self._window), 1.5 * self._window)
            self._window += (target - self._window) / self._window

    def on_lost(self, packet: _Sent, now: int) -> None:
        if packet.sent_at < self._recovery_from:
            return
        self._recovery_from = now
        is_less = self._window < self._plateau
        self._plateau = self._window * (1 + self._BETA) / 2 if is_less else self._window
        self._window = self._slow_start_until = max(self._window * self._BETA, 2.0)
        self._growing_since = NEVER

    def on_timeout(self) -> None:
        self._slow_start_until = max(self._window * self._BETA, 2.0)
        self._window = 1.0
        self._growing_since = NEVER


class Bbr(Rival):
    """BBR version 1 (draft-cardwell-iccrg-bbr-congestion-control-00): a rate from what arrives, whatever is lost."""

    _HIGH_GAIN: Final = 2.885
    _CYCLE: Final = (1.25, 0.75, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0)
    _ROUNDS_KEPT: Final = 10
    _MINIMUM_KEPT_US: Final = 10_000_000
    _PROBE_RTT_US: Final = 200_000
    _PROBE_RTT_PACKETS: Final = 4.0

    def __init__(self, world: sim.World, bottleneck: Link, back: sim.Conditions, index: int = 0) -> None:
        self._state = "startup"
        self._rates: deque[tuple[int, float]] = deque()
        """By round, packets/us, in descending order: the first is the largest of the last rounds."""
        self._minimum_us = 0
        self._minimum_at = 0
        self._round = 0
        self._round_ends_with = 0
        self._full_rate = 0.0
        self._full_rounds = 0
        self._phase = 0
        self._phase_from = 0
        self._phase_lost = False
        self._probe_rtt_until = NEVER
        super().__init__(world, bottleneck, back, index)

    def _bdp(self) -> float:
        return self._rates[0][1] * self._minimum_us if self._rates else 0.0

    def _pacing_gain(self) -> float:
        gains = {"startup": self._HIGH_GAIN, "drain": 1 / self._HIGH_GAIN, "probe_rtt": 1.0}
        return gains.get(self._state, self._CYCLE[self._phase])

    def window(self) -> float:
        if not self._rates:
            return _WINDOW_FIRST
        if self._state == "probe_rtt":
            return self._PROBE_RTT_PACKETS
        gain = self._HIGH_GAIN if self._state in {"startup", "drain"} else 2.0
        return max(gain * self._bdp() + 3, self._PROBE_RTT_PACKETS)

    def gap_us(self) -> float:
        return 1 / (self._rates[0][1] * self._pacing_gain()) if self._rates else 0.0

    def on_acked(self, packet: _Sent, round_trip_us: int, now: int) -> None:
        is_new_round = packet.delivered >= self._round_ends_with
        if is_new_round:
            self._round_ends_with = self._delivered
            self._round += 1
        took_us = max(now - packet.delivered_at, packet.sent_at - packet.first_sent_at, 1)
        rate = (self._delivered - packet.delivered) / took_us
        rates = self._rates
        while rates and rates[-1][1] <= rate:
            rates.pop()
        rates.append((self._round, rate))
        while rates[0][0] <= self._round - self._ROUNDS_KEPT:
            rates.popleft()
        is_old = now - self._minimum_at > self._MINIMUM_KEPT_US
        if not self._minimum_us or round_trip_us <= self._minimum_us or is_old:
            self._minimum_us = round_trip_us
            self._minimum_at = now
        if is_old and self._state != "probe_rtt":
            self._state = "probe_rtt"
            self._probe_rtt_until = NEVER
        self._step(is_new_round, now)

    def _step(self, is_new_round: bool, now: int) -> None:
        in_flight = len(self._flying)
        if self._state == "startup" and is_new_round:
            if self._rates[0][1] >= 1.25 * self._full_rate:
                self._full_rate = self._rates[0][1]
                self._full_rounds = 0
            else:
                self._full_rounds += 1
                if self._full_rounds >= 3:
                    self._state = "drain"
        if self._state == "drain" and in_flight <= self._bdp():
            self._begin_phase(2 + self._world.now_us % 6, now)
        elif self._state == "probe_bw":
            took = now - self._phase_from > self._minimum_us
            gain = self._CYCLE[self._phase]
            if gain > 1:
                is_over = took and (self._phase_lost or in_flight >= gain * self._bdp())
            elif gain < 1:
                is_over = took or in_flight <= self._bdp()
            else:
                is_over = took
            if is_over:
                self._begin_phase((self._phase + 1) % len(self._CYCLE), now)
        elif self._state == "probe_rtt":
            if self._probe_rtt_until == NEVER and in_flight <= self._PROBE_RTT_PACKETS:
                self._probe_rtt_until = now + max(self._PROBE_RTT_US, self._minimum_us)
            elif now >= self._probe_rtt_until:
                self._minimum_at = now
                self._begin_phase(2, now)

    def _begin_phase(self, phase: int, now: int) -> None:
        self._state = "probe_bw"
        self._phase = phase
        self._phase_from = now
        self._phase_lost = False

    def on_lost(self, packet: _Sent, now: int) -> None:  # noqa: ARG002
        self._phase_lost = True

    def on_timeout(self) -> None:
        self._rates.clear()
