"""What arrives is counted by rounds: how fast, how much of it lost, and whether there was enough to send."""

import pytest

from gamesockets.send.delivery import LOSS_JUDGED_BYTES, ROUND_MIN_US, DeliveryRate

MS = 1000
SIZE = 1000


class Path:
    """Acks for packets that leave at equal intervals, a round trip later."""

    def __init__(self, interval_us: int = MS, round_trip_us: int = 20 * MS) -> None:
        self.delivery = DeliveryRate(0)
        self.interval_us = interval_us
        self.round_trip_us = round_trip_us
        self.number = 0

    def deliver(self, count: int, is_limited: bool = False, ack_every: int = 1) -> list[int]:
        """The samples of the rounds that ended meanwhile."""
        samples: list[int] = []
        for _ in range(count):
            sent_at = self.number * self.interval_us
            then = max(self.number - self.round_trip_us // self.interval_us, 0) * SIZE
            self.delivery.on_delivered(SIZE, sent_at, then, is_limited)
            self.number += 1
            if self.number % ack_every == 0 and self.delivery.on_acks(self.number * SIZE, sent_at + self.round_trip_us):
                samples.append(self.delivery.sample)
        return samples


def test_a_round_is_a_round_trip_and_its_sample_is_the_rate() -> None:
    path = Path()
    samples = path.deliver(200)
    assert 9 <= len(samples) <= 10
    assert samples[2:] == pytest.approx([1_000_000] * len(samples[2:]), rel=0.06)
    assert path.delivery.rounds == len(samples)


def test_rounds_of_a_short_round_trip_last_for_the_minimum() -> None:
    path = Path(interval_us=100, round_trip_us=200)
    path.deliver(1000)
    assert path.delivery.rounds == pytest.approx(100 * MS / ROUND_MIN_US, abs=1)


def test_acks_that_come_in_a_burst_are_no_faster_path() -> None:
    delivery = DeliveryRate(0)
    delivery.on_delivered(SIZE, 1 * MS, 0, False)
    delivery.on_acks(SIZE, 20 * MS)
    for number in range(50):
        delivery.on_delivered(SIZE, (2 + number) * MS, SIZE, False)
    assert delivery.on_acks(51 * SIZE, 30 * MS + ROUND_MIN_US)
    assert delivery.sample <= 1_000_000


@pytest.mark.rule("2, 2.16 rule 22")
def test_losses_are_a_share_of_dozens_of_packets_and_late_ones_are_taken_back() -> None:
    """Of a few packets, one that is lost by chance would be a large share."""
    path = Path()
    path.deliver(25)
    path.delivery.lost_bytes += 3 * SIZE
    path.delivery.lost_bytes -= SIZE
    path.deliver(5)
    assert path.delivery.rounds > 0
    assert (path.delivery.loss, path.delivery.is_loss_new) == (0.0, False)
    while not path.delivery.is_loss_new:
        path.deliver(1)
    sent = path.number + 2
    assert sent * SIZE >= LOSS_JUDGED_BYTES
    assert path.delivery.loss == pytest.approx(2 / sent)
    assert 0 < path.delivery.smoothed_loss < path.delivery.loss
    assert path.delivery.loss_floor < 0.011, "it rises slowly"


def test_the_floor_of_losses_follows_what_is_lost_all_the_time() -> None:
    path = Path()
    for _ in range(100):
        path.delivery.lost_bytes += 2 * SIZE
        path.deliver(20)
    assert path.delivery.loss_floor == pytest.approx(2 / 22, rel=0.2)
    assert path.delivery.loss_by_chance == pytest.approx(2.5 * (0.0909 * 0.9091 * 1.25 / 44) ** 0.5, rel=0.2)
    path.deliver(50)
    assert path.delivery.loss_floor > 0.05, "one window without losses is chance"
    path.deliver(2000)
    assert path.delivery.loss_floor < 0.001


def test_most_of_what_is_always_lost_is_sent_in_addition() -> None:
    path = Path()
    path.deliver(100)
    assert path.delivery.sent_permille == 1000
    for _ in range(100):
        path.delivery.lost_bytes += 2 * SIZE
        path.deliver(20)
    assert 1070 < path.delivery.sent_permille < 1000 / (1 - 2 / 22), "not all: what a full path drops would be usual"
    for _ in range(200):
        path.delivery.lost_bytes += 20 * SIZE
        path.deliver(20)
    assert path.delivery.sent_permille == int(1000 / 0.85)


def test_one_limited_packet_marks_its_round() -> None:
    path = Path()
    path.deliver(60)
    seen = [path.delivery.is_limited]
    rounds = path.delivery.rounds
    path.deliver(1, is_limited=True)
    while path.delivery.rounds == rounds:
        path.deliver(1)
    seen.append(path.delivery.is_limited)
    path.deliver(60)
    seen.append(path.delivery.is_limited)
    assert seen == [False, True, False]


def test_the_rate_of_acks_needs_some_time_and_some_acks() -> None:
    path = Path()
    assert path.delivery.ack_rate(10 * MS, 0) == 0
    path.deliver(3)
    assert path.delivery.ack_rate(10 * MS, 22 * MS) == 0
    path.deliver(40, ack_every=2)
    now = (path.number - 1) * MS + path.round_trip_us
    assert path.delivery.ack_rate(10 * MS, now) == pytest.approx(1_000_000, rel=0.15)


def test_what_arrived_and_was_lost_in_a_round_is_told_apart_from_the_rest() -> None:
    path = Path()
    path.deliver(45)
    rounds = path.delivery.rounds
    path.delivery.lost_bytes += 3 * SIZE
    while path.delivery.rounds == rounds:
        path.deliver(1)
    assert path.delivery.lost_in_round == 3 * SIZE
    assert path.delivery.arrived_in_round == pytest.approx(20 * SIZE, abs=2 * SIZE)
    while path.delivery.rounds == rounds + 1:
        path.deliver(1)
    assert path.delivery.lost_in_round == 0


def test_bursts_of_losses_hardly_change_what_is_usual() -> None:
    """A receiver without room refuses hundreds of packets in a row; that is not what radio loses."""
    path = Path()
    for number in range(4000):
        path.deliver(1)
        if number % 33 == 0:
            path.delivery.lost_bytes += SIZE
    assert path.delivery.usual_loss == pytest.approx(0.03, abs=0.008)
    for _ in range(2):
        path.delivery.lost_bytes += 100 * SIZE
        path.deliver(50)
    assert path.delivery.usual_loss < 0.05
