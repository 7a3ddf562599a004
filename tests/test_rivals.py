"""The models of other transports that rows of the simulated table compete with: are they what they are called?"""

import pytest
from benchmarks.simulated.flow import QueueWatch
from benchmarks.simulated.rivals import Bbr, Cubic, Rival
from benchmarks.simulated.rows import path

from gamesockets import sim
from gamesockets.bad_network.link import Link

RATE = 400_000
ROUND_TRIP_S = 0.05


class Line:
    """Some of them on one line, and its queue."""

    def __init__(self, *kinds: type[Rival], queue_s: float = 0.1, loss: float = 0.0) -> None:
        self.world = sim.World(1)
        self.bottleneck = Link(seed=1, conditions=path(RATE, ROUND_TRIP_S, bottleneck_queue=queue_s, loss=loss))
        back = sim.Conditions(latency=ROUND_TRIP_S / 2)
        self.rivals = [kind(self.world, self.bottleneck, back, index) for index, kind in enumerate(kinds)]
        self.queue = QueueWatch(self.world, self.bottleneck)

    def shares(self, settled_s: float = 5.0, seconds: float = 15.0) -> list[float]:
        self.world.run(settled_s)
        before = [rival.arrived_bytes for rival in self.rivals]
        self.world.run(seconds)
        return [(rival.arrived_bytes - then) / seconds / RATE for rival, then in zip(self.rivals, before, strict=True)]


def test_cubic_fills_the_queue_and_backs_off_by_three_tenths() -> None:
    line = Line(Cubic)
    [share] = line.shares()
    assert share > 0.97
    assert line.queue.percentile(98, 5.0) > 0.095
    least = line.queue.percentile(1, 5.0)
    assert least == pytest.approx(0.7 * (ROUND_TRIP_S + 0.1) - ROUND_TRIP_S, abs=0.015)


def test_cubic_leaves_slow_start_before_it_overflows_a_long_queue() -> None:
    """HyStart: round trips that grow end it, not the first loss."""
    line = Line(Cubic, queue_s=0.5)
    line.world.run(1.0)
    assert line.bottleneck.queue_dropped == 0
    assert line.queue.percentile(100) < 0.2


def test_cubic_takes_random_losses_for_overflow() -> None:
    assert Line(Cubic, loss=0.03).shares()[0] < 0.6


def test_two_of_cubic_share() -> None:
    shares = Line(Cubic, Cubic).shares(seconds=30)
    assert sum(shares) > 0.97
    assert min(shares) > 0.35


def test_bbr_uses_the_line_whatever_is_lost_and_keeps_its_queue_short_when_alone() -> None:
    line = Line(Bbr)
    assert line.shares()[0] > 0.93
    assert line.queue.percentile(50, 5.0) < 0.02
    assert Line(Bbr, loss=0.03).shares()[0] > 0.85


def test_bbr_looks_for_the_shortest_round_trip_every_ten_seconds() -> None:
    line = Line(Bbr, Cubic)
    line.world.run(25)
    windows: list[float] = []
    line.world.every(0.01, lambda: windows.append(line.rivals[0].window()))
    line.world.run(12)
    assert min(windows) == 4
    assert sum(window == 4 for window in windows) < 100


def test_bbr_beside_another_one_keeps_a_round_trip_of_queue() -> None:
    line = Line(Bbr, Bbr, queue_s=0.3)
    assert min(line.shares()) > 0.3
    assert 0.02 < line.queue.percentile(50, 5.0) < 0.1


def test_a_flow_that_hears_nothing_begins_again() -> None:
    line = Line(Cubic)
    line.world.run(3)
    good = line.bottleneck.conditions
    line.bottleneck.conditions = sim.Conditions(loss=1.0)
    line.world.run(3)
    line.bottleneck.conditions = good
    assert line.shares()[0] > 0.9
