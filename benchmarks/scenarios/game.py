"""What does a game server cost, how late do its messages come, and how many clients can it have?

The server ticks at 30 Hz: it takes what came from all clients, sends each of them a state, waits or sleeps until the
next tick. Each client sends 30 times a second, the clients spread evenly over the tick. Messages say which round of
measuring they belong to, so the delivered ones are counted exactly: a round is a number of ticks that both processes
know beforehand (their clock is the same), and a message counts if it was sent in time and has arrived at most
`GRACE_S` after the round. A tick that the server skips because it is late is a message lost for every client.

Messages also say when they were handed over, those of the server when it began with this tick's. How long each took
is counted until the other side's library took it from the network, whenever the program asked for it.
"""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from struct import Struct
from typing import Final, TypeAlias

from benchmarks.control import Control
from benchmarks.plan import Plan
from benchmarks.scenarios.base import Metric, Scenario
from benchmarks.systems.base import Arrival, MeasurementError, Node
from benchmarks.usage import cpu_s

TICK_HZ: Final = 30
UP_BYTES: Final = 60
DOWN_BYTES: Final = 200
HEAD: Final = Struct("<iid")
"""How each message begins: the round it counts for (0: none), the number of the tick, when it was handed over."""
Say: TypeAlias = Callable[[bytes], Awaitable[int]]
"""Sends a state to every client that is connected."""
WARM_UP_S: Final = 0.25
GRACE_S: Final = 0.15
DELIVERY_PERCENT: Final = 99.0
"""From where on a server counts as overloaded."""
CONNECTIONS_AT_ONCE: Final = 100
_STEP_S: Final = 0.002
"""The clients' sends are handed over in portions of this length."""
_EARLY_S: Final = 1e-6
"""A loop may wake a little before the tick is due; it is that tick all the same."""
_UP_REST: Final = bytes(UP_BYTES - HEAD.size)
_DOWN_REST: Final = bytes(DOWN_BYTES - HEAD.size)


