"""The rows of the table: a path, the traffic on it, and what is expected of it."""

from collections.abc import Callable
from dataclasses import dataclass
from operator import itemgetter
from statistics import median
from typing import Any, Final

import gamesockets as gs
from benchmarks import targets
from benchmarks.simulated.flow import PLAIN, Bulk, Game, QueueWatch, without_announcement
from benchmarks.simulated.rivals import Bbr, Cubic, Rival
from gamesockets import sim
from gamesockets.bad_network.link import Link

Value = gs.ConfigurationValue
MB: Final = 1_000_000
SETTLED_S: Final = 3.0
MEASURED_S: Final = 3.0


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table.

    Attributes:
        name: short, for the command line and for tests.
        path: the path and the traffic, for people.
        target: what is expected, for people.
        measure: runs it with a seed; figures by name.
        expected: figures that must be at least so high; those whose name begins with "-" at most as high.
        is_long: it takes more than a few seconds.
    """

    name: str
    path: str
    target: str
    measure: Callable[[int], dict[str, float]]
    expected: dict[str, float]
    is_long: bool = False

    def misses(self, figures: dict[str, float]) -> list[str]:
        """What is not as expected, for people."""
        return targets.misses(self.expected, figures)


def path(rate: int, round_trip_s: float, **conditions: Any) -> sim.Conditions:
    """The way of the bulk: a bottleneck with a queue of 100 ms unless told otherwise."""
    given: dict[str, Any] = {"bottleneck_bytes_per_second": rate, "latency": round_trip_s / 2, **conditions}
    return sim.Conditions(**given)


def share(
    rate: int,
    round_trip_s: float,
    seed: int,
    *,
    settled_s: float = SETTLED_S,
    piece_bytes: int = 50_000,
    is_reference: bool = False,
    **conditions: Any,
) -> dict[str, float]:
    """Bulk alone: the share of the link, and the queue."""
    world = sim.World(seed)
    back = sim.Conditions(latency=round_trip_s / 2)
    client, server = world.pair(up=path(rate, round_trip_s, **conditions), down=back, config=PLAIN)
    if is_reference:
        without_announcement(client, server)
    queue = QueueWatch(world, client.outgoing)
    bulk = Bulk(world, client, server, piece_bytes, ahead_bytes=max(rate // 10, 4 * piece_bytes))
    world.run(settled_s)
    arrived = bulk.rate(MEASURED_S)
    return {
        "share": arrived / rate,
        "queue_median_ms": 1000 * queue.percentile(50, settled_s),
        "queue_p95_ms": 1000 * queue.percentile(95, settled_s),
    }


def _far(seed: int) -> dict[str, float]:
    return share(20 * MB, 0.2, seed, loss=0.01, settled_s=2.0)


def _both_ways(seed: int) -> dict[str, float]:
    """No bottleneck; the rate is capped above the target, or the model would grow until memory ends."""
    world = sim.World(seed)
    conditions = sim.Conditions(latency=0.025, loss=0.05)
    config = {**PLAIN, Value.SEND_RATE_MAX: 50 * MB}
    client, server = world.pair(up=conditions, down=conditions, config=config)
    bulk = Bulk(world, client, server, ahead_bytes=5 * MB)
    world.run(SETTLED_S)
    return {"megabytes_per_second": bulk.rate(2.0) / MB}


def beside_game(
    rate: int, round_trip_s: float, seed: int, queue_s: float, seconds: float = 6.0, **conditions: Any
) -> dict[str, float]:
    """Bulk on a lane beside a game's on another one."""
    world = sim.World(seed)
    back = sim.Conditions(latency=round_trip_s / 2)
    up = path(rate, round_trip_s, bottleneck_queue=queue_s, **conditions)
    client, server = world.pair(up=up, down=back, config=PLAIN)
    client.configure_lanes([0, 1])
    bulk = Bulk(world, client, server, ahead_bytes=max(rate // 10, 200_000), lane=1)
    game = Game(bulk)
    world.run(SETTLED_S)
    since = world.now
    arrived = bulk.rate(seconds - SETTLED_S)
    return {"share": arrived / rate, "game_p95_ms": 1000 * game.added_delay(round_trip_s / 2, since)}


def _slower(seed: int) -> dict[str, float]:
    """10 MB/s become 1 MB/s in mid-transfer."""
    world = sim.World(seed)
    client, server = world.pair(
        up=path(10 * MB, 0.04, bottleneck_queue=0.5), down=sim.Conditions(latency=0.02), config=PLAIN
    )
    client.configure_lanes([0, 1])
    bulk = Bulk(world, client, server, ahead_bytes=MB, lane=1)
    game = Game(bulk)
    queue = QueueWatch(world, client.outgoing)
    world.run(SETTLED_S)
    changed_at = world.now
    client.outgoing.conditions = path(MB, 0.04, bottleneck_queue=0.5)
    world.run(1.0)
    link = client.outgoing
    dropped, entered = link.queue_dropped, link.entered
    arrived = bulk.rate(4.0)
    return {
        "settled_s": queue.last_above(0.02) - changed_at,
        "lost_percent": 100 * (link.queue_dropped - dropped) / (link.entered - entered),
        "game_p95_ms": 1000 * game.added_delay(0.02, changed_at + 1.0),
        "share": arrived / MB,
    }


def _faster(seed: int) -> dict[str, float]:
    """1 MB/s become 10 MB/s."""
    world = sim.World(seed)
    client, server = world.pair(up=path(MB, 0.05), down=sim.Conditions(latency=0.025), config=PLAIN)
    bulk = Bulk(world, client, server, ahead_bytes=MB)
    world.run(SETTLED_S)
    client.outgoing.conditions = path(10 * MB, 0.05)
    world.run(3.0)
    return {"share": bulk.rate(2.0) / (10 * MB)}


def equals(count: int, rate: int, seed: int, seconds: float = 20.0, apart_s: float = 1.0) -> dict[str, float]:
    """Flows that share one bottleneck and start one after another."""
    world = sim.World(seed)
    bottleneck = Link(seed=seed, conditions=path(rate, 0.05))
    server = world.listen(config=PLAIN)
    back = sim.Conditions(latency=0.025)
    clients = [world.connect(server, up=bottleneck, down=back, config=PLAIN) for _ in range(count)]
    world.run(1.0)
    theirs = {end.peer_address: end for end in server.connections}
    flows: list[Bulk] = []
    for client in clients:
        flows.append(Bulk(world, client, theirs[client.host.address], ahead_bytes=rate // 10))
        world.run(apart_s)
    queue = QueueWatch(world, bottleneck)
    world.run(seconds / 2)
    since = world.now
    before = [flow.arrived_bytes for flow in flows]
    world.run(seconds / 2)
    rates = [(flow.arrived_bytes - then) / (world.now - since) for flow, then in zip(flows, before, strict=True)]
    return {
        "jain": targets.jain(rates),
        "share": sum(rates) / rate,
        "queue_median_ms": 1000 * queue.percentile(50, since),
    }


def _crowd(seed: int) -> dict[str, float]:
    """Ten that begin within three seconds: chance decides who is in whose queue. The median of five worlds."""
    worlds = [equals(10, 4 * MB, seed + number, apart_s=0.3) for number in range(5)]
    return {name: median(world[name] for world in worlds) for name in worlds[0]}


def beside(
    kind: type[Rival], rate: int, queue_s: float, seed: int, *, ours_first: bool, settled_s: float = 8.0
) -> dict[str, float]:
    """Bulk of ours and a flow of another transport on one line of 50 ms: what part of a fair half each gets."""
    world = sim.World(seed)
    bottleneck = Link(seed=seed, conditions=path(rate, 0.05, bottleneck_queue=queue_s))
    back = sim.Conditions(latency=0.025)
    server = world.listen(config=PLAIN)
    rival: Rival | None = None
    if not ours_first:
        rival = kind(world, bottleneck, back)
        world.run(3.0)
    client = world.connect(server, up=bottleneck, down=back, config=PLAIN)
    world.run(1.0)
    bulk = Bulk(world, client, server.connections[0], 5_000, ahead_bytes=rate // 5)
    if rival is None:
        world.run(3.0)
        rival = kind(world, bottleneck, back)
    world.run(settled_s)
    theirs = rival.arrived_bytes
    seconds = 40.0
    ours = bulk.rate(seconds) / (rate / 2)
    return {"ours": ours, "theirs": (rival.arrived_bytes - theirs) / seconds / (rate / 2)}


def _together(kind: type[Rival], queue_s: float, seed: int) -> dict[str, float]:
    """The same as on real sockets: a faster line, both begin at once, from the sixth to the eighteenth second.

    Chance decides much within so few seconds: the median of nine worlds.
    """
    shares = sorted((_together_once(kind, queue_s, seed + number) for number in range(9)), key=itemgetter("ours"))
    return shares[4]


def _together_once(kind: type[Rival], queue_s: float, seed: int) -> dict[str, float]:
    rate = 4 * MB
    world = sim.World(seed)
    bottleneck = Link(seed=seed, conditions=path(rate, 0.04, bottleneck_queue=queue_s))
    back = sim.Conditions(latency=0.02)
    server = world.listen(config=PLAIN)
    client = world.connect(server, up=bottleneck, down=back, config=PLAIN)
    world.run(1.0)
    bulk = Bulk(world, client, server.connections[0], ahead_bytes=rate // 10)
    rival = kind(world, bottleneck, back)
    world.run(6.0)
    theirs = rival.arrived_bytes
    seconds = 12.0
    ours = bulk.rate(seconds) / (rate / 2)
    return {"ours": ours, "theirs": (rival.arrived_bytes - theirs) / seconds / (rate / 2)}


def _beside_together(kind: type[Rival], queue_ms: int) -> Callable[[int], dict[str, float]]:
    return lambda seed: _together(kind, queue_ms / 1000, seed)


def _beside(kind: type[Rival], queue_s: float, *, ours_first: bool) -> Callable[[int], dict[str, float]]:
    return lambda seed: beside(kind, MB, queue_s, seed, ours_first=ours_first)


def _beside_rows() -> list[Row]:
    """Beside each kind of rival, with queues of different lengths, whoever came first."""
    rows: list[Row] = []
    for kind, name, part, queues_ms in ((Cubic, "cubic", 0.6, (50, 100, 150)), (Bbr, "bbr", 0.4, (100, 150))):
        for queue_ms in queues_ms:
            rows.append(
                Row(
                    f"{name}-{queue_ms}-together",
                    f"beside {name.upper()}, 4 MB/s, 40 ms, queue of {queue_ms} ms, both at once",
                    f"ours {part} of a half, theirs 0.6",
                    _beside_together(kind, queue_ms),
                    {"ours": part, "theirs": 0.6},
                    True,
                )
            )
            for ours_first in (True, False):
                who = "ours first" if ours_first else "theirs first"
                rows.append(
                    Row(
                        f"{name}-{queue_ms}-{'ours' if ours_first else 'theirs'}-first",
                        f"beside {name.upper()}, 1 MB/s, 50 ms, queue of {queue_ms} ms, {who}",
                        f"ours {part} of a half, theirs 0.6",
                        _beside(kind, queue_ms / 1000, ours_first=ours_first),
                        {"ours": part, "theirs": 0.6},
                        True,
                    )
                )
    return rows


def _twenty(loss: float, **conditions: Any) -> Callable[[int], dict[str, float]]:
    return lambda seed: share(20 * MB, 0.05, seed, loss=loss, **conditions)


ROWS: Final = (
    Row("clean", "20 MB/s, 50 ms", "95 %", _twenty(0.0), {"share": 0.95}, True),
    Row("loss-1", "20 MB/s, 50 ms, 1 % lost at random", "90 %", _twenty(0.01), {"share": 0.90}, True),
    Row("loss-3", "20 MB/s, 50 ms, 3 % lost at random", "85 %", _twenty(0.03), {"share": 0.85}, True),
    Row(
        "bursts",
        "20 MB/s, 50 ms, 1 % lost, in bursts of five",
        "90 %",
        _twenty(0.0, burst_start=0.002, burst_end=0.2),
        {"share": 0.90},
        True,
    ),
    Row(
        "reordering",
        "20 MB/s, 50 ms, 2 % late by 4 ms",
        "90 %",
        _twenty(0.0, reorder=0.02, reorder_delay=0.004),
        {"share": 0.90},
        True,
    ),
    Row(
        "jitter-2",
        "20 MB/s, 50 ms, jitter 2 ms",
        "88 %",
        _twenty(0.0, jitter_average=0.002, jitter_maximum=0.01, jitter_probability=1.0),
        {"share": 0.88},
        True,
    ),
    Row(
        "jitter-5",
        "20 MB/s, 50 ms, jitter 5 ms, in order",
        "80 %",
        _twenty(0.0, jitter_average=0.005, jitter_maximum=0.025, jitter_probability=1.0),
        {"share": 0.80},
        True,
    ),
    Row("far", "20 MB/s, 200 ms, 1 % lost, from the third second on", "90 %", _far, {"share": 0.90}, True),
    Row(
        "reference-clean",
        "20 MB/s, 50 ms, to a receiver with the reference library's buffers",
        "90 %",
        _twenty(0.0, is_reference=True),
        {"share": 0.90},
        True,
    ),
    Row(
        "reference-loss-1",
        "... 1 % lost at random",
        "82 %",
        _twenty(0.01, is_reference=True),
        {"share": 0.82},
        True,
    ),
    Row(
        "reference-loss-3",
        "... 3 % lost at random",
        "70 %",
        _twenty(0.03, is_reference=True),
        {"share": 0.70},
        True,
    ),
    Row("both-ways", "no limit, 50 ms, 5 % lost each way", "40 MB/s", _both_ways, {"megabytes_per_second": 40}, True),
    Row(
        "game-beside-bulk",
        "2 MB/s, 40 ms, queue of 1 s, bulk beside a game at 30 Hz",
        "added delay p95 20 ms, bulk 93 %",
        lambda seed: beside_game(2 * MB, 0.04, seed, 1.0),
        {"share": 0.93, "-game_p95_ms": 20},
    ),
    Row(
        "slower",
        "10 to 1 MB/s in mid-transfer, queue of 500 ms",
        "settled in 1 s, then 3 % lost, game p95 50 ms",
        _slower,
        {"-settled_s": 1.0, "-lost_percent": 3.0, "-game_p95_ms": 50, "share": 0.85},
        True,
    ),
    Row("faster", "1 to 10 MB/s in mid-transfer", "90 % within 3 s", _faster, {"share": 0.90}, True),
    Row(
        "two",
        "two flows, 4 MB/s, 50 ms",
        "Jain 0.97",
        lambda seed: equals(2, 4 * MB, seed),
        {"jain": 0.97, "share": 0.85},
        True,
    ),
    Row(
        "ten",
        "ten flows, 4 MB/s, 50 ms",
        "Jain 0.97, queue median 15 ms",
        _crowd,
        {"jain": 0.97, "share": 0.85, "-queue_median_ms": 15},
        True,
    ),
    Row(
        "slow-line",
        "250 kB/s, 40 ms, queue of 1 s",
        "90 %, queue median 15 ms",
        lambda seed: share(250_000, 0.04, seed, bottleneck_queue=1.0),
        {"share": 0.90, "-queue_median_ms": 15},
    ),
    Row(
        "large-messages",
        "messages of 400 kB, 5 MB/s, 50 ms, 1 % lost at random",
        "90 %",
        lambda seed: share(5 * MB, 0.05, seed, loss=0.01, piece_bytes=400_000),
        {"share": 0.90},
        True,
    ),
    *_beside_rows(),
)
"""All of them, in the order of the table."""

BY_NAME: Final = {row.name: row for row in ROWS}
