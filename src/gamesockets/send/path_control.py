"""How fast may this connection send on a path that nobody has described? A model: what it delivers, and its queue.

The signal is a standing queue, not a loss: radio loses packets at random, and a queue is what hurts games. Once a round
the controller looks at what arrived and at the queue, and moves between states:

    STARTUP (twice as fast each round trip) -> DRAIN -> CRUISE (as fast as packets arrive)
    CRUISE -> UP (is there more?) -> DOWN (let the queue of that drain) -> CRUISE
    any -> PROBE_RTT, once the shortest round trip is ten seconds old

The ideas are those of BBR (rate and round trip as a model, probing up and down), Copa (a queue of its own as the
signal) and RFC 9406 (leave start-up by delay).
"""

from typing import Final, final

from gamesockets.send.delivery import ROUND_MIN_US, DeliveryRate
from gamesockets.send.flight import SentPacket
from gamesockets.send.queue_delay import QueueDelay
from gamesockets.send.rate_control import RateControl
from gamesockets.values.moments import NEVER, US_PER_MS, US_PER_SECOND

STARTUP: Final = 0
DRAIN: Final = 1
CRUISE: Final = 2
UP: Final = 3
DOWN: Final = 4
PROBE_RTT: Final = 5

STATE_NAMES: Final = ("startup", "drain", "cruise", "up", "down", "probe-rtt")

INITIAL_RATE: Final = 262_144
"""What a new connection starts with at least: the rate of the reference library."""

INITIAL_PACKETS: Final = 32
"""... and so many packets a round trip."""

INITIAL_RATE_MAX: Final = 4_000_000
PACKET_BYTES: Final = 1250

COMPETITIVE_US: Final = 8_000_000
"""So long queues are nobody's signal once they turn out to be kept full by others."""

_UNBOUNDED: Final = 1 << 35
"""Bytes/s, more than any path carries. Products with times stay below 2^62: beyond that CPython runs signal handlers in
the middle of a multiplication, and compiled code ends the process if one raises there."""

_GAIN_UNIT: Final = 100
_GAIN_DRAIN: Final = 50
_GAIN_UP: Final = 125
_GAIN_UP_MAX: Final = 200
_GAIN_FEW_MAX: Final = 400
_PACKETS_UP: Final = 4
"""A probe adds so many packets a round trip at least, up to `_GAIN_FEW_MAX`: what small shares gain on large ones."""

_GAIN_DOWN: Final = 75
_GAIN_DOWN_DEEP: Final = 40
_GAIN_DOWN_DEEPEST: Final = 15
_DEEP: Final = 3
_DEEPEST: Final = 8
"""A queue of so many thresholds is drained faster."""

_CUTS_WITHOUT_EFFECT: Final = 6
_WITHOUT_EFFECT_US: Final = 3_000_000
"""A crowd of flows that all learn at the same time needs so long to drain its queue."""

_ROUNDS_TO_DRAIN: Final = 3
_STAYS: Final = 0.7
"""A queue that is still so much of what it was, although less was sent than the path carries, is not this flow's."""

_DRAINS_FROM: Final = 0.9
"""While a queue drains, so much of what the path carries arrives, however little is sent."""

_ACCEPTED_AGAIN_US: Final = 5_000_000
_STARTUP_FLAT_ROUNDS: Final = 3
_LOSS_ABOVE_FLOOR: Final = 0.1
_ROUNDS_BETWEEN_PROBES_MIN: Final = 3
_BETWEEN_PROBES_US: Final = 2_000_000
_PACKETS_A_ROUND_OF_CRUISE: Final = 8
_DICE: Final = 64
_ACK_PART: Final = 10
_ACK_MIN_US: Final = 2_000
_ACK_MAX_US: Final = 12_000
_CUT_APART_US: Final = 20_000
_PROBE_RTT_US: Final = 200_000
_RATE_FLOOR: Final = 4_000
_ROUND_TRIP_UNKNOWN_US: Final = 50_000


