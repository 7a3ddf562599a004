"""How good is the link? Counters become rates, qualities, histograms and percentiles (spec 1, 8.4 to 8.6)."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.snp import fast

from gamesockets.connection.stats import INTERVAL_US, UNKNOWN, SampleSet, Statistics
from gamesockets.receive.replay_window import NEW, ReplayWindow
from gamesockets.wire.messages_pb2 import ConnectionQuality, LifetimeStats

SECOND = 1_000_000


class Link:
    """Statistics with the window they look at, fed with packet numbers."""

    def __init__(self) -> None:
        self.window = ReplayWindow(1)
        self.statistics = Statistics(self.window, 1)
        self.statistics.connected(0)
        self.now = 0

    def receive(self, *numbers: int) -> None:
        for number in numbers:
            self.statistics.packets_received += 1
            self.statistics.bytes_received += 100
            self.statistics.sequenced += 1
            if self.window.check(number) == NEW:
                self.window.record(number)

    def send(self, count: int) -> None:
        self.statistics.packets_sent += count
        self.statistics.bytes_sent += 60 * count

    def finish(self, elapsed_us: int = INTERVAL_US, misses: int = 0) -> None:
        self.now += elapsed_us
        self.statistics.finish_interval(self.now, misses)

    def lifetime(self) -> LifetimeStats:
        return self.statistics.lifetime(self.now)


def counts(message: LifetimeStats, stem: str) -> dict[str, int]:
    """The histogram fields that were written."""
    prefix = f"{stem}_histogram_"
    return {
        field.name.removeprefix(prefix): value for field, value in message.ListFields() if field.name.startswith(prefix)
    }


def percentiles(message: LifetimeStats, stem: str) -> dict[str, int]:
    prefix = f"{stem}_ntile_"
    return {
        field.name.removeprefix(prefix): value for field, value in message.ListFields() if field.name.startswith(prefix)
    }


# ---------------------------------------------------------------------- intervals


@pytest.mark.rule("1, 8.4 rule 3")
def test_before_the_first_interval_nothing_is_known() -> None:
    interval = Link().statistics.interval
    assert interval.quality() == UNKNOWN
    assert (interval.out_packets_per_second, interval.in_bytes_per_second) == (0, 0)


@pytest.mark.rule("1, 8.4 rule 1")
def test_rates_are_counts_by_elapsed_time() -> None:
    link = Link()
    link.receive(*range(2, 22))
    link.send(50)
    assert link.statistics.next_interval_at() == INTERVAL_US
    link.finish()
    interval = link.statistics.interval
    assert (interval.in_packets_per_second, interval.in_bytes_per_second) == (4, 400)
    assert (interval.out_packets_per_second, interval.out_bytes_per_second) == (10, 600)
    assert interval.quality() == 1
    assert link.statistics.next_interval_at() == 2 * INTERVAL_US
    link.finish(2_500_000)
    assert link.statistics.interval.in_packets_per_second == 0
    assert link.statistics.interval.quality() == UNKNOWN, "nothing came, so nothing is known"


@pytest.mark.rule("1, 8.4 rule 2", "1, 8.5 rule 1")
def test_the_example_of_the_specification() -> None:
    """47 received, of which one twice, and 3 missing: (47 - 1) / 50."""
    link = Link()
    link.receive(*(number for number in range(2, 51) if number not in (10, 20, 30)), 7)
    link.finish()
    assert link.statistics.interval.quality() == pytest.approx(0.92)
    assert counts(link.lifetime(), "quality") == {"90": 1}


@pytest.mark.rule("1, 4.6 rule 11")
def test_late_packets_take_back_a_loss_but_are_weird() -> None:
    link = Link()
    link.receive(2, 4, 3, 5, 6, 7, 8, 9, 10, 11)
    link.finish()
    assert link.statistics.interval.dropped == 0
    assert link.statistics.interval.weird == pytest.approx(0.1)
    link.receive(13)
    link.finish()
    link.receive(12)
    link.finish()
    assert link.statistics.interval.dropped == 0, "what another interval counted as lost does not become negative"


@pytest.mark.rule("1, 8.5 rule 1")
def test_quality_never_leaves_its_range() -> None:
    link = Link()
    link.receive(*[2] * 50)
    link.finish()
    assert 0 <= link.statistics.interval.quality() <= 1
    assert link.statistics.interval.weird <= 1
    assert counts(link.lifetime(), "quality") == {"1": 1}


@pytest.mark.rule("1, 8.5 rule 3")
@fast
@given(st.lists(st.tuples(st.integers(1, 60), st.integers(0, 20), st.integers(0, 20)), min_size=1, max_size=10))
def test_qualities_of_any_interval(intervals: list[tuple[int, int, int]]) -> None:
    """Against the formulas of spec 1, 8.4 and 8.5, with clean, lost and repeated packets in each interval."""
    link = Link()
    samples = []
    for clean, lost, repeated in intervals:
        first = link.window.newest + 1 + lost
        link.receive(*range(first, first + clean), *[first] * repeated)
        link.finish()
        received = clean + repeated
        interval = link.statistics.interval
        assert interval.dropped == pytest.approx(lost / (received + lost))
        assert interval.weird == pytest.approx(repeated / (received + lost))
        if received > 5:
            quality = 100 * (received - repeated) // (received + lost)
            samples.append(100 if lost == repeated == 0 else min(max(quality, 1), 99))
    limits = (100, 99, 97, 95, 90, 75, 50, 1)
    expected: dict[str, int] = {}
    for sample in samples:
        name = str(next(limit for limit in limits if sample >= limit))
        expected[name] = expected.get(name, 0) + 1
    assert counts(link.lifetime(), "quality") == expected


@pytest.mark.rule("1, 8.5 rule 3")
def test_short_or_sparse_intervals_give_no_sample() -> None:
    link = Link()
    link.receive(*range(2, 20))
    link.finish(4_500_000)
    link.receive(*range(20, 25))
    link.finish()
    assert counts(link.lifetime(), "quality") == {}
    link.receive(*range(25, 31))
    link.finish(4_500_001)
    assert counts(link.lifetime(), "quality") == {"100": 1}


@pytest.mark.rule("1, 8.5 rule 3")
@pytest.mark.parametrize(
    ("sent", "misses", "is_dead"), [(6, 2, True), (5, 2, False), (6, 1, False)], ids=["dead", "quiet", "alive"]
)
def test_an_interval_of_calling_without_an_answer_is_dead(sent: int, misses: int, is_dead: bool) -> None:
    """More packets sent than seconds passed, nothing received, at least two replies missed."""
    link = Link()
    link.send(sent)
    link.finish(misses=misses)
    assert counts(link.lifetime(), "quality") == ({"dead": 1} if is_dead else {})


def test_an_interval_without_length_is_none() -> None:
    link = Link()
    link.receive(2)
    link.finish(0)
    assert link.statistics.interval.quality() == UNKNOWN
    link.finish()
    assert link.statistics.interval.in_packets_per_second == pytest.approx(0.2)


# ---------------------------------------------------------------------- jitter


@pytest.mark.rule("1, 8.6")
def test_jitter_is_the_difference_of_the_spacings_in_either_direction() -> None:
    link = Link()
    statistics = link.statistics
    for at, spacing in ((0, -1), (10_000, 9_000), (18_000, 10_500), (38_000, 20_000)):
        statistics.arrived(at, spacing, True)
    assert statistics.take_max_jitter_us() == 2_500
    assert statistics.take_max_jitter_us() == UNKNOWN, "cleared on reading"
    assert counts(link.lifetime(), "jitter") == {"negligible": 1, "1": 1, "2": 1}
    link.finish()
    assert statistics.interval.peak_jitter_us == 2_500
    link.finish()
    assert statistics.interval.peak_jitter_us == UNKNOWN


@pytest.mark.rule("1, 1.6 rule 2", "1, 8.6")
@pytest.mark.parametrize(
    ("spacing_us", "sender_us", "is_next"),
    [(10_000, -1, True), (10_000, 9_000, False), (250_000, 249_000, True), (249_000, 250_000, True)],
    ids=["untold", "not next", "long pause", "long pause there"],
)
def test_what_says_nothing_about_jitter(spacing_us: int, sender_us: int, is_next: bool) -> None:
    link = Link()
    link.statistics.arrived(0, -1, True)
    link.statistics.arrived(spacing_us, sender_us, is_next)
    assert link.statistics.take_max_jitter_us() == UNKNOWN


def test_the_first_packet_has_no_spacing() -> None:
    link = Link()
    link.statistics.arrived(50, 40, True)
    assert link.statistics.take_max_jitter_us() == UNKNOWN


@pytest.mark.rule("1, 8.6")
@pytest.mark.parametrize(
    ("jitter_us", "name"),
    [
        (0, "negligible"), (999, "negligible"), (1_000, "1"), (1_999, "1"), (2_000, "2"), (4_999, "2"),
        (5_000, "5"), (9_999, "5"), (10_000, "10"), (19_999, "10"), (20_000, "20"), (200_000, "20"),
    ],
)  # fmt: skip
def test_classes_of_jitter(jitter_us: int, name: str) -> None:
    link = Link()
    link.statistics.arrived(0, -1, True)
    link.statistics.arrived(jitter_us + 7, 7, True)
    assert counts(link.lifetime(), "jitter") == {name: 1}


# ---------------------------------------------------------------------- pings and percentiles


@pytest.mark.rule("1, 8.5 rule 5")
@pytest.mark.parametrize(
    ("ping_ms", "name"),
    [
        (0, "25"), (25, "25"), (26, "50"), (50, "50"), (75, "75"), (100, "100"), (125, "125"), (150, "150"),
        (200, "200"), (201, "300"), (300, "300"), (301, "max"), (2000, "max"),
    ],
)  # fmt: skip
def test_classes_of_ping(ping_ms: int, name: str) -> None:
    link = Link()
    link.statistics.ping(ping_ms)
    assert counts(link.lifetime(), "ping") == {name: 1}


@pytest.mark.rule("1, 8.5 rule 4")
@pytest.mark.parametrize(
    ("samples", "known"),
    [
        (1, set()),
        (2, {"50th"}),
        (4, {"50th", "75th"}),
        (19, {"50th", "75th"}),
        (20, {"5th", "50th", "75th", "95th"}),
        (50, {"5th", "50th", "75th", "95th", "98th"}),
    ],
)
def test_percentiles_need_enough_samples(samples: int, known: set[str]) -> None:
    link = Link()
    for sample in range(samples):
        link.statistics.ping(sample)
    assert percentiles(link.lifetime(), "ping").keys() == known


@pytest.mark.rule("1, 8.5 rule 4")
@pytest.mark.parametrize(
    ("intervals", "known"),
    [(1, set()), (2, {"50th"}), (4, {"25th", "50th"}), (20, {"5th", "25th", "50th"}),
     (50, {"2nd", "5th", "25th", "50th"})],
)  # fmt: skip
def test_percentiles_of_quality_need_enough_intervals(intervals: int, known: set[str]) -> None:
    link = Link()
    for place in range(intervals):
        link.receive(*range(2 + 10 * place, 12 + 10 * place))
        link.finish()
    assert percentiles(link.lifetime(), "quality") == dict.fromkeys(known, 100)


@pytest.mark.rule("1, 8.5 rule 4", "3, 9.3 rule 2")
@fast
@given(st.lists(st.integers(0, 2000), min_size=1, max_size=60), st.integers(0, 100))
def test_percentiles_are_interpolated_and_truncated(samples: list[int], percent: int) -> None:
    chosen = SampleSet(1)
    for sample in samples:
        chosen.add(sample)
    ordered = sorted(samples)
    whole, rest = divmod(percent * (len(ordered) - 1), 100)
    upper = ordered[min(whole + 1, len(ordered) - 1)]
    assert chosen.percentile(percent, 1) == (ordered[whole] * (100 - rest) + upper * rest) // 100
    assert chosen.percentile(percent, len(samples) + 1) == UNKNOWN


@pytest.mark.rule("1, 8.5 rule 4")
@pytest.mark.parametrize("seed", [0, 1, 2, 0xFFFF_FFFF])
@pytest.mark.parametrize("total", [2_000, 8_192, 20_000])
def test_of_very_many_samples_a_fair_choice_of_1000_is_kept(seed: int, total: int) -> None:
    """Early and late ones alike: the median of a slow rise is its middle."""
    chosen = SampleSet(seed)
    for sample in range(total):
        chosen.add(sample)
    assert len(chosen._samples) == 1000
    assert chosen.count == total
    for percent in (5, 25, 50, 75, 95):
        assert abs(chosen.percentile(percent, 1) - total * percent / 100) < total * 0.06


# ---------------------------------------------------------------------- exchange


@pytest.mark.rule("1, 2.9 rule 2")
def test_the_last_interval_as_it_is_told_to_the_peer() -> None:
    """Rounded down, and what is not known is left out (spec 1, 2.9)."""
    link = Link()
    message = link.statistics.instantaneous(-1)
    assert {field.name for field, _ in message.ListFields()} == {
        "out_packets_per_sec_x10",
        "out_bytes_per_sec",
        "in_packets_per_sec_x10",
        "in_bytes_per_sec",
    }
    link.receive(*range(2, 40), *range(50, 60))
    link.send(33)
    for at, spacing in ((0, -1), (5_000, 3_766)):
        link.statistics.arrived(at, spacing, True)
    link.finish(5_100_000)
    message = link.statistics.instantaneous(17)
    assert message.out_packets_per_sec_x10 == int(330 / 5.1)
    assert message.out_bytes_per_sec == int(33 * 60 / 5.1)
    assert message.in_packets_per_sec_x10 == int(480 / 5.1)
    assert message.in_bytes_per_sec == int(4800 / 5.1)
    assert message.ping_ms == 17
    assert message.packets_dropped_pct == int(100 * 10 / 58)
    assert message.packets_weird_sequence_pct == 0
    assert message.peak_jitter_usec == 1_234


@pytest.mark.rule("1, 2.9 rule 2", "1, 2.9 rule 3")
def test_totals_as_they_are_told_to_the_peer() -> None:
    link = Link()
    link.receive(2, 3, 5, 5, 4, 9, 150, 9)
    link.send(20)
    link.statistics.bytes_sent = 1535
    link.statistics.bytes_received = 1536
    link.now = 90 * SECOND
    message = link.lifetime()
    assert message.connected_seconds == 90
    assert (message.packets_sent, message.kb_sent) == (20, 1)
    assert (message.packets_recv, message.kb_recv) == (8, 2)
    assert message.packets_recv_sequenced == 8
    assert message.packets_recv_dropped == 3
    assert message.packets_recv_out_of_order == 1
    assert message.packets_recv_duplicate == 1
    assert message.packets_recv_lurch == 2, "a long jump, and a packet too old after it"
    assert message.HasField("packets_recv_out_of_order_corrected")


@pytest.mark.rule("1, 8.5 rule 6")
@pytest.mark.parametrize(
    ("elapsed_us", "seconds"), [(0, 1), (1, 1), (1_499_999, 1), (1_500_000, 2), (3_600 * SECOND, 3600)]
)
def test_seconds_of_being_connected(elapsed_us: int, seconds: int) -> None:
    link = Link()
    assert link.statistics.connected_seconds(elapsed_us) == seconds
    link.statistics.ended(elapsed_us)
    link.statistics.ended(elapsed_us + 5 * SECOND)
    assert link.statistics.connected_seconds(elapsed_us + 99 * SECOND) == seconds, "frozen at the end"


@pytest.mark.rule("1, 8.5 rule 6")
def test_a_connection_that_never_was_has_no_seconds() -> None:
    statistics = Statistics(ReplayWindow(1), 1)
    statistics.ended(50 * SECOND)
    assert statistics.connected_seconds(100 * SECOND) == 0


@pytest.mark.rule("1, 8.2", "1, 8.5 rule 2")
def test_what_the_peer_tells_is_kept_until_it_tells_anew() -> None:
    statistics = Link().statistics
    assert (statistics.remote_quality(), statistics.remote_lifetime) == (UNKNOWN, None)
    quality = ConnectionQuality()
    quality.instantaneous.packets_dropped_pct = 10
    quality.instantaneous.packets_weird_sequence_pct = 5
    statistics.received_from_peer(quality, 77)
    assert statistics.remote_quality() == pytest.approx(0.85)
    assert statistics.remote_instantaneous_at == 77
    lifetime = ConnectionQuality()
    lifetime.lifetime.packets_sent = 9
    statistics.received_from_peer(lifetime, 99)
    assert statistics.remote_lifetime is not None
    assert statistics.remote_lifetime.packets_sent == 9
    assert (statistics.remote_instantaneous_at, statistics.remote_lifetime_at) == (77, 99)
    unknown = ConnectionQuality()
    unknown.instantaneous.in_bytes_per_sec = 1
    statistics.received_from_peer(unknown, 120)
    assert statistics.remote_quality() == UNKNOWN


@pytest.mark.rule("1, 8.2", "1, 8.5 rule 2")
@given(st.integers(0, 0xFFFF_FFFF), st.integers(0, 0xFFFF_FFFF))
def test_whatever_the_peer_claims_quality_stays_in_range(dropped: int, weird: int) -> None:
    statistics = Link().statistics
    quality = ConnectionQuality()
    quality.instantaneous.packets_dropped_pct = dropped
    quality.instantaneous.packets_weird_sequence_pct = weird
    statistics.received_from_peer(quality, 0)
    assert 0 <= statistics.remote_quality() <= 1


def test_a_long_life_costs_no_memory() -> None:
    link = Link()
    chance = random.Random(1)
    for _ in range(3_000):
        link.statistics.ping(chance.randrange(400))
    assert len(link.statistics.pings._samples) == 1000
    assert sum(counts(link.lifetime(), "ping").values()) == 3_000