class _Arrived:
    """The messages of one round that have come to one side, and how long each took."""

    def __init__(self, number: int) -> None:
        self._number = number
        self._delays_s: list[float] = []

    def count(self) -> int:
        """How many."""
        return len(self._delays_s)

    def note(self, taken: Sequence[Arrival]) -> None:
        """Counts those of this round."""
        parse, wanted = HEAD.unpack_from, self._number
        for data, received_s in taken:
            number, _, sent_s = parse(data)
            if number == wanted:
                self._delays_s.append(received_s - sent_s)

    def delays(self, direction: str) -> dict[str, float]:
        """The figures."""
        delays_s = sorted(self._delays_s) or [0.0]
        return {
            f"{direction}_median_ms": delays_s[len(delays_s) // 2] * 1e3,
            f"{direction}_p99_ms": delays_s[len(delays_s) * 99 // 100] * 1e3,
        }


@dataclass(slots=True)
class _Round:
    """What the server knows of a round, and counts."""

    number: int
    start_s: float
    ticks: int
    arrived: _Arrived
    begun: tuple[float, float] | None = None
    """The clock and the processor time when the first of these ticks was due."""
    ended: tuple[float, float] | None = None
    late_s: list[float] = field(default_factory=list)

    def tick(self, now: float) -> int:
        """The round's number during it, else 0; begins and ends the measuring."""
        if now < self.start_s:
            return 0
        if now >= self.start_s + self.ticks / TICK_HZ:
            self.ended = self.ended or (now, cpu_s())
            return 0
        self.begun = self.begun or (now, cpu_s())
        return self.number if len(self.late_s) < self.ticks else 0

    def result(self) -> dict[str, float]:
        """What is told to the client."""
        late_s = sorted(self.late_s) or [0.0]
        ended_s, cpu_after_s = self.ended or (time.monotonic(), cpu_s())
        begun_s, cpu_before_s = self.begun or (self.start_s, 0.0)
        return {
            "arrived": self.arrived.count(),
            "server_cpu_percent": 100 * (cpu_after_s - cpu_before_s) / (ended_s - begun_s),
            "tick_late_p99_ms": late_s[len(late_s) * 99 // 100] * 1e3,
            **self.arrived.delays("up"),
        }


async def serve(node: Node, control: Control, say: Say) -> None:
    """Ticks until the client says that it is done; accepts whoever comes."""
    clock, fill = time.monotonic, HEAD.pack
    measured: _Round | None = None
    number, due = 0, clock()

    def handle(taken: list[Arrival]) -> None:
        if measured is not None:
            measured.arrived.note(taken)

    while True:
        word = control.poll()
        if word is not None:
            if "done" in word:
                control.tell(done=1)
                return
            of_round = int(word["round"])
            measured = _Round(of_round, float(word["start_s"]), int(word["ticks"]), _Arrived(of_round))
            number, due = 0, measured.start_s - math.ceil((measured.start_s - clock()) * TICK_HZ) / TICK_HZ
        await node.idle(0.0)
        now = clock()
        handle(node.take_all())
        counts_for = 0
        if measured is not None:
            counts_for = measured.tick(max(now, due + _EARLY_S))
            if counts_for:
                measured.late_s.append(max(0.0, now - due))
        number += 1
        await say(fill(counts_for, number, clock()) + _DOWN_REST)
        now = clock()
        if measured is not None and now > measured.start_s + measured.ticks / TICK_HZ + GRACE_S:
            control.tell(round=measured.number, **measured.result())
            measured = None
        due += 1 / TICK_HZ
        if due > now:
            await node.take_for(due - now, handle)
        else:
            due += math.floor((now - due) * TICK_HZ) / TICK_HZ


class Clients:
    """All clients of a game server, in one process: the load generator.

    Args:
        node: to connect with.
        control: to the server.
        address: of the server.
        ups_per_tick: how many messages each client sends a tick: one, or none.
    """

    def __init__(self, node: Node, control: Control, address: str, ups_per_tick: int) -> None:
        self._node = node
        self._control = control
        self._address = address
        self._ups_per_tick = ups_per_tick
        self._connections: deque[int] = deque()
        self._rounds = 0

    async def become(self, count: int) -> None:
        """Connects or closes until there are so many. Raises `MeasurementError` when that cannot be had."""
        node = self._node
        while len(self._connections) > count:
            node.close_connection(self._connections.pop())
        while len(self._connections) < count:
            new = [
                await node.connect(self._address)
                for _ in range(min(CONNECTIONS_AT_ONCE, count - len(self._connections)))
            ]
            ended = node.ended

            def ready(new: list[int] = new, ended: int = ended) -> bool:
                node.take_all()
                return node.ended > ended or all(connection in node.connected for connection in new)

            await node.wait_until(ready, f"{len(new)} handshakes beside {len(self._connections)} clients")
            if node.ended > ended:
                raise MeasurementError(f"clients were lost at {len(self._connections)}: {node.last_end}")
            self._connections += new

    async def play(self, ticks: int) -> dict[str, float]:
        """One round: what was delivered, in percent of what the schedule asks for, and what it cost."""
        node, control, connections = self._node, self._control, list(self._connections)
        clock, fill = time.monotonic, HEAD.pack
        self._rounds += 1
        number, count = self._rounds, len(connections)
        begun = clock()
        start = begun + WARM_UP_S
        end = start + ticks / TICK_HZ
        control.tell(round=number, start_s=start, ticks=ticks, clients=count)
        per_s = count * TICK_HZ * self._ups_per_tick
        first = math.ceil((start - begun) * per_s)
        last = first + count * ticks * self._ups_per_tick
        sent = offered = 0
        arrived = _Arrived(number)
        cpu_before = cpu_s()
        while (now := clock()) < end + GRACE_S:
            due = min(int((now - begun) * per_s), last)
            if due - sent > count:
                sent = due - count  # more than a tick behind: those messages are never sent
            portion = [
                (
                    connections[index % count],
                    fill(number if index >= first else 0, index // count, now) + _UP_REST,
                )
                for index in range(sent, due)
            ]
            taken_over = await node.fan_out(portion)
            offered += max(0, taken_over - max(0, min(first, due) - sent))
            sent = due
            arrived.note(node.take_all())
            await node.sleep(_STEP_S)
        cpu = cpu_s() - cpu_before
        word = await node.hear(control)
        down = 100 * arrived.count() / (count * ticks)
        planned = last - first
        up = 100 * int(word["arrived"]) / planned if planned else 100.0
        of_server = ("server_cpu_percent", "tick_late_p99_ms", "up_median_ms", "up_p99_ms")
        return {
            "clients": count,
            "delivery_percent": min(up, down),
            "up_percent": up,
            "down_percent": down,
            "offered_percent": 100 * offered / planned if planned else 100.0,
            **{key: float(word[key]) for key in of_server},
            **arrived.delays("down"),
            "load_cpu_percent": 100 * cpu / (clock() - begun),
        }

    async def done(self) -> None:
        """Ends the server."""
        self._control.tell(done=1)
        await self._node.hear(self._control)


class _GameServer(Scenario):
    """What is common to the server with a fixed number of clients and to the search for the largest."""

    has_load_generator = True
    ups_per_tick = 1

    def prepare(self, node: Node) -> None:
        """All messages are taken from one place."""
        node.watch_all()

    async def server(self, node: Node, control: Control, plan: Plan) -> dict[str, float]:  # noqa: ARG002 - the client decides
        """Ticks."""
        await serve(node, control, self.say(node))
        return {}

    def say(self, node: Node) -> Say:
        """A message for each, handed over together or one by one, as the system likes it."""
        return lambda state: node.fan_out([(connection, state) for connection in node.connected])


class Game(_GameServer):
    """A fixed number of clients."""

    kind = "game"
    metrics: tuple[Metric, ...] = (
        Metric("server_cpu_percent", "server CPU % of a core", 1),
        Metric("delivery_percent", "delivered %", 2),
        Metric("up_percent", "up %", 2),
        Metric("down_percent", "down %", 2),
        Metric("up_median_ms", "up median ms", 1),
        Metric("up_p99_ms", "up p99 ms", 1),
        Metric("down_median_ms", "down median ms", 1),
        Metric("down_p99_ms", "down p99 ms", 1),
        Metric("tick_late_p99_ms", "tick late p99 ms", 1),
        Metric("load_cpu_percent", "clients' CPU %", 1),
        Metric("offered_percent", "offered %", 2),
    )
    seconds = 1.0

    def __init__(self, count: int, in_suite: bool) -> None:
        self.name = f"game-{count}"
        self.about = f"a server at 30 Hz with {count} clients: 60 bytes up, 200 bytes down a tick and client"
        self.in_suite = in_suite
        self._count = count

    async def client(self, node: Node, control: Control, plan: Plan, address: str) -> dict[str, float]:
        """Connects all, plays one round."""
        clients = Clients(node, control, address, self.ups_per_tick)
        await clients.become(self._count)
        figures = await clients.play(max(3, round(plan.seconds * TICK_HZ)))
        await clients.done()
        return figures


class Broadcast(Game):
    """The same message for all, and nothing in return."""

    kind = "broadcast"
    metrics = (
        Metric("server_cpu_percent", "server CPU % of a core", 1),
        Metric("delivery_percent", "delivered %", 2),
        Metric("down_median_ms", "down median ms", 1),
        Metric("down_p99_ms", "down p99 ms", 1),
        Metric("tick_late_p99_ms", "tick late p99 ms", 1),
        Metric("load_cpu_percent", "clients' CPU %", 1),
    )
    ups_per_tick = 0

    def __init__(self, count: int, in_suite: bool) -> None:
        super().__init__(count, in_suite)
        self.name = f"broadcast-{count}"
        self.about = f"a server that sends {count} silent clients the same 200 bytes at 30 Hz, with Nagle's wait"

    def say(self, node: Node) -> Say:
        """What the system has for this."""
        return node.broadcast


class Capacity(_GameServer):
    """A search for the largest number of clients that are served well, in bounded time."""

    name = "game-capacity"
    kind = "capacity"
    about = (
        f"the same with ever more clients: how many get {DELIVERY_PERCENT:g} % of the messages, found to 8 % by halving"
    )
    metrics = (
        Metric("clients", "clients"),
        Metric("first_overload", "too many are"),
        Metric("server_cpu_percent", "server CPU % of a core", 1),
        Metric("delivery_percent", "delivered %", 2),
        Metric("load_cpu_percent", "clients' CPU %", 1),
        Metric("limited_by_load", "limited by the clients"),
    )
    seconds = 0.6
    _START: Final = 400
    _MOST_SHARE: Final = 8
    """The search ends at so many times the planned connections."""
    _FACTOR: Final = 1.6
    _PRECISION: Final = 1.08
    _ROUNDS: Final = 10
    _FEWEST: Final = 8

    async def client(self, node: Node, control: Control, plan: Plan, address: str) -> dict[str, float]:
        """More while all is well, then between the largest that went well and the smallest that did not."""
        clients = Clients(node, control, address, self.ups_per_tick)
        ticks = max(3, round(plan.seconds * TICK_HZ))
        best: dict[str, float] = {"clients": 0}
        most = plan.connections * self._MOST_SHARE
        few, many, count, is_limited = 0, 0, min(self._START, plan.connections), False
        for _ in range(self._ROUNDS):
            figures = await self._try(clients, count, ticks)
            if figures.get("delivery_percent", 0.0) >= DELIVERY_PERCENT:
                few, best = count, figures
            else:
                many = count
                if "offered_percent" not in figures:
                    break
                is_limited = figures["offered_percent"] < DELIVERY_PERCENT
            if few >= most or (many and many <= few * self._PRECISION) or (many and many <= self._FEWEST):
                break
            count = (few + many) // 2 if many else min(most, int(count * self._FACTOR))
        await clients.done()
        if not few:
            raise MeasurementError(f"not even {many} clients got {DELIVERY_PERCENT:g} % of the messages")
        return {**best, "first_overload": many, "limited_by_load": is_limited}

    @staticmethod
    async def _try(clients: Clients, count: int, ticks: int) -> dict[str, float]:
        try:
            await clients.become(count)
        except MeasurementError:
            return {}
        return await clients.play(ticks)
