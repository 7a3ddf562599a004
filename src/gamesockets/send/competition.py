"""How much may be in flight beside flows that fill every queue? As much as TCP CUBIC would take (RFC 9438).

To such flows a queue says nothing, so who makes room for them is left with nothing. While they are there the queue
says nothing here either: the window grows until the queue overflows. Now and then most of it is taken back for a
moment. If the queue goes with it, no others were filling it, or none do any more.
"""

from math import sqrt
from typing import Final, final

from gamesockets.send.delivery import LOSS_CHANCE, DeliveryRate
from gamesockets.send.queue_delay import QueueDelay
from gamesockets.values.moments import US_PER_SECOND

TCP_PACKET_BYTES: Final = 1448
"""The window grows by packets as large as those of TCP: by smaller ones it would grow more slowly than its rival."""

_GROWTH: Final = 0.4
_CUT: Final = 0.7
_AGAIN: Final = 0.85
_FRIENDLY: Final = 3 * (1 - _CUT) / (1 + _CUT)
_WINDOW_MIN: Final = 4.0
_WINDOW_MAX: Final = 100_000.0
_GROWTH_MAX: Final = 1.5

_FULL: Final = 0.75
"""A loss while the queue is so much of the longest one seen comes from its overflow; other losses are radio's."""

_LOOK_FIRST_US: Final = 2_000_000
_LOOK_EVERY_US: Final = 10_000_000
"""The first look comes after two seconds, then each after twice as long, up to this."""

_LOOK_AGAIN_US: Final = 5_000_000
"""So long after a look an overflow, or a queue that became shorter, is a reason for the next one."""

_REGAINED: Final = 1.25
"""Others had taken a part already when what usually arrives was first known."""

_ROUNDS_AFTER_CUT: Final = 2
"""So long what is lost was sent before the cut, and cuts no more."""

_SHORTER: Final = 0.85
_ROUNDS_TO_LOOK: Final = 4
_EXPECTED_US: Final = 30_000_000
_AS_SHORT_PART: Final = 128


