"""The controller on a path made of arithmetic: a rate, a round trip, a queue. Each state is left for its reason."""

from collections import deque
from random import Random

import pytest

from gamesockets.send.delivery import PACKET_BYTES
from gamesockets.send.flight import SentPacket
from gamesockets.send.initial_rate import INITIAL_PACKETS, INITIAL_RATE, INITIAL_RATE_MAX, initial_rate
from gamesockets.send.path_control import (
    COMPETE,
    CRUISE,
    DOWN,
    DRAIN,
    PROBE_RTT,
    STARTUP,
    STATE_NAMES,
    UP,
    PathControl,
)

MS = 1000
SECOND = 1_000_000
SIZE = PACKET_BYTES


class Path:
    """Packets go at the controller's rate through a bottleneck; each millisecond what arrived is acknowledged.

    `busy_us` is a queue that others keep up, whatever this flow does.
    """

    def __init__(self, rate: int = 2_000_000, round_trip_us: int = 40 * MS, start: int = INITIAL_RATE) -> None:
        self.control = PathControl(start, round_trip_us, 0)
        self.rate = rate
        self.round_trip_us = round_trip_us
        self.busy_us = 0
        self.loss_every = 0
        self.jitter_us = 0
        self.is_limited = False
        self.now = 0
        self.delivered = 0
        self.states: list[int] = []
        self.queues_us: list[int] = []
        self._free_at = 0.0
        self._tokens = 0.0
        self._sent = 0
        self._flying: deque[tuple[int, SentPacket, bool]] = deque()
        self._asked_at = 0
        self._random = Random(1)
        self._last_due = 0

    def run(self, seconds: float) -> float:
        """The share of the path that was used."""
        control = self.control
        before = self.delivered
        for _ in range(int(seconds * 1000)):
            self.now += MS
            self._send()
            self._hear()
            self.states.append(control.state)
            self.queues_us.append(max(int(self._free_at) - self.now, 0))
            assert control.in_flight_bytes == sum(packet.size_bytes for _, packet, _ in self._flying)
        return (self.delivered - before) / seconds / self.rate

    def _send(self) -> None:
        control = self.control
        rate = min(control.rate, 100_000) if self.is_limited else control.rate
        self._tokens = min(self._tokens + rate / 1000, 8 * rate / 1000)
        while self._tokens >= 0 and control.in_flight_bytes < control.window_bytes:
            self._tokens -= SIZE
            packet = SentPacket(self.now, SIZE, (), self.delivered, control.is_limited(), True)
            control.on_sent(packet)
            self._free_at = max(self._free_at, self.now) + SIZE * SECOND / self.rate
            self._sent += 1
            is_lost = self.loss_every > 0 and self._sent % self.loss_every == 0
            due = int(self._free_at) + self.round_trip_us + self.busy_us
            if self.jitter_us:
                delay_us = min(int(self._random.expovariate(1 / self.jitter_us)), 5 * self.jitter_us)
                due = self._last_due = max(due + delay_us, self._last_due)
            self._flying.append((due, packet, is_lost))
        if self.is_limited:
            control.limited_by_application(self.delivered)

    def _hear(self) -> None:
        control = self.control
        newest: SentPacket | None = None
        if self.now - self._asked_at < control.ack_interval_us():
            return
        self._asked_at = self.now
        round_trip_us = 0
        while self._flying and self._flying[0][0] <= self.now:
            due, newest, is_lost = self._flying.popleft()
            round_trip_us = due - newest.sent_at
            if is_lost:
                control.on_lost(newest)
            else:
                self.delivered += newest.size_bytes
                control.on_delivered(newest)
        if newest is not None:
            control.on_round_trip(round_trip_us, self.now)
        control.on_acks(self.delivered, self.now)


@pytest.mark.rule("2, 2.16 rule 20")
def test_the_initial_rate_is_the_games_or_32_packets_a_round_trip() -> None:
    assert initial_rate(-1) == INITIAL_RATE == 262_144
    assert initial_rate(50 * MS) == INITIAL_PACKETS * PACKET_BYTES * 20
    assert initial_rate(0) == initial_rate(1) == INITIAL_RATE_MAX
    assert len(STATE_NAMES) == COMPETE + 1


