"""How fast may this connection send on a path that nobody has described? A model: what it delivers, and its queue.

The signal is a standing queue, not a loss: radio loses packets at random, and a queue is what hurts games. Once a round
the controller looks at what arrived and at the queue, and moves between states:

    STARTUP (twice as fast each round trip) -> DRAIN -> CRUISE (as fast as packets arrive)
    CRUISE -> UP (is there more?) -> DOWN (let the queue of that drain) -> CRUISE
    any -> PROBE_RTT, once the shortest round trip is ten seconds old
    any -> COMPETE, where the queue stands whatever this flow does, until it goes

The ideas are those of BBR (rate and round trip as a model, probing up and down), Copa (a queue of its own as the
signal) and RFC 9406 (leave start-up by delay).
"""

from typing import Final, final

from gamesockets.send.competition import Competition
from gamesockets.send.delivery import PACKET_BYTES, PERMILLE, DeliveryRate
from gamesockets.send.flight import SentPacket
from gamesockets.send.initial_rate import INITIAL_PACKETS, INITIAL_RATE
from gamesockets.send.probing import GAIN_UNIT, Probing
from gamesockets.send.queue_delay import QueueDelay
from gamesockets.send.rate_control import UNBOUNDED, RateControl
from gamesockets.send.standing_queue import OTHERS, PATHS, StandingQueue
from gamesockets.values.moments import US_PER_MS, US_PER_SECOND

STARTUP: Final = 0
DRAIN: Final = 1
CRUISE: Final = 2
UP: Final = 3
DOWN: Final = 4
PROBE_RTT: Final = 5
COMPETE: Final = 6

STATE_NAMES: Final = ("startup", "drain", "cruise", "up", "down", "probe-rtt", "compete")

_GAIN_DRAIN: Final = 50
_GAIN_DOWN: Final = 75
_GAIN_DOWN_DEEP: Final = 40
_GAIN_DOWN_DEEPEST: Final = 15
_DEEP: Final = 3
_DEEPEST: Final = 8
"""A queue of so many thresholds is drained faster."""

_GAIN_COMPETE: Final = 120
"""The window decides there; the rate only spreads it."""

_GAIN_LOOK: Final = 30
_COMPETES_FROM_BYTES: Final = 7 * PACKET_BYTES
"""Of fewer packets in flight, chance makes what looks like a rival."""

_ROUNDS_OF_PROBE: Final = 2  # what a probe sent arrives in its own round and in the one behind it
_LONG_AGO: Final = 1_000  # more rounds than lie between two probes
_ROUNDS_TO_DRAIN: Final = 3
_DRAINS_FROM: Final = 0.9
"""While a queue drains, so much of what the path carries arrives, however little is sent."""

_ACCEPTED_AGAIN_US: Final = 5_000_000
_ROUNDS_OF_FAST_LINES: Final = 2
_STARTUP_FLAT_ROUNDS: Final = 3
_LOSS_ABOVE_FLOOR: Final = 0.1
_ACK_PART: Final = 10
_ACK_MIN_US: Final = 2_000
_ACK_MAX_US: Final = 12_000
_ASKED_EACH_BYTES: Final = 65_536
"""So long each packet of the start asks for an ack: on a slow line the few first ones fill a queue."""

_USUAL_ROUNDS: Final = 8
_CUT_APART_US: Final = 20_000
_KEPT_BY_JITTER: Final = 95
"""In percent: where a queue may be none, acks may come only as fast as was sent, and lower the rate by little."""

_PROBE_RTT_US: Final = 200_000
_RATE_FLOOR: Final = 4_000
_ROUND_TRIP_UNKNOWN_US: Final = 50_000


