"""Whose is a queue that stands? One's own shrinks when less is sent. What stays is others', or a longer path."""

from typing import Final, final

from gamesockets.send.queue_delay import QueueDelay
from gamesockets.values.moments import NEVER, US_PER_MS

OURS: Final = 0
"""For all that is known: it is to be drained."""
OTHERS: Final = 1
PATHS: Final = 2
"""It is none: round trips are longer now, whatever is sent."""

_STAYS: Final = 0.7
"""A queue that is still so much of what it was, although less was sent than the path carries, is not this flow's."""

_GOES: Final = 0.3
"""A queue that is so much shorter than it was is being drained, by all who are in it."""

_ROUNDS_TO_STAY: Final = 3
_ROUNDS_TO_SEE: Final = 4
_TO_SEE_US: Final = 200_000
_MUCH_LESS: Final = 0.6
"""What arrives has fallen to this: with one's own queue it would not have, since the narrowest place is busy until that
is drained."""

FILLED_THRESHOLDS: Final = 2
"""Who fills a queue does not stop soon after the threshold."""

_SAME_PART: Final = 4
"""A queue of others swings by more than one part in so many."""

_ROUNDS_IN_VAIN: Final = 6
_ROUNDS_EXPECTED: Final = 3
"""The same where others have lately filled the queue."""

_ROUNDS_FORGOTTEN: Final = 2
"""A round without a queue undoes so many: the queues of others swing."""

_BEST_KEPT_US: Final = 5_000_000
_NEVER_EMPTY_US: Final = 3_000_000
"""Flows such as this one empty their common queue about once a second, once all of a crowd have begun."""

_ROBBED: Final = 0.75
"""What usually arrives has fallen to this part of the best of late."""

_IN_VAIN_US: Final = 3_000_000
_DRAINING_US: Final = 4_000_000
"""A crowd of flows that all learn at the same time needs so long to drain its queue."""


@final
class StandingQueue:
    """Rounds with a queue, and what it was like in them."""

    __slots__ = (
        "_best_now",
        "_best_since",
        "_emptied_at",
        "_least_us",
        "_rounds",
        "_since",
        "best_rate",
        "rate_before",
        "worst_us",
    )

    def __init__(self) -> None:
        self._rounds = 0
        self._since = NEVER
        self._least_us = NEVER
        self.worst_us = 0
        """The longest it was since it stands."""
        self.rate_before = 0
        """Bytes/s that usually arrived before it stood."""
        self.best_rate = 0
        """The most that usually arrived in the last 5 to 10 s: others take it away bit by bit, before they are seen."""
        self._best_now = 0
        self._best_since = 0
        self._emptied_at = NEVER

    def end_round(self, queue: QueueDelay, usual_rate: int, now: int) -> None:
        """A round ended, with or without a queue."""
        self._best_now = max(self._best_now, usual_rate)
        self.best_rate = max(self.best_rate, usual_rate)
        if now - self._best_since >= _BEST_KEPT_US:
            self.best_rate = self._best_now
            self._best_now = usual_rate
            self._best_since = now
        if self._emptied_at == NEVER or (queue.is_measured and queue.standing_us <= queue.empty_us()):
            self._emptied_at = now

    def is_robbed(self, usual_rate: int, now: int) -> bool:
        """Whether less and less arrives beside a queue that is short, but never empty: others grow into all room."""
        return now - self._emptied_at >= _NEVER_EMPTY_US and usual_rate <= self.best_rate * _ROBBED

    def has_stayed(self, standing_us: int, now: int) -> bool:
        """Whether it has stood for long enough to see it go, and has not gone."""
        is_long = self._rounds >= _ROUNDS_TO_STAY and now - self._since >= _TO_SEE_US
        return is_long and standing_us >= self.worst_us * _STAYS

    def add(self, standing_us: int, usual_rate: int, now: int) -> None:
        """It stood for a round; so many bytes/s usually arrive."""
        self._rounds += 1
        if self._since == NEVER:
            self._since = now
            self.rate_before = usual_rate
        self.worst_us = max(self.worst_us, standing_us)
        self._least_us = min(self._least_us, standing_us)

    def skip(self) -> None:
        """A round without it."""
        self._rounds -= _ROUNDS_FORGOTTEN
        if self._rounds <= 0:
            self.forget()

    def forget(self) -> None:
        """What stood is no matter any more."""
        self._rounds = 0
        self._since = self._least_us = NEVER
        self.worst_us = 0

    def whose(self, standing_us: int, threshold_us: int, arriving: int, is_expected: bool, now: int) -> int:
        """Whose it is, by what arrives (bytes/s) and whether others are expected: `OURS`, `OTHERS` or `PATHS`."""
        stays = standing_us >= self.worst_us * _STAYS
        is_much_less = arriving <= self.rate_before * _MUCH_LESS
        if is_expected:
            is_vain = self._rounds >= _ROUNDS_EXPECTED
        else:
            is_same = self.worst_us - self._least_us <= max(self.worst_us // _SAME_PART, US_PER_MS)
            if is_same and is_much_less and self._rounds >= _ROUNDS_TO_SEE and now - self._since >= _TO_SEE_US:
                return PATHS
            needed_us = _IN_VAIN_US if stays else _DRAINING_US
            is_vain = self._rounds >= _ROUNDS_IN_VAIN and now - self._since >= needed_us
        if not is_vain or standing_us < self.worst_us * _GOES:
            return OURS
        # A crowd of flows such as this one has a queue of little more than the threshold, and each its share.
        is_filled = standing_us >= FILLED_THRESHOLDS * threshold_us
        return OTHERS if is_filled or is_much_less or is_expected else OURS
