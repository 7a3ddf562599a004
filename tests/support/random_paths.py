"""Does the sender use any path it may meet, and keep its queue short? Random paths, each from its number alone.

python -m tests.support.random_paths 0 500           # these 500, the worst ones at the end
python -m tests.support.random_paths 17 18           # number 17 alone
python -m tests.support.random_paths 0 500 --megabytes 200    # fast paths are watched for longer

Fast paths are watched for a shorter time, so that about `--megabytes` pass, but for as many round trips as slow ones. A
queue that stands when the time is over is watched until it is gone, or has stood for too long.
"""

import argparse
import math
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from random import Random
from typing import Final

from benchmarks.simulated.flow import PLAIN, SAMPLE_S, Bulk, QueueWatch
from benchmarks.targets import jain

from gamesockets import sim
from gamesockets.bad_network.link import Link
from gamesockets.send.peer_window import ANNOUNCED_MAX_BYTES
from gamesockets.send.queue_delay import THRESHOLD_JITTERS, THRESHOLD_MIN_US, THRESHOLD_PART

RATE_MIN: Final = 50_000
RATE_MAX: Final = 50_000_000
MEGABYTES: Final = 20.0
"""So much passes on one path, or what its round trips and `_SHORTEST_S` need."""

_SETTLING_S: Final = 2.0
_SETTLING_ROUND_TRIPS: Final = 12
_MEASURED_S: Final = 2.0
_MEASURED_ROUND_TRIPS: Final = 10
_FASTER_S: Final = 3.0
_SHORTEST_S: Final = 0.6
"""Beside the round trips: 60 rounds of the controller on a short path, and thousands of packets on a fast one."""

_LINK_BYTES_MAX: Final = 1 << 32
"""What is on its way, and in queues of two seconds: the link itself drops nothing."""

SHARE_MIN: Final = 0.70
STANDING_MAX_S: Final = 3.0

_PACKET_BYTES: Final = 1250
_PACKETS_A_FLOW: Final = 3
_QUEUE_PACKETS_MIN: Final = 4
_RATE_A_FLOW_MIN: Final = 25_000
_WORST_SHOWN: Final = 12


