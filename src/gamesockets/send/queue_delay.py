"""How long is the queue at the narrowest place of the path? What a round trip takes above the shortest one.

All in microseconds. A round trip is as long as the path, plus what the packet and its ack waited in queues, plus what
radio and schedulers add at random. The smallest of a round leaves the random part out as far as it can be.
"""

from typing import Final, final

from gamesockets.values.moments import NEVER

MINIMUM_KEPT_US: Final = 10_000_000
"""So old a shortest round trip may be until it is measured anew."""

THRESHOLD_MIN_US: Final = 6_000
THRESHOLD_PART: Final = 8
"""A queue of at least one part in so many of the shortest round trip is a standing one."""

THRESHOLD_JITTERS: Final = 3

ACCEPTED_JITTERS: Final = 4

_RECENT: Final = 8
_LATEST: Final = 4
_SAMPLE_MIN_US: Final = 50
_AS_SHORT_US: Final = 1_000
_AS_SHORT_PART: Final = 16
_SMOOTHING: Final = 8
_JITTER_SMOOTHING: Final = 16
_ACCEPTED_SMOOTHING: Final = 8


@final
class QueueDelay:
    """The shortest round trip, and how far above it the present ones are."""

    __slots__ = (
        "_recent",
        "_round_min_us",
        "_round_samples",
        "_samples",
        "accepted_us",
        "is_measured",
        "jitter_us",
        "last_us",
        "minimum_at",
        "minimum_us",
        "smoothed_us",
        "standing_us",
    )

    def __init__(self, round_trip_us: int, now: int) -> None:
        self.smoothed_us = round_trip_us
        """0 before the first one."""
        self.minimum_us = 0
        """The shortest one of late, 0 before the first sample."""
        self.minimum_at = now
        """When a round trip was last about as short as that."""
        self.last_us = 0
        self.jitter_us = 0
        """By how much successive round trips differ, smoothed."""
        self.standing_us = 0
        """The queue of the last round."""
        self.is_measured = False
        """Whether the last round had enough samples to tell."""
        self.accepted_us = 0
        """So much of it turned out to be none: it stays whatever is sent."""
        self._samples = 0
        self._round_min_us = NEVER
        self._round_samples = 0
        self._recent: list[int] = []

    def add(self, round_trip_us: int, now: int) -> None:
        """One more round trip, without the peer's delay."""
        round_trip_us = max(round_trip_us, _SAMPLE_MIN_US)
        if self.last_us:
            self._samples += 1
            difference_us = abs(round_trip_us - self.last_us) - self.jitter_us
            self.jitter_us += difference_us // min(self._samples, _JITTER_SMOOTHING)
        self.last_us = round_trip_us
        if self.smoothed_us:
            self.smoothed_us += (round_trip_us - self.smoothed_us) // _SMOOTHING
        else:
            self.smoothed_us = round_trip_us
        if round_trip_us < self._round_min_us:
            self._round_min_us = round_trip_us
        self._round_samples += 1
        recent = self._recent
        recent.append(round_trip_us)
        if len(recent) > _RECENT:
            del recent[0]
        minimum_us = self.minimum_us
        if not minimum_us or round_trip_us <= minimum_us:
            self.minimum_us = round_trip_us
            self.minimum_at = now
        elif round_trip_us <= minimum_us + max(_AS_SHORT_US, minimum_us // _AS_SHORT_PART):
            self.minimum_at = now

    def end_round(self) -> None:
        """Judges the round trips since the last call."""
        self.standing_us = 0
        self.is_measured = self._round_samples >= 2
        if self.is_measured:
            above_us = self._round_min_us - self.minimum_us
            if above_us < self.accepted_us:
                self.accepted_us -= (self.accepted_us - above_us) // _ACCEPTED_SMOOTHING
            else:
                self.standing_us = above_us - self.accepted_us
        self._round_min_us = NEVER
        self._round_samples = 0

    def accept(self) -> None:
        """The standing queue is none: it stays although less was sent than the path carries."""
        self.accepted_us += self.standing_us
        self.standing_us = 0

    def accept_jitter(self) -> None:
        """As much of the standing queue is none as jitter explains: a path that keeps order delays all by its worst."""
        room_us = ACCEPTED_JITTERS * self.jitter_us - self.accepted_us
        if room_us > 0:
            taken_us = min(self.standing_us, room_us)
            self.accepted_us += taken_us
            self.standing_us -= taken_us

    def now_us(self) -> int:
        """The queue by the latest samples, in the middle of a round; 0 with too few of them."""
        recent = self._recent
        if len(recent) < _RECENT:
            return 0
        return max(min(recent[-_LATEST:]) - self.minimum_us - self.accepted_us, 0)

    def lately_us(self) -> int:
        """The same by a few more samples."""
        return max(min(self._recent) - self.minimum_us - self.accepted_us, 0) if len(self._recent) == _RECENT else 0

    def threshold_us(self) -> int:
        """A queue above this is a standing one."""
        return max(THRESHOLD_MIN_US, self.minimum_us // THRESHOLD_PART, THRESHOLD_JITTERS * self.jitter_us)

    def is_minimum_old(self, now: int) -> bool:
        """Whether no round trip was about as short as the shortest for `MINIMUM_KEPT_US`."""
        return now - self.minimum_at > MINIMUM_KEPT_US

    def measure_anew(self) -> None:
        """The queue is being emptied: samples from before do not count."""
        self._round_min_us = NEVER
        self._round_samples = 0

    def take_new_minimum(self, now: int) -> None:
        """The shortest round trip is the shortest since `measure_anew`."""
        if self._round_samples:
            self.minimum_us = min(self._round_min_us, self.smoothed_us)
        else:
            self.minimum_us = self.smoothed_us
        self.minimum_at = now
        self.accepted_us = 0