def initial_rate(round_trip_us: int) -> int:
    """Bytes/s that a new connection may send at; `round_trip_us` below 0 is unknown."""
    if round_trip_us < 0:
        return INITIAL_RATE
    rate = INITIAL_PACKETS * PACKET_BYTES * US_PER_SECOND // max(round_trip_us, US_PER_MS)
    return min(max(rate, INITIAL_RATE), INITIAL_RATE_MAX)


@final
class PathControl(RateControl):
    """The controller of one path, from the moment on when a connection moves more than a game does."""

    __slots__ = (
        "_accepted_at",
        "_arrived_since_acks",
        "_before_probe",
        "_best_rate",
        "_competitive_until",
        "_cut_at",
        "_cuts",
        "_dice",
        "_drain_rounds",
        "_flat_rounds",
        "_limited_until",
        "_probe_rtt_until",
        "_queue_since",
        "_rate_before",
        "_rate_max",
        "_rate_min",
        "_rate_now",
        "_rounds_in_state",
        "_rounds_since_up",
        "_seed",
        "_up_gain",
        "_was_drained",
        "_worst_queue_us",
        "bound",
        "delivery",
        "queue",
        "state",
    )

    def __init__(self, rate: int, round_trip_us: int, now: int) -> None:
        super().__init__(True)
        self.state = STARTUP
        self.delivery = DeliveryRate(now)
        self.queue = QueueDelay(max(round_trip_us, 0), now)
        self.rate = rate
        self.window_bytes = max(2 * self._on_the_way(rate), INITIAL_PACKETS * PACKET_BYTES)
        self.bound = _UNBOUNDED
        """What a queue or a burst of losses says of the path, until the next probe."""
        self._rate_min = _RATE_FLOOR
        self._rate_max = _UNBOUNDED
        self._rate_now = 0
        """The best rate of delivery since the last probe."""
        self._rate_before = 0
        """The one before."""
        self._arrived_since_acks = False
        self._limited_until = -1
        self._best_rate = 0
        self._flat_rounds = 0
        self._drain_rounds = 0
        self._rounds_in_state = 0
        self._rounds_since_up = 99
        self._up_gain = _GAIN_UP
        self._before_probe = 0
        self._seed = ((now & 0x3FFF_FFFF) * 2_654_435_761) & 0x7FFF_FFFF  # not too large: see `_UNBOUNDED`
        self._dice = _DICE
        self._cuts = 0
        self._cut_at = 0
        self._queue_since = NEVER
        """Since when it has been standing; NEVER while it does not."""
        self._was_drained = False
        """What is in flight just became so little that nothing of it waits in a queue."""
        self._worst_queue_us = 0
        self._accepted_at = -_ACCEPTED_AGAIN_US
        self._competitive_until = 0
        self._probe_rtt_until = 0

    # ------------------------------------------------------------------ events

    def limit(self, rate_min: int, rate_max: int) -> None:
        self._rate_min = rate_min
        self._rate_max = rate_max
        self._clamp()

    def on_sent(self, packet: SentPacket) -> None:
        self.in_flight_bytes += packet.size_bytes

    def on_delivered(self, packet: SentPacket) -> None:
        size = packet.size_bytes
        if packet.is_lost:
            self.lost_bytes -= size
            self.delivery.lost_bytes -= size
        else:
            self.in_flight_bytes -= size
        self.delivery.on_delivered(size, packet.sent_at, packet.delivered_bytes, packet.is_application_limited)
        self._arrived_since_acks = True

    def on_lost(self, packet: SentPacket) -> None:
        size = packet.size_bytes
        self.in_flight_bytes -= size
        self.lost_bytes += size
        self.delivery.lost_bytes += size

    def on_round_trip(self, round_trip_us: int, now: int) -> None:
        self.queue.add(round_trip_us, now)

    def limited_by_application(self, delivered_bytes: int) -> None:
        self._limited_until = delivered_bytes + self.in_flight_bytes

    def is_limited(self) -> bool:
        return self._limited_until >= 0

    def on_acks(self, delivered_bytes: int, now: int) -> None:
        if not self._arrived_since_acks:
            return
        self._arrived_since_acks = False
        if 0 <= self._limited_until < delivered_bytes:
            self._limited_until = -1
        queue = self.queue
        if self.delivery.on_acks(delivered_bytes, now):
            self._end_round(now)
        elif self.state == STARTUP and self.delivery.rounds >= 2 and queue.lately_us() > queue.threshold_us():
            self._leave_startup()
        if CRUISE <= self.state <= DOWN and now >= self._competitive_until:
            # Much more than a standing queue, in the middle of a round: the path became slower.
            queue_us = queue.now_us()
            if queue_us > 2 * queue.threshold_us() and now - self._cut_at > max(queue.minimum_us, _CUT_APART_US):
                queue.standing_us = queue_us
                self._cut(now)
        self._set_rate(now)

    def on_silence(self, now: int) -> None:
        self.state = STARTUP
        self.rate = max(min(INITIAL_RATE, self.rate) // 2, self._rate_min, _RATE_FLOOR)
        self.window_bytes = INITIAL_PACKETS * PACKET_BYTES
        self.delivery = DeliveryRate(now)
        self.queue = QueueDelay(self.queue.smoothed_us, now)
        self.bound = _UNBOUNDED
        self._rate_now = self._rate_before = self._best_rate = 0
        self._flat_rounds = 0
        self._clamp()

    # ------------------------------------------------------------------ what is known

    def bandwidth(self) -> int:
        """Bytes/s that the path is believed to carry for this connection; 0 until something was measured."""
        return min(max(self._rate_now, self._rate_before), self.bound)

    def ack_interval_us(self) -> int:
        round_trip_us = self.queue.minimum_us or self.queue.smoothed_us or _ROUND_TRIP_UNKNOWN_US
        return min(max(round_trip_us // _ACK_PART, _ACK_MIN_US), _ACK_MAX_US)

    def is_competitive(self, now: int) -> bool:
        """Whether others keep the queue full, so that waiting for it to drain would leave the path to them."""
        return now < self._competitive_until

    def _on_the_way(self, rate: int) -> int:
        """Bytes that fill the path at a rate, its queue left out."""
        round_trip_us = self.queue.minimum_us or self.queue.smoothed_us or _ROUND_TRIP_UNKNOWN_US
        return rate * max(round_trip_us, US_PER_MS) // US_PER_SECOND

    # ------------------------------------------------------------------ once a round

    def _end_round(self, now: int) -> None:
        delivery = self.delivery
        self.queue.end_round()
        self._rounds_in_state += 1
        if self._was_drained and self._rounds_in_state > 1:
            # The first whole round after it: what packets are late by now is jitter.
            self._was_drained = False
            if self.state == CRUISE:
                self.queue.accept_jitter()
        sample = delivery.sample
        if sample > self._rate_now and (not delivery.is_limited or sample > max(self._rate_now, self._rate_before)):
            self._rate_now = sample
        if self.state == STARTUP:
            self._judge_startup()
        elif self.state == DRAIN:
            self._drain_rounds += 1
        elif self.state != PROBE_RTT:
            self._judge(now)

    def _judge_startup(self) -> None:
        delivery = self.delivery
        if delivery.sample * 4 >= self._best_rate * 5:
            self._best_rate = max(delivery.sample, 1)
            self._flat_rounds = 0
        elif not delivery.is_limited:
            self._flat_rounds += 1
        is_queue = delivery.sample > 0 and self.queue.standing_us > self.queue.threshold_us()
        if self._flat_rounds >= _STARTUP_FLAT_ROUNDS or is_queue or (delivery.loss > 0.3 and self._flat_rounds >= 1):
            self._leave_startup()

    def _leave_startup(self) -> None:
        self._enter(DRAIN)
        self._drain_rounds = 0

    def _judge(self, now: int) -> None:
        """A round of the steady states."""
        delivery = self.delivery
        queue = self.queue
        sample = delivery.sample
        if queue.standing_us > queue.threshold_us():
            self._judge_queue(now)
        elif queue.is_measured:
            self._cuts = 0
            self._queue_since = NEVER
            self._worst_queue_us = 0
            ends_in_us = self._competitive_until - now
            if queue.standing_us < queue.threshold_us() // 2 and 0 < ends_in_us < COMPETITIVE_US // 2:
                self._competitive_until = 0
        above = max(_LOSS_ABOVE_FLOOR, delivery.loss_by_chance)
        is_lossy = delivery.is_loss_new and delivery.loss > delivery.loss_floor + above
        if is_lossy and not delivery.is_limited:
            floor = self.bandwidth() * 85 // 100
            self.bound = min(self.bound, max(sample, floor, self._rate_min))
        self._rounds_since_up += 1
        if self.state == UP:
            self._enter(DOWN)
            self._rounds_since_up = 0
        elif (
            self._rounds_since_up == 1
            and queue.standing_us <= queue.threshold_us() // 2
            and sample * 8 > self._before_probe * 9
            and not delivery.is_limited
        ):
            # There is more: go on.
            self._up_gain = max(self._up_gain, min(self._up_gain * 5 // 4, _GAIN_UP_MAX))
            self._before_probe = sample
            self._enter(UP)
        elif self.state == DOWN:
            if self._rounds_in_state >= 4:
                self._enter(CRUISE)
        elif (
            self.state == CRUISE
            and self._rounds_in_state >= 2
            and self._rounds_since_up >= self._rounds_between_probes()
            and not delivery.is_limited
        ):
            self._probe_up()

    def _probe_up(self) -> None:
        self._seed = (self._seed * 1_103_515_245 + 12_345) & 0x7FFF_FFFF
        self._dice = _DICE + (self._seed >> 16) % _DICE
        self._rate_before = min(self._rate_now or self._rate_before, self.bound)
        self._rate_now = 0
        self.bound = _UNBOUNDED
        self._before_probe = self.bandwidth()
        on_the_way = max(self._on_the_way(self._before_probe), 1)
        more = min(_GAIN_UNIT * _PACKETS_UP * PACKET_BYTES // on_the_way, _GAIN_FEW_MAX - _GAIN_UNIT)
        self._up_gain = max(_GAIN_UP, _GAIN_UNIT + more)
        self._enter(UP)

    def _rounds_between_probes(self) -> int:
        """The smaller its share, the more often a flow asks for more: that is what makes shares equal."""
        packets = self._on_the_way(self.bandwidth()) // PACKET_BYTES
        rounds = packets * self._dice // (_PACKETS_A_ROUND_OF_CRUISE * _DICE * 3 // 2)
        longest = max(_BETWEEN_PROBES_US // max(self.queue.smoothed_us, ROUND_MIN_US), _ROUNDS_BETWEEN_PROBES_MIN)
        return min(max(rounds, _ROUNDS_BETWEEN_PROBES_MIN), longest)

    def _judge_queue(self, now: int) -> None:
        """The queue stood for a round."""
        if self.is_competitive(now):
            return
        self._cuts += 1
        self._queue_since = min(self._queue_since, now)
        self._worst_queue_us = max(self._worst_queue_us, self.queue.standing_us)
        own = self._on_the_way(max(self.delivery.sample, 1)) * 9 // 8 + 3 * PACKET_BYTES
        is_vain = self._cuts >= _CUTS_WITHOUT_EFFECT and now - self._queue_since >= _WITHOUT_EFFECT_US
        if is_vain and self.in_flight_bytes <= own:
            # It stays although nothing of ours is in it.
            self._competitive_until = now + COMPETITIVE_US
            self.bound = _UNBOUNDED
            self._cuts = 0
        elif self._is_not_ours():
            self._accept(now)
        elif (
            self.state == CRUISE
            or (self.state == DOWN and self._rounds_in_state >= 3)
            or self.queue.standing_us > 4 * self.queue.threshold_us()
        ):
            self._cut(now)

    def _is_not_ours(self) -> bool:
        """Whether a queue stays although this flow has made room: jitter of a path that keeps order, or a new route."""
        return (
            self.state == DOWN
            and self._rounds_in_state >= _ROUNDS_TO_DRAIN
            and self.queue.standing_us >= self._worst_queue_us * _STAYS
            and self.delivery.sample <= self.bandwidth() * _DRAINS_FROM
        )

    def _accept(self, now: int) -> None:
        """Takes the queue for a part of the path. Where it goes on growing, others fill it."""
        if now - self._accepted_at < _ACCEPTED_AGAIN_US:
            self._competitive_until = now + COMPETITIVE_US
        self._accepted_at = now
        self.queue.accept()
        self.bound = _UNBOUNDED
        self._cuts = 0
        self._worst_queue_us = 0
        self._enter(CRUISE)

    def _cut(self, now: int) -> None:
        """The path is busy all the time: acks come at the rate that it has for us."""
        rate = self.delivery.ack_rate(1 << 60, now)
        if rate:
            self.bound = min(max(rate, self._rate_min, _RATE_FLOOR), max(self._rate_now, self._rate_before))
            self._cut_at = now
        self._enter(DOWN)

    def _enter(self, state: int) -> None:
        self.state = state
        self._rounds_in_state = 0

    # ------------------------------------------------------------------ once an ack

    def _set_rate(self, now: int) -> None:
        bandwidth = self.bandwidth()
        if self.state == STARTUP:
            self._grow(bandwidth, now)
            return
        full = self._on_the_way(bandwidth)
        queue = self.queue
        is_drained = self.in_flight_bytes <= full
        if (self.state == DRAIN and (is_drained or self._drain_rounds >= 4)) or (self.state == DOWN and is_drained):
            self._enter(CRUISE)
            self._was_drained = is_drained
        elif self.state == PROBE_RTT and now >= self._probe_rtt_until:
            queue.take_new_minimum(now)
            self._enter(CRUISE)
        if self.state != PROBE_RTT and queue.is_minimum_old(now) and not self.is_limited():
            self._enter(PROBE_RTT)
            self._probe_rtt_until = now + max(_PROBE_RTT_US, queue.smoothed_us)
            queue.measure_anew()
        self.rate = bandwidth * self._gain() // _GAIN_UNIT
        # Two times what fills the path, and what accumulates between acks.
        if self.is_competitive(now):
            bandwidth = max(self._rate_now, self._rate_before)
            full = self._on_the_way(bandwidth)
        between_acks = 2 * self.ack_interval_us() * bandwidth // US_PER_SECOND
        self.window_bytes = 2 * full + between_acks + 8 * PACKET_BYTES
        self._clamp()

    def _grow(self, bandwidth: int, now: int) -> None:
        """Start-up: twice as fast as packets arrive."""
        arriving = max(bandwidth, self.delivery.ack_rate(self.queue.smoothed_us // 2, now))
        if arriving:
            self.rate = max(self.rate, 2 * arriving)
            self.window_bytes = max(self.window_bytes, 2 * self._on_the_way(self.rate), INITIAL_PACKETS * PACKET_BYTES)
        self._clamp()

    def _gain(self) -> int:
        """In percent of what the path is believed to carry."""
        state = self.state
        if state == UP:
            return self._up_gain
        if state == DOWN:
            thresholds = self.queue.standing_us // self.queue.threshold_us()
            return (
                _GAIN_DOWN if thresholds < _DEEP else _GAIN_DOWN_DEEP if thresholds < _DEEPEST else _GAIN_DOWN_DEEPEST
            )
        if state in (DRAIN, PROBE_RTT):
            return _GAIN_DRAIN
        return _GAIN_UNIT

    def _clamp(self) -> None:
        self.rate = min(max(self.rate, self._rate_min), self._rate_max)