@final
class Competition:
    """The window of one flow while others keep the queue full."""

    __slots__ = (
        "_expected_until",
        "_friendly",
        "_growing_since",
        "_least_before_us",
        "_least_us",
        "_look_every_us",
        "_looked_at",
        "_plateau",
        "_queue_us",
        "_regained_rate",
        "_rounds_after_cut",
        "_rounds_to_look",
        "_to_plateau_s",
        "_window",
        "_worst_queue_us",
    )

    def __init__(self) -> None:
        self._window = _WINDOW_MIN
        """In packets."""
        self._plateau = 0.0
        """How large it was when the queue last overflowed."""
        self._growing_since = 0
        self._to_plateau_s = 0.0
        self._friendly = 0.0
        """What the window of TCP Reno would be by now."""
        self._worst_queue_us = 0
        self._queue_us = 0
        """The queue of the last round."""
        self._look_every_us = _LOOK_FIRST_US
        self._looked_at = 0
        self._rounds_to_look = 0
        self._rounds_after_cut = 0
        self._regained_rate = 0
        """Bytes/s that this flow had before others came. Until it meets an overflow, it takes no more in a hurry."""
        self._least_us = 0
        """The shortest round trip while looking."""
        self._least_before_us = 0
        """The same of the time before."""
        self._expected_until = 0

    @property
    def window_bytes(self) -> int:
        """What may be in flight."""
        return int(self._window * TCP_PACKET_BYTES)

    @property
    def is_looking(self) -> bool:
        """Little is to be sent at the moment, to see whether the queue goes."""
        return self._rounds_to_look > 0

    def is_expected(self, now: int) -> bool:
        """Whether others have filled the queue lately, so that they are likely back if it stands."""
        return now < self._expected_until

    def begin(self, rate: int, round_trip_us: int, now: int) -> None:
        """Others fill the queue, and so many bytes/s arrived before that."""
        window_bytes = rate * round_trip_us // US_PER_SECOND
        before = self._window * _AGAIN if self.is_expected(now) else 0.0
        self._plateau = min(max(window_bytes / TCP_PACKET_BYTES, before, _WINDOW_MIN), _WINDOW_MAX)
        self._window = self._plateau
        self._regained_rate = rate
        self._worst_queue_us = 0
        self._queue_us = 0
        self._look_every_us = _LOOK_FIRST_US
        self._rounds_to_look = 0
        self._looked_at = now
        self._grow_from(now)

    def end_round(self, queue: QueueDelay, delivery: DeliveryRate, now: int) -> bool:
        """A round ended; whether others fill the queue no longer."""
        if not queue.is_measured:
            return False
        if queue.standing_us <= queue.empty_us():
            return True
        if self._rounds_to_look:
            return self._look(queue, now)
        self._worst_queue_us = max(self._worst_queue_us, queue.standing_us)
        is_shorter = queue.standing_us < self._queue_us * _SHORTER
        # Others that lost something, too, may have made room before this flow hears of its own losses.
        was_full = max(queue.standing_us, self._queue_us) >= self._worst_queue_us * _FULL
        self._queue_us = queue.standing_us
        if self._rounds_after_cut:
            self._rounds_after_cut -= 1
            return False
        if was_full and _is_more_than_chance(delivery):
            self._rounds_after_cut = _ROUNDS_AFTER_CUT
            self._regained_rate = 0
            if self._window < self._plateau:
                self._plateau = self._window * (1 + _CUT) / 2
            else:
                self._plateau = self._window
            self._window = max(self._window * _CUT, _WINDOW_MIN)
            self._grow_from(now)
            if now - self._looked_at >= _LOOK_AGAIN_US:
                self._begin_to_look(now)
        elif now - self._looked_at >= (_LOOK_AGAIN_US if is_shorter else self._look_every_us):
            # Where the queue has just become shorter, others of ours may be looking: only all together see it go.
            self._look_every_us = min(2 * self._look_every_us, _LOOK_EVERY_US)
            self._begin_to_look(now)
        elif not delivery.is_limited:
            self._grow(queue.smoothed_us, now)
        return False

    def _grow_from(self, now: int) -> None:
        self._growing_since = now
        self._friendly = self._window
        self._to_plateau_s = float((max(self._plateau - self._window, 0.0) / _GROWTH) ** (1 / 3))
        self._plateau = max(self._plateau, self._window)

    def _grow(self, round_trip_us: int, now: int) -> None:
        since_s = (now + round_trip_us - self._growing_since) / US_PER_SECOND - self._to_plateau_s
        self._friendly += _FRIENDLY
        target = _GROWTH * since_s * since_s * since_s + self._plateau
        if self._regained_rate:
            target = min(target, _REGAINED * self._regained_rate * round_trip_us / US_PER_SECOND / TCP_PACKET_BYTES)
        target = max(target, self._friendly)
        self._window = min(max(target, self._window), self._window * _GROWTH_MAX, _WINDOW_MAX)

    def _begin_to_look(self, now: int) -> None:
        self._rounds_to_look = _ROUNDS_TO_LOOK
        self._looked_at = now
        self._least_us = 0

    def _look(self, queue: QueueDelay, now: int) -> bool:
        """The queue still stands although little is sent."""
        if not self._least_us or queue.round_us < self._least_us:
            self._least_us = queue.round_us
        self._rounds_to_look -= 1
        if self._rounds_to_look:
            return False
        self._expected_until = now + _EXPECTED_US
        least_us = self._least_us
        is_same = abs(least_us - self._least_before_us) <= max(least_us // _AS_SHORT_PART, queue.jitter_us)
        self._least_before_us = least_us
        if is_same:
            # No queue of others is as long twice: the path has become longer.
            queue.take_minimum(least_us, now)
            return True
        self._growing_since += now - self._looked_at
        return False


def _is_more_than_chance(delivery: DeliveryRate) -> bool:
    """Whether more was lost in the round than is lost whatever is sent."""
    lost = delivery.lost_in_round / TCP_PACKET_BYTES
    floor = delivery.loss_floor
    expected = floor * (lost + delivery.arrived_in_round / TCP_PACKET_BYTES)
    return lost > expected + LOSS_CHANCE * sqrt(expected)