@pytest.mark.rule("2, 2.16 rule 21")
@pytest.mark.parametrize(("rate", "round_trip_ms"), [(250_000, 40), (2_000_000, 5), (2_000_000, 40), (8_000_000, 200)])
def test_it_finds_the_rate_of_the_path_and_keeps_its_queue_short(rate: int, round_trip_ms: int) -> None:
    path = Path(rate, round_trip_ms * MS)
    path.run(3)
    assert path.states[0] == STARTUP
    path.queues_us.clear()
    assert path.run(5) >= 0.92
    queues = sorted(path.queues_us)
    two_packets_us = 2 * PACKET_BYTES * 1_000_000 // rate
    assert queues[len(queues) // 2] <= max(8 * MS, round_trip_ms * MS // 8, two_packets_us)
    assert {CRUISE, UP, DOWN} <= set(path.states)
    assert path.control.bandwidth() == pytest.approx(rate, rel=0.1)


@pytest.mark.rule("2, 2.16 rule 23")
def test_start_up_doubles_each_round_trip_and_ends_by_delay_before_anything_is_lost() -> None:
    path = Path(rate=20_000_000, round_trip_us=100 * MS)
    path.run(1.4)
    assert DRAIN in path.states
    assert path.states.index(DRAIN) < 1300, "from 256 KiB/s to 20 MB/s: 6.3 doublings, and two round trips to see it"
    assert max(path.queues_us) < 210 * MS, "twice the rate for a round trip, and one more until that shows"


@pytest.mark.rule("2, 2.16 rule 22")
def test_random_loss_is_no_reason_to_slow_down() -> None:
    path = Path()
    path.loss_every = 20
    path.run(3)
    assert path.run(3) >= 0.87, "five percent are lost, the rest arrives"


@pytest.mark.parametrize(("rate", "jitter_ms"), [(2_000_000, 5), (20_000_000, 5), (20_000_000, 8)])
def test_jitter_that_keeps_order_is_no_queue(rate: int, jitter_ms: int) -> None:
    """The more packets there are, the more of them wait for the latest one, whatever is sent."""
    path = Path(rate=rate)
    path.jitter_us = jitter_ms * MS
    path.run(3)
    path.queues_us.clear()
    assert path.run(5) >= 0.8
    assert sorted(path.queues_us)[len(path.queues_us) // 2] < 15 * MS


@pytest.mark.rule("2, 2.16 rule 23")
def test_start_up_has_room_for_jitter_that_is_longer_than_the_round_trip() -> None:
    """Where order is kept all packets wait for the latest: the shortest round trip says little of how many fit."""
    path = Path(rate=40_000_000, round_trip_us=7 * MS, start=INITIAL_RATE_MAX)
    path.jitter_us = 7 * MS
    path.run(0.5)
    assert path.run(0.5) > 0.8


def test_start_up_ends_where_the_peers_window_ends_it() -> None:
    """What is limited by that brings no more either, but it is not the application that has no more to send."""
    control = PathControl(INITIAL_RATE, 40 * MS, 0)
    control.is_peer_tight = True
    now = delivered = 0
    while control.state == STARTUP:
        now += 10 * MS
        packet = SentPacket(now - 40 * MS, SIZE, (), max(delivered - 4 * SIZE, 0), True, True)
        control.on_sent(packet)
        delivered += SIZE
        control.on_delivered(packet)
        control.on_round_trip(40 * MS, now)
        control.on_acks(delivered, now)
        assert now < SECOND


def test_a_path_that_becomes_slower_is_noticed_within_a_second() -> None:
    path = Path(rate=8_000_000)
    path.run(3)
    path.rate = 800_000
    path.run(1)
    path.queues_us.clear()
    assert path.run(3) >= 0.85
    assert sorted(path.queues_us)[-300] < 20 * MS


@pytest.mark.rule("2, 2.16 rule 23")
def test_a_path_that_becomes_faster_is_found_out_by_probing() -> None:
    path = Path(rate=800_000)
    path.run(3)
    path.rate = 8_000_000
    path.run(3)
    assert path.run(2) >= 0.85


@pytest.mark.rule("2, 2.16 rule 23")
def test_a_queue_that_others_keep_full_is_no_reason_to_yield_for_ever() -> None:
    path = Path()
    path.run(3)
    path.states.clear()
    fill(path, 2.5)
    assert COMPETE not in path.states, "a crowd whose flows all yield needs some seconds to drain it"
    fill(path, 2.5)
    assert COMPETE in path.states
    fill(path, 2)
    before = path.delivered
    fill(path, 2)
    assert path.delivered - before >= 0.25 * 2 * path.rate
    path.busy_us = 0
    path.run(11)
    assert path.control.state != COMPETE, "they are gone"


def fill(path: Path, seconds: float) -> None:
    """The queue of others swings between 60 and 160 ms."""
    for _ in range(int(seconds * 20)):
        path.busy_us = 60 * MS + path.now // 11 % (100 * MS)
        path.run(0.05)


@pytest.mark.rule("2, 2.16 rule 23")
def test_a_path_that_becomes_longer_is_not_filled_for_ever() -> None:
    """A new route: round trips are longer, and no less is to be had."""
    path = Path(round_trip_us=40 * MS)
    path.run(3)
    path.round_trip_us = 90 * MS
    path.run(30)
    path.queues_us.clear()
    assert path.run(5) >= 0.85
    assert sorted(path.queues_us)[len(path.queues_us) // 2] < 25 * MS
    assert path.control.queue.minimum_us == pytest.approx(90 * MS, rel=0.05)


@pytest.mark.parametrize(("rate", "limit_s"), [(50_000, 2.5), (82_000, 1.5), (200_000, 0.7)])
def test_the_first_packets_do_not_fill_the_queue_of_a_slow_line_for_seconds(rate: int, limit_s: float) -> None:
    """32 packets a round trip are too many there, and nobody knows before they are on their way."""
    round_trip_us = 18 * MS
    path = Path(rate, round_trip_us, initial_rate(round_trip_us))
    path.run(6)
    assert max(path.queues_us) <= 62_000 * SECOND // rate
    limit_us = 3 * SIZE * SECOND // rate + 10 * MS
    last = max(at for at, queue_us in enumerate(path.queues_us) if queue_us > 4 * limit_us)
    assert last < limit_s * 1000, "in milliseconds from the start"
    path.run(2)
    assert path.run(4) >= 0.9


@pytest.mark.rule("2, 2.16 rule 23")
def test_an_old_shortest_round_trip_is_measured_anew() -> None:
    path = Path()
    path.run(3)
    assert PROBE_RTT not in path.states
    path.round_trip_us = 70 * MS
    path.run(1)
    assert path.run(2) >= 0.85, "a queue that does not move at all, whatever is sent, is none"
    assert path.control.queue.minimum_us < 45 * MS
    path.run(11)
    assert PROBE_RTT in path.states
    assert COMPETE not in path.states
    assert path.control.queue.minimum_us == pytest.approx(70 * MS, rel=0.05)
    assert path.run(2) >= 0.85


def test_what_the_application_does_not_send_is_no_measure_of_the_path() -> None:
    path = Path()
    path.run(3)
    bandwidth = path.control.bandwidth()
    path.is_limited = True
    path.run(10)
    assert path.control.is_limited()
    assert path.control.bandwidth() >= bandwidth * 0.9


@pytest.mark.rule("2, 2.16 rule 26")
def test_silence_starts_over_slowly() -> None:
    path = Path()
    path.run(3)
    path.control.on_silence(path.now)
    assert (path.control.state, path.control.bandwidth()) == (STARTUP, 0)
    assert path.control.rate <= INITIAL_RATE // 2
    path.run(2)
    assert path.run(2) >= 0.9


@pytest.mark.rule("2, 2.9.1 rule 4")
def test_configured_limits_hold_in_every_state() -> None:
    path = Path(rate=8_000_000)
    path.control.limit(500_000, 1_000_000)
    for _ in range(100):
        path.run(0.05)
        assert 500_000 <= path.control.rate <= 1_000_000
    slow = Path(rate=100_000)
    slow.control.limit(200_000, 1 << 40)
    slow.run(2)
    assert slow.control.rate >= 200_000, "the lower limit is a promise, whatever the path does"


@pytest.mark.rule("2, 2.16 rule 24")
def test_acks_are_asked_for_ten_times_a_round_trip_within_limits() -> None:
    for round_trip_ms, interval_ms in ((5, 2), (50, 5), (500, 12)):
        path = Path(round_trip_us=round_trip_ms * MS)
        path.run(1.2)
        assert path.control.ack_interval_us() == pytest.approx(interval_ms * MS, rel=0.1)


def test_a_late_packet_is_delivered_after_all() -> None:
    control = PathControl(INITIAL_RATE, 50 * MS, 0)
    packet = SentPacket(0, SIZE, (), 0, False, True)
    control.on_sent(packet)
    control.on_lost(packet)
    assert (control.in_flight_bytes, control.lost_bytes) == (0, SIZE)
    control.on_delivered(packet.as_lost())
    assert (control.in_flight_bytes, control.lost_bytes) == (0, 0)
    assert control.delivery.delivered_bytes == SIZE


def test_a_flow_with_few_packets_on_the_way_asks_for_more_by_a_larger_part() -> None:
    """All get the same number of packets back after a cut, so small shares grow."""
    few, many = Path(rate=250_000), Path(rate=8_000_000)
    for path, gain in ((few, 1.5), (many, 1.25)):
        path.run(5)
        while path.control.state != UP:
            path.run(0.001)
        assert path.control.rate == pytest.approx(gain * path.control.bandwidth(), rel=0.08)


@pytest.mark.parametrize("rate_max", [100_000, 1_000_000])
def test_who_acknowledges_what_has_not_arrived_gets_what_the_limit_allows(rate_max: int) -> None:
    """A receiver can guess the numbers of packets. To the controller that looks like a path without any limit."""
    control = PathControl(INITIAL_RATE, 40 * MS, 0)
    control.limit(1024, rate_max)
    now = sent = 0
    tokens = 0.0
    while now < 2 * SECOND:
        now += MS
        tokens += control.rate / 1000
        while tokens >= SIZE and control.in_flight_bytes < control.window_bytes:
            packet = SentPacket(now, SIZE, (), sent, False, True)
            control.on_sent(packet)
            control.on_delivered(packet)
            tokens -= SIZE
            sent += SIZE
        control.on_round_trip(1, now)
        control.on_acks(sent, now)
        assert control.rate <= rate_max
    assert rate_max <= sent <= 2 * rate_max, "no less than an honest one, and no more"
