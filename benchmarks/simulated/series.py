"""What happens over time on some of the rows' lines? Goodput, queue, a game's delays, the estimate: for the plots."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeAlias

from benchmarks.simulated.flow import PLAIN, Bulk, Game, QueueWatch
from benchmarks.simulated.rows import MB, path
from benchmarks.time_chart import Line, Panel, Points, draw, smooth
from gamesockets import sim
from gamesockets.bad_network.link import Link

Series: TypeAlias = dict[str, Points]

STEP_S: Final = 0.1
SECONDS: Final = 8.0
CHANGE_S: Final = 3.0
_APART_S: Final = 1.0


class _Watch:
    """Samples a flow's goodput and estimate."""

    def __init__(self, name: str, bulk: Bulk, series: Series) -> None:
        self._bulk = bulk
        self._goodput = series.setdefault(f"goodput{name}", [])
        self._estimate = series.setdefault(f"estimate{name}", [])
        self._before = 0
        self._began = bulk.world.now
        bulk.world.every(STEP_S, self._sample)

    def _sample(self) -> None:
        arrived = self._bulk.arrived_bytes
        at = round(self._bulk.world.now - self._began, 3)
        self._goodput.append((at, round((arrived - self._before) / STEP_S / MB, 3)))
        self._before = arrived
        bandwidth = self._bulk.source.status().path.bandwidth_bytes_per_second
        if bandwidth:
            self._estimate.append((at, round(bandwidth / MB, 3)))


def one(seed: int, before: sim.Conditions, after: sim.Conditions | None, has_game: bool) -> Series:
    """A flow, alone or beside a game's messages, on a line that may change at `CHANGE_S`."""
    world = sim.World(seed)
    back = sim.Conditions(latency=before.latency)
    client, server = world.pair(up=before, down=back, config=PLAIN)
    client.configure_lanes([0, 1])
    fastest = max(before.bottleneck_bytes_per_second, after.bottleneck_bytes_per_second if after else 0)
    bulk = Bulk(world, client, server, ahead_bytes=max(fastest // 10, 200_000), lane=1)
    game = Game(bulk) if has_game else None
    began = world.now
    series: Series = {}
    _Watch("", bulk, series)
    queue = QueueWatch(world, client.outgoing)
    if after is not None:
        world.run(CHANGE_S)
        client.outgoing.conditions = after
        world.run(SECONDS - CHANGE_S)
    else:
        world.run(SECONDS)
    series["queue"] = _largest([(at - began, 1000 * wait) for at, wait in queue.samples])
    if game is not None:
        delays = zip(game.arrived_at, game.delays, strict=True)
        series["game"] = [(round(at - began, 3), round(1000 * (took - before.latency), 2)) for at, took in delays]
    return series


def two(seed: int) -> Series:
    """Two flows on one line, one a second later."""
    world = sim.World(seed)
    bottleneck = Link(seed=seed, conditions=path(4 * MB, 0.05))
    server = world.listen(config=PLAIN)
    back = sim.Conditions(latency=0.025)
    clients = [world.connect(server, up=bottleneck, down=back, config=PLAIN) for _ in range(2)]
    world.run(1.0)
    theirs = {end.peer_address: end for end in server.connections}
    series: Series = {}
    for number, client in enumerate(clients, 1):
        _Watch(f" {number}", Bulk(world, client, theirs[client.host.address], ahead_bytes=400_000), series)
        world.run(_APART_S)
    world.run(2 * SECONDS - len(clients) * _APART_S)
    series["goodput 2"] = [(round(at + _APART_S, 3), value) for at, value in series["goodput 2"]]
    return series


def _largest(points: Points) -> Points:
    """The largest of each step."""
    found: dict[int, float] = {}
    for at, value in points:
        step = int(at / STEP_S)
        found[step] = max(value, found.get(step, 0.0))
    return [(round(step * STEP_S, 3), round(value, 2)) for step, value in sorted(found.items())]


_RUNS: Final[dict[str, Callable[[int], Series]]] = {
    "loss-1": lambda seed: one(seed, path(20 * MB, 0.05, loss=0.01), None, has_game=False),
    "slower": lambda seed: one(
        seed, path(10 * MB, 0.04, bottleneck_queue=0.5), path(MB, 0.04, bottleneck_queue=0.5), has_game=True
    ),
    "faster": lambda seed: one(seed, path(MB, 0.05), path(10 * MB, 0.05), has_game=False),
    "two": two,
}
"""By the row's name."""


def collect(seed: int) -> dict[str, Series]:
    """All of them; some ten seconds of processor time."""
    return {name: run(seed) for name, run in _RUNS.items()}


def picture(found: dict[str, Series], seed: int, footer: str) -> str:
    """SVG."""
    loss, slower, faster, flows = (found[name] for name in _RUNS)
    panels = [
        _goodput("20 MB/s, 50 ms, 1 % lost at random", loss, [(0.0, 20.0), (SECONDS, 20.0)]),
        _goodput("1 MB/s become 10 MB/s", faster, _step(1.0, 10.0)),
        _goodput("10 MB/s become 1 MB/s, beside a game", slower, _step(10.0, 1.0)),
        Panel(
            "Delay meanwhile",
            "ms",
            [Line("queue", _points(slower, "queue"), 3), Line("game's messages", _points(slower, "game"), 0)],
        ),
        Panel(
            "Two flows on 4 MB/s, one a second later",
            "MB/s",
            [
                Line("first", smooth(_points(flows, "goodput 1")), 0),
                Line("second", smooth(_points(flows, "goodput 2")), 3),
            ],
            [(0.0, 4.0), (2 * SECONDS, 4.0)],
        ),
        Panel("Queue: 20 MB/s, 1 % lost", "ms", [Line("queue", _points(loss, "queue"), 3)]),
    ]
    return draw(
        "Lines that lose, delay and queue: the simulator", f"gamesockets, seed {seed}; grey: the line", footer, panels
    )


def _goodput(title: str, series: Series, limit: Points) -> Panel:
    lines = [
        Line("goodput", smooth(_points(series, "goodput")), 0),
        Line("estimate", _points(series, "estimate"), 1, is_thin=True),
    ]
    return Panel(title, "MB/s", lines, limit, 1.25 * max(value for _, value in limit))


def _points(series: Series, key: str) -> Points:
    return [(at, value) for at, value in series[key]]


def _step(before: float, after: float) -> Points:
    return [(0.0, before), (CHANGE_S, before), (CHANGE_S, after), (SECONDS, after)]
