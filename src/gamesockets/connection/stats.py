"""How good is the link? Counters, measuring intervals, quality, and the statistics the two sides exchange (spec 1, 8).

The data path only counts. Rates and quality are computed when an interval of five seconds ends, histograms and
percentiles when they are asked for.
"""

from typing import Final, final

from gamesockets.build import mypyc_attr
from gamesockets.receive.replay_window import ReplayWindow
from gamesockets.values.moments import US_PER_SECOND
from gamesockets.wire.messages_pb2 import ConnectionQuality, InstantaneousStats, LifetimeStats

INTERVAL_US: Final = 5_000_000
JITTER_SPACING_MAX_US: Final = 250_000
UNKNOWN: Final = -1

_SAMPLES_MAX: Final = 1000
_RANDOM_BITS: Final = 31
_RANDOM_MASK: Final = (1 << _RANDOM_BITS) - 1
_QUALITY_SAMPLE_INTERVAL_MIN_US: Final = 4_500_000
_QUALITY_SAMPLE_PACKETS_MIN: Final = 5
_DEAD_MISSES: Final = 2

QUALITY_CLASSES: Final = (100, 99, 97, 95, 90, 75, 50, 1)
"""Lower limits in percent; the ninth class counts intervals in which the link was dead."""
PING_CLASSES_MS: Final[tuple[int, ...]] = (25, 50, 75, 100, 125, 150, 200, 300)
"""Upper limits; the ninth class holds what is above."""
JITTER_CLASSES_US: Final[tuple[int, ...]] = (1_000, 2_000, 5_000, 10_000, 20_000)
"""Upper limits (exclusive); the sixth class holds what is above."""

QUALITY_FIELDS: Final = ("100", "99", "97", "95", "90", "75", "50", "1", "dead")
PING_FIELDS: Final = ("25", "50", "75", "100", "125", "150", "200", "300", "max")
JITTER_FIELDS: Final = ("negligible", "1", "2", "5", "10", "20")
"""What the report calls the classes above, in the same order."""

# Percentile, and how many samples it needs to mean anything.
_QUALITY_PERCENTILES: Final = ((2, "2nd", 50), (5, "5th", 20), (25, "25th", 4), (50, "50th", 2))
_PING_PERCENTILES: Final = (
    (5, "5th", 20),
    (50, "50th", 2),
    (75, "75th", 4),
    (95, "95th", 20),
    (98, "98th", 50),
)


@mypyc_attr(acyclic=True)
@final
class SampleSet:
    """At most 1000 samples; beyond that a random subset of all that came."""

    __slots__ = ("_random", "_samples", "count", "total")

    def __init__(self, seed: int) -> None:
        self._samples: list[int] = []
        self._random = seed & _RANDOM_MASK | 1
        self.count = 0
        self.total = 0
        """The sum of all samples."""

    def add(self, sample: int) -> None:
        """Takes one sample."""
        self.count += 1
        self.total += sample
        if len(self._samples) < _SAMPLES_MAX:
            self._samples.append(sample)
            return
        # Of so few bits that the product fits a machine word.
        self._random = (self._random * 1_103_515_245 + 12_345) & _RANDOM_MASK
        place = self._random * self.count >> _RANDOM_BITS
        if place < _SAMPLES_MAX:
            self._samples[place] = sample

    def percentile(self, percent: int, samples_min: int) -> int:
        """Linear interpolation, truncated; UNKNOWN with too few samples."""
        count = len(self._samples)
        if count < samples_min:
            return UNKNOWN
        ordered = sorted(self._samples)
        place = percent * (count - 1)
        index, rest = divmod(place, 100)
        if rest == 0:
            return ordered[index]
        return (ordered[index] * (100 - rest) + ordered[index + 1] * rest) // 100