@final
class PathControl(RateControl):
    """The controller of one path, from the moment on when a connection moves more than a game does."""

    __slots__ = (
        "_accepted_at",
        "_arrived_since_acks",
        "_before_probe",
        "_best_rate",
        "_competition",
        "_cut_at",
        "_cut_queue_us",
        "_drain_rounds",
        "_flat_rounds",
        "_limited_until",
        "_probe_rtt_until",
        "_probing",
        "_rate_before",
        "_rate_max",
        "_rate_min",
        "_rate_now",
        "_rounds_in_state",
        "_rounds_since_probe",
        "_rounds_since_up",
        "_standing",
        "_usual_rate",
        "_was_drained",
        "bound",
        "delivery",
        "is_peer_tight",
        "queue",
        "state",
    )

    def __init__(self, rate: int, round_trip_us: int, now: int) -> None:
        super().__init__(True)
        self.state = STARTUP
        self.delivery = DeliveryRate(now)
        self.queue = QueueDelay(max(round_trip_us, 0), now)
        self.rate = rate
        self.window_bytes = max(self._on_the_way(rate), INITIAL_PACKETS * PACKET_BYTES)
        self.bound = UNBOUNDED
        """What a queue or a burst of losses says of the path, until the next probe."""
        self.is_peer_tight = False
        """The peer refuses what it has no room for, so losses say little of the path."""
        self._rate_min = _RATE_FLOOR
        self._rate_max = UNBOUNDED
        self._rate_now = 0
        """The best rate of delivery since the last probe."""
        self._usual_rate = 0
        """Smoothed over some rounds: what others take away is a part of this, not of one lucky round."""
        self._rate_before = 0
        """The one before."""
        self._arrived_since_acks = False
        self._limited_until = -1
        self._best_rate = 0
        self._flat_rounds = 0
        self._drain_rounds = 0
        self._rounds_in_state = 0
        self._rounds_since_up = _LONG_AGO
        self._rounds_since_probe = _LONG_AGO
        self._probing = Probing(now)
        self._before_probe = 0
        self._cut_at = 0
        self._cut_queue_us = 0
        self._was_drained = False
        """What is in flight just became so little that nothing of it waits in a queue."""
        self._standing = StandingQueue()
        self._accepted_at = -_ACCEPTED_AGAIN_US
        self._competition = Competition()
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
        elif self.state == STARTUP:
            # A slow line, whose queue is full before a second round ends, is told by lower standards.
            is_slow = self.delivery.rounds < _ROUNDS_OF_FAST_LINES
            if queue.lately_us() > queue.threshold_of_start_up_us(is_slow):
                self._leave_startup(now)
        if CRUISE <= self.state <= DOWN:
            # Much more than a standing queue, in the middle of a round: the path became slower.
            queue_us = queue.now_us()
            # Where it may be jitter it is no news while it drains, unless it has become longer.
            was_told = self.state == DOWN or self._was_drained
            is_draining = was_told and queue.is_jittery and queue_us <= self._cut_queue_us
            is_long = not is_draining and queue_us > 2 * queue.threshold_us()
            if is_long and now - self._cut_at > max(queue.minimum_us, _CUT_APART_US):
                queue.standing_us = queue_us
                self._cut(now)
        self._set_rate(now)

    def on_silence(self, now: int) -> None:
        self.state = STARTUP
        self.rate = max(min(INITIAL_RATE, self.rate) // 2, self._rate_min, _RATE_FLOOR)
        self.window_bytes = INITIAL_PACKETS * PACKET_BYTES
        self.delivery = DeliveryRate(now)
        self.queue = QueueDelay(self.queue.smoothed_us, now)
        self.bound = UNBOUNDED
        self._rate_now = self._rate_before = self._best_rate = self._usual_rate = 0
        self._flat_rounds = 0
        self._clamp()

    # ------------------------------------------------------------------ what is known

    def bandwidth(self) -> int:
        """Bytes/s that the path is believed to carry for this connection; 0 until something was measured."""
        return min(max(self._rate_now, self._rate_before), self.bound)

    def ack_interval_us(self) -> int:
        if self.state == STARTUP and self.delivery.delivered_bytes < _ASKED_EACH_BYTES:
            return 0
        round_trip_us = self.queue.minimum_us or self.queue.smoothed_us or _ROUND_TRIP_UNKNOWN_US
        return min(max(round_trip_us // _ACK_PART, _ACK_MIN_US), _ACK_MAX_US)

    def _on_the_way(self, rate: int) -> int:
        """Bytes that fill the path at a rate, its queue left out."""
        round_trip_us = self.queue.minimum_us or self.queue.smoothed_us or _ROUND_TRIP_UNKNOWN_US
        return rate * max(round_trip_us, US_PER_MS) // US_PER_SECOND

    # ------------------------------------------------------------------ once a round

    def _end_round(self, now: int) -> None:
        delivery = self.delivery
        self.queue.end_round(PACKET_BYTES * US_PER_SECOND // max(delivery.sample, 1))
        self._rounds_in_state += 1
        if self._was_drained and self._rounds_in_state > 1:
            # The first whole round after it: what packets are late by now is jitter.
            self._was_drained = False
            if self.state == CRUISE:
                self._accept_jitter()
        elif self.state == DOWN and self._rounds_in_state >= _ROUNDS_TO_DRAIN and self.queue.is_jittery:
            self._accept_jitter()
        sample = delivery.sample
        if sample > self._rate_now and (not delivery.is_limited or sample > max(self._rate_now, self._rate_before)):
            self._rate_now = sample
        self._usual_rate += (sample - self._usual_rate) // (_USUAL_ROUNDS if self._usual_rate else 1)
        self._standing.end_round(self.queue, self._usual_rate, now)
        if self.state == STARTUP:
            self._judge_startup(now)
        elif self.state == DRAIN:
            self._drain_rounds += 1
        elif self.state == COMPETE:
            self._judge_competition(now)
        elif self.state != PROBE_RTT:
            self._judge(now)

    def _judge_startup(self, now: int) -> None:
        delivery = self.delivery
        if delivery.sample * 4 >= self._best_rate * 5:
            self._best_rate = max(delivery.sample, 1)
            self._flat_rounds = 0
        elif not delivery.is_limited or self.is_peer_tight:
            self._flat_rounds += 1
        is_queue = delivery.sample > 0 and self.queue.standing_us > self.queue.threshold_of_start_up_us(False)
        if self._flat_rounds >= _STARTUP_FLAT_ROUNDS or is_queue or (delivery.loss > 0.3 and self._flat_rounds >= 1):
            self._leave_startup(now)

    def _leave_startup(self, now: int) -> None:
        if not self._rate_now:
            # A slow line: the first round has not ended yet, but behind a queue acks come at the rate of the line.
            self._rate_now = self.delivery.ack_rate(self.queue.smoothed_us, now)
            if not self._rate_now:
                return
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
            self._standing.skip()
        is_robbed = not delivery.is_limited and self._standing.is_robbed(self._usual_rate, now)
        if is_robbed and self.state != COMPETE and self._may_compete(queue.minimum_us + queue.threshold_us(), now):
            self._compete(now)
        if self.state == COMPETE:
            return  # its window decides, not a probe
        above = max(_LOSS_ABOVE_FLOOR, delivery.loss_by_chance)
        is_lossy = delivery.is_loss_new and delivery.loss > delivery.loss_floor + above
        if is_lossy and not delivery.is_limited and not self.is_peer_tight:
            floor = self.bandwidth() * 85 // 100
            self.bound = min(self.bound, max(sample, floor, self._rate_min))
        self._rounds_since_up += 1
        self._rounds_since_probe += 1
        if self.bound < sample and self._rounds_since_probe <= _ROUNDS_OF_PROBE and not delivery.is_limited:
            self.bound = sample  # the probe had a queue, but the path carried that much
        if self.state == UP:
            self._enter(DOWN)
            self._rounds_since_up = 0
        elif (
            self._rounds_since_up == 1
            and queue.is_short()
            and sample * 11 > self._before_probe * 12
            and not delivery.is_limited
        ):
            # There is more: go on.
            self._probing.go_on()
            self._rounds_since_probe = 0
            self._before_probe = sample
            self._enter(UP)
        elif self.state == DOWN:
            if self._rounds_in_state >= 4:
                self._enter(CRUISE)
                self._was_drained = queue.is_jittery
        elif (
            self.state == CRUISE
            and self._rounds_in_state >= 2
            and self._rounds_since_up
            >= self._probing.rounds_between(self._on_the_way(self.bandwidth()), self.queue.smoothed_us)
            and not delivery.is_limited
        ):
            self._probe_up()

    def _probe_up(self) -> None:
        self._rate_before = min(self._rate_now or self._rate_before, self.bound)
        self._rate_now = 0
        self.bound = UNBOUNDED
        self._before_probe = self.bandwidth()
        self._rounds_since_probe = 0
        self._probing.begin(self._on_the_way(self._before_probe), not self.queue.is_short())
        self._enter(UP)

    def _judge_queue(self, now: int) -> None:
        """The queue stood for a round."""
        queue = self.queue
        stood = self._standing
        sample = self.delivery.sample
        stood.add(queue.standing_us, self._usual_rate, now)
        whose = stood.whose(queue.standing_us, queue.threshold_us(), sample, self._competition.is_expected(now), now)
        if whose == OTHERS and self._may_compete(queue.smoothed_us, now):
            self._compete(now)
        elif whose == PATHS or self._is_not_ours(now):
            self._accept(now)
        elif (
            self.state == CRUISE
            or (self.state == DOWN and self._rounds_in_state >= 3)
            or queue.standing_us > 4 * queue.threshold_us()
        ):
            self._cut(now)

    def _may_compete(self, round_trip_us: int, now: int) -> bool:
        """Whether no more is sent than arrives, and enough was, in so long a round trip, to tell who fills a queue."""
        arriving = self.delivery.sample * self.queue.smoothed_us // US_PER_SECOND
        before = self._standing.best_rate * round_trip_us // US_PER_SECOND
        is_growing = self.in_flight_bytes > arriving * 9 // 8 + 3 * PACKET_BYTES
        return not is_growing and (before >= _COMPETES_FROM_BYTES or self._competition.is_expected(now))

    def _is_not_ours(self, now: int) -> bool:
        """Whether a queue stays although this flow has made room: jitter of a path that keeps order, or a new route."""
        return (
            self.state == DOWN
            and self._rounds_in_state >= _ROUNDS_TO_DRAIN
            and self._standing.has_stayed(self.queue.standing_us, now)
            and self.delivery.sample <= self.bandwidth() * _DRAINS_FROM
        )

    def _accept(self, now: int) -> None:
        """Takes the queue for a part of the path. Where it goes on growing, others fill it."""
        if now - self._accepted_at < _ACCEPTED_AGAIN_US:
            self._compete(now)
            return
        self._accepted_at = now
        self.queue.accept()
        self._forget_queue()
        self._enter(CRUISE)

    def _accept_jitter(self) -> None:
        """Takes as much of the queue for a part of the path as jitter explains, after it could have been drained."""
        if self.queue.accept_jitter() and self.queue.is_jittery:
            self._standing.forget()
            self._rounds_since_up = _LONG_AGO  # a search for more that it has ended goes on

    def _compete(self, now: int) -> None:
        """Others fill the queue: take a share of it, or nothing would be left."""
        rate = max(self._standing.best_rate, self.bandwidth())
        self._competition.begin(rate, max(self.queue.smoothed_us, US_PER_MS), now)
        self._forget_queue()
        self._enter(COMPETE)

    def _judge_competition(self, now: int) -> None:
        competition = self._competition
        was_looking = competition.is_looking
        is_over = competition.end_round(self.queue, self.delivery, now)
        if is_over or (competition.is_looking and not was_looking):
            self._rate_before = self._rate_now
            self._rate_now = self.delivery.sample
        if is_over:
            self._forget_queue()
            self._enter(CRUISE)

    def _forget_queue(self) -> None:
        """What stood is no reason to send less."""
        self.bound = UNBOUNDED
        self._standing.forget()

    def _cut(self, now: int) -> None:
        """The path is busy all the time: acks come at the rate that it has for us."""
        queue = self.queue
        rate = 0 if self.is_limited() else self.delivery.ack_rate(1 << 60, now)
        if rate:
            if queue.may_be_jitter():
                rate = max(rate, self.bandwidth() * _KEPT_BY_JITTER // GAIN_UNIT)
            self.bound = min(max(rate, self._rate_min, _RATE_FLOOR), max(self._rate_now, self._rate_before))
        self._cut_at = now
        self._cut_queue_us = queue.standing_us
        if self.state != DOWN or not queue.may_be_jitter():
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
        queue = self.queue
        full = self._on_the_way(bandwidth)
        accepted_us = queue.accepted_us if queue.is_jittery else 0
        is_drained = self.in_flight_bytes <= full + bandwidth * accepted_us // US_PER_SECOND
        if (self.state == DRAIN and (is_drained or self._drain_rounds >= 4)) or (self.state == DOWN and is_drained):
            self._enter(CRUISE)
            self._was_drained = is_drained or queue.is_jittery
        elif self.state == PROBE_RTT and now >= self._probe_rtt_until:
            queue.take_new_minimum(now)
            self._enter(CRUISE)
        if self.state == COMPETE:
            self._follow_competition()
            return
        if self.state != PROBE_RTT and queue.is_minimum_old(now) and not self.is_limited():
            self._enter(PROBE_RTT)
            self._probe_rtt_until = now + max(_PROBE_RTT_US, queue.smoothed_us)
            queue.measure_anew()
        self.rate = bandwidth * self._gain() * self.delivery.sent_permille // (GAIN_UNIT * PERMILLE)
        # Two times what fills the path, and what accumulates between acks.
        between_acks = 2 * self.ack_interval_us() * bandwidth // US_PER_SECOND
        delayed = bandwidth * queue.delayed_us() // US_PER_SECOND
        self.window_bytes = 2 * (full + delayed) + between_acks + 8 * PACKET_BYTES
        self._clamp()

    def _follow_competition(self) -> None:
        window_bytes = self._competition.window_bytes
        gain = _GAIN_LOOK if self._competition.is_looking else _GAIN_COMPETE
        rate = window_bytes * US_PER_SECOND // max(self.queue.smoothed_us, US_PER_MS)
        self.rate = rate * gain // GAIN_UNIT
        self.window_bytes = window_bytes
        self._clamp()

    def _grow(self, bandwidth: int, now: int) -> None:
        """Start-up: twice as fast as packets arrive."""
        arriving = max(bandwidth, self.delivery.ack_rate(self.queue.smoothed_us // 2, now))
        if arriving:
            self.rate = max(self.rate, 2 * arriving)
            delayed_us = self.queue.delayed_us() if self.queue.is_jittery else 0
            window_bytes = 4 * self._on_the_way(arriving) + 2 * arriving * delayed_us // US_PER_SECOND
            self.window_bytes = max(self.window_bytes, window_bytes, INITIAL_PACKETS * PACKET_BYTES)
        self._clamp()

    def _gain(self) -> int:
        """In percent of what the path is believed to carry."""
        state = self.state
        if state == UP:
            return self._probing.gain
        if state in (DRAIN, DOWN):
            queue = self.queue
            thresholds = (queue.lately_us() if state == DRAIN else queue.standing_us) // queue.threshold_us()
            if thresholds >= _DEEP:
                return _GAIN_DOWN_DEEP if thresholds < _DEEPEST else _GAIN_DOWN_DEEPEST
            return _GAIN_DRAIN if state == DRAIN else _GAIN_DOWN
        if state == PROBE_RTT:
            return _GAIN_DRAIN
        return GAIN_UNIT

    def _clamp(self) -> None:
        self.rate = min(max(self.rate, self._rate_min), self._rate_max)