@dataclass(frozen=True, slots=True)
class RandomPath:
    """A path and how many flows share it. Times in seconds, rates in bytes/s.

    Attributes:
        number: all else follows from it.
        rate: of the bottleneck.
        rate_after: the same after half of the time; equal if it does not change.
        round_trip_s: without queues.
        queue_s: how long the queue of the bottleneck may become; four full packets fit at least.
        loss: share of packets lost, each way.
        reorder: share of packets that come `reorder_delay_s` late.
        reorder_delay_s: see there.
        jitter_s: the mean of a random delay that keeps the order.
        flows: how many; never so many that one would get less than its lowest rate (`SEND_RATE_MIN`).
        hurry: 1, or how much shorter than usual it is watched.
    """

    number: int
    rate: int
    rate_after: int
    round_trip_s: float
    queue_s: float
    loss: float
    reorder: float
    reorder_delay_s: float
    jitter_s: float
    flows: int
    hurry: float = 1.0

    @property
    def settling_s(self) -> float:
        """How long a sender may take to find the rate."""
        return max(_SETTLING_S / self.hurry, _SHORTEST_S) + _SETTLING_ROUND_TRIPS * self.round_trip_s

    @property
    def resettling_s(self) -> float:
        """The same once the rate has changed. A faster one is found by the next probe, which may be 2 s away."""
        return max(self.settling_s, _FASTER_S if self.rate_after > self.rate else 0.0)

    @property
    def measured_s(self) -> float:
        """How long it is watched after that."""
        return max(_MEASURED_S / self.hurry, _SHORTEST_S) + _MEASURED_ROUND_TRIPS * self.round_trip_s

    def allowed(self, rate: int) -> float:
        """Bytes/s that the path allows at that rate: of the bottleneck, and of what a peer holds behind a hole.

        A lost segment comes a round trip later, and so does its repeat: where packets are lost it lasts for two.
        """
        round_trips = 2 if self.loss or self.reorder else 1
        window_bytes = self.flows * ANNOUNCED_MAX_BYTES
        return min(rate, window_bytes / (round_trips * (self.round_trip_s + self.jitter_s)))

    @property
    def changes(self) -> bool:
        """Whether the rate becomes another one."""
        return self.rate_after != self.rate

    @property
    def queue_limit_s(self) -> float:
        """A longer queue is a standing one: the sender's own threshold, and a few packets of each flow beside it."""
        rate = min(self.rate, self.rate_after)
        packets_s = _PACKETS_A_FLOW * self.flows * _PACKET_BYTES / rate
        jitter_s = THRESHOLD_JITTERS * self.jitter_s
        return max(THRESHOLD_MIN_US / 1e6, self.round_trip_s / THRESHOLD_PART, jitter_s) + packets_s

    def conditions(self, rate: int) -> sim.Conditions:
        """The way of the bulk."""
        return sim.Conditions(
            latency=self.round_trip_s / 2,
            loss=self.loss,
            reorder=self.reorder,
            reorder_delay=self.reorder_delay_s,
            jitter_average=self.jitter_s,
            jitter_maximum=5 * self.jitter_s,
            bottleneck_bytes_per_second=rate,
            bottleneck_queue=self.queue_s,
            queue_limit_bytes=_LINK_BYTES_MAX,
        )

    def __str__(self) -> str:
        words = [f"{_rate(self.rate)}", f"{1000 * self.round_trip_s:.0f} ms", f"queue {1000 * self.queue_s:.0f} ms"]
        if self.changes:
            words[0] += f", then {_rate(self.rate_after)}"
        if self.loss:
            words.append(f"{100 * self.loss:.1f} % lost")
        if self.reorder:
            words.append(f"{100 * self.reorder:.1f} % late by {1000 * self.reorder_delay_s:.0f} ms")
        if self.jitter_s:
            words.append(f"jitter {1000 * self.jitter_s:.1f} ms")
        if self.flows > 1:
            words.append(f"{self.flows} flows")
        return ", ".join(words)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What was measured on a path.

    Attributes:
        path: on which.
        share: of what the path allows, all flows together, after settling; before and after a change the lower one.
        standing_s: the longest time without a break in which the queue was above `RandomPath.queue_limit_s`.
        jain: how equal the flows were, 1 for one.
    """

    path: RandomPath
    share: float
    standing_s: float
    jain: float

    @property
    def is_good(self) -> bool:
        """Whether both limits hold."""
        return self.share >= SHARE_MIN and self.standing_s <= STANDING_MAX_S

    def __str__(self) -> str:
        mark = "" if self.is_good else " (missed)"
        equal = f", Jain {self.jain:.2f}" if self.path.flows > 1 else ""
        return (
            f"{self.path.number:4d}: {100 * self.share:5.1f} %, queue stood {self.standing_s:.2f} s{equal}{mark}: "
            f"{self.path}"
        )


def draw(number: int, megabytes: float = MEGABYTES) -> RandomPath:
    """The path of that number."""
    random = Random(number)

    def logarithmic(low: float, high: float) -> float:
        return math.exp(random.uniform(math.log(low), math.log(high)))

    rate = int(logarithmic(RATE_MIN, RATE_MAX))
    round_trip_s = round(logarithmic(0.002, 0.4), 4)
    queue_s = round(logarithmic(0.005, 2.0), 4)
    loss = round(random.uniform(0, 0.1), 4) if random.random() < 0.5 else 0.0
    reorder = round(random.uniform(0, 0.05), 4) if random.random() < 0.25 else 0.0
    reorder_delay_s = round(logarithmic(0.001, 0.02), 4)
    jitter_s = round(logarithmic(0.0005, 0.01), 4) if random.random() < 0.25 else 0.0
    factor = logarithmic(0.2, 5.0) if random.random() < 0.3 else 1.0
    flows = random.randint(2, 5) if random.random() < 0.4 else 1
    path = RandomPath(
        number, rate, rate, round_trip_s, queue_s, loss, reorder, reorder_delay_s if reorder else 0.0, jitter_s, flows
    )
    rate_after = min(max(int(rate * factor), RATE_MIN), RATE_MAX)
    flows = min(flows, max(min(rate, rate_after) // _RATE_A_FLOW_MIN, 1))
    queue_s = max(queue_s, round(_QUEUE_PACKETS_MIN * _PACKET_BYTES / min(rate, rate_after), 4))
    path = replace(path, rate_after=rate_after, queue_s=queue_s, flows=flows)
    passes = (path.settling_s + path.measured_s) * (rate + (rate_after if path.changes else 0))
    return replace(path, hurry=max(passes / (megabytes * 1e6), 1.0))


def measure(path: RandomPath) -> Outcome:
    """Runs the flows over the path."""
    world = sim.World(path.number)
    bottleneck = Link(seed=path.number, conditions=path.conditions(path.rate))
    server = world.listen(config=PLAIN)
    back = sim.Conditions(latency=path.round_trip_s / 2, loss=path.loss)
    clients = [world.connect(server, up=bottleneck, down=back, config=PLAIN) for _ in range(path.flows)]
    if not world.run_until(lambda: all(client.is_connected for client in clients), 30):
        return Outcome(path, 0.0, 0.0, 0.0)
    world.run(2 * path.round_trip_s)
    theirs = {end.peer_address: end for end in server.connections}
    slowest = min(path.rate, path.rate_after)
    piece_bytes = min(max(slowest // 100, 1_000), 50_000)
    ahead_bytes = max(max(path.rate, path.rate_after) // 10, 50_000)
    flows = [
        Bulk(world, client, theirs[client.host.address], piece_bytes, ahead_bytes=ahead_bytes) for client in clients
    ]
    queue = QueueWatch(world, bottleneck)
    shares: list[float] = []
    rates: list[float] = []
    for rate in (path.rate, path.rate_after)[: 1 + path.changes]:
        bottleneck.conditions = path.conditions(rate)
        world.run(path.resettling_s if shares else path.settling_s)
        before = [flow.arrived_bytes for flow in flows]
        world.run(path.measured_s)
        rates = [(flow.arrived_bytes - then) / path.measured_s for flow, then in zip(flows, before, strict=True)]
        shares.append(sum(rates) / path.allowed(rate))
        world.run_until(lambda: queue.samples[-1][1] <= path.queue_limit_s, STANDING_MAX_S + SAMPLE_S)
    return Outcome(path, min(shares), longest_above(queue.samples, path.queue_limit_s), jain(rates))


def longest_above(samples: Sequence[tuple[float, float]], limit_s: float) -> float:
    """Seconds without a break in which the queue was longer than that. Samples: when, and how long."""
    longest = run = 0
    for _, wait_s in samples:
        run = run + 1 if wait_s > limit_s else 0
        longest = max(longest, run)
    return longest * SAMPLE_S


def _rate(rate: int) -> str:
    return f"{rate / 1e6:.2f} MB/s" if rate >= 1_000_000 else f"{rate / 1000:.0f} kB/s"


def main(arguments: Sequence[str] | None = None) -> int:
    """Measures the paths; 1 if one of them missed a limit."""
    parser = argparse.ArgumentParser(prog="python -m tests.support.random_paths", description=__doc__)
    parser.add_argument("first", type=int)
    parser.add_argument("end", type=int, help="the number after the last one")
    parser.add_argument("--megabytes", type=float, default=MEGABYTES, help="what passes on one path at most")
    options = parser.parse_args(arguments)
    outcomes: list[Outcome] = []
    for number in range(options.first, options.end):
        outcomes.append(measure(draw(number, options.megabytes)))
        print(outcomes[-1], flush=True)
    missed = [outcome for outcome in outcomes if not outcome.is_good]
    print(f"\n{len(outcomes)} paths, {len(missed)} missed a limit. The lowest shares:")
    for outcome in sorted(outcomes, key=lambda each: each.share)[:_WORST_SHOWN]:
        print(outcome)
    print("\nThe longest queues:")
    for outcome in sorted(outcomes, key=lambda each: -each.standing_s)[:_WORST_SHOWN]:
        print(outcome)
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
