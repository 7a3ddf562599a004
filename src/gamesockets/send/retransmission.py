"""The retransmission timer: when does silence about reliable data call for a probe, and when do repeats wait?

A probe repeats the oldest segment and asks for an immediate ack. The interval doubles with each probe that goes
unanswered, which the reference library's timer does not do (spec 2, 2.8.3).
"""

from typing import Final, final

from gamesockets.send.round_trip import UNKNOWN, RoundTripEstimator
from gamesockets.values.moments import NEVER

PROBE_ROUND_TRIPS: Final = 1.5
PROBE_UNKNOWN_US: Final = 1_000_000
"""How long silence lasts until it means something, as long as no round trip was measured."""

HOLD_FROM_TRANSMISSIONS: Final = 4
"""Lost that often, a segment is more likely refused by a full receiver than lost by the network."""

HOLD_ROUND_TRIPS: Final = 0.5

SILENT_PROBES: Final = 3
"""With so many probes unanswered nothing that was known of the path holds any more (RFC 9002, 7.6)."""

_PEER_ACK_DELAY_US: Final = 50_000
_TIMER_SLACK_US: Final = 10_000
_BACK_OFF_MAX_US: Final = 1_000_000
_DOUBLINGS_MAX: Final = 5
"""The shortest interval reaches `_BACK_OFF_MAX_US` with so many."""

_HOLD_SLACK_US: Final = 5_000
_HOLD_MAX_US: Final = 250_000


@final
class RetransmissionTimer:
    """Runs while reliable bytes are unacknowledged."""

    __slots__ = ("_back_off", "_round_trip", "held_until", "is_probing", "running_since")

    def __init__(self, round_trip: RoundTripEstimator) -> None:
        self._round_trip = round_trip
        self._back_off = 0
        self.is_probing = False
        """A probe is to leave, whatever is in flight."""
        self.running_since = NEVER
        """When reliable bytes last left or were acknowledged; NEVER if none are in flight."""
        self.held_until = 0
        """Lost segments are not repeated before."""

    def expires_at(self) -> int:
        """When to send a probe; NEVER if there is nothing to probe for."""
        if self.running_since == NEVER:
            return NEVER
        round_trip_us = self._round_trip.smoothed_us
        if round_trip_us == UNKNOWN:
            interval_us = PROBE_UNKNOWN_US
        else:
            interval_us = int(round_trip_us * PROBE_ROUND_TRIPS) + _PEER_ACK_DELAY_US + _TIMER_SLACK_US
        if self._back_off:
            interval_us = max(interval_us, min(interval_us << self._back_off, _BACK_OFF_MAX_US))
        return self.running_since + interval_us

    def on_probe(self, now: int) -> None:
        """A probe leaves. Silence is no refusal, so lost segments are not held; the next interval is longer."""
        self.running_since = now
        self.held_until = 0
        self.is_probing = True
        self._back_off = min(self._back_off + 1, _DOUBLINGS_MAX)

    def is_silence(self) -> bool:
        """Whether several probes in a row were answered with nothing."""
        return self._back_off == SILENT_PROBES

    def on_progress(self, is_more_in_flight: bool, now: int) -> None:
        """The peer acknowledged reliable bytes for the first time."""
        self._back_off = 0
        self.running_since = now if is_more_in_flight else NEVER

    def on_repeated_loss(self, transmissions: int, now: int) -> None:
        """A segment was lost that often. What the peer refuses is held back, so that it does not fill the network."""
        if transmissions < HOLD_FROM_TRANSMISSIONS:
            return
        hold_us = int(max(self._round_trip.smoothed_us, 0) * HOLD_ROUND_TRIPS) + _HOLD_SLACK_US
        hold_us = min(hold_us << (transmissions - HOLD_FROM_TRANSMISSIONS), _HOLD_MAX_US)
        self.held_until = max(self.held_until, now + hold_us)
