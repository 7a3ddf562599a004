"""A bottleneck sends at its rate, keeps its queue as long as it was told, and drops what has no room."""

from itertools import pairwise

import pytest

from gamesockets.bad_network.bottleneck import CODEL_TARGET_US, DROPPED, Bottleneck, CoDel
from gamesockets.bad_network.link import Conditions, Link

RATE = 1_000_000
SIZE = 1000
MS = 1000


def bottleneck(queue_ms: int = 100, queue_bytes: int = 0, is_codel: bool = False) -> Bottleneck:
    line = Bottleneck()
    line.set(RATE, queue_ms * MS, queue_bytes, is_codel, 0)
    return line


def test_an_idle_line_takes_only_the_time_of_sending() -> None:
    line = bottleneck()
    assert line.leaves_at(SIZE, 5 * MS) == 6 * MS
    assert line.leaves_at(SIZE, 10 * MS) == 11 * MS


def test_what_comes_together_leaves_one_after_the_other_at_the_rate() -> None:
    line = bottleneck()
    times = [line.leaves_at(SIZE, 0) for _ in range(50)]
    assert times == [MS * number for number in range(1, 51)]
    assert line.wait_us(0) == 50 * MS
    assert line.wait_us(20 * MS) == 30 * MS
    assert line.wait_us(99 * MS) == 0


def test_rates_are_hardly_rounded() -> None:
    line = Bottleneck()
    line.set(300_000_000, 10_000 * MS, 0, False, 0)
    last = [line.leaves_at(100, 0) for _ in range(30_000)][-1]
    assert 10 * MS - 1 <= last <= 10 * MS


def test_a_full_queue_drops_what_comes_last() -> None:
    line = bottleneck(queue_ms=10)
    times = [line.leaves_at(SIZE, 0) for _ in range(20)]
    assert times[:11] == [MS * number for number in range(1, 12)]
    assert times[11:] == [DROPPED] * 9
    assert line.leaves_at(SIZE, 2 * MS) == 12 * MS


def test_a_queue_may_be_limited_in_bytes() -> None:
    line = bottleneck(queue_bytes=5 * SIZE)
    assert [line.leaves_at(SIZE, 0) for _ in range(7)].count(DROPPED) == 2
    assert line.leaves_at(6 * SIZE, 50 * MS) == 56 * MS, "an empty queue takes anything"


def test_at_another_rate_the_queue_drains_at_that_one() -> None:
    line = bottleneck()
    for _ in range(50):
        line.leaves_at(SIZE, 0)
    line.set(RATE // 10, 1000 * MS, 0, False, 10 * MS)
    assert line.wait_us(10 * MS) == 400 * MS


def test_controlled_delay_leaves_bursts_alone_and_shortens_a_standing_queue() -> None:
    line = bottleneck(queue_ms=1000, is_codel=True)
    assert DROPPED not in [line.leaves_at(SIZE, 0) for _ in range(80)], "a burst shorter than an interval"
    line = bottleneck(queue_ms=1000, is_codel=True)
    now = 0
    drops: list[int] = []
    for _ in range(4000):  # 20 % more than the line takes
        if line.leaves_at(1200, now) == DROPPED:
            drops.append(now)
        now += MS
    assert drops[0] > 100 * MS
    gaps = [after - before for before, after in pairwise(drops)]
    assert gaps[0] > 4 * gaps[-1], "the longer the queue stands, the more it drops"
    assert line.wait_us(now) < 400 * MS
    unmanaged = bottleneck(queue_ms=1000)
    for at in range(0, 4000 * MS, MS):
        unmanaged.leaves_at(1200, at)
    assert unmanaged.wait_us(4000 * MS) > 700 * MS


def test_controlled_delay_stops_once_the_queue_is_short() -> None:
    codel = CoDel()
    assert not any(codel.drops(50 * MS, False, now) for now in range(0, 100 * MS, MS))
    assert codel.drops(50 * MS, False, 101 * MS)
    assert not codel.drops(50 * MS, False, 102 * MS)
    assert codel.drops(50 * MS, False, 202 * MS)
    assert not codel.drops(CODEL_TARGET_US - 1, False, 300 * MS)
    assert not codel.drops(50 * MS, False, 301 * MS)
    assert not codel.drops(50 * MS, True, 600 * MS), "one packet is no queue"


def test_a_link_delays_by_its_bottleneck_and_counts_what_it_drops() -> None:
    conditions = Conditions(latency=0.01, bottleneck_bytes_per_second=RATE, bottleneck_queue=0.005)
    link = Link(seed=1, conditions=conditions)
    for number in range(10):
        link.receive_datagram(bytes([number]) * SIZE, None, 0)
    assert link.bottleneck_wait_us(0) == 6 * MS
    assert (link.entered, link.queue_dropped, link.waiting) == (10, 4, 6)
    arrived = {now: [data[0] for data, _ in link.datagrams_to_send(now)] for now in range(0, 20 * MS, MS)}
    assert {now: numbers for now, numbers in arrived.items() if numbers} == {
        (11 + number) * MS: [number] for number in range(6)
    }


def test_a_link_takes_a_new_rate_at_any_time() -> None:
    link = Link(seed=1, conditions=Conditions(bottleneck_bytes_per_second=RATE))
    link.receive_datagram(bytes(SIZE), None, 0)
    link.conditions = Conditions(bottleneck_bytes_per_second=RATE // 10)
    link.receive_datagram(bytes(SIZE), None, 0)
    assert link.bottleneck_wait_us(0) == 20 * MS
    assert Link(seed=1).bottleneck_wait_us(0) == 0


@pytest.mark.parametrize("codel", [1, None, "yes"])
def test_what_is_no_truth_value_is_refused(codel: object) -> None:
    with pytest.raises(ValueError, match="bottleneck_codel must be True or False"):
        Conditions(bottleneck_codel=codel)  # type: ignore[arg-type] # what a user might do
