"""Is the peer still there? Reply timer, probes, keepalive, doubt, giving up (spec 1, 7.3 and 7.4)."""

from typing import Final, final

from gamesockets.build import mypyc_attr
from gamesockets.values.moments import NEVER

KEEPALIVE_US: Final = 10_000_000
PROBE_EVERY_US: Final = 200_000
TRACER_AFTER_US: Final = 7_000_000
MISSES_TO_GIVE_UP: Final = 4

DOUBT_US: Final = 2_000_000
"""So long a peer that seems to be gone may take for its answer."""
DOUBT_EVERY_US: Final = 1_000_000
"""Hints in the clear cost at most one probe in this time while the peer answers."""
MISSES_IN_DOUBT: Final = 2
"""More than one, so that a pause of this program is not taken for silence of the peer."""

REPLY_ROUND_TRIPS: Final = 2
"""How many of the longest recent round trips a reply may take, beside the margins."""

_REPLY_DEFAULT_US: Final = 1_250_000
_REPLY_MARGIN_US: Final = 250_000
_REPLY_DELAYED_US: Final = 200_000
_ROUND_TRIP_KNOWN_MAX_US: Final = 2_000_000
"""Longer ones are not measured (spec 1, 8.3): where none is known, they may be like that."""

NO_REQUEST: Final = 0
ACK_REQUEST: Final = 2
"""The value of the flags field: an ack may wait its 50 ms."""
IMMEDIATE_ACK_REQUEST: Final = 6


@mypyc_attr(acyclic=True)
@final
class Liveness:
    """When the peer was last heard, and which reply it still owes."""

    __slots__ = (
        "_asked_at",
        "_asked_immediately_at",
        "_doubt_again_at",
        "_doubt_until",
        "_misses",
        "_reply_by",
        "_timing_out_since",
        "last_heard_at",
        "timeout_us",
    )

    def __init__(self, now: int, timeout_us: int) -> None:
        self.timeout_us = timeout_us
        """How long probes stay unanswered before the connection is given up."""
        self.last_heard_at = now
        self._reply_by = NEVER
        self._misses = 0
        self._timing_out_since = -1
        self._asked_at = now
        self._asked_immediately_at = now - PROBE_EVERY_US
        self._doubt_until = NEVER
        self._doubt_again_at = now

    def heard(self, now: int) -> None:
        """A packet came that only the peer can have made."""
        self.last_heard_at = now
        if self._reply_by != NEVER or self._misses:
            self._doubt_until = NEVER
            self._reply_by = NEVER
            self._misses = 0
            self._timing_out_since = -1

    def doubt(self, now: int, worst_round_trip_us: int) -> None:
        """Something that anybody may have sent says that the peer is gone: it is asked, and must answer soon."""
        if self._doubt_until == NEVER and now >= self._doubt_again_at:
            worst_us = worst_round_trip_us if worst_round_trip_us >= 0 else _ROUND_TRIP_KNOWN_MAX_US
            self._doubt_until = now + max(DOUBT_US, worst_us * REPLY_ROUND_TRIPS + _REPLY_MARGIN_US)
            self._doubt_again_at = now + DOUBT_EVERY_US

    def is_in_doubt(self) -> bool:
        """Whether the peer was said to be gone and has not answered since."""
        return self._doubt_until != NEVER

    def misses(self) -> int:
        """How many requests in a row went unanswered."""
        return self._misses

    def expect_reply(self, now: int, is_immediate: bool, worst_round_trip_us: int) -> None:
        """Something was sent that should draw an answer; the longest recent round trip is below 0 if none is known."""
        if self._reply_by != NEVER:
            return
        timeout_us = _REPLY_DEFAULT_US
        if worst_round_trip_us >= 0:
            timeout_us = min(worst_round_trip_us * REPLY_ROUND_TRIPS + _REPLY_MARGIN_US, _REPLY_DEFAULT_US)
        self._reply_by = now + timeout_us + (0 if is_immediate else _REPLY_DELAYED_US)

    def request_due(self, now: int) -> int:
        """The ack request that deserves a packet of its own now."""
        if self._misses or self._doubt_until != NEVER:
            if now - self._asked_immediately_at >= PROBE_EVERY_US:
                return IMMEDIATE_ACK_REQUEST
        elif self._reply_by == NEVER and now - self.last_heard_at >= KEEPALIVE_US:
            return ACK_REQUEST
        return NO_REQUEST

    def tracer_due(self, now: int, last_sample_at: int) -> bool:
        """Whether a packet that leaves anyway should ask for an ack, to keep the ping fresh."""
        return now > self.tracer_at(last_sample_at)

    def tracer_at(self, last_sample_at: int) -> int:
        """When `tracer_due` becomes true."""
        return max(self._asked_at, last_sample_at) + TRACER_AFTER_US

    def asked(self, now: int, request: int) -> None:
        """A packet with this ack request is leaving."""
        self._asked_at = now
        if request == IMMEDIATE_ACK_REQUEST:
            self._asked_immediately_at = now

    def next_time(self) -> int:
        """When to call `handle_timer` or to look at `request_due`."""
        if self._misses or self._doubt_until != NEVER:
            return min(self._reply_by, self._asked_immediately_at + PROBE_EVERY_US, self._give_up_at())
        if self._reply_by != NEVER:
            return self._reply_by
        return self.last_heard_at + KEEPALIVE_US

    def handle_timer(self, now: int) -> bool:
        """Counts a missed reply if one is due; True when the peer is to be given up."""
        if now >= self._reply_by:
            self._reply_by = NEVER
            self._misses += 1
            if self._timing_out_since < 0:
                self._timing_out_since = now
        return now >= self._give_up_at()

    def _give_up_at(self) -> int:
        if self._doubt_until != NEVER and self._misses >= MISSES_IN_DOUBT:
            return self._doubt_until
        if self._misses < MISSES_TO_GIVE_UP:
            return NEVER
        return max(self._timing_out_since, self.last_heard_at) + self.timeout_us
