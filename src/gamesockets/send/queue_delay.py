"""How long is the queue at the narrowest place of the path? What a round trip takes above the shortest one.

All in microseconds. A round trip is as long as the path, plus what the packet and its ack waited in queues, plus what
radio and schedulers add at random. The smallest of a round leaves the random part out as far as it can be.
"""

from typing import Final, final

from gamesockets.values.moments import NEVER, US_PER_SECOND

MINIMUM_KEPT_US: Final = 10_000_000
"""So old a shortest round trip may be until it is measured anew."""

THRESHOLD_MIN_US: Final = 6_000
THRESHOLD_PART: Final = 8
"""A queue of at least one part in so many of the shortest round trip is a standing one."""

THRESHOLD_JITTERS: Final = 3

EMPTY_PART: Final = 3
"""A queue of one part in so many of the threshold is as good as none."""

START_UP_JITTERS: Final = 6
"""The same while each round brings more: with more packets, more of them wait for the latest one."""

_START_UP_JITTER_US: Final = 20_000

DELAYED_JITTERS: Final = 4

ACCEPTED_JITTERS: Final = 4
"""So much of a queue jitter explains, ..."""

ACCEPTED_WORST_JITTERS: Final = 5
"""... or so much of the worst of late, which is not a queue that grows in steps, ..."""

JITTER_PACKETS: Final = 20
"""... as it is where packets follow each other so many times as fast."""

_RECENT: Final = 8
_LATEST: Final = 4
_APART_US: Final = 2_000
_SAMPLE_MIN_US: Final = 50
_AS_SHORT_US: Final = 1_000
_AS_SHORT_PART: Final = 16
_SMOOTHING: Final = 8
_JITTER_SMOOTHING: Final = 16
_ACCEPTED_SMOOTHING: Final = 8
_WORST_KEPT_ROUNDS: Final = 80


