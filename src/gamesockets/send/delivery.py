"""How fast does what is sent arrive, and how much of it is lost? Measured once a round.

A round is the time from a moment until a packet that left after it is acknowledged: a round trip, and `ROUND_MIN_US`
at least.
"""

from math import sqrt
from typing import Final, final

from gamesockets.values.moments import US_PER_SECOND

ROUND_MIN_US: Final = 10_000
"""On shorter round trips the clocks and batches of both ends would be measured instead of the path."""

_ACKS_KEPT: Final = 16
_ACKS_NEEDED: Final = 4
_SPAN_MIN_US: Final = 10_000
LOSS_JUDGED_BYTES: Final = 40_000
"""So much must have been sent until a share of losses says anything: 32 full packets."""

PACKET_BYTES: Final = 1250
"""About a full packet."""

LOSS_CHANCE: Final = 2.5
"""Standard deviations of a number of losses that may be chance."""

PERMILLE: Final = 1_000

_LOSS_REPLACED: Final = 0.875
"""So much of what is always lost is sent in addition. Not all, or what a full path drops would become usual by that."""

_LOSS_REPLACED_MAX: Final = 0.15
_LOSS_FLOOR_RISE: Final = 0.005
_LOSS_FLOOR_FALL: Final = 8
"""The floor falls by one part in so many of the distance, so that one window without losses does not end it."""
_LOSS_UNUSUAL: Final = 0.01
_LOSS_USUAL_SMOOTHING: Final = 16
_LOSS_WEIGHT: Final = 0.2


