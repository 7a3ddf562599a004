"""Does a connection keep its promises whatever the application does with it? Random networks, settings and habits.

Each seed is one life: sizes, lanes, MTU, rates and buffers change while messages flow, readers fall asleep, the
network changes and tears. In the end everything reliable is there, in order, and the connection comes to rest.
"""

from collections.abc import Sequence
from random import Random
from typing import Final

import pytest

import gamesockets as gs
from gamesockets import sim

Value = gs.ConfigurationValue
RELIABLE: Final = gs.SendFlags.RELIABLE
CALM: Final = sim.Conditions(latency=0.02)
PACKETS_AT_REST_MAX: Final = 200


def random_conditions(random: Random) -> sim.Conditions:
    return sim.Conditions(
        latency=random.choice((0, 0.001, 0.02, 0.1, 0.3)),
        jitter_average=random.choice((0, 0, 0.005, 0.05)),
        jitter_maximum=0.3,
        loss=random.choice((0, 0, 0.01, 0.1, 0.25)),
        reorder=random.choice((0, 0, 0.1)),
        duplicate=random.choice((0, 0, 0.1)),
    )


def random_config(random: Random) -> dict[gs.ConfigurationValue, int]:
    config: dict[gs.ConfigurationValue, int] = {}
    if random.random() < 0.5:
        config |= rate(random.choice((5_000, 20_000, 1_000_000, 50_000_000)))
    choices: dict[gs.ConfigurationValue, Sequence[int]] = {
        Value.MTU_PACKET_SIZE: (200, 300, 700, 1300),
        Value.NAGLE_TIME: (0, 20_000),
        Value.RECV_BUFFER_MESSAGES: (2, 10, 100),
        Value.RECV_BUFFER_SIZE: (4096, 30_000, 200_000),
        Value.SEND_TIME_SINCE_PREVIOUS_PACKET: (1,),
        Value.SEND_BUFFER_SIZE: (4096, 100_000, 4_000_000),
    }
    for value, possible in choices.items():
        if random.random() < 0.3:
            config[value] = random.choice(possible)
    return config


def rate(bytes_per_second: int) -> dict[gs.ConfigurationValue, int]:
    return {Value.SEND_RATE_MIN: bytes_per_second, Value.SEND_RATE_MAX: bytes_per_second}


class End:
    """One side: what it sends, what it got, and whether it is reading at the moment."""

    def __init__(self, connection: sim.Connection, random: Random, largest: int) -> None:
        self.connection = connection
        self.sent: dict[int, list[bytes]] = {}
        self.got: dict[int, list[bytes]] = {}
        self.is_reading = True
        self._random = random
        self._largest = largest
        self._lanes = 1
        self._count = 0

    def read(self, limit: int) -> None:
        for message in self.connection.receive(limit):
            if message.flags & RELIABLE:
                self.got.setdefault(message.lane, []).append(message.data)

    def send_something(self) -> None:
        random = self._random
        size = random.choice((4, 30, 300, 1200, 5000)) if random.random() < 0.98 else random.randrange(300_000)
        self._count += 1
        data = self._count.to_bytes(4, "big") + random.randbytes(min(size, self._largest))
        flags = random.choice((RELIABLE, RELIABLE | gs.SendFlags.NO_NAGLE, gs.SendFlags.UNRELIABLE))
        lane = random.randrange(self._lanes)
        is_sent = self.connection.send(data, flags, lane) == gs.Result.OK
        if is_sent and (flags & RELIABLE or len(data) > 16_500):
            self.sent.setdefault(lane, []).append(data)

    def have_a_whim(self) -> None:
        random = self._random
        connection = self.connection
        whim = random.random()
        if whim < 0.01:
            connection.configure({Value.MTU_PACKET_SIZE: random.choice((200, 500, 1300))})
        elif whim < 0.02 and self._lanes < 250:
            self._lanes += random.choice((0, 1, 5))
            weights = [random.choice((1, 5, 65535)) for _ in range(self._lanes)]
            priorities = [random.randrange(3) for _ in range(self._lanes)]
            assert connection.configure_lanes(priorities, weights) == gs.Result.OK
        elif whim < 0.03:
            self.is_reading = not self.is_reading
        elif whim < 0.04:
            connection.flush()
        elif whim < 0.05:
            connection.outgoing.conditions = random_conditions(random)
        elif whim < 0.055:
            connection.configure(rate(random.choice((5_000, 200_000, 5_000_000))))


def live(seed: int, seconds: int) -> None:
    random = Random(seed)
    world = sim.World(seed)
    unencrypted = {Value.UNENCRYPTED: random.choice((0, 3))}
    configs = [random_config(random) for _ in range(2)]
    server = world.listen(config={**configs[1], **unencrypted})
    up, down = random_conditions(random), random_conditions(random)
    client = world.connect(server, up=up, down=down, config={**configs[0], **unencrypted})
    assert world.run_until(lambda: client.is_connected, 10)
    connections = [client, server.connections[0]]
    largest = min(config.get(Value.RECV_BUFFER_SIZE, 1 << 30) for config in configs) - 100
    ends = [End(connection, random, largest) for connection in connections]

    def tick() -> None:
        for end in ends:
            if end.is_reading:
                end.read(random.choice((1, 5, 1000)))
            if world.now < seconds:
                for _ in range(random.choice((0, 1, 3))):
                    end.send_something()
                end.have_a_whim()

    world.every(random.choice((0.01, 0.05, 0.3)), tick)
    while world.now < seconds:
        world.run(1)
        if random.random() < 0.05:
            world.partition(client)
            world.run(random.choice((1, 5)))
            world.heal()
    for end in ends:
        end.is_reading = True
        end.connection.outgoing.conditions = CALM
        end.connection.configure(rate(1_000_000))
    for _ in range(100):
        world.run(1)
        if ends[0].got == ends[1].sent and ends[1].got == ends[0].sent:
            break
    assert all(connection.is_connected for connection in connections)
    assert ends[0].got == ends[1].sent
    assert ends[1].got == ends[0].sent
    before = [connection.outgoing.entered for connection in connections]
    world.run(60)
    after = [connection.outgoing.entered for connection in connections]
    assert max(after[side] - before[side] for side in (0, 1)) < PACKETS_AT_REST_MAX
    client.close(enable_linger=True)
    world.run(1)
    connections[1].close()
    world.run(11)
    assert not server.endpoint.connections
    assert not client.host.endpoint.connections


@pytest.mark.rule("3, 14.4 rule 6")
@pytest.mark.parametrize("seed", [1, 3, 5, 7, 8, 9, 11])
def test_a_random_life(seed: int) -> None:
    live(seed, 10)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("seed", "seconds"), [*[(seed, 10) for seed in (0, 2, 4, 6, 10)], *[(seed, 40) for seed in range(100, 150)]]
)
def test_a_long_random_life(seed: int, seconds: int) -> None:
    """Those with much traffic, and long ones."""
    live(seed, seconds)