@final
class QueueDelay:
    """The shortest round trip, and how far above it the present ones are."""

    __slots__ = (
        "_before_at",
        "_before_us",
        "_jitter_accepted_us",
        "_recent",
        "_recent_at",
        "_round_min_us",
        "_round_samples",
        "_samples",
        "accepted_us",
        "explained_us",
        "is_jittery",
        "is_measured",
        "jitter_us",
        "minimum_at",
        "minimum_us",
        "round_us",
        "smoothed_us",
        "standing_us",
        "worst_jitter_us",
    )

    def __init__(self, round_trip_us: int, now: int) -> None:
        self.smoothed_us = round_trip_us
        """0 before the first one."""
        self.minimum_us = 0
        """The shortest one of late, 0 before the first sample."""
        self.minimum_at = now
        """When a round trip was last about as short as that."""
        self._before_us = 0
        """The shortest one of what was sent before the first sample, 0 if it is not known."""
        self._before_at = 0
        """When it was measured."""
        self.jitter_us = 0
        """By how much successive round trips differ, smoothed."""
        self.worst_jitter_us = 0
        """The most that this was of late. Many packets hide it: where order is kept, they all wait for the latest."""
        self.explained_us = 0
        """A queue so long may be none but jitter."""
        self.is_jittery = False
        """Whether jitter is more than one's own packets make, and more than a queue that is not yet a standing one."""
        self.standing_us = 0
        """The queue of the last round."""
        self.is_measured = False
        """Whether the last round had enough samples to tell."""
        self._jitter_accepted_us = 0
        """The part of the following that jitter explained."""
        self.accepted_us = 0
        """So much of it turned out to be none: it stays whatever is sent."""
        self.round_us = 0
        """The shortest round trip of the last round that had any."""
        self._samples = 0
        self._round_min_us = NEVER
        self._round_samples = 0
        self._recent: list[int] = []
        """The latest round trips, `_APART_US` from one to the next at least."""
        self._recent_at = 0

    def remember(self, round_trip_us: int, at: int, now: int) -> None:
        """The shortest round trip of the small packets before: who begins in a queue of others sees none as short."""
        if round_trip_us > 0 and now - at <= MINIMUM_KEPT_US:
            self._before_us = round_trip_us
            self._before_at = at

    def add(self, round_trip_us: int, now: int) -> None:
        """One more round trip, without the peer's delay."""
        round_trip_us = max(round_trip_us, _SAMPLE_MIN_US)
        if self.smoothed_us:
            self.smoothed_us += (round_trip_us - self.smoothed_us) // _SMOOTHING
        else:
            self.smoothed_us = round_trip_us
        if round_trip_us < self._round_min_us:
            self._round_min_us = round_trip_us
        self._round_samples += 1
        recent = self._recent
        if now - self._recent_at < _APART_US and recent:
            recent[-1] = min(recent[-1], round_trip_us)  # one delay by chance would be in all of them
        else:
            if recent:
                self._samples += 1
                difference_us = abs(round_trip_us - recent[-1]) - self.jitter_us
                self.jitter_us += difference_us // min(self._samples, _JITTER_SMOOTHING)
            self._recent_at = now
            recent.append(round_trip_us)
            if len(recent) > _RECENT:
                del recent[0]
        minimum_us = self.minimum_us
        if not minimum_us or round_trip_us <= minimum_us:
            self.minimum_us = round_trip_us
            self.minimum_at = now
        elif round_trip_us <= minimum_us + max(_AS_SHORT_US, minimum_us // _AS_SHORT_PART):
            self.minimum_at = now

    def end_round(self, packet_us: int) -> None:
        """Judges the round trips since the last call; a full packet takes so long, or seconds while nobody knows."""
        self.standing_us = 0
        worst_us = self.worst_jitter_us
        self.worst_jitter_us = worst_us = max(self.jitter_us, worst_us - worst_us // _WORST_KEPT_ROUNDS)
        is_more = worst_us > JITTER_PACKETS * packet_us
        self.explained_us = ACCEPTED_WORST_JITTERS * worst_us if is_more else ACCEPTED_JITTERS * self.jitter_us
        lowest_us = max(THRESHOLD_MIN_US, self.minimum_us // THRESHOLD_PART)
        self.is_jittery = is_more and THRESHOLD_JITTERS * worst_us > lowest_us
        if self._before_us and packet_us < US_PER_SECOND:
            self._judge_before(packet_us)
        self.is_measured = self._round_samples >= 2
        if self._round_samples:
            self.round_us = self._round_min_us
        if self.is_measured:
            above_us = self._round_min_us - self.minimum_us
            # Jitter at the start is often a queue that grows in steps: what it explained is accepted while it lasts.
            jitter_us = min(self._jitter_accepted_us, self.explained_us)
            self.accepted_us -= self._jitter_accepted_us - jitter_us
            self._jitter_accepted_us = jitter_us
            if above_us < self.accepted_us:
                self.accepted_us -= (self.accepted_us - above_us) // _ACCEPTED_SMOOTHING
                self._jitter_accepted_us = min(self._jitter_accepted_us, self.accepted_us)
            else:
                self.standing_us = above_us - self.accepted_us
        self._round_min_us = NEVER
        self._round_samples = 0

    def _judge_before(self, packet_us: int) -> None:
        """Takes the shortest round trip from before, where they are longer by a queue now, and not by jitter."""
        shortest_us = self._before_us + packet_us
        if shortest_us + max(packet_us, self.threshold_us()) < self.minimum_us:
            self.minimum_us = shortest_us
            self.minimum_at = self._before_at
        self._before_us = 0

    def accept(self) -> None:
        """The standing queue is none: it stays although less was sent than the path carries."""
        self.accepted_us += self.standing_us
        self.standing_us = 0

    def accept_jitter(self) -> bool:
        """As much of the standing queue is none as jitter explains: a path that keeps order delays all by its worst.

        Returns:
            Whether it was a queue until now.
        """
        was_queue = self.standing_us > self.threshold_us()
        room_us = self.explained_us - self.accepted_us
        if room_us > 0:
            taken_us = min(self.standing_us, room_us)
            self.accepted_us += taken_us
            self._jitter_accepted_us += taken_us
            self.standing_us -= taken_us
        return was_queue and self.standing_us <= self.threshold_us()

    def may_be_jitter(self) -> bool:
        """Whether jitter would explain the standing queue."""
        return self.is_jittery and self.standing_us <= self.explained_us

    def delayed_us(self) -> int:
        """By how much round trips are longer than the shortest without a queue, as far as jitter tells."""
        return max(min(self.smoothed_us - self.minimum_us, self.accepted_us + DELAYED_JITTERS * self.jitter_us), 0)

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

    def empty_us(self) -> int:
        """A queue that is not longer has been emptied."""
        return self.threshold_us() // EMPTY_PART

    def threshold_of_start_up_us(self, is_slow: bool) -> int:
        """The same for a flow that just begins: on a slow line its own queue grows in steps that look like jitter."""
        jitter_us = (START_UP_JITTERS if self.is_jittery else THRESHOLD_JITTERS) * self.jitter_us
        if is_slow:
            jitter_us = min(THRESHOLD_JITTERS * self.jitter_us, max(_START_UP_JITTER_US, self.minimum_us // 2))
        return max(THRESHOLD_MIN_US, self.minimum_us // THRESHOLD_PART, jitter_us)

    def is_short(self) -> bool:
        """Whether there was no queue in the last round, or none that is more than jitter."""
        lowest_us = max(THRESHOLD_MIN_US, self.minimum_us // THRESHOLD_PART) // 2
        return self.standing_us <= (
            max(lowest_us, THRESHOLD_JITTERS * self.jitter_us) if self.is_jittery else lowest_us
        )

    def is_minimum_old(self, now: int) -> bool:
        """Whether no round trip was about as short as the shortest for `MINIMUM_KEPT_US`."""
        return now - self.minimum_at > MINIMUM_KEPT_US

    def measure_anew(self) -> None:
        """The queue is being emptied: samples from before do not count."""
        self._round_min_us = NEVER
        self._round_samples = 0

    def take_new_minimum(self, now: int) -> None:
        """The shortest round trip is the shortest since `measure_anew`."""
        self.take_minimum(min(self._round_min_us, self.smoothed_us), now)

    def take_minimum(self, round_trip_us: int, now: int) -> None:
        """The shortest round trip is this, though shorter ones were seen long ago."""
        self.minimum_us = round_trip_us
        self.minimum_at = now
        self.accepted_us = self._jitter_accepted_us = 0