@final
class DeliveryRate:
    """Counts what arrives, and what that means for one round."""

    __slots__ = (
        "_ack_delivered",
        "_ack_times",
        "_began_at",
        "_began_delivered",
        "_began_lost",
        "_began_sent_at",
        "_ends_with",
        "_judged_delivered",
        "_judged_lost",
        "_newest_delivered",
        "_newest_sent_at",
        "_was_limited",
        "arrived_in_round",
        "delivered_bytes",
        "is_limited",
        "is_loss_new",
        "loss",
        "loss_by_chance",
        "loss_floor",
        "lost_bytes",
        "lost_in_round",
        "rounds",
        "sample",
        "sent_permille",
        "smoothed_loss",
        "usual_loss",
    )

    def __init__(self, now: int) -> None:
        self.delivered_bytes = 0
        self.lost_bytes = 0
        self.rounds = 0
        """How many rounds have ended."""
        self.sample = 0
        """Bytes/s that arrived in the last round."""
        self.arrived_in_round = 0
        """Bytes that arrived in it."""
        self.lost_in_round = 0
        """Bytes that were believed lost in it, late ones left out."""
        self.is_limited = False
        """The application had less to send in it than might have been sent."""
        self.loss = 0.0
        """Share that was lost of the last `LOSS_JUDGED_BYTES` or more, in whole rounds."""
        self.is_loss_new = False
        """Whether `loss` was measured anew with the last round."""
        self.smoothed_loss = 0.0
        """Share of packets that was lost, over about five rounds."""
        self.loss_floor = 0.0
        """What share is lost whatever is sent. It rises slowly."""
        self.usual_loss = 0.0
        """What share is lost on average, bursts left out: such as a full receiver makes, or a full queue."""
        self.loss_by_chance = 0.0
        """How far above the floor chance alone may lift `loss`."""
        self.sent_permille = PERMILLE
        """So much is to be sent for each 1000 bytes that shall arrive."""
        self._began_at = now
        self._began_delivered = 0
        self._began_lost = 0
        self._began_sent_at = 0
        self._ends_with = 0
        """The round ends with a packet before which so much had arrived."""
        self._judged_delivered = 0
        self._judged_lost = 0
        self._newest_sent_at = 0
        self._newest_delivered = 0
        self._was_limited = False
        self._ack_times: list[int] = []
        self._ack_delivered: list[int] = []

    def on_delivered(self, size_bytes: int, sent_at: int, delivered_then: int, was_limited: bool) -> None:
        """A packet arrived that left at `sent_at`, when the path had delivered `delivered_then` bytes."""
        self.delivered_bytes += size_bytes
        if sent_at >= self._newest_sent_at:
            self._newest_sent_at = sent_at
            self._newest_delivered = delivered_then
        if was_limited:
            self._was_limited = True

    def on_acks(self, path_delivered: int, now: int) -> bool:
        """An ack was applied; True if a round ends with it: then the figures are new."""
        times = self._ack_times
        delivered = self._ack_delivered
        times.append(now)
        delivered.append(self.delivered_bytes)
        if len(times) > _ACKS_KEPT:
            del times[0]
            del delivered[0]
        if self._newest_delivered < self._ends_with or now - self._began_at < ROUND_MIN_US:
            return False
        self._end_round(path_delivered, now)
        return True

    def _end_round(self, path_delivered: int, now: int) -> None:
        # The longer of the time in which they were sent and in which the acks came: a burst of acks is no faster path.
        elapsed_us = max(now - self._began_at, self._newest_sent_at - self._began_sent_at, 1)
        arrived = self.delivered_bytes - self._began_delivered
        lost = self.lost_bytes - self._began_lost
        self.sample = arrived * US_PER_SECOND // elapsed_us if self._began_sent_at else 0
        self.arrived_in_round = arrived
        self.lost_in_round = lost
        self.is_limited = self._was_limited
        loss = _share(lost, arrived)
        if self.rounds:
            self.smoothed_loss += (loss - self.smoothed_loss) * _LOSS_WEIGHT
        else:
            self.smoothed_loss = loss
        self._judge_loss()
        self.rounds += 1
        self._ends_with = path_delivered
        self._began_at = now
        self._began_delivered = self.delivered_bytes
        self._began_lost = self.lost_bytes
        self._began_sent_at = self._newest_sent_at
        self._was_limited = False

    def _judge_loss(self) -> None:
        # On a short or slow path a round has a few packets: one of ten that is lost by chance is no congestion.
        arrived = self.delivered_bytes - self._judged_delivered
        lost = self.lost_bytes - self._judged_lost
        self.is_loss_new = arrived + lost >= LOSS_JUDGED_BYTES
        if self.is_loss_new:
            self.loss = _share(lost, arrived)
            floor = self.loss_floor
            packets = (arrived + lost) / PACKET_BYTES
            self.loss_by_chance = LOSS_CHANCE * sqrt(floor * (1 - floor) / packets)
            if self.loss < floor:
                self.loss_floor += (self.loss - floor) / _LOSS_FLOOR_FALL
            else:
                self.loss_floor = min(self.loss, floor + _LOSS_FLOOR_RISE)
            self.sent_permille = int(PERMILLE / (1 - min(_LOSS_REPLACED * self.loss_floor, _LOSS_REPLACED_MAX)))
            usual = min(self.loss, 2 * self.usual_loss + _LOSS_UNUSUAL)
            self.usual_loss += (usual - self.usual_loss) / _LOSS_USUAL_SMOOTHING
            self._judged_delivered = self.delivered_bytes
            self._judged_lost = self.lost_bytes

    def loss_of_late(self) -> float:
        """Share lost since the last round but the present one began: all, if nothing has arrived since."""
        arrived = self.delivered_bytes - self._began_delivered + self.arrived_in_round
        lost = self.lost_bytes - self._began_lost + self.lost_in_round
        return _share(lost, arrived) if arrived > 0 else 1.0

    def ack_rate(self, span_us: int, now: int) -> int:
        """Bytes/s at which acks come at the moment, over `span_us` and the last acks; 0 if too few came."""
        times = self._ack_times
        index = len(times) - 1
        span_us = max(span_us, _SPAN_MIN_US)
        while index > 0 and now - times[index] < span_us:
            index -= 1
        if index < 0 or now - times[index] < _SPAN_MIN_US or len(times) - index < _ACKS_NEEDED:
            return 0
        return (self.delivered_bytes - self._ack_delivered[index]) * US_PER_SECOND // (now - times[index])


def _share(lost: int, arrived: int) -> float:
    """What part was lost. Late arrivals count as negative losses, so it may be none."""
    return min(max(lost / (lost + arrived), 0.0), 1.0) if arrived > 0 and lost > 0 else 0.0