@mypyc_attr(acyclic=True)
@final
class Interval:
    """Rates and losses of one finished measuring interval."""

    __slots__ = (
        "dropped",
        "in_bytes_per_second",
        "in_packets_per_second",
        "out_bytes_per_second",
        "out_packets_per_second",
        "peak_jitter_us",
        "weird",
    )

    def __init__(self) -> None:
        self.out_packets_per_second = 0.0
        self.out_bytes_per_second = 0.0
        self.in_packets_per_second = 0.0
        self.in_bytes_per_second = 0.0
        self.dropped = float(UNKNOWN)
        """Share of expected packets that did not come, 0..1; UNKNOWN without any sequenced packet."""
        self.weird = float(UNKNOWN)
        """Share of packets that came twice, late, or after a long jump."""
        self.peak_jitter_us = UNKNOWN

    def quality(self) -> float:
        """Share of packets that came once and in order, 0..1, or UNKNOWN."""
        if self.dropped < 0:
            return float(UNKNOWN)
        return max(0.0, 1.0 - self.dropped - self.weird)


_NO_INTERVAL: Final = Interval()
_NO_COUNTS: Final[list[int]] = []
"""A histogram of nothing; never changed."""


@mypyc_attr(acyclic=True)
@final
class Statistics:
    """Everything measured on one connection."""

    __slots__ = (
        "_at_start",
        "_connected_at",
        "_ended_at",
        "_interval_started_at",
        "_jitter_high_us",
        "_jitter_peak_us",
        "_last_arrival_at",
        "_window",
        "bytes_received",
        "bytes_sent",
        "interval",
        "jitter_histogram",
        "packets_received",
        "packets_sent",
        "ping_histogram",
        "pings",
        "qualities",
        "quality_histogram",
        "remote_instantaneous",
        "remote_instantaneous_at",
        "remote_lifetime",
        "remote_lifetime_at",
        "sequenced",
    )

    def __init__(self, window: ReplayWindow, seed: int) -> None:
        self._window = window
        self.packets_sent = 0
        self.bytes_sent = 0
        self.packets_received = 0
        self.bytes_received = 0
        self.sequenced = 0
        """Data packets whose number was looked at, duplicates and stale ones included."""
        self._connected_at = UNKNOWN
        self._ended_at = UNKNOWN
        self._interval_started_at = 0
        self._at_start = (0, 0, 0, 0, 0, 0, 0, 0, 0)
        self.interval = _NO_INTERVAL
        """The last finished interval."""
        self._last_arrival_at = UNKNOWN
        self._jitter_peak_us = UNKNOWN
        self._jitter_high_us = UNKNOWN
        self.jitter_histogram = _NO_COUNTS
        self.ping_histogram = _NO_COUNTS
        self.pings = SampleSet(seed)
        self.quality_histogram = _NO_COUNTS
        self.qualities = SampleSet(seed)
        self.remote_instantaneous: InstantaneousStats | None = None
        self.remote_instantaneous_at = 0
        self.remote_lifetime: LifetimeStats | None = None
        self.remote_lifetime_at = 0

    # ------------------------------------------------------------------ events

    def connected(self, now: int) -> None:
        """The first interval begins."""
        self._connected_at = now
        self._start_interval(now)

    def ended(self, now: int) -> None:
        """Freezes the time of being connected."""
        if self._connected_at >= 0 and self._ended_at < 0:
            self._ended_at = now

    def sent(self, datagrams: list[bytes]) -> None:
        """These UDP payloads leave."""
        self.packets_sent += len(datagrams)
        for data in datagrams:
            self.bytes_sent += len(data)

    def received(self, size_bytes: int) -> None:
        """A UDP payload of that size came."""
        self.packets_received += 1
        self.bytes_received += size_bytes

    def arrived(self, now: int, sender_spacing_us: int, is_next: bool) -> None:
        """A new packet came; the spacing at the sender is below 0 if it was not told (spec 1, 8.6)."""
        previous = self._last_arrival_at
        self._last_arrival_at = now
        if sender_spacing_us < 0 or not is_next or previous < 0:
            return
        spacing_us = now - previous
        if spacing_us >= JITTER_SPACING_MAX_US or sender_spacing_us >= JITTER_SPACING_MAX_US:
            return
        jitter_us = abs(spacing_us - sender_spacing_us)
        self._jitter_peak_us = max(self._jitter_peak_us, jitter_us)
        self._jitter_high_us = max(self._jitter_high_us, jitter_us)
        place = _class_below(jitter_us, JITTER_CLASSES_US)
        self.jitter_histogram = _counted(self.jitter_histogram, place, len(JITTER_FIELDS))

    def ping(self, sample_ms: int) -> None:
        """A ping sample; all count, those too that come too soon after another to smooth anything (spec 1, 8.3)."""
        self.pings.add(sample_ms)
        place = _class_up_to(sample_ms, PING_CLASSES_MS)
        self.ping_histogram = _counted(self.ping_histogram, place, len(PING_FIELDS))

    def take_max_jitter_us(self) -> int:
        """The largest jitter since the last call, UNKNOWN if none was measured."""
        jitter_us = self._jitter_high_us
        self._jitter_high_us = UNKNOWN
        return jitter_us

    # ------------------------------------------------------------------ intervals

    def resume(self, now: int) -> None:
        """Something happens after a pause: closes the intervals that have ended meanwhile, in which nothing did."""
        idle_us = (now - self._interval_started_at) // INTERVAL_US * INTERVAL_US
        if idle_us > 0:
            self.finish_interval(self._interval_started_at + idle_us, 0)

    def next_interval_at(self) -> int:
        """When the current interval ends."""
        return self._interval_started_at + INTERVAL_US

    def _counters(self) -> tuple[int, int, int, int, int, int, int, int, int]:
        window = self._window
        return (
            self.packets_sent,
            self.bytes_sent,
            self.packets_received,
            self.bytes_received,
            self.sequenced,
            window.dropped,
            window.out_of_order,
            window.duplicate,
            window.lurch,
        )

    def _start_interval(self, now: int) -> None:
        self._interval_started_at = now
        self._at_start = self._counters()
        self._jitter_peak_us = UNKNOWN

    def finish_interval(self, now: int, misses: int) -> None:
        """Computes rates and quality of the interval that ends now, and begins the next one."""
        elapsed_us = now - self._interval_started_at
        if elapsed_us <= 0:
            return
        deltas = [after - before for after, before in zip(self._counters(), self._at_start, strict=True)]
        sent, bytes_sent, received, bytes_received, sequenced, dropped, out_of_order, duplicate, lurch = deltas
        seconds = elapsed_us / US_PER_SECOND
        interval = Interval()
        interval.out_packets_per_second = sent / seconds
        interval.out_bytes_per_second = bytes_sent / seconds
        interval.in_packets_per_second = received / seconds
        interval.in_bytes_per_second = bytes_received / seconds
        interval.peak_jitter_us = self._jitter_peak_us
        dropped = max(dropped, 0)
        weird = out_of_order + duplicate + lurch
        if sequenced > 0:
            interval.dropped = dropped / (sequenced + dropped)
            interval.weird = min(weird / (sequenced + dropped), 1.0)
        self.interval = interval
        if elapsed_us > _QUALITY_SAMPLE_INTERVAL_MIN_US:
            self._sample_quality(sequenced, dropped, weird, sent > seconds and misses >= _DEAD_MISSES)
        self._start_interval(now)

    def _sample_quality(self, sequenced: int, dropped: int, weird: int, is_silent: bool) -> None:
        if sequenced > _QUALITY_SAMPLE_PACKETS_MIN:
            if dropped == 0 and weird == 0:
                quality = 100
            else:
                quality = min(max(100 * (sequenced - weird) // (sequenced + dropped), 1), 99)
            place = 0
            while quality < QUALITY_CLASSES[place]:
                place += 1
        elif sequenced == 0 and is_silent:
            quality = 0
            place = len(QUALITY_CLASSES)
        else:
            return
        self.qualities.add(quality)
        self.quality_histogram = _counted(self.quality_histogram, place, len(QUALITY_FIELDS))

    # ------------------------------------------------------------------ exchange

    def connected_seconds(self, now: int) -> int:
        """At least 1 while connected, 0 if never."""
        if self._connected_at < 0:
            return 0
        end = self._ended_at if self._ended_at >= 0 else now
        return max(1, (end - self._connected_at + US_PER_SECOND // 2) // US_PER_SECOND)

    def instantaneous(self, ping_ms: int) -> InstantaneousStats:
        """The last interval, for the peer."""
        interval = self.interval
        message = InstantaneousStats(
            out_packets_per_sec_x10=int(interval.out_packets_per_second * 10),
            out_bytes_per_sec=int(interval.out_bytes_per_second),
            in_packets_per_sec_x10=int(interval.in_packets_per_second * 10),
            in_bytes_per_sec=int(interval.in_bytes_per_second),
        )
        if ping_ms >= 0:
            message.ping_ms = ping_ms
        if interval.dropped >= 0:
            message.packets_dropped_pct = int(interval.dropped * 100)
            message.packets_weird_sequence_pct = int(interval.weird * 100)
        if interval.peak_jitter_us >= 0:
            message.peak_jitter_usec = interval.peak_jitter_us
        return message

    def lifetime(self, now: int) -> LifetimeStats:
        """Totals, histograms and percentiles, for the peer."""
        window = self._window
        message = LifetimeStats(
            connected_seconds=self.connected_seconds(now),
            packets_sent=self.packets_sent,
            kb_sent=(self.bytes_sent + 512) // 1024,
            packets_recv=self.packets_received,
            kb_recv=(self.bytes_received + 512) // 1024,
            packets_recv_sequenced=self.sequenced,
            packets_recv_dropped=max(window.dropped, 0),
            packets_recv_out_of_order=window.out_of_order,
            packets_recv_duplicate=window.duplicate,
            packets_recv_lurch=window.lurch,
            packets_recv_out_of_order_corrected=0,
        )
        for stem, names, counts in (
            ("quality", QUALITY_FIELDS, self.quality_histogram),
            ("ping", PING_FIELDS, self.ping_histogram),
            ("jitter", JITTER_FIELDS, self.jitter_histogram),
        ):
            for name, count in zip(names, counts, strict=False):
                if count:
                    setattr(message, f"{stem}_histogram_{name}", count)
        for stem, samples, percentiles in (
            ("quality", self.qualities, _QUALITY_PERCENTILES),
            ("ping", self.pings, _PING_PERCENTILES),
        ):
            for percent, name, samples_min in percentiles:
                value = samples.percentile(percent, samples_min)
                if value >= 0:
                    setattr(message, f"{stem}_ntile_{name}", value)
        return message

    def received_from_peer(self, quality: ConnectionQuality, now: int) -> None:
        """Keeps what the peer measured on its side of the link."""
        if quality.HasField("instantaneous"):
            self.remote_instantaneous = quality.instantaneous
            self.remote_instantaneous_at = now
        if quality.HasField("lifetime"):
            self.remote_lifetime = quality.lifetime
            self.remote_lifetime_at = now

    def remote_quality(self) -> float:
        """What the peer measured, 0..1, or UNKNOWN."""
        remote = self.remote_instantaneous
        if remote is None or not remote.HasField("packets_dropped_pct"):
            return float(UNKNOWN)
        lost = remote.packets_dropped_pct + remote.packets_weird_sequence_pct
        return max(0.0, 1.0 - lost / 100)


def _counted(histogram: list[int], place: int, size: int) -> list[int]:
    """The histogram with one more; a list of its own from the first on."""
    if not histogram:
        histogram = [0] * size
    histogram[place] += 1
    return histogram


def _class_up_to(value: int, limits: tuple[int, ...]) -> int:
    place = 0
    while place < len(limits) and value > limits[place]:
        place += 1
    return place


def _class_below(value: int, limits: tuple[int, ...]) -> int:
    place = 0
    while place < len(limits) and value >= limits[place]:
        place += 1
    return place
