"""The retransmission timer: when does silence about reliable data call for a probe, and when do repeats wait?

A probe repeats the oldest segment and asks for an immediate ack. Where the window is full of packets without reliable
data, it is the next packet, whatever the window says: nothing else would ever ask about them again. The interval
doubles with each probe that goes unanswered, which the reference library's timer does not do (spec 2, 2.8.3). Where the
rate follows the path the round trip is known better, and the peer was mostly asked for an ack at once: there the
interval is that of RFC 9002, 6.2.1.
"""

from typing import Final, final

from gamesockets.build import mypyc_attr
from gamesockets.send.path_feedback import PathFeedback
from gamesockets.send.round_trip import UNKNOWN
from gamesockets.values.moments import NEVER

PROBE_ROUND_TRIPS: Final = 1.5
PROBE_UNKNOWN_US: Final = 1_000_000
"""How long silence lasts until it means something, as long as no round trip was measured."""

HOLD_FROM_TRANSMISSIONS: Final = 4
"""Lost that often, a segment is more likely refused by a full receiver than lost by the network."""

REFUSED_SHARE: Final = 0.75
"""A full receiver refuses more than this of what comes."""

HOLD_ROUND_TRIPS: Final = 0.5

SILENT_PROBES: Final = 3
SILENT_ROUND_TRIPS: Final = 3
"""With so many probes unanswered, the first so many of the worst round trips and ack delays ago, nothing that was known
of the path holds any more (RFC 9002, 7.6)."""

_JITTERS: Final = 4

_PEER_ACK_DELAY_US: Final = 50_000
_TIMER_SLACK_US: Final = 10_000
_BACK_OFF_MAX_US: Final = 1_000_000
_DOUBLINGS_MAX: Final = 7
"""The shortest interval reaches `_BACK_OFF_MAX_US` with so many."""

_HOLD_SLACK_US: Final = 5_000
_HOLD_MAX_US: Final = 250_000


@mypyc_attr(acyclic=True)
@final
class RetransmissionTimer:
    """Runs while reliable bytes are unacknowledged, or a full window keeps data from leaving."""

    __slots__ = (
        "_back_off",
        "_is_for_window",
        "_is_told",
        "_path",
        "_round_trip",
        "_sent_at",
        "_silent_since",
        "held_until",
        "is_ack_asked",
        "is_probing",
        "running_since",
    )

    def __init__(self, path: PathFeedback) -> None:
        self._path = path
        self._round_trip = path.round_trip
        self._back_off = 0
        self._sent_at = 0
        """When the last packet with reliable bytes left."""
        self._silent_since = 0
        """When the first of the unanswered probes became due."""
        self._is_told = False
        """Of this silence."""
        self._is_for_window = False
        """It runs only because the window is full."""
        self.is_ack_asked = False
        """The last packet with reliable data, or of many, asked for an immediate ack."""
        self.is_probing = False
        """A probe is to leave, whatever is in flight."""
        self.running_since = NEVER
        """When reliable bytes last left or were acknowledged, or the window became full; NEVER if neither holds."""
        self.held_until = 0
        """Lost segments are not repeated before."""

    def expires_at(self) -> int:
        """When to send a probe; NEVER if there is nothing to probe for."""
        if self.running_since == NEVER:
            return NEVER
        round_trip_us = self._round_trip.smoothed_us
        learned = self._path.learned
        if round_trip_us == UNKNOWN:
            interval_us = PROBE_UNKNOWN_US
        elif learned is not None and self._path.control is learned and learned.queue.smoothed_us:
            queue = learned.queue
            interval_us = queue.smoothed_us + max(_JITTERS * queue.jitter_us, _TIMER_SLACK_US)
            if not self.is_ack_asked:
                interval_us += _PEER_ACK_DELAY_US
        else:
            interval_us = int(round_trip_us * PROBE_ROUND_TRIPS) + _PEER_ACK_DELAY_US + _TIMER_SLACK_US
        if self._back_off:
            interval_us = max(interval_us, min(interval_us << self._back_off, _BACK_OFF_MAX_US))
        return self.running_since + interval_us

    def on_sent(self, now: int) -> None:
        """A packet with reliable bytes leaves."""
        self.running_since = self._sent_at = now
        self._is_for_window = False

    def on_full_window(self, now: int) -> None:
        """Data waits, and only an ack will let it leave."""
        if self.running_since == NEVER:
            self.running_since = now
            self._is_for_window = True

    def on_arrival(self) -> None:
        """The peer acknowledged packets, be it without reliable bytes."""
        if self._is_for_window:
            self._is_for_window = False
            self.running_since = NEVER
            self._back_off = 0

    def on_probe(self, now: int) -> None:
        """A probe leaves. Silence is no refusal, so lost segments are not held; the next interval is longer."""
        if not self._back_off:
            self._silent_since = now
            self._is_told = False
        self.running_since = now
        self.held_until = 0
        self.is_probing = True
        self._back_off = min(self._back_off + 1, _DOUBLINGS_MAX)

    def is_silence(self, now: int) -> bool:
        """Whether several probes in a row were answered with nothing, and for long; True once a silence."""
        if self._is_told or self._back_off < SILENT_PROBES:
            return False
        round_trip_us = max(self._round_trip.worst_us, 0) + _PEER_ACK_DELAY_US
        self._is_told = now - self._silent_since >= SILENT_ROUND_TRIPS * round_trip_us
        return self._is_told

    def on_progress(self, is_more_in_flight: bool, now: int) -> None:
        """The peer acknowledged reliable bytes for the first time."""
        self._back_off = 0
        if not is_more_in_flight:
            self.running_since = NEVER
        elif not self._path.control.is_adaptive:
            self.running_since = now
        else:
            self.running_since = self._sent_at  # that older packets arrive says nothing of the last one

    def on_repeated_loss(self, transmissions: int, now: int) -> None:
        """A segment was lost that often. What the peer refuses is held back, so that it does not fill the network."""
        if transmissions < HOLD_FROM_TRANSMISSIONS:
            return
        learned = self._path.learned
        if learned is not None and learned.delivery.loss_of_late() < REFUSED_SHARE:
            return  # most arrives, so nothing is refused: the path loses much
        hold_us = int(max(self._round_trip.smoothed_us, 0) * HOLD_ROUND_TRIPS) + _HOLD_SLACK_US
        hold_us = min(hold_us << (transmissions - HOLD_FROM_TRANSMISSIONS), _HOLD_MAX_US)
        self.held_until = max(self.held_until, now + hold_us)
